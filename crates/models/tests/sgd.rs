//! Stochastic gradients: scikit-learn's steps, made by `testdata/gen/sgd.py`, learning on, sparse rows, and what is refused.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::sparse::{SparseBuilder, SparseRows};
use mlsys_core::{Category, Classes, Dataset, ErrorKind, Fit, PartialFit, Predict, PredictProba, Train};
use mlsys_models::{
    ClassWeights, FittedSgdClassifier, Intercept, LearningRate, LogisticRegression, RowOrder, SgdClassifier,
    SgdLoss, SgdPenalty,
};
use proptest::prelude::*;
use serde_json::Value;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn table(x: &[Vec<f64>], y: &[i64], weights: Option<Vec<f64>>) -> Dataset<Train> {
    let mut columns: Vec<(String, ArrayRef)> = (x.iter().enumerate())
        .map(|(j, x)| (format!("x{j}"), Arc::new(Float64Array::from(x.clone())) as _))
        .collect();
    columns.push(("y".into(), Arc::new(Int64Array::from(y.to_vec()))));
    let weighted = weights.is_some();
    if let Some(weights) = weights {
        columns.push(("w".into(), Arc::new(Float64Array::from(weights))));
    }
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
    if weighted { data.weight("w").unwrap().into_train_all() } else { data.into_train_all() }
}

/// The recipe of scikit-learn's options.
fn recipe(options: &Value) -> SgdClassifier {
    let number = |key: &str| options[key].as_f64().unwrap();
    let loss = if options["loss"] == "hinge" { SgdLoss::Hinge } else { SgdLoss::Log };
    let penalty = match options["penalty"].as_str().unwrap() {
        "l1" => SgdPenalty::L1,
        "elasticnet" => SgdPenalty::ElasticNet(number("l1_ratio")),
        _ => SgdPenalty::L2,
    };
    let rate = match options["learning_rate"].as_str().unwrap() {
        "constant" => LearningRate::Constant(number("eta0")),
        "invscaling" => LearningRate::InverseScaling { initial: number("eta0"), power: number("power_t") },
        _ => LearningRate::Optimal,
    };
    let class_weights = match &options["class_weight"] {
        Value::Null => ClassWeights::Uniform,
        Value::String(_) => ClassWeights::Balanced,
        pairs => ClassWeights::explicit(
            pairs.as_array().unwrap().iter().map(|p| (p[0].as_i64().unwrap(), p[1].as_f64().unwrap())),
        ),
    };
    SgdClassifier::new()
        .loss(loss)
        .penalty(penalty)
        .alpha(number("alpha"))
        .learning_rate(rate)
        .epochs(options["epochs"].as_u64().unwrap() as usize)
        .tolerance(options["tol"].as_f64())
        .average_from(options["average"].as_u64())
        .intercept(if options["fit_intercept"] == false { Intercept::Zero } else { Intercept::Free })
        .class_weights(class_weights)
        .order(RowOrder::AsGiven)
}

fn close(found: f64, expected: f64, what: &str) {
    let room = 1e-10 * expected.abs().max(1e-4);
    assert!((found - expected).abs() <= room, "{what}: {found} instead of {expected}");
}

fn same_coefficients(model: &FittedSgdClassifier, expected: &Value, what: &str) {
    let coefficients = model.coefficients();
    for (output, row) in expected["coef"].as_array().unwrap().iter().enumerate() {
        let row = floats(row);
        assert_eq!(coefficients.len(), row.len());
        row.iter()
            .enumerate()
            .for_each(|(j, &e)| close(coefficients[format!("x{j}").as_str()][output], e, what));
    }
    let intercepts = floats(&expected["intercept"]);
    assert_eq!(model.intercepts().len(), intercepts.len());
    model.intercepts().iter().zip(intercepts).for_each(|(&found, e)| close(found, e, what));
}

