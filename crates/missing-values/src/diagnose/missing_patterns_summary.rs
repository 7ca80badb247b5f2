//! What the patterns of missing cells say.

use std::fmt;

use mlsys_core::ndarray::{Array1, Array2};
use mlsys_core::{Error, Result};

use super::co_moments::CoMoments;

/// The rows in which the same columns are missing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissingPattern {
    /// Whether each column is missing, in the order of the summary's columns.
    pub missing: Vec<bool>,
    /// How many rows have the pattern.
    pub rows: u64,
    /// The numeric columns that the pattern observes, as places among the summary's columns.
    pub observed: Vec<usize>,
    /// Their means.
    pub means: Array1<f64>,
    /// Their sums of products about the means.
    pub products: Array2<f64>,
}

impl MissingPattern {
    pub(super) fn new(missing: Vec<bool>, observed: Vec<usize>, moments: &CoMoments) -> Self {
        let p = observed.len();
        let means = (0..p).map(|i| moments.mean(i)).collect();
        let products = Array2::from_shape_fn((p, p), |(i, j)| moments.product(i, j));
        Self { missing, rows: moments.rows, observed, means, products }
    }

    /// How many columns the pattern misses.
    pub fn gaps(&self) -> usize {
        self.missing.iter().filter(|missing| **missing).count()
    }
}

/// How a column's gaps lie to the values and gaps of the others.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Flux {
    /// The column.
    pub column: String,
    /// The share of its values that are there.
    pub observed: f64,
    /// How well its gaps are connected to values of other columns: pairs in which it is missing and another is there,
    /// by all values. A column with a higher influx is easier to impute.
    pub influx: f64,
    /// How well its values are connected to gaps of other columns: pairs in which it is there and another is missing, by all
    /// gaps. A column with a higher outflux is of more use for imputing others; 1 without gaps of its own.
    pub outflux: f64,
}

/// What [`MissingPatterns`](crate::MissingPatterns) found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissingPatternsSummary {
    /// The columns, in the order given.
    pub columns: Vec<String>,
    /// The places of the columns of which moments are kept.
    pub numeric: Vec<usize>,
    /// Rows in all.
    pub rows: u64,
    /// How many values each column misses.
    pub missing: Vec<u64>,
    /// How many rows miss 0, 1, 2, .. values.
    pub rows_by_gaps: Vec<u64>,
    patterns: Option<Vec<MissingPattern>>,
    max_patterns: usize,
}

impl MissingPatternsSummary {
    pub(super) fn new(
        columns: Vec<String>,
        numeric: Vec<usize>,
        rows: u64,
        (missing, rows_by_gaps): (Vec<u64>, Vec<u64>),
        mut patterns: Option<Vec<MissingPattern>>,
        max_patterns: usize,
    ) -> Self {
        if let Some(patterns) = &mut patterns {
            let order = |a: &MissingPattern, b: &MissingPattern| {
                a.gaps().cmp(&b.gaps()).then(b.rows.cmp(&a.rows)).then_with(|| a.missing.cmp(&b.missing))
            };
            patterns.sort_by(order);
        }
        Self { columns, numeric, rows, missing, rows_by_gaps, patterns, max_patterns }
    }

    /// The patterns: those that miss fewer columns first, then those of more rows.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) naming `max_patterns` when there were more.
    pub fn patterns(&self) -> Result<&[MissingPattern]> {
        let raise = "at least the number of patterns (or look at fewer columns)";
        let too_many =
            || Error::invalid_parameter("MissingPatterns", "max_patterns", self.max_patterns, raise);
        self.patterns.as_deref().ok_or_else(too_many)
    }

    /// The share of a column's values that are missing; NaN without rows, and for a place past the last column.
    pub fn share(&self, column: usize) -> f64 {
        self.missing.get(column).map_or(f64::NAN, |&missing| missing as f64 / self.rows as f64)
    }

    /// How often columns i and j are missing in the same row; on the diagonal, how often each is.
    ///
    /// # Errors
    ///
    /// As [`patterns`](Self::patterns).
    pub fn missing_together(&self) -> Result<Array2<u64>> {
        let mut counts = Array2::zeros((self.columns.len(), self.columns.len()));
        for pattern in self.patterns()? {
            let gaps: Vec<usize> = (0..self.columns.len()).filter(|&j| pattern.missing[j]).collect();
            for &i in &gaps {
                gaps.iter().for_each(|&j| counts[[i, j]] = u64::saturating_add(counts[[i, j]], pattern.rows));
            }
        }
        Ok(counts)
    }

