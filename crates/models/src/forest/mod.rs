//! Forests: the mean of many trees that differ by what is drawn.

mod criterion;
pub(crate) mod fit;
mod fitted;
mod grow;
mod oob;
mod settings;

pub use fitted::FittedForest;
pub use oob::OutOfBag;
pub use settings::MaxFeatures;

use serde::{Deserialize, Serialize};
use settings::Settings;

use crate::ClassWeights;
use crate::trees::{Classification, MissingPolicy, Regression, Task};

macro_rules! forest {
    ($(#[$doc:meta])* $name:ident, random: $random:literal, bootstrap: $bootstrap:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, bound = "")]
        #[must_use = "a recipe does nothing until it is fitted"]
        pub struct $name<T: Task = Classification> {
            trees: usize,
            max_depth: Option<usize>,
            min_rows: u64,
            min_gain: f64,
            max_features: MaxFeatures,
            bootstrap: bool,
            max_bins: usize,
            categorical: Vec<String>,
            class_weights: ClassWeights,
            missing: MissingPolicy,
            seed: u64,
            #[serde(skip)]
            task: std::marker::PhantomData<T>,
        }

        impl<T: Task> Default for $name<T> {
            fn default() -> Self {
                Self {
                    trees: 100,
                    max_depth: None,
                    min_rows: 1,
                    min_gain: 0.0,
                    max_features: MaxFeatures::ByTask,
                    bootstrap: $bootstrap,
                    max_bins: 255,
                    categorical: Vec::new(),
                    class_weights: ClassWeights::Uniform,
                    missing: MissingPolicy::default(),
                    seed: mlsys_core::seed::DEFAULT_SEED,
                    task: std::marker::PhantomData,
                }
            }
        }

        impl $name<Classification> {
            /// A forest of classes.
            pub fn new() -> Self {
                Self::default()
            }

            /// A forest of classes, as [`new`](Self::new).
            pub fn classifier() -> Self {
                Self::default()
            }

            /// How much the rows of each class count, on top of their own weights.
            pub fn class_weights(mut self, class_weights: ClassWeights) -> Self {
                self.class_weights = class_weights;
                self
            }
        }

        impl $name<Regression> {
            /// A forest of numbers.
            pub fn regressor() -> Self {
                Self::default()
            }
        }

        impl<T: Task> $name<T> {
            /// How many trees.
            pub fn trees(mut self, trees: usize) -> Self {
                self.trees = trees;
                self
            }

            /// Splits at most on the way to a leaf.
            pub fn max_depth(mut self, depth: impl Into<Option<usize>>) -> Self {
                self.max_depth = depth.into();
                self
            }

            /// Rows at least of a leaf; one that was drawn twice is one.
            pub fn min_rows(mut self, rows: u64) -> Self {
                self.min_rows = rows;
                self
            }

            /// What a split gains at least: the weight of its rows times what their impurity loses, as a share of all weight.
            pub fn min_gain(mut self, gain: f64) -> Self {
                self.min_gain = gain;
                self
            }

            /// How many features a split looks at.
            pub fn max_features(mut self, features: MaxFeatures) -> Self {
                self.max_features = features;
                self
            }

            /// Whether each tree grows on as many rows as there are, drawn with putting them back.
            pub fn bootstrap(mut self, bootstrap: bool) -> Self {
                self.bootstrap = bootstrap;
                self
            }

            /// Bins of a feature at most, besides the one of missing values.
            pub fn max_bins(mut self, bins: usize) -> Self {
                self.max_bins = bins;
                self
            }

            /// Columns that hold categories though they are no text.
            pub fn categorical<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
                self.categorical = columns.into_iter().map(Into::into).collect();
                self
            }

            /// What becomes of nulls, NaN and unseen categories.
            pub fn missing(mut self, missing: MissingPolicy) -> Self {
                self.missing = missing;
                self
            }

            /// The seed of what is drawn.
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = seed;
                self
            }

            fn settings(&self) -> Settings<'_> {
                Settings {
                    name: stringify!($name),
                    random: $random,
                    trees: self.trees,
                    max_depth: self.max_depth,
                    min_rows: self.min_rows,
                    min_gain: self.min_gain,
                    max_features: self.max_features,
                    bootstrap: self.bootstrap,
                    max_bins: self.max_bins,
                    categorical: &self.categorical,
                    missing: self.missing,
                    seed: self.seed,
                }
            }
        }

        fit::fits!($name);
    };
}

