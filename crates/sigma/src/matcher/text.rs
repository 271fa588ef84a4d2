//! Texts compared as Sigma compares them: case told apart only where a rule says so, `*` for any characters, `?` for one.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;

use super::Case;

/// A test of one text.
#[derive(Debug, Clone)]
pub(crate) enum TextTest {
    /// The text is like one given text.
    Like(Likeness, Needle),
    /// The text is one of many; in lower case and in order.
    OneOf(Box<[Box<str>]>),
    /// The text contains one of many; in lower case.
    ContainsAny(Box<AhoCorasick>, Box<[Box<str>]>),
    /// The text has these pieces.
    Glob(Glob),
    /// Any text.
    Anything,
}

/// How one text is like another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Is,
    Contains,
    StartsWith,
    EndsWith,
}

/// A text to be found in others; in lower case unless case is told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    text: Box<str>,
    case: Case,
}

/// Pieces with anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    pieces: Box<[Piece]>,
    /// Whether the first piece begins the text, and whether the last one ends it.
    begins: bool,
    ends: bool,
    case: Case,
}

/// Characters that follow each other; none stands for any one.
type Piece = Box<[Option<char>]>;

/// A part of a value: characters as they are, or a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Plain(String),
    One,
    Many,
}

impl TextTest {
    /// A test for `text`, taken as it is.
    pub(super) fn plain(likeness: Likeness, text: &str, case: Case) -> Self {
        Self::Like(likeness, Needle::new(text, case))
    }

    /// A test for a value with wildcards.
    pub(super) fn wild(likeness: Likeness, parts: &[Part], case: Case) -> Self {
        let mut parts = parts.to_vec();
        if matches!(likeness, Likeness::Contains | Likeness::EndsWith) {
            parts.insert(0, Part::Many);
        }
        if matches!(likeness, Likeness::Contains | Likeness::StartsWith) {
            parts.push(Part::Many);
        }
        parts.dedup_by(|a, b| *a == Part::Many && *b == Part::Many);
        match parts.as_slice() {
            [Part::Many] => Self::Anything,
            [] => Self::plain(Likeness::Is, "", case),
            [Part::Plain(text)] => Self::plain(Likeness::Is, text, case),
            [Part::Plain(text), Part::Many] => Self::plain(Likeness::StartsWith, text, case),
            [Part::Many, Part::Plain(text)] => Self::plain(Likeness::EndsWith, text, case),
            [Part::Many, Part::Plain(text), Part::Many] => Self::plain(Likeness::Contains, text, case),
            parts => Self::Glob(Glob::new(parts, case)),
        }
    }

    /// Whether `text` passes.
    pub(crate) fn met(&self, text: &str) -> bool {
        match self {
            Self::Like(likeness, needle) => needle.is_in(text, *likeness),
            Self::OneOf(all) => {
                let lower = lower(text);
                all.binary_search_by(|one| (**one).cmp(&lower)).is_ok()
            }
            Self::ContainsAny(all, _) => all.is_match(&*lower(text)),
            Self::Glob(glob) => glob.is_met(text),
            Self::Anything => true,
        }
    }

    /// How dear the test is, beside others.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Like(Likeness::Contains, _) => 4,
            Self::Like(..) | Self::Anything => 1,
            Self::OneOf(_) => 3,
            Self::ContainsAny(..) => 8,
            Self::Glob(_) => 12,
        }
    }
}

impl Likeness {
    /// Whether `text` is like `other`, both only known now.
    pub(super) fn holds(self, text: &str, other: &str, case: Case) -> bool {
        Needle::new(other, case).is_in(text, self)
    }

    fn exactly(self, text: &str, other: &str) -> bool {
        match self {
            Self::Is => text == other,
            Self::Contains => memchr::memmem::find(text.as_bytes(), other.as_bytes()).is_some(),
            Self::StartsWith => text.starts_with(other),
            Self::EndsWith => text.ends_with(other),
        }
    }
}

