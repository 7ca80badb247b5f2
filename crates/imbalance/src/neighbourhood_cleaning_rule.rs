//! Rows that make the smallest class hard to tell.

use mlsys_core::{Columns, Dataset, Error, Result, Train};
use mlsys_neighbors::Metric;
use serde::{Deserialize, Serialize};

use crate::editor::{Edit, Editor};
use crate::plan::resample_as_planned;
use crate::{NeighborVote, Plan, PlanResample, Strategy};

/// Removes rows that their `k` nearest neighbours would not classify as what they are, and the neighbours of those rows of the
/// smallest class that would not be classified as such.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 3 | 1 or more | |
/// | `threshold` | 0.5 | 0 or above | neighbours go where their class has more rows than this times the smallest class |
/// | `strategy` | `Auto` | see [`Strategy`] | no row of other classes goes |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
///
/// **Input**, **output**, **errors**: those of [`EditedNearestNeighbours`](crate::EditedNearestNeighbours), whose `Mode` decides who
/// is not classified as what they are. **Complexity**: `k` nearest neighbours of each row, 16 k bytes each.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{NeighbourhoodCleaningRule, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1.0, 2.2, 3.0, 6.0, 7.0, 8.0, 11.0, 12.0, 14.0, 15.0]));
/// let late = [true, true, true, true, false, false, true, false, false, false, false];
/// let late = Arc::new(BooleanArray::from(late.to_vec()));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The late row at 8 is among 7, 6 and 11, which are not.
/// assert_eq!(NeighbourhoodCleaningRule::new().plan(&train)?.removed(), [4, 5, 7]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the rows of the smallest class that are hard to tell are wrong labels: what goes then is right.
///
/// Jorma Laurikkala, *Improving identification of difficult small classes by balancing class distribution*, 2001.
/// imbalanced-learn lets a row of the smallest class vote for itself, and so removes fewer neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct NeighbourhoodCleaningRule {
    k_neighbors: usize,
    threshold: f64,
    strategy: Strategy,
    metric: Metric,
    columns: Option<Columns>,
}

impl Default for NeighbourhoodCleaningRule {
    fn default() -> Self {
        Self {
            k_neighbors: 3,
            threshold: 0.5,
            strategy: Strategy::Auto,
            metric: Metric::default(),
            columns: None,
        }
    }
}

impl NeighbourhoodCleaningRule {
    /// By three neighbours, all classes but the smallest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours vote.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How large a class must be, as a multiple of the smallest, for its rows to go as neighbours.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
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

const NAME: &str = "NeighbourhoodCleaningRule";

impl PlanResample for NeighbourhoodCleaningRule {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        if !self.threshold.is_finite() || self.threshold < 0.0 {
            return Err(Error::invalid_parameter(
                NAME,
                "threshold",
                self.threshold,
                "finite, and 0 or above",
            ));
        }
        let edit = Edit {
            estimator: NAME,
            k: self.k_neighbors,
            vote: NeighborVote::Mode,
            each: false,
            metric: self.metric,
            strategy: &self.strategy,
            columns: self.columns.as_ref(),
        };
        let editor = Editor::new(train, edit)?;
        let (sizes, classes) = (&editor.labelled.sizes, &editor.labelled.classes);
        let small = sizes.smallest();
        let least = self.threshold * sizes.sizes()[small] as f64;
        let goes = |place: usize| {
            let class = classes[place] as usize;
            editor.cleaned[class] && sizes.sizes()[class] as f64 > least
        };
        let mut stays = vec![false; classes.len()];
        editor.stay(&editor.places())?.into_iter().for_each(|place| stays[place] = true);
        let disputing = editor.disputing(small)?;
        disputing.into_iter().filter(|&place| goes(place)).for_each(|place| stays[place] = false);
        let kept: Vec<usize> = (0..stays.len()).filter(|&place| stays[place]).collect();
        editor.keep(train, &kept)
    }
}

resample_as_planned!(NeighbourhoodCleaningRule);
