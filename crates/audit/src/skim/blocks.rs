//! Bit masks of the characters that shape JSON, 64 bytes at a time.

/// Bytes looked at in one step; one bit of a mask each.
pub(super) const BLOCK: usize = 64;

/// Where the shaping characters stand in a block: bit `i` for byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    pub(super) newline: u64,
    pub(super) open: u64,
    pub(super) close: u64,
}

/// A way to make masks.
pub(super) trait Blocks {
    fn masks(&self, block: &[u8; BLOCK]) -> Masks;

    /// Bit `i` of the answer is the parity of bits `0..=i`.
    fn prefix_xor(&self, bits: u64) -> u64;
}

/// Needs no special instruction.
pub(super) struct Portable;

impl Blocks for Portable {
    #[inline(always)]
    fn masks(&self, block: &[u8; BLOCK]) -> Masks {
        let of =
            |byte: u8| block.iter().enumerate().fold(0, |mask, (i, b)| mask | u64::from(*b == byte) << i);
        Masks { quote: of(b'"'), backslash: of(b'\\'), newline: of(b'\n'), open: of(b'{'), close: of(b'}') }
    }

    #[inline(always)]
    fn prefix_xor(&self, bits: u64) -> u64 {
        [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |x, shift| x ^ (x << shift))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    //! Two registers of 32 bytes, and carry-less multiplication for the parity.

    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
    };

    use super::{BLOCK, Blocks, Masks};

    /// Whether this processor has what [`Avx2`] needs.
    pub(in crate::skim) fn available() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
    }

    /// To be used only from a function compiled for AVX2 and PCLMULQDQ, after [`available`] said yes.
    pub(in crate::skim) struct Avx2;

    impl Blocks for Avx2 {
        #[inline(always)]
        fn masks(&self, block: &[u8; BLOCK]) -> Masks {
            // SAFETY: both loads lie within the 64 bytes of `block` and need no alignment; the instructions exist,
            // since nothing makes an `Avx2` run before `available` was asked.
            let (low, high) = unsafe {
                let at = block.as_ptr().cast::<__m256i>();
                (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
            };
            let of = |byte: u8| {
                // SAFETY: as above; no memory is touched.
                unsafe {
                    let wanted = _mm256_set1_epi8(byte.cast_signed());
                    let bits = |half| {
                        u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(half, wanted)).cast_unsigned())
                    };
                    bits(low) | bits(high) << 32
                }
            };
            Masks {
                quote: of(b'"'),
                backslash: of(b'\\'),
                newline: of(b'\n'),
                open: of(b'{'),
                close: of(b'}'),
            }
        }

        #[inline(always)]
        fn prefix_xor(&self, bits: u64) -> u64 {
            // SAFETY: PCLMULQDQ exists, as above; no memory is touched.
            unsafe {
                let product =
                    _mm_clmulepi64_si128(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1), 0);
                _mm_cvtsi128_si64(product).cast_unsigned()
            }
        }
    }
}
