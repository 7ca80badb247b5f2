//! Places, bins and powers of numbers equal scikit-learn's, made by `testdata/gen/bins.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys_core::{Dataset, Fit, Train, Transform, column};
use mlsys_encoding::{
    BinBy, Binner, CapBy, Log, LogTransformer, MdlpBinner, Monotone, Norm, Normalizer, OutputDistribution,
    PowerMethod, PowerTransformer, QuantileRule, QuantileTransformer, Tails, Winsorizer, WoeBinner,
};
use mlsys_testkit::golden::load;
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    load(format!("{}/../../testdata/golden/{file}", env!("CARGO_MANIFEST_DIR")))
}

/// Null where a value is missing.
fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn array(x: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from_iter(x.iter().map(|x| (!x.is_nan()).then_some(*x))))
}

fn batch(x: &[f64]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", array(x), true)]).unwrap()
}

/// The rows of a case, weighted if it has weights.
fn train(case: &Value) -> Dataset<Train> {
    let x = numbers(&case["input"]["x"]);
    if case["input"]["weights"].is_null() {
        return Dataset::new(batch(&x)).unwrap().into_train_all();
    }
    let w: ArrayRef = Arc::new(Float64Array::from(numbers(&case["input"]["weights"])));
    let batch = RecordBatch::try_from_iter_with_nullable([("x", array(&x), true), ("w", w, false)]).unwrap();
    Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all()
}

fn found(batch: &RecordBatch) -> Vec<f64> {
    column::floats("x", &batch["x"]).unwrap().to_vec()
}

fn assert_equal(case: &Value, part: &str, found: &[f64], expected: &[f64]) {
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap());
    assert_eq!(found.len(), expected.len(), "{} {part}", case["name"]);
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close =
            found.is_nan() && expected.is_nan() || (found - expected).abs() <= atol + rtol * expected.abs();
        assert!(close, "{} {part}, row {row}: {found} {expected}", case["name"]);
    }
}

fn grid(low: f64, high: f64) -> Vec<f64> {
    (0..17).map(|i| low + (high - low) * f64::from(i) / 16.0).collect()
}

#[test]
fn quantile_transformer() {
    for case in &cases("quantile_transformer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["QuantileTransformer"]);
        for (part, expected) in items["QuantileTransformer"].as_object().unwrap() {
            let (recipe, what) = match part.split_once(' ').unwrap_or((part, "")) {
                ("uniform", what) => (QuantileTransformer::new(), what),
                ("normal", what) => (QuantileTransformer::new().output(OutputDistribution::Normal), what),
                ("five", what) => (QuantileTransformer::new().n_quantiles(5), what),
                other => panic!("{other:?} is not checked"),
            };
            let train = train(case);
            let fitted = recipe.fit(&train).unwrap();
            let output = match what {
                "" => fitted.transform(train.batch()).unwrap(),
                "new" => fitted.transform(&batch(&numbers(&case["input"]["new"]))).unwrap(),
                _ => {
                    let places = if part.starts_with("normal") { grid(-6.0, 6.0) } else { grid(0.0, 1.0) };
                    fitted.inverse_transform(&batch(&places)).unwrap()
                }
            };
            assert_equal(case, part, &found(&output), &numbers(expected));
        }
    }
}

#[test]
fn binner() {
    for case in &cases("bins.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["Binner"]);
        let bins = case["input"]["options"]["bins"].as_u64().unwrap() as usize;
        for (part, expected) in items["Binner"].as_object().unwrap() {
            let recipe = match part.as_str() {
                "EqualWidth" => Binner::new().by(BinBy::EqualWidth),
                "Averaged" => Binner::new(),
                "Linear" => Binner::new().quantile_rule(QuantileRule::Linear),
                "KMeans" => Binner::new().by(BinBy::KMeans),
                other => panic!("{other} is not checked"),
            };
            let train = train(case);
            let fitted = recipe.bins(bins).fit(&train).unwrap();
            assert_equal(case, part, fitted.edges("x").unwrap(), &numbers(&expected["edges"]));
            let codes = found(&fitted.transform(train.batch()).unwrap());
            assert_equal(case, part, &codes, &numbers(&expected["codes"]));
            let new = found(&fitted.transform(&batch(&numbers(&case["input"]["new"]))).unwrap());
            assert_equal(case, part, &new, &numbers(&expected["new"]));
            let codes: Vec<f64> = (0..fitted.bin_names("x").unwrap().len()).map(|code| code as f64).collect();
            let centres = found(&fitted.inverse_transform(&batch(&codes)).unwrap());
            assert_equal(case, part, &centres, &numbers(&expected["centres"]));
        }
    }
}

