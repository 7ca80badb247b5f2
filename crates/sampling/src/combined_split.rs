//! One splitter for classes, groups, time and a gap together.

use std::fmt;
use std::time::Duration;

use mlsys_core::{
    Coded, Dataset, Error, Fold, Folds, Kind, Partition, Result, Split, Train, Unsplit, column, seed,
};
use serde::{Deserialize, Serialize};

use crate::balance::{Choices, large_first, scale_of, weighed};
use crate::group_k_fold::group_k_fold;
use crate::group_split::{group_split, stratified_group_split};
use crate::groups::{GroupCounts, MissingGroup, groups};
use crate::k_fold::{Shuffle, k_fold};
use crate::random_split::random_split;
use crate::sizes::{check_folds, check_share, nanoseconds, strata, test_rows};
use crate::stratified_group_k_fold::stratified_group_k_fold;
use crate::stratified_k_fold::stratified_k_fold;
use crate::stratified_split::stratified_split;
use crate::time_series_folds::{EqualTimes, TimeSeriesFolds, time_series_folds};

/// Splits by classes, groups, time and a gap, any of them together: what is set holds, and class shares are approached.
///
/// * **Groups** are whole: no group is on both sides.
/// * **Time** is ordered: the test rows are those from a boundary on, so that they are `test_share` of the rows;
///   equal times are on one side.
/// * **Gap**: training rows are earlier than the boundary − gap.
/// * **Groups and time**: a group with rows before and after the boundary is given to one side, and its rows on the
///   other side of the boundary are left out. Which side is chosen so that Σ_c (((1 − s)·n_test,c − s·n_train,c) /
///   n_c)² over the classes and all rows together is small, for the test share s: large groups first, and then by
///   single moves as long as one helps.
/// * **Classes and time**, without groups: the boundary is moved so that class shares differ least, while the number
///   of test rows stays within a tenth of what is asked.
///
/// Without time it is [`RandomSplit`](crate::RandomSplit), [`StratifiedSplit`](crate::StratifiedSplit),
/// [`GroupSplit`](crate::GroupSplit) or [`StratifiedGroupSplit`](crate::StratifiedGroupSplit).
///
/// * `test_share`: 0.25 of the rows that are kept; between 0 and 1.
/// * `stratify`, `group`, `time`: columns; none. Roles play no part, so that what holds is what is written here.
/// * `gap`: none; needs a time.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
/// * `seed`: 0.
///
/// **Input**: columns without missing values. **Output**: both sides, rows in their old order; [`sides`](Self::sides)
/// says which rows were left out, and why. [`folds`](Self::folds) gives folds under the same constraints. **Cost**:
/// O(n log n) for the times, O(g·c) a few times for g groups and c classes. **Errors**: a share out of range, a gap
/// without a time, missing values, a time without an order, and constraints that leave a side without rows, with the
/// number of rows that each of them took.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::CombinedSplit;
///
/// let batch = RecordBatch::try_from_iter([
///     ("day", Arc::new(Int64Array::from_iter_values(0..8)) as _),
///     ("plane", Arc::new(Int64Array::from(vec![1, 1, 2, 2, 3, 3, 2, 4])) as _),
/// ])?;
/// let split = CombinedSplit::new().time("day").group("plane");
/// let sides = split.sides(&Dataset::new(batch)?)?;
/// // From day 6 on is a quarter of the rows. Plane 2 flew before and after: for testing it makes a share of 2 in 6 rows,
/// // for training one of 1 in 7, which is further off.
/// assert_eq!((sides.train, sides.test, sides.torn), (vec![0, 1, 4, 5], vec![6, 7], vec![2, 3]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when most groups live through the boundary: about half of the rows are then left out, and what
/// remains are the rows of fewer groups. When the model will meet the same groups again, leave `group` out.
/// **Instead**: the simple splitters when one constraint is enough; [`GroupTimeSplit`](crate::GroupTimeSplit) to
/// judge by groups that are new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct CombinedSplit {
    test_share: f64,
    stratify: Option<String>,
    group: Option<String>,
    time: Option<String>,
    gap: Duration,
    missing: MissingGroup,
    seed: u64,
}

