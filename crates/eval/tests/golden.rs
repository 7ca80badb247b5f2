//! The numbers of scikit-learn 1.9.1, made by `testdata/gen/eval.py`.

// Clippy exempts test functions only, not the helpers beside them.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, BooleanArray, Float64Array, Int64Array};
use mlsys_core::ndarray::{Array2, ArrayView2};
use mlsys_core::{Category, Classes, Estimate, Metric, Prediction, Probabilities};
use mlsys_eval::*;
use serde_json::Value;

const AVERAGES: [(Average, &str); 3] =
    [(Average::Macro, "macro"), (Average::Micro, "micro"), (Average::Weighted, "weighted")];
const ZERO_DIVISIONS: [(ZeroDivision, &str); 3] =
    [(ZeroDivision::Zero, "zero"), (ZeroDivision::One, "one"), (ZeroDivision::Undefined, "undefined")];
const KINDS: [&str; 5] = ["binary", "multiclass", "labels", "regression", "proportion"];

fn cases(kind: &str) -> Vec<Value> {
    let all: Vec<Value> =
        mlsys_testkit::golden::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/eval.json"));
    for case in &all {
        assert!(KINDS.iter().any(|kind| case["input"]["kind"] == *kind), "no test reads {}", case["name"]);
    }
    all.into_iter().filter(|case| case["input"]["kind"] == kind).collect()
}

/// What the reference says of each item.
fn expected(case: &Value) -> impl Iterator<Item = (&str, &Value)> {
    case["expected"].as_object().unwrap().iter().map(|(item, value)| (item.as_str(), value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap()).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    numbers(value).iter().map(|&x| x == 1.0).collect()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn weights(case: &Value) -> Option<Vec<f64>> {
    let weights = &case["input"]["weights"];
    (!weights.is_null()).then(|| numbers(weights))
}

#[track_caller]
fn close(found: f64, expected: &Value, case: &Value) {
    let (expected, rtol) = (expected.as_f64().unwrap(), case["rtol"].as_f64().unwrap());
    assert!(
        (found - expected).abs() <= rtol * expected.abs() + 1e-15,
        "{}: {found} not {expected}",
        case["name"]
    );
}

#[track_caller]
fn all_close(found: &[f64], expected: &Value, case: &Value) {
    assert_eq!(found.len(), list(expected).len(), "{}", case["name"]);
    found.iter().zip(list(expected)).for_each(|(&a, b)| close(a, b, case));
}

#[track_caller]
fn interval_close((low, high): (f64, f64), expected: &Value, case: &Value) {
    all_close(&[low, high], expected, case);
}

/// A value, or null where scikit-learn has NaN and mlsys an error.
#[track_caller]
fn defined(found: mlsys_core::Result<f64>, expected: &Value, case: &Value) {
    match found {
        Ok(found) => close(found, expected, case),
        Err(error) => assert!(expected.is_null(), "{}: {error}", case["name"]),
    }
}

/// A table as metrics see it: the value over it must be the value over slices.
struct Table<'a> {
    case: &'a Value,
    truth: &'a dyn Array,
    weights: Option<&'a [f64]>,
}

impl Table<'_> {
    #[track_caller]
    fn estimate(&self, metric: impl Metric, p: &Prediction) -> Estimate {
        metric.score(self.truth, p, self.weights).unwrap()
    }

    #[track_caller]
    fn scores(&self, metric: impl Metric, p: &Prediction, expected: &Value) {
        close(self.estimate(metric, p).value, expected, self.case);
    }

    /// With Wilson's interval, which scipy knows for rows without weights.
    #[track_caller]
    fn share(&self, metric: impl Metric, p: &Prediction, expected: &Value) {
        let found = self.estimate(metric, p);
        close(found.value, &expected["value"], self.case);
        if !expected["interval"].is_null() {
            interval_close(found.interval.unwrap(), &expected["interval"], self.case);
        }
    }

    fn confusion(&self, p: &Prediction, expected: &Value) {
        let found = ConfusionMatrix::of(self.truth, p, self.weights).unwrap();
        for (shares, name) in [
            (found.counts(), "counts"),
            (found.normalized(Normalize::Truth), "truth"),
            (found.normalized(Normalize::Predicted), "predicted"),
            (found.normalized(Normalize::All), "all"),
        ] {
            assert_eq!(shares.nrows(), list(&expected[name]).len(), "{}", self.case["name"]);
            for (row, expected) in shares.outer_iter().zip(list(&expected[name])) {
                all_close(&row.to_vec(), expected, self.case);
            }
        }
    }
}

