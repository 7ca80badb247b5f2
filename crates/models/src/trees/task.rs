//! What a tree model predicts, as part of its type.

use mlsys_core::Classes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::gbdt::{ClassObjective, RankObjective, RegressionObjective};

/// What a tree model predicts: [`Classification`], [`Regression`] or [`Ranking`].
///
/// It is part of the type of recipes and fitted models, so that a regressor has no probabilities to ask for.
pub trait Task: sealed::Sealed + Clone + Copy + Send + Sync + std::fmt::Debug + PartialEq + 'static {
    /// What boosting minimises.
    type Objective: Clone + Send + Sync + std::fmt::Debug + PartialEq + Default + Serialize + DeserializeOwned;
    /// What a fitted model has to know to turn scores into predictions.
    type Output: Clone + Send + Sync + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned;
}

impl Task for Classification {
    type Objective = ClassObjective;
    type Output = Classes;
}

impl Task for Regression {
    type Objective = RegressionObjective;
    type Output = Link;
}

impl Task for Ranking {
    type Objective = RankObjective;
    type Output = ();
}

/// How the score of a number becomes its prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// As it is.
    Identity,
    /// By its exponential.
    Log,
}

/// Classes, two or more, with their probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classification;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regression;

/// A score that orders the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranking;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Classification {}
    impl Sealed for super::Regression {}
    impl Sealed for super::Ranking {}
}
