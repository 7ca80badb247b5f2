//! Folds that train on the past and validate on what follows.

use mlsys_core::{Dataset, Error, Fold, Folds, Result, Train};
use serde::{Deserialize, Serialize};

use crate::sizes::check_folds;

/// Whether rows of one time may be on both sides of a fold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EqualTimes {
    /// They may; the sizes are exact. Among equal times the rows keep their order.
    #[default]
    Split,
    /// They stay together: boundaries move back to the first row of their time.
    Together,
}

/// k folds over the rows in order of time: each trains on the past and validates on the rows that follow.
///
/// Of n rows sorted by time, fold i = 1..k validates on the `test_size` rows from s = n − (k − i + 1)·`test_size` on and
/// trains on the rows before s − `gap`, at most the last `max_train_size` of them.
///
/// * `n_folds`, required: 2 to the number of rows − 1.
/// * `test_size`: ⌊n/(k + 1)⌋ rows.
/// * `gap`: 0 rows between the sides.
/// * `max_train_size`: no limit.
/// * `equal_times`: [`EqualTimes::Split`].
///
/// **Input**: training rows in any order with a time role, no time missing. **Output**: k folds of row indices.
/// **Cost**: O(n log n + n·k). **Errors**: no time role, a missing time, fewer than two folds, too few rows for the
/// sizes, a fold side that is empty because equal times stay together.
///
/// ```
/// use mlsys_sampling::{TimeSeriesFolds, time_series_folds};
///
/// // The rows came in the order of times 3, 1, 2, 4.
/// let folds = time_series_folds(&[3, 1, 2, 4], &TimeSeriesFolds::new(2))?;
/// assert_eq!((folds[0].train(), folds[0].validation()), ([1, 2].as_slice(), [0].as_slice()));
/// assert_eq!((folds[1].train(), folds[1].validation()), ([0, 1, 2].as_slice(), [3].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when labels take time to settle: set a `gap`. The first folds train on few rows, so their scores are
/// pessimistic. Sizes as scikit-learn's `TimeSeriesSplit`, which takes the rows as they come. **Instead**:
/// [`TimeSplit`](crate::TimeSplit) for one boundary at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct TimeSeriesFolds {
    n_folds: usize,
    #[serde(default)]
    test_size: Option<usize>,
    #[serde(default)]
    gap: usize,
    #[serde(default)]
    max_train_size: Option<usize>,
    #[serde(default)]
    equal_times: EqualTimes,
}

impl TimeSeriesFolds {
    /// This many folds.
    pub fn new(n_folds: usize) -> Self {
        Self { n_folds, test_size: None, gap: 0, max_train_size: None, equal_times: EqualTimes::Split }
    }

    /// Rows that each fold validates on.
    pub fn test_size(mut self, test_size: usize) -> Self {
        self.test_size = Some(test_size);
        self
    }

    /// Rows left out between the sides.
    pub fn gap(mut self, gap: usize) -> Self {
        self.gap = gap;
        self
    }

    /// Rows that each fold trains on, at most.
    pub fn max_train_size(mut self, max_train_size: usize) -> Self {
        self.max_train_size = Some(max_train_size);
        self
    }

    /// Whether rows of one time may be on both sides.
    pub fn equal_times(mut self, equal_times: EqualTimes) -> Self {
        self.equal_times = equal_times;
        self
    }
}

const NAME: &str = "TimeSeriesFolds";

/// The folds of rows with these times, in any unit: [`TimeSeriesFolds`] without a dataset.
///
/// # Errors
///
/// As [`TimeSeriesFolds`].
pub fn time_series_folds(times: &[i64], recipe: &TimeSeriesFolds) -> Result<Vec<Fold>> {
    let (n, k) = (times.len(), recipe.n_folds);
    check_folds(NAME, k, n)?;
    for (name, size) in [("test_size", recipe.test_size), ("max_train_size", recipe.max_train_size)] {
        if size == Some(0) {
            return Err(Error::invalid_parameter(NAME, name, 0, "1 or more"));
        }
    }
    let test_size = recipe.test_size.unwrap_or(n / (k + 1)).max(1);
    let need = k.checked_mul(test_size).and_then(|rows| rows.checked_add(recipe.gap)?.checked_add(1));
    let need = need.unwrap_or(usize::MAX);
    if need > n {
        let why = format!("{NAME} with {k} folds, test_size {test_size} and gap {}", recipe.gap);
        return Err(Error::too_few_rows(need, n, why));
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&row| times[row]);
    let together = recipe.equal_times == EqualTimes::Together;
    let is_inside =
        |place: usize| together && place > 0 && place < n && times[order[place]] == times[order[place - 1]];
    let back = |mut place: usize| {
        while is_inside(place) {
            place -= 1;
        }
        place
    };
    let fold = |i: usize| {
        let start = n - (k - i) * test_size;
        let end = if i + 1 == k { n } else { back(start + test_size) };
        let train_end = back(back(start).saturating_sub(recipe.gap));
        let mut train_start = train_end.saturating_sub(recipe.max_train_size.unwrap_or(n));
        while train_start < train_end && is_inside(train_start) {
            train_start += 1;
        }
        let start = back(start);
        if start == end || train_start == train_end {
            let why = format!("{NAME}: fold {} of {k} with equal times together, on each side,", i + 1);
            return Err(Error::too_few_rows(1, 0, why));
        }
        Fold::new(order[train_start..train_end].to_vec(), order[start..end].to_vec())
    };
    (0..k).map(fold).collect()
}

impl Folds for TimeSeriesFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        time_series_folds(&train.instants(NAME)?, self)
    }
}
