//! What changed between two profiles.

use std::fmt;

use super::{ColumnSummary, ProfileReport};
use crate::distance::{Base, KsFromStates, aligned, jensen_shannon, ks_from};

/// What changed from one [`ProfileReport`] to another; printed as a table.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}, statistic::summarize};
/// use mlsys_stats::Profile;
/// use std::sync::Arc;
///
/// let profile = |values: Vec<Option<f64>>| {
///     let x = Arc::new(Float64Array::from(values));
///     summarize(&Profile::new(), &Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?)
/// };
/// let before = profile(vec![Some(1.0), Some(2.0), Some(3.0), Some(4.0)])?;
/// let now = profile(vec![Some(3.0), Some(4.0), None, None])?;
/// let changes = before.compare(&now);
/// assert_eq!(changes.columns[0].missing, (0.0, 0.5));
/// assert_eq!(changes.columns[0].ks.unwrap().statistic, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProfileComparison {
    /// Rows before and now.
    pub rows: (u64, u64),
    /// Columns in both, in the order of the first.
    pub columns: Vec<ColumnChange>,
    /// Columns that only the first has.
    pub removed: Vec<String>,
    /// Columns that only the second has.
    pub added: Vec<String>,
}

/// What changed in a column. Pairs are before and now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnChange {
    /// The name.
    pub name: String,
    /// The Arrow types, if they differ.
    pub types: Option<(String, String)>,
    /// The share of missing values.
    pub missing: (f64, f64),
    /// The mean now less the mean before, in standard deviations of before; `None` where there are no numbers, or
    /// no spread.
    pub mean_shift: Option<f64>,
    /// The Kolmogorov-Smirnov statistic of a numeric column; its bound is at 99.9 %.
    pub ks: Option<KsFromStates>,
    /// The Jensen-Shannon divergence of a counted column, in bits; `None` when it has too many values to count.
    pub jensen_shannon: Option<f64>,
    /// The share of the values now that did not occur before, of a counted column.
    pub new_values: Option<f64>,
}

impl ProfileComparison {
    pub(super) fn new(before: &ProfileReport, now: &ProfileReport) -> Self {
        let missing_in = |a: &ProfileReport, b: &ProfileReport| {
            let names = a.columns.iter().map(|c| c.name.clone());
            names.filter(|name| b.column(name).is_none()).collect::<Vec<_>>()
        };
        let both = before.columns.iter().filter_map(|c| Some((c, now.column(&c.name)?)));
        Self {
            rows: (before.n_rows(), now.n_rows()),
            columns: both.map(|(a, b)| ColumnChange::new(a, b)).collect(),
            removed: missing_in(before, now),
            added: missing_in(now, before),
        }
    }
}

impl ColumnChange {
    fn new(a: &ColumnSummary, b: &ColumnSummary) -> Self {
        let moments = a.moments.zip(b.moments).filter(|(a, b)| a.count() > 0 && b.count() > 0);
        let mean_shift =
            moments.map(|(a, b)| (b.mean() - a.mean()) / a.std_dev(0.0)).filter(|d| d.is_finite());
        let ks = a.quantiles.as_ref().zip(b.quantiles.as_ref()).and_then(|(a, b)| ks_from(a, b, 0.999).ok());
        let weights = a.counts.as_ref().zip(b.counts.as_ref()).and_then(|(a, b)| aligned(a, b).ok());
        let new_values = weights.as_ref().and_then(|(p, q)| {
            let new: f64 = p.iter().zip(q).filter(|(p, _)| **p == 0.0).map(|(_, q)| q).sum();
            let total: f64 = q.iter().sum();
            (total > 0.0).then(|| new / total)
        });
        Self {
            name: a.name.clone(),
            types: (a.type_name != b.type_name).then(|| (a.type_name.clone(), b.type_name.clone())),
            missing: (a.missing.share(), b.missing.share()),
            mean_shift,
            ks,
            jensen_shannon: weights.and_then(|(p, q)| jensen_shannon(&p, &q, Base::Bits).ok()),
            new_values,
        }
    }
}

impl fmt::Display for ProfileComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows before, {} now", self.rows.0, self.rows.1)?;
        let width = self.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).clamp(6, 24);
        writeln!(
            f,
            "  {:width$}  {:>15}  {:>10}  {:>8}  {:>8}  {:>10}",
            "column", "missing", "mean shift", "KS", "JS bits", "new values"
        )?;
        let number = |x: Option<f64>, digits: usize| x.map_or("-".into(), |x| format!("{x:.digits$}"));
        for c in &self.columns {
            let missing = format!("{:.1}% -> {:.1}%", 100.0 * c.missing.0, 100.0 * c.missing.1);
            let name: String = c.name.chars().take(width).collect();
            let new = c.new_values.map_or("-".into(), |share| format!("{:.1}%", 100.0 * share));
            let (shift, ks) = (number(c.mean_shift, 3), number(c.ks.map(|ks| ks.statistic), 4));
            let js = number(c.jensen_shannon, 4);
            write!(f, "  {name:width$}  {missing:>15}  {shift:>10}  {ks:>8}  {js:>8}  {new:>10}")?;
            if let Some((before, now)) = &c.types {
                write!(f, "  type: {before} -> {now}")?;
            }
            writeln!(f)?;
        }
        for (what, names) in [("only before", &self.removed), ("only now", &self.added)] {
            if !names.is_empty() {
                writeln!(f, "  {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}
