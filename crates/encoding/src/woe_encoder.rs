//! Categories as the weight of the evidence that they give for a class.

use mlsys_core::{Batches, Dataset, Error, Fit, FitTransform, Layout, Result, Train};
use mlsys_stats::{Spread, TargetByCategory, TargetByCategorySummary};
use serde::{Deserialize, Serialize};

use crate::cross_fit::CrossFit;
use crate::target_encoding::{self, Options, Rows, TargetValue, target_recipe};
use crate::{FittedTargetEncoder, MissingTarget, UnseenTarget};

/// Replaces a category by its weight of evidence for the last of two classes.
///
/// ```text
/// x = ln[ (P_c + r) / (P + 2r) ] − ln[ (N_c + r) / (N + 2r) ]        P, N: the weight of the classes;  P_c, N_c: in the category
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `regularization` | 1 | above 0 | r, in rows |
/// | `min_rows` | 1 | 1 or more | a category of fewer rows gives no evidence: 0; one of weight 2 is two |
/// | `cross_fit` | 5 folds by row id | see [`CrossFit`] | how training rows are encoded |
/// | `unseen` | `Prior` | | what becomes of a value that was not there when fitting: 0, no evidence |
/// | `missing` | `Category` | | what becomes of missing values |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times; a target of two classes
/// without missing values. Weights are used. **Output**: Float64 in place of the column, in natural logarithms, above 0
/// where the last class is more frequent than over all. What the next step sees of the training rows is made out of fold,
/// as by [`TargetEncoder`](crate::TargetEncoder).
///
/// **Errors**: as [`TargetEncoder`](crate::TargetEncoder), and
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a target of more than two classes.
///
/// One pass, mergeable; state about 60 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{BooleanArray, RecordBatch, StringArray}};
/// use mlsys_encoding::WoeEncoder;
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("dest", Arc::new(StringArray::from(vec!["a", "a", "a", "b", "b", "b"])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![true, true, false, true, false, false])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("late")?.into_train_all();
/// let encoder = WoeEncoder::new().fit(&train)?;
/// assert!((encoder.value("dest", &"a".into()).unwrap()[0] - 1.5f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with many rare categories, as every encoding by the target; what one row says is ln 2 at most for `r` = 1.
///
/// I. J. Good, *Probability and the weighing of evidence*, 1950; regularised as category_encoders' `WOEEncoder`, which has `min_rows` of 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct WoeEncoder {
    regularization: f64,
    min_rows: u64,
    cross_fit: CrossFit,
    unseen: UnseenTarget,
    missing: MissingTarget,
}

impl Default for WoeEncoder {
    fn default() -> Self {
        Self {
            regularization: 1.0,
            min_rows: 1,
            cross_fit: CrossFit::default(),
            unseen: UnseenTarget::default(),
            missing: MissingTarget::default(),
        }
    }
}

impl WoeEncoder {
    /// An encoder that adds a row of each class to every category.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows of each class are added to a category.
    pub fn regularization(mut self, rows: f64) -> Self {
        self.regularization = rows;
        self
    }

    /// How many rows a category needs to give evidence.
    pub fn min_rows(mut self, rows: u64) -> Self {
        self.min_rows = rows;
        self
    }

    /// How training rows are encoded.
    pub fn cross_fit(mut self, cross_fit: CrossFit) -> Self {
        self.cross_fit = cross_fit;
        self
    }
}

impl TargetValue for WoeEncoder {
    const NAME: &'static str = "WoeEncoder";

    fn check(&self) -> Result<()> {
        self.cross_fit.check(Self::NAME)?;
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter(Self::NAME, name, value, expected))
        };
        if !(self.regularization.is_finite() && self.regularization > 0.0) {
            return invalid("regularization", self.regularization.to_string(), "finite and above 0");
        }
        if self.min_rows == 0 {
            return invalid("min_rows", "0".into(), "1 or more");
        }
        Ok(())
    }

    fn options(&self) -> Options {
        Options { target_as: None, unseen: self.unseen, missing: self.missing, binary: true }
    }

    fn value(&self, own: &Spread, all: &Spread, _: usize) -> f64 {
        if target_encoding::fewer_than(own, self.min_rows) {
            return 0.0;
        }
        let r = self.regularization;
        let (positive, negative) = (own.weight * own.mean, own.weight * (1.0 - own.mean));
        let (of_positive, of_negative) = (all.weight * all.mean, all.weight * (1.0 - all.mean));
        ((positive + r) / (of_positive + 2.0 * r)).ln() - ((negative + r) / (of_negative + 2.0 * r)).ln()
    }

    fn prior(&self, _: &Spread) -> f64 {
        0.0
    }
}

target_recipe!(WoeEncoder);

impl Fit for WoeEncoder {
    type Fitted = FittedTargetEncoder;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedTargetEncoder> {
        target_encoding::fit(self, &Rows::new(self, train)?)
    }
}

impl FitTransform for WoeEncoder {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedTargetEncoder, Dataset<Train>)> {
        target_encoding::fit_out_of_fold(self, &self.cross_fit, &train)
    }
}
