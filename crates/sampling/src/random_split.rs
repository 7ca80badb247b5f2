//! A random share of the rows for testing.

use mlsys_core::{Dataset, Result, Split, Unsplit, seed};
use serde::{Deserialize, Serialize};

use crate::sizes::test_rows;

/// A random share of the rows for testing, the rest for training.
///
/// ⌈test_share · n⌉ rows of a seeded permutation are for testing.
///
/// * `test_share`: 0.25; between 0 and 1.
/// * `seed`: 0.
///
/// **Input**: any table with two rows or more. **Output**: both sides, rows in their old order. **Cost**: O(n).
/// **Errors**: a share out of range; no row left on a side.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::RandomSplit;
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..10)) as _)])?;
/// let (train, test) = RandomSplit::new().seed(7).split(Dataset::new(batch)?)?;
/// assert_eq!((train.n_rows(), test.n_rows()), (7, 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when rows belong together (the same aircraft, the same day) or when the model will predict the future:
/// near copies of test rows are then among the training rows. Sizes as scikit-learn's `train_test_split`; the rows
/// differ, as every generator's do. **Instead**: [`TimeSplit`](crate::TimeSplit) for data with a time;
/// [`StratifiedSplit`](crate::StratifiedSplit) for rare classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct RandomSplit {
    test_share: f64,
    seed: u64,
}

impl Default for RandomSplit {
    fn default() -> Self {
        Self { test_share: 0.25, seed: seed::DEFAULT_SEED }
    }
}

impl RandomSplit {
    /// A quarter for testing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the rows for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
    }

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The training and the test rows of `n`, ascending: [`RandomSplit`] without a dataset.
///
/// ```
/// let (train, test) = mlsys_sampling::random_split(10, 0.25, 7)?;
/// assert_eq!((train.len(), test.len()), (7, 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`RandomSplit`].
pub fn random_split(n: usize, test_share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let n_test = test_rows("RandomSplit", test_share, n)?;
    let mut order = seed::permutation(n, &mut seed::stream(seed, 0));
    let mut train = order.split_off(n_test);
    order.sort_unstable();
    train.sort_unstable();
    Ok((train, order))
}

impl Split for RandomSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        random_split(data.n_rows(), self.test_share, self.seed)
    }
}
