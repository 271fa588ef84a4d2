//! Bit masks of what shapes a line of JSON, 64 bytes at a time.

use super::names::Probe;

/// Bytes looked at in one step; one bit of a mask each.
pub(super) const BLOCK: usize = 64;

/// Where the shaping bytes stand in a block: bit `i` for byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    /// A quote before `,`, `}`, `]` or white space: every string that is a value ends so.
    pub(super) value_end: u64,
    /// A backslash before `u`.
    pub(super) escape: u64,
    /// `\n`.
    pub(super) newline: u64,
    /// `{`.
    pub(super) open: u64,
    /// `}`.
    pub(super) close: u64,
}

/// How many values of a block are looked up without asking first how many there are: a guess that is right for most
/// blocks costs less than a branch that is wrong for many.
const USUAL: usize = 3;

/// A way to look at blocks.
pub(super) trait Blocks {
    /// The masks of the first 64 of 65 bytes.
    fn masks(&self, window: &[u8; BLOCK + 1]) -> Masks;

    /// Of the bits of `ends`, at which strings end in the block at `base`, at least those whose string may be a name.
    ///
    /// # Safety
    ///
    /// `base` must be at least 64, and the block must end within `chunk`.
    #[inline(always)]
    unsafe fn may_be_names(&self, probe: Probe<'_>, chunk: &[u8], base: usize, ends: u64) -> u64 {
        let (mut found, mut rest) = (0, ends);
        for _ in 0..USUAL {
            // SAFETY: `base` is at least 64 and `base + 64` within the chunk. With no end left this is 64, the byte
            // after the block, which is looked at again in its own turn.
            found |= unsafe { probe.before(chunk, base + rest.trailing_zeros() as usize) };
            rest &= rest.wrapping_sub(1);
        }
        if found | rest == 0 { 0 } else { ends }
    }
}

/// Needs no special instruction.
pub(super) struct Portable;

impl Blocks for Portable {
    #[inline(always)]
    fn masks(&self, window: &[u8; BLOCK + 1]) -> Masks {
        let mut masks = Masks { value_end: 0, escape: 0, newline: 0, open: 0, close: 0 };
        for (i, pair) in window.windows(2).enumerate() {
            let bit = 1 << i;
            match pair {
                [b'"', b',' | b'}' | b']' | 0..=b' '] => masks.value_end |= bit,
                [b'\\', b'u'] => masks.escape |= bit,
                [b'\n', _] => masks.newline |= bit,
                [b'{', _] => masks.open |= bit,
                [b'}', _] => masks.close |= bit,
                _ => {}
            }
        }
        masks
    }
}