#[test]
fn binary() {
    for case in &cases("binary") {
        let (truth, p) = (bools(&case["input"]["truth"]), numbers(&case["input"]["probability"]));
        let hard: Vec<bool> = p.iter().map(|&p| p >= 0.5).collect();
        let w = weights(case);
        let w = w.as_deref();
        let zero = ZeroDivision::Zero;

        let boolean = BooleanArray::from(truth.clone());
        let table = Table { case, truth: &boolean, weights: w };
        let classes = Classes::new([false.into(), true.into()]).unwrap();
        let soft = Prediction::from_probabilities(classes, Probabilities::binary(&p).unwrap()).unwrap();
        let scored = Prediction::from_labels(Arc::new(Float64Array::from(p.clone())));
        let labels = Prediction::from_labels(Arc::new(BooleanArray::from(hard.clone())));
        let matrix =
            Array2::from_shape_fn((p.len(), 2), |(row, k)| if k == 1 { p[row] } else { 1.0 - p[row] });
        let codes: Vec<usize> = truth.iter().map(|&t| usize::from(t)).collect();

        for (item, expected) in expected(case) {
            match item {
                "RocAuc" => {
                    close(roc_auc(&truth, &p, w).unwrap(), expected, case);
                    table.scores(RocAuc::new(), &soft, expected);
                    table.scores(RocAuc::new(), &scored, expected);
                }
                "AveragePrecision" => {
                    close(average_precision(&truth, &p, w).unwrap(), expected, case);
                    table.scores(AveragePrecision::new(), &soft, expected);
                }
                "LogLoss" => {
                    close(log_loss(&truth, &p, w).unwrap(), expected, case);
                    table.scores(LogLoss::new(), &soft, expected);
                }
                "Brier" => {
                    close(brier(&truth, &p, w).unwrap(), &expected["half"], case);
                    let full = brier_multiclass(&codes, matrix.view(), w, BrierScale::Full).unwrap();
                    close(full, &expected["full"], case);
                    table.scores(Brier::new(), &soft, &expected["half"]);
                    table.scores(Brier::new().scale(BrierScale::Full), &soft, &expected["full"]);
                }
                "Accuracy" => {
                    close(accuracy(&truth, &hard, w).unwrap(), &expected["value"], case);
                    table.share(Accuracy::new(), &labels, expected);
                }
                "BalancedAccuracy" => {
                    close(balanced_accuracy(&truth, &hard, w).unwrap(), expected, case);
                    table.scores(BalancedAccuracy::new(), &labels, expected);
                }
                "Precision" => {
                    close(precision(&truth, &hard, w, zero).unwrap(), &expected["value"], case);
                    table.share(Precision::new(), &labels, expected);
                }
                "Recall" => {
                    close(recall(&truth, &hard, w, zero).unwrap(), &expected["value"], case);
                    table.share(Recall::new().positive(true), &labels, expected);
                }
                "FBeta" => {
                    for pair in list(expected) {
                        let (beta, expected) = (pair[0].as_f64().unwrap(), &pair[1]);
                        close(f_beta(&truth, &hard, w, beta, zero).unwrap(), expected, case);
                        table.scores(FBeta::new(beta), &labels, expected);
                    }
                }
                "ConfusionMatrix" => table.confusion(&labels, expected),
                "roc_curve" => {
                    let curve = roc_curve(&truth, &p, w).unwrap();
                    all_close(&curve.false_positive_rate, &expected["fpr"], case);
                    all_close(&curve.true_positive_rate, &expected["tpr"], case);
                    all_close(&curve.thresholds[1..], &expected["thresholds"], case);
                    close(curve.area(), &case["expected"]["RocAuc"], case);
                }
                "precision_recall_curve" => {
                    let curve = precision_recall_curve(&truth, &p, w).unwrap();
                    all_close(&curve.precision, &expected["precision"], case);
                    all_close(&curve.recall, &expected["recall"], case);
                    all_close(&curve.thresholds, &expected["thresholds"], case);
                }
                "CalibrationBins" => {
                    for expected in list(expected) {
                        let (bins, strategy) = binning(expected);
                        let recipe = CalibrationBins::new().bins(bins).strategy(strategy);
                        let report = recipe.of_slices(&truth, &p, w).unwrap();
                        assert_eq!(report, recipe.of(&boolean, &soft, w).unwrap());
                        let column =
                            |f: fn(&CalibrationBin) -> f64| report.bins.iter().map(f).collect::<Vec<_>>();
                        all_close(&column(|b| b.observed), &expected["observed"], case);
                        all_close(&column(|b| b.predicted), &expected["predicted"], case);
                    }
                }
                "Ece" => {
                    for expected in list(expected) {
                        let (bins, strategy) = binning(expected);
                        close(ece(&truth, &p, w, bins, strategy).unwrap(), &expected["value"], case);
                        table.scores(Ece::new().bins(bins).strategy(strategy), &soft, &expected["value"]);
                    }
                }
                "delong" => {
                    let found = delong(&truth, &p).unwrap();
                    close(found.auc, &expected["auc"], case);
                    close(found.variance, &expected["variance"], case);
                    interval_close(found.interval(0.95).unwrap(), &expected["interval"], case);
                    let estimate = table.estimate(RocAuc::new(), &soft);
                    interval_close(estimate.interval.unwrap(), &expected["interval"], case);
                }
                other => panic!("nothing checks {other}"),
            }
        }
    }
}

