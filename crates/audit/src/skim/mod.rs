//! Passes over whole chunks of log and points at the few lines that could matter.
//!
//! Every tripwire compares whole JSON strings with names of the inventory. So a line in which no string equals such
//! a name, and which is an unescaped, balanced event, needs no further look. Deciding that takes one pass over the
//! bytes: bit masks of quotes, braces and line ends for 64 bytes at a time, and for each closing quote one look at
//! a bit table with the bytes before it. The cost is the same for one name and for ten thousand.
//!
//! Whatever is not plainly the shape that the API server writes (an envelope, a cut-off line, an escape that could
//! spell a name) is pointed at too: the pass may only ever spare work, never decide anything.

mod blocks;
mod names;

use std::ops::Range;

use blocks::{BLOCK, Blocks, Masks};
pub use names::Names;

/// What every line of the API server's own log begins with.
const HEAD: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","#;

/// Passes over `chunk`, which holds whole lines (the last may lack its line end), and calls `look` with the range of
/// each line that must be read, line end excluded. Returns how many lines were passed as events without a name.
pub fn skim(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if blocks::avx2::available() {
        // SAFETY: `available` has just said that this processor has what the function is compiled for.
        return unsafe { skim_avx2(names, chunk, look) };
    }
    Pass::new(names, chunk, look).run(&blocks::Portable)
}

/// The same pass without any instruction that only some processors have; what the fast one is tested against.
pub fn skim_portable(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    Pass::new(names, chunk, look).run(&blocks::Portable)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
fn skim_avx2(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    Pass::new(names, chunk, look).run(&blocks::avx2::Avx2)
}

/// The state of a pass, all of it about the line at hand.
struct Pass<'a, L> {
    names: &'a Names,
    chunk: &'a [u8],
    look: L,
    passed: u64,
    line_start: usize,
    /// All ones while inside a string.
    in_string: u64,
    /// 1 where the next byte is escaped by a backslash before it.
    escaped: u64,
    /// Braces opened and not yet closed, outside strings.
    depth: i64,
    /// The line holds a name, or an escape that could spell one.
    suspect: bool,
}

impl<'a, L: FnMut(Range<usize>)> Pass<'a, L> {
    fn new(names: &'a Names, chunk: &'a [u8], look: L) -> Self {
        Self {
            names,
            chunk,
            look,
            passed: 0,
            line_start: 0,
            in_string: 0,
            escaped: 0,
            depth: 0,
            suspect: false,
        }
    }

    #[inline(always)]
    fn run<B: Blocks>(mut self, blocks: &B) -> u64 {
        let mut base = 0;
        let whole = self.chunk.len() / BLOCK * BLOCK;
        let (body, tail) = self.chunk.split_at(whole);
        for block in body.as_chunks::<BLOCK>().0 {
            self.block(blocks, blocks.masks(block), base);
            base += BLOCK;
        }
        if !tail.is_empty() {
            let mut padded = [b' '; BLOCK];
            padded[..tail.len()].copy_from_slice(tail);
            self.block(blocks, blocks.masks(&padded), base);
        }
        if self.line_start < self.chunk.len() {
            self.end_line(self.chunk.len());
        }
        self.passed
    }

    #[inline(always)]
    fn block<B: Blocks>(&mut self, blocks: &B, masks: Masks, base: usize) {
        let escaped = if masks.backslash | self.escaped == 0 {
            0
        } else {
            let escaped = find_escaped(masks.backslash, &mut self.escaped);
            self.check_escapes(masks.backslash & !escaped, base);
            escaped
        };
        let quotes = masks.quote & !escaped;
        let inside = blocks.prefix_xor(quotes) ^ self.in_string;
        if masks.newline == 0 {
            self.in_string = ((inside as i64) >> 63) as u64;
            self.segment(&masks, quotes, inside, u64::MAX, base);
            return;
        }
        self.block_with_line_ends(&masks, quotes, inside, base);
    }

    /// Braces and closing quotes in the part of a block that `part` selects.
    #[inline(always)]
    fn segment(&mut self, masks: &Masks, quotes: u64, inside: u64, part: u64, base: usize) {
        let open = (masks.open & !inside & part).count_ones();
        let close = (masks.close & !inside & part).count_ones();
        self.depth += i64::from(open) - i64::from(close);
        let mut closing = quotes & !inside & part;
        while closing != 0 {
            let at = base + closing.trailing_zeros() as usize;
            closing &= closing - 1;
            if self.names.may_end_at(self.chunk, at) {
                self.suspect |= self.names.ends_at(self.chunk, at);
            }
        }
    }

    fn block_with_line_ends(&mut self, masks: &Masks, quotes: u64, mut inside: u64, base: usize) {
        let mut rest = u64::MAX;
        let mut ends = masks.newline;
        while ends != 0 {
            let bit = ends.trailing_zeros();
            ends &= ends - 1;
            let up_to = (1 << bit) - 1;
            self.segment(masks, quotes, inside, rest & up_to, base);
            // No JSON string holds a line end: a string still open here was cut off, and the next line starts anew.
            self.in_string = (inside >> bit) & 1;
            self.end_line(base + bit as usize);
            rest = !(up_to << 1 | 1);
            if self.in_string != 0 {
                inside ^= rest;
                self.in_string = 0;
            }
        }
        self.segment(masks, quotes, inside, rest, base);
        self.in_string = ((inside as i64) >> 63) as u64;
        if rest == 0 {
            self.in_string = 0;
        }
    }

    /// The line that ends before `end` is passed or pointed at.
    fn end_line(&mut self, end: usize) {
        let range = self.line_start..end;
        let line = &self.chunk[range.clone()];
        let sound = self.depth == 0 && self.in_string == 0 && !self.suspect;
        if sound && line.starts_with(HEAD) && line.ends_with(b"}") {
            self.passed += 1;
        } else if !line.trim_ascii().is_empty() {
            (self.look)(range);
        }
        self.line_start = end + 1;
        self.depth = 0;
        self.suspect = false;
    }

    /// Suspects a line with an escape that could spell a character of a name. Go's encoder escapes `&`, `<` and `>`
    /// everywhere, so those three must not cost a second look.
    #[inline]
    fn check_escapes(&mut self, mut starts: u64, base: usize) {
        while starts != 0 {
            let at = base + starts.trailing_zeros() as usize;
            starts &= starts - 1;
            if self.chunk.get(at + 1) == Some(&b'u') {
                let digits = self.chunk.get(at + 2..at + 6);
                self.suspect |= !matches!(digits, Some(b"0026" | b"003c" | b"003e"));
            }
        }
    }
}

/// The bytes that a backslash before them escapes. `carry` is 1 where the first byte is escaped from the block
/// before, and is set for the next one. A run of backslashes escapes every second byte, so the run's parity decides.
#[inline(always)]
fn find_escaped(backslash: u64, carry: &mut u64) -> u64 {
    let mut escaped = *carry;
    let mut left = backslash & !escaped;
    *carry = 0;
    while left != 0 {
        let bit = left & left.wrapping_neg();
        left ^= bit;
        match bit.checked_mul(2) {
            Some(next) => {
                escaped |= next;
                left &= !next;
            }
            None => *carry = 1,
        }
    }
    escaped
}