impl Default for CombinedSplit {
    fn default() -> Self {
        Self {
            test_share: 0.25,
            stratify: None,
            group: None,
            time: None,
            gap: Duration::ZERO,
            missing: MissingGroup::Refuse,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl CombinedSplit {
    /// A quarter for testing, without constraints.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share for testing of the rows that are kept.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
    }

    /// The column whose values are kept in proportion.
    pub fn stratify(mut self, column: impl Into<String>) -> Self {
        self.stratify = Some(column.into());
        self
    }

    /// The column whose values are kept whole.
    pub fn group(mut self, column: impl Into<String>) -> Self {
        self.group = Some(column.into());
        self
    }

    /// The column that orders the sides.
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// Leaves rows of this time before the boundary out.
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }

    /// What a row without a group counts as.
    pub fn missing(mut self, missing: MissingGroup) -> Self {
        self.missing = missing;
        self
    }

    /// Another seed, another split where there is a choice.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Folds under the same constraints; the share does not matter to them.
    pub fn folds(self, n_folds: usize) -> CombinedFolds {
        CombinedFolds { split: self, n_folds }
    }

    /// Both sides, and the rows that are on neither.
    ///
    /// # Errors
    ///
    /// As [`CombinedSplit`].
    pub fn sides<P: Partition>(&self, data: &Dataset<P>) -> Result<Sides> {
        check_share(NAME, self.test_share)?;
        let columns = Columns::read(self, data)?;
        let Some(times) = &columns.times else {
            let (train, test) = match (&columns.groups, &columns.classes) {
                (Some(groups), Some(classes)) => {
                    stratified_group_split(classes, groups, self.test_share, self.seed)?
                }
                (Some(groups), None) => group_split(groups, self.test_share, self.seed)?,
                (None, Some(classes)) => stratified_split(classes, self.test_share, self.seed)?,
                (None, None) => random_split(data.n_rows(), self.test_share, self.seed)?,
            };
            return Ok(Sides { train, test, in_gap: Vec::new(), torn: Vec::new() });
        };
        let n_test = test_rows(NAME, self.test_share, times.len())?;
        let boundary = match (&columns.classes, &columns.groups) {
            (Some(classes), None) => balanced_boundary(times, classes, n_test),
            _ => {
                let mut sorted = times.clone();
                *sorted.select_nth_unstable(times.len() - n_test).1
            }
        };
        let early = (0..times.len()).filter(|&row| times[row] < boundary).collect();
        let late = (0..times.len()).filter(|&row| times[row] >= boundary).collect();
        columns.divide(early, late, self.test_share, self)
    }
}

const NAME: &str = "CombinedSplit";

/// What [`CombinedSplit::sides`] gives: the rows of both sides and of neither, each ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
    /// Left out because they are within the gap before the boundary.
    pub in_gap: Vec<usize>,
    /// Left out because their group is on the other side of the boundary.
    pub torn: Vec<usize>,
}

impl fmt::Display for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (train, test) = (self.train.len(), self.test.len());
        write!(f, "{train} training rows and {test} test rows; left out {} in the gap", self.in_gap.len())?;
        write!(f, " and {} whose group is on the other side of the boundary", self.torn.len())
    }
}

/// The columns that constraints are about.
struct Columns {
    classes: Option<Coded>,
    groups: Option<Coded>,
    times: Option<Vec<i64>>,
}

/// More values than this are no classes.
const MOST_CLASSES: usize = 1_000;

fn refuse_many(parameter: &str, classes: &Coded) -> Result<()> {
    let found = classes.distinct.len();
    if found > MOST_CLASSES {
        let expected = format!("a column of at most {MOST_CLASSES} values (bin a continuous one first)");
        return Err(Error::invalid_parameter(NAME, parameter, format!("{found} values"), expected));
    }
    Ok(())
}

