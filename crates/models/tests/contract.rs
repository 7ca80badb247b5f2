//! The contract of every estimator of this crate.

use mlsys_models::{ExistingPrediction, Guess, LogisticRegression, RandomGuess, ZeroRule, ZeroRuleRegressor};
use mlsys_testkit::{Contract, Features, Target};

#[test]
fn logistic_regression() {
    for target in [Target::Binary, Target::Multiclass] {
        let recipe = LogisticRegression::new;
        Contract::new("LogisticRegression", recipe().tolerance(1e-12))
            .features(Features::CompleteNumeric)
            .target(target)
            .weight_tolerance(1e-8)
            .bad("l2", recipe().l2(-1.0))
            .bad("tolerance", recipe().tolerance(0.0))
            .bad("max_iterations", recipe().max_iterations(0))
            .predict_proba();
    }
}

#[test]
fn baselines() {
    for target in [Target::Binary, Target::Multiclass] {
        Contract::new("ZeroRule", ZeroRule::new()).features(Features::Any).target(target).predict_proba();
        for guess in [Guess::Stratified, Guess::Uniform] {
            Contract::new("RandomGuess", RandomGuess::new().strategy(guess))
                .features(Features::Any)
                .target(target)
                .predict_proba();
        }
    }
    Contract::new("ZeroRuleRegressor", ZeroRuleRegressor::new())
        .features(Features::Any)
        .target(Target::Number)
        .predict();
    Contract::new("ExistingPrediction", ExistingPrediction::label("label"))
        .features(Features::Any)
        .skip("columns_at_apply", "the column is the target of the table")
        .predict_proba();
}
