//! A file cut into its YAML documents, so that what is said of one can name its lines.

/// One document, or a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'t> {
    /// The line of the file, from 1, in which it begins.
    pub(super) line: usize,
    pub(super) text: &'t str,
}

/// The documents in `text` that say anything. A file in which documents build on each other (`action: global`, `repeat`)
/// stays whole.
pub(super) fn documents(text: &str) -> Vec<Part<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().any(|line| line.starts_with("action:")) {
        return vec![Part { line: 1, text }];
    }
    let (mut parts, mut begin, mut begin_line, mut at) = (Vec::new(), 0, 1, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        // YAML 1.2.2 §9.1.2: a marker stands at the beginning of a line, where no text of a document can be.
        if is_marker(line, "---") || is_marker(line, "...") {
            parts.push(Part { line: begin_line, text: &text[begin..at] });
            (begin, begin_line) =
                if line.starts_with('.') { (at + line.len(), number + 2) } else { (at, number + 1) };
        }
        at += line.len();
    }
    parts.push(Part { line: begin_line, text: &text[begin..] });
    parts.retain(|part| says_anything(part.text));
    parts
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn says_anything(text: &str) -> bool {
    text.lines()
        .map(|line| line.trim_start_matches("---").trim())
        .any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The title of a document that may be no valid YAML.
pub(super) fn title(text: &str) -> Option<String> {
    let title = text.lines().find_map(|line| line.strip_prefix("title:"))?;
    let title = title.trim().trim_matches(['"', '\'']);
    (!title.is_empty()).then(|| title.to_owned())
}

/// The line, from 0, of the first place in `text` that has `piece`: in what the document detects, else anywhere.
pub(super) fn line_of(text: &str, piece: &str) -> Option<usize> {
    if piece.is_empty() {
        return None;
    }
    let begin = text
        .lines()
        .position(|line| ["detection:", "correlation:", "filter:"].iter().any(|key| line.starts_with(key)))
        .unwrap_or(0);
    let has = |line: &str| !line.trim_start().starts_with('#') && line.contains(piece);
    let below = text.lines().skip(begin).position(has).map(|at| at + begin);
    below.or_else(|| text.lines().position(has))
}
