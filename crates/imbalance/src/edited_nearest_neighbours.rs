//! Rows whose neighbours are of other classes.

use mlsys_core::{Columns, Dataset, Result, Train};
use mlsys_neighbors::Metric;
use serde::{Deserialize, Serialize};

use crate::editor::{Edit, Editor};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy};

/// When a row's neighbours speak for its class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeighborVote {
    /// No class has more of them: what Wilson edits by.
    #[default]
    Mode,
    /// All are of it: imbalanced-learn's default, which removes more.
    All,
}

/// Removes rows that their `k` nearest neighbours would not classify as what they are.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 3 | 1 or more | |
/// | `vote` | `Mode` | | whether a row stays where its class is the most frequent one of its neighbours, or the only one |
/// | `strategy` | `Auto` | see [`Strategy`] | `Auto` spares the smallest class; Wilson edits `All` |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
///
/// **Input**: one target of two classes or more; numbers, and categories where the metric takes them; gaps as in [`Metric`].
/// **Output**: the rows that are left, in their order, with their ids. Rows of weight 0 are left out, and others count 1.
/// A row is never its own neighbour; of equally near rows the first ones are taken. A row whose class ties for the most
/// frequent stays, and so does one that has no neighbour, having no column in common with another.
/// **Complexity**: `k` nearest neighbours of each row that may go, 16 k bytes each.
/// **Errors**: as [`Strategy::clean`]; [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for `k` rows or fewer;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); those of the metric.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{EditedNearestNeighbours, NeighborVote, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 7.0, 8.0, 9.0, 9.5]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, true, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The row at 8 is among late ones; the third neighbour of the first three rows is late.
/// assert_eq!(EditedNearestNeighbours::new().plan(&train)?.removed(), [4]);
/// let all = EditedNearestNeighbours::new().vote(NeighborVote::All);
/// assert_eq!(all.plan(&train)?.removed(), [0, 1, 2, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where classes overlap much: large ones can shrink to little, or vanish. Rows that are hard to classify are
/// removed from training, and come all the same afterwards.
///
/// Dennis Wilson, *Asymptotic properties of nearest neighbor rules using edited data*, 1972. imbalanced-learn breaks ties
/// of the most frequent class towards the lowest label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct EditedNearestNeighbours {
    k_neighbors: usize,
    vote: NeighborVote,
    strategy: Strategy,
    metric: Metric,
    columns: Option<Columns>,
}

impl Default for EditedNearestNeighbours {
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

impl EditedNearestNeighbours {
    /// By three neighbours, all classes but the smallest.
    pub fn new() -> Self {
        Self::default()
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

impl PlanResample for EditedNearestNeighbours {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let edit = Edit {
            estimator: "EditedNearestNeighbours",
            k: self.k_neighbors,
            vote: self.vote,
            each: false,
            metric: self.metric,
            strategy: &self.strategy,
            columns: self.columns.as_ref(),
        };
        let editor = Editor::new(train, edit)?;
        editor.keep(train, &editor.stay(&editor.places())?)
    }
}

resample_as_planned!(EditedNearestNeighbours);
