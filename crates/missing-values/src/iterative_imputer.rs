//! Imputation by chained equations.

use mlsys_core::seed::DEFAULT_SEED;
use mlsys_core::{Dataset, Error, Fit, FitTransform, Progress, Result, Train, silent};
use serde::{Deserialize, Serialize};

use crate::{FittedIterativeImputer, Indicators, chain};

/// In which order [`IterativeImputer`] goes through the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImputationOrder {
    /// Those with the fewest missing values first, equal ones by name.
    #[default]
    FewestMissing,
    /// Those with the most missing values first, equal ones by name.
    MostMissing,
    /// By name.
    Name,
}

/// From which regressions [`ImputationMethod::Pmm`] takes the predictions that it compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The fitted one for both: mice's type 0. What is drawn varies too little.
    Fitted,
    /// The fitted one for donors, the drawn one for gaps: mice's type 1.
    #[default]
    Mixed,
    /// The drawn one for both: type 2.
    Drawn,
}

/// How [`IterativeImputer`] fills a gap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImputationMethod {
    /// By the prediction of a Bayesian ridge regression: one best value. A category by its most probable class.
    #[default]
    BayesianRidge,
    /// By a draw from that regression's posterior: coefficients drawn once a round, and noise for each value. A category by a
    /// class drawn from its probabilities, by coefficients drawn once a round.
    BayesianRidgeDraw,
    /// By predictive mean matching: the value of one of the `donors` rows of which nearly the same is predicted, drawn evenly; of
    /// equally near rows, which ones count is drawn, too. Only values that were there are filled in. A category is drawn as by
    /// `BayesianRidgeDraw`, whatever `matching` is.
    Pmm {
        /// 5 is usual.
        donors: usize,
        /// What is compared.
        matching: Matching,
    },
}

impl ImputationMethod {
    /// Predictive mean matching with five donors, type 1.
    pub fn pmm() -> Self {
        Self::Pmm { donors: 5, matching: Matching::Mixed }
    }
}

