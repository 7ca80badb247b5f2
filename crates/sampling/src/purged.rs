//! Training rows whose labels were still open when a test row's was, taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mlsys_core::{
    Dataset, Error, Fold, Folds, Kind, Partition, Result, Split, Train, Unsplit, Validation, column,
};
use serde::{Deserialize, Serialize};

use crate::sizes::nanoseconds;

/// Any split or folds, without the training rows whose label interval overlaps that of a row held back.
///
/// A label is known from `start` to `end`, both included: bought then, judged then. A training row [s, e] is left out
/// when s ≤ b + embargo and e ≥ a for the interval [a, b] of any row held back: the two share time, or the training
/// row begins within the embargo after the other ends.
///
/// * `inner`, required: a [`Split`] or [`Folds`].
/// * `start`, `end`, required: two columns of times, or of integers.
/// * `embargo`: none.
///
/// **Input**: two columns without missing values, start ≤ end. **Output**: what `inner` gives, with fewer training
/// rows. **Cost**: that of `inner`, and O(n log n). **Errors**: those of `inner`; a missing time, an interval that
/// ends before it starts, an embargo over integers, no training row left.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::{Purged, TimeSplit};
///
/// let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as _;
/// let batch = RecordBatch::try_from_iter([("from", column(vec![0, 1, 2, 3])), ("to", column(vec![1, 3, 2, 4]))])?;
/// let data = Dataset::new(batch)?.time("from")?;
/// // The last row's label is open from 3 to 4, and that of row 1 until 3.
/// let (train, test) = Purged::new(TimeSplit::last_share(0.25), "from", "to").rows(&data)?;
/// assert_eq!((train, test), (vec![0, 2], vec![3]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when features look back further than labels look forward: the embargo must cover that as well. López
/// de Prado, Advances in Financial Machine Learning, 2018, sections 7.4.1 and 7.4.2. He takes the hull of the labels
/// held back; here a hole between them may train, as it does under his rule applied to each block. **Instead**:
/// [`TimeSplit::gap`](crate::TimeSplit::gap) when all labels take equally long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct Purged<S> {
    inner: S,
    start: String,
    end: String,
    #[serde(default)]
    embargo: Duration,
}

impl<S> Purged<S> {
    /// A splitter or folds, and the columns between whose times a label is open.
    pub fn new(inner: S, start: impl Into<String>, end: impl Into<String>) -> Self {
        Self { inner, start: start.into(), end: end.into(), embargo: Duration::ZERO }
    }

    /// Leaves out training rows that begin within this time after a row held back ends.
    pub fn embargo(mut self, embargo: Duration) -> Self {
        self.embargo = embargo;
        self
    }
}

const NAME: &str = "Purged";

/// The label intervals in two columns.
pub(crate) fn intervals<P: Partition>(
    data: &Dataset<P>,
    start: &str,
    end: &str,
    embargo: Duration,
) -> Result<Vec<(i64, i64)>> {
    if embargo > Duration::ZERO && data.layout().kind(end)? == Kind::Integer {
        let expected = "dates or timestamps for an embargo (integers have no unit)";
        return Err(Error::column_type(end, expected, data.column(end)?.data_type()));
    }
    let starts = column::instants(start, data.column(start)?)?;
    let ends = column::instants(end, data.column(end)?)?;
    match starts.iter().zip(ends.iter()).position(|(start, end)| start > end) {
        Some(row) => {
            let expected = format!("an end that is not before `{start}`: swap the columns, or drop the row");
            Err(Error::invalid_value(end, Some(row), "an earlier time", expected))
        }
        None => Ok(starts.iter().copied().zip(ends.iter().copied()).collect()),
    }
}

