//! A digest as a Slack message in Block Kit, within Slack's limits whatever is in it.
//!
//! Text from outside stands only in plain text or inside code, where Slack obeys nothing but its own escapes `&…;`
//! and the backtick; neither gets through.

use serde_json::{Value, json};
use sundew_detect::Severity;

use crate::{
    digest::{Digest, Fact, Part},
    message::Message,
    plain::{comment, step_lines},
};

// Limits from Slack's Block Kit reference. How it counts characters is not said, so UTF-16 units of the escaped text
// are counted: never fewer than any other way.
const HEADER: usize = 150;
const SECTION: usize = 3000;
/// What a block of code needs besides its lines.
const FENCES: &str = "```\n```";
const FIELD: usize = 2000;
const FIELDS: usize = 10;
/// The top-level text, shown in notifications; Slack cuts at 40,000, people read less.
const FALLBACK: usize = 1000;

/// Steps shown; there are commands to be read below them.
const STEPS: usize = 12;

/// The message to post.
pub(super) fn render(message: &Message) -> Value {
    let digest = Digest::of(message);
    let headline = format!("{} {}", mark(digest.severity), digest.headline());
    let mut blocks = vec![header(&headline)];
    if units_escaped(&headline) > HEADER {
        blocks.push(section(&plain(&digest.title, SECTION)));
    }
    let notes = digest.notes();
    if !notes.is_empty() {
        blocks.push(json!({"type": "context", "elements": [plain(&notes.join(" "), SECTION)]}));
    }
    blocks.extend(digest.facts.chunks(FIELDS).map(fields));
    blocks.extend(steps(&digest));
    blocks.extend(lists(&digest));
    blocks.extend(next(&digest));
    blocks.push(json!({"type": "context", "elements": [plain(&digest.reference(), SECTION)]}));
    json!({
        "text": clip(&digest.sentence(), FALLBACK),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "🔴",
        Severity::High => "🟠",
        Severity::Medium => "🟡",
        Severity::Low => "🔵",
        Severity::Info => "⚪",
    }
}

fn header(text: &str) -> Value {
    json!({"type": "header", "text": plain(text, HEADER)})
}

fn section(text: &Value) -> Value {
    json!({"type": "section", "text": text})
}

/// Text that Slack shows as it stands.
fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "text": clip(text, limit), "emoji": false})
}

/// Text with Slack's markup, from pieces that are safe by now.
fn markup(text: &str) -> Value {
    // `verbatim`: names and links that Slack would find in it by itself stay text.
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn fields(facts: &[Fact]) -> Value {
    let fields: Vec<Value> = facts.iter().map(field).collect();
    json!({"type": "section", "fields": fields})
}

fn field(fact: &Fact) -> Value {
    let mut text = format!("*{}*\n", escape(fact.label));
    for part in &fact.value {
        let piece = match part {
            Part::Words(words) => escape(words),
            Part::Name(name) => code(name),
        };
        // A piece is dropped whole: half of one could lack its closing backtick.
        if units(&text) + units(&piece) > FIELD - 1 {
            text.push('…');
            break;
        }
        text.push_str(&piece);
    }
    markup(&text)
}

fn steps(digest: &Digest) -> Vec<Value> {
    let lines = step_lines(digest, STEPS, &|_, text| text.to_string());
    if lines.is_empty() {
        return Vec::new();
    }
    let heading = "*What was tried, in order (UTC)*".to_owned();
    [heading].into_iter().chain(code_blocks(&lines)).map(|text| section(&markup(&text))).collect()
}

fn lists(digest: &Digest) -> Vec<Value> {
    let block = |(heading, list): (&str, &[String])| {
        let list: Vec<String> = list.iter().map(|one| format!("• {one}")).collect();
        [section(&markup(&format!("*{heading}*"))), section(&plain(&list.join("\n"), SECTION))]
    };
    digest.lists().flat_map(block).collect()
}

fn next(digest: &Digest) -> Vec<Value> {
    if digest.next.is_empty() {
        return Vec::new();
    }
    let commands = digest.next.iter().flat_map(|command| {
        let lines: Vec<String> = [comment(command)].into_iter().chain(command.run.clone()).collect();
        // Shown altered or cut, a command could do something else than it should.
        let length: usize = lines.iter().map(|line| units_escaped(line) + 1).sum();
        if length > SECTION - FENCES.len() || lines.iter().any(|line| line.contains('`')) {
            let why = format!("# {} (take the command from the incident's JSON)", command.why);
            return vec![section(&plain(&why, SECTION))];
        }
        code_blocks(&lines).iter().map(|block| section(&markup(block))).collect()
    });
    [section(&markup("*Run next*"))].into_iter().chain(commands).collect()
}

/// Text from outside as inline code.
fn code(text: &str) -> String {
    match text.trim() {
        // Two backticks alone would be shown as such.
        "" => "(empty)".to_owned(),
        text => format!("`{}`", escape(&without_backticks(text))),
    }
}

/// Lines as blocks of code, each within one section; no line is left out.
fn code_blocks(lines: &[String]) -> Vec<String> {
    let room = SECTION - FENCES.len();
    let mut bodies: Vec<String> = Vec::new();
    for line in lines {
        let line = clip(&without_backticks(line), room - 1) + "\n";
        match bodies.last_mut() {
            Some(body) if units(body) + units(&line) <= room => body.push_str(&line),
            _ => bodies.push(line),
        }
    }
    bodies.into_iter().map(|body| format!("```\n{body}```")).collect()
}

/// A backtick would end the code; the accent that takes its place looks alike and ends nothing.
fn without_backticks(text: &str) -> String {
    text.replace('`', "ˋ")
}

/// Slack's three escapes; with `<` gone there is no mention, no link and no date.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn units_escaped(text: &str) -> usize {
    units(&escape(text))
}

/// Escaped and cut to `limit`, never inside an escape.
fn clip(text: &str, limit: usize) -> String {
    let escaped = escape(text);
    if units(&escaped) <= limit {
        return escaped;
    }
    let mut out = String::new();
    let mut room = limit - 1;
    for ch in text.chars() {
        let piece = escape(ch.encode_utf8(&mut [0; 4]));
        let Some(left) = room.checked_sub(units(&piece)) else { break };
        room = left;
        out.push_str(&piece);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_an_escape_or_a_surrogate_pair() {
        assert_eq!(clip("a&b", 7), "a&amp;b");
        assert_eq!(clip("a&bc", 7), "a&amp;…");
        assert_eq!(clip("a&bc", 5), "a…");
        assert_eq!(clip("🔴🔴", 3), "🔴…");
    }

    #[test]
    fn code_cannot_be_broken_out_of() {
        assert_eq!(code("x` <!channel> `y"), "`xˋ &lt;!channel&gt; ˋy`");
        assert_eq!(code("  "), "(empty)");
        assert_eq!(code_blocks(&["```".to_owned()]), ["```\nˋˋˋ\n```"]);
    }

    #[test]
    fn blocks_of_code_hold_every_line_whole_and_stay_within_a_section() {
        let blocks = code_blocks(&vec!["&".repeat(100); 20]);
        assert!(blocks.len() > 1 && blocks.iter().all(|block| units(block) <= SECTION));
        let line = format!("{}\n", "&amp;".repeat(100));
        assert_eq!(blocks.iter().map(|block| block.matches(&line).count()).sum::<usize>(), 20);
        assert_eq!(units(&code_blocks(&["x".repeat(5000)])[0]), SECTION);
    }
}
