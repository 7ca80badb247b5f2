//! Ensembles, schedules and costs with the house's own classifiers.
#![cfg(all(feature = "models", feature = "encoding", feature = "imbalance", feature = "sampling"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys::core::chain::FittedChain;
use mlsys::core::{Classes, PartialFit, ThreeWay};
use mlsys::encoding::{FittedOneHotEncoder, FittedStandardScaler};
use mlsys::imbalance::{FittedBalancedBagging, ThresholdGoal};
use mlsys::models::{FittedLogisticRegression, LearningRate, LogisticRegression, SgdClassifier};
use mlsys::prelude::*;
use mlsys::sampling::RandomSplit;

/// One flight in sixteen or so is late: when the wind is strong, and from one airport.
fn table(n: usize) -> Dataset {
    let noise = |i: usize, by: usize| ((i * by) % 1009) as f64 / 1009.0;
    let airports = ["EWR", "JFK", "LGA"];
    let late =
        |i: usize| noise(i, 7919) + 0.3 * f64::from(u8::from(i % 3 == 1)) + 0.4 * noise(i, 104_729) > 1.35;
    let columns: [(&str, ArrayRef); 4] = [
        ("wind", Arc::new(Float64Array::from_iter_values((0..n).map(|i| noise(i, 7919))))),
        ("length", Arc::new(Float64Array::from_iter_values((0..n).map(|i| 1000.0 * noise(i, 31))))),
        ("origin", Arc::new(StringArray::from_iter_values((0..n).map(|i| airports[i % 3])))),
        ("late", Arc::new(BooleanArray::from_iter((0..n).map(|i| Some(late(i)))))),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("late").unwrap()
}

fn parts() -> ThreeWay {
    RandomSplit::new().three_way(&RandomSplit::new(), table(4000)).unwrap()
}

/// The share of late flights that are called late, and of others.
fn alarms<P: Partition>(model: &impl Predict, data: &Dataset<P>) -> (f64, f64) {
    let (said, late) = (model.predict(data.batch()).unwrap(), data.column("late").unwrap().clone());
    let (said, late) = (said.as_boolean().clone(), late.as_boolean().clone());
    let share = |of: bool| {
        let own: Vec<usize> = (0..late.len()).filter(|&row| late.value(row) == of).collect();
        own.iter().filter(|&&row| said.value(row)).count() as f64 / own.len() as f64
    };
    (share(true), share(false))
}

#[test]
fn ensembles_find_what_is_rare() {
    let (train, validation, test) = parts();
    let logistic = || {
        StandardScaler::new()
            .on(Columns::numeric())
            .then(OneHotEncoder::new())
            .then(LogisticRegression::new())
    };
    let alone = logistic().fit(&train).unwrap();
    let bagged = BalancedBagging::new(logistic()).n_estimators(5).fit(&train).unwrap();
    assert!(alarms(&bagged, &test).0 > alarms(&alone, &test).0 + 0.1, "{:?}", alarms(&bagged, &test));
    let easy = EasyEnsemble::new(logistic()).n_estimators(3).rounds(4).fit(&train).unwrap();
    let boost = RusBoost::new(logistic()).rounds(6).fit(&train).unwrap();
    for found in [alarms(&easy, &test), alarms(&boost, &test)] {
        assert!(found.0 > 0.6 && found.1 < 0.3, "{found:?}");
    }
    // Chains are members like any, and the encoder before an ensemble is a step like any.
    let encoder = OneHotEncoder::new().then(RusBoost::new(LogisticRegression::new()).rounds(3));
    assert!(encoder.fit(&train).unwrap().predict_proba(test.batch()).is_ok());
    let bytes = mlsys::artifact::to_bytes(&bagged).unwrap();
    type Member =
        FittedChain<FittedChain<FittedStandardScaler, FittedOneHotEncoder>, FittedLogisticRegression>;
    let loaded: FittedBalancedBagging<Member> = mlsys::artifact::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.predict_proba(test.batch()).unwrap(), bagged.predict_proba(test.batch()).unwrap());

    // Its probabilities are those of classes as large as each other: corrected, they are those of the data.
    let sizes = ClassSizes::of(&train).unwrap();
    let classes = Classes::new(sizes.classes().to_vec()).unwrap();
    let data: Vec<f64> = sizes.sizes().iter().map(|&size| size as f64).collect();
    let corrected =
        Adjusted::new(bagged).correct(PriorCorrection::new(classes, &data, &[1.0, 1.0]).unwrap()).unwrap();
    let mean = |model: &dyn PredictProba| {
        let p = model.predict_proba(test.batch()).unwrap().positive();
        p.iter().sum::<f64>() / p.len() as f64
    };
    let share = data[1] / (data[0] + data[1]);
    assert!(
        (mean(&corrected) - share).abs() < 0.03 && mean(corrected.model()) > 2.0 * share,
        "{}",
        mean(&corrected)
    );
    let tuned = ThresholdTuner::new(ThresholdGoal::FBeta(1.0)).tune(&corrected, &validation).unwrap();
    let decided = corrected.threshold(tuned.threshold()).unwrap();
    assert!(alarms(&decided, &test).1 < 0.1, "{:?}", alarms(&decided, &test));
}

#[test]
fn costs_move_a_model_that_does_not_know_of_them() {
    let (train, _, test) = parts();
    let logistic = || OneHotEncoder::new().then(LogisticRegression::new());
    let alone = logistic().fit(&train).unwrap();
    let costs = CostMatrix::of_errors(false, true, 1.0, 15.0).unwrap();
    let cheap = MetaCost::new(logistic(), costs).resamples(5).fit(&train).unwrap();
    let (before, after) = (alarms(&alone, &test), alarms(&cheap, &test));
    assert!(after.0 > before.0 + 0.1 && after.1 < 0.4, "{before:?} {after:?}");
}

#[test]
fn schedules_train_a_linear_model() {
    let (train, validation, test) = parts();
    let scaler = StandardScaler::new().on(["wind", "length"]).fit(&train).unwrap();
    let encoder = OneHotEncoder::new().fit(&train).unwrap();
    let ready = |data: &Dataset<Train>| data.apply(&scaler).unwrap().apply(&encoder).unwrap();
    let (train, validation) = (ready(&train), validation.apply(&scaler).unwrap().apply(&encoder).unwrap());
    let test = test.apply(&scaler).unwrap().apply(&encoder).unwrap();
    let classes = Classes::new([false.into(), true.into()]).unwrap();
    let recipe = SgdClassifier::new().learning_rate(LearningRate::Constant(0.01));
    let start = || recipe.start(&train, classes.clone()).unwrap();

    let mut model = start();
    TwoPhase::new(150).first_epochs(20).second_epochs(1).train(&mut model, &train).unwrap();
    assert_eq!(model.epochs(), 21);
    let mut few = start();
    few.partial_fit(&TwoPhase::new(150).first_rows(&train).unwrap()).unwrap();
    assert!(alarms(&model, &test).1 < 0.3, "{:?}", alarms(&model, &test));

    let mut model = start();
    let report = DynamicSampling::new().epochs(15).train(&mut model, &train, &validation).unwrap();
    let (first, last) = (report.epochs().first().unwrap(), report.epochs().last().unwrap());
    assert_eq!(first.sizes, [train.n_rows() / 2; 2]);
    // Late flights are hard to tell: they are drawn more, and more of them are found.
    assert!(last.sizes[1] > last.sizes[0], "{last:?}");
    assert!(alarms(&model, &test).0 > 0.8, "{:?}", alarms(&model, &test));
}
