//! A tree of one split, by Gini's impurity: what ensembles are made of. As scikit-learn's `DecisionTreeClassifier(max_depth=1)`.
#![allow(dead_code)]

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Classes, Dataset, Error, Fit, InputColumn, Predict, PredictProba, Probabilities, Result, Train, column,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stump;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedStump {
    pub classes: Classes,
    pub inputs: Vec<InputColumn>,
    /// The column, and up to where it is left.
    pub split: Option<(usize, f64)>,
    pub left: Vec<f64>,
    pub right: Vec<f64>,
}

impl FittedStump {
    fn validate(&self) -> Result<()> {
        let k = self.classes.n_classes();
        let there = self.split.is_none_or(|(column, _)| column < self.inputs.len());
        if there && [self.left.len(), self.right.len()] == [k, k] {
            return Ok(());
        }
        Err(Error::artifact("has a split of no column"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.clone()
    }
}

mlsys_core::artifact!(FittedStump, "test.Stump", 1);

/// Σ − Σₖ wₖ² / Σ of a side.
fn impurity(side: &[f64]) -> f64 {
    let all: f64 = side.iter().sum();
    if all > 0.0 { all - side.iter().map(|w| w * w).sum::<f64>() / all } else { 0.0 }
}

fn shares(side: &[f64]) -> Vec<f64> {
    let all: f64 = side.iter().sum();
    side.iter().map(|w| if all > 0.0 { w / all } else { 1.0 / side.len() as f64 }).collect()
}

/// The best split of columns; weights are those of the rows.
pub fn split(
    columns: &[Vec<f64>],
    truth: &[usize],
    weights: &[f64],
    k: usize,
) -> (Option<(usize, f64)>, Vec<f64>, Vec<f64>) {
    let mut all = vec![0.0; k];
    truth.iter().zip(weights).for_each(|(&class, w)| all[class] += w);
    let mut best = (impurity(&all), None, all.clone(), all.clone());
    // Of splits that differ by rounding the first.
    let slack = 1e-9 * best.0;
    for (column, x) in columns.iter().enumerate() {
        let mut order: Vec<usize> = (0..x.len()).filter(|&row| weights[row] > 0.0).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        let mut left = vec![0.0; k];
        for pair in order.windows(2) {
            left[truth[pair[0]]] += weights[pair[0]];
            let (low, high) = (x[pair[0]], x[pair[1]]);
            if low == high {
                continue;
            }
            let right: Vec<f64> = all.iter().zip(&left).map(|(all, left)| (all - left).max(0.0)).collect();
            let now = impurity(&left) + impurity(&right);
            if now < best.0 - slack {
                let middle = low / 2.0 + high / 2.0;
                let at = if middle < high { middle } else { low };
                best = (now, Some((column, at)), left.clone(), right);
            }
        }
    }
    (best.1, shares(&best.2), shares(&best.3))
}

impl Fit for Stump {
    type Fitted = FittedStump;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedStump> {
        let labels = train.labels("Stump")?;
        let weights = train.weights()?.map_or(vec![1.0; labels.len()], |w| w.to_vec());
        let layout = train.layout();
        let mut names: Vec<&str> = layout
            .features()
            .into_iter()
            .filter(|name| layout.kind(name).is_ok_and(|kind| kind.is_numeric()))
            .collect();
        names.sort_unstable();
        let inputs = InputColumn::all(layout, &names)?;
        let columns = names
            .iter()
            .map(|name| Ok(column::finite(name, train.column(name)?)?.to_vec()))
            .collect::<Result<Vec<_>>>()?;
        let truth: Vec<usize> = labels.codes.iter().map(|&code| code as usize).collect();
        let classes = Classes::new(labels.distinct.clone())?;
        let (split, left, right) = split(&columns, &truth, &weights, classes.n_classes());
        Ok(FittedStump { classes, inputs, split, left, right })
    }
}

impl Predict for FittedStump {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedStump {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let columns = self
            .inputs
            .iter()
            .map(|input| Ok(column::finite(input.name(), input.find(batch)?)?.to_vec()))
            .collect::<Result<Vec<_>>>()?;
        let mut p = Array2::zeros((batch.num_rows(), self.classes.n_classes()));
        for (row, mut p) in p.rows_mut().into_iter().enumerate() {
            let left = self.split.is_none_or(|(column, at)| columns[column][row] <= at);
            let side = if left { &self.left } else { &self.right };
            p.iter_mut().zip(side).for_each(|(p, share)| *p = *share);
        }
        Probabilities::new(p)
    }
}
