#![doc = include_str!("../README.md")]

mod decision_tree;
pub mod exchange;
mod existing_prediction;
mod explain;
mod features;
mod forest;
mod gbdt;
mod isolation_forest;
mod logistic_regression;
mod random_guess;
mod register;
mod rule;
mod sgd_classifier;
pub mod trees;
mod zero_rule;

pub use decision_tree::{DecisionTree, FittedDecisionTree, Impurity, PruningPath};
pub use existing_prediction::{ExistingPrediction, FittedExistingPrediction};
pub use explain::{Importance, Importances, NodeWeight, ShapValues, TreeShap};
pub use forest::{ExtraTrees, FittedForest, MaxFeatures, OutOfBag, RandomForest};
pub use gbdt::{
    BoostingMode, ClassObjective, EarlyStopping, FittedGbdt, Gbdt, GbdtLoss, GbdtObjective, Monotone,
    RankObjective, RegressionObjective, RowSample, TrainingHistory,
};
pub use isolation_forest::{FittedIsolationForest, IsolationForest};
pub use logistic_regression::{
    ClassWeights, FittedLogisticRegression, Intercept, LinearObjective, LogisticCoefficients,
    LogisticRegression, SparseCoefficients, logistic_regression,
};
pub use random_guess::{FittedRandomGuess, Guess, RandomGuess};
pub use register::register;
pub use rule::{FittedRule, Rule};
pub use sgd_classifier::{FittedSgdClassifier, LearningRate, RowOrder, SgdClassifier, SgdLoss, SgdPenalty};
pub use trees::{Tree, TreeEnsemble};
pub use zero_rule::{FittedZeroRule, FittedZeroRuleRegressor, ZeroRule, ZeroRuleRegressor};