#[test]
fn the_steps_of_the_reference() {
    let cases: Vec<Value> =
        mlsys_testkit::golden::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/sgd.json"));
    let (mut runs, mut partial) = (0, 0);
    for case in &cases {
        assert!(case["expected"].as_object().unwrap().keys().eq(["SgdClassifier"]));
        let x: Vec<Vec<f64>> = case["input"]["x"].as_array().unwrap().iter().map(floats).collect();
        let y: Vec<i64> = floats(&case["input"]["y"]).iter().map(|&y| y as i64).collect();
        let weights = (!case["input"]["weights"].is_null()).then(|| floats(&case["input"]["weights"]));
        let train = table(&x, &y, weights);
        let batch = train.batch().slice(0, 10);
        for expected in case["expected"]["SgdClassifier"]["runs"].as_array().unwrap() {
            runs += 1;
            let what = format!("{}, {}", case["name"], expected["options"]);
            let model = recipe(&expected["options"]).fit(&train).unwrap();
            same_coefficients(&model, expected, &what);
            assert_eq!(model.epochs(), expected["n_iter"].as_u64().unwrap(), "{what}");
            let scores = model.decision_function(&batch).unwrap();
            let labels = Int64Array::from_iter_values(floats(&expected["labels"]).iter().map(|&y| y as i64));
            assert_eq!(model.predict(&batch).unwrap().as_ref(), &labels as &dyn Array, "{what}");
            for (row, expected) in expected["scores"].as_array().unwrap().iter().enumerate() {
                let expected = floats(expected);
                expected.iter().enumerate().for_each(|(k, &e)| close(scores[[row, k]], e, &what));
            }
            if let Some(rows) = expected["p"].as_array() {
                let p = model.predict_proba(&batch).unwrap();
                for (row, expected) in rows.iter().enumerate() {
                    floats(expected)
                        .iter()
                        .enumerate()
                        .for_each(|(k, &e)| close(p.view()[[row, k]], e, &what));
                }
            }
        }
        for expected in case["expected"]["SgdClassifier"]["partial"].as_array().into_iter().flatten() {
            partial += 1;
            let what = format!("{}, {}", case["name"], expected["options"]);
            let classes = Classes::new([0, 1].map(Category::from)).unwrap();
            let mut model = recipe(&expected["options"]).start(&train, classes).unwrap();
            let chunks = expected["chunks"].as_u64().unwrap() as usize;
            let mut first = 0;
            for chunk in 0..chunks {
                // As numpy divides rows.
                let rows = y.len() / chunks + usize::from(chunk < y.len() % chunks);
                model.partial_fit(&train.slice(first, rows).unwrap()).unwrap();
                first += rows;
            }
            same_coefficients(&model, expected, &what);
        }
    }
    assert!(runs >= 50 && partial >= 6, "{runs} {partial}");
}

/// Rows of three indicators of one hot column, and a number; the same as sparse rows and written out.
fn hot(rows: usize) -> (Dataset<Train>, Dataset<Train>) {
    let number: Vec<f64> = (0..rows).map(|i| ((i * 37) % 11) as f64 / 5.0 - 1.0).collect();
    let category: Vec<usize> = (0..rows).map(|i| i % 3).collect();
    let y: Vec<bool> = (0..rows)
        .map(|i| number[i] + category[i] as f64 - 1.0 + ((i % 7) as f64 - 3.0) / 4.0 > 0.0)
        .collect();
    let (y, number): (ArrayRef, ArrayRef) =
        (Arc::new(BooleanArray::from(y)), Arc::new(Float64Array::from(number)));
    let mut builder = SparseBuilder::new(1 << 20, rows, rows);
    for &category in &category {
        builder.add(category as u32 * 1000, 1.0);
        builder.end_row();
    }
    let sparse = builder.finish().unwrap();
    let schema = Schema::new(vec![
        Field::new("number", DataType::Float64, false),
        sparse.field("words"),
        Field::new("y", DataType::Boolean, false),
    ]);
    let columns = vec![number.clone(), sparse.to_array().unwrap(), y.clone()];
    let sparse = Dataset::new(RecordBatch::try_new(Arc::new(schema), columns).unwrap()).unwrap();
    let is = |own: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(category.iter().map(|&c| f64::from(u8::from(c == own)))))
    };
    let dense = [("number", number), ("v0", is(0)), ("v1", is(1)), ("v2", is(2)), ("y", y)];
    let dense = Dataset::new(RecordBatch::try_from_iter(dense).unwrap()).unwrap();
    (sparse.target("y").unwrap().into_train_all(), dense.target("y").unwrap().into_train_all())
}