impl Needle {
    fn new(text: &str, case: Case) -> Self {
        let text = match case {
            Case::Same => text.to_lowercase().into(),
            Case::Apart => text.into(),
        };
        Self { text, case }
    }

    /// The text in lower case and nothing else, where case does not matter.
    pub(super) fn caseless(&self) -> Option<&str> {
        (self.case == Case::Same).then_some(&self.text)
    }

    /// The text in lower case.
    pub(super) fn lower(&self) -> Cow<'_, str> {
        lower(&self.text)
    }

    /// What every text that has this contains, both in lower case; empty where that cannot be told. Beyond ASCII a
    /// letter's lower case may hang on its neighbours, and a whole text then not contain what its piece becomes.
    pub(super) fn contained(&self) -> Cow<'_, str> {
        if self.case == Case::Apart && !self.text.is_ascii() { Cow::Borrowed("") } else { self.lower() }
    }

    fn is_in(&self, text: &str, likeness: Likeness) -> bool {
        let needle = &*self.text;
        if self.case == Case::Apart {
            return likeness.exactly(text, needle);
        }
        if !text.is_ascii() {
            return likeness.exactly(&text.to_lowercase(), needle);
        }
        // In lower case ASCII stays ASCII, so its bytes can be compared one by one.
        let (text, needle) = (text.as_bytes(), needle.as_bytes());
        let Some(most) = text.len().checked_sub(needle.len()) else { return false };
        match likeness {
            Likeness::Is => most == 0 && text.eq_ignore_ascii_case(needle),
            Likeness::StartsWith => text[..needle.len()].eq_ignore_ascii_case(needle),
            Likeness::EndsWith => text[most..].eq_ignore_ascii_case(needle),
            Likeness::Contains => contains_ascii(text, needle),
        }
    }
}

/// Whether `text` contains `needle`, which is in lower case, both ASCII.
fn contains_ascii(text: &[u8], needle: &[u8]) -> bool {
    let Some((&first, after)) = needle.split_first() else { return true };
    let Some(last) = text.len().checked_sub(needle.len()) else { return false };
    let fits = |at: usize| text[at + 1..=at + after.len()].eq_ignore_ascii_case(after);
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), &text[..=last]).any(fits)
}

impl Glob {
    fn new(parts: &[Part], case: Case) -> Self {
        let begins = parts.first() != Some(&Part::Many);
        let ends = parts.last() != Some(&Part::Many);
        let pieces = parts.split(|part| *part == Part::Many).map(|parts| piece(parts, case));
        let pieces = pieces.filter(|piece| !piece.is_empty()).collect();
        Self { pieces, begins, ends, case }
    }

    /// The longest text that every text that is met contains, both in lower case; empty where there is none.
    pub(super) fn needle(&self) -> String {
        let runs = self.pieces.iter().flat_map(|piece| piece.split(Option::is_none));
        let needles = runs.map(|run| Needle { text: run.iter().flatten().collect(), case: self.case });
        needles.map(|needle| needle.contained().into_owned()).max_by_key(String::len).unwrap_or_default()
    }

    pub(super) fn tells_case_apart(&self) -> bool {
        self.case == Case::Apart
    }

