//! Fitted values and outputs equal scikit-learn's `SimpleImputer`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Dataset, Fit, Train, Transform, column};
use mlsys_missing_values::{FittedImputer, MeanImputer, MedianImputer, MostFrequentImputer};
use mlsys_testkit::golden::{assert_close, load};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    strategy: String,
    #[serde(default)]
    x: Vec<Option<f64>>,
    value: Option<f64>,
    #[serde(default)]
    output: Vec<f64>,
    #[serde(default)]
    words: Vec<Option<String>>,
    word: Option<String>,
    rtol: f64,
}

fn fit(strategy: &str, train: &Dataset<Train>) -> FittedImputer {
    match strategy {
        "mean" => MeanImputer::new().fit(train),
        "median" => MedianImputer::new().fit(train),
        _ => MostFrequentImputer::new().fit(train),
    }
    .unwrap()
}

#[test]
fn simple_imputers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/imputers.json");
    for case in load::<Case>(path) {
        let column: ArrayRef = match case.words.is_empty() {
            true => Arc::new(Float64Array::from(case.x)),
            false => Arc::new(StringArray::from(case.words)),
        };
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let fitted = fit(&case.strategy, &Dataset::new(batch.clone()).unwrap().into_train_all());
        let value = fitted.value("x").unwrap();
        if let Some(word) = case.word {
            assert_eq!(value.to_string(), word, "{}", case.name);
            continue;
        }
        assert_close(&case.name, value.as_f64().unwrap(), case.value.unwrap(), case.rtol);
        let output = fitted.transform(&batch).unwrap();
        let output = column::floats("x", output.column(0)).unwrap();
        assert_eq!(output.len(), case.output.len());
        output
            .iter()
            .zip(&case.output)
            .for_each(|(&found, &x)| assert_close(&case.name, found, x, case.rtol));
    }
}
