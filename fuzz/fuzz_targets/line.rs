//! Any bytes, as lines of every envelope and as documents that come in pieces of any size: nothing panics, and where
//! the pieces are cut changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sundew_audit::{
    Item, Unwrapper,
    documents::{Framing, Piece, Splitter},
};

/// The longest document that is kept whole, small enough to be passed.
const LIMIT: usize = 4096;

fuzz_target!(|input: &[u8]| {
    // The first bytes say how long the pieces are.
    let Some((cuts, bytes)) = input.split_first_chunk::<4>() else { return };
    let mut unwrapper = Unwrapper::new();
    for line in bytes.split(|b| *b == b'\n') {
        unwrapper.line(line, &mut |item| look(&item));
    }
    unwrapper.finish(&mut |item| look(&item));
    assert!(!unwrapper.is_waiting());

    let _ = (Framing::of(bytes, true), Framing::of(bytes, false));
    let whole = split(std::iter::once(bytes));
    let pieces = Pieces { rest: bytes, cuts: cuts.iter().cycle().take(bytes.len()) };
    assert_eq!(whole, split(pieces));
    let mut unwrapper = Unwrapper::new();
    for (document, too_long) in &whole {
        assert!(document.len() <= LIMIT);
        if !too_long {
            unwrapper.line(document, &mut |item| look(&item));
        }
    }
});

fn look(item: &Item<'_, '_>) {
    match item {
        Item::Event(event, text) => assert!(event.is_audit() && !text.is_empty()),
        Item::Reject { reject, raw, .. } => assert!(!raw.is_empty() && !reject.to_string().is_empty()),
    }
}

fn split<'b>(parts: impl Iterator<Item = &'b [u8]>) -> Vec<(Vec<u8>, bool)> {
    let mut splitter = Splitter::new(LIMIT);
    let mut found = Vec::new();
    let mut keep = |piece: Piece<'_>| {
        found.push(match piece {
            Piece::Document(text) => (text.to_owned(), false),
            Piece::TooLong(head) => (head.to_owned(), true),
        });
    };
    parts.for_each(|part| splitter.feed(part, &mut keep));
    splitter.finish(&mut keep);
    found
}

/// Bytes in pieces as long as `cuts` says.
struct Pieces<'b, C> {
    rest: &'b [u8],
    cuts: C,
}

impl<'b, 'c, C: Iterator<Item = &'c u8>> Iterator for Pieces<'b, C> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.cuts.next().map_or(self.rest.len(), |n| usize::from(*n).min(self.rest.len()));
        let (piece, rest) = self.rest.split_at(at);
        self.rest = rest;
        Some(piece)
    }
}