/// Fills each column from all others by regressions, in turn, until what is filled settles (chained equations).
///
/// ```text
/// start: the mean, the most frequent class.      In each round, for each column j in turn, over the rows in which j is not missing:
/// a number:   x_j ≈ a_j + Σ_{k≠j} b_jk x_k, gaps of the other columns as filled so far; then j's gaps get that.
/// a category: log P(c) / P(first class) = a_jc + Σ_{k≠j} b_jck x_k; then j's gaps get the most probable class, of equal ones the first.
/// Stop: max |X_t − X_{t−1}| < tol · max |X|, over filled numbers, and over those that were there;
///       and of all gaps in categories the share whose class the round changed is 0, or below tol.
/// ```
/// x_k of a category are indicators of its classes but the first (ascending). For numbers the regression is [`BayesianRidge`](mlsys_stats::solve::BayesianRidge). For [`ImputationMethod::Pmm`] it is that of mice:
/// `β̂ = (X'X + 1e-5 diag X'X)⁻¹ X'y`, `σ*² = RSS / χ²_{n−p}`, `β* = β̂ + σ* L'⁻¹ z` with `LL' = X'X + 1e-5 diag X'X`, over centred columns, so
/// that the ridge leaves the mean alone. For categories it is [`MultinomialLogit`](mlsys_stats::solve::MultinomialLogit) with the penalty 0.25 on columns of mean
/// 0 and deviation 1, for all methods: classes that separate have finite coefficients. The methods that draw take
/// `β* = β̂ + L'⁻¹ z` with the Hessian `LL'` at β̂, the approximate posterior N(β̂, H⁻¹), and draw a class by its probability.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `max_iter` | 10 | 1 or more | rounds |
/// | `tol` | 1e-3 | 0 or more | when to stop; 0 runs all rounds |
/// | `method` | `BayesianRidge` | | or `BayesianRidgeDraw`, `Pmm`, which draw |
/// | `max_classes` | 50 | 1 or more | classes that a category may have |
/// | `seed` | 0 | | of what is drawn |
/// | `order` | `FewestMissing` | | or `MostMissing`, `Name` |
/// | `indicators` | `None` | | adds `<column>_missing` columns |
///
/// **Input**: the numeric features; under `.on(..)` the chosen ones, of which text, dictionaries of text and booleans are categories. Null and NaN
/// are missing. Row weights are used, in means, regressions and diagnostics; rows of weight 0 are left out. Methods that draw refuse them: a row that stands for two would
/// get one draw. Without draws a single column gets its mean or most frequent class; a constant one gets itself.
/// **Output**: floats keep their type, other numbers become Float64, dictionaries plain; values that were there stay as they are. So does a class that was not there while
/// fitting; to the regressions its indicators are the shares of the classes, so that it predicts what they predict on average.
///
/// What is fitted keeps the regressions of every round, those of columns without gaps as well, and takes new rows through
/// them, each for itself. [`rounds`](FittedIterativeImputer::rounds) tells how the chain went; when it has not
/// [`converged`](FittedIterativeImputer::converged) after `max_iter` rounds, that is no error. Where a prediction overflows, the
/// mean or the most frequent class stands. [`fit_with`](Self::fit_with) tells how far it is, and can be cancelled.
///
/// Methods that draw run all rounds, and never settle. A training row's draws depend on the seed, the round, the column and the row's id,
/// and `fit_transform` (not `transform`) returns them. A new row's depend on what is in the row instead of an id, so that
/// it gets the same values in any batch, and equal rows get equal ones (classes that were not there count as equal). With `Pmm` new rows take the last round's regressions as
/// often as there were rounds, since these alone keep their donors: 16 bytes a value.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `max_iter = 0`, `donors = 0`, `max_classes = 0` and a `tol` that is negative or not
/// finite, [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature of another kind,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities (when filling, too),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for values whose squares overflow, for more than `max_classes` classes, and for a category
/// whose regression has more than 2,000 coefficients, (classes − 1) · (columns of the others + 1),
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights where they are refused.
///
/// With n rows, m gaps and p columns of the regressions (K − 1 for a category): one copy of the columns, O(n p²) a round, O(m p²) for the regressions of numbers, since a regression needs
/// the products of all rows without those of the rows with a gap, and O(p³) for each column. A category takes O(n d² / 2) for a Hessian, d = (K − 1)(p + 1): some 2 to 5 of them in the first round, 1 or 2 in each later one, which starts where that one ended. 8 p² bytes a round in the artefact.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch, StringArray}, arrow::datatypes::Float64Type};
/// use mlsys_missing_values::IterativeImputer;
/// use std::sync::Arc;
///
/// let column = |values: [Option<f64>; 5]| Arc::new(Float64Array::from_iter(values)) as _;
/// let rows = RecordBatch::try_from_iter([
///     ("x", column([Some(1.0), Some(2.0), Some(3.0), Some(4.0), None])),
///     ("y", column([Some(2.1), Some(3.9), None, Some(8.0), Some(10.0)])),
/// ])?;
/// let train = Dataset::new(rows)?.into_train_all();
/// let fitted = IterativeImputer::new().fit(&train)?;
/// let filled = fitted.transform(train.batch())?;
/// // y is about twice x.
/// assert!((filled["y"].as_primitive::<Float64Type>().value(2) - 6.0).abs() < 0.1);
/// assert!((filled["x"].as_primitive::<Float64Type>().value(4) - 5.0).abs() < 0.1);
/// assert!(fitted.converged());
///
/// // A category that y decides, chosen by name.
/// let size = Arc::new(StringArray::from(vec![Some("small"), Some("small"), Some("large"), Some("large"), None])) as _;
/// let y = column([Some(2.1), Some(3.9), Some(6.2), None, Some(10.0)]);
/// let train = Dataset::new(RecordBatch::try_from_iter([("size", size), ("y", y)])?)?.into_train_all();
/// let filled = IterativeImputer::new().on(["size", "y"]).fit(&train)?.transform(train.batch())?;
/// assert_eq!(filled["size"].as_string::<i32>().value(4), "large");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: a prediction lies on the regression, so that variances and p-values computed from it are too small: for these draw
/// several tables with [`MultipleImputer`](crate::MultipleImputer) and [`pool`](crate::pool). Relations
/// that are not linear are lost, and predictions may leave the column's range. Two categories that say the same and are missing together hold each
/// other where they started.
///
/// van Buuren and Groothuis-Oudshoorn, *mice: Multivariate Imputation by Chained Equations in R*, 2011. With `tol` 0, numbers are those
/// of scikit-learn's `IterativeImputer` (`BayesianRidge`) with columns in the order of their names; its stopping rule is as above in its documentation, while its
/// code compares the largest sum over a row, which grows with the columns. For few columns that matter to each other locally,
/// use [`KnnImputer`](crate::KnnImputer). mice draws the coefficients of two classes as here, and not those of more; against separation
/// it adds rows instead of a penalty (White, Daniel and Royston, *Avoiding bias due to perfect prediction in multiple imputation*, 2010).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct IterativeImputer {
    pub(crate) max_iter: usize,
    pub(crate) tol: f64,
    pub(crate) method: ImputationMethod,
    pub(crate) order: ImputationOrder,
    pub(crate) indicators: Indicators,
    pub(crate) max_classes: usize,
    pub(crate) seed: u64,
}

