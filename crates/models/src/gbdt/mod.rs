//! Gradient boosted decision trees.

mod boost;
mod custom;
mod fit;
mod fitted;
mod history;
mod loss;
mod objective;
mod parameters;
mod sample;

pub use custom::{GbdtLoss, GbdtObjective};
pub use fitted::FittedGbdt;
pub use history::TrainingHistory;
pub use objective::{ClassObjective, RankObjective, RegressionObjective};
pub use parameters::{BoostingMode, EarlyStopping, Monotone};
pub use sample::RowSample;

use serde::{Deserialize, Serialize};

use crate::ClassWeights;
use crate::trees::{Classification, Growth, MissingPolicy, Ranking, Regression, Task};

const NAME: &str = "Gbdt";

/// Gradient boosted decision trees: of classes, of numbers, or of rankings.
///
/// ```text
/// z(x) = z₀ + Σ η wₜ(leafₜ(x))      w = -T(G, l1) / (H + l2)      gain = score(left) + score(right) - score(leaf)
/// T(G, l1) = sign(G) max(0, |G| - l1)                             score = T(G, l1)² / (H + l2)
/// ```
/// where G and H are sums of the first and second derivatives of the loss by the scores of a leaf's rows.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `objective` | `Logistic`, `Squared`, `LambdaMart` | [`ClassObjective`], [`RegressionObjective`], [`RankObjective`] | what is minimised |
/// | `trees` | 100 | 1 or more | iterations: a tree each, or one per class for three classes or more |
/// | `learning_rate` | 0.1 | above 0, up to 1 | η: how much of each tree counts |
/// | `max_leaves` | 31 | 2 or more | leaves of a tree |
/// | `max_depth` | `None` | 1 or more | splits on the way to a leaf |
/// | `growth` | `LeafWise` | [`Growth`] | which leaf is split next |
/// | `min_rows` | 20 | 1 or more | rows of a leaf: splits are tried that seem to leave as many, by the share of H, and taken if they do |
/// | `min_hessian` | 1e-3 | 0 or more | H of a leaf |
/// | `l1`, `l2` | 0 | 0 or more | penalties of leaf values |
/// | `min_gain` | 0 | 0 or more | a split gains more than this |
/// | `max_step` | `None` | above 0 | the largest magnitude of a leaf's value, before the learning rate |
/// | `rows` | `All` | [`RowSample`] | the rows that a tree sees |
/// | `tree_share`, `split_share` | 1 | above 0, up to 1 | the share of the features that a tree sees, and a split of those |
/// | `max_bins` | 255 | 2 to 255 | bins of a feature, besides one for missing values |
/// | `min_rows_in_bin` | 3 | 1 or more | rows of a bin |
/// | `categorical` | none | | columns of numbers, booleans or times that hold categories; text always does |
/// | `category_smoothing`, `category_l2` | 10 | 0 or more | how little small categories move, and how costly sets of them are |
/// | `min_rows_per_category` | 100 | 1 or more | rows by which two sets differ |
/// | `max_one_vs_rest` | 4 | 0 or more | up to so many categories, each is tried alone |
/// | `max_set` | 32 | 1 or more | categories of a set at most |
/// | `monotone` | none | [`Monotone`] | features that scores may only rise or fall with; not for medians and quantiles |
/// | `interactions` | none | | groups of features that may meet on one way to a leaf; the others are a group of their own |
/// | `class_weights` | `Uniform` | [`ClassWeights`] | by the class of the row; of classes only |
/// | `missing` | learnt | [`MissingPolicy`] | nulls, NaN, and categories that were not there in training |
/// | `mode` | `Gradient` | [`BoostingMode`] | or a forest of independent trees |
/// | `early_stopping` | `None` | [`EarlyStopping`] | ends when validation rows gain nothing |
/// | `seed` | 0 | | of what is drawn |
///
/// **Input**: numbers, booleans, dates, times and text, of any width and encoding, without any preparation. Values are put in bins
/// once, categories by value; columns are taken in the order of their names. Infinite values are ordered like others. Rows of weight 0 are left out; weights count in G and H, and rows in
/// `min_rows`. More than 255 categories share the last bin but the most frequent. **Output**: [`FittedGbdt`], with labels and probabilities of classes, values of
/// numbers, scores of rankings. **Complexity**: rows × features × (about 3) per tree, and a byte per value.
///
/// Derivatives are added up as integers ([`Gbdt`]'s histograms are exact), so that models have the same bytes on any number of threads and
/// for any batches; leaf values, gains and covers come from sums of doubles in the order of the rows.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns;
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the target, or where `missing` refuses them;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a target that the objective has no loss for, and
/// when scores run away.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, Predict, arrow::array::{AsArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
/// use mlsys_models::Gbdt;
///
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from_iter_values([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) as _),
///     ("y", Arc::new(Float64Array::from_iter_values([1.0, 2.0, 3.0, 10.0, 11.0, 12.0])) as _),
/// ])?;
/// let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
/// let stump = Gbdt::regressor().trees(1).max_leaves(2).min_rows(1).min_rows_in_bin(1);
/// let model = stump.fit(&train)?;
/// // From the mean, 6.5, a tenth of the way to the means of both halves.
/// let predicted = model.predict(&batch)?;
/// assert_eq!(predicted.as_primitive::<Float64Type>().values()[2..4], [6.05, 6.95]);
/// assert_eq!(model.ensemble().trees()[0].splits()[0].gain, 121.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when trees are added until the training loss is small: stop early by validation rows. Probabilities of rare classes are
/// rarely calibrated. Trees cannot extrapolate: beyond the training values, predictions stay as they are at the end.
///
/// **Method**: Jerome Friedman, *Greedy function approximation: a gradient boosting machine*, 2001; Tianqi Chen, Carlos Guestrin, *XGBoost: a scalable
/// tree boosting system*, 2016, equations 5 to 7, without the factor ½; Guolin Ke and others, *LightGBM: a highly efficient gradient
/// boosting decision tree*, 2017, whose defaults and rules these are. Differs from LightGBM: rows of a leaf are counted; zero has no bin of its
/// own; missing values that were not seen in training go with most rows, not with zero; a missing category may go left.
///
/// **Instead**: [`LogisticRegression`](crate::LogisticRegression) where a few numbers must explain the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Gbdt<T: Task = Classification> {
    objective: T::Objective,
    trees: usize,
    learning_rate: f64,
    max_leaves: usize,
    max_depth: Option<usize>,
    growth: Growth,
    min_rows: u64,
    min_hessian: f64,
    l1: f64,
    l2: f64,
    min_gain: f64,
    max_step: Option<f64>,
    rows: RowSample,
    tree_share: f64,
    split_share: f64,
    max_bins: usize,
    min_rows_in_bin: u64,
    categorical: Vec<String>,
    category_smoothing: f64,
    category_l2: f64,
    min_rows_per_category: u64,
    max_one_vs_rest: usize,
    max_set: usize,
    monotone: Vec<(String, Monotone)>,
    interactions: Vec<Vec<String>>,
    class_weights: ClassWeights,
    missing: MissingPolicy,
    mode: BoostingMode,
    early_stopping: Option<EarlyStopping>,
    seed: u64,
}

