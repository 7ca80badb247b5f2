//! The flights example's figures are scikit-learn's.
#![cfg(all(
    feature = "models",
    feature = "eval",
    feature = "sampling",
    feature = "encoding",
    feature = "missing-values"
))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{Int32Array, RecordBatch};
use mlsys::arrow::compute::{filter_record_batch, is_not_null, kernels::cmp::gt};
use mlsys::arrow::datatypes::{DataType, Field, Schema};
use mlsys::eval::{AveragePrecision, Brier, LogLoss, RocAuc};
use mlsys::models::LogisticRegression;
use mlsys::prelude::*;
use mlsys::sampling::TimeSplit;
use serde_json::Value;

fn root(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_scores_as_the_same_steps_in_scikit_learn() {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(root("testdata/golden/flights.json")).unwrap())
            .unwrap();
    let golden = &golden[0];
    let flights = read::read_parquet(root("examples/data/flights_weather.parquet")).unwrap();
    let late = gt(&flights["arr_delay"], &Int32Array::new_scalar(15)).unwrap();
    let arrived = is_not_null(&late).unwrap();
    let mut fields = flights.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("late", DataType::Boolean, true)));
    let mut columns = flights.columns().to_vec();
    columns.push(Arc::new(late));
    let labelled = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let data = Dataset::new(filter_record_batch(&labelled, &arrived).unwrap()).unwrap();
    let data = data.target("late").unwrap().time("time_hour").unwrap();
    let left_out =
        ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "flight", "tailnum", "time_hour"];
    let data = data.ignore(left_out).unwrap();
    let (train, test) = TimeSplit::at("2013-10-01T00:00 America/New_York").split(data).unwrap();
    assert_eq!((train.n_rows() as u64, test.n_rows() as u64), (244_737, 82_609));
    assert_eq!(golden["train_rows"], train.n_rows() as u64);

    let recipe = MedianImputer::new()
        .indicators(Indicators::WhereMissing)
        .then(StandardScaler::new())
        .then(OneHotEncoder::new().min_frequency(100).unseen(Unseen::Infrequent))
        .then(LogisticRegression::new());
    let model = recipe.fit(&train).unwrap();
    assert!(model.second().converged());
    assert_eq!(model.second().coefficients().len() as u64, golden["columns"].as_u64().unwrap());
    let prediction = Prediction::proba_of(&model, test.batch()).unwrap();
    let atol = golden["atol"].as_f64().unwrap();
    let close = |name: &str, found: f64| {
        let expected = golden[name].as_f64().unwrap();
        assert!((found - expected).abs() < atol, "{name}: {found}, scikit-learn {expected}");
    };
    close("roc_auc", RocAuc::new().score_on(&test, &prediction).unwrap().value);
    close("average_precision", AveragePrecision::new().score_on(&test, &prediction).unwrap().value);
    close("log_loss", LogLoss::new().score_on(&test, &prediction).unwrap().value);
    close("brier", Brier::new().score_on(&test, &prediction).unwrap().value);

    let bytes = artifact::to_bytes(&model).unwrap();
    let loaded = artifact::load_model(&bytes, &mlsys::registry()).unwrap();
    let bits = |p: &Probabilities| p.view().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let expected = bits(&model.predict_proba(test.batch()).unwrap());
    assert_eq!(bits(&loaded.predict_proba(test.batch()).unwrap()), expected);
}
