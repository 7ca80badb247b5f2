//! scikit-learn's numbers, made by `testdata/gen/models.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Category, Dataset, Fit, Predict, PredictProba, Train};
use mlsys_models::{ClassWeights, Intercept, LogisticRegression, ZeroRule, ZeroRuleRegressor};
use serde_json::Value;

const ITEMS: [&str; 3] = ["LogisticRegression", "ZeroRule", "ZeroRuleRegressor"];

/// The cases of an item.
fn golden(item: &str) -> Vec<Value> {
    let all: Vec<Value> = mlsys_testkit::golden::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/golden/models.json"
    ));
    for name in all.iter().flat_map(|case| case["expected"].as_object().unwrap().keys()) {
        assert!(ITEMS.contains(&name.as_str()), "nothing checks {name}");
    }
    all.into_iter().filter(|case| !case["expected"][item].is_null()).collect()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn close(found: f64, expected: f64, atol: f64, what: &str) {
    assert!((found - expected).abs() <= atol, "{what}: {found} instead of {expected}");
}

/// The column `s` of sparse rows, if the case has one.
fn sparse_column(input: &Value) -> Option<(Field, ArrayRef)> {
    let integers = |key: &str| input[key].as_array().unwrap().iter().map(|x| x.as_u64().unwrap());
    let width = input["width"].as_u64()? as usize;
    let (offsets, indices) = (integers("offsets").map(|x| x as i32), integers("indices").map(|x| x as u32));
    let rows =
        SparseRows::new(width, offsets.collect(), indices.collect(), floats(&input["values"])).unwrap();
    Some((rows.field("s"), rows.to_array().unwrap()))
}

fn train(mut columns: Vec<(Field, ArrayRef)>, y: ArrayRef, weights: &Value) -> Dataset<Train> {
    columns.push((Field::new("y", y.data_type().clone(), false), y));
    if !weights.is_null() {
        columns
            .push((Field::new("w", DataType::Float64, false), Arc::new(Float64Array::from(floats(weights)))));
    }
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut data = Dataset::new(batch).unwrap().target("y").unwrap();
    if !weights.is_null() {
        data = data.weight("w").unwrap();
    }
    data.into_train_all()
}

#[test]
fn logistic_regression() {
    for case in golden("LogisticRegression") {
        let name = case["name"].as_str().unwrap();
        let input = &case["input"];
        let mut columns: Vec<(Field, ArrayRef)> = (input["x"].as_array().unwrap().iter().enumerate())
            .map(|(j, x)| (format!("x{j}"), Arc::new(Float64Array::from(floats(x))) as ArrayRef))
            .map(|(name, x)| (Field::new(name, DataType::Float64, false), x))
            .collect();
        let n_dense = columns.len();
        columns.extend(sparse_column(&input["sparse"]));
        let y: Vec<i64> = floats(&input["y"]).iter().map(|&y| y as i64).collect();
        let train = train(columns, Arc::new(Int64Array::from(y)), &input["weights"]);
        let class_weights = match &input["class_weight"] {
            Value::Null => ClassWeights::Uniform,
            Value::String(_) => ClassWeights::Balanced,
            pairs => ClassWeights::explicit(
                pairs.as_array().unwrap().iter().map(|p| (p[0].as_i64().unwrap(), p[1].as_f64().unwrap())),
            ),
        };
        let recipe = LogisticRegression::new()
            .l2(input["l2"].as_f64().unwrap())
            .intercept(if input["intercept"] == true { Intercept::Free } else { Intercept::Zero })
            .class_weights(class_weights);
        let model = recipe.fit(&train).unwrap();
        assert!(model.converged(), "{name}");
        assert!(model.iterations() < 100, "{name}: {} iterations", model.iterations());

        let expected = &case["expected"]["LogisticRegression"];
        let (atol, atol_probability) =
            (case["atol"].as_f64().unwrap(), case["atol_probability"].as_f64().unwrap());
        let (coefficients, places) = (model.coefficients(), model.sparse_coefficients());
        let coefficient = |j: usize, k: usize| match j.checked_sub(n_dense) {
            None => coefficients[format!("x{j}").as_str()][k],
            Some(place) => places["s"].of(place as u32).map_or(0.0, |own| own[k]),
        };
        for (solver, atol) in
            [("coefficients", atol), ("newton_coefficients", case["atol_newton"].as_f64().unwrap())]
        {
            for (k, row) in expected[solver].as_array().unwrap().iter().enumerate() {
                for (j, expected) in floats(row).into_iter().enumerate() {
                    close(coefficient(j, k), expected, atol, &format!("{name}: {solver} of x{j}, {k}"));
                }
            }
        }
        for (k, expected) in floats(&expected["intercepts"]).into_iter().enumerate() {
            close(model.intercepts()[k], expected, atol, &format!("{name}: intercept {k}"));
        }
        let probabilities = model.predict_proba(train.batch()).unwrap();
        for (row, expected) in expected["probabilities"].as_array().unwrap().iter().enumerate() {
            for (k, expected) in floats(expected).into_iter().enumerate() {
                close(
                    probabilities.view()[[row, k]],
                    expected,
                    atol_probability,
                    &format!("{name}: row {row}"),
                );
            }
        }
        let labels: Vec<Option<i64>> = floats(&expected["labels"]).iter().map(|&y| Some(y as i64)).collect();
        assert_eq!(
            model.predict(train.batch()).unwrap().as_ref(),
            &Int64Array::from(labels) as &dyn Array,
            "{name}"
        );
    }
}

fn category(value: &Value) -> Category {
    value.as_str().map_or_else(|| value.as_i64().unwrap().into(), Category::from)
}

#[test]
fn zero_rule() {
    for case in golden("ZeroRule") {
        let (name, expected) = (case["name"].as_str().unwrap(), &case["expected"]["ZeroRule"]);
        let y = case["input"]["y"].as_array().unwrap();
        let labels: ArrayRef = if y[0].is_string() {
            Arc::new(StringArray::from_iter_values(y.iter().map(|y| y.as_str().unwrap())))
        } else {
            Arc::new(Int64Array::from_iter_values(y.iter().map(|y| y.as_i64().unwrap())))
        };
        let train = train(Vec::new(), labels, &case["input"]["weights"]);
        let model = ZeroRule::new().fit(&train).unwrap();
        let classes: Vec<Category> = expected["classes"].as_array().unwrap().iter().map(category).collect();
        assert_eq!(model.classes().values(), classes, "{name}");
        let rtol = case["rtol"].as_f64().unwrap();
        let probabilities = model.predict_proba(train.batch()).unwrap();
        for (k, expected) in floats(&expected["probabilities"]).into_iter().enumerate() {
            close(probabilities.view()[[0, k]], expected, rtol * expected, name);
        }
        let label = classes.iter().position(|c| *c == category(&expected["label"])).unwrap();
        assert_eq!(
            &model.predict(&train.batch().slice(0, 1)).unwrap(),
            &model.classes().take([label]),
            "{name}"
        );
    }
}

#[test]
fn zero_rule_regressor() {
    for case in golden("ZeroRuleRegressor") {
        let y = Arc::new(Float64Array::from(floats(&case["input"]["y"])));
        let train = train(Vec::new(), y, &case["input"]["weights"]);
        let expected = case["expected"]["ZeroRuleRegressor"]["value"].as_f64().unwrap();
        let model = ZeroRuleRegressor::new().fit(&train).unwrap();
        close(
            model.value(),
            expected,
            case["rtol"].as_f64().unwrap() * expected,
            case["name"].as_str().unwrap(),
        );
    }
}