#[test]
fn sparse_rows_are_as_columns_written_out() {
    let (sparse, dense) = hot(300);
    for penalty in [SgdPenalty::L2, SgdPenalty::L1, SgdPenalty::ElasticNet(0.5)] {
        for loss in [SgdLoss::Log, SgdLoss::Hinge, SgdLoss::Focal(2.0)] {
            let recipe =
                SgdClassifier::new().penalty(penalty).loss(loss).alpha(1e-3).epochs(4).tolerance(None);
            // Under an L1 penalty, what is averaged there has not paid yet.
            let recipe = recipe.average_from(Some(100).filter(|_| penalty == SgdPenalty::L2));
            let (a, b) = (recipe.fit(&sparse).unwrap(), recipe.fit(&dense).unwrap());
            // What the penalty owes is paid late there, which is the same only without a scale.
            let room = if matches!(penalty, SgdPenalty::ElasticNet(_)) { 1e-3 } else { 1e-9 };
            for place in 0..3 {
                let found = a.sparse_coefficients("words", place * 1000).unwrap()[0];
                let expected = b.coefficients()[format!("v{place}").as_str()][0];
                assert!((found - expected).abs() < room, "{penalty:?} {loss:?}: {found} {expected}");
            }
            assert!((a.intercepts()[0] - b.intercepts()[0]).abs() < room);
            assert_eq!(a.sparse_coefficients("words", 1), None);
        }
    }
}

#[test]
fn new_places_are_learnt_later() {
    let (sparse, _) = hot(90);
    let mut rows: Vec<usize> = (0..90).filter(|row| row % 3 == 0).collect();
    rows.truncate(10);
    let some = sparse.take(&rows).unwrap();
    let mut model = SgdClassifier::new()
        .average_from(5)
        .start(&some, Classes::new([false, true].map(Category::from)).unwrap())
        .unwrap();
    assert_eq!(model.decision_function(sparse.batch()).unwrap().sum(), 0.0);
    model.partial_fit(&some).unwrap();
    let before = model.sparse_coefficients("words", 0).unwrap();
    assert_eq!(model.sparse_coefficients("words", 1000), None);
    model.partial_fit(&sparse).unwrap();
    assert!(model.sparse_coefficients("words", 1000).unwrap()[0] != 0.0);
    assert!(model.sparse_coefficients("words", 0).unwrap() != before);
    // Sparse rows of another width are refused, and leave the model as it was.
    let wide = SparseRows::new(9, vec![0, 1], vec![4], vec![1.0]).unwrap();
    let schema = Schema::new(vec![
        Field::new("number", DataType::Float64, false),
        wide.field("words"),
        Field::new("y", DataType::Boolean, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![1.0])),
        wide.to_array().unwrap(),
        Arc::new(BooleanArray::from(vec![true])),
    ];
    let other =
        Dataset::new(RecordBatch::try_new(Arc::new(schema), columns).unwrap()).unwrap().target("y").unwrap();
    let kept = model.clone();
    assert!(matches!(
        model.partial_fit(&other.into_train_all()).unwrap_err().kind(),
        ErrorKind::ColumnType { .. }
    ));
    assert_eq!(model, kept);
}