/// The training rows that remain, for label intervals and an embargo in their unit: [`Purged`] without a dataset.
///
/// ```
/// let intervals = [(0, 1), (2, 4), (4, 5), (6, 6), (8, 9)];
/// // Row 2 is held back. Row 1 is open until 4; row 3 begins within 2 after 5.
/// assert_eq!(mlsys_sampling::purge(&[0, 1, 3, 4], &[2], &intervals, 2)?, [0, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// A row past the end of the intervals, or an interval that ends before it starts.
pub fn purge(
    train: &[usize],
    held_back: &[usize],
    intervals: &[(i64, i64)],
    embargo: u64,
) -> Result<Vec<usize>> {
    if let Some(row) = train.iter().chain(held_back).find(|&&row| row >= intervals.len()) {
        return Err(Error::shape(
            "purge",
            format!("rows below {}, as there are intervals", intervals.len()),
            row,
        ));
    }
    if let Some(row) = intervals.iter().position(|(start, end)| end < start) {
        let (start, end) = intervals[row];
        let found = format!("an interval from {start} to {end}");
        return Err(Error::invalid_value(
            "intervals",
            Some(row),
            found,
            "an end that is not before the start",
        ));
    }
    let extended = |&row: &usize| (intervals[row].0, intervals[row].1.saturating_add_unsigned(embargo));
    let mut open: Vec<(i64, i64)> = held_back.iter().map(extended).collect();
    open.sort_unstable();
    // Overlapping ones become one, so that both starts and ends ascend.
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (start, end) in open {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    let overlaps = |row: usize| {
        let (start, end) = intervals[row];
        let first = merged.partition_point(|&(_, other_end)| other_end < start);
        merged.get(first).is_some_and(|&(other_start, _)| other_start <= end)
    };
    Ok(train.iter().copied().filter(|&row| !overlaps(row)).collect())
}

/// Label intervals, and how long after one ends no training row may begin.
struct Labels {
    intervals: Vec<(i64, i64)>,
    embargo: u64,
}

impl Labels {
    fn of<S, P: Partition>(recipe: &Purged<S>, data: &Dataset<P>) -> Result<Self> {
        let intervals = intervals(data, &recipe.start, &recipe.end, recipe.embargo)?;
        Ok(Self { intervals, embargo: nanoseconds(recipe.embargo) })
    }

    fn remaining(&self, train: &[usize], held_back: &[usize]) -> Result<Vec<usize>> {
        let kept = purge(train, held_back, &self.intervals, self.embargo)?;
        if kept.is_empty() {
            let why = format!(
                "{NAME}: labels of all {} training rows overlap the rows held back, which",
                train.len()
            );
            return Err(Error::too_few_rows(1, 0, why));
        }
        Ok(kept)
    }
}

impl<S: Split> Split for Purged<S> {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let (train, test) = self.inner.rows(data)?;
        Ok((Labels::of(self, data)?.remaining(&train, &test)?, test))
    }

    /// By the inner splitter's own door, which may divide training rows in another way.
    fn split_validation(&self, train: Dataset<Train>) -> Result<(Dataset<Train>, Dataset<Validation>)> {
        let labels = Labels::of(self, &train)?;
        let ids = train.row_ids();
        let (kept, held_back) = self.inner.split_validation(train)?;
        let places: BTreeMap<u64, usize> = ids.iter().enumerate().map(|(row, &id)| (id, row)).collect();
        let rows =
            |ids: Vec<u64>| ids.iter().filter_map(|id| places.get(id).copied()).collect::<Vec<usize>>();
        let (before, validation) = (rows(kept.row_ids()), rows(held_back.row_ids()));
        let left: BTreeSet<usize> = labels.remaining(&before, &validation)?.into_iter().collect();
        let still: Vec<usize> = (0..before.len()).filter(|&place| left.contains(&before[place])).collect();
        Ok((kept.take(&still)?, held_back))
    }
}

impl<F: Folds> Folds for Purged<F> {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let labels = Labels::of(self, train)?;
        let purged = |fold: &Fold| {
            let kept = labels.remaining(fold.train(), fold.validation())?;
            Fold::with_repeats(kept, fold.validation().to_vec())
        };
        self.inner.folds(train)?.iter().map(purged).collect()
    }
}
