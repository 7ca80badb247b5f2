//! Stratified sampling.

use mlsys_core::{Coded, Dataset, Error, Partition, Result, column, seed};
use serde::{Deserialize, Serialize};

use super::cluster::missing;
use super::{Draw, Sample, check_size};

/// How a sample is divided among strata.
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch, StringArray}};
/// let columns = RecordBatch::try_from_iter([
///     ("h", Arc::new(StringArray::from(vec!["a", "a", "a", "a", "b", "b"])) as _),
///     ("y", Arc::new(Float64Array::from(vec![1.0, 1.0, 1.0, 1.0, 0.0, 9.0])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
///
/// use mlsys_sampling::sample::{Allocation, Draw, StratifiedSample};
/// let of_a = |allocation| -> mlsys_core::Result<usize> {
///     let sample = StratifiedSample::new("h", 3).allocation(allocation).draw(&data)?;
///     Ok(sample.rows.iter().filter(|row| **row < 4).count())
/// };
/// assert_eq!(of_a(Allocation::Proportional)?, 2);
/// // `y` does not vary in `a`: one row tells everything.
/// assert_eq!(of_a(Allocation::Neyman("y".into()))?, 1);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// In proportion to the rows of each: `n N_h / N`.
    #[default]
    Proportional,
    /// The same for each.
    Equal,
    /// Neyman's, `n N_h σ_h / Σ N_h σ_h`, with the deviation σ_h of a column: the smallest variance of its total for
    /// the size.
    Neyman(String),
}

/// Rows of each value of a column, at random within it.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `column` | required | the stratum of each row |
/// | `size` | required | at least one for each stratum, up to the rows there are |
/// | `allocation` | `Proportional` | |
/// | `seed` | 0 | any |
///
/// Shares are rounded by the largest remainder. Each stratum gets a row at least, and no more than it has; what it
/// cannot take goes to the others. The weight of a row is `N_h / n_h`. Missing strata are an error.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// use mlsys_sampling::sample::{Allocation, stratified_sample};
/// let carrier = Coded::new("carrier", &StringArray::from(vec!["AA", "AA", "AA", "AA", "UA", "UA"]))?;
/// let sample = stratified_sample(&carrier, 3, &Allocation::Proportional, None, 0)?;
/// assert_eq!(sample.rows.iter().filter(|row| **row < 4).count(), 2);
/// assert_eq!(sample.weights.unwrap(), [2.0, 2.0, 2.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Jerzy Neyman, *On the two different aspects of the representative method*, 1934.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it draws"]
pub struct StratifiedSample {
    column: String,
    size: usize,
    allocation: Allocation,
    seed: u64,
}

impl StratifiedSample {
    /// Takes that many rows by the strata of a column.
    pub fn new(column: impl Into<String>, size: usize) -> Self {
        Self { column: column.into(), size, allocation: Allocation::Proportional, seed: seed::DEFAULT_SEED }
    }

    /// How the size is divided.
    pub fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = allocation;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Draw for StratifiedSample {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        let strata = Coded::new(&self.column, data.column(&self.column)?)?;
        if strata.missing() > 0 {
            return Err(missing(&self.column, strata.missing()));
        }
        let values = match &self.allocation {
            Allocation::Neyman(name) => Some(column::finite(name, data.column(name)?)?),
            _ => None,
        };
        stratified_sample(&strata, self.size, &self.allocation, values.as_deref(), self.seed)
    }
}

