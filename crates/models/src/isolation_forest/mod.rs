//! A forest that tells odd rows by how soon random splits set them apart.

mod fitted;
mod grow;

pub use fitted::FittedIsolationForest;

use mlsys_core::arrow::array::BooleanArray;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Dataset, Error, Fit, Kind, Result, Train, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::features;
use crate::trees::{Combine, MissingPolicy, Tree, TreeEnsemble, TreeFeature};

const NAME: &str = "IsolationForest";

/// Scores rows by how odd they are: few random splits set an odd row apart, and many an ordinary one.
///
/// ```text
/// score(x) = 2^(-mean over trees of h(x) / c(n))      h(x) = depth of x's leaf + c(rows of the leaf)
/// c(n) = 2 (ln(n - 1) + γ) - 2 (n - 1) / n            c(2) = 1, c(1) = c(0) = 0, γ = 0.5772…
/// ```
/// where n is the number of rows that a tree sees. A split takes a feature at random among those that differ, and a threshold at random
/// between its least and its greatest value there; a tree has up to ⌈log₂ n⌉ of them on the way to a leaf.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `trees` | 100 | 1 or more | trees, each on rows of its own |
/// | `sample_size` | 256 | 2 or more | rows that a tree sees, drawn without putting them back; all, if there are no more |
/// | `contamination` | `None` | above 0, up to 0.5 | the share of the training rows that is to be odd: sets the threshold, which is 0.5 without it |
/// | `missing` | learnt | [`MissingPolicy`] | nulls and NaN go where most rows of the split go, or are refused |
/// | `seed` | 0 | | of what is drawn |
///
/// **Input**: numbers, booleans, dates and times, in any units: only their order and distances count. Infinite values are refused in training. Rows
/// of weight 0 are left out; others are drawn in proportion to their weights. No target is needed. **Output**:
/// [`FittedIsolationForest`], which predicts scores from 0 to 1: **higher is odder**, as in the paper; ordinary rows are below 0.5.
/// **Complexity**: trees × sample size × depth to fit, trees × depth per row.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for text;
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) where `missing` refuses them; [`NonFinite`](mlsys_core::ErrorKind::NonFinite);
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without any.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, Predict, arrow::array::{AsArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
/// use mlsys_models::IsolationForest;
///
/// let x = Float64Array::from_iter_values((0..200).map(|i| if i == 7 { 1000.0 } else { f64::from(i % 20) }));
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as _)])?;
/// let train = Dataset::new(batch.clone())?.into_train_all();
/// let model = IsolationForest::new().contamination(0.01).fit(&train)?;
/// let scores = model.predict(&batch)?;
/// let scores = scores.as_primitive::<Float64Type>().values();
/// assert!(scores[7] > 0.8 && scores[8] < 0.5);
/// assert!(model.is_outlier(&batch)?.value(7));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where odd rows are many and alike: they set each other apart late. Columns that say nothing are asked as often as others,
/// and drown those that do. Values between two heaps look ordinary, since splits are parallel to the axes.
///
/// **Method**: Fei Tony Liu, Kai Ming Ting, Zhi-Hua Zhou, *Isolation forest*, ICDM 2008. Scikit-learn's `score_samples` is this score times -1, and its
/// `offset_` the threshold times -1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct IsolationForest {
    trees: usize,
    sample_size: usize,
    contamination: Option<f64>,
    missing: MissingPolicy,
    seed: u64,
}

impl Default for IsolationForest {
    fn default() -> Self {
        Self {
            trees: 100,
            sample_size: 256,
            contamination: None,
            missing: MissingPolicy::default(),
            seed: seed::DEFAULT_SEED,
        }
    }
}

impl IsolationForest {
    /// 100 trees of 256 rows each.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many trees.
    pub fn trees(mut self, trees: usize) -> Self {
        self.trees = trees;
        self
    }

    /// Rows that each tree sees.
    pub fn sample_size(mut self, rows: usize) -> Self {
        self.sample_size = rows;
        self
    }

    /// The share of the training rows above the threshold.
    pub fn contamination(mut self, share: impl Into<Option<f64>>) -> Self {
        self.contamination = share.into();
        self
    }

    /// What becomes of nulls and NaN.
    pub fn missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self
    }

    /// The seed of what is drawn.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn validate(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(NAME, name, value, expected))
        };
        if self.trees == 0 || u32::try_from(self.trees).is_err() {
            return refused("trees", self.trees.to_string(), "1 to 4294967295");
        }
        if self.sample_size < 2 {
            return refused("sample_size", self.sample_size.to_string(), "2 or more");
        }
        match self.contamination {
            Some(share) => check_share(share),
            None => Ok(()),
        }
    }
}

/// Refuses what is no share of odd rows.
fn check_share(share: f64) -> Result<()> {
    if share > 0.0 && share <= 0.5 {
        return Ok(());
    }
    Err(Error::invalid_parameter(NAME, "contamination", share, "above 0, and at most 0.5"))
}

impl Fit for IsolationForest {
    type Fitted = FittedIsolationForest;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedIsolationForest> {
        self.validate()?;
        let expected = "numbers, booleans, dates or times (encode text first, or leave it out)";
        let accepts = |kind: Kind| !matches!(kind, Kind::Text | Kind::Other);
        let features: Vec<TreeFeature> = features(train, NAME, accepts, expected)?
            .into_iter()
            .map(TreeFeature::number)
            .collect::<Result<_>>()?;
        let weights = train.weights()?;
        let data = match &weights {
            Some(w) if w.contains(&0.0) => {
                train.filter(&BooleanArray::from_iter(w.iter().map(|w| Some(*w > 0.0))))?
            }
            _ => train.clone(),
        };
        let weights: Option<Vec<f64>> =
            weights.map(|weights| weights.iter().copied().filter(|w| *w > 0.0).collect());
        let n = data.n_rows();
        if n == 0 {
            return Err(Error::too_few_rows(1, 0, "an isolation forest needs rows to set apart"));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::unsupported(format!("{NAME} on 4,294,967,296 rows or more")));
        }
        let read = |feature: &TreeFeature| -> Result<ScalarBuffer<f64>> {
            let values = feature.read(data.batch(), &self.missing)?;
            match values.iter().position(|x| x.is_infinite()) {
                None => Ok(values),
                Some(row) => {
                    let expected = "finite values, so replace or drop it";
                    Err(Error::invalid_value(feature.name(), Some(row), values[row], expected))
                }
            }
        };
        let columns: Vec<ScalarBuffer<f64>> =
            mlsys_core::first_error(features.par_iter().map(read).collect())?;
        let size = self.sample_size.min(n);
        let limit = usize::BITS - (size.max(2) - 1).leading_zeros();
        let grown = (0..self.trees as u64).into_par_iter().map(|tree| {
            let mut rng = seed::stream(self.seed, tree);
            let rows = grow::sample(n, size, weights.as_deref(), &mut rng);
            grow::tree(&columns, rows, limit as usize, &mut rng)
        });
        let trees: Vec<Tree> = mlsys_core::first_error(grown.collect())?;
        let ensemble = TreeEnsemble::new(features, self.missing, trees, vec![0.0], Combine::Mean)?;
        let model = FittedIsolationForest::from_ensemble(&ensemble, size as u64)?;
        match self.contamination {
            None => Ok(model),
            Some(share) => model.with_contamination(data.batch(), share),
        }
    }
}