forest! {
    /// A random forest: the mean of trees that each grow on rows drawn anew, and look at few features for each split.
    ///
    /// ```text
    /// p(x) = mean over trees of the class shares, or of the mean, of x's leaf
    /// gain = W I(leaf) - W(left) I(left) - W(right) I(right)      I = 1 - Σ share²  (Gini), or the variance
    /// ```
    ///
    /// | parameter | default | range | effect |
    /// |---|---|---|---|
    /// | `trees` | 100 | 1 or more | how many |
    /// | `max_depth` | `None` | 1 or more | splits on the way to a leaf |
    /// | `min_rows` | 1 | 1 or more | rows of a leaf; one that was drawn twice is one |
    /// | `min_gain` | 0 | 0 or more | what a split gains at least, as a share of all weight |
    /// | `max_features` | `ByTask` | [`MaxFeatures`] | features that a split looks at: √ for classes, all for numbers |
    /// | `bootstrap` | `true` | | whether rows are drawn, as many as there are, with putting them back |
    /// | `max_bins` | 255 | 2 to 255 | bins of a feature, besides one for missing values |
    /// | `categorical` | none | | columns of numbers, booleans or times that hold categories; text always does |
    /// | `class_weights` | `Uniform` | [`ClassWeights`] | by the class of the row; of classes only |
    /// | `missing` | learnt | [`MissingPolicy`] | nulls, NaN, and categories that were not there in training |
    /// | `seed` | 0 | | of what is drawn |
    ///
    /// **Input**: numbers, booleans, dates, times and text, of any width and encoding, without any preparation; values are put in bins once.
    /// Rows are drawn in proportion to their weights, which then count no more; without `bootstrap`, weights count in gains and leaves.
    /// Of three classes or more, sets of categories are sought by the share of each class in turn, which need not find the best.
    /// **Output**: [`FittedForest`]; [`fit_out_of_bag`](Self::fit_out_of_bag) also says what trees make of the rows that they have not seen.
    /// **Complexity**: rows × `max_features` × depth per tree; trees grow side by side. Models have the same bytes on any number of threads.
    ///
    /// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns;
    /// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in the target, or where `missing` refuses them;
    /// [`SingleClass`](mlsys_core::ErrorKind::SingleClass).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, Fit, Predict, arrow::array::{AsArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
    /// use mlsys_models::RandomForest;
    ///
    /// let x = Float64Array::from_iter_values((0..100).map(f64::from));
    /// let y = Float64Array::from_iter_values((0..100).map(|i| if i < 50 { 1.0 } else { 3.0 }));
    /// let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as _), ("y", Arc::new(y) as _)])?;
    /// let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
    /// let (model, out_of_bag) = RandomForest::regressor().fit_out_of_bag(&train)?;
    /// let predicted = model.predict(&batch)?;
    /// assert_eq!(predicted.as_primitive::<Float64Type>().value(10), 1.0);
    /// assert!(out_of_bag.score > 0.95);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// **Misleads** on its own training rows, of which each tree has seen most: judge by out-of-bag rows or others. Columns of many values gain
    /// more by chance, and seem more important. Shares are drawn to the middle, and rarely calibrated.
    ///
    /// **Method**: Leo Breiman, *Random forests*, 2001. Differs from scikit-learn: thresholds lie between bins; categories are split by sets.
    RandomForest, random: false, bootstrap: true
}

forest! {
    /// Extremely randomised trees: as [`RandomForest`](crate::RandomForest), but each feature that a split looks at has one threshold, drawn at
    /// random, and all rows count by default.
    ///
    /// ```text
    /// t = the cut at or above low + u (high - low)      u uniform in 0 to 1; low, high: the outermost cuts between the node's values
    /// ```
    ///
    /// Parameters are those of [`RandomForest`](crate::RandomForest); `bootstrap` is `false`. Sets of categories are drawn, too: each is
    /// on the left with probability ½. Missing values go to a side at random.
    ///
    /// **Input**, **Output**, **Complexity**, **Errors**: as [`RandomForest`](crate::RandomForest).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
    /// use mlsys_models::ExtraTrees;
    ///
    /// let x = Float64Array::from_iter_values((0..100).map(f64::from));
    /// let y = BooleanArray::from_iter((0..100).map(|i| Some(i >= 50)));
    /// let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as _), ("y", Arc::new(y) as _)])?;
    /// let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
    /// let model = ExtraTrees::new().trees(20).fit(&train)?;
    /// assert_eq!(model.predict_proba(&batch)?.positive()[49..51], [0.0, 1.0]);
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// **Misleads** where few of many columns say anything: draws among the others make noise. Raise `max_features` or `min_rows`.
    ///
    /// **Method**: Pierre Geurts, Damien Ernst, Louis Wehenkel, *Extremely randomized trees*, 2006. Differs from it: thresholds are cuts between bins.
    ExtraTrees, random: true, bootstrap: false
}
