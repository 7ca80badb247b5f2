//! The losses of one crate in the learner of another, and what a tuned threshold says beside a metric.
#![cfg(all(feature = "imbalance", feature = "models", feature = "eval"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys::core::{Objective, seed};
use mlsys::eval::FBeta;
use mlsys::imbalance::{FocalLoss, FocalWeights, LdamLoss, LogitAdjustment};
use mlsys::models::{FittedLogisticRegression, Intercept, LogisticRegression};
use mlsys::prelude::*;

/// Rows of overlapping classes, of which the later ones are rarer.
fn data(rows: usize, classes: i64) -> Dataset<Train> {
    let mut rng = seed::stream(9, 0);
    let mut draw = || seed::uniform(&mut rng);
    let class: Vec<i64> =
        (0..rows).map(|_| ((draw() * draw() * 1.2 * classes as f64) as i64).min(classes - 1)).collect();
    let mut column = |of: i64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            class.iter().map(|&c| f64::from(u8::from(c == of)) + 3.0 * draw()),
        ))
    };
    let columns = [
        ("a", column(0)),
        ("b", column(1)),
        ("c", column(classes - 1)),
        ("y", Arc::new(Int64Array::from(class.clone())) as _),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap().into_train_all()
}

fn close(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{what}: {a} {b}"));
}

/// `½ Σₖ (zₖ − [k = y])²`, of as many classes as it says, starting from so many scores.
#[derive(Debug, Clone)]
struct Squares(usize, usize);

impl mlsys::core::ClassLoss for Squares {
    fn n_classes(&self) -> usize {
        self.0
    }

    fn gradient(&self, class: usize, scores: &[f64], gradient: &mut [f64]) -> f64 {
        let rest = scores.iter().enumerate().map(|(k, z)| z - f64::from(u8::from(k == class)));
        gradient.iter_mut().zip(rest).for_each(|(to, by)| *to = by);
        gradient.iter().map(|by| 0.5 * by * by).sum()
    }

    fn hessian(&self, _: usize, _: &[f64], hessian: &mut [f64]) {
        hessian.fill(0.0);
        hessian.iter_mut().step_by(self.0 + 1).for_each(|on| *on = 1.0);
    }

    fn initial(&self) -> Vec<f64> {
        vec![0.1; self.1]
    }
}

impl mlsys::core::Objective for Squares {
    fn name(&self) -> &str {
        "Squares"
    }

    fn of_classes(&self, _: &[f64]) -> Result<Box<dyn mlsys::core::ClassLoss>> {
        Ok(Box::new(self.clone()))
    }
}

