//! Products, splines, calendars, cycles and rare groups equal their references, made by `testdata/gen/expansions.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{Dataset, ErrorKind, Fit, Result, Train, Transform, column};
use mlsys_encoding::{
    Beyond, CalendarEncoder, CalendarPart, CyclicalEncoder, Knots, Period, PolynomialFeatures,
    PositionEncoder, RareGrouper, Since, Source, SplineTransformer, Terms, TimeSince, TimeUnit, UnseenGroup,
};
use mlsys_testkit::golden::load;
use proptest::prelude::*;
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Missing ones are null.
fn array(value: &Value) -> ArrayRef {
    Arc::new(Float64Array::from_iter(list(value).iter().map(Value::as_f64)))
}

fn train(columns: Vec<(&str, ArrayRef)>, weights: &Value) -> Dataset<Train> {
    let weighted = weights.is_array();
    let weights = weighted.then(|| ("w", array(weights)));
    let columns = columns.into_iter().chain(weights).map(|(name, array)| (name, array, true));
    let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
    if weighted { data.weight("w").unwrap() } else { data }.into_train_all()
}

fn compare(what: &str, case: &Value, found: &ArrayRef, expected: &[Value]) {
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap_or(0.0));
    let found = column::floats(what, found).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = match expected.as_f64() {
            None => found.is_nan(),
            Some(expected) => (found - expected).abs() <= atol + rtol * expected.abs(),
        };
        assert!(close, "{} {what}, row {row}: {found}, expected {expected}", case["name"]);
    }
}

fn products(part: &str, case: &Value, expected: &Value) {
    let names = ["a", "b", "c"];
    let columns = names.into_iter().zip(list(&case["input"]["columns"]).iter().map(array)).collect();
    let train = train(columns, &Value::Null);
    let recipe = match part {
        "degree 2" => PolynomialFeatures::new(),
        "degree 3" => PolynomialFeatures::new().degree(3),
        "interactions" => PolynomialFeatures::new().degree(3).terms(Terms::Interactions),
        part => panic!("{part} is not checked"),
    };
    let fitted = recipe.fit(&train).unwrap();
    let out = fitted.transform(train.batch()).unwrap();
    let names = fitted.output_names();
    assert_eq!(names.len(), list(expected).len(), "{part}");
    for (name, expected) in names.iter().zip(list(expected)) {
        compare(&format!("{part} {name}"), case, &out[name.as_str()], list(expected));
        assert!(!fitted.sources(name).is_empty());
    }
}

fn splines(part: &str, case: &Value, expected: &Value) {
    let train = train(vec![("x", array(&case["input"]["x"]))], &case["input"]["weights"]);
    let recipe = SplineTransformer::new();
    let recipe = match part {
        "default" => recipe,
        "3 knots, degree 2" => recipe.knots(3).degree(2),
        "lines" => recipe.knots(4).degree(1),
        "periodic" => recipe.knots(6).beyond(Beyond::Periodic),
        "at quantiles" => recipe.knots(4).at(Knots::Quantile),
        "at quantiles, periodic" => recipe.degree(2).at(Knots::Quantile).beyond(Beyond::Periodic),
        part => panic!("{part} is not checked"),
    };
    let fitted = recipe.fit(&train).unwrap();
    let rows = RecordBatch::try_from_iter([("x", array(&case["input"]["beyond"]))]).unwrap();
    let out = fitted.transform(&rows).unwrap();
    assert_eq!(out.schema(), fitted.output_schema(rows.schema_ref()).unwrap());
    for (i, name) in fitted.output_names("x").unwrap().iter().enumerate() {
        assert_eq!(fitted.source(name), Some("x"));
        let expected: Vec<Value> = list(expected).iter().map(|row| row[i].clone()).collect();
        compare(&format!("{part} {name}"), case, &out[name.as_str()], &expected);
    }
    assert_eq!(out.num_columns(), list(&expected[0]).len());
}

fn times(case: &Value) -> RecordBatch {
    let seconds = list(&case["input"]["seconds"]).iter().map(|s| s.as_i64().map(|s| s * 1_000));
    let at = TimestampMillisecondArray::from_iter(seconds);
    let at = match case["input"]["zone"].as_str() {
        Some(zone) => at.with_timezone(zone),
        None => at,
    };
    RecordBatch::try_from_iter_with_nullable([("at", Arc::new(at) as ArrayRef, true)]).unwrap()
}

