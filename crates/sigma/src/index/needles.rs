//! Many texts looked for at once.

use aho_corasick::{AhoCorasick, MatchKind};
use hashbrown::HashMap;

/// Texts in lower case that are looked for at once; each has a row.
#[derive(Debug, Default)]
pub(super) struct Needles {
    rows: HashMap<Box<str>, usize>,
    first: usize,
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    /// Whether there is any: with this kind of match, the search skips to where one could be.
    any: AhoCorasick,
    /// All that there are, also where they overlap.
    all: AhoCorasick,
}

impl Needles {
    /// The rows are numbered from `first` on.
    pub(super) fn new(needles: Vec<Box<str>>, first: usize) -> Self {
        let texts: Vec<&[u8]> = needles.iter().map(|needle| needle.as_bytes()).collect();
        let built = |kind| AhoCorasick::builder().match_kind(kind).build(&texts).ok();
        let search = match (built(MatchKind::LeftmostFirst), built(MatchKind::Standard)) {
            (Some(any), Some(all)) if !needles.is_empty() => Some(Search { any, all }),
            _ => None,
        };
        // Too large an automaton: then they are as good as unknown.
        let needles = if search.is_some() { needles } else { Vec::new() };
        Self { rows: needles.into_iter().zip(first..).collect(), first, search }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row of `needle`, if it is looked for.
    pub(super) fn row(&self, needle: &str) -> Option<usize> {
        self.rows.get(needle).copied()
    }

    /// Calls `with` for the row of each text that `text`, in lower case, contains.
    #[inline]
    pub(super) fn find(&self, text: &str, mut with: impl FnMut(usize)) {
        let Some(search) = &self.search else { return };
        if search.any.is_match(text) {
            search
                .all
                .find_overlapping_iter(text)
                .for_each(|found| with(self.first + found.pattern().as_usize()));
        }
    }
}
