//! Fitted forests.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::ndarray::Axis;
use mlsys_core::{Classes, Error, InputColumn, Predict, PredictProba, Probabilities, Result};
use serde::{Deserialize, Serialize};

use crate::trees::{Classification, Combine, Regression, Scorer, Task, TreeEnsemble};

/// What fitting a [`RandomForest`](crate::RandomForest) or [`ExtraTrees`](crate::ExtraTrees) returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct FittedForest<T: Task = Classification> {
    ensemble: TreeEnsemble,
    output: T::Output,
}

mlsys_core::artifact!(FittedForest<Classification>, "mlsys.Forest", 1);
mlsys_core::artifact!(FittedForest<Regression>, "mlsys.ForestRegressor", 1);

impl<T: Task> FittedForest<T> {
    pub(super) fn new(ensemble: TreeEnsemble, output: T::Output) -> Self {
        Self { ensemble, output }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.ensemble.input_columns()
    }

    /// The trees.
    pub fn ensemble(&self) -> &TreeEnsemble {
        &self.ensemble
    }

    /// What predicts one row at a time, without allocating.
    pub fn scorer(&self) -> Scorer {
        Scorer::new(&self.ensemble)
    }

    fn is_mean_of(&self, outputs: usize) -> Result<()> {
        self.ensemble.validate()?;
        let found = self.ensemble.n_outputs();
        if found != outputs || self.ensemble.combine() != Combine::Mean {
            return Err(Error::artifact(format!("{found} outputs where a forest has {outputs}")));
        }
        Ok(())
    }
}

impl FittedForest<Classification> {
    fn validate(&self) -> Result<()> {
        self.is_mean_of(self.output.n_classes())?;
        let shares = |leaf: &[f64]| {
            leaf.iter().all(|x| (0.0..=1.0).contains(x)) && (leaf.iter().sum::<f64>() - 1.0).abs() < 1e-9
        };
        let k = self.output.n_classes();
        for (place, tree) in self.ensemble.trees().iter().enumerate() {
            if tree.width() != k || !(0..tree.n_leaves()).all(|leaf| shares(tree.values(leaf))) {
                return Err(Error::artifact(format!(
                    "leaves of tree {place} that are no shares of {k} classes"
                )));
            }
        }
        Ok(())
    }
}

impl FittedForest<Regression> {
    fn validate(&self) -> Result<()> {
        self.is_mean_of(1)
    }
}

impl Predict for FittedForest<Classification> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.output.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedForest<Classification> {
    fn classes(&self) -> &Classes {
        &self.output
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let mut shares = self.ensemble.outputs(batch)?;
        // Rounding is shared out.
        for mut row in shares.axis_iter_mut(Axis(0)) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        Probabilities::new(shares)
    }
}

impl Predict for FittedForest<Regression> {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(self.ensemble.outputs(batch)?)))
    }
}
