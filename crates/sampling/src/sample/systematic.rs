//! Systematic sampling.

use mlsys_core::{Dataset, Partition, Result, seed};
use serde::{Deserialize, Serialize};

use super::{Draw, Sample, check_size};

/// Every `n / size`-th row from a random start: each row has the chance `size / n`, and the sample is spread evenly.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 to the rows there are |
/// | `seed` | 0 | any |
///
/// ```
/// let sample = mlsys_sampling::sample::systematic_sample(100, 4, 1)?;
/// assert!(sample.rows.windows(2).all(|pair| pair[1] - pair[0] == 25));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// In a sorted table it is better than a simple sample; where the rows have a period (a row per hour, every 24th
/// taken) it sees one phase only. Of a sample of up to half the rows, neighbours are never drawn together, so that
/// the usual formula of the variance does not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct SystematicSample {
    size: usize,
    seed: u64,
}

impl SystematicSample {
    /// Takes that many rows.
    pub fn new(size: usize) -> Self {
        Self { size, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the start.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for SystematicSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        systematic_sample(data.n_rows(), self.size, self.seed)
    }
}

/// As [`SystematicSample`].
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for more than there are.
///
/// ```
/// // Starts at 0, 1 or 2.
/// let sample = mlsys_sampling::sample::systematic_sample(9, 3, 0)?;
/// assert_eq!(sample.rows.iter().map(|row| row - sample.rows[0]).collect::<Vec<_>>(), [0, 3, 6]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn systematic_sample(n: usize, size: usize, seed: u64) -> Result<Sample> {
    check_size("SystematicSample", size, n)?;
    // In whole numbers, so that every row has the same chance: row r is taken where r · size, counted from the start,
    // wraps around n.
    let start = u128::from(seed::below(n as u64, &mut seed::stream(seed, 0)));
    let at = |i: usize| ((start + i as u128 * n as u128) / size as u128) as usize;
    Ok(Sample { rows: (0..size).map(at).collect(), weights: Some(vec![n as f64 / size as f64; size]) })
}
