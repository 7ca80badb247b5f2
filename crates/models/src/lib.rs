#![doc = include_str!("../README.md")]

mod existing_prediction;
mod features;
mod logistic_regression;
mod random_guess;
mod register;
mod rule;
mod zero_rule;

pub use existing_prediction::{ExistingPrediction, FittedExistingPrediction};
pub use logistic_regression::{
    ClassWeights, FittedLogisticRegression, Intercept, LogisticCoefficients, LogisticRegression,
    SparseCoefficients, logistic_regression,
};
pub use random_guess::{FittedRandomGuess, Guess, RandomGuess};
pub use register::register;
pub use rule::{FittedRule, Rule};
pub use zero_rule::{FittedZeroRule, FittedZeroRuleRegressor, ZeroRule, ZeroRuleRegressor};
