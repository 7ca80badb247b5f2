//! Scaled and encoded values equal scikit-learn's, made by `testdata/gen/preprocessing.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::{Category, Dataset, Fit, Train, Transform, column};
use mlsys_encoding::{
    Center, FittedScaler, MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, Scale,
    StandardScaler, Unseen, UnseenCode,
};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    load(format!("{}/../../testdata/golden/{file}", env!("CARGO_MANIFEST_DIR")))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Null where a value is missing.
fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

/// The rows of a case, weighted if it has weights.
fn train(x: ArrayRef, case: &Value) -> Dataset<Train> {
    let weights = &case["input"]["weights"];
    if weights.is_null() {
        let batch = RecordBatch::try_from_iter_with_nullable([("x", x, true)]).unwrap();
        return Dataset::new(batch).unwrap().into_train_all();
    }
    let w: ArrayRef = Arc::new(Float64Array::from(numbers(weights)));
    let batch = RecordBatch::try_from_iter_with_nullable([("x", x, true), ("w", w, false)]).unwrap();
    Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all()
}

#[test]
fn standard_scaler() {
    for case in &cases("standard_scaler.json") {
        for (item, expected) in case["expected"].as_object().unwrap() {
            assert_eq!(item, "StandardScaler");
            let x = numbers(&case["input"]["x"]);
            let with_nulls = x.iter().map(|x| (!x.is_nan()).then_some(*x));
            scale_and_compare(case, expected, Arc::new(Float64Array::from_iter(with_nulls)));
            scale_and_compare(case, expected, Arc::new(Float64Array::from(x)));
        }
    }
}

fn scale_and_compare(case: &Value, expected: &Value, x: ArrayRef) {
    let (name, rtol) = (case["name"].as_str().unwrap(), case["rtol"].as_f64().unwrap());
    let atol = case["atol"].as_f64().unwrap();
    let train = train(x, case);
    let recipe = StandardScaler::new();
    let fitted = recipe.fit(&train).unwrap();
    assert_close(name, fitted.mean("x").unwrap(), expected["mean"].as_f64().unwrap(), rtol);
    assert_close(name, fitted.scale("x").unwrap(), expected["scale"].as_f64().unwrap(), rtol);
    for (part, recipe) in [
        ("output", recipe),
        ("uncentered", recipe.center(Center::Zero)),
        ("unscaled", recipe.scale(Scale::One)),
    ] {
        // The exact case at an offset has the whole scaling only.
        let Some(expected) = expected.get(part) else { continue };
        let output = recipe.fit(&train).unwrap().transform(train.batch()).unwrap();
        let found = column::floats("x", &output["x"]).unwrap();
        assert_eq!(found.len(), list(expected).len(), "{name}");
        for (&found, expected) in found.iter().zip(numbers(expected)) {
            let close = found.is_nan() && expected.is_nan()
                || (found - expected).abs() <= atol + rtol * expected.abs();
            assert!(close, "{name}, {part}: {found} {expected}");
        }
    }
    let output = fitted.transform(train.batch()).unwrap();
    let back = column::floats("x", &fitted.inverse_transform(&output).unwrap()["x"]).unwrap();
    let x = column::floats("x", &train.batch()["x"]).unwrap();
    back.iter().zip(x.iter()).for_each(|(&back, &x)| assert_close(name, back, x, rtol));
}

fn compare<F: Fit<Fitted = FittedScaler>>(
    name: &str,
    recipe: F,
    case: &Value,
    expected: &Value,
) -> FittedScaler {
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap());
    let x = numbers(&case["input"]["x"]);
    let train = train(Arc::new(Float64Array::from_iter(x.iter().map(|x| (!x.is_nan()).then_some(*x)))), case);
    let fitted = recipe.fit(&train).unwrap();
    let output = fitted.transform(train.batch()).unwrap();
    let found = column::floats("x", &output["x"]).unwrap();
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let close =
            found.is_nan() && expected.is_nan() || (found - expected).abs() <= atol + rtol * expected.abs();
        assert!(close, "{} {name}: {found} {expected}", case["name"]);
    }
    let back = column::floats("x", &fitted.inverse_transform(&output).unwrap()["x"]).unwrap();
    for (back, x) in back.iter().zip(&x) {
        // What was taken away comes back with its rounding.
        let close = back.is_nan() && x.is_nan() || (back - x).abs() <= rtol * (1.0 + x.abs());
        assert!(close, "{} {name}: {back} for {x}", case["name"]);
    }
    fitted
}

