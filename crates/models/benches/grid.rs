//! Every model on the fixed grid, without missing values: fitting and predicting.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Field, Schema};
use mlsys_core::sparse::SparseBuilder;
use mlsys_core::{Dataset, Fit, Predict, PredictProba, Train, seed};
use mlsys_models::{
    ExistingPrediction, Gbdt, LogisticRegression, RandomGuess, Rule, SgdClassifier, ZeroRule,
    ZeroRuleRegressor,
};
use mlsys_testkit::bench::{Grid, Point, labelled};

fn train(target: &'static str) -> impl Fn(&Point) -> Dataset<Train> {
    move |point| Dataset::new(labelled(point)).unwrap().target(target).unwrap().into_train_all()
}

/// As many entries per row as the grid has columns, among 2^18 places, of which a few hundred are frequent.
fn sparse(point: &Point) -> Dataset<Train> {
    let mut builder = SparseBuilder::new(1 << 18, point.rows, point.rows * point.columns);
    let mut rng = seed::stream(4, 0);
    for _ in 0..point.rows {
        for _ in 0..point.columns {
            builder.add((seed::uniform(&mut rng).powi(4) * 262_143.0) as u32, 1.0);
        }
        builder.end_row();
    }
    let rows = builder.finish().unwrap();
    let label = labelled(&Point { columns: 1, ..*point }).column_by_name("label").unwrap().clone();
    let schema =
        Schema::new(vec![rows.field("sparse"), Field::new("label", label.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![rows.to_array().unwrap(), label]).unwrap();
    Dataset::new(batch).unwrap().target("label").unwrap().into_train_all()
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
    let recipe = LogisticRegression::new();
    Grid::complete().measure(criterion, "logistic_regression of sparse rows/fit", sparse, |train| {
        recipe.fit(train).unwrap()
    });
    let sgd = SgdClassifier::new().epochs(5).tolerance(None);
    both(criterion, "sgd_classifier", "label", &sgd, proba);
    Grid::complete()
        .measure(criterion, "sgd_classifier of sparse rows/fit", sparse, |train| sgd.fit(train).unwrap());
    both(criterion, "gbdt", "label", &Gbdt::new().trees(20), proba);
    both(criterion, "gbdt of numbers", "x0", &Gbdt::regressor().trees(20), |model, batch| {
        model.predict(batch).unwrap()
    });
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
