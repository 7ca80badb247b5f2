//! Rows of large classes that are neither redundant nor at the border.

use mlsys_core::{Columns, Dataset, Result, Train, seed};
use mlsys_neighbors::Metric;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_metric};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::store::Store;
use crate::tomek_links::linked;
use crate::{Plan, PlanResample, Strategy};

/// Keeps the rows of large classes that those of the smallest and one of each large class misclassify, and of these removes what is
/// in a Tomek link.
///
/// 1. The store is all rows of the smallest class and one of each other, drawn.
/// 2. Rows whose nearest in the store is of another class join it, all at once.
/// 3. Of the store, rows of large classes that are in a [Tomek link](crate::TomekLinks) go.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `strategy` | `Auto` | see [`Strategy`] | all classes but the smallest are selected from |
/// | `first_rows` | drawn, one of each class that is selected from | row ids | those of the store |
/// | `metric` | `NanEuclidean` | all but `SmoteNc` | with `Gower`, `Heom` and `Hvdm` text and booleans count |
/// | `columns` | features that the metric takes, without time and group | | |
/// | `seed` | 0 | | of the first rows |
///
/// **Input**: one target of two classes or more; numbers, and categories where the metric takes them; gaps as in [`Metric`].
/// **Output**: the rows that are kept, in their order, with their ids. Rows of weight 0 are left out, and others count 1. Of equally
/// near rows the first tells the class; a row that has no column in common with the store joins it.
/// **Complexity**: the nearest row of each in the store, and two nearest of each that is then in it, by
/// [`NeighborIndex`](mlsys_neighbors::NeighborIndex). **Errors**: as [`Strategy::clean`];
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a first row that is not there;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); those of the metric.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{OneSidedSelection, PlanResample};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.4, 5.0, 5.9, 6.0, 7.0]));
/// let late = Arc::new(BooleanArray::from(vec![false, false, false, false, false, true, true]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // 2 and 3.4 are nearer to 1 than to 6, and go; 5 and 5.9 stay, but 5.9 is linked with 6.
/// let plan = OneSidedSelection::new().first_rows([0]).plan(&train)?;
/// assert_eq!(plan.removed(), [1, 2, 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever expects balance: how many rows stay depends on how much classes overlap. Columns of large values rule the
/// distance: scale them first. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Kubat and Matwin, *Addressing the curse of imbalanced training sets: one-sided selection*, 1997, who classify once, though
/// Hart's rule ([`CondensedNearestNeighbour`](crate::CondensedNearestNeighbour)) would go on. imbalanced-learn does the same for two
/// classes; with more it looks at each with the smallest alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct OneSidedSelection {
    strategy: Strategy,
    first_rows: Option<Vec<u64>>,
    metric: Metric,
    columns: Option<Columns>,
    seed: u64,
}

const NAME: &str = "OneSidedSelection";

impl OneSidedSelection {
    /// From all classes but the smallest.
    pub fn new() -> Self {
        Self { seed: seed::DEFAULT_SEED, ..Self::default() }
    }

    /// Whose rows are selected from.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The ids of the rows of these classes that are in the store from the start.
    pub fn first_rows(mut self, ids: impl IntoIterator<Item = u64>) -> Self {
        self.first_rows = Some(ids.into_iter().collect());
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

    /// The seed of the first rows.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl PlanResample for OneSidedSelection {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_metric(NAME, self.metric)?;
        let labelled = Labelled::new(train, NAME)?;
        let cleaned = self.strategy.clean(NAME, &labelled.sizes)?;
        let mut store = Store::new(train, NAME, &labelled, &cleaned, self.first_rows.as_deref(), self.seed)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), self.metric)?;
        let classes = &labelled.classes;
        let nearest = store.nearest(&coordinates.points.take(&labelled.all)?, self.metric, classes)?;
        for (&place, nearest) in store.outside.iter().zip(&nearest) {
            store.stored[place] = nearest.is_none_or(|(_, other)| classes[other] != classes[place]);
        }
        let places: Vec<usize> = (0..classes.len()).filter(|&place| store.stored[place]).collect();
        let rows: Vec<usize> = places.iter().map(|&place| labelled.all[place]).collect();
        let classes: Vec<u32> = places.iter().map(|&place| classes[place]).collect();
        let points = coordinates.points.take(&rows)?;
        drop(coordinates);
        let linked = linked(&points, self.metric, &classes)?;
        let stays = |at: &usize| !(linked[*at] && cleaned[classes[*at] as usize]);
        Plan::keep(train, &(0..rows.len()).filter(stays).map(|at| rows[at]).collect::<Vec<_>>())
    }
}

resample_as_planned!(OneSidedSelection);
