//! Folds with equal class shares.

use mlsys_core::{Coded, Dataset, Error, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::k_fold::Shuffle;
use crate::sizes::{check_folds, rows_by_code, strata_in_bins, too_small};

/// k folds of nearly equal size in which every class has nearly its share.
///
/// With the classes numbered by first appearance and all labels sorted, fold i gets of each class as many rows as
/// there are among the sorted labels i, i + k, i + 2k, ..; the rows of a class fill the folds in their order.
///
/// * `n_folds`, required: 2 to the number of rows of the smallest class.
/// * `column`: the single target, or another column of categories.
/// * `bins`: none; or numbers in this many [bins of equally many rows](crate::quantile_bins), 2 or more.
/// * `shuffle`: [`Shuffle::Off`]. `seed`: 0; used when shuffling.
///
/// **Input**: a column without missing values. **Output**: k folds, each with every class on both sides. **Cost**:
/// O(n·k). **Errors**: fewer than two folds, missing values, a class with fewer rows than folds.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
/// use mlsys_sampling::{Shuffle, stratified_k_fold};
///
/// let classes = Coded::new("class", &StringArray::from(vec!["a", "a", "a", "a", "b", "b"]))?;
/// let folds = stratified_k_fold(&classes, 2, Shuffle::Off, 0)?;
/// assert_eq!(folds[0].validation(), [0, 1, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`KFold`](crate::KFold) does when rows belong together or have a time. Unshuffled folds equal
/// scikit-learn's `StratifiedKFold`, which only warns about a class that is not in every fold; metrics of such a fold
/// are not defined, so here it is an error. **Instead**: `bins` for a continuous target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct StratifiedKFold {
    n_folds: usize,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    bins: Option<usize>,
    #[serde(default)]
    shuffle: Shuffle,
    #[serde(default)]
    seed: u64,
}

impl StratifiedKFold {
    /// This many folds by the classes of the target.
    pub fn new(n_folds: usize) -> Self {
        Self { n_folds, column: None, bins: None, shuffle: Shuffle::Off, seed: seed::DEFAULT_SEED }
    }

    /// The column whose values are kept in proportion, instead of the target.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// Numbers as classes: this many bins of nearly equally many rows, for a target that is continuous.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = Some(bins);
        self
    }

    /// Whether the rows of each class are shuffled first.
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

const NAME: &str = "StratifiedKFold";

/// The folds of these classes: [`StratifiedKFold`] without a dataset.
///
/// # Errors
///
/// As [`StratifiedKFold`].
pub fn stratified_k_fold(classes: &Coded, n_folds: usize, shuffle: Shuffle, seed: u64) -> Result<Vec<Fold>> {
    check_folds(NAME, n_folds, classes.len())?;
    if classes.missing() > 0 {
        return Err(Error::invalid_value("classes", None, "missing", "a class for each row"));
    }
    let mut by_class = rows_by_code(&first_appearance(&classes.codes));
    if let Some(rows) = by_class.iter().find(|rows| rows.len() < n_folds) {
        let class =
            rows.first().and_then(|&row| classes.value(row)).map(ToString::to_string).unwrap_or_default();
        return Err(too_small(&format!("{NAME} with {n_folds} folds"), &class, n_folds, rows.len()));
    }
    if shuffle == Shuffle::On {
        for rows in &mut by_class {
            let class = classes.value(rows[0]).map(ToString::to_string).unwrap_or_default();
            seed::shuffle(rows, &mut seed::named(seed, &class));
        }
    }
    Fold::each(&Fold::stratify(&by_class, n_folds), n_folds)
}

/// Codes numbered by first appearance, whatever numbering they came with.
fn first_appearance(codes: &[u32]) -> Vec<u32> {
    let largest = codes.iter().map(|&code| code as usize + 1).max().unwrap_or(0);
    let mut place = vec![None; largest];
    let mut next = 0;
    let mut number = |code: u32| {
        *place[code as usize].get_or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    codes.iter().map(|&code| number(code)).collect()
}

impl Folds for StratifiedKFold {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let classes = strata_in_bins(train, self.column.as_deref(), self.bins, NAME)?;
        stratified_k_fold(&classes, self.n_folds, self.shuffle, self.seed)
    }
}