impl Default for IterativeImputer {
    fn default() -> Self {
        Self {
            max_iter: 10,
            tol: 1e-3,
            method: ImputationMethod::default(),
            order: ImputationOrder::default(),
            indicators: Indicators::None,
            max_classes: 50,
            seed: DEFAULT_SEED,
        }
    }
}

impl IterativeImputer {
    /// An imputer by ten rounds of Bayesian ridge regressions at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rounds at most.
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// How little filled values must change, relative to the largest magnitude observed.
    pub fn tol(mut self, tol: f64) -> Self {
        self.tol = tol;
        self
    }

    /// How a gap is filled.
    pub fn method(mut self, method: ImputationMethod) -> Self {
        self.method = method;
        self
    }

    /// The seed of what is drawn.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// In which order the columns are filled.
    pub fn order(mut self, order: ImputationOrder) -> Self {
        self.order = order;
        self
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    /// How many classes a category may have.
    pub fn max_classes(mut self, max_classes: usize) -> Self {
        self.max_classes = max_classes;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let name = "IterativeImputer";
        if self.max_iter == 0 {
            return Err(Error::invalid_parameter(name, "max_iter", 0, "1 or more"));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(Error::invalid_parameter(name, "tol", self.tol, "0 or more"));
        }
        if self.max_classes == 0 {
            return Err(Error::invalid_parameter(name, "max_classes", 0, "1 or more"));
        }
        if matches!(self.method, ImputationMethod::Pmm { donors: 0, .. }) {
            return Err(Error::invalid_parameter(name, "donors", 0, "1 or more"));
        }
        Ok(())
    }

    pub(crate) fn draws(&self) -> bool {
        self.method != ImputationMethod::BayesianRidge
    }

    pub(crate) fn seeded(&self) -> u64 {
        self.seed
    }

    /// The columns as they are visited; `missing` is in the order of their names.
    pub(crate) fn visits(&self, missing: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..missing.len()).collect();
        match self.order {
            ImputationOrder::FewestMissing => order.sort_by(|&a, &b| missing[a].total_cmp(&missing[b])),
            ImputationOrder::MostMissing => order.sort_by(|&a, &b| missing[b].total_cmp(&missing[a])),
            ImputationOrder::Name => {}
        }
        order
    }
}

impl IterativeImputer {
    /// As [`fit`](Fit::fit), and tells of each column that was visited: `max_iter` times as many as there are columns, or
    /// fewer when the chain settles before. Columns without gaps that stand in a row are fitted together, and told of together.
    /// To choose columns, give it [`train.on(columns)`](Dataset::on).
    ///
    /// # Errors
    ///
    /// As above, and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn fit_with(
        &self,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<FittedIterativeImputer> {
        Ok(chain::run(self, train, progress)?.0)
    }

    /// As [`fit_transform`](FitTransform::fit_transform), and tells of each column as [`fit_with`](Self::fit_with) does.
    ///
    /// # Errors
    ///
    /// As [`fit_with`](Self::fit_with).
    pub fn fit_transform_with(
        &self,
        train: Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<(FittedIterativeImputer, Dataset<Train>)> {
        let (fitted, fills) = chain::run(self, &train, progress)?;
        // Without draws they are the same, and rows of no weight are filled as well.
        let filled = match self.draws() {
            true => train.with_batch(fitted.fill(train.batch(), &fitted.read(train.batch())?, &fills)?)?,
            false => train.apply(&fitted)?,
        };
        Ok((fitted, filled))
    }
}

impl Fit for IterativeImputer {
    type Fitted = FittedIterativeImputer;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedIterativeImputer> {
        self.fit_with(train, &mut silent)
    }
}

impl FitTransform for IterativeImputer {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedIterativeImputer, Dataset<Train>)> {
        self.fit_transform_with(train, &mut silent)
    }
}