impl<T: Task> Default for Gbdt<T> {
    fn default() -> Self {
        Self {
            objective: T::Objective::default(),
            trees: 100,
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: None,
            growth: Growth::LeafWise,
            min_rows: 20,
            min_hessian: 1e-3,
            l1: 0.0,
            l2: 0.0,
            min_gain: 0.0,
            max_step: None,
            rows: RowSample::All,
            tree_share: 1.0,
            split_share: 1.0,
            max_bins: 255,
            min_rows_in_bin: 3,
            categorical: Vec::new(),
            category_smoothing: 10.0,
            category_l2: 10.0,
            min_rows_per_category: 100,
            max_one_vs_rest: 4,
            max_set: 32,
            monotone: Vec::new(),
            interactions: Vec::new(),
            class_weights: ClassWeights::Uniform,
            missing: MissingPolicy::default(),
            mode: BoostingMode::Gradient,
            early_stopping: None,
            seed: mlsys_core::seed::DEFAULT_SEED,
        }
    }
}

impl Gbdt<Classification> {
    /// Boosted trees of classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Boosted trees of classes, as [`new`](Self::new).
    pub fn classifier() -> Self {
        Self::default()
    }

    /// How much the rows of each class count, on top of their own weights.
    pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
        self.class_weights = class_weights;
        self
    }
}

impl Gbdt<Regression> {
    /// Boosted trees of numbers.
    pub fn regressor() -> Self {
        Self::default()
    }
}

impl Gbdt<Ranking> {
    /// Boosted trees that order the rows of each group; the target is how relevant a row is, a whole number from 0 to 31.
    pub fn ranker() -> Self {
        Self::default()
    }
}
