//! Categories as what the target is like there.

use mlsys_core::{Batches, Dataset, Error, Fit, FitTransform, Layout, Result, Train};
use mlsys_stats::{Spread, TargetAs, TargetByCategory, TargetByCategorySummary};
use serde::{Deserialize, Serialize};

use crate::cross_fit::CrossFit;
use crate::target_encoding::{self, Options, Rows, TargetValue, target_recipe};
use crate::{FittedTargetEncoder, MissingTarget, UnseenTarget};

/// Replaces a category by the mean of the target there, drawn towards the mean over all rows the less its rows say.
///
/// ```text
/// x = λ ȳ_c + (1 − λ) ȳ
/// auto:         λ = V W_c / (V W_c + S_c / W_c)        V: the target's variance,  S_c = Σ w (y − ȳ_c)²
/// m:            λ = W_c / (W_c + m)
/// James-Stein:  λ = 1 − v_c / (v + v_c) · (K − 3) / (K − 1), within 0 to 1; v_c, v: sample variances; K categories
/// sigmoid:      λ = 1 / (1 + exp(−(W_c − least) / width))
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `smoothing` | `Auto` | see [`Smoothing`] | how far a category is drawn to the mean |
/// | `cross_fit` | 5 folds by row id | see [`CrossFit`] | how training rows are encoded |
/// | `target_as` | by the column's type | | numbers are numbers, all else are classes |
/// | `unseen` | `Prior` | | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | | what becomes of missing values |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times; a target without missing
/// values. Weights are used. **Output**: Float64 in place of the column: the mean of a number, the share of the last of two
/// classes; of three classes and more a column each, `<column>:<class>`. What the next step sees of the training rows
/// ([`fit_transform`](FitTransform::fit_transform), as in a chain) is made out of fold: a row's own target is not in its value, nor in its
/// prior.
///
/// **Errors**: [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a target,
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) in it, [`SingleClass`](mlsys_core::ErrorKind::SingleClass),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter);
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a training row has no other to be encoded by;
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, if said so.
///
/// One pass, mergeable; state about 80 bytes per category. Out of fold: one more pass, 5 times the state.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch, StringArray}};
/// use mlsys_encoding::{Smoothing, TargetEncoder};
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("dest", Arc::new(StringArray::from(vec!["a", "a", "a", "b", "b", "c"])) as _),
///     ("delay", Arc::new(Float64Array::from(vec![1.0, 2.0, 6.0, 4.0, 8.0, 5.0])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("delay")?.into_train_all();
/// let encoder = TargetEncoder::new().smoothing(Smoothing::M(2.0)).fit(&train)?;
/// let value = encoder.value("dest", &"a".into()).unwrap()[0];
/// assert!((value - (9.0 + 2.0 * 26.0 / 6.0) / 5.0).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when training rows are encoded by [`transform`](mlsys_core::Transform::transform) instead: each value then holds
/// its row's own target, and a model learns to read it. When the same column is there one-hot as well: within a category, the values of the
/// folds run against their targets, and a model that knows the category can tell (on noise, a training AUC of 0.76 where one-hot
/// alone has 0.63). And when categories come and go with time: then the past mean says little.
///
/// Daniele Micci-Barreca, *A preprocessing scheme for high-cardinality categorical attributes in classification and prediction
/// problems*, 2001, equations 4 to 6; `Auto` as scikit-learn's `TargetEncoder`. Carl Morris, *Parametric empirical Bayes inference*, 1983, equation 1.19: James-Stein as
/// category_encoders has it, with the variance of values where that of their mean belongs, so that large categories are drawn as
/// far as small ones; and its rule that a column without repeats is all prior is left out.
/// **Instead**: [`OneHotEncoder`](crate::OneHotEncoder) for a few categories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct TargetEncoder {
    smoothing: Smoothing,
    cross_fit: CrossFit,
    target_as: Option<TargetAs>,
    unseen: UnseenTarget,
    missing: MissingTarget,
}

/// How far a category's mean is drawn to the mean over all rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// By the spread within the category and over all rows: empirical Bayes.
    #[default]
    Auto,
    /// As if so many rows of the mean over all were in each category (an m-estimate); 0 or more.
    M(f64),
    /// By the spread within the category, whatever its size: the James-Stein estimator. Nothing with three categories or fewer.
    JamesStein,
    /// By the number of rows alone, along a sigmoid.
    Sigmoid {
        /// The rows at which both means count the same.
        least: f64,
        /// How wide the change is, in rows; above 0.
        width: f64,
    },
}

impl TargetEncoder {
    /// An encoder with empirical Bayes smoothing and five folds.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far a category is drawn to the mean over all rows.
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// How training rows are encoded.
    pub fn cross_fit(mut self, cross_fit: CrossFit) -> Self {
        self.cross_fit = cross_fit;
        self
    }

    /// Whether the target is a number or a class.
    pub fn target_as(mut self, target_as: TargetAs) -> Self {
        self.target_as = Some(target_as);
        self
    }
}

impl TargetValue for TargetEncoder {
    const NAME: &'static str = "TargetEncoder";

    fn check(&self) -> Result<()> {
        self.cross_fit.check(Self::NAME)?;
        let invalid = |name, value: f64, expected: &str| {
            Err(Error::invalid_parameter(Self::NAME, name, value, expected))
        };
        match self.smoothing {
            Smoothing::M(m) if !(m.is_finite() && m >= 0.0) => invalid("m", m, "finite, 0 or more"),
            Smoothing::Sigmoid { least, .. } if !least.is_finite() => invalid("least", least, "finite"),
            Smoothing::Sigmoid { width, .. } if !(width.is_finite() && width > 0.0) => {
                invalid("width", width, "finite and above 0")
            }
            _ => Ok(()),
        }
    }

    fn options(&self) -> Options {
        Options { target_as: self.target_as, unseen: self.unseen, missing: self.missing, binary: false }
    }

    fn value(&self, own: &Spread, all: &Spread, n_categories: usize) -> f64 {
        let share = match self.smoothing {
            Smoothing::Auto => {
                let known = all.m2 / all.weight * own.weight;
                // Where nothing varies at all both means are one.
                if known > 0.0 { known / (known + own.m2 / own.weight) } else { 0.0 }
            }
            Smoothing::M(m) => own.weight / (own.weight + m),
            Smoothing::JamesStein => {
                let variance = |s: &Spread| if s.weight > 1.0 { s.m2 / (s.weight - 1.0) } else { 0.0 };
                let (within, k) = (variance(own), n_categories as f64);
                let noise = if within > 0.0 { within / (variance(all) + within) } else { 0.0 };
                if k > 1.0 { (1.0 - noise * (k - 3.0) / (k - 1.0)).clamp(0.0, 1.0) } else { 1.0 }
            }
            Smoothing::Sigmoid { least, width } => 1.0 / (1.0 + (-(own.weight - least) / width).exp()),
        };
        share * own.mean + (1.0 - share) * all.mean
    }
}

target_recipe!(TargetEncoder);

impl Fit for TargetEncoder {
    type Fitted = FittedTargetEncoder;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedTargetEncoder> {
        target_encoding::fit(self, &Rows::new(self, train)?)
    }
}

impl FitTransform for TargetEncoder {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedTargetEncoder, Dataset<Train>)> {
        target_encoding::fit_out_of_fold(self, &self.cross_fit, &train)
    }
}
