//! The contract of every estimator of this crate.

use std::sync::Arc;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::input::{replace_columns, replace_fields};
use mlsys_core::sparse::{SparseBuilder, field};
use mlsys_core::{
    ClassLoss, Dataset, Fit, FitTransform, InputColumn, Objective, Result, Train, Transform, column,
};
use mlsys_models::{
    BoostingMode, ClassObjective, DecisionTree, EarlyStopping, ExistingPrediction, ExtraTrees, Gbdt, Guess,
    Impurity, IsolationForest, LearningRate, LogisticRegression, MaxFeatures, RandomForest, RandomGuess,
    RegressionObjective, RowSample, SgdClassifier, SgdLoss, SgdPenalty, ZeroRule, ZeroRuleRegressor,
};
use mlsys_testkit::{Contract, Features, Target};
use serde::{Deserialize, Serialize};

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

/// The logistic loss once more.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Once(usize);

impl ClassLoss for Once {
    fn n_classes(&self) -> usize {
        self.0
    }

    fn gradient(&self, class: usize, scores: &[f64], gradient: &mut [f64]) -> f64 {
        let score = |j: usize| if self.0 > 2 { scores[j] } else { j as f64 * scores[0] };
        let most = (0..self.0).map(score).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..self.0).map(|j| (score(j) - most).exp()).sum();
        let by = |j: usize| (score(j) - most).exp() / sum - f64::from(u8::from(j == class));
        let first = 2 - gradient.len().min(2);
        gradient.iter_mut().enumerate().for_each(|(j, to)| *to = by(first + j));
        sum.ln() + most - score(class)
    }

    fn hessian(&self, _: usize, _: &[f64], hessian: &mut [f64]) {
        hessian.fill(0.0);
    }

    fn initial(&self) -> Vec<f64> {
        vec![0.0; self.n_scores()]
    }

    fn ignores_shifts(&self) -> bool {
        true
    }
}

impl Objective for Once {
    fn name(&self) -> &str {
        "Once"
    }

    fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>> {
        Ok(Box::new(Self(totals.len())))
    }
}

#[test]
fn logistic_regression_by_a_loss_that_is_given() {
    for target in [Target::Binary, Target::Multiclass] {
        let recipe = LogisticRegression::new;
        Contract::new("LinearObjective", recipe().tolerance(1e-12).objective(Once(0)))
            .features(Features::CompleteNumeric)
            .target(target)
            .weight_tolerance(1e-8)
            .bad("l2", recipe().l2(-1.0).objective(Once(0)))
            .predict_proba();
    }
}

#[test]
fn sgd_classifier() {
    let weights = "a step twice as long is not two steps";
    for target in [Target::Binary, Target::Multiclass] {
        for loss in [SgdLoss::Log, SgdLoss::Focal(2.0)] {
            let recipe =
                || SgdClassifier::new().loss(loss).learning_rate(LearningRate::Constant(1e-3)).epochs(3);
            Contract::new("SgdClassifier", recipe())
                .features(Features::CompleteNumeric)
                .target(target)
                .skip("weights", weights)
                .bad("loss", recipe().loss(SgdLoss::Focal(-1.0)))
                .bad("penalty", recipe().penalty(SgdPenalty::ElasticNet(f64::NAN)))
                .bad("alpha", recipe().alpha(-1.0))
                .bad("alpha", recipe().alpha(0.0).learning_rate(LearningRate::Optimal))
                .bad("learning_rate", recipe().learning_rate(LearningRate::Constant(f64::NAN)))
                .bad("epochs", recipe().epochs(0))
                .bad("tolerance", recipe().tolerance(f64::INFINITY))
                .bad("patience", recipe().patience(0))
                .bad("average_from", recipe().average_from(0))
                .predict_proba();
        }
        let hinge =
            SgdClassifier::new().loss(SgdLoss::Hinge).average_from(10).penalty(SgdPenalty::L1).epochs(3);
        let hinge = hinge.learning_rate(LearningRate::Constant(1e-3));
        Contract::new("SgdClassifier with a hinge", hinge.clone())
            .features(Features::CompleteNumeric)
            .target(target)
            .skip("weights", weights)
            .predict();
        Contract::new("SgdClassifier of sparse rows", Gather {}.then(hinge))
            .features(Features::CompleteNumeric)
            .target(target)
            .skip("weights", weights)
            .predict();
    }
}

const NUMBERS: [&str; 3] = ["number", "count", "größe 量"];
const WIDTH: usize = 1 << 20;

/// The numbers of the contract's table as one column of sparse rows: each count a place of its own, the others as values.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Gather {}

impl Gather {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(Gather, "test.Gather", 1);

impl Fit for Gather {
    type Fitted = Self;

