//! Simple random sampling.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use mlsys_core::hash::StableHasher;
use mlsys_core::{Dataset, Error, Partition, Result, seed};
use serde::{Deserialize, Serialize};

use super::{Draw, Sample, check_size, room_for};

/// Whether a row may be drawn twice.
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// let columns = RecordBatch::try_from_iter([
///     ("x", Arc::new(Int64Array::from(vec![5, 6, 7, 8])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
///
/// use mlsys_sampling::sample::{Draw, Replacement, SimpleSample};
/// assert!(SimpleSample::new(9).draw(&data).is_err());
/// assert_eq!(SimpleSample::new(9).replacement(Replacement::With).draw(&data)?.rows.len(), 9);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// Each row once at most.
    #[default]
    Without,
    /// Each draw is from all rows.
    With,
}

/// Rows with equal chances: `size / n` without replacement.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 or more; without replacement up to the rows there are |
/// | `replacement` | `Without` | |
/// | `seed` | 0 | any |
///
/// O(size) draws. The weight of a row is `n / size`.
///
/// ```
/// use mlsys_sampling::sample::simple_sample;
/// let sample = simple_sample(1_000, 10, 7)?;
/// assert_eq!((sample.rows.len(), sample.weights.unwrap()[0]), (10, 100.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// It misses what is rare: a class of ten rows in a million is not in a thousandth; see
/// [`StratifiedSample`](super::StratifiedSample).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct SimpleSample {
    size: usize,
    replacement: Replacement,
    seed: u64,
}

impl SimpleSample {
    /// Takes that many rows.
    pub fn new(size: usize) -> Self {
        Self { size, replacement: Replacement::Without, seed: seed::DEFAULT_SEED }
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

impl Draw for SimpleSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        match self.replacement {
            Replacement::Without => simple_sample(data.n_rows(), self.size, self.seed),
            Replacement::With => simple_sample_with_replacement(data.n_rows(), self.size, self.seed),
        }
    }
}

/// `size` of `n` rows without replacement, ascending.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for more than there are.
///
/// Robert Floyd's algorithm: Jon Bentley, Bob Floyd, *A sample of brilliance*, 1987.
///
/// ```
/// let sample = mlsys_sampling::sample::simple_sample(5, 5, 0)?;
/// assert_eq!(sample.rows, [0, 1, 2, 3, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn simple_sample(n: usize, size: usize, seed: u64) -> Result<Sample> {
    check_size("SimpleSample", size, n)?;
    let rows = floyd(n, size, &mut seed::stream(seed, 0));
    Ok(Sample { rows, weights: Some(vec![n as f64 / size as f64; size]) })
}

/// `size` different numbers below `n`, ascending; `size` is at most `n`.
pub(super) fn floyd(n: usize, size: usize, rng: &mut mlsys_core::rand::rngs::ChaCha8Rng) -> Vec<usize> {
    if size > n / 32 {
        // A mark per row: the memory of the result, and no hashing.
        let mut taken = vec![false; n];
        // The fewer of those in and those out are drawn.
        let (few, mark) = if size <= n / 2 { (size, true) } else { (n - size, false) };
        for last in n - few..n {
            let row = seed::below(last as u64 + 1, rng) as usize;
            let row = if taken[row] { last } else { row };
            taken[row] = true;
        }
        let mut rows = Vec::with_capacity(size);
        rows.extend(taken.iter().enumerate().filter(|(_, taken)| **taken == mark).map(|(row, _)| row));
        return rows;
    }
    let mut taken: HashSet<usize, BuildHasherDefault<StableHasher>> =
        HashSet::with_capacity_and_hasher(size, Default::default());
    for last in n - size..n {
        let row = seed::below(last as u64 + 1, rng) as usize;
        if !taken.insert(row) {
            taken.insert(last);
        }
    }
    let mut rows: Vec<usize> = taken.into_iter().collect();
    rows.sort_unstable();
    rows
}

/// `size` of `n` rows with replacement, ascending, a row as often as it was drawn.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows.
///
/// ```
/// let sample = mlsys_sampling::sample::simple_sample_with_replacement(3, 6, 0)?;
/// assert_eq!((sample.rows.len(), sample.weights.unwrap()[0]), (6, 0.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn simple_sample_with_replacement(n: usize, size: usize, seed: u64) -> Result<Sample> {
    check_size("SimpleSample", size, usize::MAX)?;
    if n == 0 {
        return Err(Error::too_few_rows(1, 0, "SimpleSample"));
    }
    let mut rng = seed::stream(seed, 0);
    let mut rows = room_for("SimpleSample", size)?;
    rows.extend((0..size).map(|_| seed::below(n as u64, &mut rng) as usize));
    rows.sort_unstable();
    Ok(Sample { rows, weights: Some(vec![n as f64 / size as f64; size]) })
}
