//! Folds of whole groups with equal class shares.

use mlsys_core::{Coded, Dataset, Fold, Folds, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::groups::{GroupCounts, MissingGroup, by_value, check_classes, check_group_folds, groups};
use crate::k_fold::Shuffle;
use crate::sizes::strata;

/// k folds in which every group is whole and every class has nearly its share.
///
/// The groups go one by one, the one with the largest standard deviation of its class counts first, to the fold that
/// makes the folds most alike: that minimises the mean over classes c of the standard deviation over folds of
/// n_fold,c / n_c. Of folds that are equal to a relative 1e-5 the one with the fewest rows is taken.
///
/// * `n_folds`, required: 2 to the number of groups, and to the number of rows of the smallest class.
/// * `column`: the single target, or another column of categories.
/// * `groups`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
/// * `shuffle`: [`Shuffle::Off`]; when on, groups with the same deviation are taken in random order. `seed`: 0.
///
/// **Input**: a class and a group for each row. **Output**: k folds of row indices; each row is validated on once.
/// **Cost**: O(n·k) for the rows and O(g·k²·c) for the greedy rule, which sees the g groups and c classes only.
/// **Errors**: no target or group column, missing values, one group, fewer groups than folds, a class of fewer rows
/// than folds.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
/// use mlsys_sampling::{Shuffle, stratified_group_k_fold};
///
/// let late = Coded::new("late", &Int64Array::from(vec![1, 0, 0, 1, 0, 0, 0, 0]))?;
/// let plane = Coded::new("plane", &Int64Array::from(vec![1, 1, 2, 3, 3, 4, 4, 2]))?;
/// let folds = stratified_group_k_fold(&late, &plane, 2, Shuffle::Off, 0)?;
/// // Each has one late flight, and two whole planes.
/// assert_eq!((folds[0].validation(), folds[1].validation()), ([0, 1, 2, 7].as_slice(), [3, 4, 5, 6].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when a class lives in fewer groups than there are folds: some fold has none of it, whatever the rule.
/// Look at [`SplitReport::of_folds`](crate::SplitReport::of_folds). Unshuffled folds equal scikit-learn's
/// `StratifiedGroupKFold`, row for row; up to its version 1.7.2 the shuffled ones there are not stratified at all.
/// **Instead**: [`GroupKFold`](crate::GroupKFold) without classes; [`CombinedSplit`](crate::CombinedSplit) when time
/// matters too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct StratifiedGroupKFold {
    n_folds: usize,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    groups: Option<String>,
    #[serde(default)]
    missing: MissingGroup,
    #[serde(default)]
    shuffle: Shuffle,
    #[serde(default)]
    seed: u64,
}

impl StratifiedGroupKFold {
    /// This many folds by the target and the group column.
    pub fn new(n_folds: usize) -> Self {
        Self {
            n_folds,
            column: None,
            groups: None,
            missing: MissingGroup::Refuse,
            shuffle: Shuffle::Off,
            seed: seed::DEFAULT_SEED,
        }
    }

    /// The column whose values are kept in proportion, instead of the target.
    pub fn column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// The column that names the groups, instead of the group column.
    pub fn groups(mut self, groups: impl Into<String>) -> Self {
        self.groups = Some(groups.into());
        self
    }

    /// What a row without a group counts as.
    pub fn missing(mut self, missing: MissingGroup) -> Self {
        self.missing = missing;
        self
    }