#[test]
fn scalers_of_ranges_and_quantiles() {
    for case in &cases("scalers.json") {
        for (item, expected) in case["expected"].as_object().unwrap() {
            for (part, expected) in expected.as_object().unwrap().iter().filter(|(_, part)| part.is_array()) {
                let of = |name: &str| expected_number(case, item, name);
                match (item.as_str(), part.as_str()) {
                    ("MinMaxScaler", "output") => drop(compare(part, MinMaxScaler::new(), case, expected)),
                    ("MinMaxScaler", "between -1 and 2") => {
                        drop(compare(part, MinMaxScaler::new().range(-1.0, 2.0), case, expected));
                        let clipped = MinMaxScaler::new().range(-1.0, 2.0).clip(true);
                        // Rows of weight zero may lie outside.
                        if numbers(expected).iter().all(|x| x.is_nan() || (-1.0..=2.0).contains(x)) {
                            drop(compare(part, clipped, case, expected));
                        }
                    }
                    ("MaxAbsScaler", "output") => {
                        let fitted = compare(part, MaxAbsScaler::new(), case, expected);
                        assert_eq!(fitted.scale("x"), Some(of("scale")));
                    }
                    ("RobustScaler", "output") => {
                        let fitted = compare(part, RobustScaler::new(), case, expected);
                        assert_close(part, fitted.scale("x").unwrap(), of("scale"), 1e-10);
                        assert_close(part, fitted.center("x").unwrap(), of("center"), 1e-10);
                    }
                    ("RobustScaler", "wide") => {
                        drop(compare(part, RobustScaler::new().between(0.05, 0.95), case, expected));
                    }
                    ("RobustScaler", "uncentered") => {
                        drop(compare(part, RobustScaler::new().center(false), case, expected));
                    }
                    ("RobustScaler", "unscaled") => {
                        drop(compare(part, RobustScaler::new().scale(false), case, expected));
                    }
                    (item, part) => panic!("{item} {part} is not checked"),
                }
            }
        }
    }
}

fn expected_number(case: &Value, item: &str, name: &str) -> f64 {
    case["expected"][item][name].as_f64().unwrap()
}

fn categories(x: &Value) -> ArrayRef {
    match list(x).iter().all(Value::is_number) {
        true => Arc::new(Int64Array::from_iter(list(x).iter().map(Value::as_i64))),
        false => Arc::new(StringArray::from_iter(list(x).iter().map(Value::as_str))),
    }
}

fn unseen(case: &Value) -> RecordBatch {
    let column = categories(&case["input"]["unseen"]);
    RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap()
}

#[test]
fn encoders() {
    for case in &cases("encoders.json") {
        for (item, expected) in case["expected"].as_object().unwrap() {
            match item.as_str() {
                "OrdinalEncoder" => ordinal(case, expected),
                "OneHotEncoder" => one_hot(case, expected),
                other => panic!("nothing checks {other}"),
            }
        }
    }
}

/// Unseen values are -2 here as there; missing ones, null in mlsys, are -1 in the file.
fn ordinal(case: &Value, expected: &Value) {
    let train = train(categories(&case["input"]["x"]), case);
    let fitted = OrdinalEncoder::new().unseen(UnseenCode::Code(-2)).on(["x"]).fit(&train).unwrap();
    let codes = |batch: &RecordBatch| -> Vec<f64> {
        let output = fitted.transform(batch).unwrap();
        let codes = column::floats("x", &output["x"]).unwrap();
        codes.iter().map(|&x| if x.is_nan() { -1.0 } else { x }).collect()
    };
    assert_eq!(codes(train.batch()), numbers(&expected["output"]), "{}", case["name"]);
    assert_eq!(codes(&unseen(case)), numbers(&expected["unseen"]), "{}", case["name"]);
    let known: Vec<String> = fitted.categories("x").unwrap().iter().map(Category::to_string).collect();
    let expected = list(&expected["categories"]).iter();
    let expected: Vec<String> =
        expected.map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned)).collect();
    assert_eq!(known, expected, "{}", case["name"]);
}

