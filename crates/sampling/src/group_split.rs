//! Whole groups for testing, with or without regard to classes.

use mlsys_core::{Coded, Dataset, Error, Result, Split, Unsplit, seed};
use serde::{Deserialize, Serialize};

use crate::balance::groups_for_testing;
use crate::groups::{GroupCounts, MissingGroup, check_classes, check_groups, groups};
use crate::sizes::{check_share, sides, strata};

/// Whole groups for testing, which together have nearly a given share of the rows.
///
/// The groups, in random order but large before small, go one by one to the side that brings |n_test − share · n|
/// down; then single groups change sides as long as that helps.
///
/// * `test_share`: 0.25 of the rows; between 0 and 1.
/// * `column`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
/// * `seed`: 0.
///
/// **Input**: a column of categories with two groups or more. **Output**: both sides, rows in their old order, and at
/// least one group on each. **Cost**: O(n + g log g) for g groups. **Errors**: a share out of range, no group column,
/// a missing group, one group.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
///
/// let planes = Coded::new("tailnum", &StringArray::from(vec!["a", "b", "a", "c", "a", "b"]))?;
/// let (train, test) = mlsys_sampling::group_split(&planes, 0.5, 1)?;
/// // Three of six rows: those of a, or those of b and c.
/// assert_eq!((train.len(), test.len()), (3, 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when one group has most of the rows: the share is then far off, because a group cannot be torn apart.
/// scikit-learn's `GroupShuffleSplit` takes a share of the groups, whatever their sizes. **Instead**:
/// [`StratifiedGroupSplit`](crate::StratifiedGroupSplit) when a class is rare; [`HashSplit`](crate::HashSplit) when
/// more rows will come; [`GroupTimeSplit`](crate::GroupTimeSplit) when time matters too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct GroupSplit {
    test_share: f64,
    column: Option<String>,
    missing: MissingGroup,
    seed: u64,
}

impl Default for GroupSplit {
    fn default() -> Self {
        Self { test_share: 0.25, column: None, missing: MissingGroup::Refuse, seed: seed::DEFAULT_SEED }
    }
}

impl GroupSplit {
    /// Groups with a quarter of the rows for testing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the rows for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
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

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The training and the test rows, ascending: [`GroupSplit`] without a dataset.
///
/// # Errors
///
/// As [`GroupSplit`].
pub fn group_split(groups: &Coded, test_share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    check_share("GroupSplit", test_share)?;
    check_groups(groups)?;
    let one_class = Coded { codes: vec![0; groups.len()], distinct: vec![true.into()] };
    Ok(by_groups(groups, &GroupCounts::new(groups, &one_class), test_share, seed))
}

fn by_groups(groups: &Coded, counts: &GroupCounts, test_share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let for_testing = groups_for_testing(groups, counts, test_share, seed);
    let is_test: Vec<bool> = groups.codes.iter().map(|&group| for_testing[group as usize]).collect();
    sides(&is_test)
}

impl Split for GroupSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let groups = groups(data, self.column.as_deref(), self.missing, "GroupSplit")?;
        group_split(&groups, self.test_share, self.seed)
    }
}

/// Whole groups for testing, which together have nearly a given share of the rows of each class.
///
/// As [`GroupSplit`], and what is brought down is Σ_c ((n_test,c − share · n_c) / n_c)² over the classes and all rows
/// together: a rare class counts as much as a common one.
///
/// * `test_share`: 0.25 of the rows; between 0 and 1.
/// * `column`: the single target, or another column of categories.
/// * `groups`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
/// * `seed`: 0.
///
/// **Input**: a class and a group for each row, two groups or more, and two rows of each class. **Output**: both
/// sides, rows in their old order, and at least one group on each. **Cost**: O(n + g·c) for g groups and c classes, a
/// few times. **Errors**: a share out of range, no target or group column, missing values, one group, a class of one
/// row.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
///
/// let late = Coded::new("late", &Int64Array::from(vec![1, 0, 0, 1, 0, 0, 0, 0]))?;
/// let plane = Coded::new("plane", &Int64Array::from(vec![1, 1, 2, 3, 3, 4, 4, 2]))?;
/// let (_, test) = mlsys_sampling::stratified_group_split(&late, &plane, 0.5, 0)?;
/// assert_eq!(test.len(), 4);
/// assert_eq!(test.iter().filter(|&&row| row == 0 || row == 3).count(), 1, "one late flight of two");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when a class lives in one group only: it is on one side, whatever the rule;
/// [`SplitReport`](crate::SplitReport) shows it. **Instead**: [`GroupSplit`] without classes,
/// [`StratifiedSplit`](crate::StratifiedSplit) without groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct StratifiedGroupSplit {
    test_share: f64,
    column: Option<String>,
    groups: Option<String>,
    missing: MissingGroup,
    seed: u64,
}

impl Default for StratifiedGroupSplit {
    fn default() -> Self {
        Self {
            test_share: 0.25,
            column: None,
            groups: None,
            missing: MissingGroup::Refuse,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl StratifiedGroupSplit {
    /// Groups with a quarter of the rows of each class for testing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share of the rows for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
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

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

const NAME: &str = "StratifiedGroupSplit";

/// The training and the test rows, ascending: [`StratifiedGroupSplit`] without a dataset.
///
/// # Errors
///
/// As [`StratifiedGroupSplit`].
pub fn stratified_group_split(
    classes: &Coded,
    groups: &Coded,
    test_share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    check_share(NAME, test_share)?;
    check_groups(groups)?;
    check_classes(NAME, classes, groups, 2)?;
    if groups.is_empty() {
        return Err(Error::too_few_rows(2, 0, NAME));
    }
    // In ascending order of the classes, so that the rounding of sums does not depend on the coding.
    let classes = classes.clone().sorted();
    Ok(by_groups(groups, &GroupCounts::new(groups, &classes), test_share, seed))
}

impl Split for StratifiedGroupSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let classes = strata(data, self.column.as_deref(), NAME)?;
        let groups = groups(data, self.groups.as_deref(), self.missing, NAME)?;
        stratified_group_split(&classes, &groups, self.test_share, self.seed)
    }
}
