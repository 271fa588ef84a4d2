//! The line of a rule file where something stands. What is written in an unusual way is found at what is around it.

use crate::load::Document;

/// The line of the file where a top-level key of the rule stands.
pub(super) fn key(document: &Document, key: &str) -> Option<usize> {
    at(document, document.line, |line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

/// The line of the selection called `name`.
pub(super) fn selection(document: &Document, name: &str) -> Option<usize> {
    let detection = key(document, "detection").or_else(|| key(document, "filter"))?;
    at(document, detection + 1, |line| is_key(line, name)).or(Some(detection))
}

/// The line of `field` in that selection.
pub(super) fn field(document: &Document, selection: &str, field: &str) -> Option<usize> {
    let selection = self::selection(document, selection)?;
    at(document, selection, |line| is_key(line, field)).or(Some(selection))
}

/// The line of a value of that field.
pub(super) fn value(document: &Document, selection: &str, field: &str, value: &str) -> Option<usize> {
    let field = self::field(document, selection, field)?;
    at(document, field, |line| line.contains(value)).or(Some(field))
}

/// The first line of the file, from line `from` on, of which `is` is true and which is no comment.
fn at(document: &Document, from: usize, is: impl Fn(&str) -> bool) -> Option<usize> {
    let skipped = from - document.line;
    let found = |line: &str| !line.trim_start().starts_with('#') && is(line);
    document.text.lines().skip(skipped).position(found).map(|at| from + at)
}

/// Whether a line begins with this key: indented, as an element of a list, in quotes or with modifiers perhaps.
fn is_key(line: &str, key: &str) -> bool {
    let line = line.trim_start_matches(['-', ' ', '"', '\'', '{']);
    line.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', '|', '"', '\'', '[']))
}