/// scikit-learn's name of an output column in mlsys.
fn renamed(name: &str) -> String {
    match name {
        "x_None" => "x=<missing>".into(),
        "x_infrequent_sklearn" => "x=<infrequent>".into(),
        other => other.replacen("x_", "x=", 1),
    }
}

fn one_hot(case: &Value, expected: &Value) {
    let train = train(categories(&case["input"]["x"]), case);
    let options = &case["input"]["options"];
    let mut encoder = match &options["min_frequency"] {
        Value::Null => OneHotEncoder::new(),
        count if count.is_u64() => OneHotEncoder::new().min_frequency(count.as_u64().unwrap()),
        share => OneHotEncoder::new().min_frequency(share.as_f64().unwrap()),
    };
    if let Some(max) = options["max_categories"].as_u64() {
        encoder = encoder.max_categories(max as usize);
    }
    for (mode, name) in [(Unseen::Infrequent, "infrequent_if_exist"), (Unseen::Ignore, "ignore")] {
        let fitted = encoder.clone().unseen(mode).on(["x"]).fit(&train).unwrap();
        let (rows, new) =
            (fitted.transform(train.batch()).unwrap(), fitted.transform(&unseen(case)).unwrap());
        let names = list(&expected["names"]);
        assert_eq!(new.num_columns(), names.len(), "{}", case["name"]);
        for (i, column) in names.iter().enumerate() {
            let column = renamed(column.as_str().unwrap());
            let read = |batch: &RecordBatch| {
                let found = column::find(batch, &column).unwrap_or_else(|e| panic!("{}: {e}", case["name"]));
                column::floats(&column, found).unwrap().to_vec()
            };
            let what = format!("{}: {column}, unseen {name}", case["name"]);
            let seen: Vec<f64> = list(&expected[name]["output"]).iter().map(|row| numbers(row)[i]).collect();
            assert_eq!(read(&rows), seen, "{what}");
            assert_eq!(read(&new), [numbers(&expected[name]["unseen"])[i]], "{what}");
        }
    }
}

/// What scikit-learn does not have: weights that are not whole, and missing values as zeros.
#[test]
fn by_hand() {
    let x: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("b"), None, Some("c")]));
    let w: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 0.25, 0.5, 0.5, 0.0]));
    let batch = RecordBatch::try_from_iter([("x", x), ("w", w)]).unwrap();
    let train = Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all();
    let names = |encoder: OneHotEncoder| {
        let fitted = encoder.unseen(Unseen::Ignore).fit(&train).unwrap();
        let rows = fitted.transform(train.batch()).unwrap();
        let sum = |name: &String| column::floats(name, &rows[name.as_str()]).unwrap().iter().sum::<f64>();
        let names = fitted.output_names("x").unwrap();
        names.iter().map(|name| (name.clone(), sum(name))).collect::<Vec<_>>()
    };
    let expect = |pairs: &[(&str, f64)]| pairs.iter().map(|&(n, s)| (n.to_owned(), s)).collect::<Vec<_>>();
    use mlsys_encoding::MissingAs::Zeros;
    // The weights are 1.5 of a, 0.75 of b, 0.5 missing; c is in no row that counts. They add up to 2.75.
    assert_eq!(names(OneHotEncoder::new()), expect(&[("x=a", 1.0), ("x=b", 2.0), ("x=<missing>", 1.0)]));
    assert_eq!(names(OneHotEncoder::new().missing(Zeros)), expect(&[("x=a", 1.0), ("x=b", 2.0)]));
    // A quarter of 2.75 is 0.6875, above the weight of the missing values only; three tenths, 0.825, are above b's too.
    let with_share = |share: f64| names(OneHotEncoder::new().min_frequency(share));
    assert_eq!(with_share(0.25), expect(&[("x=a", 1.0), ("x=b", 2.0), ("x=<infrequent>", 1.0)]));
    assert_eq!(with_share(0.3), expect(&[("x=a", 1.0), ("x=<infrequent>", 3.0)]));
}