    /// Whether groups with the same deviation are taken in random order.
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

const NAME: &str = "StratifiedGroupKFold";

/// The folds of these classes and groups: [`StratifiedGroupKFold`] without a dataset.
///
/// # Errors
///
/// As [`StratifiedGroupKFold`].
pub fn stratified_group_k_fold(
    classes: &Coded,
    groups: &Coded,
    n_folds: usize,
    shuffle: Shuffle,
    seed: u64,
) -> Result<Vec<Fold>> {
    check_group_folds(NAME, n_folds, groups)?;
    check_classes(&format!("{NAME} with {n_folds} folds"), classes, groups, n_folds)?;
    let counts = GroupCounts::new(groups, classes);
    // Sums are taken in the ascending order of classes, so that their rounding does not depend on the coding.
    let class_order = by_value(classes);
    let ordered =
        |group: usize| class_order.iter().map(|&class| f64::from(counts.of(group)[class])).collect();
    let mut order: Vec<(usize, Vec<f64>, f64)> = by_value(groups)
        .into_iter()
        .map(|group| {
            let counts: Vec<f64> = ordered(group);
            let deviation = deviation(&counts);
            (group, counts, deviation)
        })
        .collect();
    if shuffle == Shuffle::On {
        seed::shuffle(&mut order, &mut seed::stream(seed, 0));
    }
    order.sort_by(|a, b| b.2.total_cmp(&a.2));
    let totals = counts.per_class();
    let totals = class_order.iter().map(|&class| totals[class] as f64).collect();
    let mut greedy = Greedy::new(n_folds, totals);
    let mut fold_of_group = vec![0u32; groups.distinct.len()];
    for (group, counts, _) in &order {
        fold_of_group[*group] = greedy.place(counts) as u32;
    }
    let fold_of_row: Vec<u32> = groups.codes.iter().map(|&group| fold_of_group[group as usize]).collect();
    Fold::each(&fold_of_row, n_folds)
}

/// The folds while groups are dealt out.
struct Greedy {
    totals: Vec<f64>,
    /// Class by class, a count per fold.
    counts: Vec<Vec<f64>>,
    rows: Vec<f64>,
    /// The deviation of each class over the folds as they are.
    deviations: Vec<f64>,
}

impl Greedy {
    fn new(n_folds: usize, totals: Vec<f64>) -> Self {
        let classes = totals.len();
        Self {
            totals,
            counts: vec![vec![0.0; n_folds]; classes],
            rows: vec![0.0; n_folds],
            deviations: vec![0.0; classes],
        }
    }

    /// Puts a group into the fold that makes the folds most alike.
    fn place(&mut self, group: &[f64]) -> usize {
        let (mut best, mut least, mut fewest) = (0, f64::INFINITY, f64::INFINITY);
        let mut trial = self.deviations.clone();
        for fold in 0..self.rows.len() {
            // Classes that the group does not have keep their deviation.
            for class in (0..group.len()).filter(|&class| group[class] > 0.0) {
                trial[class] = self.deviation_with(class, fold, group[class]);
            }
            let mean = pairwise_sum(&trial) / trial.len() as f64;
            let alike = (mean - least).abs() <= 1e-8 + 1e-5 * least.abs();
            if mean < least || alike && self.rows[fold] < fewest {
                (best, least, fewest) = (fold, mean, self.rows[fold]);
            }
        }
        for (class, &count) in group.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            self.counts[class][best] += count;
            self.rows[best] += count;
            self.deviations[class] = self.deviation_with(class, best, 0.0);
        }
        best
    }

    fn deviation_with(&self, class: usize, fold: usize, more: f64) -> f64 {
        let (counts, total) = (&self.counts[class], self.totals[class]);
        let share =
            |(other, &count): (usize, &f64)| (if other == fold { count + more } else { count }) / total;
        let n = counts.len() as f64;
        let shares = || counts.iter().enumerate().map(share);
        let mean = shares().fold(0.0, |sum, x| sum + x) / n;
        (shares().fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / n).sqrt()
    }
}

/// The standard deviation with the rounding that numpy has along a row.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = pairwise_sum(values) / n;
    let squares: Vec<f64> = values.iter().map(|x| (x - mean) * (x - mean)).collect();
    (pairwise_sum(&squares) / n).sqrt()
}

/// numpy's sum of a contiguous row: which groups are equal depends on how sums round.
fn pairwise_sum(values: &[f64]) -> f64 {
    match values.len() {
        0..8 => values.iter().fold(0.0, |sum, x| sum + x),
        8..=128 => {
            let mut lanes = [0.0; 8];
            lanes.copy_from_slice(&values[..8]);
            let mut rest = values[8..].chunks_exact(8);
            for chunk in &mut rest {
                lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            rest.remainder().iter().fold(sum, |sum, x| sum + x)
        }
        n => {
            let (left, right) = values.split_at(n / 2 - n / 2 % 8);
            pairwise_sum(left) + pairwise_sum(right)
        }
    }
}

impl Folds for StratifiedGroupKFold {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let classes = strata(train, self.column.as_deref(), NAME)?;
        let groups = groups(train, self.groups.as_deref(), self.missing, NAME)?;
        stratified_group_k_fold(&classes, &groups, self.n_folds, self.shuffle, self.seed)
    }
}
