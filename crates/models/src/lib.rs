#![doc = include_str!("../README.md")]

mod logistic_regression;

pub use logistic_regression::{
    ClassWeights, FittedLogisticRegression, Intercept, LogisticCoefficients, LogisticRegression,
    logistic_regression,
};