/// What one can count: scikit-learn issue #19433, where eight zeros, 1 and 2 are one bin.
#[test]
fn heavy_values_have_bins_of_their_own() {
    let edges = |x: &[f64], bins: usize| {
        let train = Dataset::new(batch(x)).unwrap().into_train_all();
        Binner::new().bins(bins).fit(&train).unwrap().edges("x").unwrap().to_vec()
    };
    let mut x = [0.0; 10];
    x[8..].copy_from_slice(&[1.0, 2.0]);
    assert_eq!(edges(&x, 3), [0.0, 1.0, 1.5, 2.0]);
    // Two bins are left for two values below a heavy one at the end, which closes its bin alone.
    assert_eq!(edges(&[1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], 3), [1.0, 1.5, 5.0, 5.0]);
    // Heavy in the middle; six rows around it share three bins, the longer run has two.
    let middle = [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert_eq!(edges(&middle, 4), [1.0, 3.0, 4.0, 5.5, 7.0]);
    // As many values as bins, a value and a constant.
    assert_eq!(edges(&[1.0, 1.0, 1.0, 2.0, 3.0], 3), [1.0, 2.0, 2.5, 3.0]);
    assert_eq!(edges(&[7.0, 7.0], 3), [7.0, 7.0]);
}

#[test]
fn winsorizer() {
    for case in &cases("winsorizer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["Winsorizer"]);
        for (part, expected) in items["Winsorizer"].as_object().unwrap() {
            let recipe = Winsorizer::new().by(match part.as_str() {
                "Quantiles" => CapBy::Quantiles(0.05),
                "Gaussian" => CapBy::Gaussian(1.5),
                "Iqr" => CapBy::Iqr(1.5),
                "Mad" => CapBy::Mad(3.5),
                other => panic!("{other} is not checked"),
            });
            let train = train(case);
            for (tails, name) in [(Tails::Both, "both"), (Tails::Low, "low"), (Tails::High, "high")] {
                let output = recipe.tails(tails).fit(&train).unwrap().transform(train.batch()).unwrap();
                assert_equal(case, &format!("{part} {name}"), &found(&output), &numbers(&expected[name]));
            }
        }
    }
}

#[test]
fn normalizer() {
    for case in &cases("normalizer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["Normalizer"]);
        let column = |rows: &Value, i: usize| -> Vec<f64> {
            rows.as_array().unwrap().iter().map(|row| numbers(row)[i]).collect()
        };
        let rows = &case["input"]["rows"];
        let width = rows[0].as_array().unwrap().len();
        let columns = (0..width).map(|i| (format!("x{i}"), array(&column(rows, i)), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let train = Dataset::new(batch).unwrap().into_train_all();
        for (part, expected) in items["Normalizer"].as_object().unwrap() {
            let norm = match part.as_str() {
                "l1" => Norm::L1,
                "l2" => Norm::L2,
                "max" => Norm::Max,
                other => panic!("{other} is not checked"),
            };
            let output = Normalizer::new().norm(norm).fit(&train).unwrap().transform(train.batch()).unwrap();
            for i in 0..width {
                let found = column::floats("x", output.column(i)).unwrap();
                assert_equal(case, part, &found, &column(expected, i));
            }
        }
    }
}

#[test]
fn log_transformer() {
    for case in &cases("log_transformer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["LogTransformer"]);
        let train = train(case);
        let parts = items["LogTransformer"].as_object().unwrap();
        for (part, expected) in parts {
            let log = match part.as_str() {
                "Signed" => Log::Signed,
                "OnePlus" => Log::OnePlus,
                other => panic!("{other} is not checked"),
            };
            let fitted = LogTransformer::new().log(log).fit(&train).unwrap();
            let output = fitted.transform(train.batch()).unwrap();
            assert_equal(case, part, &found(&output), &numbers(expected));
            let back = found(&fitted.inverse_transform(&output).unwrap());
            let x = found(train.batch());
            assert!(back.iter().zip(&x).all(|(back, x)| x.is_nan() || (back - x).abs() <= 1e-13 * x.abs()));
        }
        let refused = LogTransformer::new().fit(&train);
        assert_eq!(refused.is_err(), !parts.contains_key("OnePlus"), "{}", case["name"]);
    }
}

#[test]
fn power_transformer() {
    for case in &cases("power_transformer.json") {
        let items = case["expected"].as_object().unwrap();
        assert_eq!(items.keys().collect::<Vec<_>>(), ["PowerTransformer"]);
        for (part, expected) in items["PowerTransformer"].as_object().unwrap() {
            let method = match part.as_str() {
                "YeoJohnson" => PowerMethod::YeoJohnson,
                "BoxCox" => PowerMethod::BoxCox,
                other => panic!("{other} is not checked"),
            };
            let shift = expected["shift"].as_f64().unwrap();
            let mut shifted = case.clone();
            for x in shifted["input"]["x"].as_array_mut().unwrap() {
                *x = x.as_f64().map_or(Value::Null, |x| (x - shift).into());
            }
            let train = train(&shifted);
            let recipe = PowerTransformer::new().method(method);
            for (name, recipe) in [("plain", recipe.standardize(false)), ("standardized", recipe)] {
                let fitted = recipe.fit(&train).unwrap();
                let (lambda, what) = (fitted.lambda("x").unwrap(), format!("{part} {name}"));
                assert_equal(case, &what, &[lambda], &[expected["lambda"].as_f64().unwrap()]);
                let output = fitted.transform(train.batch()).unwrap();
                assert_equal(case, &what, &found(&output), &numbers(&expected[name]));
                let back = found(&fitted.inverse_transform(&output).unwrap());
                for (back, x) in back.iter().zip(found(train.batch())) {
                    assert!(
                        x.is_nan() || (back - x).abs() <= 1e-9 * (1.0 + x.abs()),
                        "{what}: {back} for {x}"
                    );
                }
            }
        }
    }
}

/// The rows of a case with one of its targets.
fn labelled(case: &Value, target: &str) -> Dataset<Train> {
    let input = &case["input"];
    let y: ArrayRef = Arc::new(Int64Array::from_iter_values(
        input[target].as_array().unwrap().iter().map(|y| y.as_i64().unwrap()),
    ));
    let mut columns = vec![("x", array(&numbers(&input["x"])), true), ("y", y, false)];
    if !input["weights"].is_null() {
        columns.push(("w", Arc::new(Float64Array::from(numbers(&input["weights"]))), false));
    }
    let weighted = columns.len() == 3;
    let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap())
        .unwrap()
        .target("y")
        .unwrap();
    if weighted { data.weight("w").unwrap().into_train_all() } else { data.into_train_all() }
}

#[test]
fn supervised_binners() {
    for case in &cases("supervised_bins.json") {
        for (item, expected) in case["expected"].as_object().unwrap() {
            for (part, expected) in expected.as_object().unwrap() {
                match item.as_str() {
                    "MdlpBinner" => {
                        let fitted = MdlpBinner::new().on(["x"]).fit(&labelled(case, part)).unwrap();
                        let edges = fitted.edges("x").unwrap();
                        assert_equal(case, part, edges, &numbers(expected));
                    }
                    "WoeBinner" => {
                        let (start, way) = part.split_once(' ').unwrap();
                        let monotone = if way == "rising" { Monotone::Rising } else { Monotone::Falling };
                        let recipe = WoeBinner::new().start(start.parse().unwrap());
                        let train = labelled(case, "two");
                        let fitted = recipe.monotone(monotone).fit(&train).unwrap();
                        assert_equal(case, part, fitted.edges("x").unwrap(), &numbers(&expected["edges"]));
                        let woe = fitted.weight_of_evidence("x").unwrap();
                        assert_equal(case, part, woe, &numbers(&expected["woe"]));
                        let of = |name: &str| expected[name].as_f64().unwrap();
                        let missing = fitted.missing_weight_of_evidence("x").unwrap();
                        assert_equal(case, part, &[missing], &[of("missing")]);
                        let value = fitted.information_value("x").unwrap();
                        assert_equal(case, part, &[value], &[of("value")]);
                        let auto = recipe.fit(&train).unwrap().information_value("x").unwrap();
                        assert!(auto >= value, "{} {part}", case["name"]);
                        let output = found(&fitted.transform(train.batch()).unwrap());
                        for (x, output) in found(train.batch()).iter().zip(output) {
                            assert!(if x.is_nan() { output == missing } else { woe.contains(&output) });
                        }
                    }
                    other => panic!("{other} is not checked"),
                }
            }
        }
    }
}
