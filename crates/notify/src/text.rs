//! Text from outside made fit to be read: nothing in it is obeyed by a terminal, a chat or a browser.

/// `text` with everything invisible shown as an escape, at most `limit` characters, cut with `…`.
///
/// Control characters (so escape sequences and line breaks as well), characters that change the direction of
/// writing and those with no width come out as `\n` or `\u{202e}`: the reader sees that they were there. The result
/// is one line.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // Where to cut so that the `…` still fits.
    let mut cut = 0;
    for ch in text.chars() {
        let start = out.len();
        if is_hidden(ch) {
            out.extend(escape(ch));
        } else {
            out.push(ch);
        }
        used += out[start..].chars().count();
        if used > limit {
            out.truncate(cut);
            out.push('…');
            return out;
        }
        if used < limit {
            cut = out.len();
        }
    }
    out
}

fn escape(ch: char) -> impl Iterator<Item = char> {
    let short = match ch {
        '\n' | '\r' | '\t' => Some(ch.escape_default()),
        _ => None,
    };
    let long = short.is_none().then(|| ch.escape_unicode());
    short.into_iter().flatten().chain(long.into_iter().flatten())
}

/// Control characters, and what Unicode lists as ignorable when shown (DerivedCoreProperties,
/// `Default_Ignorable_Code_Point`) together with the separators and marks of direction.
fn is_hidden(ch: char) -> bool {
    ch.is_control()
        || matches!(ch,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(clean("curl/8.5.0 (größer, 日本)", 100), "curl/8.5.0 (größer, 日本)");
        assert_eq!(clean("", 10), "");
        assert_eq!(clean("exact", 5), "exact");
    }

    #[test]
    fn what_would_be_obeyed_is_shown_instead() {
        assert_eq!(clean("a\nb\x1b[31mc\u{9b}2J", 100), r"a\nb\u{1b}[31mc\u{9b}2J");
        assert_eq!(clean("admin\u{202e}txt\u{200b}", 100), r"admin\u{202e}txt\u{200b}");
    }

    #[test]
    fn a_cut_shows_and_never_splits_an_escape() {
        assert_eq!(clean("abcdef", 5), "abcd…");
        assert_eq!(clean("abc\u{202e}", 6), "abc…");
    }

    proptest! {
        #[test]
        fn the_result_is_one_visible_line_within_the_limit(text in "\\PC*|(?s).*", limit in 1usize..64) {
            let shown = clean(&text, limit);
            prop_assert!(shown.chars().count() <= limit);
            prop_assert!(!shown.chars().any(is_hidden));
        }
    }
}
