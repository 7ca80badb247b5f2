//! How often each value occurs.

use std::sync::Arc;

use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_core::{Category, Coded, Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::{Column, ColumnStatistic, Infinite, Retract};

/// How often each value of a column occurs; exact up to a number of distinct values.
///
/// Past `cap` distinct values the counts are given up and only totals remain, so that memory stays bounded;
/// [`CountsSummary::values`] is then `None`. That depends on the set of values alone, not on their order, so that
/// merging is exact and associative.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `cap` | 1,048,576 | 1 or more | distinct values kept |
/// | `infinite` | `Count` | | infinite values are values like others, or refused |
///
/// **Input**: text, booleans, numbers, dates and times in any encoding. Missing values are counted apart. A weight
/// adds to a value's weight; rows of weight zero do not count.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, StringArray};
/// use mlsys_stats::{ColumnStatistic, Counts};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(StringArray::from(vec![Some("JFK"), Some("EWR"), None, Some("JFK")]));
/// let counts = Counts::new().of("origin", &x, None)?;
/// assert_eq!(counts.distinct(), Some(2));
/// assert_eq!(counts.most_frequent().map(|c| (c.value.to_string(), c.rows)), Some(("JFK".into(), 2)));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Counts {
    cap: usize,
    infinite: Infinite,
}

impl Default for Counts {
    fn default() -> Self {
        Self { cap: 1 << 20, infinite: Infinite::Count }
    }
}

impl Counts {
    /// The statistic with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many distinct values are kept.
    pub fn cap(mut self, distinct: usize) -> Self {
        self.cap = distinct;
        self
    }

    /// How many distinct values are kept.
    pub(crate) fn limit(&self) -> usize {
        self.cap
    }

    /// What to do with infinite values; by default they are values like others.
    pub fn infinite(mut self, infinite: Infinite) -> Self {
        self.infinite = infinite;
        self
    }

    /// Adds rows. When there are too many values to keep, `let_go` sees all of them before they are given up.
    pub(crate) fn update_and(
        &self,
        state: &mut CountsState,
        column: &Column<'_>,
        let_go: impl FnOnce(&[Count]),
    ) -> Result<()> {
        column.refuse_infinite(self.infinite)?;
        let coded = column.coded()?;
        match column.weights() {
            None => {
                let missing = coded.missing() as u64;
                state.rows = state.rows.saturating_add(coded.len() as u64);
                state.missing = state.missing.saturating_add(missing);
                state.missing_weight += missing as f64;
            }
            Some(weights) => {
                for (&code, &weight) in coded.codes.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
                    state.rows = state.rows.saturating_add(1);
                    if code == Coded::MISSING {
                        state.missing = state.missing.saturating_add(1);
                        state.missing_weight += weight;
                    }
                }
            }
        }
        // What is given up already need not be counted.
        if state.values.is_some() {
            state.add(Some(counted(coded, column.weights())), self.cap, let_go);
        }
        Ok(())
    }
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// The value.
    pub value: Category,
    /// In how many rows.
    pub rows: u64,
    /// With what total weight; the number of rows without weights.
    pub weight: f64,
}

/// The state of [`Counts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountsState {
    /// Ascending; `None` once there were more than the cap. Shared with the summaries.
    values: Option<Arc<Vec<Count>>>,
    rows: u64,
    missing: u64,
    missing_weight: f64,
}

impl CountsState {
    /// The values, while they are kept.
    pub(crate) fn values(&self) -> Option<&Arc<Vec<Count>>> {
        self.values.as_ref()
    }

    fn add(&mut self, from: Option<Vec<Count>>, cap: usize, let_go: impl FnOnce(&[Count])) {
        let (Some(own), Some(from)) = (self.values.take(), from) else { return };
        let all = merged(Arc::unwrap_or_clone(own), from);
        if all.len() <= cap {
            self.values = Some(Arc::new(all));
        } else {
            let_go(&all);
        }
    }
}