impl Columns {
    fn read<P: Partition>(recipe: &CombinedSplit, data: &Dataset<P>) -> Result<Self> {
        let classes = recipe.stratify.as_deref().map(|name| strata(data, Some(name), NAME)).transpose()?;
        if let Some(classes) = &classes {
            // Only a column of measurements has that many; the tables of groups and classes would not fit.
            refuse_many("stratify", classes)?;
        }
        let groups =
            recipe.group.as_deref().map(|name| groups(data, Some(name), recipe.missing, NAME)).transpose()?;
        let mut times = None;
        match recipe.time.as_deref() {
            None if recipe.gap > Duration::ZERO => {
                let value = format!("{:?}", recipe.gap);
                return Err(Error::invalid_parameter(NAME, "gap", value, "zero without a `time` column"));
            }
            None => {}
            Some(name) => {
                if recipe.gap > Duration::ZERO && data.layout().kind(name)? == Kind::Integer {
                    let expected = "dates or timestamps for a gap (integers have no unit)";
                    return Err(Error::column_type(name, expected, data.column(name)?.data_type()));
                }
                times = Some(column::instants(name, data.column(name)?)?.to_vec());
            }
        }
        Ok(Self { classes: classes.map(Coded::sorted), groups, times })
    }

    /// Takes the gap out, and gives each group that is early and late to one side.
    fn divide(
        &self,
        early: Vec<usize>,
        late: Vec<usize>,
        share: f64,
        recipe: &CombinedSplit,
    ) -> Result<Sides> {
        let mut sides = Sides { train: early, test: late, ..Sides::default() };
        if let Some(times) = &self.times {
            let boundary = sides.test.iter().map(|&row| times[row]).min().unwrap_or(i64::MAX);
            let end = boundary.saturating_sub_unsigned(nanoseconds(recipe.gap));
            (sides.train, sides.in_gap) = sides.train.iter().partition(|&&row| times[row] < end);
        }
        if let Some(groups) = &self.groups {
            let for_testing = self.groups_for_testing(groups, &sides, share, recipe.seed);
            let is_test = |row: &usize| for_testing[groups.codes[*row] as usize];
            let (early_of_test, train) = sides.train.iter().partition(|row| is_test(row));
            let (test, late_of_train): (Vec<usize>, Vec<usize>) =
                sides.test.iter().partition(|row| is_test(row));
            sides = Sides { train, test, torn: [early_of_test, late_of_train].concat(), ..sides };
            sides.torn.sort_unstable();
        }
        if sides.train.is_empty() || sides.test.is_empty() {
            let why = format!("{NAME} ({sides}; relax a constraint or take another share), for each side,");
            return Err(Error::too_few_rows(1, 0, why));
        }
        Ok(sides)
    }

    fn groups_for_testing(&self, groups: &Coded, sides: &Sides, share: f64, seed: u64) -> Vec<bool> {
        let one = Coded { codes: vec![0; groups.len()], distinct: vec![true.into()] };
        let classes = self.classes.as_ref().unwrap_or(&one);
        let all = GroupCounts::new(groups, classes);
        let of = |rows: &[usize]| GroupCounts::of_rows(groups, classes, rows);
        let (early, late) = (of(&sides.train), of(&sides.test));
        let has = |counts: &GroupCounts, group: usize| counts.of(group).iter().any(|&count| count > 0);
        let mut fixed = vec![0.0; all.n_classes + 1];
        let mut choices = Vec::new();
        let mut undecided = Vec::new();
        let mut is_test = vec![false; groups.distinct.len()];
        for group in large_first(groups, &all, &mut seed::stream(seed, 0)) {
            let [as_train, as_test] =
                [weighed(early.of(group), -share), weighed(late.of(group), 1.0 - share)];
            match (has(&early, group), has(&late, group)) {
                (true, true) => {
                    undecided.push(group);
                    choices.push([as_train, as_test]);
                }
                (_, later) => {
                    is_test[group] = later;
                    let own = if later { as_test } else { as_train };
                    fixed.iter_mut().zip(own).for_each(|(to, x)| *to += x);
                }
            }
        }
        let found = Choices { groups: choices, fixed, scale: scale_of(&all) }.search(false);
        undecided.into_iter().zip(found).for_each(|(group, test)| is_test[group] = test);
        is_test
    }
}

