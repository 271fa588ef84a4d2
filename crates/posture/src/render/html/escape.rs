//! How text that may come from an intruder is put into the page.

use std::fmt::{Result, Write};

use askama::filters::Escaper;

/// Escapes markup, and shows control characters instead of obeying them.
///
/// Names of users and groups may hold any characters: a right-to-left override could make `admin` of something else.
#[derive(Debug, Clone, Copy)]
pub struct Untrusted;

impl Escaper for Untrusted {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> Result {
        let mut written = 0;
        for (at, char) in text.char_indices() {
            let reference = match char {
                '<' => "&lt;",
                '>' => "&gt;",
                '&' => "&amp;",
                '"' => "&#34;",
                '\'' => "&#39;",
                hidden if is_hidden(hidden) => "",
                _ => continue,
            };
            dest.write_str(&text[written..at])?;
            written = at + char.len_utf8();
            if reference.is_empty() {
                write!(dest, "\\u{{{:x}}}", u32::from(char))?;
            } else {
                dest.write_str(reference)?;
            }
        }
        dest.write_str(&text[written..])
    }
}

/// Characters that are not seen but change what is: control characters, directional ones (UAX #9) and those of no width.
pub fn is_hidden(char: char) -> bool {
    let seen = matches!(char, '\n' | '\t');
    let directional = matches!(char, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let widthless = matches!(char, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    (char.is_control() && !seen) || directional || widthless
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        Untrusted.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn markup_becomes_text_in_elements_and_in_attributes() {
        assert_eq!(escaped("a<b>&\"c'd é"), "a&lt;b&gt;&amp;&#34;c&#39;d é");
    }

    #[test]
    fn characters_that_reorder_or_hide_are_shown() {
        assert_eq!(escaped("a\u{202e}nimda\0"), "a\\u{202e}nimda\\u{0}");
    }
}
