//! Every model on the fixed grid, without missing values: fitting and predicting.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Dataset, Fit, Predict, PredictProba, Train};
use mlsys_models::{ExistingPrediction, LogisticRegression, RandomGuess, Rule, ZeroRule, ZeroRuleRegressor};
use mlsys_testkit::bench::{Grid, Point, labelled};

fn train(target: &'static str) -> impl Fn(&Point) -> Dataset<Train> {
    move |point| Dataset::new(labelled(point)).unwrap().target(target).unwrap().into_train_all()
}

fn both<F: Fit<Fitted: Send + Sync> + Sync, R: Send>(
    criterion: &mut Criterion,
    name: &str,
    target: &'static str,
    recipe: &F,
    predict: impl Fn(&F::Fitted, &RecordBatch) -> R + Sync,
) {
    Grid::complete()
        .measure(criterion, &format!("{name}/fit"), train(target), |train| recipe.fit(train).unwrap());
    let fitted = |point: &Point| {
        let train = train(target)(point);
        (recipe.fit(&train).unwrap(), train)
    };
    Grid::complete().measure(criterion, &format!("{name}/predict"), fitted, |(fitted, train)| {
        predict(fitted, train.batch())
    });
}

fn proba<M: PredictProba>(model: &M, batch: &RecordBatch) -> mlsys_core::Probabilities {
    model.predict_proba(batch).unwrap()
}

fn models(criterion: &mut Criterion) {
    both(criterion, "logistic_regression", "label", &LogisticRegression::new(), proba);
    both(criterion, "zero_rule", "label", &ZeroRule::new(), proba);
    both(criterion, "random_guess", "label", &RandomGuess::new(), proba);
    both(criterion, "zero_rule_regressor", "x0", &ZeroRuleRegressor::new(), |model, batch| {
        model.predict(batch).unwrap()
    });
    let rule = Rule::probability(|batch| {
        let x = mlsys_core::column::floats("x1", batch.column(1))?;
        Ok(x.iter().map(|&x| if x > 0.0 { 0.9 } else { 0.1 }).collect())
    });
    both(criterion, "rule", "label", &rule, proba);
    both(criterion, "existing_prediction", "label", &ExistingPrediction::label("label"), |model, batch| {
        model.predict(batch).unwrap()
    });
}

criterion_group!(benches, models);
criterion_main!(benches);
