//! Little's test of whether values are missing completely at random.

use std::collections::BTreeMap;
use std::fmt;

use mlsys_core::ndarray::{Array1, Array2};
use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, Error, ErrorKind, Kind, Partition, Result};
use mlsys_stats::hypothesis::chi_square_sf;
use mlsys_stats::solve::Cholesky;
use serde::{Deserialize, Serialize};

use super::co_moments::CoMoments;
use super::missing_patterns::MissingPatterns;
use super::missing_patterns_summary::MissingPatternsSummary;
use super::normal::{Normal, Part, dot};

/// Little's test: do the means of the observed numbers differ between the patterns of missing values more than chance
/// lets them? If they do, the values are not missing completely at random (MCAR).
///
/// ```text
/// d² = Σⱼ nⱼ (ȳⱼ - μ̂ⱼ)' Σ̂ⱼ⁻¹ (ȳⱼ - μ̂ⱼ)      chi-square with Σⱼ kⱼ - p degrees of freedom under MCAR
/// ```
/// over the patterns j of nⱼ rows and kⱼ observed columns of p; μ̂ and Σ̂ (divisor n) are the maximum likelihood estimates
/// of a normal distribution, by EM over the moments of the patterns.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `tolerance` | 1e-12 | above 0 | EM stops when nothing moves more, in standard deviations |
/// | `max_iterations` | 10,000 | 1 or more | then [`converged`](LittleMcarReport::converged) is false |
///
/// **Input**: a summary of [`MissingPatterns`], whose numeric columns are tested, or the numeric features of a dataset.
/// A pattern that misses all of them counts as a pattern and adds nothing. Without gaps there is nothing to test: d² = 0,
/// no degrees of freedom, p = 1. **Cost**: one pass; then p³ per pattern and iteration, whatever the number of rows.
/// **Errors**: [`AllMissing`](ErrorKind::AllMissing); [`TooFewRows`](ErrorKind::TooFewRows);
/// [`InvalidValue`](ErrorKind::InvalidValue) naming a column that is constant or follows from the others;
/// [`UnsupportedRole`](ErrorKind::UnsupportedRole) for weights.
///
/// ```
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_core::Dataset;
/// use mlsys_missing_values::LittleMcar;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
/// let y = Arc::new(Float64Array::from(vec![Some(1.5), Some(1.0), Some(3.5), None, None, None]));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("y", y as _)])?)?;
/// // The means of x are 2 and 5, about 3.5, and its variance is 35/12: d² = 2 · 3 · 1.5² / (35/12).
/// let found = LittleMcar::new().of(&data)?;
/// assert!((found.statistic - 13.5 / (35.0 / 12.0)).abs() < 1e-9);
/// assert_eq!((found.degrees_of_freedom, found.patterns), (1, 2));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: it only sees means, of numbers, and takes them for normal; not rejecting is no proof of MCAR, and it can never
/// tell values missing by the other columns (MAR) from values missing by themselves (MNAR). With many rows tiny differences
/// reject. R's naniar stops EM at 1e-4: its statistic differs in the sixth digit.
///
/// Roderick Little, *A Test of Missing Completely at Random for Multivariate Data with Missing Values*, 1988, equation 5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LittleMcar {
    tolerance: f64,
    max_iterations: usize,
}

impl Default for LittleMcar {
    fn default() -> Self {
        Self { tolerance: 1e-12, max_iterations: 10_000 }
    }
}

/// What [`LittleMcar`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LittleMcarReport {
    /// d².
    pub statistic: f64,
    /// The observed columns of all patterns, less the number of columns.
    pub degrees_of_freedom: u64,
    /// The chance of so large a statistic under MCAR.
    pub p_value: f64,
    /// How many patterns the numeric columns have.
    pub patterns: usize,
    /// The columns that were tested.
    pub columns: Vec<String>,
    /// Their maximum likelihood means.
    pub means: Array1<f64>,
    /// Their maximum likelihood covariance (divisor n).
    pub covariance: Array2<f64>,
    /// Steps of EM.
    pub iterations: usize,
    /// Whether EM came to rest.
    pub converged: bool,
}

impl fmt::Display for LittleMcarReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Little's MCAR test: d2 = {:.4}, df = {}, p = {:.4}, {} patterns",
            self.statistic, self.degrees_of_freedom, self.p_value, self.patterns
        )?;
        if self.converged { Ok(()) } else { write!(f, " (EM had not converged after {})", self.iterations) }
    }
}

