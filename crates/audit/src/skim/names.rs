//! The names that the pass looks for, and the table that rules most strings out in one look.

use std::collections::{BTreeSet, HashSet};

/// The longest tail of a string that the table looks at, in bytes: one machine word.
const WORD: usize = 8;

/// A set of JSON strings to find. Building it costs time in proportion to the names; looking does not.
#[derive(Debug, Clone)]
pub struct Names {
    exact: HashSet<Box<[u8]>>,
    /// One bit for each hash of the last `window` bytes of a name.
    table: Vec<u64>,
    /// How far a hash is shifted down to become a bit's number.
    hash_shift: u32,
    /// How far the word before a closing quote is shifted to leave its last `window` bytes.
    window_shift: u32,
    /// The tails of the names, where these are few enough.
    tails: Option<Box<Tails>>,
}

impl Names {
    /// A set of the names given. Empty ones are left out: nothing can be told from an empty string.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let exact: HashSet<Box<[u8]>> =
            names.into_iter().filter(|n| !n.is_empty()).map(|n| n.as_bytes().into()).collect();
        // A name shorter than the window is told by the opening quote before it, so the window is at most one
        // longer than the shortest name.
        let shortest = exact.iter().map(|n| n.len()).min().unwrap_or(WORD);
        let window = (shortest + 1).min(WORD);
        // 64 bits a name keep the chance of a false look at one in thirty by the first hash and one in a thousand by
        // both; 2^16 bits fit the fastest cache.
        let bits = (exact.len() * 64).next_power_of_two().trailing_zeros().clamp(16, 24);
        let mut names = Self {
            table: vec![0; 1 << (bits - 6)],
            hash_shift: 64 - bits,
            window_shift: u32::try_from(64 - 8 * window).unwrap_or(0),
            tails: Tails::new(&exact).map(Box::new),
            exact,
        };
        for name in names.exact.iter() {
            let mut tail = [b'"'; WORD];
            let kept = name.len().min(WORD);
            tail[WORD - kept..].copy_from_slice(&name[name.len() - kept..]);
            let key = u64::from_le_bytes(tail) >> names.window_shift;
            for multiplier in MULTIPLIERS {
                let bit = hash(key, multiplier, names.hash_shift);
                names.table[bit >> 6] |= 1 << (bit & 63);
            }
        }
        names
    }

    /// The last bytes of the names, where looking them up rules most strings out.
    pub(super) fn tails(&self) -> Option<&Tails> {
        self.tails.as_deref()
    }

    /// The table, ready to be asked many times.
    pub(super) fn probe(&self) -> Probe<'_> {
        Probe { table: &self.table, hash_shift: self.hash_shift, window_shift: self.window_shift }
    }

    /// Whether the string that ends at the closing quote `chunk[at]` is one of the names. A string with an escaped
    /// quote is judged by its tail, which can only add a look.
    pub(super) fn ends_at(&self, chunk: &[u8], at: usize) -> bool {
        // Within the first bytes of a chunk stands the head of a line, which holds no name.
        at > WORD && self.may_end_at(chunk, at) && {
            let start = memchr::memrchr(b'"', &chunk[..at]).map_or(0, |quote| quote + 1);
            self.exact.contains(&chunk[start..at])
        }
    }

    /// What most strings that are no name are ruled out by, with a second hash.
    fn may_end_at(&self, chunk: &[u8], at: usize) -> bool {
        let word = at.checked_sub(WORD).and_then(|from| chunk.get(from..)?.first_chunk::<WORD>());
        let key = word.map(|word| u64::from_le_bytes(*word) >> self.window_shift);
        key.is_some_and(|key| {
            MULTIPLIERS.iter().all(|multiplier| self.bit(hash(key, *multiplier, self.hash_shift)))
        })
    }

    fn bit(&self, bit: usize) -> bool {
        self.table.get(bit >> 6).is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }

    /// Whether `text` is one of the names.
    pub fn contains(&self, text: &str) -> bool {
        self.exact.contains(text.as_bytes())
    }
}

/// Which names have a byte at which place from their end: 128 entries a place, in halves that fit a register. Each
/// bit of an entry is a group of names. A string whose last bytes have no bit in common is no name. A byte over 127
/// is looked up without its highest bit, which can only add a look.
#[derive(Debug, Clone)]
pub(super) struct Tails(pub(super) [[[u8; 64]; 2]; Self::LENGTH]);

impl Tails {
    /// How many bytes from the end are looked at.
    pub(super) const LENGTH: usize = 5;
    /// How many different tails the groups keep apart well enough.
    const MOST: usize = 48;

    /// None where there are so many that looking them up would rule too few strings out.
    fn new(names: &HashSet<Box<[u8]>>) -> Option<Self> {
        let tails: BTreeSet<[Option<u8>; Self::LENGTH]> = names.iter().map(|name| Self::of(name)).collect();
        if tails.len() > Self::MOST {
            return None;
        }
        let mut places = [[[0; 64]; 2]; Self::LENGTH];
        // Neighbours in this order end alike, so a group of them lets the fewest others through.
        for (n, tail) in tails.iter().enumerate() {
            let group = 1 << (n * GROUPS / tails.len());
            for (place, byte) in places.iter_mut().zip(tail) {
                match byte.map(|byte| usize::from(byte & 0x7f)) {
                    Some(byte) => place[byte >> 6][byte & 63] |= group,
                    None => place.as_flattened_mut().iter_mut().for_each(|entry| *entry |= group),
                }
            }
        }
        Some(Self(places))
    }

    /// The last bytes from the end on. Before a name that is shorter stands its opening quote, and before that
    /// anything.
    fn of(name: &[u8]) -> [Option<u8>; Self::LENGTH] {
        let mut backwards = name.iter().rev().chain(b"\"").copied();
        std::array::from_fn(|_| backwards.next())
    }
}

/// Bits of an entry of [`Tails`].
const GROUPS: usize = 8;

/// A look at the table by the first hash alone, without a branch.
#[derive(Clone, Copy)]
pub(super) struct Probe<'n> {
    table: &'n [u64],
    hash_shift: u32,
    window_shift: u32,
}

impl Probe<'_> {
    /// 1 where the eight bytes before `chunk[at]` could be the end of a name, else 0.
    ///
    /// # Safety
    ///
    /// `at` must be at least 8 and at most the length of `chunk`.
    #[inline(always)]
    pub(super) unsafe fn before(&self, chunk: &[u8], at: usize) -> u64 {
        debug_assert!(at >= WORD && at <= chunk.len());
        // SAFETY: the eight bytes from `at - 8` on lie in the chunk, says the caller; no alignment is needed.
        let word = unsafe { chunk.as_ptr().add(at - WORD).cast::<u64>().read_unaligned() };
        let bit = hash(u64::from_le(word) >> self.window_shift, MULTIPLIERS[0], self.hash_shift);
        debug_assert!(bit >> 6 < self.table.len());
        // SAFETY: a hash has `64 - hash_shift` bits, and the table was made with one bit for each such number.
        let word = unsafe { self.table.get_unchecked(bit >> 6) };
        word >> (bit & 63) & 1
    }
}

/// Odd constants with well spread bits: the golden ratio, and the second of MurmurHash3's finalizer.
const MULTIPLIERS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xC4CE_B9FE_1A85_EC53];

/// Multiplicative hashing: the high bits of the product depend on all bits of the key.
#[inline(always)]
fn hash(key: u64, multiplier: u64, shift: u32) -> usize {
    (key.wrapping_mul(multiplier) >> shift) as usize
}
