//! Splits and folds in which every label of several keeps its share.

use mlsys_core::{
    Category, Coded, Dataset, Error, ErrorKind, Fold, Folds, Partition, Result, Split, Train, Unsplit, seed,
};
use serde::{Deserialize, Serialize};

use crate::k_fold::Shuffle;
use crate::sizes::{check_folds, check_share, sides};

/// The part of each row by iterative stratification: the label that the fewest remaining rows have is dealt out first.
///
/// Part j wants share_j of the rows of each label. Again and again, the rows of the rarest label go one by one to the
/// part that wants that label most, of equal parts to the one that wants most rows, of equal ones to the first; then
/// all labels of the row count as given. Rows without a label go where most rows are wanted.
///
/// `labels` has a list of the rows per label; `order` is the order in which rows are taken.
///
/// ```
/// // Two labels on four rows, in two halves: each half gets one row of either.
/// let labels = [vec![true, false, true, false], vec![false, true, false, true]];
/// assert_eq!(mlsys_sampling::iterative_stratification(&labels, &[0.5, 0.5], &[0, 1, 2, 3])?, [0, 0, 1, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, 2011, figure 1; ties that are random
/// there are decided as above.
///
/// # Errors
///
/// No parts; lists of labels of different lengths; an order in which some row is not there exactly once.
pub fn iterative_stratification(labels: &[Vec<bool>], shares: &[f64], order: &[usize]) -> Result<Vec<u32>> {
    let n = order.len();
    let mut seen = vec![false; n];
    let once = |&row: &usize| seen.get_mut(row).is_some_and(|seen| !std::mem::replace(seen, true));
    if !order.iter().all(once) {
        return Err(Error::shape("order", format!("each of {n} rows once"), "another list"));
    }
    if let Some(other) = labels.iter().find(|rows| rows.len() != n) {
        return Err(Error::shape("labels", format!("{n} rows each, as in the order"), other.len()));
    }
    if shares.is_empty() {
        return Err(Error::shape("shares", "one part at least", 0));
    }
    let mut wanted: Vec<f64> = shares.iter().map(|share| share * n as f64).collect();
    let mut remaining: Vec<usize> =
        labels.iter().map(|rows| rows.iter().filter(|&&has| has).count()).collect();
    let mut wanted_of: Vec<Vec<f64>> =
        remaining.iter().map(|&count| shares.iter().map(|share| share * count as f64).collect()).collect();
    const OPEN: u32 = u32::MAX;
    let mut part_of_row = vec![OPEN; n];
    let most = |wants: &dyn Fn(usize) -> (f64, f64)| {
        (1..shares.len()).fold(0, |best, part| {
            let ((a, b), (c, d)) = (wants(part), wants(best));
            if a.total_cmp(&c).then(b.total_cmp(&d)).is_gt() { part } else { best }
        })
    };
    while let Some(rarest) = (0..labels.len()).filter(|&l| remaining[l] > 0).min_by_key(|&l| remaining[l]) {
        for &row in order.iter().filter(|&&row| labels[rarest][row]) {
            if part_of_row[row] != OPEN {
                continue;
            }
            let part = most(&|part| (wanted_of[rarest][part], wanted[part]));
            part_of_row[row] = part as u32;
            wanted[part] -= 1.0;
            for label in (0..labels.len()).filter(|&label| labels[label][row]) {
                wanted_of[label][part] -= 1.0;
                remaining[label] -= 1;
            }
        }
    }
    for &row in order {
        if part_of_row[row] == OPEN {
            let part = most(&|part| (wanted[part], 0.0));
            part_of_row[row] = part as u32;
            wanted[part] -= 1.0;
        }
    }
    Ok(part_of_row)
}

/// The labels of the rows: a true flag or a 1 is one, and so is each value of a column that has others.
fn labels<P: Partition>(data: &Dataset<P>, columns: &[String], estimator: &str) -> Result<Vec<Vec<bool>>> {
    let names = if columns.is_empty() { data.layout().targets() } else { columns };
    if names.is_empty() {
        let hint = "name some with `Dataset::target`, or say which `columns`".into();
        return Err(ErrorKind::MissingRole { role: "target", needed_by: estimator.into(), hint }.into());
    }
    let mut labels = Vec::new();
    for name in names {
        let coded = Coded::new(name, data.column(name)?)?.sorted();
        if coded.missing() > 0 {
            let hint = "fill them, or drop the rows".into();
            return Err(
                ErrorKind::MissingValues { column: name.clone(), count: coded.missing(), hint }.into()
            );
        }
        if coded.distinct.len() > MOST_LABELS {
            let found = format!("{} values", coded.distinct.len());
            let expected = format!("at most {MOST_LABELS}, each a label (bin a continuous column first)");
            return Err(Error::invalid_value(name, None, found, expected));
        }
        let is_flag = |value: &Category| matches!(value.as_f64(), Some(x) if x == 0.0 || x == 1.0);
        let flags = coded.distinct.iter().all(is_flag);
        for (code, value) in coded.distinct.iter().enumerate() {
            if !flags || value.as_f64() == Some(1.0) {
                labels.push(coded.codes.iter().map(|&other| other as usize == code).collect());
            }
        }
    }
    Ok(labels)
}