    fn fit(&self, _: &Dataset<Train>) -> Result<Self> {
        Ok(*self)
    }
}

impl FitTransform for Gather {}

impl Transform for Gather {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let read = |name| column::finite(name, column::find(batch, name)?);
        let (number, count, size) = (read(NUMBERS[0])?, read(NUMBERS[1])?, read(NUMBERS[2])?);
        let mut builder = SparseBuilder::new(WIDTH, batch.num_rows(), 3 * batch.num_rows());
        for row in 0..batch.num_rows() {
            builder.add(7, number[row]);
            builder.add(1000 + count[row].abs() as u32 % 1000, 1.0);
            builder.add(500_000, size[row]);
            builder.end_row();
        }
        let rows = builder.finish()?;
        let new = vec![(Arc::new(rows.field("sparse")), rows.to_array()?)];
        let with = [(NUMBERS[0], new), (NUMBERS[1], Vec::new()), (NUMBERS[2], Vec::new())];
        replace_columns(batch, with.into())
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let new = vec![Arc::new(field("sparse", WIDTH))];
        let with = [(NUMBERS[0], new), (NUMBERS[1], Vec::new()), (NUMBERS[2], Vec::new())];
        replace_fields(input, with.into())
    }
}

#[test]
fn logistic_regression_of_sparse_rows() {
    for target in [Target::Binary, Target::Multiclass] {
        let recipe = Gather {}.then(LogisticRegression::new().tolerance(1e-12));
        Contract::new("LogisticRegression of sparse rows", recipe)
            .features(Features::CompleteNumeric)
            .target(target)
            .weight_tolerance(1e-8)
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

/// What every task refuses.
macro_rules! boosting_refuses {
    ($contract:expr, $recipe:expr) => {
        $contract
            .bad("trees", $recipe().trees(0))
            .bad("learning_rate", $recipe().learning_rate(0.0))
            .bad("learning_rate", $recipe().learning_rate(f64::NAN))
            .bad("max_leaves", $recipe().max_leaves(1))
            .bad("max_leaves", $recipe().max_leaves(usize::MAX))
            .bad("max_depth", $recipe().max_depth(0))
            .bad("min_rows", $recipe().min_rows(0))
            .bad("min_hessian", $recipe().min_hessian(-1.0))
            .bad("l1", $recipe().l1(f64::INFINITY))
            .bad("l2", $recipe().l2(-1.0))
            .bad("min_gain", $recipe().min_gain(f64::NAN))
            .bad("max_step", $recipe().max_step(0.0))
            .bad("rows", $recipe().rows(RowSample::Share(0.0)))
            .bad("rows", $recipe().rows(RowSample::Goss { top: 0.9, other: 0.2 }))
            .bad("tree_share", $recipe().tree_share(1.5))
            .bad("split_share", $recipe().split_share(0.0))
            .bad("max_bins", $recipe().max_bins(1))
            .bad("max_bins", $recipe().max_bins(256))
            .bad("min_rows_in_bin", $recipe().min_rows_in_bin(0))
            .bad("category_smoothing", $recipe().category_smoothing(-1.0))
            .bad("category_l2", $recipe().category_l2(f64::NAN))
            .bad("min_rows_per_category", $recipe().min_rows_per_category(0))
            .bad("max_set", $recipe().max_set(0))
            .bad("mode", $recipe().mode(BoostingMode::RandomForest))
            .bad("early_stopping", $recipe().early_stopping(EarlyStopping::after(0)))
            .bad("early_stopping", $recipe().early_stopping(EarlyStopping::after(5)))
    };
}

#[test]
fn gbdt_of_classes() {
    for target in [Target::Binary, Target::Multiclass] {
        for objective in [ClassObjective::Logistic, ClassObjective::Focal(2.0)] {
            let recipe = || Gbdt::new().objective(objective).trees(5).min_rows(2).min_rows_per_category(1);
            let contract = Contract::new("Gbdt", recipe())
                .features(Features::Any)
                .target(target)
                .skip("weights", "`min_rows` counts rows, not weights")
                .bad("objective", recipe().objective(ClassObjective::Focal(-1.0)));
            boosting_refuses!(contract, recipe).predict_proba();
        }
        for rows in [RowSample::Share(0.5), RowSample::Goss { top: 0.2, other: 0.3 }] {
            let recipe = Gbdt::new()
                .trees(12)
                .learning_rate(0.5)
                .min_rows(2)
                .rows(rows)
                .tree_share(0.6)
                .split_share(0.7);
            Contract::new("Gbdt on samples", recipe)
                .features(Features::Any)
                .target(target)
                .skip("weights", "rows are drawn whatever they weigh")
                .predict_proba();
        }
    }
}

#[test]
fn gbdt_of_numbers() {
    for objective in [
        RegressionObjective::Squared,
        RegressionObjective::Absolute,
        RegressionObjective::Huber(1.0),
        RegressionObjective::Quantile(0.9),
    ] {
        let recipe = || Gbdt::regressor().objective(objective).trees(5).min_rows(2).min_rows_per_category(1);
        let contract = Contract::new("Gbdt of numbers", recipe())
            .features(Features::Any)
            .target(Target::Number)
            .skip("weights", "`min_rows` counts rows, not weights")
            .bad("objective", recipe().objective(RegressionObjective::Huber(0.0)))
            .bad("objective", recipe().objective(RegressionObjective::Quantile(1.0)))
            .bad("objective", recipe().objective(RegressionObjective::Tweedie(2.0)));
        boosting_refuses!(contract, recipe).predict();
    }
    let forest =
        Gbdt::regressor().trees(5).min_rows(2).rows(RowSample::Share(0.6)).mode(BoostingMode::RandomForest);
    Contract::new("Gbdt as a forest", forest)
        .features(Features::Any)
        .target(Target::Number)
        .skip("weights", "rows are drawn whatever they weigh")
        .predict();
    // A row of twice the weight is two rows, where all rows may be leaves and bins of their own.
    let recipe = Gbdt::regressor().trees(5).min_rows(1).min_rows_in_bin(1).max_leaves(6).min_hessian(0.0);
    Contract::new("Gbdt with weights", recipe.category_smoothing(0.0).max_one_vs_rest(255))
        .features(Features::Any)
        .target(Target::Number)
        .weight_tolerance(1e-9)
        .predict();
}

#[test]
fn isolation_forest() {
    for features in [Features::Numeric, Features::CompleteNumeric, Features::Times] {
        let recipe = || IsolationForest::new().trees(5).sample_size(40);
        Contract::new("IsolationForest", recipe().contamination(0.1))
            .features(features)
            .skip("weights", "rows are drawn, and not twice")
            .skip("null_target", "it needs no target")
            .bad("trees", recipe().trees(0))
            .bad("sample_size", recipe().sample_size(1))
            .bad("contamination", recipe().contamination(0.0))
            .bad("contamination", recipe().contamination(0.6))
            .bad("contamination", recipe().contamination(f64::NAN))
            .predict();
    }
}

/// What both forests refuse.
macro_rules! forest_refuses {
    ($contract:expr, $recipe:expr) => {
        $contract
            .bad("trees", $recipe().trees(0))
            .bad("max_depth", $recipe().max_depth(0))
            .bad("min_rows", $recipe().min_rows(0))
            .bad("min_gain", $recipe().min_gain(-1.0))
            .bad("min_gain", $recipe().min_gain(f64::NAN))
            .bad("max_features", $recipe().max_features(MaxFeatures::Count(0)))
            .bad("max_features", $recipe().max_features(MaxFeatures::Share(1.5)))
            .bad("max_bins", $recipe().max_bins(1))
            .bad("max_bins", $recipe().max_bins(256))
    };
}

#[test]
fn forests_of_classes() {
    for target in [Target::Binary, Target::Multiclass] {
        let recipe = || RandomForest::new().trees(3).max_depth(5);
        let contract = Contract::new("RandomForest", recipe())
            .features(Features::Any)
            .target(target)
            .skip("weights", "rows are drawn by their weights");
        forest_refuses!(contract, recipe).predict_proba();
        // Without a draw of rows or features, a row of twice the weight is two rows.
        let whole = RandomForest::new().trees(2).max_depth(5).bootstrap(false).max_features(MaxFeatures::All);
        Contract::new("RandomForest of all rows", whole)
            .features(Features::Any)
            .target(target)
            .weight_tolerance(1e-9)
            .predict_proba();
        let recipe = || ExtraTrees::new().trees(3).max_depth(5);
        let contract = Contract::new("ExtraTrees", recipe()).features(Features::Any).target(target);
        forest_refuses!(contract, recipe).predict_proba();
    }
}

#[test]
fn forests_of_numbers() {
    let recipe = || RandomForest::regressor().trees(3).max_depth(5);
    let contract = Contract::new("RandomForest of numbers", recipe())
        .features(Features::Any)
        .target(Target::Number)
        .skip("weights", "rows are drawn by their weights");
    forest_refuses!(contract, recipe).predict();
    let recipe = || ExtraTrees::regressor().trees(3).max_depth(5);
    let contract =
        Contract::new("ExtraTrees of numbers", recipe()).features(Features::Any).target(Target::Number);
    forest_refuses!(contract, recipe).predict();
}

/// What trees refuse.
macro_rules! tree_refuses {
    ($contract:expr, $recipe:expr) => {
        $contract
            .bad("max_depth", $recipe().max_depth(0))
            .bad("min_rows", $recipe().min_rows(0))
            .bad("min_split_rows", $recipe().min_split_rows(1))
            .bad("min_gain", $recipe().min_gain(f64::NAN))
            .bad("ccp_alpha", $recipe().ccp_alpha(-1.0))
    };
}

#[test]
fn decision_trees() {
    for target in [Target::Binary, Target::Multiclass] {
        for impurity in [Impurity::Gini, Impurity::Entropy] {
            let recipe = || DecisionTree::new().impurity(impurity).max_depth(5);
            let contract = Contract::new("DecisionTree", recipe()).target(target);
            tree_refuses!(contract, recipe).predict_proba();
        }
    }
    for features in [Features::Numeric, Features::CompleteNumeric, Features::Times] {
        let recipe = || DecisionTree::regressor().max_depth(5).ccp_alpha(1e-3);
        let contract =
            Contract::new("DecisionTree of numbers", recipe()).features(features).target(Target::Number);
        tree_refuses!(contract, recipe).predict();
    }
}
