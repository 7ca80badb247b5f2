//! The fitted types of this crate for a registry.

use mlsys_core::Registry;

use crate::trees::{Ranking, Regression};
use crate::{
    FittedDecisionTree, FittedExistingPrediction, FittedForest, FittedGbdt, FittedIsolationForest,
    FittedLogisticRegression, FittedRandomGuess, FittedSgdClassifier, FittedZeroRule,
    FittedZeroRuleRegressor,
};

/// Adds every fitted type of this crate that can be loaded.
///
/// ```
/// let registry = mlsys_models::register(mlsys_core::Registry::new());
/// # let _ = registry;
/// ```
pub fn register(registry: Registry) -> Registry {
    registry
        .predict_proba::<FittedDecisionTree>()
        .predict::<FittedDecisionTree<Regression>>()
        .predict_proba::<FittedForest>()
        .predict::<FittedForest<Regression>>()
        .predict_proba::<FittedGbdt>()
        .predict::<FittedGbdt<Regression>>()
        .predict::<FittedGbdt<Ranking>>()
        .predict::<FittedIsolationForest>()
        .predict_proba::<FittedLogisticRegression>()
        .predict_proba::<FittedSgdClassifier>()
        .predict_proba::<FittedZeroRule>()
        .predict::<FittedZeroRuleRegressor>()
        .predict_proba::<FittedRandomGuess>()
        .predict_proba::<FittedExistingPrediction>()
}
