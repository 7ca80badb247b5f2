//! Editing again and again.

use mlsys_core::{Columns, Dataset, Error, Result, Train};
use mlsys_neighbors::Metric;
use serde::{Deserialize, Serialize};

use crate::editor::{Edit, Editor};
use crate::plan::resample_as_planned;
use crate::{NeighborVote, Plan, PlanResample, Strategy};

/// Removes rows that their `k` nearest neighbours would not classify as what they are, and again of what is left, until none goes.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `max_rounds` | 100 | 1 or more | |
/// | `k_neighbors` | 3 | 1 or more | |
/// | `vote` | `Mode` | | as in [`EditedNearestNeighbours`](crate::EditedNearestNeighbours), which is one round |
/// | `strategy` | `Auto` | see [`Strategy`] | `Auto` spares the smallest class; Tomek edits `All` |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
///
/// **Input**, **output**, **errors**: those of [`EditedNearestNeighbours`](crate::EditedNearestNeighbours). The last round is the one
/// after which another class has fewer rows than the smallest had at first, a class has none, or no more than `k` rows are left at all.
/// **Complexity**: a search of `k` neighbours a round.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{EditedNearestNeighbours, PlanResample, RepeatedEditedNearestNeighbours};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 2.0, 3.0, 4.0, 7.0, 9.0, 10.0, 11.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, false, false, false, false, false, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // Once the row at 3 is gone, two of the three nearest to 4 are late.
/// assert_eq!(EditedNearestNeighbours::new().plan(&train)?.removed(), [2]);
/// assert_eq!(RepeatedEditedNearestNeighbours::new().plan(&train)?.removed(), [2, 3]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`EditedNearestNeighbours`](crate::EditedNearestNeighbours), of which it removes more.
///
/// Ivan Tomek, *An experiment with the edited nearest-neighbor rule*, 1976. Where it ends besides is imbalanced-learn's rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct RepeatedEditedNearestNeighbours {
    max_rounds: usize,
    k_neighbors: usize,
    vote: NeighborVote,
    strategy: Strategy,
    metric: Metric,
    columns: Option<Columns>,
}

impl Default for RepeatedEditedNearestNeighbours {
    fn default() -> Self {
        Self {
            max_rounds: 100,
            k_neighbors: 3,
            vote: NeighborVote::Mode,
            strategy: Strategy::Auto,
            metric: Metric::default(),
            columns: None,
        }
    }
}

impl RepeatedEditedNearestNeighbours {
    /// By three neighbours, all classes but the smallest, a hundred rounds at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rounds there are at most.
    pub fn max_rounds(mut self, max_rounds: usize) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// How many neighbours vote.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// When they speak for a row's class.
    pub fn vote(mut self, vote: NeighborVote) -> Self {
        self.vote = vote;
        self
    }

    /// Whose rows are removed.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// What is near.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The features to find neighbours by.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }
}

const NAME: &str = "RepeatedEditedNearestNeighbours";

impl PlanResample for RepeatedEditedNearestNeighbours {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        if self.max_rounds == 0 {
            return Err(Error::invalid_parameter(NAME, "max_rounds", 0, "1 or more"));
        }
        let edit = Edit {
            estimator: NAME,
            k: self.k_neighbors,
            vote: self.vote,
            each: false,
            metric: self.metric,
            strategy: &self.strategy,
            columns: self.columns.as_ref(),
        };
        let editor = Editor::new(train, edit)?;
        let labelled = &editor.labelled;
        let small = labelled.sizes.smallest();
        let least = labelled.sizes.sizes()[small];
        let mut left = editor.places();
        for _ in 0..self.max_rounds {
            let before = left.len();
            left = editor.stay(&left)?;
            let mut sizes = vec![0; labelled.rows.len()];
            left.iter().for_each(|&place| sizes[labelled.classes[place] as usize] += 1);
            let gone = |(class, &size): (usize, &usize)| size == 0 || class != small && size < least;
            if left.len() == before || left.len() <= self.k_neighbors || sizes.iter().enumerate().any(gone) {
                break;
            }
        }
        editor.keep(train, &left)
    }
}

resample_as_planned!(RepeatedEditedNearestNeighbours);
