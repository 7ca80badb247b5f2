//! Tables of numbers and a class.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Artifact, Category, Classes, Dataset, DecisionFunction, Fit, Predict, PredictProba, Probabilities,
    Result, Train, column,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Columns `x0`, `x1`, .. and the class `y`.
pub fn train(rows: &[Vec<f64>], classes: &[i32]) -> Dataset<Train> {
    let width = rows.first().map_or(1, Vec::len);
    let mut columns: Vec<(String, ArrayRef)> = (0..width)
        .map(|c| {
            (format!("x{c}"), Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row[c]))) as _)
        })
        .collect();
    columns.push(("y".into(), Arc::new(Int32Array::from(classes.to_vec()))));
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
}

/// A classifier that has learnt already: column `p0` is the probability of class 0, and so on.
#[allow(dead_code)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given;

pub struct FittedGiven(Classes);

impl Artifact for FittedGiven {}

impl Fit for Given {
    type Fitted = FittedGiven;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedGiven> {
        Ok(FittedGiven(Classes::new(train.labels("Given")?.distinct)?))
    }
}

impl Predict for FittedGiven {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedGiven {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let column = |class: &Category| {
            let name = format!("p{class}");
            column::floats(&name, column::find(batch, &name)?)
        };
        let columns = self.0.values().iter().map(column).collect::<Result<Vec<_>>>()?;
        Probabilities::new(Array2::from_shape_fn((batch.num_rows(), columns.len()), |(row, c)| {
            columns[c][row]
        }))
    }
}

/// A machine that has learnt already: column `score` is its decision function; more than two classes have `score0`, `score1`, ..
#[allow(dead_code)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored;

pub struct FittedScored(Classes);

impl Artifact for FittedScored {}

impl Fit for Scored {
    type Fitted = FittedScored;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedScored> {
        Ok(FittedScored(Classes::new(train.labels("Scored")?.distinct)?))
    }
}

impl Predict for FittedScored {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self
            .0
            .take(self.decision_function(batch)?.rows().into_iter().map(|row| usize::from(row[0] > 0.0))))
    }
}

impl DecisionFunction for FittedScored {
    fn labels(&self) -> &Classes {
        &self.0
    }

    fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
        let names = match self.0.n_classes() {
            2 => vec!["score".to_owned()],
            n => (0..n).map(|class| format!("score{class}")).collect(),
        };
        let column = |name: &String| column::floats(name, column::find(batch, name)?);
        let columns = names.iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(Array2::from_shape_fn((batch.num_rows(), columns.len()), |(row, c)| columns[c][row]))
    }
}

/// The same rows with further columns, which are ignored.
#[allow(dead_code)]
pub fn with_columns(
    train: &Dataset<Train>,
    more: impl IntoIterator<Item = (String, Vec<f64>)>,
) -> Dataset<Train> {
    let batch = train.batch();
    let names = batch.schema_ref().fields().iter().map(|field| field.name().clone());
    let more =
        more.into_iter().map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef));
    let columns: Vec<(String, ArrayRef)> = names.zip(batch.columns().iter().cloned()).chain(more).collect();
    let new: Vec<String> = columns[batch.num_columns()..].iter().map(|(name, _)| name.clone()).collect();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().ignore(new).unwrap().into_train_all()
}

/// Squared distance over what both have, scaled up; `None` where they have nothing in common.
#[allow(dead_code)]
pub fn squared(a: &[f64], b: &[f64]) -> Option<f64> {
    let both: Vec<f64> =
        a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan()).map(|(a, b)| (a - b) * (a - b)).collect();
    (!both.is_empty()).then(|| both.iter().sum::<f64>() * a.len() as f64 / both.len() as f64)
}

/// The `k` nearest other rows, among all or some, ties by row.
#[allow(dead_code)]
pub fn near(rows: &[Vec<f64>], row: usize, k: usize, among: impl Fn(usize) -> bool) -> Vec<(f64, usize)> {
    let others = (0..rows.len()).filter(|&other| other != row && among(other));
    let mut found: Vec<(f64, usize)> =
        others.filter_map(|other| Some((squared(&rows[row], &rows[other])?, other))).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.truncate(k);
    found
}

/// The 20 rows of imbalanced-learn's `test_tomek_links.py`; class 0 is the smaller one.
#[allow(dead_code)]
pub fn twenty() -> Dataset<Train> {
    let x = [
        (0.31230513, 0.1216318),
        (0.68481731, 0.51935141),
        (1.34192108, -0.13367336),
        (0.62366841, -0.21312976),
        (1.61091956, -0.40283504),
        (-0.37162401, -2.19400981),
        (0.74680821, 1.63827342),
        (0.2184254, 0.24299982),
        (0.61472253, -0.82309052),
        (0.19893132, -0.47761769),
        (1.06514042, -0.0770537),
        (0.97407872, 0.44454207),
        (1.40301027, -0.83648734),
        (-1.20515198, -1.02689695),
        (-0.27410027, -0.54194484),
        (0.8381014, 0.44085498),
        (-0.23374509, 0.18370049),
        (-0.32635887, -0.29299653),
        (-0.00288378, 0.84259929),
        (1.79580611, -0.02219234),
    ];
    let y = [1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0];
    train(&x.map(|(a, b)| vec![a, b]), &y)
}

/// Rows on a small grid, so that many are equally near or equal, and their classes.
#[allow(dead_code)]
pub fn grid() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<i32>)> {
    prop::collection::vec((prop::collection::vec(0u8..5, 2), 0..3i32), 8..40).prop_map(|rows| {
        rows.into_iter().map(|(x, y)| (x.into_iter().map(f64::from).collect::<Vec<f64>>(), y)).unzip()
    })
}
