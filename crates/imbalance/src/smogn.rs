//! New rows where a continuous target is rare, with noise where neighbours are far.

use mlsys_core::{Columns, Dataset, Result, Train, seed};
use serde::{Deserialize, Serialize};

use crate::plan::resample_as_planned;
use crate::regression::ByTarget;
use crate::{PartSizes, Plan, PlanResample, Relevance};

/// Makes rows where a continuous target is relevant and rare as [`Smoter`](crate::Smoter) does, but where the neighbour is far,
/// a copy of the row with noise.
///
/// `x = a + min(noise, limit) σ z`, z standard normal, σ the standard deviation of the column in the part; far is a
/// neighbour at `limit` or more, half the median distance of the row from the others of its part
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `relevance` | [`Relevance::new`] | | how much values of the target matter |
/// | `threshold` | 0.5 | above 0, at most 1 | from which relevance on values are rare |
/// | `sizes` | `Balance` | see [`PartSizes`] | how many rows each part of the target has |
/// | `noise` | 0.02 | 0 or more | how many standard deviations noise is, at most |
/// | `k_neighbors` | 5 | 1 or more | the neighbours to choose from, each as likely |
/// | `columns` | features that are numbers, text or booleans, without time and group | | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**, **output**: those of [`Smoter`](crate::Smoter). A copy with noise, in the target too, has categories that are as frequent
/// as in its part, and is [`Around`](crate::Origin::Around) its row; the others are [`Between`](crate::Origin::Between) two.
/// **Complexity**: all pairs of rows of a part that grows, for the medians; a plan of 24 bytes a new row, 8 a column of numbers, and 4 a column of
/// categories. **Errors**: those of [`Smoter`](crate::Smoter).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_imbalance::{Origin, PlanResample, Relevance, Smogn};
/// use std::sync::Arc;
///
/// // Of the rare delays two are near each other, and all others far apart.
/// let x = Arc::new(Float64Array::from_iter_values((0..12).map(f64::from).chain([50.0, 50.1, 60.0, 80.0])));
/// let delay = Arc::new(Float64Array::from_iter_values((0..12).map(f64::from).chain([90.0, 91.0, 92.0, 93.0])));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("delay", delay as _)])?)?;
/// let train = train.target("delay")?.into_train_all();
/// let smogn = Smogn::new().relevance(Relevance::through([(20.0, 0.0), (90.0, 1.0)])).k_neighbors(1);
/// let plan = smogn.plan(&train)?;
/// for row in plan.kept().len()..plan.n_rows() {
///     match plan.origin(row) {
///         Some(Origin::Between { base, .. }) => assert!(base == 12 || base == 13),
///         origin => assert!(matches!(origin, Some(Origin::Around { base: 14 | 15 }))),
///     }
/// }
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`Smoter`](crate::Smoter) does; noise makes values that no row may have, such as a count below 0.
///
/// Branco, Torgo and Ribeiro, *SMOGN: a pre-processing approach for imbalanced regression*, 2017, algorithms 1 and 2. The Python package
/// smogn 0.1.2 weighs the target by the distance in the last column alone, and takes `a + b / 2` for the mean of two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct Smogn {
    relevance: Relevance,
    threshold: f64,
    sizes: PartSizes,
    noise: f64,
    k_neighbors: usize,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for Smogn {
    fn default() -> Self {
        Self {
            relevance: Relevance::new(),
            threshold: 0.5,
            sizes: PartSizes::Balance,
            noise: 0.02,
            k_neighbors: 5,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl Smogn {
    /// Five neighbours, noise of a fiftieth of a standard deviation, and as many rows in each part of the target.
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

    /// How many standard deviations noise is, at most.
    pub fn noise(mut self, noise: f64) -> Self {
        self.noise = noise;
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

impl PlanResample for Smogn {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        let by_target = ByTarget {
            estimator: "Smogn",
            relevance: &self.relevance,
            threshold: self.threshold,
            sizes: self.sizes,
            k: self.k_neighbors,
            columns: self.columns.as_ref(),
            seed: self.seed,
            noise: Some(self.noise),
        };
        by_target.plan(train)
    }
}

resample_as_planned!(Smogn);
