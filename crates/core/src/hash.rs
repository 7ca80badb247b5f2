//! One stable hash: the same bits on every platform and in every release.
//!
//! Splits, samples, fingerprints and seeds by name rest on it, so its values are fixed by golden tests.
//! It is not for secrets.

use std::hash::Hasher;

pub use crate::row_hash::hash_rows;
pub use crate::row_hash_128::hash_rows_128;

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;

/// Folds the 128-bit product of two words, the mixing step of wyhash.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Takes one more word in. The sum keeps a factor of zero from erasing what came before.
#[inline]
fn absorb(state: u64, word: u64) -> u64 {
    fold(word ^ K1, state ^ K0).wrapping_add(state.rotate_left(29) ^ word)
}

/// Mixes one word under a seed; a bijection-quality finaliser, for row ids and other integers.
///
/// ```
/// assert_eq!(mlsys_core::hash::hash_u64(1, 0), 16_795_027_782_782_117_824);
/// ```
#[inline]
pub fn hash_u64(value: u64, seed: u64) -> u64 {
    fold(fold(value ^ K0, seed ^ K1) ^ K0, value.rotate_left(32) ^ K1)
}

/// Hashes bytes under a seed to 64 bits.
///
/// ```
/// assert_eq!(mlsys_core::hash::hash_bytes(b"a", 0), 12_752_247_811_470_417_154);
/// ```
pub fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut state = hash_u64(seed, K0);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = absorb(state, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    state = absorb(state, u64::from_le_bytes(word));
    hash_u64(state, bytes.len() as u64)
}

/// Hashes bytes under a seed to 128 bits.
pub fn hash_bytes_128(bytes: &[u8], seed: u64) -> u128 {
    u128::from(hash_bytes(bytes, seed)) << 64 | u128::from(hash_bytes(bytes, hash_u64(seed, K1)))
}

/// [`Hasher`] over the same function.
#[derive(Debug, Clone, Default)]
pub struct StableHasher(u64);

impl StableHasher {
    /// A hasher with a start of its own.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }
}

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes, self.0);
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = absorb(self.0, value);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_values() {
        let values = [
            hash_bytes(b"", 0),
            hash_bytes(b"a", 0),
            hash_bytes(b"mlsys", 1),
            hash_u64(0, 0),
            hash_u64(1, 0),
        ];
        assert_eq!(values, GOLDEN);
    }

    /// Changing any of these changes users' splits: never do it.
    const GOLDEN: [u64; 5] = [
        6_247_232_577_440_879_014,
        12_752_247_811_470_417_154,
        8_930_671_625_392_421_563,
        9_453_038_937_549_525_072,
        16_795_027_782_782_117_824,
    ];

    #[test]
    fn single_bits_spread() {
        for bit in 0..64 {
            let changed = (hash_u64(0x1234, 9) ^ hash_u64(0x1234 ^ (1 << bit), 9)).count_ones();
            assert!((12..=52).contains(&changed), "bit {bit} changed {changed} bits");
        }
    }

    #[test]
    fn trailing_zeros_and_length_count() {
        assert_ne!(hash_bytes(b"a", 0), hash_bytes(b"a\0", 0));
        assert_ne!(hash_bytes(b"12345678", 0), hash_bytes(b"12345678\0\0\0\0\0\0\0\0", 0));
    }
}