/// How many rows each stratum gives: `shares` are what they are divided by, `sizes` what there is.
///
/// Each stratum that is not empty gets one at least and `sizes` at most, and within these bounds the same multiple of
/// its share; strata without a share divide evenly what the others cannot take. Fractions are rounded by the largest
/// remainder, equal ones in order.
///
/// ```
/// assert_eq!(mlsys_sampling::sample::allocate(&[90, 8, 2], &[90.0, 8.0, 2.0], 10)?, [8, 1, 1]);
/// // The first gives what it has, and the others divide the rest.
/// assert_eq!(mlsys_sampling::sample::allocate(&[2, 90, 90], &[8.0, 1.0, 1.0], 20)?, [2, 9, 9]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for more than there are;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for fewer than one for each;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for shares that are negative or not finite.
pub fn allocate(sizes: &[usize], shares: &[f64], size: usize) -> Result<Vec<usize>> {
    const NAME: &str = "StratifiedSample";
    if sizes.len() != shares.len() {
        return Err(Error::shape("shares", format!("{} strata", sizes.len()), shares.len()));
    }
    check_size(NAME, size, sizes.iter().fold(0usize, |sum, n| sum.saturating_add(*n)))?;
    let strata = sizes.iter().filter(|n| **n > 0).count();
    if size < strata {
        return Err(Error::invalid_parameter(
            NAME,
            "size",
            size,
            format!("{strata} or more: a row for each stratum"),
        ));
    }
    if let Some(i) = shares.iter().position(|s| !(s.is_finite() && *s >= 0.0)) {
        return Err(Error::invalid_value("shares", Some(i), shares[i], "finite and not negative"));
    }
    // A power of two, so that the sum stays finite and shares keep their digits.
    let largest = shares.iter().copied().fold(0.0, f64::max);
    let scale = if largest > 0.0 { (-largest.log2().floor()).clamp(-1_000.0, 1_000.0).exp2() } else { 0.0 };
    let mut shares: Vec<f64> = shares.iter().map(|share| share * scale).collect();
    // The counts are c · share, within bounds, for the one c with which they sum up to the size. If bounds add more
    // rows than they take, c must become smaller: what is too low stays so and is settled; and the other way around.
    let mut counts = vec![0usize; sizes.len()];
    let mut open: Vec<usize> = (0..sizes.len()).filter(|&i| sizes[i] > 0).collect();
    let mut left = size;
    let mut quota = vec![0.0; sizes.len()];
    while !open.is_empty() {
        let mut total: f64 = open.iter().map(|&i| shares[i]).sum();
        if total == 0.0 {
            open.iter().for_each(|&i| shares[i] = 1.0);
            total = open.len() as f64;
        }
        let (mut lacking, mut excess) = (0.0, 0.0);
        for &i in &open {
            quota[i] = left as f64 * shares[i] / total;
            lacking += (1.0 - quota[i]).max(0.0);
            excess += (quota[i] - sizes[i] as f64).max(0.0);
        }
        if lacking == 0.0 && excess == 0.0 {
            break;
        }
        let mut others = open.len();
        open.retain(|&i| {
            let bound = match (quota[i] < 1.0, quota[i] > sizes[i] as f64) {
                (true, _) if lacking >= excess => 1,
                (_, true) if excess >= lacking => sizes[i],
                _ => return true,
            };
            others -= 1;
            counts[i] = bound.min(left - others);
            left -= counts[i];
            false
        });
    }
    // The remainder of a division is exact, where the fraction of a quotient is not: equal ones must be found equal.
    let total: f64 = open.iter().map(|&i| shares[i]).sum();
    let remainder = |i: usize| (left as f64 * shares[i]) % total;
    let whole = |i: usize| ((left as f64 * shares[i] - remainder(i)) / total).round() as usize;
    open.iter().for_each(|&i| counts[i] = whole(i).clamp(1, sizes[i]));
    open.sort_by(|&i, &j| remainder(j).total_cmp(&remainder(i)));
    let taken: u128 = open.iter().map(|&i| counts[i] as u128).sum();
    let (mut rest, mut over) =
        ((left as u128).saturating_sub(taken) as usize, taken.saturating_sub(left as u128) as usize);
    for &i in &open {
        let more = usize::from(rest > 0 && counts[i] < sizes[i]);
        counts[i] += more;
        rest -= more;
    }
    // Nothing is left here but what the rounding of sizes beyond 2^53 leaves.
    for i in open.into_iter().rev().chain(0..sizes.len()) {
        let (more, fewer) = (rest.min(sizes[i] - counts[i]), over.min(counts[i].saturating_sub(1)));
        counts[i] = counts[i] + more - fewer;
        (rest, over) = (rest - more, over - fewer);
    }
    Ok(counts)
}