#[test]
fn it_gets_near_the_optimum() {
    let (_, train) = hot(600);
    let alpha = 1e-2;
    let exact = LogisticRegression::new().l2(alpha * 600.0).fit(&train).unwrap();
    let recipe = SgdClassifier::new().alpha(alpha).epochs(200).tolerance(None).average_from(1000);
    let near = recipe.fit(&train).unwrap();
    for (name, expected) in exact.coefficients() {
        assert!((near.coefficients()[name][0] - expected[0]).abs() < 0.05, "{name}");
    }
    let p = |p: mlsys_core::Probabilities| p.positive();
    let (a, b) =
        (p(exact.predict_proba(train.batch()).unwrap()), p(near.predict_proba(train.batch()).unwrap()));
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.02));
}

#[test]
fn averages_are_means_of_the_steps_under_every_penalty() {
    let rows: Vec<[f64; 2]> =
        (0..60).map(|i| [f64::from(i * 37 % 19) / 9.5 - 1.0, f64::from(i * 11 % 7) / 3.5 - 1.0]).collect();
    let y: Vec<i64> = (0..60).map(|i| i64::from((i * 37 % 19) + (i % 5) > 11)).collect();
    let columns = [0, 1].map(|c| rows.iter().map(|row| row[c]).collect::<Vec<f64>>());
    let (eta, alpha) = (0.1, 0.05);
    for share in [0.0, 0.5, 1.0] {
        let recipe = SgdClassifier::new().penalty(SgdPenalty::ElasticNet(share)).alpha(alpha).epochs(5);
        let recipe =
            recipe.learning_rate(LearningRate::Constant(eta)).tolerance(None).order(RowOrder::AsGiven);
        let model = recipe.average_from(1).fit(&table(&columns, &y, None)).unwrap();
        let (mut w, mut c, mut paid, mut due) = ([0.0_f64; 2], 0.0, [0.0; 2], 0.0);
        let (mut sums, mut steps) = ([0.0; 3], 0.0);
        for (x, y) in (0..5).flat_map(|_| rows.iter().zip(&y)) {
            let p = 1.0 / (1.0 + (-(w[0] * x[0] + w[1] * x[1] + c)).exp());
            let slope = p - *y as f64;
            for k in 0..2 {
                w[k] = w[k] * (1.0 - (1.0 - share) * eta * alpha) - eta * slope * x[k];
                sums[k] += w[k];
            }
            c -= eta * slope;
            sums[2] += c;
            steps += 1.0;
            due += share * eta * alpha;
            for k in 0..2 {
                let before = w[k];
                w[k] = if before > 0.0 {
                    (before - (due + paid[k])).max(0.0)
                } else {
                    (before + (due - paid[k])).min(0.0)
                };
                paid[k] += w[k] - before;
            }
        }
        let found = [model.coefficients()["x0"][0], model.coefficients()["x1"][0], model.intercepts()[0]];
        for (found, sum) in found.into_iter().zip(sums) {
            assert!((found - sum / steps).abs() < 1e-9, "{share}: {found} {}", sum / steps);
        }
    }
}

#[test]
fn a_score_that_ends_before_averages_begin_predicts_by_its_last_step() {
    // One class is easy to tell, the others are not: its score ends first.
    let x: Vec<f64> =
        (0..300).map(|i| if i % 3 == 0 { 5.0 } else { f64::from(i * 7 % 11) / 11.0 - 0.5 }).collect();
    let y: Vec<i64> = (0..300).map(|i| i % 3).collect();
    let train = table(&[x], &y, None);
    let recipe = SgdClassifier::new().alpha(1e-3).epochs(60);
    let plain = recipe.clone().fit(&train).unwrap();
    // After all steps of the score that ends first, and before those of the one that ends last.
    let from = (plain.epochs() - 1) * 300;
    let model = recipe.average_from(from).fit(&train).unwrap();
    assert_eq!(model.epochs(), plain.epochs());
    let (found, last) = (&model.coefficients()["x0"], &plain.coefficients()["x0"]);
    assert!(found.iter().all(|c| *c != 0.0), "{found:?}");
    assert!(found.iter().zip(last).any(|(a, b)| a == b), "one ended before: {found:?} {last:?}");
    assert!(found.iter().zip(last).any(|(a, b)| a != b), "one is averaged: {found:?} {last:?}");
}

