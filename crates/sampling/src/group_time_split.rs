//! New groups in the future.

use std::collections::BTreeSet;

use mlsys_core::{Coded, Dataset, Error, Result, Split, Unsplit};
use serde::{Deserialize, Serialize};

use crate::groups::{MissingGroup, groups};
use crate::time_split::TimeSplit;

/// The past for training, and for testing the groups that the past does not know.
///
/// Test: t ≥ boundary, in a group that has no row before the boundary. Train: t < boundary − gap, every group. Later
/// rows of known groups are on neither side.
///
/// * `time`, required: a [`TimeSplit`], which says the boundary and the gap.
/// * `column`: the single group column, or another one.
/// * `missing`: [`MissingGroup::Refuse`]; or a group each.
///
/// **Input**: a table with a time and a group column. **Output**: both sides, rows in their old order. **Cost**: that
/// of the time split, and O(n). **Errors**: those of the time split; no group column, a missing group, no new group
/// after the boundary.
///
/// ```
/// use mlsys_core::{Coded, arrow::array::Int64Array};
///
/// let planes = Coded::new("plane", &Int64Array::from(vec![1, 2, 1, 3, 2]))?;
/// let times = [0, 1, 2, 3, 4];
/// // From 2 on; plane 3 is new, planes 1 and 2 are known.
/// assert_eq!(mlsys_sampling::group_time_split(&planes, &times, 2, 0), (vec![0, 1], vec![3]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when new groups are unlike the old ones for a reason that passes, such as a fleet that is being
/// replaced; and the share of a `TimeSplit::last_share` is that of the time, of which only new groups are used.
/// **Instead**: [`TimeSplit`] when the model will meet the groups again; [`CombinedSplit`](crate::CombinedSplit) to
/// give known groups to one side, and keep a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct GroupTimeSplit {
    time: TimeSplit,
    #[serde(default)]
    column: Option<String>,
    #[serde(default)]
    missing: MissingGroup,
}

impl GroupTimeSplit {
    /// At the boundary of a time split, by the group column.
    pub fn new(time: TimeSplit) -> Self {
        Self { time, column: None, missing: MissingGroup::Refuse }
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

/// The training and the test rows, ascending, for a boundary and a gap in the units of the times: [`GroupTimeSplit`]
/// without a dataset. A side may be empty; rows without a group are not new.
pub fn group_time_split(groups: &Coded, times: &[i64], boundary: i64, gap: u64) -> (Vec<usize>, Vec<usize>) {
    let (train, test) = crate::time_split::time_split(times, boundary, gap);
    let known = (0..times.len()).filter(|&row| times[row] < boundary);
    let known: BTreeSet<u32> = known.filter_map(|row| groups.codes.get(row).copied()).collect();
    let new = |row: &usize| groups.value(*row).is_some() && !known.contains(&groups.codes[*row]);
    (train, test.into_iter().filter(new).collect())
}

impl Split for GroupTimeSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let name = "GroupTimeSplit";
        let groups = groups(data, self.column.as_deref(), self.missing, name)?;
        let (train, late) = self.time.rows(data)?;
        let times = data.instants(name)?;
        let boundary = late.iter().map(|&row| times[row]).min().unwrap_or(i64::MAX);
        let (_, test) = group_time_split(&groups, &times, boundary, 0);
        if test.is_empty() {
            let why = format!(
                "{name}: none of the {} rows from the boundary on is of a new group, which",
                late.len()
            );
            return Err(Error::too_few_rows(1, 0, why));
        }
        Ok((train, test))
    }
}
