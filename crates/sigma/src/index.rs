//! Which rules an event could meet at all, told by its fields one by one, so that only those are tested.
//!
//! For each field that rules ask for there is one bit a rule: whether it can still be met by an event whose field is
//! absent, or has a certain value, or has none of the values and contains none of the texts that any rule names. They
//! follow from the whole condition ([`Test::truth`]), negations and alternatives included, and are all made while rules
//! are loaded. What remains for an event is to look its values up and to join the bits, 64 rules at a time, and only
//! those of fields that a rule that is left asks for.

mod key;
mod needles;
mod rows;

use smallvec::SmallVec;

use crate::{condition::Test, field::Look};
use key::Key;
use rows::Rows;

/// How few rules are better tested than told apart any further.
const FEW: u32 = 2;

/// Bits, one a rule.
type Bits = SmallVec<[u64; 16]>;

/// Which rules an event could meet.
#[derive(Debug, Default)]
pub(crate) struct Index {
    all: Bits,
    keys: Vec<Rows>,
}

impl Index {
    /// An index of `tests`, each of which keeps its place.
    pub(crate) fn build(tests: &[Test]) -> Self {
        let mut all = Bits::from_elem(0, tests.len().div_ceil(64));
        (0..tests.len()).for_each(|at| set(&mut all, at));
        let mut keys: Vec<_> =
            Key::all(tests).into_iter().filter_map(|key| Rows::build(key, tests, &all)).collect();
        // What leaves out most at the least cost goes first: then the dear ones are hardly ever asked.
        keys.sort_by_key(|rows| (rows.key().cost(), rows.left()));
        Self { all, keys }
    }

    /// Calls `with` for each test that the event could meet, in order.
    pub(crate) fn each(&self, look: &Look<'_, '_>, mut with: impl FnMut(usize)) {
        let mut left = self.all.clone();
        for rows in &self.keys {
            let (mut count, mut asks) = (0, 0);
            for (left, asked) in left.iter().zip(rows.asked()) {
                count += left.count_ones();
                asks |= left & asked;
            }
            if count <= FEW {
                break;
            }
            if asks != 0 {
                rows.narrow(look, &mut left);
            }
        }
        for (word, mut bits) in left.into_iter().enumerate() {
            while bits != 0 {
                with(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

fn set(bits: &mut [u64], at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}