fn binning(expected: &Value) -> (usize, BinStrategy) {
    let strategy = match expected["strategy"].as_str().unwrap() {
        "uniform" => BinStrategy::Uniform,
        "quantile" => BinStrategy::Quantile,
        other => panic!("no strategy {other}"),
    };
    (whole(&expected["bins"]), strategy)
}

/// True and predicted classes of a table with several.
struct Labelled<'a> {
    table: Table<'a>,
    truth: &'a [i64],
    hard: &'a [i64],
    soft: &'a Prediction,
}

impl Labelled<'_> {
    /// A ratio by average and by what 0/0 is, over slices and over arrays; then of each class alone.
    fn ratio<M: Metric>(
        &self,
        over_slices: impl Fn(Average, ZeroDivision) -> mlsys_core::Result<f64>,
        metric: impl Fn(Average, ZeroDivision) -> M,
        of_class: impl Fn(i64) -> M,
        expected: &Value,
    ) {
        for (average, name) in AVERAGES {
            for (zero, zero_name) in ZERO_DIVISIONS {
                let expected = &expected[name][zero_name];
                close(over_slices(average, zero).unwrap(), expected, self.table.case);
                self.table.scores(metric(average, zero), self.soft, expected);
            }
        }
        for (class, expected) in (0..).zip(list(&expected["classes"])) {
            self.table.scores(of_class(class), self.soft, expected);
        }
    }

    fn ranked<M: Metric>(
        &self,
        metric: impl Fn(Average) -> M,
        of_class: impl Fn(i64) -> M,
        expected: &Value,
    ) {
        for (average, name) in AVERAGES {
            self.table.scores(metric(average), self.soft, &expected[name]);
        }
        for (class, expected) in (0..).zip(list(&expected["classes"])) {
            self.table.scores(of_class(class), self.soft, expected);
        }
    }
}

#[test]
fn multiclass() {
    for case in &cases("multiclass") {
        let codes: Vec<usize> = list(&case["input"]["truth"]).iter().map(whole).collect();
        let rows: Vec<Vec<f64>> = list(&case["input"]["probability"]).iter().map(numbers).collect();
        let k = rows[0].len();
        let p = Array2::from_shape_vec((rows.len(), k), rows.concat()).unwrap();
        let view: ArrayView2<'_, f64> = p.view();
        let w = weights(case);
        let w = w.as_deref();

        let truth: Vec<i64> = codes.iter().map(|&t| t as i64).collect();
        let array = Int64Array::from(truth.clone());
        let classes = Classes::new((0..k as i64).map(Category::Int)).unwrap();
        let soft = Prediction::from_probabilities(classes, Probabilities::new(p.clone()).unwrap()).unwrap();
        let hard: Vec<i64> = soft.probabilities().unwrap().1.argmax().iter().map(|&c| c as i64).collect();
        let labelled = Labelled {
            table: Table { case, truth: &array, weights: w },
            truth: &truth,
            hard: &hard,
            soft: &soft,
        };
        let (table, truth, hard) = (&labelled.table, labelled.truth, labelled.hard);

        for (item, expected) in expected(case) {
            match item {
                "RocAuc" => labelled.ranked(
                    |average| RocAuc::new().average(average),
                    |class| RocAuc::new().positive(class),
                    expected,
                ),
                "AveragePrecision" => labelled.ranked(
                    |average| AveragePrecision::new().average(average),
                    |class| AveragePrecision::new().positive(class),
                    expected,
                ),
                "LogLoss" => {
                    close(log_loss_multiclass(&codes, view, w).unwrap(), expected, case);
                    table.scores(LogLoss::new(), &soft, expected);
                }
                "Brier" => {
                    for (scale, name) in [(BrierScale::Auto, "full"), (BrierScale::Half, "half")] {
                        let found = brier_multiclass(&codes, view, w, scale).unwrap();
                        close(found, &expected[name], case);
                        table.scores(Brier::new().scale(scale), &soft, &expected[name]);
                    }
                }
                "Accuracy" => {
                    close(accuracy(truth, hard, w).unwrap(), expected, case);
                    table.scores(Accuracy::new(), &soft, expected);
                }
                "BalancedAccuracy" => {
                    close(balanced_accuracy(truth, hard, w).unwrap(), expected, case);
                    table.scores(BalancedAccuracy::new(), &soft, expected);
                }
                "Precision" => labelled.ratio(
                    |average, zero| precision_average(truth, hard, w, average, zero),
                    |average, zero| Precision::new().average(average).zero_division(zero),
                    |class| Precision::new().positive(class),
                    expected,
                ),
                "Recall" => labelled.ratio(
                    |average, zero| recall_average(truth, hard, w, average, zero),
                    |average, zero| Recall::new().average(average).zero_division(zero),
                    |class| Recall::new().positive(class),
                    expected,
                ),
                "FBeta" => {
                    for pair in list(expected) {
                        let beta = pair[0].as_f64().unwrap();
                        labelled.ratio(
                            |average, zero| f_beta_average(truth, hard, w, beta, average, zero),
                            |average, zero| FBeta::new(beta).average(average).zero_division(zero),
                            |class| FBeta::new(beta).positive(class),
                            &pair[1],
                        );
                    }
                }
                "ConfusionMatrix" => table.confusion(&soft, expected),
                "Ece" => table.scores(Ece::new(), &soft, expected),
                other => panic!("nothing checks {other}"),
            }
        }
    }
}

