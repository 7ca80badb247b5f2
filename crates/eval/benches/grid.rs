//! Every metric on the grid's rows.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::seed;
use mlsys_eval::{
    BinStrategy, ConfusionMatrix, ZeroDivision, accuracy, average_precision, balanced_accuracy, brier,
    delong, ece, f_beta, log_loss, mae, mse, precision, precision_recall_curve, r2, recall, rmse, roc_auc,
    roc_curve,
};
use mlsys_testkit::bench::{Grid, Point};

/// Truth, score, and the label that the score gives at a half.
fn scored(point: &Point) -> (Vec<bool>, Vec<f64>, Vec<bool>) {
    let mut rng = seed::stream(5, 0);
    let score: Vec<f64> = (0..point.rows).map(|_| seed::uniform(&mut rng)).collect();
    let truth = score.iter().map(|&p| seed::uniform(&mut rng) < p).collect();
    let label = score.iter().map(|&p| p > 0.5).collect();
    (truth, score, label)
}

fn values(point: &Point) -> (Vec<f64>, Vec<f64>) {
    let mut rng = seed::stream(6, 0);
    (0..point.rows).map(|_| (seed::uniform(&mut rng), seed::uniform(&mut rng))).unzip()
}

fn labels(criterion: &mut Criterion) {
    let grid = Grid::rows();
    grid.measure(criterion, "accuracy", scored, |(t, _, l)| accuracy(t, l, None).unwrap());
    grid.measure(criterion, "balanced_accuracy", scored, |(t, _, l)| balanced_accuracy(t, l, None).unwrap());
    grid.measure(criterion, "precision", scored, |(t, _, l)| {
        precision(t, l, None, ZeroDivision::Zero).unwrap()
    });
    grid.measure(criterion, "recall", scored, |(t, _, l)| recall(t, l, None, ZeroDivision::Zero).unwrap());
    grid.measure(criterion, "f_beta", scored, |(t, _, l)| {
        f_beta(t, l, None, 1.0, ZeroDivision::Zero).unwrap()
    });
    grid.measure(criterion, "confusion_matrix", scored, |(t, _, l)| {
        ConfusionMatrix::new(t, l, None).unwrap()
    });
}

fn scores(criterion: &mut Criterion) {
    let grid = Grid::rows();
    grid.measure(criterion, "roc_auc", scored, |(t, s, _)| roc_auc(t, s, None).unwrap());
    grid.measure(criterion, "delong", scored, |(t, s, _)| delong(t, s).unwrap());
    grid.measure(criterion, "roc_curve", scored, |(t, s, _)| roc_curve(t, s, None).unwrap());
    grid.measure(criterion, "average_precision", scored, |(t, s, _)| average_precision(t, s, None).unwrap());
    grid.measure(criterion, "precision_recall_curve", scored, |(t, s, _)| {
        precision_recall_curve(t, s, None).unwrap()
    });
    grid.measure(criterion, "log_loss", scored, |(t, s, _)| log_loss(t, s, None).unwrap());
    grid.measure(criterion, "brier", scored, |(t, s, _)| brier(t, s, None).unwrap());
    grid.measure(criterion, "ece", scored, |(t, s, _)| ece(t, s, None, 10, BinStrategy::Uniform).unwrap());
}

fn regression(criterion: &mut Criterion) {
    let grid = Grid::rows();
    grid.measure(criterion, "mae", values, |(t, p)| mae(t, p, None).unwrap());
    grid.measure(criterion, "mse", values, |(t, p)| mse(t, p, None).unwrap());
    grid.measure(criterion, "rmse", values, |(t, p)| rmse(t, p, None).unwrap());
    grid.measure(criterion, "r2", values, |(t, p)| r2(t, p, None).unwrap());
}

criterion_group!(benches, labels, scores, regression);
criterion_main!(benches);
