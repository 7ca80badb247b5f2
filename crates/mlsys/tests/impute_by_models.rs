//! Categories are imputed by the house's own classifiers, and the trial says how well.
#![cfg(all(feature = "models", feature = "encoding", feature = "missing-values"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys::missing_values::{FittedModelImputer, NoModel};
use mlsys::models::{FittedLogisticRegression, LogisticRegression, ZeroRuleRegressor};
use mlsys::prelude::*;

/// Two numbers; a word that follows from the sign of one and the size of the other; whether it is `near`.
fn table(n: usize) -> Dataset<Train> {
    let x = |i: usize| ((i * 7919) % 1000) as f64 / 250.0 - 2.0;
    let y = |i: usize| ((i * 104_729) % 997) as f64 / 997.0;
    let word = |i: usize| {
        if x(i) > 0.5 {
            "far"
        } else if y(i) > 0.5 {
            "near"
        } else {
            "here"
        }
    };
    let columns: [(&str, ArrayRef); 4] = [
        ("x", Arc::new(Float64Array::from_iter_values((0..n).map(x)))),
        ("y", Arc::new(Float64Array::from_iter((0..n).map(|i| (i % 13 > 0).then(|| y(i)))))),
        ("word", Arc::new(StringArray::from_iter((0..n).map(|i| (i % 9 > 0).then(|| word(i)))))),
        ("near", Arc::new(BooleanArray::from_iter((0..n).map(|i| (i % 11 > 0).then(|| word(i) == "near"))))),
    ];
    let columns = columns.map(|(name, array)| (name, array, true));
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap().into_train_all()
}

#[test]
fn a_regression_finds_categories_that_the_most_frequent_value_does_not() {
    let train = table(3000);
    let classifier =
        || OneHotEncoder::new().on(Columns::categorical()).then(LogisticRegression::new().l2(0.01));
    let imputer = ModelImputer::new().numbers(ZeroRuleRegressor::new()).categories(classifier()).max_iter(3);
    let scores = ImputationTrial::new()
        .hide(Ampute::new(["word", "near"]))
        .repeats(1)
        .run(
            &train,
            [
                ("most frequent", MostFrequentImputer::new().boxed_step()),
                ("models", imputer.clone().boxed_step()),
            ],
        )
        .unwrap();
    let pfc = |imputer, column| scores.of(imputer, column).unwrap().pfc.unwrap();
    assert!(pfc("most frequent", "word") > 0.5 && pfc("models", "word") < 0.2, "{scores}");
    assert!(pfc("models", "near") < pfc("most frequent", "near") / 2.0, "{scores}");

    // Models that are chains are saved with their steps, and loaded by their type.
    let imputer = ModelImputer::new().categories(classifier());
    let fitted = imputer.on(["word", "near"]).fit(&train).unwrap();
    type Models = FittedModelImputer<
        NoModel,
        mlsys::core::FittedChain<mlsys::encoding::FittedOneHotEncoder, FittedLogisticRegression>,
    >;
    let loaded: Models = artifact::from_bytes(&artifact::to_bytes(&fitted).unwrap()).unwrap();
    assert_eq!(loaded.transform(train.batch()).unwrap(), fitted.transform(train.batch()).unwrap());
}
