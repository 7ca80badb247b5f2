//! Random numbers that depend on the seed and the unit of work, never on threads or the operating system.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::hash::hash_bytes;

/// The seed of every recipe that is not given one.
pub const DEFAULT_SEED: u64 = 0;

/// The generator of unit of work `stream` (tree *i*, fold *i*, replicate *i*) under `seed`.
///
/// ```
/// use mlsys_core::{rand::Rng, seed};
///
/// assert_eq!(seed::stream(42, 1).next_u64(), 13222472167927179408);
/// ```
pub fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// The generator of a unit of work that is known by name, such as a column.
pub fn named(seed: u64, name: &str) -> ChaCha8Rng {
    stream(seed, hash_bytes(name.as_bytes(), 0))
}

/// A permutation of `0..n` (Fisher and Yates), the same for the same generator on every platform.
pub fn permutation(n: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(&mut order, rng);
    order
}

/// Shuffles in place, the same for the same generator on every platform.
pub fn shuffle<T>(values: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..values.len()).rev() {
        values.swap(i, below(i as u64 + 1, rng) as usize);
    }
}

/// A uniform integer in `0..n` by Lemire's method; zero for `n = 0`. Written out here because the
/// algorithms behind rand's ranges may change between its releases.
pub fn below(n: u64, rng: &mut ChaCha8Rng) -> u64 {
    use rand::Rng;
    let mut product = u128::from(rng.next_u64()) * u128::from(n);
    if (product as u64) < n {
        let threshold = n.wrapping_neg() % n.max(1);
        while (product as u64) < threshold {
            product = u128::from(rng.next_u64()) * u128::from(n);
        }
    }
    (product >> 64) as u64
}

/// A uniform number in `[0, 1)` with 53 random bits.
pub fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    use rand::Rng;
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_permutation() {
        assert_eq!(permutation(8, &mut stream(7, 0)), [5, 0, 6, 2, 3, 4, 7, 1]);
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut rng = stream(1, 2);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[below(6, &mut rng) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
        assert_eq!(below(0, &mut rng), 0);
        assert_eq!(below(1, &mut rng), 0);
    }

    #[test]
    fn named_streams_differ() {
        assert_ne!(uniform(&mut named(0, "a")), uniform(&mut named(0, "b")));
    }
}