#[test]
fn labels_that_leave_ratios_undefined() {
    for case in &cases("labels") {
        let (truth, hard) = (bools(&case["input"]["truth"]), bools(&case["input"]["predicted"]));
        let w = weights(case);
        let w = w.as_deref();
        let boolean = BooleanArray::from(truth.clone());
        let table = Table { case, truth: &boolean, weights: w };
        let labels = Prediction::from_labels(Arc::new(BooleanArray::from(hard.clone())));
        for (item, expected) in expected(case) {
            for (zero, name) in ZERO_DIVISIONS {
                match item {
                    "Accuracy" => close(accuracy(&truth, &hard, w).unwrap(), expected, case),
                    "Precision" => defined(precision(&truth, &hard, w, zero), &expected[name], case),
                    "Recall" => defined(recall(&truth, &hard, w, zero), &expected[name], case),
                    "FBeta" => list(expected).iter().for_each(|pair| {
                        let found = f_beta(&truth, &hard, w, pair[0].as_f64().unwrap(), zero);
                        defined(found, &pair[1][name], case);
                    }),
                    "ConfusionMatrix" => table.confusion(&labels, expected),
                    other => panic!("nothing checks {other}"),
                }
            }
        }
    }
}

#[test]
fn regression() {
    for case in &cases("regression") {
        let (truth, predicted) = (numbers(&case["input"]["truth"]), numbers(&case["input"]["predicted"]));
        let w = weights(case);
        let w = w.as_deref();
        let array = Float64Array::from(truth.clone());
        let table = Table { case, truth: &array, weights: w };
        let prediction = Prediction::from_labels(Arc::new(Float64Array::from(predicted.clone())));
        for (item, expected) in expected(case) {
            let over_slices = match item {
                "Mae" => {
                    table.scores(Mae::new(), &prediction, expected);
                    mae(&truth, &predicted, w)
                }
                "Mse" => {
                    table.scores(Mse::new(), &prediction, expected);
                    mse(&truth, &predicted, w)
                }
                "Rmse" => {
                    table.scores(Rmse::new(), &prediction, expected);
                    rmse(&truth, &predicted, w)
                }
                "R2" => {
                    table.scores(R2::new(), &prediction, expected);
                    r2(&truth, &predicted, w)
                }
                other => panic!("nothing checks {other}"),
            };
            close(over_slices.unwrap(), expected, case);
        }
    }
}

#[test]
fn proportions() {
    for case in &cases("proportion") {
        let input = |name: &str| case["input"][name].as_f64().unwrap();
        let rows = input("rows");
        for (item, expected) in expected(case) {
            assert_eq!(item, "wilson_interval");
            interval_close(
                wilson_interval(input("hits") / rows, rows, input("level")).unwrap(),
                expected,
                case,
            );
        }
    }
}