/// Sets the bit that makes `]` a `}`, and no other byte of JSON one of them.
#[cfg(target_arch = "x86_64")]
const BRACKET_TO_BRACE: i8 = 0x20;

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    //! Registers of 32 bytes.

    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    use super::{BLOCK, BRACKET_TO_BRACE, Blocks, Masks};

    /// Whether this processor has what [`Avx2`] needs.
    pub(in crate::skim) fn available() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
    }

    /// To be used only from a function compiled for AVX2, after [`available`] said yes.
    pub(in crate::skim) struct Avx2;

    /// The masks of 32 bytes, as the low halves.
    ///
    /// # Safety
    ///
    /// AVX2 must be there, and `at` must point at 33 bytes.
    #[inline(always)]
    unsafe fn half(at: *const u8) -> [u32; 5] {
        // SAFETY: both loads lie within the 33 bytes and need no alignment; nothing else touches memory.
        unsafe {
            let bytes = _mm256_loadu_si256(at.cast::<__m256i>());
            let next = _mm256_loadu_si256(at.add(1).cast::<__m256i>());
            let is = |bytes, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()));
            let bits = |mask| _mm256_movemask_epi8(mask).cast_unsigned();
            let brace = is(_mm256_or_si256(next, _mm256_set1_epi8(BRACKET_TO_BRACE)), b'}');
            let space = _mm256_cmpeq_epi8(_mm256_min_epu8(next, _mm256_set1_epi8(b' '.cast_signed())), next);
            let ending = _mm256_or_si256(_mm256_or_si256(is(next, b','), brace), space);
            [
                bits(_mm256_and_si256(is(bytes, b'"'), ending)),
                bits(_mm256_and_si256(is(bytes, b'\\'), is(next, b'u'))),
                bits(is(bytes, b'\n')),
                bits(is(bytes, b'{')),
                bits(is(bytes, b'}')),
            ]
        }
    }

    impl Blocks for Avx2 {
        #[inline(always)]
        fn masks(&self, window: &[u8; BLOCK + 1]) -> Masks {
            // SAFETY: the window has 65 bytes, so that both halves have 33; AVX2 is there, since nothing makes an
            // `Avx2` run before `available` was asked.
            let (low, high) = unsafe { (half(window.as_ptr()), half(window.as_ptr().add(BLOCK / 2))) };
            let [value_end, escape, newline, open, close] =
                std::array::from_fn(|i| u64::from(low[i]) | u64::from(high[i]) << 32);
            Masks { value_end, escape, newline, open, close }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512 {
    //! One register of 64 bytes, and comparisons that give masks at once.

    use std::arch::x86_64::{
        __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_or_si512,
        _mm512_set1_epi8,
    };

    use super::{BLOCK, BRACKET_TO_BRACE, Blocks, Masks};

    /// Whether this processor has what [`Avx512`] needs.
    pub(in crate::skim) fn available() -> bool {
        super::avx2::available()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
    }

    /// To be used only from a function compiled for AVX-512, after [`available`] said yes.
    pub(in crate::skim) struct Avx512;

    impl Blocks for Avx512 {
        #[inline(always)]
        fn masks(&self, window: &[u8; BLOCK + 1]) -> Masks {
            // SAFETY: both loads lie within the 65 bytes of the window and need no alignment; the instructions are
            // there, since nothing makes an `Avx512` run before `available` was asked.
            unsafe {
                let bytes = _mm512_loadu_si512(window.as_ptr().cast::<__m512i>());
                let next = _mm512_loadu_si512(window.as_ptr().add(1).cast::<__m512i>());
                let is =
                    |bytes, byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
                let brace = _mm512_or_si512(next, _mm512_set1_epi8(BRACKET_TO_BRACE));
                let space = _mm512_cmple_epu8_mask(next, _mm512_set1_epi8(b' '.cast_signed()));
                Masks {
                    value_end: is(bytes, b'"') & (is(next, b',') | is(brace, b'}') | space),
                    escape: is(bytes, b'\\') & is(next, b'u'),
                    newline: is(bytes, b'\n'),
                    open: is(bytes, b'{'),
                    close: is(bytes, b'}'),
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod vbmi {
    //! As with AVX-512, and the last bytes of all values of a block looked up at once.

    use std::arch::x86_64::{
        __m512i, _mm512_loadu_si512, _mm512_mask_test_epi8_mask, _mm512_permutex2var_epi8,
        _mm512_ternarylogic_epi64,
    };

    use super::{
        super::names::{Probe, Tails},
        BLOCK, Blocks, Masks,
        avx512::Avx512,
    };

    /// Whether this processor has what [`Vbmi`] needs.
    pub(in crate::skim) fn available() -> bool {
        super::avx512::available() && is_x86_feature_detected!("avx512vbmi")
    }

    /// To be used only from a function compiled for AVX-512 with VBMI, after [`available`] said yes.
    pub(in crate::skim) struct Vbmi {
        tables: [[__m512i; 2]; Tails::LENGTH],
    }

    impl Vbmi {
        /// # Safety
        ///
        /// [`available`] must have said yes.
        #[inline(always)]
        pub(in crate::skim) unsafe fn new(tails: &Tails) -> Self {
            // SAFETY: both halves of a table have 64 bytes and need no alignment.
            let load = |table: &[[u8; 64]; 2]| unsafe {
                [_mm512_loadu_si512(table[0].as_ptr().cast()), _mm512_loadu_si512(table[1].as_ptr().cast())]
            };
            Self { tables: std::array::from_fn(|i| load(&tails.0[i])) }
        }
    }

    impl Blocks for Vbmi {
        #[inline(always)]
        fn masks(&self, window: &[u8; BLOCK + 1]) -> Masks {
            Avx512.masks(window)
        }

        #[inline(always)]
        unsafe fn may_be_names(&self, _: Probe<'_>, chunk: &[u8], base: usize, ends: u64) -> u64 {
            // SAFETY: the loads begin at most five bytes before `base`, which is at least 64, and end within the
            // block, which ends within the chunk, says the caller. The instructions are there, since nothing makes a
            // `Vbmi` before `available` was asked.
            unsafe {
                let block = chunk.as_ptr().add(base);
                let groups = |back: usize| {
                    let bytes = _mm512_loadu_si512(block.sub(back).cast::<__m512i>());
                    let [low, high] = self.tables[back - 1];
                    _mm512_permutex2var_epi8(low, bytes, high)
                };
                /// The truth table of `a & b & c`.
                const ALL: i32 = 0x80;
                let three = _mm512_ternarylogic_epi64::<ALL>(groups(1), groups(2), groups(3));
                let five = _mm512_ternarylogic_epi64::<ALL>(three, groups(4), groups(5));
                _mm512_mask_test_epi8_mask(ends, five, five)
            }
        }
    }
}
