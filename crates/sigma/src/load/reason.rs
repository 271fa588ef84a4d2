//! The parser's complaints in our words.

use rsigma_parser::reference::MODIFIERS;

use super::Fault;

/// What `complaint` says and what to do about it, with the line in the document, from 0, where it names one.
pub(super) fn of(complaint: &str) -> (Fault, Option<usize>) {
    if let Some(yaml) = yaml(complaint) {
        let at = number_after(yaml, "line ").map(|line| line.saturating_sub(1));
        let what = format!("not valid YAML: {}", one_line(yaml));
        return (Fault::new(what, "look at indentation, colons and quotes there"), at);
    }
    if let Some(modifier) = quoted(complaint, "Unknown modifier '") {
        return (unknown_modifier(modifier), None);
    }
    if complaint.starts_with("Condition parse error") {
        return (condition(complaint), None);
    }
    if complaint.starts_with("`not` is not a value modifier") {
        let advice = "write `not SELECTION` in the condition, or use `neq`";
        return (Fault::new("`not` is no modifier", advice).near("|not"), None);
    }
    if let Some(field) = quoted(complaint, "Missing required field '") {
        let what = format!("`{field}` is missing");
        return (Fault::new(what, format!("add `{field}:`")), None);
    }
    if let Some(level) = quoted(complaint, "invalid level: '") {
        let what = format!("there is no level `{level}`");
        let advice = "write informational, low, medium, high or critical";
        return (Fault::new(what, advice).near("level:"), None);
    }
    if let Some(timespan) = quoted(complaint, "Invalid timespan '") {
        let what = format!("`{timespan}` is no timespan");
        return (Fault::new(what, "write a number and s, m, h, d or w, such as `10m`").near(timespan), None);
    }
    (Fault::new(one_line(complaint), "see the Sigma specification"), None)
}

/// True for complaints about what is only for people to read: the lint tells of them.
pub(super) fn is_harmless(complaint: &str) -> bool {
    complaint.starts_with("invalid status:") || complaint.contains("related")
}

fn yaml(complaint: &str) -> Option<&str> {
    complaint.strip_prefix("YAML parse error: ").or_else(|| complaint.strip_prefix("YAML parsing error: "))
}

fn unknown_modifier(modifier: &str) -> Fault {
    let near = format!("|{modifier}");
    let like = |known: &str| strsim::jaro_winkler(known, &modifier.to_lowercase());
    let nearest = MODIFIERS.iter().map(|(name, _)| *name).max_by(|a, b| like(a).total_cmp(&like(b)));
    let advice = match nearest.filter(|name| like(name) > 0.8) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "the modifiers are those of the Sigma specification's appendix".to_owned(),
    };
    Fault::new(format!("there is no modifier `{modifier}`"), advice).near(&near)
}

/// The parser draws a picture of several lines; what it points at is the column.
fn condition(complaint: &str) -> Fault {
    let column = complaint.split_once("Condition parse error at ").and_then(|(_, rest)| {
        let column: String = rest.split_once(':')?.1.chars().take_while(char::is_ascii_digit).collect();
        (!column.is_empty()).then_some(column)
    });
    let what = match column {
        Some(column) => format!("the condition cannot be read from its column {column} on"),
        None => one_line(complaint),
    };
    Fault::new(what, "join selections with and, or, not, parentheses and `1 of NAME*`").near("condition:")
}

/// What stands between `before` and the next single quote.
fn quoted<'c>(complaint: &'c str, before: &str) -> Option<&'c str> {
    complaint.split_once(before)?.1.split_once('\'').map(|(quoted, _)| quoted)
}

fn number_after(text: &str, before: &str) -> Option<usize> {
    let digits: String = text.split_once(before)?.1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
