//! Values as they would stand encoded in an event.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::modifiers::Wide;
use crate::load::Fault;

/// What a dash may be written as (Sigma's appendix on modifiers, `windash`).
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// How many dashes one value may have: each multiplies the ways to write it by five.
const MOST_DASHES: usize = 5;

/// The bytes of `text`, with 16-bit characters where that is asked for.
pub(super) fn wide(text: &str, wide: Option<Wide>) -> Vec<u8> {
    let units = text.encode_utf16();
    match wide {
        None => text.as_bytes().to_vec(),
        Some(Wide::Little) => units.flat_map(u16::to_le_bytes).collect(),
        Some(Wide::Big) => units.flat_map(u16::to_be_bytes).collect(),
        Some(Wide::Marked) => [0xFF, 0xFE].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect(),
    }
}

/// `bytes` in base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What of `bytes` is found in the base64 of anything that contains them: one text for each of the three places in a
/// group of three bytes where they can begin. Characters that their neighbours have a part in are left out.
pub(super) fn base64_anywhere(bytes: &[u8]) -> Vec<String> {
    let piece = |offset: usize| {
        let shifted = [&vec![0; offset], bytes].concat();
        let text = base64(&shifted);
        let begin = [0, 2, 3][offset];
        let end = text.len().checked_sub([0, 3, 2][shifted.len() % 3])?;
        text.get(begin..end).filter(|piece| !piece.is_empty()).map(str::to_owned)
    };
    (0..3).filter_map(piece).collect()
}

/// All ways to write the dashes of `text`.
pub(super) fn dashes(text: &str) -> Result<Vec<String>, Fault> {
    let count = text.matches('-').count();
    if count > MOST_DASHES {
        let what = format!("`{text}` has {count} dashes, and `windash` takes {MOST_DASHES}");
        return Err(Fault::new(what, "leave `windash` out or cut the value into pieces").near(text));
    }
    let mut all = vec![String::new()];
    for c in text.chars() {
        let ways = if c == '-' { &DASHES[..] } else { &[c] };
        all = all.iter().flat_map(|begun| ways.iter().map(move |way| format!("{begun}{way}"))).collect();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_wherever_it_stands_within_base64() {
        let pieces = base64_anywhere(b"/bin/bash");
        for before in ["", "x", "xy", "xyz"] {
            for after in ["", "-", "-i", "-il"] {
                let text = base64(format!("{before}/bin/bash{after}").as_bytes());
                assert!(pieces.iter().any(|piece| text.contains(piece.as_str())), "{before}…{after}: {text}");
            }
        }
    }

    #[test]
    fn each_dash_is_written_five_ways() {
        let all = dashes("a-b-").unwrap();
        assert_eq!(all.len(), 25);
        assert!(all.contains(&"a/b\u{2014}".to_owned()));
        assert!(dashes("-------").unwrap_err().what.contains("7 dashes"));
    }

    #[test]
    fn sixteen_bit_characters_have_an_order_of_bytes() {
        assert_eq!(wide("a", Some(Wide::Little)), [b'a', 0]);
        assert_eq!(wide("a", Some(Wide::Big)), [0, b'a']);
        assert_eq!(wide("a", Some(Wide::Marked)), [0xFF, 0xFE, b'a', 0]);
    }
}
