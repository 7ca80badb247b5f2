//! Folds of whole groups.

use mlsys_core::{Coded, Dataset, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::groups::{MissingGroup, by_value, check_group_folds, groups, sizes};
use crate::k_fold::Shuffle;

/// k folds of nearly equal size in which every group is whole.
///
/// The groups, largest first, go one by one to the fold that has the fewest rows so far; of equal groups the higher
/// one goes first, of equal folds the first one is taken.
///
/// * `n_folds`, required: 2 to the number of groups.
/// * `column`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
/// * `shuffle`: [`Shuffle::Off`]; when on, groups of equal size are taken in random order. `seed`: 0.
///
/// **Input**: a column of categories: text, numbers, dates. **Output**: k folds of row indices; each row is validated
/// on once. **Cost**: O(n·k + g·(k + log g)) for g groups. **Errors**: no group column, a missing group, one group,
/// fewer groups than folds.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// use mlsys_sampling::{Shuffle, group_k_fold};
///
/// let planes = Coded::new("tailnum", &StringArray::from(vec!["a", "b", "a", "c", "a", "b"]))?;
/// let folds = group_k_fold(&planes, 2, Shuffle::Off, 0)?;
/// assert_eq!((folds[0].validation(), folds[1].validation()), ([0, 2, 4].as_slice(), [1, 3, 5].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when groups differ in their share of a rare class: a fold may have none of it. When the model will
/// meet the same groups again, it is pessimistic. Unshuffled folds equal scikit-learn's `GroupKFold` row for row;
/// shuffled, that one deals out groups without regard to their size, and here the folds stay as equal as they can.
/// **Instead**: [`StratifiedGroupKFold`](crate::StratifiedGroupKFold) keeps class shares;
/// [`LeaveOneGroupOut`](crate::LeaveOneGroupOut) for a few groups that matter one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct GroupKFold {
    n_folds: usize,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    missing: MissingGroup,
    #[serde(default)]
    shuffle: Shuffle,
    #[serde(default)]
    seed: u64,
}

impl GroupKFold {
    /// This many folds by the group column.
    pub fn new(n_folds: usize) -> Self {
        Self {
            n_folds,
            column: None,
            missing: MissingGroup::Refuse,
            shuffle: Shuffle::Off,
            seed: seed::DEFAULT_SEED,
        }
    }

    /// The column that names the groups, instead of the group column.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// What a row without a group counts as.
    pub fn missing(mut self, missing: MissingGroup) -> Self {
        self.missing = missing;
        self
    }

    /// Whether groups of equal size are taken in random order.
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

const NAME: &str = "GroupKFold";

/// The folds of these groups: [`GroupKFold`] without a dataset.
///
/// # Errors
///
/// As [`GroupKFold`].
pub fn group_k_fold(groups: &Coded, n_folds: usize, shuffle: Shuffle, seed: u64) -> Result<Vec<Fold>> {
    check_group_folds(NAME, n_folds, groups)?;
    let sizes = sizes(groups);
    let mut order = by_value(groups);
    if shuffle == Shuffle::On {
        seed::shuffle(&mut order, &mut seed::stream(seed, 0));
    }
    // Ascending and then reversed, as scikit-learn does it: that decides which of equal groups comes first.
    order.sort_by_key(|&group| sizes[group]);
    let mut rows_in_fold = vec![0; n_folds];
    let mut fold_of_group = vec![0u32; sizes.len()];
    for &group in order.iter().rev() {
        let lightest = (0..n_folds).min_by_key(|&fold| rows_in_fold[fold]).unwrap_or(0);
        rows_in_fold[lightest] += sizes[group];
        fold_of_group[group] = lightest as u32;
    }
    let fold_of_row: Vec<u32> = groups.codes.iter().map(|&group| fold_of_group[group as usize]).collect();
    Fold::each(&fold_of_row, n_folds)
}

impl Folds for GroupKFold {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let groups = groups(train, self.column.as_deref(), self.missing, NAME)?;
        group_k_fold(&groups, self.n_folds, self.shuffle, self.seed)
    }
}