impl LittleMcar {
    /// The test.
    pub fn new() -> Self {
        Self::default()
    }

    /// When EM stops, in standard deviations.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The most steps of EM.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Tests the numeric features of a dataset.
    ///
    /// # Errors
    ///
    /// As [`test`](Self::test); [`UnsupportedRole`](ErrorKind::UnsupportedRole) for weights.
    pub fn of<P: Partition>(&self, data: &Dataset<P>) -> Result<LittleMcarReport> {
        data.refuse_weights("LittleMcar")?;
        let columns =
            data.layout().features_for("LittleMcar", Kind::is_number, Kind::is_number, "numeric")?;
        self.test(&summarize(&MissingPatterns::of(columns), data)?)
    }

    /// Tests the numeric columns of a summary.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn test(&self, found: &MissingPatternsSummary) -> Result<LittleMcarReport> {
        let bad =
            |name, value: String, range| Err(Error::invalid_parameter("LittleMcar", name, value, range));
        if self.max_iterations == 0 {
            return bad("max_iterations", "0".into(), "1 or more");
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return bad("tolerance", self.tolerance.to_string(), "above 0");
        }
        let patterns = projected(found)?;
        let columns: Vec<String> = found.numeric.iter().map(|&j| found.columns[j].clone()).collect();
        let p = columns.len();
        if p == 0 {
            let hint = "summarise numeric columns, and keep their moments".into();
            let needed_by = "LittleMcar".into();
            return Err(ErrorKind::MissingRole { role: "numeric", needed_by, hint }.into());
        }
        let some = patterns.iter().filter(|(mask, _)| mask.contains(&false));
        let rows = some.fold(0u64, |rows, (_, moments)| rows.saturating_add(moments.rows));
        let scales = scales(&patterns, &columns)?;
        if rows <= p as u64 {
            return Err(Error::too_few_rows(p + 1, rows as usize, format!("Little's test of {p} columns")));
        }
        let parts: Vec<Part> = patterns.iter().filter_map(|(mask, m)| part(mask, m, &scales)).collect();
        let mut covariance = vec![0.0; p * p];
        (0..p).for_each(|i| covariance[i * p + i] = 1.0);
        let mut normal = Normal { mean: vec![0.0; p], covariance };
        let (mut iterations, mut converged) = (0, false);
        while !converged && iterations < self.max_iterations {
            let (next, moved) = normal.step(&parts).map_err(|_| follows(&normal, &columns))?;
            normal = next;
            iterations += 1;
            converged = moved <= self.tolerance;
        }
        independent(&normal, &columns)?;
        let mut statistic = 0.0;
        for part in &parts {
            let away = |(&i, mean): (&usize, &f64)| mean - normal.mean[i];
            let away: Vec<f64> = part.observed.iter().zip(&part.mean).map(away).collect();
            let mut solved = away.clone();
            let factor = Cholesky::new(&normal.among(&part.observed), away.len());
            factor.map_err(|_| follows(&normal, &columns))?.solve(&mut solved)?;
            statistic += part.rows * dot(&away, &solved);
        }
        // One pattern of all columns: its means are the estimates but for rounding.
        let degrees = parts.iter().map(|part| part.observed.len() as u64).sum::<u64>() - p as u64;
        let statistic = if degrees == 0 { 0.0 } else { statistic };
        let unscaled = |i: usize, j: usize| normal.covariance[i * p + j] * scales[i].1 * scales[j].1;
        Ok(LittleMcarReport {
            statistic,
            degrees_of_freedom: degrees,
            p_value: if degrees == 0 { 1.0 } else { chi_square_sf(statistic, degrees as f64) },
            patterns: patterns.len(),
            means: (0..p).map(|i| scales[i].0 + normal.mean[i] * scales[i].1).collect(),
            covariance: Array2::from_shape_fn((p, p), |(i, j)| unscaled(i, j)),
            columns,
            iterations,
            converged,
        })
    }
}

