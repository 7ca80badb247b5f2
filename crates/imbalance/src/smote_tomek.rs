//! New rows of small classes, and then no Tomek links.

use mlsys_core::{Dataset, Result, Train};
use serde::{Deserialize, Serialize};

use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Smote, Strategy, TomekLinks};

/// Makes rows with [`Smote`], and then removes rows, of either kind, with [`TomekLinks`].
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `smote` | `Smote::new()` | |
/// | `links` | `TomekLinks::new().strategy(Strategy::All)` | both rows of a link go |
///
/// **Input**, **errors**: those of the two. **Output**: the training rows that are left, in their order, with their ids, then the new
/// ones that are left. **Complexity**: that of both, the second on the rows that the first makes, which are there for a while.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{PlanResample, Smote, SmoteTomek};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 3.0, 3.1, 10.0, 11.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // 3 and 3.1 are linked; the new row is between 1 and 3.
/// let plan = SmoteTomek::new().smote(Smote::new().k_neighbors(1)).plan(&train)?;
/// assert_eq!((plan.removed(), plan.synthetic().len()), (vec![1, 2], 1));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever expects exact balance: both rows of a link go, but links are few. Probabilities are no longer those of the
/// data: calibrate them on validation rows.
///
/// Batista, Bazzan and Monard, *Balancing training data for automated annotation of keywords: a case study*, 2003.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SmoteTomek {
    smote: Smote,
    links: TomekLinks,
}

impl Default for SmoteTomek {
    fn default() -> Self {
        Self { smote: Smote::new(), links: TomekLinks::new().strategy(Strategy::All) }
    }
}

impl SmoteTomek {
    /// With five neighbours, removing both rows of each link.
    pub fn new() -> Self {
        Self::default()
    }

    /// How rows are made.
    pub fn smote(mut self, smote: Smote) -> Self {
        self.smote = smote;
        self
    }

    /// How rows are removed.
    pub fn links(mut self, links: TomekLinks) -> Self {
        self.links = links;
        self
    }
}

impl PlanResample for SmoteTomek {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let plan = self.smote.plan(train)?;
        let next = self.links.plan(&plan.apply(train)?)?;
        plan.then(&next)
    }
}

resample_as_planned!(SmoteTomek);
