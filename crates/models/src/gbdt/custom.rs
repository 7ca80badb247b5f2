//! Boosted trees by another loss than the recipe has.

use mlsys_core::{
    Dataset, Fit, FitValidated, Metric, Objective, Progress, Result, Train, Validation, ValueLoss, silent,
};
use serde::{Deserialize, Serialize};

use super::fit::Job;
use super::{FittedGbdt, Gbdt};
use crate::trees::{Classification, Regression};

/// A [`Gbdt`] of classes that minimises another loss. Made by [`Gbdt::by`].
///
/// Everything else is as there. The loss is told how much the rows of each class count, before class weights. Of its Hessian the diagonal
/// counts, and nothing where that is negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct GbdtObjective<O> {
    recipe: Gbdt<Classification>,
    objective: O,
}

impl Gbdt<Classification> {
    /// Minimises another loss of the scores.
    pub fn by<O: Objective>(self, objective: O) -> GbdtObjective<O> {
        GbdtObjective { recipe: self, objective }
    }
}

impl<O: Objective> Fit for GbdtObjective<O> {
    type Fitted = FittedGbdt;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedGbdt> {
        let job = Job { train, validation: None, metrics: &[], from: None, progress: &mut silent };
        self.recipe.fit_classes(job, None, Some(&self.objective))
    }
}

impl<O: Objective> FitValidated for GbdtObjective<O> {
    fn fit_validated(&self, train: &Dataset<Train>, validation: &Dataset<Validation>) -> Result<FittedGbdt> {
        self.fit_watched(train, validation, &[], &mut silent)
    }
}

impl<O: Objective> GbdtObjective<O> {
    /// As [`Gbdt::fit_watched`].
    ///
    /// # Errors
    ///
    /// As there, and the objective's own.
    pub fn fit_watched(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
        metrics: &[&dyn Metric],
        progress: &mut dyn Progress,
    ) -> Result<FittedGbdt> {
        let job = Job { train, validation: Some(validation), metrics, from: None, progress };
        self.recipe.fit_classes(job, None, Some(&self.objective))
    }
}

/// A [`Gbdt`] of numbers that minimises another loss. Made by [`Gbdt::by`].
///
/// Everything else is as there; it predicts the scores themselves. A negative second derivative counts as 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct GbdtLoss<L> {
    recipe: Gbdt<Regression>,
    loss: L,
}

impl Gbdt<Regression> {
    /// Minimises another loss of the score; the objective of the recipe does not count.
    pub fn by<L: ValueLoss>(self, loss: L) -> GbdtLoss<L> {
        GbdtLoss { recipe: self, loss }
    }
}

impl<L: ValueLoss> Fit for GbdtLoss<L> {
    type Fitted = FittedGbdt<Regression>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        let job = Job { train, validation: None, metrics: &[], from: None, progress: &mut silent };
        self.recipe.fit_numbers(job, None, Some(&self.loss))
    }
}

impl<L: ValueLoss> FitValidated for GbdtLoss<L> {
    fn fit_validated(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
    ) -> Result<Self::Fitted> {
        self.fit_watched(train, validation, &[], &mut silent)
    }
}

impl<L: ValueLoss> GbdtLoss<L> {
    /// As [`Gbdt::fit_watched`].
    ///
    /// # Errors
    ///
    /// As there; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) where the loss starts from a score that is not finite.
    pub fn fit_watched(
        &self,
        train: &Dataset<Train>,
        validation: &Dataset<Validation>,
        metrics: &[&dyn Metric],
        progress: &mut dyn Progress,
    ) -> Result<FittedGbdt<Regression>> {
        let job = Job { train, validation: Some(validation), metrics, from: None, progress };
        self.recipe.fit_numbers(job, None, Some(&self.loss))
    }
}
