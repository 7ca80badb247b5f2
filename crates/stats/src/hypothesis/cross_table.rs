//! How often values of two columns occur together.

use std::collections::BTreeMap;

use mlsys_core::column::{from_order_key, order_key};
use mlsys_core::{Error, Result};

use super::input::same_length;
use crate::ContingencySummary;

/// Cells that a table may have: two columns of measurements would make one as large as their rows squared.
const CELLS: usize = 1 << 24;

/// Counts of two columns' values together, for tests of independence.
///
/// Of columns of numbers in memory; of any columns, streams and shards by [`Contingency`](crate::Contingency),
/// whose summary converts into this one (`(&summary).into()`).
///
/// ```
/// use mlsys_stats::hypothesis::CrossTable;
///
/// let (a, b) = ([0.0, 0.0, 1.0, 1.0, f64::NAN], [5.0, 7.0, 5.0, 5.0, 5.0]);
/// let table = CrossTable::of(&a, &b, None)?;
/// assert_eq!((table.row(0), table.row(1), table.missing()), (&[1.0, 1.0][..], &[2.0, 0.0][..], 1));
/// assert_eq!(table.row_values(), [0.0, 1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CrossTable {
    counts: Vec<f64>,
    row_values: Vec<f64>,
    column_values: Vec<f64>,
    missing: usize,
}

impl CrossTable {
    /// The table of two columns: a row for each value of `a`, a column for each value of `b`, ascending.
    ///
    /// A pair is left out, and counted, when either value is missing. `weights`: how often each pair occurred; with
    /// a weight of 0 it did not.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for lengths that differ;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a weight that is negative or not finite;
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) when the table would have more than 16,777,216 cells.
    pub fn of(a: &[f64], b: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        same_length("pairs", a.len(), b.len())?;
        if let Some(weights) = weights {
            same_length("weights", a.len(), weights.len())?;
            if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                let expected = "weights that are finite and not negative";
                return Err(Error::invalid_value("weights", Some(row), weights[row], expected));
            }
        }
        let mut cells: BTreeMap<(u64, u64), f64> = BTreeMap::new();
        let mut missing = 0;
        for (row, (x, y)) in a.iter().zip(b).enumerate() {
            let weight = weights.map_or(1.0, |w| w[row]);
            if x.is_nan() || y.is_nan() {
                missing += 1;
            } else if weight > 0.0 {
                *cells.entry((order_key(*x), order_key(*y))).or_default() += weight;
            }
        }
        let mut rows: Vec<u64> = cells.keys().map(|cell| cell.0).collect();
        let mut columns: Vec<u64> = cells.keys().map(|cell| cell.1).collect();
        rows.dedup();
        columns.sort_unstable();
        columns.dedup();
        if rows.len().saturating_mul(columns.len()) > CELLS {
            let what =
                "a table of more than 16777216 cells; bin the columns first, or test their correlation";
            return Err(Error::unsupported(what));
        }
        let mut counts = vec![0.0; rows.len() * columns.len()];
        for ((x, y), count) in cells {
            if let (Ok(row), Ok(column)) = (rows.binary_search(&x), columns.binary_search(&y)) {
                counts[row * columns.len() + column] = count;
            }
        }
        let values = |keys: Vec<u64>| keys.into_iter().map(from_order_key).collect();
        Ok(Self { counts, row_values: values(rows), column_values: values(columns), missing })
    }

    /// A table of counts that were made before (weighted ones too), row by row. Rows and columns stand for 0, 1, 2,
    /// ..
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when a row has another length than the first;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a count that is negative or not finite.
    pub fn from_counts<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self> {
        let width = rows.first().map_or(0, |row| row.as_ref().len());
        let mut counts = Vec::with_capacity(rows.len() * width);
        for (i, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != width {
                return Err(Error::shape(
                    format!("row {i} of the table"),
                    format!("{width} counts"),
                    row.len(),
                ));
            }
            check_counts(&format!("row {i} of the table"), row)?;
            counts.extend_from_slice(row);
        }
        let values = |n: usize| (0..n).map(|i| i as f64).collect();
        Ok(Self { counts, row_values: values(rows.len()), column_values: values(width), missing: 0 })
    }

    /// The value that each row stands for.
    pub fn row_values(&self) -> &[f64] {
        &self.row_values
    }

    /// The value that each column stands for.
    pub fn column_values(&self) -> &[f64] {
        &self.column_values
    }

    /// The counts of a row.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.column_values.len();
        &self.counts[row * width..(row + 1) * width]
    }

    /// Pairs that were left out because a value is missing.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// The sums of rows and of columns, and of all.
    pub(crate) fn sums(&self) -> (Vec<f64>, Vec<f64>, f64) {
        let width = self.column_values.len();
        let rows: Vec<f64> = (0..self.row_values.len()).map(|row| self.row(row).iter().sum()).collect();
        let mut columns = vec![0.0; width];
        for (i, count) in self.counts.iter().enumerate() {
            columns[i % width] += count;
        }
        let total = rows.iter().sum();
        (rows, columns, total)
    }
}

/// Refuses counts that are negative or not finite.
pub(crate) fn check_counts(name: &str, counts: &[f64]) -> Result<()> {
    match counts.iter().position(|c| !(c.is_finite() && *c >= 0.0)) {
        Some(at) => Err(Error::invalid_value(name, Some(at), counts[at], "counts, finite and not negative")),
        None => Ok(()),
    }
}

impl From<&ContingencySummary> for CrossTable {
    /// Values that are no numbers become 0, 1, 2, ..
    fn from(summary: &ContingencySummary) -> Self {
        let values = |values: &[mlsys_core::Category]| {
            values.iter().enumerate().map(|(i, value)| value.as_f64().unwrap_or(i as f64)).collect()
        };
        Self {
            counts: summary.weights.iter().copied().collect(),
            row_values: values(&summary.rows),
            column_values: values(&summary.columns),
            missing: summary.missing as usize,
        }
    }
}