/// What no reference has: worked out by hand, or printed in a paper's or a package's documentation.
#[test]
fn by_hand() {
    let truth = [false, false, true, false, false, true, true, false, true, true];
    let second = [0.3, 0.1, 0.2, 0.6, 0.4, 0.5, 0.45, 0.7, 0.65, 0.8];
    let found = delong(&truth, &second).unwrap();
    assert!((found.auc - 0.64).abs() < 1e-15 && (found.variance - 0.0392).abs() < 1e-15, "{found:?}");
    // 0.64 -+ 1.959964 x 0.197990, cut at 1.
    let (low, high) = found.interval(0.95).unwrap();
    assert!((low - 0.2519469292).abs() < 1e-9 && high == 1.0, "{low} {high}");
    let (low, high) = wilson_interval(0.0, 10.0, 0.95).unwrap();
    assert!(low == 0.0 && (high - 0.2775327999).abs() < 1e-9, "{high}");
}

/// A share of weighted rows has the interval of Kish's effective number of rows, (sum w)^2 / sum w^2.
#[test]
fn intervals_of_weighted_shares() {
    let labels = |values: [i64; 3]| Int64Array::from(values.to_vec());
    let prediction = Prediction::from_labels(Arc::new(labels([1, 1, 0])));
    let weights = [3.0, 2.0, 1.0];
    let score = |metric: &dyn Metric| {
        let found = metric.score(&labels([1, 0, 0]), &prediction, Some(&weights)).unwrap();
        (found.value, found.interval.unwrap())
    };
    // The first and last row are right: (3 + 1)/6. All rows count: 6^2/(9 + 4 + 1).
    let expected = (4.0 / 6.0, wilson_interval(4.0 / 6.0, 36.0 / 14.0, 0.95).unwrap());
    assert_eq!(score(&Accuracy::new()), expected);
    // Of the two rows predicted as 1, the first is right: 3/5, and 5^2/(9 + 4).
    let expected = (3.0 / 5.0, wilson_interval(3.0 / 5.0, 25.0 / 13.0, 0.95).unwrap());
    assert_eq!(score(&Precision::new()), expected);
}

/// scikit-learn's curve has no weights: with weights that are not whole, an edge is the first probability beyond the share.
#[test]
fn quantile_bins_of_weights_that_are_not_whole() {
    let (truth, p) = ([false, true, true, true], [0.1, 0.3, 0.6, 0.8]);
    let w = [0.5, 0.25, 0.75, 0.5];
    let recipe = CalibrationBins::new().bins(2).strategy(BinStrategy::Quantile);
    let bins = recipe.of_slices(&truth, &p, Some(&w)).unwrap().bins;
    // Half of the weight of 2 is 1; weights add up to 0.5, 0.75 and 1.5, so that the edge is 0.6, in the lower bin.
    assert_eq!((bins.len(), bins[0].high, bins[0].weight), (2, 0.6, 1.5));
    // (0.25 + 0.75)/1.5, and (0.5 x 0.1 + 0.25 x 0.3 + 0.75 x 0.6)/1.5 = 0.575/1.5.
    assert!((bins[0].observed - 2.0 / 3.0).abs() < 1e-15 && (bins[0].predicted - 0.575 / 1.5).abs() < 1e-15);
    assert_eq!((bins[1].observed, bins[1].predicted), (1.0, 0.8));
    // (1.5 |1/1.5 - 0.575/1.5| + 0.5 |1 - 0.8|)/2 = (0.425 + 0.1)/2.
    let gap = ece(&truth, &p, Some(&w), 2, BinStrategy::Quantile).unwrap();
    assert!((gap - 0.2625).abs() < 1e-15, "{gap}");
}

/// A class of weight zero does not occur: scikit-learn would still count it as one of three.
#[test]
fn a_class_of_weight_zero_enters_no_mean() {
    let (truth, predicted, w) = ([0, 0, 1, 2], [0, 1, 1, 0], [1.0, 1.0, 1.0, 0.0]);
    // Recall is 1/2 for class 0 and 1 for class 1; precision 1 and 1/2; F1 2/3 each.
    let zero = ZeroDivision::Zero;
    assert_eq!(recall_average(&truth, &predicted, Some(&w), Average::Macro, zero).unwrap(), 0.75);
    assert_eq!(precision_average(&truth, &predicted, Some(&w), Average::Macro, zero).unwrap(), 0.75);
    assert_eq!(f_beta_average(&truth, &predicted, Some(&w), 1.0, Average::Macro, zero).unwrap(), 2.0 / 3.0);
    assert_eq!(balanced_accuracy(&truth, &predicted, Some(&w)).unwrap(), 0.75);
}
