//! Passes over whole chunks of log and points at the few lines that could matter.
//!
//! Every tripwire compares whole JSON strings with names of the inventory. So a line in which no string equals such
//! a name, and which has the shape that the API server writes, needs no further look. Deciding that takes one pass
//! over the bytes, 64 at a time: for each quote that ends a value, one look at a bit table with the bytes before
//! it. The cost is the same for one name and for ten thousand.
//!
//! A line is passed only if it begins as the API server begins every line, ends as it ends them, has as many braces
//! opened as closed, and has no escape that could spell a name. Everything else (an envelope, a cut-off line, JSON
//! with other spacing) is pointed at: the pass may only ever spare work, never decide anything.

mod blocks;
mod names;

use std::ops::Range;

use blocks::{BLOCK, Blocks, Masks};
pub use names::Names;

/// What every line of the API server's own log begins with.
const HEAD: &[u8] = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":""#;
/// Passes over `chunk`, which holds whole lines (the last may lack its line end), and calls `look` with the range of
/// each line that must be read, line end excluded. Returns how many lines were passed as events without a name.
pub fn skim(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(tails) = names.tails()
            && blocks::vbmi::available()
        {
            // SAFETY: `available` has just said that this processor has what the function is compiled for.
            return unsafe { skim_vbmi(names, tails, chunk, look) };
        }
        if blocks::avx512::available() {
            // SAFETY: `available` has just said that this processor has what the function is compiled for.
            return unsafe { skim_avx512(names, chunk, look) };
        }
        if blocks::avx2::available() {
            // SAFETY: as above.
            return unsafe { skim_avx2(names, chunk, look) };
        }
    }
    skim_portable(names, chunk, look)
}

/// The same pass without any instruction that only some processors have; what the fast ones are tested against.
pub fn skim_portable(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    Pass::new(names, chunk, look).run(&blocks::Portable)
}

/// The pass with AVX2 where the processor has it, for tests and comparison.
pub fn skim_256(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if blocks::avx2::available() {
        // SAFETY: `available` has just said that this processor has what the function is compiled for.
        return unsafe { skim_avx2(names, chunk, look) };
    }
    skim_portable(names, chunk, look)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1,bmi2,lzcnt")]
fn skim_avx2(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    Pass::new(names, chunk, look).run(&blocks::avx2::Avx2)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx2,popcnt,bmi1,bmi2,lzcnt")]
fn skim_avx512(names: &Names, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    Pass::new(names, chunk, look).run(&blocks::avx512::Avx512)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx2,popcnt,bmi1,bmi2,lzcnt")]
fn skim_vbmi(names: &Names, tails: &names::Tails, chunk: &[u8], look: impl FnMut(Range<usize>)) -> u64 {
    // SAFETY: this function is compiled for what `Vbmi` needs, so whoever called it has asked.
    let blocks = unsafe { blocks::vbmi::Vbmi::new(tails) };
    Pass::new(names, chunk, look).run(&blocks)
}

/// The state of a pass, all of it about the line at hand.
struct Pass<'a, L> {
    names: &'a Names,
    chunk: &'a [u8],
    look: L,
    passed: u64,
    line_start: usize,
    /// Braces opened less braces closed, in strings too: text with uneven braces costs a look.
    depth: i32,
    /// The line holds a name, or an escape that could spell one.
    suspect: bool,
}

impl<'a, L: FnMut(Range<usize>)> Pass<'a, L> {
    fn new(names: &'a Names, chunk: &'a [u8], look: L) -> Self {
        Self { names, chunk, look, passed: 0, line_start: 0, depth: 0, suspect: false }
    }

    #[inline(always)]
    fn run<B: Blocks>(mut self, blocks: &B) -> u64 {
        let chunk = self.chunk;
        let mut base = 0;
        // Each step also looks at the byte after its block.
        while let Some(window) = window(chunk, base) {
            let mut masks = blocks.masks(window);
            if base > 0 {
                // SAFETY: `base` is at least 64, and the window lies within the chunk.
                masks.value_end =
                    unsafe { blocks.may_be_names(self.names.probe(), chunk, base, masks.value_end) };
            }
            self.parts(masks, base);
            base = self.usual_blocks(blocks, base + BLOCK);
        }
        let tail = &chunk[base..];
        if !tail.is_empty() {
            let mut padded = [b' '; BLOCK + 1];
            padded[..tail.len()].copy_from_slice(tail);
            self.parts(blocks.masks(&padded), base);
        }
        if self.line_start < chunk.len() {
            self.end_line(chunk.len());
        }
        self.passed
    }

    /// Passes over blocks in which nothing happens but braces, from the second of the chunk on. Returns where the
    /// first other one begins. A loop of its own, without a call, keeps what it compares with in registers.
    #[inline(always)]
    fn usual_blocks<B: Blocks>(&mut self, blocks: &B, mut base: usize) -> usize {
        let (chunk, probe) = (self.chunk, self.names.probe());
        let mut depth = self.depth;
        while let Some(window) = window(chunk, base) {
            let masks = blocks.masks(window);
            // SAFETY: `base` is at least 64, and the window lies within the chunk.
            let suspects = unsafe { blocks.may_be_names(probe, chunk, base, masks.value_end) };
            // What happens in a few blocks of a line is asked for at once: one branch costs less than three.
            if masks.newline | masks.escape | suspects != 0 {
                break;
            }
            depth += masks.open.count_ones() as i32 - masks.close.count_ones() as i32;
            base += BLOCK;
        }
        self.depth = depth;
        base
    }

    /// A block looked at with care; each line in it has its own part.
    #[inline(never)]
    fn parts(&mut self, masks: Masks, base: usize) {
        let mut rest = u64::MAX;
        let mut ends = masks.newline;
        while ends != 0 {
            let bit = ends.trailing_zeros();
            ends &= ends - 1;
            let up_to = (1 << bit) - 1;
            self.part(&masks, rest & up_to, base);
            self.end_line(base + bit as usize);
            rest = !(up_to << 1 | 1);
        }
        self.part(&masks, rest, base);
    }

    /// The braces, escapes and values in the bytes of a block that `part` selects.
    fn part(&mut self, masks: &Masks, part: u64, base: usize) {
        self.depth += (masks.open & part).count_ones() as i32 - (masks.close & part).count_ones() as i32;
        self.values(masks.value_end & part, base);
        self.escapes(masks.escape & part, base);
    }

    fn values(&mut self, mut ends: u64, base: usize) {
        while ends != 0 {
            let at = base + ends.trailing_zeros() as usize;
            ends &= ends - 1;
            self.suspect |= self.names.ends_at(self.chunk, at);
        }
    }

    /// The line that ends before `end` is passed or pointed at.
    fn end_line(&mut self, end: usize) {
        let range = self.line_start..end;
        let line = &self.chunk[range.clone()];
        // An event ends with its annotations, or with the time of its stage.
        let ended = line.ends_with(b"\"}}") || line.ends_with(b"Z\"}");
        if self.depth == 0 && !self.suspect && ended && line.starts_with(HEAD) {
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
    fn escapes(&mut self, mut starts: u64, base: usize) {
        while starts != 0 {
            let at = base + starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let digits = self.chunk.get(at + 2..at + 6);
            self.suspect |= !matches!(digits, Some(b"0026" | b"003c" | b"003e"));
        }
    }
}

/// The block at `base` and the byte after it.
#[inline(always)]
fn window(chunk: &[u8], base: usize) -> Option<&[u8; BLOCK + 1]> {
    chunk.get(base..)?.first_chunk()
}