/// The patterns of the numeric columns alone.
fn projected(found: &MissingPatternsSummary) -> Result<BTreeMap<Vec<bool>, CoMoments>> {
    let mut patterns: BTreeMap<Vec<bool>, CoMoments> = BTreeMap::new();
    for pattern in found.patterns()? {
        let p = pattern.observed.len();
        let triangle = (0..p).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let moments = CoMoments {
            rows: pattern.rows,
            shift: pattern.means.to_vec(),
            mean: vec![0.0; p],
            products: triangle.map(|(i, j)| pattern.products[[i, j]]).collect(),
        };
        let mask = found.numeric.iter().map(|&j| pattern.missing[j]).collect();
        patterns.entry(mask).or_default().combine(&moments);
    }
    Ok(patterns)
}

/// The mean and standard deviation of each column's observed values: EM works on standardised columns.
fn scales(patterns: &BTreeMap<Vec<bool>, CoMoments>, columns: &[String]) -> Result<Vec<(f64, f64)>> {
    let one = |(i, name): (usize, &String)| {
        let mut own = CoMoments::default();
        for (mask, moments) in patterns.iter().filter(|(mask, _)| !mask[i]) {
            let place = mask[..i].iter().filter(|missing| !**missing).count();
            let (shift, products) = (vec![moments.mean(place)], vec![moments.product(place, place)]);
            own.combine(&CoMoments { rows: moments.rows, shift, mean: vec![0.0], products });
        }
        if own.rows == 0 {
            let hint = "leave it out of Little's test".into();
            return Err(ErrorKind::AllMissing { column: name.clone(), hint }.into());
        }
        let (mean, deviation) = (own.mean(0), (own.product(0, 0) / own.rows as f64).sqrt());
        if !(mean.is_finite() && deviation.is_finite()) {
            return Err(Error::invalid_value(
                name,
                None,
                "values whose squares overflow",
                "of a smaller scale",
            ));
        }
        if deviation <= mean.abs() * f64::EPSILON {
            let expected = "a column that varies (leave it out of Little's test)";
            return Err(Error::invalid_value(name, None, format!("the one value {mean}"), expected));
        }
        Ok((mean, deviation))
    };
    columns.iter().enumerate().map(one).collect()
}

/// A pattern over standardised columns; `None` when it observes none.
fn part(mask: &[bool], moments: &CoMoments, scales: &[(f64, f64)]) -> Option<Part> {
    let (gaps, observed): (Vec<usize>, Vec<usize>) = (0..mask.len()).partition(|&i| mask[i]);
    if observed.is_empty() {
        return None;
    }
    let scaled = |(a, &i): (usize, &usize)| (moments.mean(a) - scales[i].0) / scales[i].1;
    let mean = observed.iter().enumerate().map(scaled).collect();
    let pairs = observed.iter().enumerate().flat_map(|a| observed.iter().enumerate().map(move |b| (a, b)));
    let products =
        pairs.map(|((a, &i), (b, &j))| moments.product(a, b) / scales[i].1 / scales[j].1).collect();
    Some(Part { rows: moments.rows as f64, observed, gaps, mean, products })
}

/// A column of which the others leave less than this share of the variance follows from them, to rounding.
const LEFT: f64 = 1e-10;

fn independent(normal: &Normal, columns: &[String]) -> Result<()> {
    let p = columns.len();
    let factor = Cholesky::new(&normal.covariance, p).map_err(|_| follows(normal, columns))?;
    for (i, name) in columns.iter().enumerate() {
        let mut unit = vec![0.0; p];
        unit[i] = 1.0;
        factor.solve(&mut unit)?;
        // The inverse of the diagonal of the inverse is the variance that the others leave.
        if !(unit[i].is_finite() && unit[i] * normal.covariance[i * p + i] < 1.0 / LEFT) {
            return Err(follows_from_others(name));
        }
    }
    Ok(())
}

/// The error that names the first column that follows from those before it.
fn follows(normal: &Normal, columns: &[String]) -> Error {
    let first: Vec<usize> = (0..columns.len()).collect();
    let alone = |&i: &usize| Cholesky::new(&normal.among(&first[..=i]), i + 1).is_err();
    let i = first.iter().copied().find(|i| alone(i)).unwrap_or(columns.len() - 1);
    follows_from_others(&columns[i])
}

fn follows_from_others(name: &str) -> Error {
    let expected = "a column that the others do not determine (leave it out of Little's test)";
    Error::invalid_value(name, None, "values that follow from the other columns", expected)
}
