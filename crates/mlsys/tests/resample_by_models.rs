//! Resamplers that take a model of another crate.
#![cfg(all(feature = "imbalance", feature = "models", feature = "encoding"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use mlsys::imbalance::{ClassSizes, InstanceHardnessThreshold, PlanResample, Strategy, SvmSmote};
use mlsys::models::{LogisticRegression, SgdClassifier, SgdLoss};
use mlsys::prelude::*;

/// 300 rows, of which a fifth are late where the first column is large, but for some that are not where the rest is.
fn train() -> Dataset<Train> {
    let wave = |row: usize, f: f64| 100.0 * (row as f64 * f).sin();
    let late: Vec<bool> = (0..300).map(|row| row % 5 == 0).collect();
    let x: Vec<f64> =
        (0..300).map(|row| wave(row, 1.7) + if late[row] && row % 35 != 0 { 120.0 } else { 0.0 }).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(Float64Array::from(x))),
        ("z", Arc::new(Float64Array::from_iter_values((0..300).map(|row| wave(row, 0.9))))),
        ("late", Arc::new(BooleanArray::from(late))),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap())
        .unwrap()
        .target("late")
        .unwrap()
        .into_train_all()
}

#[test]
fn a_machine_that_is_scaled_has_support_vectors() {
    let train = train();
    let machine = StandardScaler::new().then(SgdClassifier::new().loss(SgdLoss::Hinge).alpha(0.01));
    let fitted = machine.fit(&train).unwrap();
    let scores = fitted.decision_function(train.batch()).unwrap();
    assert_eq!((scores.dim(), fitted.labels().n_classes()), ((300, 1), 2));
    let plan = SvmSmote::new(machine.clone()).plan(&train).unwrap();
    assert_eq!(plan.synthetic().len(), 180);
    assert!(plan.synthetic().iter().all(|made| scores[[made.base as usize, 0]] <= 1.0));
    let model = SvmSmote::new(machine).then(LogisticRegression::new()).fit(&train).unwrap();
    assert_eq!(model.predict_proba(train.batch()).unwrap().n_rows(), 300);
    // Probabilities are no decision function, and the logistic loss has no margin, but any score will do.
    let logistic = SvmSmote::new(StandardScaler::new().then(SgdClassifier::new())).plan(&train).unwrap();
    assert_eq!(logistic.synthetic().len(), 180);
}

#[test]
fn a_regression_says_what_is_hard() {
    let train = train();
    let recipe = StandardScaler::new().then(LogisticRegression::new());
    let resampler = InstanceHardnessThreshold::new(recipe.clone());
    let after = resampler.resample(train.clone()).unwrap();
    assert_eq!(ClassSizes::of(&after).unwrap().sizes(), [60, 60]);
    // What is left is easier: the rows that are gone are more probably late.
    let p = recipe.fit(&train).unwrap().predict_proba(train.batch()).unwrap().positive();
    let mean = |rows: &[u32]| rows.iter().map(|&row| p[row as usize]).sum::<f64>() / rows.len() as f64;
    let plan = resampler.plan(&train).unwrap();
    let kept: Vec<u32> = plan.kept().iter().copied().filter(|row| row % 5 != 0).collect();
    assert!(mean(&kept) < mean(&plan.removed()), "{} {}", mean(&kept), mean(&plan.removed()));
    let third =
        Strategy::function(|sizes| [(sizes.majority().clone(), sizes.sizes().iter().sum::<usize>() / 3)]);
    let after = resampler.strategy(third).resample(train).unwrap();
    assert_eq!(ClassSizes::of(&after).unwrap().sizes(), [100, 60]);
}
