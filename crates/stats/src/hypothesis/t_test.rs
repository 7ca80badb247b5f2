//! Tests of means: Student's and Welch's t, paired t.

use mlsys_core::{Error, ErrorKind, Result};

use super::input::{constant, enough, finite, pairs, same_length};
use super::report::symmetric_p;
use super::special::t_sf;
use super::{Alternative, PValueFrom, TestReport};
use crate::MomentsSummary;

/// What a t test needs of a sample: a slice, a slice with weights, or moments that were collected before.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// Values, missing ones as NaN.
    Values(&'a [f64]),
    /// Values and how often each of them occurred: a weight of 2 is a row twice, a weight of 0 is no row.
    Weighted(&'a [f64], &'a [f64]),
    /// Moments of a column, merged from as many parts as there were.
    Moments(&'a MomentsSummary),
}

impl<'a> From<&'a [f64]> for Sample<'a> {
    fn from(values: &'a [f64]) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a Vec<f64>> for Sample<'a> {
    fn from(values: &'a Vec<f64>) -> Self {
        Self::Values(values)
    }
}

impl<'a, const N: usize> From<&'a [f64; N]> for Sample<'a> {
    fn from(values: &'a [f64; N]) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a MomentsSummary> for Sample<'a> {
    fn from(moments: &'a MomentsSummary) -> Self {
        Self::Moments(moments)
    }
}

/// The total weight, the mean and the sum of squares about it.
#[derive(Debug, Clone, Copy)]
struct Summary {
    n: f64,
    mean: f64,
    m2: f64,
    missing: usize,
}

impl Summary {
    fn of(test: &str, name: &str, sample: Sample<'_>) -> Result<Self> {
        let summary = match sample {
            Sample::Values(values) => Self::of_values(name, values, |_| 1.0)?,
            Sample::Weighted(values, weights) => {
                same_length("weights", values.len(), weights.len())?;
                if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                    let expected = "weights that are finite and not negative";
                    return Err(Error::invalid_value("weights", Some(row), weights[row], expected));
                }
                Self::of_values(name, values, |row| weights[row])?
            }
            Sample::Moments(moments) if moments.infinite() > 0 => {
                let found = format!("{} infinite values", moments.infinite());
                return Err(Error::invalid_value(name, None, found, "moments of finite values"));
            }
            Sample::Moments(moments) if moments.count() == 0 => {
                Self { n: 0.0, mean: 0.0, m2: 0.0, missing: 0 }
            }
            Sample::Moments(moments) => {
                Self { n: moments.weight(), mean: moments.mean(), m2: moments.m2(), missing: 0 }
            }
        };
        // With weights, what counts is their sum.
        enough(test, name, summary.n as usize, 2)?;
        let Self { mean, m2, .. } = summary;
        if !(mean.is_finite() && m2.is_finite()) {
            return Err(Error::invalid_value(name, None, "values too large to be squared", "smaller ones"));
        }
        Ok(summary)
    }

    fn of_values(name: &str, values: &[f64], weight: impl Fn(usize) -> f64) -> Result<Self> {
        // A weight of zero is no row.
        let counted =
            || values.iter().enumerate().map(|(row, &x)| (row, x, weight(row))).filter(|r| r.2 > 0.0);
        if let Some((row, value, _)) = counted().find(|(_, x, _)| x.is_infinite()) {
            return Err(ErrorKind::NonFinite { column: name.into(), row, value }.into());
        }
        let missing = counted().filter(|(_, x, _)| x.is_nan()).count();
        let there = || counted().filter(|(_, x, _)| !x.is_nan()).map(|(_, x, w)| (x, w));
        let Some((shift, _)) = there().next() else {
            return Ok(Self { n: 0.0, mean: 0.0, m2: 0.0, missing });
        };
        let (mut n, mut sum) = (0.0, 0.0);
        for (x, w) in there() {
            n += w;
            sum += w * (x - shift);
        }
        let mean = shift + sum / n;
        // The mean is rounded; the first power says how far off it is.
        let (mut m1, mut m2) = (0.0, 0.0);
        for (x, w) in there() {
            m1 += w * (x - mean);
            m2 += w * (x - mean) * (x - mean);
        }
        Ok(Self { n, mean: mean + m1 / n, m2: (m2 - m1 * m1 / n).max(0.0), missing })
    }

    fn variance(&self) -> f64 {
        self.m2 / (self.n - 1.0)
    }
}

/// Student's t test that two samples have one mean, given that they have one variance.
///
/// ```text
/// t = (x̄ - ȳ) / (s √(1/n + 1/m))      s² = (Σ(x - x̄)² + Σ(y - ȳ)²) / (n + m - 2)      df = n + m - 2
/// ```
///
/// * `a`, `b`: slices, [`Sample::Weighted`] (frequency weights, as statsmodels' `CompareMeans`), or two
///   [`MomentsSummary`], so that merged states are tested without their rows.
/// * `alternative`: `Greater` when the mean of `a` is larger.
///
/// Missing values are left out and counted (moments do not say how many there were). Effects: Cohen's d, `(x̄ - ȳ)
/// / s`, and Hedges' g, `d (1 - 3 / (4 df - 1))`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a sample has fewer than two rows;
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when no
/// value differs from its sample's mean, or for a bad weight.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, student_t};
///
/// let report = student_t(&[1.0, 2.0, 3.0], &[3.0, 4.0, 5.0], Alternative::TwoSided)?;
/// assert!((report.statistic + 6f64.sqrt()).abs() < 1e-12);
/// assert_eq!((report.degrees_of_freedom, report.effect("Cohen's d")), (Some(4.0), Some(-2.0)));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the variances and the sizes differ: use [`welch_t`]. Heavy tails: [`mann_whitney_u`](super::mann_whitney_u).
///
/// Student, *The Probable Error of a Mean*, 1908; L. Hedges, *Distribution Theory for Glass's Estimator of Effect
/// Size*, 1981.
pub fn student_t<'a, 'b>(
    a: impl Into<Sample<'a>>,
    b: impl Into<Sample<'b>>,
    alternative: Alternative,
) -> Result<TestReport> {
    const NAME: &str = "Student's t test";
    let (a, b) = (Summary::of(NAME, "a", a.into())?, Summary::of(NAME, "b", b.into())?);
    let df = a.n + b.n - 2.0;
    let sd = ((a.m2 + b.m2) / df).sqrt();
    two_means(NAME, a, b, sd * (1.0 / a.n + 1.0 / b.n).sqrt(), df, sd, alternative)
}

/// Welch's t test that two samples have one mean, whatever their variances.
///
/// ```text
/// t = (x̄ - ȳ) / √(s²/n + r²/m)      df = (s²/n + r²/m)² / ((s²/n)²/(n-1) + (r²/m)²/(m-1))
/// ```
/// with the variances `s²` and `r²` of the samples. Parameters, missing values and errors are those of
/// [`student_t`]. Effects: Cohen's d and Hedges' g by the root of the mean of the two variances.
///
/// # Errors
///
/// As [`student_t`].
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::hypothesis::{Alternative, welch_t};
/// use mlsys_stats::{ColumnStatistic, Moments};
/// use std::sync::Arc;
///
/// let (a, b) = ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0]);
/// let report = welch_t(&a, &b, Alternative::TwoSided)?;
/// assert!((report.p_value - 0.0999129).abs() < 1e-7);
///
/// // The same from moments, which merge.
/// let column: ArrayRef = Arc::new(Float64Array::from(a.to_vec()));
/// let moments = Moments::new().of("a", &column, None)?;
/// assert_eq!(welch_t(&moments, &b, Alternative::TwoSided)?, report);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for rows that depend on each other, and for small samples with heavy tails.
///
/// B. L. Welch, *The Generalization of "Student's" Problem when Several Different Population Variances are
/// Involved*, 1947.
pub fn welch_t<'a, 'b>(
    a: impl Into<Sample<'a>>,
    b: impl Into<Sample<'b>>,
    alternative: Alternative,
) -> Result<TestReport> {
    const NAME: &str = "Welch's t test";
    let (a, b) = (Summary::of(NAME, "a", a.into())?, Summary::of(NAME, "b", b.into())?);
    let (u, v) = (a.variance() / a.n, b.variance() / b.n);
    // As shares, so that small variances do not underflow when squared.
    let (share, rest) = (u / (u + v), v / (u + v));
    let df = 1.0 / (share * share / (a.n - 1.0) + rest * rest / (b.n - 1.0));
    let sd = ((a.variance() + b.variance()) / 2.0).sqrt();
    two_means(NAME, a, b, (u + v).sqrt(), df, sd, alternative)
}

fn two_means(
    name: &'static str,
    a: Summary,
    b: Summary,
    error: f64,
    df: f64,
    sd: f64,
    alternative: Alternative,
) -> Result<TestReport> {
    if error == 0.0 {
        return Err(constant("a and b"));
    }
    let difference = a.mean - b.mean;
    let t = difference / error;
    let mut report = TestReport::new(name, "t", t)
        .p(symmetric_p(t, alternative, |t| t_sf(t, df)), PValueFrom::Asymptotic)
        .alternative(alternative)
        .df(df)
        .with_effect("Cohen's d", difference / sd)
        .with_effect("Hedges' g", difference / sd * (1.0 - 3.0 / (4.0 * (a.n + b.n - 2.0) - 1.0)));
    report.samples = vec![a.n, b.n];
    report.missing = a.missing + b.missing;
    Ok(report)
}

/// The paired t test that the mean of differences is 0.
///
/// ```text
/// t = d̄ / (s / √n)      d = a - b      df = n - 1
/// ```
///
/// * `weights`: how often each pair occurred, as statsmodels' `DescrStatsW`; `None` for once.
/// * `alternative`: `Greater` when the mean of `a` is larger.
///
/// A pair is left out, and counted, when either value is missing. For one sample against a number, pass the number
/// in all rows of `b`. Effect: Cohen's d of the differences, `d̄ / s`.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape) for lengths that differ; else as [`student_t`], of the differences.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, paired_t};
///
/// let report = paired_t(&[5.0, 7.0, 9.0, 4.0], &[4.0, 5.0, 6.0, 4.0], None, Alternative::Greater)?;
/// assert!((report.statistic - 2.3237900077244502).abs() < 1e-12);
/// assert_eq!(report.degrees_of_freedom, Some(3.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when differences have heavy tails: [`wilcoxon_signed_rank`](super::wilcoxon_signed_rank).
///
/// Student, *The Probable Error of a Mean*, 1908.
pub fn paired_t(
    a: &[f64],
    b: &[f64],
    weights: Option<&[f64]>,
    alternative: Alternative,
) -> Result<TestReport> {
    const NAME: &str = "paired t test";
    finite("a", a)?;
    finite("b", b)?;
    // Checks the lengths; the differences keep the place of their rows, for their weights.
    let (_, missing) = pairs(a, b)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let sample = weights.map_or(Sample::Values(&differences), |w| Sample::Weighted(&differences, w));
    let d = Summary::of(NAME, "a - b", sample)?;
    let sd = d.variance().sqrt();
    if sd == 0.0 {
        return Err(constant("a - b"));
    }
    let (t, df) = (d.mean / (sd / d.n.sqrt()), d.n - 1.0);
    let mut report = TestReport::new(NAME, "t", t)
        .p(symmetric_p(t, alternative, |t| t_sf(t, df)), PValueFrom::Asymptotic)
        .alternative(alternative)
        .df(df)
        .with_effect("Cohen's d", d.mean / sd);
    report.samples = vec![d.n];
    report.missing = missing;
    Ok(report)
}
