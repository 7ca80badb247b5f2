//! The fitted logistic regression.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{Classes, Error, InputColumn, Predict, PredictProba, Probabilities, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::columns::{BLOCK, Values};
use super::objective::{add_block, sigmoid, softmax};
use super::solve::Solution;

/// What fitting a [`LogisticRegression`](super::LogisticRegression) returns.
///
/// The linear predictor of a row is summed feature by feature in the order of their names, so that it has the same
/// bits alone and in any batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLogisticRegression {
    classes: Classes,
    /// By name.
    inputs: Vec<InputColumn>,
    /// A row per input, a column per output.
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
    iterations: u64,
    converged: bool,
    objective: f64,
}

mlsys_core::artifact!(FittedLogisticRegression, "mlsys.LogisticRegression", 1);

impl FittedLogisticRegression {
    pub(super) fn new(classes: Classes, inputs: Vec<InputColumn>, solution: Solution) -> Self {
        Self {
            classes,
            inputs,
            coefficients: solution.coefficients,
            intercepts: solution.intercepts,
            iterations: solution.iterations as u64,
            converged: solution.converged,
            objective: solution.objective,
        }
    }

    /// The coefficients by feature: one for two classes (of the log-odds of the last), else one per class.
    pub fn coefficients(&self) -> BTreeMap<&str, &[f64]> {
        self.inputs.iter().map(InputColumn::name).zip(self.coefficients.iter().map(Vec::as_slice)).collect()
    }

    /// One intercept for two classes, else one per class; they sum to zero.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// Iterations that the solver took.
    pub fn iterations(&self) -> usize {
        self.iterations as usize
    }

    /// Whether the solver reached its tolerance. If not, the coefficients are its best so far: scale the columns,
    /// raise `max_iterations` or `l2`.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The minimum that was found: the weighted losses and the penalty.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    fn validate(&self) -> Result<()> {
        self.classes.validate()?;
        let outputs = match self.classes.n_classes() {
            1 => return Err(Error::shape("classes", "at least two", 1)),
            2 => 1,
            k => k,
        };
        if self.intercepts.len() != outputs {
            return Err(Error::shape("intercepts", outputs, self.intercepts.len()));
        }
        if self.coefficients.len() != self.inputs.len() {
            return Err(Error::shape(
                "coefficients",
                format!("{} features", self.inputs.len()),
                self.coefficients.len(),
            ));
        }
        if let Some(row) = self.coefficients.iter().find(|row| row.len() != outputs) {
            return Err(Error::shape("coefficients of a feature", outputs, row.len()));
        }
        match self.coefficients.iter().flatten().chain(&self.intercepts).find(|x| !x.is_finite()) {
            Some(x) => Err(Error::invalid_value("coefficients", None, x, "finite")),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.clone()
    }

    /// Writes the probabilities of block `index` of `n` rows.
    fn block(&self, columns: &[Values], index: usize, n: usize, out: &mut [f64]) {
        let (k, outputs) = (self.classes.n_classes(), self.intercepts.len());
        let rows = out.len() / k;
        let mut z = vec![0.0; rows * outputs];
        for (output, z) in z.chunks_exact_mut(rows).enumerate() {
            z.fill(self.intercepts[output]);
            for (x, coefficients) in columns.iter().zip(&self.coefficients) {
                add_block(z, x.block(index, n), 0.0, coefficients[output]);
            }
        }
        for (row, out) in out.chunks_exact_mut(k).enumerate() {
            if outputs == 1 {
                let p = sigmoid(z[row]);
                out.copy_from_slice(&[1.0 - p, p]);
            } else {
                out.iter_mut().enumerate().for_each(|(output, out)| *out = z[output * rows + row]);
                softmax(out);
            }
        }
    }
}

impl Predict for FittedLogisticRegression {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedLogisticRegression {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let read: Vec<_> =
            (self.inputs.par_iter()).map(|input| Values::read(input.name(), input.find(batch)?)).collect();
        let columns: Vec<_> = mlsys_core::first_error(read)?;
        let (n, k) = (batch.num_rows(), self.classes.n_classes());
        let mut values = vec![0.0; n * k];
        values
            .par_chunks_mut(BLOCK * k)
            .enumerate()
            .for_each(|(index, out)| self.block(&columns, index, n, out));
        let matrix = Array2::from_shape_vec((n, k), values).map_err(Error::external)?;
        Probabilities::new(matrix)
    }
}
