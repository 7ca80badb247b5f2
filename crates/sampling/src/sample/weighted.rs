//! Sampling by weight, with and without replacement.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Dataset, Error, ErrorKind, Partition, Result, dataset, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Draw, Replacement, Sample, check_size, room_for};

/// Rows by the weight in a column.
///
/// Without replacement, rows are drawn one after another, each in proportion to its weight among those left
/// (successive sampling): chances are not proportional to the weights, heavy rows saturate. With replacement each
/// draw is in proportion to the weights.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `column` | required | finite weights, not negative; a row of weight zero is never drawn |
/// | `size` | required | 1 or more; without replacement up to the rows of positive weight |
/// | `replacement` | `Without` | |
/// | `seed` | 0 | any |
///
/// The sample has weights (`1 / (size · share)`) with replacement only: without, chances have no closed form. Weights
/// below 1e-305 or above 1e300 count as those without replacement. Two passes in parallel.
///
/// ```
/// let sample = mlsys_sampling::sample::weighted_sample(&[0.0, 1.0, 1.0, 1e9], 2, 5)?;
/// assert!(sample.rows[1] == 3 && sample.rows[0] != 0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Pavlos Efraimidis, Paul Spirakis, *Weighted random sampling with a reservoir*, 2006 (the keys of A-Res; the rows
/// are in memory here. Of a stream: [`WeightedReservoir`](super::WeightedReservoir)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct WeightedSample {
    column: String,
    size: usize,
    replacement: Replacement,
    seed: u64,
}

impl WeightedSample {
    /// Takes that many rows by the weight in a column.
    pub fn new(column: impl Into<String>, size: usize) -> Self {
        Self { column: column.into(), size, replacement: Replacement::Without, seed: seed::DEFAULT_SEED }
    }

    /// Whether a row may be drawn twice.
    pub fn replacement(mut self, replacement: Replacement) -> Self {
        self.replacement = replacement;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for WeightedSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let weights = dataset::weights_of(&self.column, data.column(&self.column)?)?;
        if self.replacement == Replacement::Without {
            return weighted_sample(&weights, self.size, self.seed);
        }
        check_size("WeightedSample", self.size, usize::MAX)?;
        let table = AliasTable::new(&weights)?;
        let mut rng = seed::stream(self.seed, 0);
        let mut rows = room_for("WeightedSample", self.size)?;
        rows.extend((0..self.size).map(|_| table.draw(&mut rng)));
        rows.sort_unstable();
        // By the largest, so that the sum stays finite.
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let total: f64 = weights.iter().map(|weight| weight / largest).sum();
        let stands_for = rows.iter().map(|&row| total / (weights[row] / largest) / self.size as f64);
        let weights = Some(stands_for.collect());
        Ok(Sample { rows, weights })
    }
}

pub(super) fn check_weights(weights: &[f64]) -> Result<()> {
    match weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        None => Ok(()),
        Some(row) if weights[row].is_infinite() => {
            Err(ErrorKind::NonFinite { column: "weights".into(), row, value: weights[row] }.into())
        }
        Some(row) => Err(Error::invalid_value("weights", Some(row), weights[row], "a weight of 0 or more")),
    }
}

/// Rows that share a random stream.
const BLOCK: usize = 65_536;

/// As [`WeightedSample`] without replacement: the rows of the `size` smallest keys `−ln(u) / w`, ascending.
///
/// # Errors
///
/// [`NonFinite`](ErrorKind::NonFinite) and [`InvalidValue`](ErrorKind::InvalidValue) for bad weights;
/// [`InvalidParameter`](ErrorKind::InvalidParameter) for a size of 0; [`TooFewRows`](ErrorKind::TooFewRows) for more
/// than there are rows of positive weight.
///
/// ```
/// let sample = mlsys_sampling::sample::weighted_sample(&[3.0, 0.0, 1.0], 2, 0)?;
/// assert_eq!((sample.rows, sample.weights), (vec![0, 2], None));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn weighted_sample(weights: &[f64], size: usize, seed: u64) -> Result<Sample> {
    let blocks: Vec<Result<usize>> = weights
        .par_chunks(BLOCK)
        .enumerate()
        .map(|(i, block)| {
            check_weights(block).map_err(|e| e.offset_rows(i * BLOCK))?;
            Ok(block.iter().filter(|w| **w > 0.0).count())
        })
        .collect();
    let positive = mlsys_core::first_error::<usize, Vec<usize>>(blocks)?.iter().sum();
    check_size("WeightedSample (rows of positive weight)", size, positive)?;
    // A pilot tells about how large the largest key of the sample is; most rows then need no logarithm.
    let every = weights.len().div_ceil(BLOCK);
    let mut rng = seed::stream(seed, u64::MAX);
    let pilot = weights.iter().step_by(every).map(|&weight| {
        let uniform = 1.0 - seed::uniform(&mut rng);
        if weight > 0.0 { key(uniform, weight) } else { f64::INFINITY }
    });
    let mut pilot: Vec<f64> = pilot.collect();
    let wanted = size as f64 / weights.len() as f64 * pilot.len() as f64;
    let place = (wanted + 6.0 * wanted.sqrt() + 16.0) as usize;
    let limit = if place < pilot.len() {
        *pilot.select_nth_unstable_by(place, f64::total_cmp).1
    } else {
        f64::INFINITY
    };
    let mut keys = keys_below(weights, limit, seed);
    if keys.iter().map(Vec::len).sum::<usize>() < size {
        keys = keys_below(weights, f64::INFINITY, seed);
    }
    Ok(Sample { rows: smallest(&keys, size), weights: None })
}

