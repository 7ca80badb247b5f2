//! The same model by another loss.

use mlsys_core::{Dataset, Fit, Objective, Result, Train};
use serde::{Deserialize, Serialize};

use super::{FittedLogisticRegression, LogisticRegression};

/// A [`LogisticRegression`] that minimises another loss. Made by [`LogisticRegression::objective`].
///
/// Everything else is as there: penalty, weights, columns, solver. The loss is told how much the rows of each class count, before
/// class weights. A loss that is not convex, such as the focal one, may have several minima; the one near the start is found.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{ClassLoss, Dataset, Fit, Objective, Result, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_models::LogisticRegression;
///
/// /// `½ (z − y)²` with y of 0 and 1: least squares.
/// #[derive(Clone)]
/// struct Squares;
///
/// impl ClassLoss for Squares {
///     fn n_classes(&self) -> usize { 2 }
///     fn gradient(&self, class: usize, z: &[f64], by: &mut [f64]) -> f64 {
///         by[0] = z[0] - class as f64;
///         0.5 * by[0] * by[0]
///     }
///     fn hessian(&self, _: usize, _: &[f64], by: &mut [f64]) { by[0] = 1.0; }
///     fn initial(&self) -> Vec<f64> { vec![0.5] }
/// }
///
/// impl Objective for Squares {
///     fn name(&self) -> &str { "Squares" }
///     fn of_classes(&self, _: &[f64]) -> Result<Box<dyn ClassLoss>> { Ok(Box::new(Squares)) }
/// }
///
/// let x = [0.0, 0.0, 1.0, 1.0];
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from(x.to_vec())) as _),
///     ("y", Arc::new(BooleanArray::from(vec![false, true, true, true])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("y")?.into_train_all();
/// let model = LogisticRegression::new().l2(0.0).objective(Squares).fit(&train)?;
/// // The line through the means, 1/2 and 1.
/// assert!((model.intercepts()[0] - 0.5).abs() < 1e-8 && (model.coefficients()["x"][0] - 0.5).abs() < 1e-8);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct LinearObjective<O> {
    recipe: LogisticRegression,
    objective: O,
}

impl LogisticRegression {
    /// Minimises another loss of the scores.
    pub fn objective<O: Objective>(self, objective: O) -> LinearObjective<O> {
        LinearObjective { recipe: self, objective }
    }
}

impl<O: Objective> Fit for LinearObjective<O> {
    type Fitted = FittedLogisticRegression;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedLogisticRegression> {
        self.recipe.fit_loss(train, Some(&self.objective))
    }
}