#[test]
fn orders_are_by_the_seed() {
    let (_, train) = hot(200);
    let fit = |seed| SgdClassifier::new().seed(seed).epochs(2).tolerance(None).fit(&train).unwrap();
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1).coefficients(), fit(2).coefficients());
    // Each epoch has an order of its own: two epochs are not one twice.
    let mut twice = SgdClassifier::new().seed(1).epochs(1).tolerance(None).fit(&train).unwrap();
    twice.partial_fit(&train).unwrap();
    let once = fit(1);
    for (name, expected) in once.coefficients() {
        assert!((twice.coefficients()[name][0] / expected[0] - 1.0).abs() < 1e-9, "{name}");
    }
}

#[test]
fn parts_one_after_another_are_one_epoch() {
    let (_, train) = hot(120);
    for loss in [SgdLoss::Log, SgdLoss::Hinge, SgdLoss::Focal(1.0)] {
        let recipe =
            SgdClassifier::new().loss(loss).order(RowOrder::AsGiven).epochs(1).average_from(7).alpha(0.01);
        let whole = recipe.fit(&train).unwrap();
        let classes = Classes::new([false, true].map(Category::from)).unwrap();
        let mut parts = recipe.start(&train, classes).unwrap();
        for first in [0, 3, 50] {
            let next = [3, 50, 120][[0, 3, 50].iter().position(|&at| at == first).unwrap()];
            parts.partial_fit(&train.slice(first, next - first).unwrap()).unwrap();
        }
        assert!((parts.intercepts()[0] - whole.intercepts()[0]).abs() < 1e-11);
        for (name, expected) in whole.coefficients() {
            assert!((parts.coefficients()[name][0] - expected[0]).abs() < 1e-11, "{name}");
        }
    }
}

#[test]
fn rows_of_no_weight_are_none() {
    let x = vec![vec![1.0, -1.0, 5.0, 0.5, -0.2]];
    let y = [1, 0, 2, 1, 0];
    let with = table(&x, &y, Some(vec![1.0, 2.0, 0.0, 1.0, 1.0]));
    let without = with.take(&[0, 1, 3, 4]).unwrap();
    let recipe = SgdClassifier::new().epochs(3).tolerance(None);
    assert_eq!(recipe.fit(&with).unwrap(), recipe.fit(&without).unwrap());
}

