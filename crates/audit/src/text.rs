//! A JSON string as it stands in the input, decoded only when its escapes matter.

use std::{borrow::Cow, fmt};

/// The content of a JSON string between its quotes, borrowed from the input.
///
/// Escapes were checked when the string was read and stay undecoded until [`Text::decode`]: most strings of an audit
/// event have none, and of those that have, few are ever looked at.
#[derive(Clone, Copy, Default)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// A text without escapes. `raw` is taken literally, backslashes included.
    pub const fn literal(raw: &'a str) -> Self {
        Self { raw, escaped: false }
    }

    /// A text as it stood between quotes; `escaped` tells whether it holds a backslash. The caller has checked the
    /// escapes.
    pub(crate) const fn checked(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// True where the string is empty or was absent: audit.k8s.io/v1 omits empty fields, so the two are one.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The string's value.
    pub fn decode(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// The string's value, owned, or none where it is empty.
    pub fn to_option(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.decode().into_owned())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        if self.escaped { unescape(self.raw) == other } else { self.raw == other }
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.escaped || other.escaped { self.decode() == other.decode() } else { self.raw == other.raw }
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decode().fmt(f)
    }
}

/// Decodes the escapes of RFC 8259 §7. Checked input decodes exactly; on anything else the odd part is replaced by
/// U+FFFD, since a decoder that can fail would only move the question elsewhere.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (decoded, used) = escape_at(&rest[at..]);
        out.push(decoded);
        rest = &rest[at + used..];
    }
    out.push_str(rest);
    out
}

/// The character of the escape that `s` begins with, and the bytes it takes.
fn escape_at(s: &str) -> (char, usize) {
    let simple = match s.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(s),
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    (simple, 2)
}

fn unicode_escape(s: &str) -> (char, usize) {
    let Some(first) = hex4(s, 2) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if let Some(c) = char::from_u32(first) {
        return (c, 6);
    }
    let second = s.get(6..8).filter(|p| *p == "\\u").and_then(|_| hex4(s, 8));
    match second {
        Some(low @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The number in the four hex digits of `s` at `at`.
fn hex4(s: &str, at: usize) -> Option<u32> {
    let digits = s.as_bytes().get(at..at + 4)?;
    digits.iter().try_fold(0, |n, d| Some(n * 16 + char::from(*d).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_as_serde_json_decodes_them() {
        for raw in [
            r"plain",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0026\u003c\u003e",
            r"\ud83d\ude00 after",
            r"back\u0075p-sa",
            "\u{e9}\\u00e9",
        ] {
            let want: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
            assert_eq!(Text::checked(raw, raw.contains('\\')).decode(), want, "{raw}");
        }
    }

    #[test]
    fn an_unchecked_text_never_panics() {
        for raw in [r"\", r"\u", r"\u12", r"\ud800", r"\ud800\u0041", r"\x", "\\\u{e9}"] {
            let _ = Text::checked(raw, true).decode();
        }
    }

    #[test]
    fn an_escaped_name_equals_the_plain_one() {
        assert!(Text::checked(r"backup\u002dsa", true) == "backup-sa");
        assert!(Text::literal(r"backup\u002dsa") != "backup-sa");
    }
}
