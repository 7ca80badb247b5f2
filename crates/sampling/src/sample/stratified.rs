//! Stratified sampling.

use mlsys_core::{Coded, Dataset, Error, Partition, Result, column, seed};
use serde::{Deserialize, Serialize};

use super::cluster::missing;
use super::{Draw, Sample, check_size};

/// How a sample is divided among strata.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// In proportion to the rows of each: `n N_h / N`.
    #[default]
    Proportional,
    /// The same for each.
    Equal,
    /// Neyman's, `n N_h σ_h / Σ N_h σ_h`, with the deviation σ_h of a column: the smallest variance of its total for the size.
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
/// Shares are rounded by the largest remainder. Each stratum gets a row at least, and no more than it has; what it cannot take goes to the
/// others. The weight of a row is `N_h / n_h`. Missing strata are an error.
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
/// Each stratum gets one at least and `sizes` at most; the rest goes by the largest remainder of the share, equal ones in order.
///
/// ```
/// assert_eq!(mlsys_sampling::sample::allocate(&[90, 8, 2], &[90.0, 8.0, 2.0], 10)?, [8, 1, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for more than there are;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for fewer than one for each;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for shares that are negative, not finite or all zero.
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
    // A stratum whose share is out of bounds is settled there; the others divide what is left.
    let mut settled: Vec<Option<usize>> = sizes.iter().map(|&n| (n == 0).then_some(0)).collect();
    loop {
        let open: Vec<usize> = (0..sizes.len()).filter(|&i| settled[i].is_none()).collect();
        let left = size - settled.iter().flatten().sum::<usize>();
        let total: f64 = open.iter().map(|&i| shares[i]).sum();
        let share = |i: usize| {
            if total > 0.0 { left as f64 * (shares[i] / total) } else { left as f64 / open.len() as f64 }
        };
        // Those with too little first: their rows come from the rich ones.
        let low: Vec<usize> = open.iter().copied().filter(|&i| share(i) < 1.0).collect();
        let high: Vec<usize> = open.iter().copied().filter(|&i| share(i) > sizes[i] as f64).collect();
        if !low.is_empty() && low.len() < open.len() {
            low.into_iter().for_each(|i| settled[i] = Some(1));
            continue;
        }
        if !high.is_empty() && high.len() < open.len() {
            high.into_iter().for_each(|i| settled[i] = Some(sizes[i]));
            continue;
        }
        let mut counts: Vec<usize> = settled.iter().map(|s| s.unwrap_or(0)).collect();
        open.iter().for_each(|&i| counts[i] = (share(i) as usize).clamp(1, sizes[i]));
        let mut by_remainder = open.clone();
        let remainder = |i: usize| share(i) - share(i).floor();
        by_remainder.sort_by(|&i, &j| remainder(j).total_cmp(&remainder(i)));
        // Rounding down leaves less than one for each; there are rows enough in all, so that some stratum has room.
        let mut rest = size.saturating_sub(counts.iter().sum());
        while rest > 0 {
            let all = 0..sizes.len();
            let Some(next) = by_remainder.iter().copied().chain(all).find(|&i| counts[i] < sizes[i]) else {
                break;
            };
            counts[next] += 1;
            rest -= 1;
            // Whoever got one more waits for the others.
            if let Some(place) = by_remainder.iter().position(|&i| i == next) {
                by_remainder.remove(place);
                by_remainder.push(next);
            }
        }
        while counts.iter().sum::<usize>() > size {
            let Some(&most) = by_remainder.iter().rev().find(|&&i| counts[i] > 1) else { break };
            counts[most] -= 1;
        }
        return Ok(counts);
    }
}

/// As [`StratifiedSample`]; `values` is the column of [`Allocation::Neyman`].
///
/// # Errors
///
/// As [`allocate`]; [`MissingValues`](mlsys_core::ErrorKind::MissingValues) for rows without a stratum;
/// [`Shape`](mlsys_core::ErrorKind::Shape) when Neyman's allocation has no value per row.
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