#[test]
fn what_cannot_be_is_refused() {
    let train = table(&[vec![1.0, -1.0, 2.0, 0.5]], &[1, 0, 1, 0], None);
    let recipe = SgdClassifier::new;
    let refused = |recipe: SgdClassifier, name: &str| {
        let error = recipe.fit(&train).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name: found, .. } if found == name),
            "{error}"
        );
    };
    refused(recipe().loss(SgdLoss::Focal(f64::NAN)), "loss");
    refused(recipe().penalty(SgdPenalty::ElasticNet(1.1)), "penalty");
    refused(recipe().alpha(0.0), "alpha");
    refused(recipe().alpha(f64::INFINITY).learning_rate(LearningRate::Constant(0.1)), "alpha");
    refused(recipe().learning_rate(LearningRate::Constant(0.0)), "learning_rate");
    refused(
        recipe().learning_rate(LearningRate::InverseScaling { initial: 1.0, power: f64::NAN }),
        "learning_rate",
    );
    refused(recipe().epochs(0), "epochs");
    refused(recipe().tolerance(f64::NAN), "tolerance");
    refused(recipe().patience(0), "patience");
    refused(recipe().average_from(0), "average_from");
    refused(recipe().class_weights(ClassWeights::explicit([(7, 1.0)])), "class_weights");
    let one = table(&[vec![1.0, 2.0]], &[1, 1], None);
    assert!(matches!(recipe().fit(&one).unwrap_err().kind(), ErrorKind::SingleClass { .. }));
    let hinge = recipe().loss(SgdLoss::Hinge).fit(&train).unwrap();
    let error = hinge.predict_proba(train.batch()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { what } if what.contains("calibrate")), "{error}");
    let balanced = recipe().class_weights(ClassWeights::Balanced);
    assert!(balanced.fit(&train).unwrap().partial_fit(&train).is_err());
    let other = table(&[vec![1.0]], &[5], None);
    assert!(matches!(
        recipe().fit(&train).unwrap().partial_fit(&other).unwrap_err().kind(),
        ErrorKind::InvalidValue { .. }
    ));
    let huge = table(&[vec![1e300, -1e300, 1e300, 1.0]], &[1, 0, 0, 1], None);
    let error = recipe().learning_rate(LearningRate::Constant(1e10)).fit(&huge).unwrap_err();
    assert!(error.to_string().contains("scaled"), "{error}");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let y: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
    let text = Dataset::new(RecordBatch::try_from_iter([("t", text), ("y", y)]).unwrap())
        .unwrap()
        .target("y")
        .unwrap();
    assert!(matches!(recipe().fit(&text.into_train_all()).unwrap_err().kind(), ErrorKind::ColumnType { .. }));
    let json = r#"{"loss": {"focal": 2.0}, "alpha": 0.001}"#;
    assert_eq!(
        serde_json::from_str::<SgdClassifier>(json).unwrap(),
        recipe().loss(SgdLoss::Focal(2.0)).alpha(0.001)
    );
}

proptest! {
    /// One step after another, written out.
    #[test]
    fn steps_by_definition(
        x in prop::collection::vec((-2.0..2.0_f64, -2.0..2.0_f64, any::<bool>()), 4..30), gamma in 0.0..3.0_f64,
        alpha in 1e-4..0.1_f64, eta in 0.01..0.5_f64, kind in 0..3usize,
    ) {
        prop_assume!(x.iter().any(|row| row.2) && x.iter().any(|row| !row.2));
        let loss = [SgdLoss::Log, SgdLoss::Hinge, SgdLoss::Focal(gamma)][kind];
        let columns = [x.iter().map(|row| row.0).collect::<Vec<f64>>(), x.iter().map(|row| row.1).collect()];
        let y: Vec<i64> = x.iter().map(|row| i64::from(row.2)).collect();
        let recipe = SgdClassifier::new().loss(loss).alpha(alpha).learning_rate(LearningRate::Constant(eta)).epochs(2);
        let model = recipe.tolerance(None).order(RowOrder::AsGiven).fit(&table(&columns, &y, None)).unwrap();
        let (mut a, mut b, mut c) = (0.0_f64, 0.0_f64, 0.0_f64);
        for row in x.iter().chain(&x) {
            let sign = if row.2 { 1.0 } else { -1.0 };
            let margin = sign * (a * row.0 + b * row.1 + c);
            let p = 1.0 / (1.0 + (-margin).exp());
            let slope = sign * match loss {
                SgdLoss::Log => p - 1.0,
                SgdLoss::Hinge => if margin <= 1.0 { -1.0 } else { 0.0 },
                _ => (1.0 - p).powf(gamma) * (gamma * p * p.ln() + p - 1.0),
            };
            let keep = 1.0 - eta * alpha;
            (a, b, c) = (keep * a - eta * slope * row.0, keep * b - eta * slope * row.1, c - eta * slope);
        }
        for (found, expected) in [(model.coefficients()["x0"][0], a), (model.coefficients()["x1"][0], b), (model.intercepts()[0], c)] {
            prop_assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}