/// The rows of the `size` smallest keys, ascending: the blocks are in the order of rows. Of equal keys the first rows
/// are taken.
fn smallest(blocks: &[Vec<(f64, u64)>], size: usize) -> Vec<usize> {
    let mut keys: Vec<f64> = blocks.iter().flatten().map(|(key, _)| *key).collect();
    let (below, &mut largest, _) = keys.select_nth_unstable_by(size - 1, f64::total_cmp);
    let mut ties = size - below.iter().filter(|key| **key < largest).count();
    let mut rows = Vec::with_capacity(size);
    for &(key, row) in blocks.iter().flatten() {
        if key < largest {
            rows.push(row as usize);
        } else if key == largest && ties > 0 {
            ties -= 1;
            rows.push(row as usize);
        }
    }
    rows
}

/// The key of a row, from a uniform number above 0: exponential with the rate `weight`.
#[inline]
fn key(uniform: f64, weight: f64) -> f64 {
    (0.0 - uniform.ln()) / within(weight)
}

/// Weights count as within these bounds, so that no key of a positive weight overflows or vanishes, and ties them.
#[inline]
pub(super) fn within(weight: f64) -> f64 {
    weight.clamp(1e-305, 1e300)
}

/// The keys up to a limit, and their rows, block by block.
fn keys_below(weights: &[f64], limit: f64, seed: u64) -> Vec<Vec<(f64, u64)>> {
    weights
        .par_chunks(BLOCK)
        .enumerate()
        .map(|(i, block)| {
            let mut rng = seed::stream(seed, i as u64);
            let mut found = Vec::new();
            for (row, &weight) in block.iter().enumerate() {
                // Above 0 and up to 1.
                let uniform = 1.0 - seed::uniform(&mut rng);
                // −ln(u) is at least 1 − u: the logarithm is needed near the limit only.
                if weight > 0.0 && 1.0 - uniform <= limit * within(weight) {
                    let key = key(uniform, weight);
                    if key <= limit {
                        found.push((key, (i * BLOCK + row) as u64));
                    }
                }
            }
            found
        })
        .collect()
}

/// A table from which an index is drawn in proportion to its weight in constant time.
///
/// ```
/// use mlsys_core::seed;
/// use mlsys_sampling::sample::AliasTable;
/// let table = AliasTable::new(&[1.0, 0.0, 3.0])?;
/// let mut rng = seed::stream(1, 0);
/// let drawn: Vec<usize> = (0..10_000).map(|_| table.draw(&mut rng)).collect();
/// let share = drawn.iter().filter(|i| **i == 2).count() as f64 / 1e4;
/// assert!((share - 0.75).abs() < 0.02 && !drawn.contains(&1));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Alastair Walker, *An efficient method for generating discrete random variables with general distributions*, 1977;
/// built as in Michael Vose, *A linear algorithm for generating random numbers with a given distribution*, 1991.
#[derive(Debug, Clone, PartialEq)]
pub struct AliasTable {
    /// The chance that a slot stays with its index, and the index that it else gives.
    slots: Vec<(f64, u32)>,
}

