//! What is kept of a target by category equals pandas' group means and sums of squares.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Dataset, statistic::summarize};
use mlsys_stats::{TargetAs, TargetByCategory};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

#[test]
fn group_means_and_squares() {
    let path = format!("{}/../../testdata/golden/target_encoders.json", env!("CARGO_MANIFEST_DIR"));
    let cases =
        load::<Value>(path).into_iter().filter(|case| case["expected"].get("TargetByCategory").is_some());
    for case in cases {
        let (input, name) = (&case["input"], case["name"].as_str().unwrap());
        let numbers =
            |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        let x = input["x"].as_array().unwrap().iter().map(Value::as_str);
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("x", Arc::new(StringArray::from_iter(x))),
            ("y", Arc::new(Float64Array::from(numbers(&input["y"])))),
        ];
        if input["weights"].is_array() {
            columns.push(("w", Arc::new(Float64Array::from(numbers(&input["weights"])))));
        }
        let weight = (columns.len() == 3).then_some("w");
        let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        let statistic = TargetByCategory::new(["x"], "y").weight(weight);
        let found = summarize(&statistic, &data).unwrap();
        let expected: Vec<Vec<f64>> =
            case["expected"]["TargetByCategory"].as_array().unwrap().iter().map(numbers).collect();
        let groups = &found.columns[0].1;
        assert_eq!(groups.len(), expected.len(), "{name}");
        for ((_, spreads), expected) in groups.iter().zip(&expected) {
            assert_close(name, spreads[0].weight, expected[0], 1e-12);
            assert_close(name, spreads[0].mean, expected[1], 1e-10);
            assert_close(name, spreads[0].m2, expected[2], 1e-10);
        }
        // A number of two values is as good as two classes.
        if name.starts_with("binary") {
            let classes = summarize(&statistic.target_as(TargetAs::Classes), &data).unwrap();
            for ((_, spreads), (_, of_classes)) in groups.iter().zip(&classes.columns[0].1) {
                assert_close(name, of_classes[1].mean, spreads[0].mean, 1e-12);
                assert_close(name, of_classes[1].m2, spreads[0].m2, 1e-12);
                assert_close(name, of_classes[0].mean, 1.0 - spreads[0].mean, 1e-12);
            }
        }
    }
}