/// Whether values ascend, each of them once, as merging and searching need them. NaN is no value.
pub(crate) fn ascend<'a>(values: impl IntoIterator<Item = &'a Category>) -> bool {
    let mut last: Option<&Category> = None;
    values.into_iter().all(|value| {
        let nan = matches!(value, Category::Float(x) if x.is_nan());
        !nan && last.replace(value).is_none_or(|last| last < value)
    })
}

/// Merges two ascending lists of counts.
pub(crate) fn merged(own: Vec<Count>, from: Vec<Count>) -> Vec<Count> {
    let mut merged = Vec::with_capacity(own.len() + from.len());
    let (mut own, mut from) = (own.into_iter().peekable(), from.into_iter().peekable());
    loop {
        let order = match (own.peek(), from.peek()) {
            (Some(a), Some(b)) => a.value.cmp(&b.value),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return merged,
        };
        match order {
            std::cmp::Ordering::Less => merged.extend(own.next()),
            std::cmp::Ordering::Greater => merged.extend(from.next()),
            std::cmp::Ordering::Equal => {
                if let (Some(mut a), Some(b)) = (own.next(), from.next()) {
                    a.rows = a.rows.saturating_add(b.rows);
                    a.weight += b.weight;
                    merged.push(a);
                }
            }
        }
    }
}

/// What [`Counts`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CountsSummary {
    /// The distinct values, ascending; `None` when there are more than the cap.
    pub values: Option<Arc<Vec<Count>>>,
    /// Rows in all, missing ones included, those of weight zero not.
    pub rows: u64,
    /// Missing rows.
    pub missing: u64,
    /// The total weight of the missing rows.
    pub missing_weight: f64,
}

impl CountsSummary {
    /// The number of distinct values; `None` when there are more than the cap.
    pub fn distinct(&self) -> Option<usize> {
        self.values.as_ref().map(|values| values.len())
    }

    /// The value of the largest weight, the smallest value among equals.
    pub fn most_frequent(&self) -> Option<&Count> {
        self.values.as_ref()?.iter().reduce(|best, c| if c.weight > best.weight { c } else { best })
    }

    /// The `n` values of the largest weight, largest first, equals in ascending order of value.
    pub fn top(&self, n: usize) -> Vec<&Count> {
        let mut all: Vec<&Count> = self.values.iter().flat_map(|values| values.iter()).collect();
        all.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.value.cmp(&b.value)));
        all.truncate(n);
        all
    }
}

/// The counts of one batch, ascending.
pub(crate) fn counted(coded: &Coded, weights: Option<&[f64]>) -> Vec<Count> {
    let mut counts: Vec<Count> =
        coded.distinct.iter().map(|value| Count { value: value.clone(), rows: 0, weight: 0.0 }).collect();
    match weights {
        None => {
            for &code in coded.codes.iter().filter(|&&code| code != Coded::MISSING) {
                counts[code as usize].rows += 1;
            }
            counts.iter_mut().for_each(|c| c.weight = c.rows as f64);
        }
        Some(weights) => {
            for (&code, &w) in coded.codes.iter().zip(weights) {
                if code != Coded::MISSING && w > 0.0 {
                    counts[code as usize].rows += 1;
                    counts[code as usize].weight += w;
                }
            }
            counts.retain(|c| c.rows > 0);
        }
    }
    counts.sort_by(|a, b| a.value.cmp(&b.value));
    counts
}

impl ColumnStatistic for Counts {
    const NAME: &'static str = "mlsys.Counts";

    type State = CountsState;
    type Output = CountsSummary;

    fn init(&self, field: &Field) -> Result<CountsState> {
        if self.cap == 0 {
            return Err(Error::invalid_parameter("Counts", "cap", 0, "1 or more"));
        }
        if Kind::of(field.data_type()) == Kind::Other && field.data_type() != &DataType::Null {
            let expected = "text, booleans, numbers or dates to be counted";
            return Err(Error::column_type(field.name(), expected, field.data_type()));
        }
        Ok(CountsState { values: Some(Arc::default()), rows: 0, missing: 0, missing_weight: 0.0 })
    }

