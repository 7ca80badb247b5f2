//! Which rows to take: probability samples with their weights, samples of streams that merge, and those of unknown
//! chance.
//!
//! | sampler | each row's chance | as a function |
//! |---|---|---|
//! | [`SimpleSample`] | equal | [`simple_sample`], [`simple_sample_with_replacement`] |
//! | [`SystematicSample`] | equal; evenly spread | [`systematic_sample`] |
//! | [`StratifiedSample`] | by stratum: proportional, equal, or Neyman's | [`stratified_sample`], [`allocate`] |
//! | [`ClusterSample`] | equal; whole groups | [`cluster_sample`] |
//! | [`WeightedSample`] | by a weight, with or without replacement | [`weighted_sample`], [`AliasTable`] |
//! | [`RecencySample`] | by age | [`recency_weights`] |
//! | [`Reservoir`], [`WeightedReservoir`] | equal, or by weight; of a stream, merges | |
//! | [`RowReservoir`] | equal; whole rows of tables, streams and shards in one pass, merges | |
//! | [`BottomK`] | equal per key; the same keys whatever the order or shards, merges | [`bottom_k`] |
//! | [`EventSampler`] | a rate per key; of a stream, without state | |
//! | importance sampling | of another distribution, which weights put right | [`importance_weights`], [`importance_estimate`] |
//! | [`ConvenienceSample`], [`JudgementSample`] | unknown: estimates from them are biased | |
//! | [`QuotaSample`], [`SnowballSample`] | unknown as well | [`quota_sample`], [`snowball_sample`] |
//!
//! A [`Sample`] has the rows and, of a probability sample, what each stands for: `Σ weight · value` estimates the
//! total over all rows without bias (Horvitz and Thompson, 1952).

mod bottom_k;
mod cells;
mod cluster;
mod events;
mod importance;
mod recency;
mod reservoir;
mod row_reservoir;
mod simple;
mod stratified;
mod systematic;
mod unknown;
mod weighted;
mod weighted_reservoir;

pub use bottom_k::{BottomK, BottomKSample, BottomKState, bottom_k};
pub use cluster::{ClusterSample, cluster_sample};
pub use events::EventSampler;
pub use importance::{ImportanceReport, importance_estimate, importance_weights};
pub use recency::{RecencySample, recency_weights};
pub use reservoir::{Reservoir, ReservoirMethod};
pub use row_reservoir::{RowReservoir, RowReservoirState, RowSample};
pub use simple::{Replacement, SimpleSample, simple_sample, simple_sample_with_replacement};
pub use stratified::{Allocation, StratifiedSample, allocate, stratified_sample};
pub use systematic::{SystematicSample, systematic_sample};
pub use unknown::{
    ConvenienceSample, JudgementSample, QuotaSample, SnowballSample, quota_sample, snowball_sample,
};
pub use weighted::{AliasTable, WeightedSample, weighted_sample};
pub use weighted_reservoir::WeightedReservoir;

use mlsys_core::{Dataset, Error, Partition, Result};

/// The rows that a sampler took.
///
/// ```
/// // Two rows of four stand for two each.
/// let sample = mlsys_sampling::sample::simple_sample(4, 2, 0)?;
/// assert_eq!(sample.weights, Some(vec![2.0, 2.0]));
/// assert_eq!(sample.total(&[5.0; 4])?, Some(20.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Row indices, ascending; with replacement, a row as often as it was drawn.
    pub rows: Vec<usize>,
    /// How many rows of the table each stands for: one over its chance. `None` where the chances are unknown.
    pub weights: Option<Vec<f64>>,
}

impl Sample {
    /// The estimate `Σ weight · value` of the total of a number over the whole table; `None` where the chances are
    /// unknown.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when there are fewer values than rows of the table.
    pub fn total(&self, values: &[f64]) -> Result<Option<f64>> {
        let Some(weights) = &self.weights else { return Ok(None) };
        let mut total = 0.0;
        for (&row, weight) in self.rows.iter().zip(weights) {
            let value = values
                .get(row)
                .ok_or_else(|| Error::shape("values", "one per row of the table", values.len()))?;
            total += weight * value;
        }
        Ok(Some(total))
    }
}

/// Takes rows of a table.
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// let columns = RecordBatch::try_from_iter([
///     ("x", Arc::new(Int64Array::from(vec![5, 6, 7, 8])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
///
/// use mlsys_sampling::sample::{Draw, SimpleSample};
/// let recipe = SimpleSample::new(2).seed(7);
/// let rows = recipe.draw(&data)?.rows;
/// let small = recipe.sample(&data)?;
/// assert_eq!(small.n_rows(), 2);
/// assert_eq!(small.row_ids(), [rows[0] as u64, rows[1] as u64]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub trait Draw {
    /// The rows, and what each stands for.
    ///
    /// # Errors
    ///
    /// When a parameter is out of range, a needed column is not there, or there are too few rows.
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample>;

    /// The rows as a dataset of the same partition.
    ///
    /// # Errors
    ///
    /// As [`draw`](Self::draw).
    fn sample<P: Partition>(&self, data: &Dataset<P>) -> Result<Dataset<P>> {
        data.take(&self.draw(data)?.rows)
    }
}

/// Room for a sample with replacement, whose size nothing else bounds.
fn room_for(estimator: &str, size: usize) -> Result<Vec<usize>> {
    let mut rows = Vec::new();
    match rows.try_reserve_exact(size) {
        Ok(()) => Ok(rows),
        Err(_) => Err(Error::invalid_parameter(estimator, "size", size, "what fits into memory")),
    }
}

/// Checks a sample size without replacement.
fn check_size(estimator: &str, size: usize, n: usize) -> Result<()> {
    if size == 0 {
        return Err(Error::invalid_parameter(estimator, "size", size, "1 or more"));
    }
    if size > n {
        return Err(Error::too_few_rows(size, n, format!("{estimator} without replacement")));
    }
    Ok(())
}