#[test]
fn what_a_loss_sees_is_kept_and_losses_of_other_classes_are_refused() {
    let train = data(300, 3);
    let fit = |loss| LogisticRegression::new().l2(1e-3).objective(loss).fit(&train);
    let model = fit(Squares(3, 3)).unwrap();
    // The least squares of shares: at the means of the columns the scores of all classes sum to 1, not to 0.
    let batch = train.batch();
    let mean = |name: &str| {
        let values = mlsys::core::column::floats(name, &batch[name]).unwrap();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let shared: f64 = model.intercepts().iter().sum::<f64>()
        + model.coefficients().iter().map(|(name, c)| mean(name) * c.iter().sum::<f64>()).sum::<f64>();
    assert!((shared - 1.0).abs() < 1e-4, "{shared}");
    for loss in [Squares(2, 1), Squares(4, 4), Squares(3, 2)] {
        let error = fit(loss).unwrap_err().to_string();
        assert!(error.contains("`Squares`") && error.contains("3 classes"), "{error}");
    }
}

#[test]
fn without_parameters_they_are_the_logistic_regression() {
    for classes in [2, 3] {
        let train = data(800, classes);
        let plain = LogisticRegression::new().fit(&train).unwrap();
        let same = |objective: &dyn Fn() -> FittedLogisticRegression, what: &str| {
            let found = objective();
            assert!(found.converged(), "{what}");
            for (name, expected) in plain.coefficients() {
                close(found.coefficients()[name], expected, what);
            }
            close(found.intercepts(), plain.intercepts(), what);
        };
        let recipe = LogisticRegression::new;
        same(&|| recipe().objective(FocalLoss::new(0.0)).fit(&train).unwrap(), "focal");
        same(&|| recipe().objective(LogitAdjustment::new(0.0)).fit(&train).unwrap(), "adjustment");
        same(&|| recipe().objective(LdamLoss::new(0.0)).fit(&train).unwrap(), "margins");
    }
}

#[test]
fn adjustment_moves_a_free_intercept_alone() {
    let train = data(900, 2);
    let plain = LogisticRegression::new().fit(&train).unwrap();
    let adjusted = LogisticRegression::new().objective(LogitAdjustment::new(1.0)).fit(&train).unwrap();
    let sizes = ClassSizes::of(&train).unwrap();
    let odds = (sizes.sizes()[1] as f64 / sizes.sizes()[0] as f64).ln();
    for (name, expected) in plain.coefficients() {
        close(adjusted.coefficients()[name], expected, name);
    }
    close(adjusted.intercepts(), &[plain.intercepts()[0] - odds], "intercept");
    // As the correction from the data's shares to even ones.
    let even = PriorCorrection::new(
        plain.classes().clone(),
        &[1.0, 1.0],
        &sizes.sizes().iter().map(|&n| n as f64).collect::<Vec<_>>(),
    );
    let corrected = even.unwrap().apply(&plain.predict_proba(train.batch()).unwrap()).unwrap().positive();
    close(&adjusted.predict_proba(train.batch()).unwrap().positive(), &corrected, "probabilities");
}

/// What is minimised is not less anywhere near.
#[test]
fn minima_are_minima() {
    for classes in [2, 3] {
        let train = data(300, classes);
        let y: Vec<usize> = mlsys::core::column::floats("y", train.column("y").unwrap())
            .unwrap()
            .iter()
            .map(|&y| y as usize)
            .collect();
        let columns: Vec<_> = ["a", "b", "c"]
            .map(|name| mlsys::core::column::floats(name, train.column(name).unwrap()).unwrap())
            .into();
        let totals: Vec<f64> = ClassSizes::of(&train).unwrap().sizes().iter().map(|&n| n as f64).collect();
        let recipe = || LogisticRegression::new().intercept(Intercept::Zero);
        let focal = FocalLoss::new(1.5).weights(FocalWeights::EffectiveNumber(0.99));
        let margins = LdamLoss::new(0.7).scale(2.0);
        let adjusted = LogitAdjustment::new(1.2);
        let fitted: [(&dyn Objective, FittedLogisticRegression); 3] = [
            (&focal, recipe().objective(focal).fit(&train).unwrap()),
            (&margins, recipe().objective(margins).fit(&train).unwrap()),
            (&adjusted, recipe().objective(adjusted).fit(&train).unwrap()),
        ];
        for (objective, model) in fitted {
            assert!(model.converged(), "{}", objective.name());
            let loss = objective.of_classes(&totals).unwrap();
            let at = |coefficients: &[Vec<f64>]| {
                let penalty: f64 = coefficients.iter().flatten().map(|b| 0.5 * b * b).sum();
                let one = |(row, &y): (usize, &usize)| {
                    let score = |k: usize| (0..3).map(|j| coefficients[j][k] * columns[j][row]).sum::<f64>();
                    let scores: Vec<f64> = (0..loss.n_scores()).map(score).collect();
                    loss.gradient(y, &scores, &mut vec![0.0; scores.len()])
                };
                penalty + y.iter().enumerate().map(one).sum::<f64>()
            };
            let best: Vec<Vec<f64>> = ["a", "b", "c"].map(|name| model.coefficients()[name].to_vec()).into();
            let least = at(&best);
            assert!((model.objective() - least).abs() < 1e-8, "{}", objective.name());
            for j in 0..3 {
                for k in 0..loss.n_scores() {
                    for step in [-1e-3, 1e-3] {
                        let mut near = best.clone();
                        near[j][k] += step;
                        assert!(at(&near) > least, "{} {j} {k}", objective.name());
                    }
                }
            }
        }
    }
}

#[test]
fn tuned_values_are_those_of_the_metric() {
    let train = data(600, 2);
    let model = LogisticRegression::new().fit(&train).unwrap();
    let validation =
        Dataset::new(data(500, 2).batch().clone()).unwrap().target("y").unwrap().into_validation_all();
    let tuned = ThresholdTuner::new(ThresholdGoal::FBeta(2.0)).tune(&model, &validation).unwrap();
    let labels = tuned.labels(model.classes(), &model.predict_proba(validation.batch()).unwrap()).unwrap();
    let metric = FBeta::new(2.0);
    let found = metric.score_on(&validation, &Prediction::from_labels(labels)).unwrap();
    assert!((found.value - tuned.value()).abs() < 1e-12);
    assert!(tuned.value() >= tuned.at_half());
    // By the metric itself, at every threshold.
    let by = ThresholdTuner::by_metric(&metric, &model, &validation, usize::MAX).unwrap();
    assert!((by.value() - tuned.value()).abs() < 1e-12 && by.threshold() == tuned.threshold());
}
