//! The texts that an expression cannot match without.

use regex_syntax::hir::{Class, Hir, HirKind};

/// How many texts are kept of one expression: of more, some is found nearly everywhere.
const MOST: usize = 32;

/// Texts in lower case of which every text that matches contains one, in lower case too; none where none are known.
pub(super) fn needles(hir: &Hir) -> Box<[Box<str>]> {
    let needles = any_of(hir).filter(|needles| needles.len() <= MOST).unwrap_or_default();
    needles.into_iter().map(|needle| needle.to_lowercase().into()).collect()
}

/// Texts of which one is in everything that `hir` matches; none of them is empty.
fn any_of(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => run(hir).map(|text| vec![text]),
        HirKind::Capture(capture) => any_of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => any_of(&repetition.sub),
        HirKind::Alternation(parts) => parts
            .iter()
            .map(any_of)
            .collect::<Option<Vec<_>>>()
            .map(|all| all.into_iter().flatten().collect()),
        HirKind::Concat(parts) => of_concat(parts),
        _ => None,
    }
}

/// The longest text that stands whole in a row of parts, or what one of the parts cannot do without.
fn of_concat(parts: &[Hir]) -> Option<Vec<String>> {
    let (mut all, mut text) = (Vec::new(), String::new());
    for part in parts {
        match run(part) {
            Some(more) => text.push_str(&more),
            None => {
                all.push(vec![std::mem::take(&mut text)]);
                all.extend(any_of(part));
            }
        }
    }
    all.push(vec![text]);
    // A long text is hardly found where it is not meant; of several the shortest counts.
    let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min().unwrap_or(0);
    all.into_iter().filter(|texts| shortest(texts) > 0).max_by_key(shortest)
}

/// The text that `hir` is in lower case, where it is one and ASCII: the lower case of other letters may hang on their
/// neighbours.
fn run(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            text.is_ascii().then(|| text.to_ascii_lowercase())
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut all = class
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .map(|c| c.to_lowercase().to_string());
            let first = all.next()?;
            (first.is_ascii() && all.take(4).all(|other| other == first)).then_some(first)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_cannot_match_without_is_found() {
        for (pattern, wanted) in [
            ("^Hook-[0-9]+-pod$", &["hook-"][..]),
            ("(?i)kube-hunter", &["kube-hunter"]),
            ("^(peirates|kdigger|CDK)/", &["peirates", "kdigger", "cdk"]),
            ("a{2,}bc?de", &["de"]),
            ("x(yz)+.*longer", &["longer"]),
            // `s` has a third form, which in lower case is another letter.
            ("(?i)bash", &["ba"]),
            ("[ab]c", &["c"]),
            ("(a|b*)", &[]),
            (".*", &[]),
            ("a?", &[]),
        ] {
            let hir = regex_syntax::parse(pattern).unwrap();
            assert_eq!(needles(&hir).iter().map(|needle| &**needle).collect::<Vec<_>>(), wanted, "{pattern}");
        }
    }
}
