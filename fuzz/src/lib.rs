//! What several targets need.

/// Whether a line of JSON has no space between its parts. The skim knows names by the byte after their closing quote,
/// and Go's encoder, which writes the log, puts no spaces there.
pub fn is_compact(line: &[u8]) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    line.trim_ascii().iter().all(|byte| {
        let special = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if in_string && special => escaped = true,
            b'"' if special => in_string = !in_string,
            _ => {}
        }
        in_string || !byte.is_ascii_whitespace()
    })
}
