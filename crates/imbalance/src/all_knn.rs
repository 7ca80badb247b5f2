//! Rows that one, two or more neighbours speak against.

use mlsys_core::{Columns, Dataset, Result, Train};
use mlsys_neighbors::Metric;
use serde::{Deserialize, Serialize};

use crate::editor::{Edit, Editor};
use crate::plan::resample_as_planned;
use crate::{NeighborVote, Plan, PlanResample, Strategy};

/// Removes rows that their nearest neighbour, their two nearest, or any number up to `k`, would not classify as what they are.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 3 | 1 or more | |
/// | `vote` | `Mode` | | as in [`EditedNearestNeighbours`](crate::EditedNearestNeighbours); by `All` it removes what that does |
/// | `strategy` | `Auto` | see [`Strategy`] | `Auto` spares the smallest class; Tomek edits `All` |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
///
/// **Input**, **output**, **errors**: those of [`EditedNearestNeighbours`](crate::EditedNearestNeighbours).
/// **Complexity**: one search of `k` neighbours of each row that may go, 16 k bytes each.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{AllKnn, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 3.5, 8.0, 9.0, 9.5]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, true, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The nearest to 3 is late, though the three nearest are mostly not.
/// assert_eq!(AllKnn::new().plan(&train)?.removed(), [2, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`EditedNearestNeighbours`](crate::EditedNearestNeighbours), of which it removes more.
///
/// Ivan Tomek, *An experiment with the edited nearest-neighbor rule*, 1976. All neighbours are those in the whole table, as
/// there; imbalanced-learn removes rows after each number of neighbours, and may end early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct AllKnn {
    k_neighbors: usize,
    vote: NeighborVote,
    strategy: Strategy,
    metric: Metric,
    columns: Option<Columns>,
}

impl Default for AllKnn {
    fn default() -> Self {
        Self {
            k_neighbors: 3,
            vote: NeighborVote::Mode,
            strategy: Strategy::Auto,
            metric: Metric::default(),
            columns: None,
        }
    }
}

impl AllKnn {
    /// By one to three neighbours, all classes but the smallest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Up to how many neighbours vote.
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

impl PlanResample for AllKnn {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let edit = Edit {
            estimator: "AllKnn",
            k: self.k_neighbors,
            vote: self.vote,
            each: true,
            metric: self.metric,
            strategy: &self.strategy,
            columns: self.columns.as_ref(),
        };
        let editor = Editor::new(train, edit)?;
        editor.keep(train, &editor.stay(&editor.places())?)
    }
}

resample_as_planned!(AllKnn);
