//! Every choice of k blocks of time for validation, purged.

use std::time::Duration;

use mlsys_core::{Dataset, Error, Fold, Folds, Kind, Result, Train};
use serde::{Deserialize, Serialize};

use crate::purged::{intervals, purge};
use crate::sizes::{combinations, nanoseconds};

/// Combinatorial purged cross-validation: the rows in N blocks of time, and a fold for each choice of k blocks to
/// validate on.
///
/// There are C(N, k) folds, in ascending order of their blocks, and they make C(N − 1, k − 1) paths: each block is
/// validated on that often. Training rows are the other blocks without those that [`Purged`](crate::Purged) takes
/// out.
///
/// * `n_blocks`, required: 2 or more. `n_validated`, required: 1 to `n_blocks` − 1.
/// * `purge`: the two columns between whose times a label is open; the row's time alone.
/// * `embargo`: none.
///
/// **Input**: training rows in any order with a time role. **Output**: C(N, k) folds of row indices; blocks differ by
/// a row in size, except that equal times stay in one block. **Cost**: O(n log n + n·C(N, k)). **Errors**: no time
/// role, a missing time, parameters out of range, more than 10,000 folds, a block or a training side without rows, a
/// label that ends before it starts.
///
/// ```
/// use mlsys_sampling::{CombinatorialPurgedFolds, combinatorial_purged_folds};
///
/// let recipe = CombinatorialPurgedFolds::new(6, 2);
/// assert_eq!(recipe.n_paths(), 5);
/// let days: Vec<i64> = (0..12).collect();
/// let labels: Vec<(i64, i64)> = days.iter().map(|&day| (day, day + 1)).collect();
/// let folds = combinatorial_purged_folds(&days, &labels, 6, 2, 0)?;
/// assert_eq!(folds.len(), 15);
/// // Days 0 to 3 are validated on; day 4 is purged, as the label of day 3 is open until 4.
/// assert_eq!((folds[0].validation(), folds[0].train()), ([0, 1, 2, 3].as_slice(), [5, 6, 7, 8, 9, 10, 11].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the future tells about the past in more ways than open labels: it trains on rows after those it
/// validates on. López de Prado, Advances in Financial Machine Learning, 2018, section 12.4. **Instead**:
/// [`TimeSeriesFolds`](crate::TimeSeriesFolds) or [`WindowFolds`](crate::WindowFolds), which train on the past alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct CombinatorialPurgedFolds {
    n_blocks: usize,
    n_validated: usize,
    #[serde(default)]
    labels: Option<(String, String)>,
    #[serde(default)]
    embargo: Duration,
}

impl CombinatorialPurgedFolds {
    /// This many blocks of time, and how many of them each fold validates on.
    pub fn new(n_blocks: usize, n_validated: usize) -> Self {
        Self { n_blocks, n_validated, labels: None, embargo: Duration::ZERO }
    }

    /// The columns between whose times a label is open.
    pub fn purge(mut self, start: impl Into<String>, end: impl Into<String>) -> Self {
        self.labels = Some((start.into(), end.into()));
        self
    }

    /// Leaves out training rows that begin within this time after a row held back ends.
    pub fn embargo(mut self, embargo: Duration) -> Self {
        self.embargo = embargo;
        self
    }

    /// How many complete predictions of all rows the folds make together.
    pub fn n_paths(&self) -> usize {
        match (self.n_blocks.checked_sub(1), self.n_validated.checked_sub(1)) {
            (Some(n), Some(k)) => crate::sizes::binomial(n, k),
            _ => 0,
        }
    }
}

const NAME: &str = "CombinatorialPurgedFolds";

/// The folds of rows with these times and label intervals: [`CombinatorialPurgedFolds`] without a dataset.
///
/// # Errors
///
/// As [`CombinatorialPurgedFolds`].
pub fn combinatorial_purged_folds(
    times: &[i64],
    labels: &[(i64, i64)],
    n_blocks: usize,
    n_validated: usize,
    embargo: u64,
) -> Result<Vec<Fold>> {
    let n = times.len();
    if labels.len() != n {
        return Err(Error::shape("labels", format!("{n} intervals, one per time"), labels.len()));
    }
    if n_blocks < 2 {
        return Err(Error::invalid_parameter(NAME, "n_blocks", n_blocks, "2 or more"));
    }
    if n < n_blocks {
        return Err(Error::too_few_rows(n_blocks, n, format!("{NAME} with {n_blocks} blocks")));
    }
    if n_validated == 0 || n_validated >= n_blocks {
        let expected = format!("1 to {}, fewer than the blocks", n_blocks - 1);
        return Err(Error::invalid_parameter(NAME, "n_validated", n_validated, expected));
    }
    let choices = combinations(NAME, "n_validated", n_blocks, n_validated)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&row| times[row]);
    let bounds: Vec<usize> = (0..=n_blocks)
        .map(|block| {
            let mut place = (block as u128 * n as u128 / n_blocks as u128) as usize;
            while place > 0 && place < n && times[order[place]] == times[order[place - 1]] {
                place -= 1;
            }
            place
        })
        .collect();
    if let Some(block) = bounds.windows(2).position(|pair| pair[0] == pair[1]) {
        let why = format!(
            "{NAME}: block {} of {n_blocks}, as equal times stay together (take fewer blocks),",
            block + 1
        );
        return Err(Error::too_few_rows(1, 0, why));
    }
    let fold = |chosen: &Vec<usize>| {
        let (mut train, mut validation) = (Vec::with_capacity(n), Vec::new());
        let mut out = vec![false; n_blocks];
        chosen.iter().for_each(|&block| out[block] = true);
        for block in 0..n_blocks {
            let side = if out[block] { &mut validation } else { &mut train };
            side.extend_from_slice(&order[bounds[block]..bounds[block + 1]]);
        }
        let kept = purge(&train, &validation, labels, embargo)?;
        Fold::new(kept, validation).map_err(|e| e.context(format!("{NAME}, validating on blocks {chosen:?}")))
    };
    choices.iter().map(fold).collect()
}

impl Folds for CombinatorialPurgedFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let times = train.instants(NAME)?;
        let time = train.layout().time(NAME)?;
        let labels = match &self.labels {
            Some((start, end)) => intervals(train, start, end, self.embargo)?,
            None if self.embargo > Duration::ZERO && train.layout().kind(time)? == Kind::Integer => {
                let expected = "dates or timestamps for an embargo (integers have no unit)";
                return Err(Error::column_type(time, expected, train.column(time)?.data_type()));
            }
            None => times.iter().map(|&time| (time, time)).collect(),
        };
        combinatorial_purged_folds(
            &times,
            &labels,
            self.n_blocks,
            self.n_validated,
            nanoseconds(self.embargo),
        )
    }
}
