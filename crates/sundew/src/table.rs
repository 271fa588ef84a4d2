//! Text for a terminal: columns, colour only where somebody looks, and nothing from outside that moves the cursor.

use std::io::{self, IsTerminal};

use sundew_detect::Severity;

/// Whether standard output takes colour.
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The severity as a word of eight characters, coloured.
pub(crate) fn severity(severity: Severity, colour: bool) -> String {
    let code = match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "2",
    };
    if colour { format!("\x1b[{code}m{severity:<8}\x1b[0m") } else { format!("{severity:<8}") }
}

/// A text from outside, at most `width` characters, without characters that act on a terminal.
pub(crate) fn cell(text: &str, width: usize) -> String {
    let shown: Vec<char> =
        text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).take(width + 1).collect();
    if shown.len() <= width {
        return shown.into_iter().collect();
    }
    shown[..width.saturating_sub(1)].iter().chain(&['…']).collect()
}

/// Control characters, and those that turn the direction of writing.
fn acts(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 message`, `2,000 messages`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_do_not_act_on_the_terminal() {
        assert_eq!(cell("a\x1b[31mb\r\n\u{202e}c", 40), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}c");
        assert_eq!(cell("abcdef", 4), "abc…");
        assert_eq!(cell("abcd", 4), "abcd");
    }

    #[test]
    fn large_counts_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
