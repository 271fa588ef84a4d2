//! Sets of words: users, groups, verbs, namespaces, names.

/// A set of words.
#[derive(Debug, Clone)]
pub(super) enum Words {
    /// Every word, and none at all: a rule that does not ask.
    Any,
    /// These, sorted, and a bit for each of them modulo 64.
    Of(Vec<u32>, u64),
}

impl Words {
    pub(super) fn of(mut list: Vec<u32>) -> Self {
        list.sort_unstable();
        list.dedup();
        let bits = list.iter().fold(0, |bits, word| bits | 1 << (word % 64));
        Self::Of(list, bits)
    }

    /// False where this can contain nothing of the other, nor of a part of it.
    pub(super) fn may_help(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            // What does not ask for a word has no parts that do.
            (Self::Of(..), Self::Any) => false,
            (Self::Of(_, mine), Self::Of(_, theirs)) => mine & theirs != 0,
        }
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Of(..), Self::Any) => false,
            (Self::Of(mine, bits), Self::Of(theirs, their_bits)) => {
                their_bits & !bits == 0 && theirs.iter().all(|word| mine.binary_search(word).is_ok())
            }
        }
    }

    pub(super) fn has(&self, word: u32) -> bool {
        matches!(self, Self::Of(list, _) if list.binary_search(&word).is_ok())
    }

    /// One set for each word, where there are several.
    pub(super) fn singly(&self) -> Option<Vec<Self>> {
        match self {
            Self::Of(list, _) if list.len() > 1 => {
                Some(list.iter().map(|word| Self::of(vec![*word])).collect())
            }
            _ => None,
        }
    }
}