    fn update(&self, state: &mut CountsState, column: &Column<'_>) -> Result<()> {
        self.update_and(state, column, |_| ())
    }

    fn merge(&self, into: &mut CountsState, from: CountsState) -> Result<()> {
        into.rows = into.rows.saturating_add(from.rows);
        into.missing = into.missing.saturating_add(from.missing);
        into.missing_weight += from.missing_weight;
        into.add(from.values.map(Arc::unwrap_or_clone), self.cap, |_| ());
        Ok(())
    }

    fn finish(&self, state: &CountsState) -> Result<CountsSummary> {
        Ok(CountsSummary {
            values: state.values.clone(),
            rows: state.rows,
            missing: state.missing,
            missing_weight: state.missing_weight,
        })
    }

    fn check_state(&self, state: &CountsState) -> Result<()> {
        let Some(there) = state.rows.checked_sub(state.missing) else {
            let found = format!("{} missing of {} rows", state.missing, state.rows);
            return Err(Error::state("no more missing rows than rows", found));
        };
        let values = state.values.as_deref().map_or(&[][..], Vec::as_slice);
        if values.len() > self.cap {
            return Err(Error::state(format!("{} values at most", self.cap), format!("{}", values.len())));
        }
        let weights = values.iter().map(|count| count.weight).chain([state.missing_weight]);
        if !ascend(values.iter().map(|count| &count.value)) || weights.into_iter().any(f64::is_nan) {
            return Err(Error::state("ascending values with their weights", "other values, or NaN"));
        }
        let rows = values.iter().try_fold(0, |sum: u64, count| sum.checked_add(count.rows));
        if state.values.is_some() && rows != Some(there) {
            return Err(Error::state("values whose rows add up", "others"));
        }
        Ok(())
    }
}

impl Retract for Counts {
    fn retract(&self, from: &mut CountsState, part: &CountsState) -> Result<()> {
        let too_many = || Error::state("rows that were merged in", "others");
        let (Some(own), Some(out)) = (&from.values, &part.values) else {
            return Err(Error::state("counts below the cap", "counts that were given up"));
        };
        let mut left = Vec::clone(own);
        for count in out.iter() {
            let place = left.binary_search_by(|c| c.value.cmp(&count.value)).map_err(|_| too_many())?;
            left[place].rows = left[place].rows.checked_sub(count.rows).ok_or_else(too_many)?;
            left[place].weight -= count.weight;
        }
        left.retain(|count| count.rows > 0);
        from.rows = from.rows.checked_sub(part.rows).ok_or_else(too_many)?;
        from.missing = from.missing.checked_sub(part.missing).ok_or_else(too_many)?;
        from.missing_weight -= part.missing_weight;
        from.values = Some(Arc::new(left));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{ArrayRef, Int64Array};

    #[test]
    fn the_cap_gives_up_values_and_keeps_totals() {
        let x: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), Some(1), None, Some(2), Some(1)]));
        let counts = Counts::new().cap(2).of("x", &x, None).unwrap();
        assert_eq!((counts.distinct(), counts.rows, counts.missing), (None, 5, 1));
        let counts = Counts::new().cap(3).of("x", &x, None).unwrap();
        assert_eq!(
            counts.top(2).iter().map(|c| c.value.clone()).collect::<Vec<_>>(),
            [Category::Int(1), Category::Int(2)]
        );
    }

    #[test]
    fn weights_count_and_zero_is_no_row() {
        let x: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(2)]));
        let counts = Counts::new().of("x", &x, Some(&[5.0, 0.0, 2.0, 1.5])).unwrap();
        assert_eq!((counts.rows, counts.missing, counts.missing_weight), (3, 1, 2.0));
        assert_eq!(counts.most_frequent().unwrap().value, Category::Int(1));
        assert_eq!(counts.values.unwrap()[1].weight, 1.5);
    }
}