    fn is_met(&self, text: &str) -> bool {
        let text = match self.case {
            Case::Same => lower(text),
            Case::Apart => Cow::Borrowed(text),
        };
        let (mut rest, mut pieces) = (&*text, &*self.pieces);
        if self.begins
            && let Some((first, others)) = pieces.split_first()
        {
            let Some(after) = after_piece(rest, first) else { return false };
            if others.is_empty() && self.ends {
                return after.is_empty();
            }
            (rest, pieces) = (after, others);
        }
        if self.ends
            && let Some((last, others)) = pieces.split_last()
        {
            let Some(before) = before_piece(rest, last) else { return false };
            (rest, pieces) = (before, others);
        }
        // The earliest place of each piece leaves the most room for those behind it.
        pieces.iter().all(|piece| match find_piece(rest, piece) {
            Some(after) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

fn piece(parts: &[Part], case: Case) -> Piece {
    let mut piece = Vec::new();
    for part in parts {
        match part {
            Part::Plain(text) if case == Case::Same => piece.extend(text.to_lowercase().chars().map(Some)),
            Part::Plain(text) => piece.extend(text.chars().map(Some)),
            Part::One => piece.push(None),
            Part::Many => {}
        }
    }
    piece.into()
}

/// What follows `piece` in a text that begins with it.
fn after_piece<'t>(text: &'t str, piece: &[Option<char>]) -> Option<&'t str> {
    let mut chars = text.chars();
    for wanted in piece {
        let c = chars.next()?;
        if wanted.is_some_and(|wanted| wanted != c) {
            return None;
        }
    }
    Some(chars.as_str())
}

/// What precedes `piece` in a text that ends with it.
fn before_piece<'t>(text: &'t str, piece: &[Option<char>]) -> Option<&'t str> {
    let mut chars = text.chars();
    for wanted in piece.iter().rev() {
        let c = chars.next_back()?;
        if wanted.is_some_and(|wanted| wanted != c) {
            return None;
        }
    }
    Some(chars.as_str())
}

/// What follows the first place of `piece` in `text`.
fn find_piece<'t>(text: &'t str, piece: &[Option<char>]) -> Option<&'t str> {
    text.char_indices().find_map(|(at, _)| after_piece(&text[at..], piece))
}

/// A text in lower case, without a copy where it is so already.
#[inline]
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    match letters(text.as_bytes()) {
        Letters::Lower => Cow::Borrowed(text),
        Letters::Upper => Cow::Owned(text.to_ascii_lowercase()),
        Letters::Beyond => Cow::Owned(text.to_lowercase()),
    }
}

/// What letters a text has.
#[derive(Debug, PartialEq, Eq)]
enum Letters {
    /// No upper case, all of it ASCII.
    Lower,
    /// Some upper case, all of it ASCII.
    Upper,
    /// Something beyond ASCII.
    Beyond,
}

/// Every value of every event comes by here, and most are short: so eight bytes at a time, and the last eight once more
/// instead of what is left of them one by one.
#[inline]
fn letters(bytes: &[u8]) -> Letters {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    let (mut beyond, mut upper) = (0, 0);
    let mut look = |word: u64| {
        beyond |= word;
        // The high bit of a byte is set by the first sum from `A` on, and by the second from behind `Z` on. Bytes of
        // ASCII never carry over into the next; of others the result does not matter.
        upper |= word.wrapping_add(0x3F * ONES) & !word.wrapping_add(0x25 * ONES);
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| look(u64::from_le_bytes(*word)));
    match bytes.last_chunk::<8>() {
        Some(last) if !rest.is_empty() => look(u64::from_le_bytes(*last)),
        _ => look(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
    }
    if beyond & HIGH != 0 {
        return Letters::Beyond;
    }
    if upper & HIGH != 0 { Letters::Upper } else { Letters::Lower }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_and_what_is_beyond_ascii_are_seen_wherever_they_stand() {
        for length in 0..40 {
            let plain = "az@[`{~ 09".repeat(4)[..length].to_owned();
            assert_eq!(letters(plain.as_bytes()), Letters::Lower, "{plain}");
            for at in 0..length {
                for (c, is) in [('A', Letters::Upper), ('Z', Letters::Upper), ('\u{e9}', Letters::Beyond)] {
                    let mut text = plain.clone();
                    text.replace_range(at..=at, &c.to_string());
                    assert_eq!(letters(text.as_bytes()), is, "{text}");
                    assert_eq!(lower(&text), text.to_lowercase());
                }
            }
        }
    }
}
