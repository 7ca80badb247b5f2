//! Folds over windows of clock time.

use std::time::Duration;

use mlsys_core::{Dataset, Error, Fold, Folds, Kind, Result, Train};
use serde::{Deserialize, Serialize};

use crate::sizes::nanoseconds;

/// Folds that train on a window of clock time, or on all of the past, and validate on the window that follows.
///
/// With t₀ the first time, fold i = 0, 1, .. validates on [b, b + test) for b = t₀ + train + gap + i·step and trains
/// on [b − gap − train, b − gap), or on all before b − gap when [expanding](Self::expanding). The last window may
/// reach past the last row. A window without rows on a side makes no fold.
///
/// * `train`, `test`, required: durations; that of `train` is the first one when expanding.
/// * `step`: as `test`, so that windows follow each other.
/// * `gap`: none.
///
/// **Input**: training rows in any order with a time role of dates or timestamps. **Output**: folds in order of time.
/// **Cost**: O(n log n), and the rows of the folds. **Errors**: no time role, integers (they have no unit), a missing
/// time, a duration of zero, more than 10,000 windows, no fold at all.
///
/// ```
/// use std::time::Duration;
/// use mlsys_sampling::{WindowFolds, window_folds};
///
/// let hour = 3_600_000_000_000;
/// let times: Vec<i64> = (0..6).map(|at| at * hour).collect();
/// let hours = |n: u64| Duration::from_secs(n * 3600);
/// let folds = window_folds(&times, &WindowFolds::sliding(hours(2), hours(1)).gap(hours(1)))?;
/// assert_eq!(folds.len(), 3);
/// assert_eq!((folds[2].train(), folds[2].validation()), ([2, 3].as_slice(), [5].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when rows come unevenly: windows have very different sizes, and a mean over folds gives a quiet night
/// the weight of a busy day. **Instead**: [`TimeSeriesFolds`](crate::TimeSeriesFolds) for folds of equal size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct WindowFolds {
    train: Duration,
    test: Duration,
    expanding: bool,
    #[serde(default)]
    step: Option<Duration>,
    #[serde(default)]
    gap: Duration,
}

impl WindowFolds {
    /// Trains on a window of constant length.
    pub fn sliding(train: Duration, test: Duration) -> Self {
        Self { train, test, expanding: false, step: None, gap: Duration::ZERO }
    }

    /// Trains on all of the past, which is at first as long as this.
    pub fn expanding(train: Duration, test: Duration) -> Self {
        Self { expanding: true, ..Self::sliding(train, test) }
    }

    /// From one window to the next.
    pub fn step(mut self, step: Duration) -> Self {
        self.step = Some(step);
        self
    }

    /// Leaves rows of this time before the validation window out of the training rows.
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }
}

const NAME: &str = "WindowFolds";
const MOST_WINDOWS: i128 = 10_000;

/// The folds of rows with these times in nanoseconds: [`WindowFolds`] without a dataset.
///
/// # Errors
///
/// As [`WindowFolds`].
pub fn window_folds(times: &[i64], recipe: &WindowFolds) -> Result<Vec<Fold>> {
    let step = recipe.step.unwrap_or(recipe.test);
    for (name, duration) in [("train", recipe.train), ("test", recipe.test), ("step", step)] {
        if duration.is_zero() {
            return Err(Error::invalid_parameter(NAME, name, "zero", "a duration above zero"));
        }
    }
    let (Some(&first), Some(&last)) = (times.iter().min(), times.iter().max()) else {
        return Err(Error::too_few_rows(2, 0, NAME));
    };
    // In 128 bits nothing overflows, however long a duration is.
    let [train, test, step, gap] =
        [recipe.train, recipe.test, step, recipe.gap].map(|d| i128::from(nanoseconds(d)));
    let begin = i128::from(first) + train + gap;
    let windows = (i128::from(last) - begin).div_euclid(step) + 1;
    if windows > MOST_WINDOWS {
        let expected = format!("so long that there are at most {MOST_WINDOWS} windows, not {windows}");
        return Err(Error::invalid_parameter(
            NAME,
            "step",
            format!("{:?}", recipe.step.unwrap_or(recipe.test)),
            expected,
        ));
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|&row| times[row]);
    let place = |time: i128| order.partition_point(|&row| i128::from(times[row]) < time);
    let mut folds = Vec::new();
    for window in 0..windows {
        let at = begin + window * step;
        let from = if recipe.expanding { 0 } else { place(at - gap - train) };
        let (fit, validate) = (&order[from..place(at - gap)], &order[place(at)..place(at + test)]);
        if !fit.is_empty() && !validate.is_empty() {
            folds.push(Fold::new(fit.to_vec(), validate.to_vec())?);
        }
    }
    if folds.is_empty() {
        let span = Duration::from_nanos(last.abs_diff(first));
        let why = format!(
            "{NAME}: windows of {:?} and {:?} within the {span:?} of the rows, for each side,",
            recipe.train, recipe.test
        );
        return Err(Error::too_few_rows(1, 0, why));
    }
    Ok(folds)
}

impl Folds for WindowFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let name = train.layout().time(NAME)?;
        if train.layout().kind(name)? == Kind::Integer {
            let expected = "dates or timestamps (integers have no unit; use TimeSeriesFolds)";
            return Err(Error::column_type(name, expected, train.column(name)?.data_type()));
        }
        window_folds(&train.instants(NAME)?, self)
    }
}