impl AliasTable {
    /// The table of these weights.
    ///
    /// # Errors
    ///
    /// As [`weighted_sample`]; [`TooFewRows`](ErrorKind::TooFewRows) without a positive weight.
    pub fn new(weights: &[f64]) -> Result<Self> {
        check_weights(weights)?;
        let n = weights.len();
        let largest = weights.iter().copied().fold(0.0, f64::max);
        if largest == 0.0 {
            return Err(Error::too_few_rows(1, 0, "an alias table (rows of positive weight)"));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::shape("weights", "at most 4294967295", n));
        }
        // By the largest first, so that the sum stays finite.
        let mean = weights.iter().map(|w| w / largest).sum::<f64>() / n as f64;
        let mut share: Vec<f64> = weights.iter().map(|w| w / largest / mean).collect();
        let mut slots: Vec<(f64, u32)> = (0..n as u32).map(|i| (1.0, i)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| share[i] < 1.0);
        while let (Some(&low), Some(&high)) = (small.last(), large.last()) {
            small.pop();
            slots[low] = (share[low], high as u32);
            share[high] = (share[high] + share[low]) - 1.0;
            if share[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        // What rounding leaves over is full, but never an index without weight.
        for &left in small.iter().filter(|&&i| weights[i] == 0.0) {
            let heaviest = weights.iter().position(|w| *w == largest).unwrap_or(0);
            slots[left] = (0.0, heaviest as u32);
        }
        Ok(Self { slots })
    }

    /// Draws an index.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        let slot = seed::below(self.slots.len() as u64, rng) as usize;
        let (stays, other) = self.slots[slot];
        if seed::uniform(rng) < stays { slot } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A key per row, all of them sorted.
    fn naive(weights: &[f64], size: usize, seed: u64) -> Vec<usize> {
        let mut keys = Vec::new();
        for (i, block) in weights.chunks(BLOCK).enumerate() {
            let mut rng = seed::stream(seed, i as u64);
            for (row, &weight) in block.iter().enumerate() {
                let uniform = 1.0 - seed::uniform(&mut rng);
                if weight > 0.0 {
                    keys.push((key(uniform, weight), i * BLOCK + row));
                }
            }
        }
        keys.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut rows: Vec<usize> = keys[..size].iter().map(|(_, row)| *row).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn as_all_keys_sorted() {
        type Weight = fn(usize) -> f64;
        let weights: [(&str, Weight); 6] = [
            ("equal", |_| 1.0),
            ("some zero", |i| (i % 5) as f64),
            ("extreme", |i| [1e-300, 1.0, 1e300][i % 3]),
            ("beyond what counts", |i| [5e-324, 1e-310, f64::MAX, 1.0][i % 4]),
            // The pilot sees every second or third row: of these, all the heavy ones or none.
            ("heavy where the pilot looks", |i| if i % 6 == 0 { 1e6 } else { 1.0 }),
            ("heavy where it does not", |i| if i % 6 == 1 { 1e6 } else { 1.0 }),
        ];
        for (name, of) in weights {
            for n in [1, 2, 30, 5_000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7] {
                let weights: Vec<f64> = (0..n).map(of).collect();
                let positive = weights.iter().filter(|w| **w > 0.0).count();
                for size in [1, 2, 17, n / 50, n / 3, positive - positive.min(1), positive] {
                    if (1..=positive).contains(&size) {
                        let found = weighted_sample(&weights, size, n as u64).unwrap().rows;
                        assert!(found == naive(&weights, size, n as u64), "{name}: {size} of {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_limit_that_is_too_low_is_dropped() {
        // Where the pilot looks is heavy and the sample is larger than the heavy rows: the limit does not reach.
        let n = 3 * BLOCK;
        let weights: Vec<f64> = (0..n).map(|i| if i % 3 == 0 { 1e9 } else { 1e-9 }).collect();
        let size = n / 3 + 500;
        let limit = 1e-3;
        assert!(keys_below(&weights, limit, 4).concat().len() < size);
        assert!(weighted_sample(&weights, size, 4).unwrap().rows == naive(&weights, size, 4));
    }

    #[test]
    fn slots_give_each_index_its_share() {
        let mut rng = seed::stream(7, 7);
        let random: Vec<f64> = (0..1_000).map(|_| seed::uniform(&mut rng).powi(9)).collect();
        let heavy: Vec<f64> = (0..5_000).map(|i| if i == 7 { 1e6 } else { 1.0 }).collect();
        let mut sparse = vec![0.0; 300];
        (sparse[3], sparse[299]) = (1e-300, 3e-300);
        let tenths = vec![0.1; 77];
        for weights in [vec![1.0], vec![1e300, f64::MAX, 0.0], random, heavy, sparse, tenths] {
            let table = AliasTable::new(&weights).unwrap();
            let mut found = vec![0.0; weights.len()];
            for (i, &(stays, other)) in table.slots.iter().enumerate() {
                assert!((0.0..=1.0).contains(&stays));
                found[i] += stays;
                found[other as usize] += 1.0 - stays;
            }
            let total: f64 = weights.iter().map(|w| w / 1e8).sum();
            for (slots, weight) in found.iter().zip(&weights) {
                let share = weight / 1e8 / total;
                assert!((slots / weights.len() as f64 - share).abs() < 1e-12, "{slots} {share}");
                assert!(*weight > 0.0 || *slots == 0.0, "drawn without a weight");
            }
        }
    }
}