/// The time from which on about `n_test` rows are for testing, where class shares on both sides differ least.
fn balanced_boundary(times: &[i64], classes: &Coded, n_test: usize) -> i64 {
    let n = times.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&row| times[row]);
    let totals = crate::groups::sizes(classes);
    let asked = times[order[n - n_test]];
    let (mut best, mut least) = (asked, f64::INFINITY);
    let mut counts = vec![0usize; totals.len()];
    for place in (1..n).rev() {
        counts[classes.codes[order[place]] as usize] += 1;
        let rows = n - place;
        let inside = rows.abs_diff(n_test) <= n_test / 10;
        if inside && times[order[place]] != times[order[place - 1]] {
            let share = rows as f64 / n as f64;
            let off = |(&count, &total): (&usize, &usize)| (count as f64 / total as f64 - share).powi(2);
            let cost: f64 = counts.iter().zip(&totals).map(off).sum();
            if cost < least {
                (best, least) = (times[order[place]], cost);
            }
        }
    }
    best
}

impl Split for CombinedSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let sides = self.sides(data)?;
        Ok((sides.train, sides.test))
    }
}

/// k folds under the constraints of a [`CombinedSplit`].
///
/// Without time they are shuffled [`KFold`](crate::KFold), [`StratifiedKFold`](crate::StratifiedKFold),
/// [`GroupKFold`](crate::GroupKFold) or [`StratifiedGroupKFold`](crate::StratifiedGroupKFold). With time, fold i
/// validates on block i + 1 of k + 1 blocks of equal size in time, equal times together, and trains on the rows
/// before it and its gap; groups that are on both sides are given to one, as [`CombinedSplit`] does, aiming at the
/// share that the block has.
///
/// * `n_folds`, required, in [`CombinedSplit::folds`]: 2 or more. The rest as in [`CombinedSplit`].
///
/// **Input, cost, errors** as [`CombinedSplit`]; **output**: k folds of row indices.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Folds, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::CombinedSplit;
///
/// let batch = RecordBatch::try_from_iter([("day", Arc::new(Int64Array::from_iter_values(0..9)) as _)])?;
/// let folds = CombinedSplit::new().time("day").folds(2).folds(&Dataset::new(batch)?.into_train_all())?;
/// assert_eq!((folds[0].train(), folds[0].validation()), ([0, 1, 2].as_slice(), [3, 4, 5].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct CombinedFolds {
    split: CombinedSplit,
    n_folds: usize,
}

impl Folds for CombinedFolds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let (k, seed) = (self.n_folds, self.split.seed);
        check_folds("CombinedFolds", k, train.n_rows())?;
        let columns = Columns::read(&self.split, train)?;
        let Some(times) = &columns.times else {
            return match (&columns.groups, &columns.classes) {
                (Some(groups), Some(classes)) => {
                    stratified_group_k_fold(classes, groups, k, Shuffle::On, seed)
                }
                (Some(groups), None) => group_k_fold(groups, k, Shuffle::On, seed),
                (None, Some(classes)) => stratified_k_fold(classes, k, Shuffle::On, seed),
                (None, None) => k_fold(train.n_rows(), k, Shuffle::On, seed),
            };
        };
        let blocks = time_series_folds(times, &TimeSeriesFolds::new(k).equal_times(EqualTimes::Together))?;
        let fold = |(place, block): (usize, &Fold)| {
            let (early, late) = (block.train().to_vec(), block.validation().to_vec());
            let share = late.len() as f64 / (early.len() + late.len()) as f64;
            let divided = columns.divide(early, late, share, &self.split);
            let sides = divided.map_err(|e| e.context(format!("fold {} of {k}", place + 1)))?;
            Fold::new(sides.train, sides.test)
        };
        blocks.iter().enumerate().map(fold).collect()
    }
}
