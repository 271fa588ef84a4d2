//! What one line of a selection asks of its field, as far as the lint understands it.

use std::collections::BTreeSet;

use rsigma_parser::{DetectionItem, Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};

/// What a line asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// One of its values, or all of them.
    Text(Text),
    /// That the field is there, or is not.
    Exists(bool),
    /// Something that is not looked into: a regular expression, a network, a comparison …
    Other,
}

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    /// Anything may stand before the value.
    open_start: bool,
    /// Anything may stand behind it.
    open_end: bool,
    /// Upper and lower case differ.
    cased: bool,
    /// All values are asked for, not one of them.
    pub(super) all: bool,
}

/// What `item` asks.
pub(super) fn of(item: &DetectionItem) -> Ask {
    let has = |modifier| item.field.has_modifier(modifier);
    if has(Modifier::Exists) {
        return match item.values.as_slice() {
            [SigmaValue::Bool(wanted)] => Ask::Exists(*wanted),
            _ => Ask::Other,
        };
    }
    if let [SigmaValue::Null] = item.values.as_slice() {
        return Ask::Exists(false);
    }
    let mut text = Text { open_start: false, open_end: false, cased: false, all: false };
    for modifier in &item.field.modifiers {
        match modifier {
            Modifier::Contains => (text.open_start, text.open_end) = (true, true),
            Modifier::StartsWith => text.open_end = true,
            Modifier::EndsWith => text.open_start = true,
            Modifier::Cased => text.cased = true,
            Modifier::All => text.all = true,
            _ => return Ask::Other,
        }
    }
    if item.values.iter().any(|value| matches!(value, SigmaValue::Null)) {
        Ask::Other
    } else {
        Ask::Text(text)
    }
}

impl Text {
    /// Whether `value` is met by a field that holds `held`.
    pub(super) fn fits(self, value: &SigmaValue, held: &str) -> bool {
        let lower = |text: &str| if self.cased { text.to_owned() } else { text.to_lowercase() };
        let mut pieces = Vec::new();
        pieces.extend(self.open_start.then_some(Piece::Anything));
        match value {
            SigmaValue::String(string) => pieces.extend(string.parts.iter().map(|part| match part {
                StringPart::Plain(text) => Piece::Text(lower(text)),
                StringPart::Special(SpecialChar::WildcardMulti) => Piece::Anything,
                StringPart::Special(SpecialChar::WildcardSingle) => Piece::One,
            })),
            other => pieces.push(Piece::Text(lower(&other.to_string()))),
        }
        pieces.extend(self.open_end.then_some(Piece::Anything));
        meets(&pieces, &lower(held))
    }

    /// What every text that meets `value` begins with; empty where that can be anything.
    pub(super) fn start(self, value: &SigmaValue) -> String {
        let SigmaValue::String(string) = value else { return value.to_string() };
        match string.parts.first() {
            Some(StringPart::Plain(text)) if !self.open_start => text.clone(),
            _ => String::new(),
        }
    }

    /// The only text that meets `value`, where there is only one but for its case.
    pub(super) fn only(self, value: &SigmaValue) -> Option<String> {
        if self.open_start || self.open_end {
            return None;
        }
        match value {
            SigmaValue::String(string) => SigmaString::as_plain(string),
            other => Some(other.to_string()),
        }
    }
}

enum Piece {
    Text(String),
    One,
    Anything,
}

/// Piece by piece, with all the places in `held` where the pieces so far can end: no pattern takes longer than its
/// length times that of the text.
fn meets(pieces: &[Piece], held: &str) -> bool {
    let mut ends = BTreeSet::from([0]);
    for piece in pieces {
        ends = match piece {
            Piece::Text(text) => ends
                .into_iter()
                .filter(|at| held[*at..].starts_with(text))
                .map(|at| at + text.len())
                .collect(),
            Piece::One => {
                ends.into_iter().filter_map(|at| Some(at + held[at..].chars().next()?.len_utf8())).collect()
            }
            Piece::Anything => {
                let Some(first) = ends.first() else { return false };
                held[*first..].char_indices().map(|(at, _)| first + at).chain([held.len()]).collect()
            }
        };
    }
    ends.contains(&held.len())
}

/// The value as it is written in the rule.
pub(super) fn written(value: &SigmaValue) -> String {
    match value {
        SigmaValue::String(string) => string.original.clone(),
        other => other.to_string(),
    }
}