fn since(case: &Value, parts: &Value) {
    let at = times(case).column(0).clone();
    let mut from = case.clone();
    from["input"]["seconds"] = case["input"]["from"].clone();
    let batch = RecordBatch::try_from_iter([("at", at), ("from", times(&from).column(0).clone())]).unwrap();
    let train = Dataset::new(batch).unwrap().into_train_all();
    for (part, expected) in parts.as_object().unwrap() {
        let recipe = TimeSince::new(Since::Column("from".into()));
        let recipe = match part.as_str() {
            "days" => recipe,
            "hours" => recipe.unit(TimeUnit::Hours),
            "seconds" => recipe.unit(TimeUnit::Seconds),
            "an instant" => TimeSince::new(Since::Instant(1_356_998_400_000_000_000)),
            part => panic!("{part} is not checked"),
        };
        let fitted = recipe.fit(&train).unwrap();
        let out = fitted.transform(train.batch()).unwrap();
        compare(part, case, &out["at:since"], list(expected));
        assert_eq!(fitted.source("at:since"), Some("at"));
        assert_eq!(out.schema().index_of("from").is_ok(), part != "an instant", "what is counted from stays");
    }
}

fn calendar(case: &Value, item: &str, parts: &Value) {
    use CalendarPart::*;
    let batch = times(case);
    let train = Dataset::new(batch.clone()).unwrap().into_train_all();
    if item == "CyclicalEncoder" {
        for (part, expected) in parts.as_object().unwrap() {
            let period = match part.as_str() {
                "day" => Period::Day,
                "week" => Period::Week,
                "month" => Period::Month,
                "year" => Period::Year,
                part => panic!("{part} is not checked"),
            };
            let out = CyclicalEncoder::new(period).fit(&train).unwrap().transform(&batch).unwrap();
            compare(&format!("{part} sin"), case, &out["at:sin"], list(&expected[0]));
            compare(&format!("{part} cos"), case, &out["at:cos"], list(&expected[1]));
        }
        return;
    }
    let every = [Year, Quarter, Month, Week, Day, DayOfWeek, DayOfYear, Hour, Minute, Second, IsWeekend];
    let fitted = CalendarEncoder::new().parts(every).source(Source::Keep).fit(&train).unwrap();
    let out = fitted.transform(&batch).unwrap();
    assert_eq!(out.num_columns(), 1 + parts.as_object().unwrap().len());
    for (part, expected) in parts.as_object().unwrap() {
        compare(part, case, &out[format!("at:{part}").as_str()], list(expected));
        assert_eq!(fitted.source(&format!("at:{part}")), Some("at"));
    }
}

fn rare(part: &str, case: &Value, expected: &Value) {
    let words = |value: &Value| StringArray::from_iter(list(value).iter().map(Value::as_str));
    let train = train(vec![("x", Arc::new(words(&case["input"]["x"])))], &case["input"]["weights"]);
    let recipe = RareGrouper::new();
    let recipe = match part {
        "2" => recipe.min_frequency(2),
        "4" => recipe.min_frequency(4),
        "at most 3" => recipe.min_frequency(1).max_categories(3),
        part => panic!("{part} is not checked"),
    };
    let out = recipe.fit(&train).unwrap().transform(train.batch()).unwrap();
    assert_eq!(out["x"].as_string::<i32>(), &words(expected), "{} {part}", case["name"]);
}

fn places(part: &str, case: &Value, expected: &Value) {
    let train = train(vec![("x", array(&case["input"]["x"]))], &Value::Null);
    let recipe = PositionEncoder::new();
    let recipe = match part {
        "4" => recipe.dimensions(4),
        "16" => recipe,
        "6 of base 50" => recipe.dimensions(6).base(50.0),
        part => panic!("{part} is not checked"),
    };
    let fitted = recipe.fit(&train).unwrap();
    let out = fitted.transform(train.batch()).unwrap();
    for (i, column) in out.columns().iter().enumerate() {
        let expected: Vec<Value> = list(expected).iter().map(|row| row[i].clone()).collect();
        compare(part, case, column, &expected);
        assert_eq!(fitted.source(&format!("x#{i}")), Some("x"));
    }
    assert_eq!(out.num_columns(), list(&expected[0]).len());
}

#[test]
fn reference_numbers() {
    let path = format!("{}/../../testdata/golden/expansions.json", env!("CARGO_MANIFEST_DIR"));
    for case in &load::<Value>(path) {
        for (item, parts) in case["expected"].as_object().unwrap() {
            if item == "TimeSince" {
                since(case, parts);
                continue;
            }
            if item.starts_with('C') {
                calendar(case, item, parts);
                continue;
            }
            for (part, expected) in parts.as_object().unwrap() {
                match item.as_str() {
                    "PolynomialFeatures" => products(part, case, expected),
                    "SplineTransformer" => splines(part, case, expected),
                    "RareGrouper" => rare(part, case, expected),
                    "PositionEncoder" => places(part, case, expected),
                    item => panic!("{item} is not checked"),
                }
            }
        }
    }
}

