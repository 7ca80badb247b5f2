//! One tree that can be read.

mod fit;
mod fitted;
mod grow;
mod measure;
mod prune;

pub use fitted::FittedDecisionTree;
pub use prune::PruningPath;

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::ClassWeights;
use crate::trees::{Classification, MissingPolicy, Regression, Task};

const NAME: &str = "DecisionTree";

/// How impure the classes of a leaf are. Numbers always go by their variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impurity {
    /// `1 - Σ p²`.
    #[default]
    Gini,
    /// `-Σ p log₂ p`.
    Entropy,
}

/// A decision tree, grown on the values themselves and pruned by its complexity: CART.
///
/// ```text
/// gain = W I(node) - W(left) I(left) - W(right) I(right)      I: Gini, entropy, or the variance
/// cost of a branch = (I W of its root - Σ I W of its leaves) / W(all) / (leaves - 1)
/// ```
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `impurity` | `Gini` | [`Impurity`] | what a split makes less, of classes |
/// | `max_depth` | `None` | 1 or more | splits on the way to a leaf |
/// | `min_rows` | 1 | 1 or more | rows of a leaf |
/// | `min_split_rows` | 2 | 2 or more | rows of what is split |
/// | `min_gain` | 0 | 0 or more | what a split gains at least, as a share of all weight |
/// | `ccp_alpha` | 0 | 0 or more | branches that cost no more than this are cut, the weakest first |
/// | `class_weights` | `Uniform` | [`ClassWeights`] | by the class of the row; of classes only |
/// | `missing` | learnt | [`MissingPolicy`] | nulls and NaN |
///
/// **Input**: numbers, booleans, dates and times; encode text first. Each two neighbouring values may be told apart, and a threshold lies halfway between
/// them. Rows of weight 0 are left out; weights count in gains and leaves, not in `min_rows`. Of equal splits the first feature's
/// lowest is taken. **Output**: [`FittedDecisionTree`], as text and as a drawing too. **Complexity**: rows × features × (log rows + depth).
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for text;
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the target, or where `missing` refuses them;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for numbers too large to add up.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch, StringArray}};
/// use mlsys_models::DecisionTree;
///
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from_iter_values([1.0, 2.0, 3.0, 10.0])) as _),
///     ("y", Arc::new(StringArray::from_iter_values(["no", "no", "yes", "yes"])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("y")?.into_train_all();
/// let model = DecisionTree::new().fit(&train)?;
/// assert_eq!(model.to_text(1), "\
/// |--- x <= 2.5
/// |   |--- weights: [2.0, 0.0] class: no
/// |--- x >  2.5
/// |   |--- weights: [0.0, 2.0] class: yes
/// ");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** without limits: it learns its rows by heart. Other rows of the same kind give another tree; do not read causes off it.
///
/// **Method**: Leo Breiman, Jerome Friedman, Richard Olshen, Charles Stone, *Classification and regression trees*, 1984; scikit-learn's rules for
/// thresholds, missing values and pruning. Differs from it: values are not rounded to single precision, and ties do not go by a seed.
///
/// **Instead**: [`RandomForest`](crate::RandomForest) or [`Gbdt`](crate::Gbdt) where it need not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, bound = "")]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct DecisionTree<T: Task = Classification> {
    impurity: Impurity,
    max_depth: Option<usize>,
    min_rows: u64,
    min_split_rows: u64,
    min_gain: f64,
    ccp_alpha: f64,
    class_weights: ClassWeights,
    missing: MissingPolicy,
    #[serde(skip)]
    task: std::marker::PhantomData<T>,
}

impl<T: Task> Default for DecisionTree<T> {
    fn default() -> Self {
        Self {
            impurity: Impurity::Gini,
            max_depth: None,
            min_rows: 1,
            min_split_rows: 2,
            min_gain: 0.0,
            ccp_alpha: 0.0,
            class_weights: ClassWeights::Uniform,
            missing: MissingPolicy::default(),
            task: std::marker::PhantomData,
        }
    }
}

impl DecisionTree<Classification> {
    /// A tree of classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of classes, as [`new`](Self::new).
    pub fn classifier() -> Self {
        Self::default()
    }

    /// What a split makes less.
    pub fn impurity(mut self, impurity: Impurity) -> Self {
        self.impurity = impurity;
        self
    }

    /// How much the rows of each class count, on top of their own weights.
    pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
        self.class_weights = class_weights;
        self
    }
}

impl DecisionTree<Regression> {
    /// A tree of numbers.
    pub fn regressor() -> Self {
        Self::default()
    }
}

impl<T: Task> DecisionTree<T> {
    /// Splits at most on the way to a leaf.
    pub fn max_depth(mut self, depth: impl Into<Option<usize>>) -> Self {
        self.max_depth = depth.into();
        self
    }

    /// Rows at least of a leaf.
    pub fn min_rows(mut self, rows: u64) -> Self {
        self.min_rows = rows;
        self
    }

    /// Rows at least of what is split.
    pub fn min_split_rows(mut self, rows: u64) -> Self {
        self.min_split_rows = rows;
        self
    }

    /// What a split gains at least, as a share of all weight.
    pub fn min_gain(mut self, gain: f64) -> Self {
        self.min_gain = gain;
        self
    }

    /// Branches that cost no more than this are cut.
    pub fn ccp_alpha(mut self, alpha: f64) -> Self {
        self.ccp_alpha = alpha;
        self
    }

    /// What becomes of nulls and NaN.
    pub fn missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self
    }

    fn validate(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(NAME, name, value, expected))
        };
        if self.max_depth == Some(0) {
            return refused("max_depth", "0".into(), "1 or more, or none");
        }
        if self.min_rows == 0 {
            return refused("min_rows", "0".into(), "1 or more");
        }
        if self.min_split_rows < 2 {
            return refused("min_split_rows", self.min_split_rows.to_string(), "2 or more");
        }
        for (name, value) in [("min_gain", self.min_gain), ("ccp_alpha", self.ccp_alpha)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refused(name, value.to_string(), "0 or more, and finite");
            }
        }
        Ok(())
    }
}
