//! New rows of small classes, and then none that their neighbours speak against.

use mlsys_core::{Dataset, Result, Train};
use serde::{Deserialize, Serialize};

use crate::plan::resample_as_planned;
use crate::{EditedNearestNeighbours, Plan, PlanResample, Smote, Strategy};

/// Makes rows with [`Smote`], and then removes rows, of either kind, with [`EditedNearestNeighbours`].
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `smote` | `Smote::new()` | |
/// | `edit` | `EditedNearestNeighbours::new().strategy(Strategy::All)` | three neighbours, of which two speak against a row; all classes |
///
/// **Input**, **errors**: those of the two. **Output**: the training rows that are left, in their order, with their ids, then the new
/// ones that are left. **Complexity**: that of both, the second on the rows that the first makes, which are there for a while.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{PlanResample, Smote, SmoteEnn};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 1.5, 2.0, 1.2, 10.0, 11.0, 12.0, 13.0]));
/// let late = [true, true, true, false, false, false, false, false];
/// let late = Arc::new(BooleanArray::from(late.to_vec()));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // The row at 1.2 is among late ones.
/// let plan = SmoteEnn::new().smote(Smote::new().k_neighbors(2)).plan(&train)?;
/// assert_eq!((plan.removed(), plan.synthetic().len()), (vec![3], 2));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever expects balance: after cleaning, classes have as many rows as are left. Probabilities are no longer those of the
/// data: calibrate them on validation rows.
///
/// Batista, Prati and Monard, *A study of the behavior of several methods for balancing machine learning training data*, 2004.
/// imbalanced-learn removes every row with one neighbour of another class, which
/// [`NeighborVote::All`](crate::NeighborVote::All) does here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SmoteEnn {
    smote: Smote,
    edit: EditedNearestNeighbours,
}

impl Default for SmoteEnn {
    fn default() -> Self {
        let edit = EditedNearestNeighbours::new().strategy(Strategy::All);
        Self { smote: Smote::new(), edit }
    }
}

impl SmoteEnn {
    /// Both with five and three neighbours, cleaning all classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How rows are made.
    pub fn smote(mut self, smote: Smote) -> Self {
        self.smote = smote;
        self
    }

    /// How rows are removed.
    pub fn edit(mut self, edit: EditedNearestNeighbours) -> Self {
        self.edit = edit;
        self
    }
}

impl PlanResample for SmoteEnn {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let plan = self.smote.plan(train)?;
        let next = self.edit.plan(&plan.apply(train)?)?;
        plan.then(&next)
    }
}

resample_as_planned!(SmoteEnn);
