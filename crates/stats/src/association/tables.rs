//! Association in a contingency table.

use mlsys_core::ndarray::{ArrayView2, Axis};
use mlsys_core::{Error, Result};

use super::constant;

/// Whether an estimate is freed from what chance alone gives it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bias {
    /// Corrected, as Bergsma's.
    #[default]
    Corrected,
    /// The plain plug-in value.
    Uncorrected,
}

/// The table without empty rows and columns: its total, and the sums of both margins.
struct Margins {
    total: f64,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Margins {
    fn new(table: ArrayView2<'_, f64>) -> Result<Self> {
        if let Some(((i, j), w)) = table.indexed_iter().find(|(_, w)| !w.is_finite() || **w < 0.0) {
            let what = format!("row {i}, column {j} of a contingency table");
            return Err(Error::invalid_value(&what, None, w, "a weight that is finite and not negative"));
        }
        let total = table.sum();
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::too_few_rows(1, 0, "an association in a contingency table"));
        }
        Ok(Self { total, rows: table.sum_axis(Axis(1)).to_vec(), columns: table.sum_axis(Axis(0)).to_vec() })
    }

    fn levels(sums: &[f64]) -> f64 {
        sums.iter().filter(|w| **w > 0.0).count() as f64
    }

    fn entropy(&self, sums: &[f64]) -> f64 {
        let shares = sums.iter().filter(|w| **w > 0.0).map(|w| w / self.total);
        -shares.map(|p| p * p.ln()).sum::<f64>()
    }

    fn mutual_information(&self, table: ArrayView2<'_, f64>) -> f64 {
        let cells = table.indexed_iter().filter(|(_, w)| **w > 0.0);
        let term = |((i, j), w): ((usize, usize), &f64)| {
            w / self.total * (w / self.rows[i] * (self.total / self.columns[j])).ln()
        };
        cells.map(term).sum::<f64>().max(0.0)
    }
}

/// Cramér's V of a contingency table, between 0 and 1.
///
/// ```text
/// φ² = χ² / n          corrected: φ̃² = max(0, φ² − (k − 1)(r − 1) / (n − 1)),  k̃ = k − (k − 1)² / (n − 1)
/// V = √(φ² / min(k − 1, r − 1))
/// ```
/// Rows and columns without weight are left out.
///
/// # Errors
///
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for negative weights, or when one side has a single level;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without weight, or of a weight of one at most when corrected.
///
/// ```
/// use mlsys_core::ndarray::array;
/// use mlsys_stats::association::{Bias, cramers_v};
/// let v = cramers_v(array![[30.0, 10.0], [10.0, 30.0]].view(), Bias::Uncorrected)?;
/// assert!((v - 0.5).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Wicher Bergsma, *A bias-correction for Cramér's V and Tschuprow's T*, 2013.
pub fn cramers_v(table: ArrayView2<'_, f64>, bias: Bias) -> Result<f64> {
    let margins = Margins::new(table)?;
    let (n, r, k) = (margins.total, Margins::levels(&margins.rows), Margins::levels(&margins.columns));
    if r < 2.0 || k < 2.0 {
        return Err(constant(if r < 2.0 { "rows" } else { "columns" }, "Cramér's V"));
    }
    let cells = table.indexed_iter().map(|((i, j), &w)| (w, margins.rows[i] * (margins.columns[j] / n)));
    let chi: f64 = cells.filter(|(_, e)| *e > 0.0).map(|(w, e)| (w - e) * (w - e) / e).sum();
    let phi = chi / n;
    Ok(match bias {
        Bias::Uncorrected => (phi / (r.min(k) - 1.0)).sqrt().min(1.0),
        Bias::Corrected => {
            if n <= 1.0 {
                return Err(Error::too_few_rows(2, 1, "the corrected Cramér's V"));
            }
            let phi = (phi - (k - 1.0) * (r - 1.0) / (n - 1.0)).max(0.0);
            let less = |levels: f64| levels - (levels - 1.0).powi(2) / (n - 1.0);
            let room = less(r).min(less(k)) - 1.0;
            if room > 0.0 { (phi / room).sqrt().min(1.0) } else { 0.0 }
        }
    })
}

/// Theil's U, `I(row; column) / H(column)`: the share of the column's entropy that the row explains, between 0 and
/// 1. Not symmetric.
///
/// # Errors
///
/// As [`cramers_v`]; a column of a single level has no entropy to explain.
///
/// ```
/// use mlsys_core::ndarray::array;
/// let u = mlsys_stats::association::theils_u(array![[5.0, 0.0], [3.0, 0.0], [0.0, 8.0]].view())?;
/// assert_eq!(u, 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Henri Theil, *On the estimation of relationships involving qualitative variables*, 1970.
pub fn theils_u(table: ArrayView2<'_, f64>) -> Result<f64> {
    let margins = Margins::new(table)?;
    if Margins::levels(&margins.columns) < 2.0 {
        return Err(constant("columns", "Theil's U"));
    }
    Ok((margins.mutual_information(table) / margins.entropy(&margins.columns)).min(1.0))
}

/// The mutual information `Σ p_ij ln(p_ij / (p_i p_j))` of a contingency table, in nats.
///
/// Small tables of few rows have some by chance alone: about (r − 1)(k − 1) / 2n.
///
/// # Errors
///
/// As [`cramers_v`], but single levels give 0.
///
/// ```
/// use mlsys_core::ndarray::array;
/// let nats = mlsys_stats::association::mutual_information(array![[2.0, 0.0], [0.0, 2.0]].view())?;
/// assert!((nats - 2.0f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn mutual_information(table: ArrayView2<'_, f64>) -> Result<f64> {
    Ok(Margins::new(table)?.mutual_information(table))
}