#[test]
fn by_hand_and_at_the_edges() -> Result<()> {
    // The rows of 0 to 5 under three knots of degree 2.
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..6).map(f64::from)));
    let train = Dataset::new(RecordBatch::try_from_iter([("x", x)])?)?.into_train_all();
    let out = SplineTransformer::new().knots(3).degree(2).fit(&train)?.transform(train.batch())?;
    let known = [[0.5, 0.5, 0.0, 0.0], [0.18, 0.74, 0.08, 0.0], [0.02, 0.66, 0.32, 0.0]];
    for (i, column) in out.columns().iter().enumerate() {
        let found = column.as_primitive::<Float64Type>();
        for (row, known) in known.iter().enumerate() {
            assert!((found.value(row) - known[i]).abs() < 1e-15);
            assert!((found.value(5 - row) - known[3 - i]).abs() < 1e-15);
        }
    }
    let outside: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 5.5]));
    let outside = RecordBatch::try_from_iter([("x", outside)])?;
    let error = SplineTransformer::new().beyond(Beyond::Error).fit(&train)?.transform(&outside).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(1), .. }), "{error}");

    // Dates have no hours; a year turns at its end, in leap years one day later.
    let at: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), Some(365 + 365 + 60), None]));
    let dates = Dataset::new(RecordBatch::try_from_iter([("at", at)])?)?.into_train_all();
    let out = CyclicalEncoder::new(Period::Year).fit(&dates)?.transform(dates.batch())?;
    let sin = out["at:sin"].as_primitive::<Float64Type>();
    assert_eq!(sin.value(0), 0.0);
    assert!((sin.value(1) - (std::f64::consts::TAU * 60.0 / 366.0).sin()).abs() < 1e-15);
    assert!(sin.value(2).is_nan());
    // Hour 23 is next to hour 0, not the same.
    let hour: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 23.0, 24.0, -1.0]));
    let hours = Dataset::new(RecordBatch::try_from_iter([("hour", hour)])?)?.into_train_all();
    let out = CyclicalEncoder::new(Period::Of(24.0)).fit(&hours)?.transform(hours.batch())?;
    let sin = out["hour:sin"].as_primitive::<Float64Type>();
    assert!(sin.value(1) < -0.25 && sin.value(2) == 0.0 && (sin.value(1) - sin.value(3)).abs() < 1e-15);

    // What was never seen belongs to the group, or is an error; the label may be any word.
    let words = |words: Vec<&str>| -> Result<RecordBatch> {
        Ok(RecordBatch::try_from_iter([("x", Arc::new(StringArray::from(words)) as ArrayRef)])?)
    };
    let train = Dataset::new(words(vec!["a", "a", "b"])?)?.into_train_all();
    let recipe = RareGrouper::new().min_frequency(2).label("other");
    let fitted = recipe.clone().fit(&train)?;
    let out = fitted.transform(&words(vec!["new", "a", "b"])?)?;
    assert_eq!(out["x"].as_string::<i32>(), &StringArray::from(vec!["other", "a", "other"]));
    assert_eq!(fitted.infrequent("x").len(), 1);
    let error =
        recipe.unseen(UnseenGroup::Error).fit(&train)?.transform(&words(vec!["a", "new"])?).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnseenCategory { row: 1, .. }), "{error}");
    Ok(())
}

proptest! {
    /// Splines of any degree sum to 1, and no more than degree + 1 of them are there at once.
    #[test]
    fn splines_are_a_partition_of_one(
        values in proptest::collection::vec(-100.0..100.0f64, 2..30), knots in 2usize..8, degree in 0usize..6, periodic: bool,
    ) {
        prop_assume!(!periodic || knots > degree);
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        prop_assume!(most - least > 1e-3);
        let x: ArrayRef = Arc::new(Float64Array::from(values));
        let train = Dataset::new(RecordBatch::try_from_iter([("x", x)]).unwrap()).unwrap().into_train_all();
        let beyond = if periodic { Beyond::Periodic } else { Beyond::Constant };
        let fitted = SplineTransformer::new().knots(knots).degree(degree).beyond(beyond).fit(&train).unwrap();
        let rows: ArrayRef = Arc::new(Float64Array::from_iter_values((-30..30).map(|i| f64::from(i) * 4.3)));
        let out = fitted.transform(&RecordBatch::try_from_iter([("x", rows)]).unwrap()).unwrap();
        let columns: Vec<&Float64Array> = out.columns().iter().map(|c| c.as_primitive()).collect();
        for row in 0..60 {
            let at: Vec<f64> = columns.iter().map(|c| c.value(row)).collect();
            prop_assert!((at.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(at.iter().all(|x| *x >= -1e-15) && at.iter().filter(|x| **x != 0.0).count() <= degree + 1);
        }
    }
}