    /// Pearson's correlations of the columns' missingness; NaN for a column that is never, or always, missing.
    ///
    /// # Errors
    ///
    /// As [`patterns`](Self::patterns).
    pub fn nullity_correlation(&self) -> Result<Array2<f64>> {
        let both = self.missing_together()?;
        let n = self.rows as f64;
        let share = |i: usize| both[[i, i]] as f64 / n;
        let variance = |i: usize| share(i) * (1.0 - share(i));
        Ok(Array2::from_shape_fn(both.dim(), |(i, j)| {
            let (own, other) = (variance(i), variance(j));
            match own > 0.0 && other > 0.0 {
                true if i == j => 1.0,
                true => {
                    let covariance = both[[i, j]] as f64 / n - share(i) * share(j);
                    (covariance / own.sqrt() / other.sqrt()).clamp(-1.0, 1.0)
                }
                false => f64::NAN,
            }
        }))
    }

    /// Influx and outflux of each column; an influx is NaN when the table has no values, an outflux when it has no gaps.
    ///
    /// # Errors
    ///
    /// As [`patterns`](Self::patterns).
    pub fn flux(&self) -> Result<Vec<Flux>> {
        let p = self.columns.len();
        let (mut influx, mut outflux) = (vec![0.0; p], vec![0.0; p]);
        let (mut values, mut gaps) = (0.0, 0.0);
        for pattern in self.patterns()? {
            let rows = pattern.rows as f64;
            let missed = pattern.gaps() as f64;
            let there = p as f64 - missed;
            values += rows * there;
            gaps += rows * missed;
            for (j, &missing) in pattern.missing.iter().enumerate() {
                match missing {
                    true => influx[j] += rows * there,
                    false => outflux[j] += rows * missed,
                }
            }
        }
        let of = |(j, column): (usize, &String)| Flux {
            column: column.clone(),
            observed: 1.0 - self.share(j),
            influx: influx[j] / values,
            outflux: outflux[j] / gaps,
        };
        Ok(self.columns.iter().enumerate().map(of).collect())
    }
}

/// How many patterns `Display` shows.
const SHOWN: usize = 30;

/// The table of patterns: a row per pattern with its number of rows, 1 where a column is there, 0 where it is missing, and
/// the number of gaps; below it how many values each column misses. Columns with fewer gaps come first, and columns
/// without gaps are left out.
impl fmt::Display for MissingPatternsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order: Vec<usize> = (0..self.columns.len()).filter(|&j| self.missing[j] > 0).collect();
        order.sort_by_key(|&j| self.missing[j]);
        let count = self.missing.iter().fold(0u64, |sum, &missing| sum.saturating_add(missing));
        writeln!(
            f,
            "{} rows, {count} values missing in {} of {} columns",
            self.rows,
            order.len(),
            self.columns.len()
        )?;
        let Ok(patterns) = self.patterns() else {
            return writeln!(f, "more than {} patterns", self.max_patterns);
        };
        let width = |j: usize| self.columns[j].chars().count().max(self.missing[j].to_string().len());
        write!(f, "{:>10}", "rows")?;
        order.iter().try_for_each(|&j| write!(f, "  {:>1$}", self.columns[j], width(j)))?;
        writeln!(f, "  gaps")?;
        for pattern in patterns.iter().take(SHOWN) {
            write!(f, "{:>10}", pattern.rows)?;
            for &j in &order {
                write!(f, "  {:>1$}", u8::from(!pattern.missing[j]), width(j))?;
            }
            writeln!(f, "  {:>4}", pattern.gaps())?;
        }
        if patterns.len() > SHOWN {
            writeln!(f, "and {} patterns more", patterns.len() - SHOWN)?;
        }
        write!(f, "{:>10}", "missing")?;
        order.iter().try_for_each(|&j| write!(f, "  {:>1$}", self.missing[j], width(j)))?;
        writeln!(f)
    }
}
