//! Folds of equal size.

use mlsys_core::{Dataset, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::sizes::check_folds;

/// Whether folds are cut from the rows as they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shuffle {
    /// In the order of the rows.
    #[default]
    Off,
    /// In a random order, by the seed.
    On,
}

/// k folds of equal size; each is validated on once and trained on k − 1 times.
///
/// The first n mod k folds have ⌊n/k⌋ + 1 rows, the others ⌊n/k⌋; without shuffling they are consecutive rows.
///
/// * `n_folds`, required: 2 to the number of rows.
/// * `shuffle`: [`Shuffle::Off`].
/// * `seed`: 0; used when shuffling.
///
/// **Input**: any training rows. **Output**: k folds. **Cost**: O(n·k). **Errors**: fewer than two folds, or fewer rows
/// than folds.
///
/// ```
/// use mlsys_sampling::{Shuffle, k_fold};
///
/// let folds = k_fold(5, 2, Shuffle::Off, 0)?;
/// assert_eq!(folds[0].validation(), [0, 1, 2]);
/// assert_eq!(folds[1].train(), [0, 1, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** without shuffling when rows are sorted by the target, and always when rows belong together or the
/// model will predict the future. Unshuffled folds equal scikit-learn's `KFold`. **Instead**:
/// [`StratifiedKFold`](crate::StratifiedKFold) for rare classes; [`TimeSeriesFolds`](crate::TimeSeriesFolds) for data
/// with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct KFold {
    n_folds: usize,
    #[serde(default)]
    shuffle: Shuffle,
    #[serde(default)]
    seed: u64,
}

impl KFold {
    /// This many folds, of consecutive rows.
    pub fn new(n_folds: usize) -> Self {
        Self { n_folds, shuffle: Shuffle::Off, seed: seed::DEFAULT_SEED }
    }

    /// Whether rows are shuffled before the folds are cut.
    pub fn shuffle(mut self, shuffle: Shuffle) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The seed of the shuffling.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The folds of `n` rows: [`KFold`] without a dataset.
///
/// # Errors
///
/// As [`KFold`].
pub fn k_fold(n: usize, n_folds: usize, shuffle: Shuffle, seed: u64) -> Result<Vec<Fold>> {
    check_folds("KFold", n_folds, n)?;
    let order = match shuffle {
        Shuffle::Off => (0..n).collect(),
        Shuffle::On => seed::permutation(n, &mut seed::stream(seed, 0)),
    };
    let (size, larger) = (n / n_folds, n % n_folds);
    let mut fold_of_row = vec![0u32; n];
    let mut place = 0;
    for fold in 0..n_folds {
        let end = place + size + usize::from(fold < larger);
        order[place..end].iter().for_each(|&row| fold_of_row[row] = fold as u32);
        place = end;
    }
    Fold::each(&fold_of_row, n_folds)
}

impl Folds for KFold {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        k_fold(train.n_rows(), self.n_folds, self.shuffle, self.seed)
    }
}
