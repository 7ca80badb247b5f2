//! The prediction that needs no features.

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Classes, Dataset, Error, Fit, InputColumn, Predict, PredictProba, Probabilities, Result, Train,
};
use serde::{Deserialize, Serialize};

/// Always the most frequent class, with the class shares as probabilities: what any classifier must beat.
///
/// p(c) = weight of the training rows of class c / weight of all.
///
/// **Input**: a target of categories, none missing; the weight column counts; features are not looked at and need not
/// be there. One class alone is allowed. Classes of rows without weight keep the probability zero.
/// **Output**: [`FittedZeroRule`]; of equally frequent classes it predicts the first. **Cost**: one pass over the
/// target. **Errors**: no target, missing labels, no rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, PredictProba, arrow::array::{BooleanArray, RecordBatch}};
/// use mlsys_models::ZeroRule;
///
/// let late = BooleanArray::from(vec![true, false, false, false]);
/// let batch = RecordBatch::try_from_iter([("late", Arc::new(late) as _)])?;
/// let model = ZeroRule::new().fit(&Dataset::new(batch.clone())?.target("late")?.into_train_all())?;
/// assert_eq!(model.predict_proba(&batch)?.positive(), [0.25; 4]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when accuracy is the only metric: with 99% of one class it is right 99% of the time. The same as
/// scikit-learn's `DummyClassifier(strategy="prior")`. **Instead**: [`ZeroRuleRegressor`] for a number as target;
/// [`RandomGuess`](crate::RandomGuess) for guesses that vary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ZeroRule {}

impl ZeroRule {
    /// It has no parameters.
    pub fn new() -> Self {
        Self {}
    }
}

/// The classes of a target and the share of each in the weight of the rows.
pub(crate) fn class_shares(train: &Dataset<Train>, needed_by: &str) -> Result<(Classes, Vec<f64>)> {
    let coded = train.labels(needed_by)?;
    let weights = train.weights()?;
    let mut shares = vec![0.0; coded.distinct.len()];
    for (row, &code) in coded.codes.iter().enumerate() {
        shares[code as usize] += weights.as_ref().map_or(1.0, |w| w[row]);
    }
    let total: f64 = shares.iter().sum();
    if !total.is_finite() {
        let name = train.layout().weight().unwrap_or("weights");
        return Err(Error::invalid_value(name, None, "a sum that overflows", "weights with a finite sum"));
    }
    shares.iter_mut().for_each(|share| *share /= total);
    Ok((Classes::new(coded.distinct)?, shares))
}

/// Checks shares that were loaded.
pub(crate) fn validate_shares(classes: &Classes, shares: &[f64]) -> Result<()> {
    classes.validate()?;
    if shares.len() != classes.n_classes() {
        return Err(Error::shape("class shares", classes.n_classes(), shares.len()));
    }
    let row = Array2::from_shape_vec((1, shares.len()), shares.to_vec()).map_err(Error::external)?;
    Probabilities::new(row).map(drop)
}

impl Fit for ZeroRule {
    type Fitted = FittedZeroRule;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedZeroRule> {
        let (classes, shares) = class_shares(train, "ZeroRule")?;
        Ok(FittedZeroRule { classes, shares })
    }
}

/// What fitting a [`ZeroRule`] returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedZeroRule {
    classes: Classes,
    shares: Vec<f64>,
}

mlsys_core::artifact!(FittedZeroRule, "mlsys.ZeroRule", 1);

impl FittedZeroRule {
    /// The share of each class in the weight of the training rows.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    fn validate(&self) -> Result<()> {
        validate_shares(&self.classes, &self.shares)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

impl Predict for FittedZeroRule {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedZeroRule {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let shape = (batch.num_rows(), self.shares.len());
        Probabilities::new(Array2::from_shape_fn(shape, |(_, class)| self.shares[class]))
    }
}

/// Always the mean of the target: what any regression must beat.
///
/// Σ wᵢyᵢ / Σ wᵢ over the training rows.
///
/// **Input**: a numeric target, finite and not missing; the weight column counts; features are not looked at.
/// **Output**: [`FittedZeroRuleRegressor`], a Float64 per row. **Cost**: one pass over the target. **Errors**: no
/// target, one that is not numeric, missing or infinite values, no rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_models::ZeroRuleRegressor;
///
/// let delay = Float64Array::from(vec![2.0, -1.0, 5.0]);
/// let batch = RecordBatch::try_from_iter([("delay", Arc::new(delay) as _)])?;
/// let model = ZeroRuleRegressor::new().fit(&Dataset::new(batch)?.target("delay")?.into_train_all())?;
/// assert_eq!(model.value(), 2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for skewed targets, where few rows move the mean. The same as scikit-learn's
/// `DummyRegressor(strategy="mean")`. **Instead**: [`ZeroRule`] for classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ZeroRuleRegressor {}

impl ZeroRuleRegressor {
    /// It has no parameters.
    pub fn new() -> Self {
        Self {}
    }
}

impl Fit for ZeroRuleRegressor {
    type Fitted = FittedZeroRuleRegressor;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedZeroRuleRegressor> {
        let y = train.target_values("ZeroRuleRegressor")?;
        let weights = train.weights()?;
        let weight = |row: usize| weights.as_ref().map_or(1.0, |w| w[row]);
        let total: f64 = (0..y.len()).map(weight).sum();
        // About the first value, so that a large offset keeps its digits.
        let mean =
            y[0] + y.iter().enumerate().map(|(row, y0)| (y0 - y[0]) * (weight(row) / total)).sum::<f64>();
        let fitted = FittedZeroRuleRegressor { value: mean };
        fitted.validate().map(|()| fitted)
    }
}

/// What fitting a [`ZeroRuleRegressor`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FittedZeroRuleRegressor {
    value: f64,
}

mlsys_core::artifact!(FittedZeroRuleRegressor, "mlsys.ZeroRuleRegressor", 1);

impl FittedZeroRuleRegressor {
    /// The mean of the target.
    pub fn value(&self) -> f64 {
        self.value
    }

    fn validate(&self) -> Result<()> {
        if self.value.is_finite() {
            return Ok(());
        }
        Err(Error::invalid_value("mean of the target", None, self.value, "finite"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

impl Predict for FittedZeroRuleRegressor {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(std::sync::Arc::new(Float64Array::from(vec![self.value; batch.num_rows()])))
    }
}