/// As [`StratifiedSample`]; `values` is the column of [`Allocation::Neyman`].
///
/// # Errors
///
/// As [`allocate`]; [`MissingValues`](mlsys_core::ErrorKind::MissingValues) for rows without a stratum;
/// [`Shape`](mlsys_core::ErrorKind::Shape) when Neyman's allocation has no value per row.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// use mlsys_sampling::sample::{Allocation, stratified_sample};
/// let carrier = Coded::new("carrier", &StringArray::from(vec!["AA", "AA", "AA", "UA"]))?;
/// let sample = stratified_sample(&carrier, 2, &Allocation::Equal, None, 0)?;
/// assert_eq!((sample.rows[1], sample.weights.unwrap()), (3, vec![3.0, 1.0]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn stratified_sample(
    strata: &Coded,
    size: usize,
    allocation: &Allocation,
    values: Option<&[f64]>,
    seed: u64,
) -> Result<Sample> {
    if strata.missing() > 0 {
        return Err(missing("strata", strata.missing()));
    }
    let h = strata.distinct.len();
    let mut sizes = vec![0usize; h];
    strata.codes.iter().for_each(|&code| sizes[code as usize] += 1);
    let shares: Vec<f64> = match allocation {
        Allocation::Proportional => sizes.iter().map(|&n| n as f64).collect(),
        Allocation::Equal => vec![1.0; h],
        Allocation::Neyman(_) => {
            let values = values.unwrap_or_default();
            if values.len() != strata.len() {
                return Err(Error::shape(
                    "values of Neyman's allocation",
                    format!("{} rows", strata.len()),
                    values.len(),
                ));
            }
            let spread = spread(&strata.codes, values, h);
            sizes.iter().zip(spread).map(|(&n, deviation)| n as f64 * deviation).collect()
        }
    };
    // In the order of the values, so that ties do not depend on the order of the rows.
    let mut order: Vec<usize> = (0..h).collect();
    order.sort_by(|&i, &j| strata.distinct[i].cmp(&strata.distinct[j]));
    let pick = |of: &dyn Fn(usize) -> f64| order.iter().map(|&i| of(i)).collect::<Vec<f64>>();
    let sorted_sizes: Vec<usize> = order.iter().map(|&i| sizes[i]).collect();
    let counts = allocate(&sorted_sizes, &pick(&|i| shares[i]), size)?;
    let mut need = vec![0usize; h];
    order.iter().zip(counts).for_each(|(&i, count)| need[i] = count);
    let weight: Vec<f64> = sizes.iter().zip(&need).map(|(&n, &k)| n as f64 / k as f64).collect();
    // Selection sampling: a row is taken with the chance (still needed) / (still to come) of its stratum.
    let mut left = sizes;
    let mut rng = seed::stream(seed, 0);
    let mut rows = Vec::with_capacity(size);
    let mut weights = Vec::with_capacity(size);
    for (row, &code) in strata.codes.iter().enumerate() {
        let code = code as usize;
        if seed::below(left[code] as u64, &mut rng) < need[code] as u64 {
            need[code] -= 1;
            rows.push(row);
            weights.push(weight[code]);
        }
        left[code] -= 1;
    }
    Ok(Sample { rows, weights: Some(weights) })
}

/// The standard deviation of each stratum.
fn spread(codes: &[u32], values: &[f64], strata: usize) -> Vec<f64> {
    let mut count = vec![0.0; strata];
    let (mut mean, mut squares) = (vec![0.0; strata], vec![0.0; strata]);
    for (&code, &x) in codes.iter().zip(values) {
        let code = code as usize;
        count[code] += 1.0;
        let d: f64 = x - mean[code];
        mean[code] += d / count[code];
        squares[code] += d * (x - mean[code]);
    }
    squares.iter().zip(count).map(|(s, n): (&f64, f64)| (s / n).sqrt()).collect()
}
