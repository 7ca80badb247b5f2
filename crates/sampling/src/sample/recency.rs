//! More of what is recent.

use mlsys_core::{Dataset, Error, Partition, Result, seed};
use serde::{Deserialize, Serialize};

use super::{Draw, Sample, weighted_sample};

/// Rows without replacement, younger ones with more weight: half as much for each half-life of age.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 to the rows there are |
/// | `half_life` | required | nanoseconds (of a date or timestamp column), or the unit of an integer column; above 0 |
/// | `seed` | 0 | any |
///
/// Needs the time role. Age is counted from the youngest row. Rows have no weights in the sample: chances without
/// replacement have no closed form.
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// let columns = RecordBatch::try_from_iter([
///     ("day", Arc::new(Int64Array::from(vec![0, 10, 5_000])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
/// use mlsys_sampling::sample::{Draw, RecencySample};
/// // The last row has 2^499 times the weight of the one before.
/// assert_eq!(RecencySample::new(1, 10.0).draw(&data.time("day")?)?.rows, [2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct RecencySample {
    size: usize,
    half_life: f64,
    seed: u64,
}

impl RecencySample {
    /// Takes that many rows.
    pub fn new(size: usize, half_life: f64) -> Self {
        Self { size, half_life, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for RecencySample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let weights = recency_weights(&data.instants("RecencySample")?, self.half_life)?;
        weighted_sample(&weights, self.size, self.seed)
    }
}

/// `2^(−age / half_life)` of each instant, its age counted from the youngest. Ages of more than 1,000 half-lives
/// count as 1,000, so that no weight is 0.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless the half-life is above 0 and finite.
///
/// ```
/// let weights = mlsys_sampling::sample::recency_weights(&[30, 20], 5.0)?;
/// assert_eq!(weights, [1.0, 0.25]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn recency_weights(times: &[i64], half_life: f64) -> Result<Vec<f64>> {
    if !(half_life > 0.0 && half_life.is_finite()) {
        return Err(Error::invalid_parameter("RecencySample", "half_life", half_life, "above 0, and finite"));
    }
    let youngest = times.iter().copied().max().unwrap_or(0);
    let age = |time: i64| (i128::from(youngest) - i128::from(time)) as f64;
    Ok(times.iter().map(|&time| (-(age(time) / half_life).min(1_000.0)).exp2()).collect())
}
