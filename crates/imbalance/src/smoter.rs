//! New rows where a continuous target is rare.

use mlsys_core::{Columns, Dataset, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::plan::resample_as_planned;
use crate::regression::ByTarget;
use crate::{PartSizes, Plan, PlanResample, Relevance};

/// Makes rows where a continuous target is relevant and rare, each at random between a row and one of its `k` nearest there, and
/// drops rows where it is not.
///
/// `y = (d_b y_a + d_a y_b) / (d_a + d_b)`, d the distances of the new row from the row that it starts from and its neighbour
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `relevance` | [`Relevance::new`] | | how much values of the target matter |
/// | `threshold` | 0.5 | above 0, at most 1 | from which relevance on values are rare |
/// | `sizes` | `Balance` | see [`PartSizes`] | how many rows each part of the target has |
/// | `k_neighbors` | 5 | 1 or more | the neighbours to choose from, each as likely |
/// | `columns` | features that are numbers, text or booleans, without time and group | | distances and new values |
/// | `seed` | 0 | | |
///
/// A part is a stretch of the target between changes from rare to normal or back: often low, middle and high. Parts that are too
/// large lose rows at random, others get new ones, each of its rows being started from equally often; neighbours are those of the part by
/// [`Metric::Heom`](mlsys_neighbors::Metric::Heom).
///
/// **Input**: one target of finite numbers; numbers, text and booleans, with gaps. **Output**: the rows that are left in their order, then
/// the new ones, part by part. A number lies between those of both rows, a category is that of either; a
/// gap stays one, and where the neighbour has one the value is the base row's. The target is rounded where it is
/// of integers. All other columns are as in [`Smote`](crate::Smote), and so are weights. A part of fewer than `k + 1` rows has fewer
/// neighbours. **Complexity**: `k` nearest neighbours in each part that grows; a plan of 24 bytes a new row, and 4 a column of
/// categories. **Errors**: those of [`Relevance`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter);
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when all of the target is rare, or none;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for a part of one row that shall grow;
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType); [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}, column};
/// use mlsys_imbalance::{PlanResample, Relevance, Smoter};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from_iter_values((0..10).map(f64::from)));
/// let delay = Arc::new(Float64Array::from_iter_values((0..10).map(|row| f64::from(row * row))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("delay", delay as _)])?)?;
/// let train = train.target("delay")?.into_train_all();
/// // Delays of 49 and more are rare: three rows, which become five; of the others five are left.
/// let smoter = Smoter::new().relevance(Relevance::through([(20.0, 0.0), (49.0, 1.0)])).threshold(1.0);
/// let plan = smoter.plan(&train)?;
/// assert_eq!((plan.kept().len(), plan.synthetic().len()), (8, 2));
/// let made = plan.apply(&train)?;
/// let delay = column::floats("delay", made.column("delay")?)?;
/// let new = plan.synthetic()[0];
/// let (a, b) = (f64::from(new.base * new.base), f64::from(new.neighbor * new.neighbor));
/// assert!((delay[8] - (a + new.gap * (b - a))).abs() < 1e-9);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: a model fitted on the result predicts rare values too often; judge it on rows as they come. The target between
/// two rows need not be what it would be there.
///
/// Torgo, Ribeiro, Pfahringer and Branco, *SMOTE for regression*, 2013, algorithm 1, with sizes as in R's UBL (Branco, Ribeiro and Torgo,
/// 2016).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct Smoter {
    relevance: Relevance,
    threshold: f64,
    sizes: PartSizes,
    k_neighbors: usize,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for Smoter {
    fn default() -> Self {
        Self {
            relevance: Relevance::new(),
            threshold: 0.5,
            sizes: PartSizes::Balance,
            k_neighbors: 5,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl Smoter {
    /// Five neighbours, and as many rows in each part of the target.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much values of the target matter.
    pub fn relevance(mut self, relevance: Relevance) -> Self {
        self.relevance = relevance;
        self
    }

    /// From which relevance on values are rare.
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// How many rows each part has.
    pub fn sizes(mut self, sizes: PartSizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// How many neighbours to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// The features to find neighbours by, and to make new values of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl PlanResample for Smoter {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let by_target = ByTarget {
            estimator: "Smoter",
            relevance: &self.relevance,
            threshold: self.threshold,
            sizes: self.sizes,
            k: self.k_neighbors,
            columns: self.columns.as_ref(),
            seed: self.seed,
            noise: None,
        };
        by_target.plan(train)
    }
}

resample_as_planned!(Smoter);
