//! Tables of numbers and a class.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use mlsys_core::{Dataset, Train};

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

/// Squared distance over what both have, scaled up; `None` where they have nothing in common.
#[allow(dead_code)]
pub fn squared(a: &[f64], b: &[f64]) -> Option<f64> {
    let both: Vec<f64> =
        a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan()).map(|(a, b)| (a - b) * (a - b)).collect();
    (!both.is_empty()).then(|| both.iter().sum::<f64>() * a.len() as f64 / both.len() as f64)
}
