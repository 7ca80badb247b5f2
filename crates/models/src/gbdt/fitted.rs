//! Fitted boosted trees.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::ndarray::{Array2, Axis};
use mlsys_core::{Classes, Error, InputColumn, Predict, PredictProba, Prediction, Probabilities, Result};
use serde::{Deserialize, Serialize};

use super::history::TrainingHistory;
use crate::trees::{Classification, Link, Ranking, Regression, Scorer, Task, TreeEnsemble};

/// What fitting a [`Gbdt`](crate::Gbdt) returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct FittedGbdt<T: Task = Classification> {
    ensemble: TreeEnsemble,
    output: T::Output,
    history: TrainingHistory,
}

mlsys_core::artifact!(FittedGbdt<Classification>, "mlsys.Gbdt", 1);
mlsys_core::artifact!(FittedGbdt<Regression>, "mlsys.GbdtRegressor", 1);
mlsys_core::artifact!(FittedGbdt<Ranking>, "mlsys.GbdtRanker", 1);

impl<T: Task> FittedGbdt<T> {
    pub(super) fn new(ensemble: TreeEnsemble, output: T::Output, history: TrainingHistory) -> Self {
        Self { ensemble, output, history }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.ensemble.input_columns()
    }

    /// The trees.
    pub fn ensemble(&self) -> &TreeEnsemble {
        &self.ensemble
    }

    pub(super) fn output(&self) -> &T::Output {
        &self.output
    }

    /// What validation rows said after each iteration; empty without them.
    pub fn history(&self) -> &TrainingHistory {
        &self.history
    }

    /// What predicts one row at a time, without allocating.
    pub fn scorer(&self) -> Scorer {
        Scorer::new(&self.ensemble)
    }

    /// The raw scores of each row: log-odds of the last class of two, or one per class; of numbers and rankings one.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn margins(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        self.ensemble.outputs(batch)
    }

    /// The raw scores of each row after each of so many iterations.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn staged_margins(&self, batch: &RecordBatch, iterations: &[usize]) -> Result<Vec<Array2<f64>>> {
        let k = self.ensemble.n_outputs();
        let of = |&n: &usize| self.ensemble.first_trees(n.saturating_mul(k)).outputs(batch);
        iterations.iter().map(of).collect()
    }

    /// The leaf of each row in each tree.
    ///
    /// # Errors
    ///
    /// As [`Predict::predict`].
    pub fn leaves(&self, batch: &RecordBatch) -> Result<Array2<u32>> {
        self.ensemble.leaves(batch)
    }
}

fn one_output(ensemble: &TreeEnsemble) -> Result<()> {
    ensemble.validate()?;
    match ensemble.n_outputs() {
        1 => Ok(()),
        k => Err(Error::artifact(format!("{k} outputs where there is one"))),
    }
}

/// The probabilities of the classes from raw scores: logistic of one, softmax of several.
pub(super) fn probabilities(scores: &Array2<f64>) -> Result<Probabilities> {
    if scores.ncols() == 1 {
        let positive: Vec<f64> = scores.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        return Probabilities::binary(&positive);
    }
    let mut p = scores.clone();
    for mut row in p.axis_iter_mut(Axis(0)) {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|x| *x = (*x - most).exp());
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    Probabilities::new(p)
}

/// Numbers from raw scores.
pub(super) fn numbers(scores: impl IntoIterator<Item = f64>, link: Link) -> ArrayRef {
    let value = |z: f64| match link {
        Link::Identity => z,
        Link::Log => z.exp(),
    };
    Arc::new(Float64Array::from_iter_values(scores.into_iter().map(value)))
}

impl FittedGbdt<Classification> {
    fn validate(&self) -> Result<()> {
        self.ensemble.validate()?;
        let (outputs, classes) = (self.ensemble.n_outputs(), self.output.n_classes());
        if outputs == classes && classes > 2 || outputs == 1 && classes == 2 {
            return Ok(());
        }
        Err(Error::artifact(format!("{outputs} outputs for {classes} classes")))
    }

    pub(super) fn prediction(classes: &Classes, scores: Array2<f64>) -> Result<Prediction> {
        Prediction::from_probabilities(classes.clone(), probabilities(&scores)?)
    }
}

impl FittedGbdt<Regression> {
    fn validate(&self) -> Result<()> {
        one_output(&self.ensemble)
    }
}

impl FittedGbdt<Ranking> {
    fn validate(&self) -> Result<()> {
        one_output(&self.ensemble)
    }
}

impl Predict for FittedGbdt<Classification> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.output.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedGbdt<Classification> {
    fn classes(&self) -> &Classes {
        &self.output
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        probabilities(&self.margins(batch)?)
    }
}

impl Predict for FittedGbdt<Regression> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(numbers(self.margins(batch)?, self.output))
    }
}

impl Predict for FittedGbdt<Ranking> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(numbers(self.margins(batch)?, Link::Identity))
    }
}
