//! Folds that leave out one group, or p of them.

use mlsys_core::{Coded, Dataset, Error, Fold, Folds, Result, Train};
use serde::{Deserialize, Serialize};

use crate::groups::{MissingGroup, by_value, check_groups, groups};
use crate::sizes::{MOST_FOLDS, combinations};

/// A fold per group, which is validated on by what was learned from all others.
///
/// * `column`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
///
/// **Input**: a column of categories with two groups or more. **Output**: a fold per group, in ascending order of the
/// groups. **Cost**: O(n·g) time and memory for g groups, since each fold lists its rows. **Errors**: no group
/// column, a missing group, one group, more than 10,000 groups.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
///
/// let origins = Coded::new("origin", &StringArray::from(vec!["LGA", "EWR", "LGA", "JFK"]))?;
/// let folds = mlsys_sampling::leave_one_group_out(&origins)?;
/// let validated: Vec<_> = folds.iter().map(|fold| fold.validation().to_vec()).collect();
/// assert_eq!(validated, [vec![1], vec![3], vec![0, 2]]); // EWR, JFK, LGA
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when groups have few rows: scores vary with the group. Equals scikit-learn's `LeaveOneGroupOut` row
/// for row. **Instead**: [`GroupKFold`](crate::GroupKFold) for many groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a splitter does nothing until it splits"]
pub struct LeaveOneGroupOut {
    column: Option<String>,
    missing: MissingGroup,
}

impl LeaveOneGroupOut {
    /// By the group column.
    pub fn new() -> Self {
        Self::default()
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
}

/// The folds of these groups: [`LeaveOneGroupOut`] without a dataset.
///
/// # Errors
///
/// As [`LeaveOneGroupOut`].
pub fn leave_one_group_out(groups: &Coded) -> Result<Vec<Fold>> {
    check_groups(groups)?;
    let n_groups = groups.distinct.len();
    if n_groups > MOST_FOLDS {
        let expected = format!("at most {MOST_FOLDS}, since each fold lists its rows (take GroupKFold)");
        return Err(Error::invalid_value("groups", None, n_groups, expected));
    }
    let places = places(groups);
    let fold_of_row: Vec<u32> = groups.codes.iter().map(|&group| places[group as usize]).collect();
    Fold::each(&fold_of_row, groups.distinct.len())
}

/// The place of each code in the ascending order of the groups.
fn places(groups: &Coded) -> Vec<u32> {
    let mut places = vec![0; groups.distinct.len()];
    by_value(groups).into_iter().enumerate().for_each(|(place, group)| places[group] = place as u32);
    places
}

impl Folds for LeaveOneGroupOut {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        leave_one_group_out(&groups(train, self.column.as_deref(), self.missing, "LeaveOneGroupOut")?)
    }
}

/// A fold per choice of p groups, which are validated on by what was learned from all others.
///
/// * `n_groups`, required: 1 to the number of groups − 1.
/// * `column`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
///
/// **Input**: a column of categories. **Output**: C(g, p) folds for g groups, in lexicographic order of the groups;
/// each row is validated on C(g − 1, p − 1) times. **Cost**: O(n·C(g, p)) time and memory. **Errors**: no group
/// column, a missing group, too few groups, more than 10,000 folds.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::StringArray};
///
/// let origins = Coded::new("origin", &StringArray::from(vec!["LGA", "EWR", "LGA", "JFK"]))?;
/// let folds = mlsys_sampling::leave_p_groups_out(&origins, 2)?;
/// let validated: Vec<_> = folds.iter().map(|fold| fold.validation().to_vec()).collect();
/// assert_eq!(validated, [vec![1, 3], vec![0, 1, 2], vec![0, 2, 3]]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`LeaveOneGroupOut`] does; its folds overlap, so their scores do too. Equals scikit-learn's
/// `LeavePGroupsOut` row for row. **Instead**: [`GroupKFold`](crate::GroupKFold).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct LeavePGroupsOut {
    n_groups: usize,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    missing: MissingGroup,
}

impl LeavePGroupsOut {
    /// This many groups at a time, by the group column.
    pub fn new(n_groups: usize) -> Self {
        Self { n_groups, column: None, missing: MissingGroup::Refuse }
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
}

/// The folds of these groups: [`LeavePGroupsOut`] without a dataset.
///
/// # Errors
///
/// As [`LeavePGroupsOut`].
pub fn leave_p_groups_out(groups: &Coded, n_groups: usize) -> Result<Vec<Fold>> {
    const NAME: &str = "LeavePGroupsOut";
    check_groups(groups)?;
    let all = groups.distinct.len();
    if n_groups == 0 || n_groups >= all {
        let expected = format!("1 to {}, fewer than the groups", all - 1);
        return Err(Error::invalid_parameter(NAME, "n_groups", n_groups, expected));
    }
    let places = places(groups);
    let fold = |chosen: &Vec<usize>| {
        let mut out = vec![false; all];
        chosen.iter().for_each(|&place| out[place] = true);
        let is_out = |row: &usize| out[places[groups.codes[*row] as usize] as usize];
        let (validation, train) = (0..groups.len()).partition(is_out);
        Fold::new(train, validation)
    };
    combinations(NAME, "n_groups", all, n_groups)?.iter().map(fold).collect()
}

impl Folds for LeavePGroupsOut {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        let groups = groups(train, self.column.as_deref(), self.missing, "LeavePGroupsOut")?;
        leave_p_groups_out(&groups, self.n_groups)
    }
}