/// Each value of a column is a label, with a mark per row.
const MOST_LABELS: usize = 1_000;

/// A share of the rows for testing, in which each of several labels keeps its share, by [`iterative_stratification`].
///
/// * `test_share`: 0.25; between 0 and 1.
/// * `columns`: the targets, or other columns: flags, 0 and 1, or categories, of which each value is a label.
/// * `seed`: 0; the order in which rows are taken.
///
/// **Input**: columns without missing values. **Output**: both sides, rows in their old order; the number of test
/// rows is about the share. **Cost**: O(n·l) for l labels. **Errors**: a share out of range, no targets, missing
/// values, a side without rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_sampling::MultilabelSplit;
///
/// let flag = |every: usize| Arc::new((0..100).map(|row| Some(row % every == 0)).collect::<BooleanArray>()) as _;
/// let data = Dataset::new(RecordBatch::try_from_iter([("wet", flag(4)), ("dark", flag(10))])?)?;
/// let split = MultilabelSplit::new().test_share(0.2);
/// let (_, test) = split.rows(&data.target("wet")?.target("dark")?)?;
/// let count = |every: usize| test.iter().filter(|&&row| row % every == 0).count();
/// assert_eq!((test.len(), count(4), count(10)), (20, 5, 2));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for pairs of labels: each keeps its share, their combinations need not. **Instead**:
/// [`StratifiedSplit`](crate::StratifiedSplit) for one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct MultilabelSplit {
    test_share: f64,
    columns: Vec<String>,
    seed: u64,
}

impl Default for MultilabelSplit {
    fn default() -> Self {
        Self { test_share: 0.25, columns: Vec::new(), seed: seed::DEFAULT_SEED }
    }
}

impl MultilabelSplit {
    /// A quarter of the rows of each target's label for testing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the rows for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
    }

    /// The columns of labels, instead of the targets.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Split for MultilabelSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        const NAME: &str = "MultilabelSplit";
        check_share(NAME, self.test_share)?;
        let labels = labels(data, &self.columns, NAME)?;
        let order = seed::permutation(data.n_rows(), &mut seed::stream(self.seed, 0));
        let parts = iterative_stratification(&labels, &[1.0 - self.test_share, self.test_share], &order)?;
        let (train, test) = sides(&parts.iter().map(|&part| part == 1).collect::<Vec<_>>());
        if train.is_empty() || test.is_empty() {
            return Err(Error::too_few_rows(
                2,
                data.n_rows(),
                format!("{NAME} with test_share {}", self.test_share),
            ));
        }
        Ok((train, test))
    }
}

/// k folds of nearly equal size in which each of several labels has nearly its share, by [`iterative_stratification`].
///
/// * `n_folds`, required: 2 to the number of rows.
/// * `columns`: the targets, or other columns: flags, 0 and 1, or categories, of which each value is a label.
/// * `shuffle`: [`Shuffle::Off`], which takes the rows as they come. `seed`: 0; used when shuffling.
///
/// **Input**: columns without missing values. **Output**: k folds; each row is validated on once. **Cost**: O(n·(l +
/// k)) for l labels. **Errors**: fewer than two folds, fewer rows than folds, no targets, missing values, a fold
/// without rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Folds, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_sampling::MultilabelKFold;
///
/// let flag = |every: usize| Arc::new((0..60).map(|row| Some(row % every == 0)).collect::<BooleanArray>()) as _;
/// let data = Dataset::new(RecordBatch::try_from_iter([("wet", flag(4)), ("dark", flag(10))])?)?;
/// let folds = MultilabelKFold::new(3).columns(["wet", "dark"]).folds(&data.into_train_all())?;
/// let of_fold = |rows: &[usize], every: usize| rows.iter().filter(|&&row| row % every == 0).count();
/// let count = |every| folds.iter().map(|fold| of_fold(fold.validation(), every)).collect::<Vec<_>>();
/// assert_eq!((count(4), count(10)), (vec![5, 5, 5], vec![2, 2, 2]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for pairs of labels, which need not keep their share. **Instead**:
/// [`StratifiedKFold`](crate::StratifiedKFold) for one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct MultilabelKFold {
    n_folds: usize,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    shuffle: Shuffle,
    #[serde(default)]
    seed: u64,
}

impl MultilabelKFold {
    /// This many folds by the labels of the targets.
    pub fn new(n_folds: usize) -> Self {
        Self { n_folds, columns: Vec::new(), shuffle: Shuffle::Off, seed: seed::DEFAULT_SEED }
    }

    /// The columns of labels, instead of the targets.
    pub fn columns<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Whether rows are taken in random order.
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

impl Folds for MultilabelKFold {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        const NAME: &str = "MultilabelKFold";
        let (n, k) = (train.n_rows(), self.n_folds);
        check_folds(NAME, k, n)?;
        let labels = labels(train, &self.columns, NAME)?;
        let order = match self.shuffle {
            Shuffle::Off => (0..n).collect(),
            Shuffle::On => seed::permutation(n, &mut seed::stream(self.seed, 0)),
        };
        let shares = vec![1.0 / k as f64; k];
        Fold::each(&iterative_stratification(&labels, &shares, &order)?, k).map_err(|e| e.context(NAME))
    }
}
