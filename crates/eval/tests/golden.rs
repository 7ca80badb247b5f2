//! The numbers of scikit-learn 1.9.1, made by `testdata/gen/eval.py`.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, BooleanArray, Float64Array, Int64Array};
use mlsys_core::ndarray::Array2;
use mlsys_core::{Category, Classes, Metric, Prediction, Probabilities};
use mlsys_eval::*;
use serde_json::Value;

fn cases(kind: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/eval.json");
    let all: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found: Vec<Value> = all.into_iter().filter(|case| case["input"]["kind"] == kind).collect();
    assert!(found.len() >= 3, "{kind}: {}", found.len());
    found
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
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
    assert_eq!(found.len(), expected.as_array().unwrap().len(), "{}", case["name"]);
    found.iter().zip(expected.as_array().unwrap()).for_each(|(&a, b)| close(a, b, case));
}

/// The value over arrays must be the value over slices.
#[track_caller]
fn scores(
    metric: impl Metric,
    truth: &dyn Array,
    p: &Prediction,
    w: Option<&[f64]>,
    expected: &Value,
    case: &Value,
) {
    close(metric.score(truth, p, w).unwrap().value, expected, case);
}

#[test]
fn binary() {
    for case in cases("binary") {
        let expected = &case["expected"];
        let truth: Vec<bool> = numbers(&case["input"]["truth"]).iter().map(|&t| t == 1.0).collect();
        let p = numbers(&case["input"]["probability"]);
        let hard: Vec<bool> = p.iter().map(|&p| p >= 0.5).collect();
        let w = weights(&case);
        let w = w.as_deref();
        let zero = ZeroDivision::Zero;
        close(roc_auc(&truth, &p, w).unwrap(), &expected["roc_auc"], &case);
        close(average_precision(&truth, &p, w).unwrap(), &expected["average_precision"], &case);
        close(log_loss(&truth, &p, w).unwrap(), &expected["log_loss"], &case);
        close(brier(&truth, &p, w).unwrap(), &expected["brier"], &case);
        close(accuracy(&truth, &hard, w).unwrap(), &expected["accuracy"], &case);
        close(balanced_accuracy(&truth, &hard, w).unwrap(), &expected["balanced_accuracy"], &case);
        close(precision(&truth, &hard, w, zero).unwrap(), &expected["precision"], &case);
        close(recall(&truth, &hard, w, zero).unwrap(), &expected["recall"], &case);
        for (beta, name) in [(1.0, "f1"), (2.0, "f2"), (0.5, "f05")] {
            close(f_beta(&truth, &hard, w, beta, zero).unwrap(), &expected[name], &case);
        }

        let boolean = BooleanArray::from(truth.clone());
        let classes = Classes::new([false.into(), true.into()]).unwrap();
        let soft = Prediction::from_probabilities(classes, Probabilities::binary(&p).unwrap()).unwrap();
        let labels = Prediction::from_labels(Arc::new(BooleanArray::from(hard.clone())));
        scores(RocAuc::new(), &boolean, &soft, w, &expected["roc_auc"], &case);
        scores(AveragePrecision::new(), &boolean, &soft, w, &expected["average_precision"], &case);
        scores(LogLoss::new(), &boolean, &soft, w, &expected["log_loss"], &case);
        scores(Brier::new(), &boolean, &soft, w, &expected["brier"], &case);
        scores(Accuracy::new(), &boolean, &labels, w, &expected["accuracy"], &case);
        scores(BalancedAccuracy::new(), &boolean, &labels, w, &expected["balanced_accuracy"], &case);
        scores(Precision::new(), &boolean, &labels, w, &expected["precision"], &case);
        scores(Recall::new().positive(true), &boolean, &labels, w, &expected["recall"], &case);
        scores(FBeta::f1(), &boolean, &labels, w, &expected["f1"], &case);
        let scored = Prediction::from_labels(Arc::new(Float64Array::from(p.clone())));
        scores(RocAuc::new(), &boolean, &scored, w, &expected["roc_auc"], &case);

        let matrix = ConfusionMatrix::of(&boolean, &labels, w).unwrap();
        for (row, counts) in
            matrix.counts().unwrap().outer_iter().zip(expected["confusion"].as_array().unwrap())
        {
            all_close(&row.to_vec(), counts, &case);
        }
        let roc = roc_curve(&truth, &p, w).unwrap();
        all_close(&roc.false_positive_rate, &expected["curves"]["fpr"], &case);
        all_close(&roc.true_positive_rate, &expected["curves"]["tpr"], &case);
        all_close(&roc.thresholds[1..], &expected["curves"]["roc_thresholds"], &case);
        close(roc.area(), &expected["roc_auc"], &case);
        let curve = precision_recall_curve(&truth, &p, w).unwrap();
        all_close(&curve.precision, &expected["curves"]["precision"], &case);
        all_close(&curve.recall, &expected["curves"]["recall"], &case);
        all_close(&curve.thresholds, &expected["curves"]["pr_thresholds"], &case);

        for (strategy, name) in [(BinStrategy::Uniform, "uniform"), (BinStrategy::Quantile, "quantile")] {
            for expected in expected[name].as_array().unwrap() {
                let bins = expected["bins"].as_u64().unwrap() as usize;
                let report =
                    CalibrationBins::new().bins(bins).strategy(strategy).of_slices(&truth, &p, w).unwrap();
                all_close(
                    &report.bins.iter().map(|b| b.observed).collect::<Vec<_>>(),
                    &expected["observed"],
                    &case,
                );
                all_close(
                    &report.bins.iter().map(|b| b.predicted).collect::<Vec<_>>(),
                    &expected["predicted"],
                    &case,
                );
                close(ece(&truth, &p, w, bins, strategy).unwrap(), &expected["ece"], &case);
                scores(Ece::new().bins(bins).strategy(strategy), &boolean, &soft, w, &expected["ece"], &case);
            }
        }
    }
}

#[test]
fn multiclass() {
    for case in cases("multiclass") {
        let expected = &case["expected"];
        let truth: Vec<usize> = numbers(&case["input"]["truth"]).iter().map(|&t| t as usize).collect();
        let rows: Vec<Vec<f64>> =
            case["input"]["probability"].as_array().unwrap().iter().map(numbers).collect();
        let k = rows[0].len();
        let p = Array2::from_shape_vec((rows.len(), k), rows.concat()).unwrap();
        let w = weights(&case);
        let w = w.as_deref();
        close(log_loss_multiclass(&truth, p.view(), w).unwrap(), &expected["log_loss"], &case);
        close(brier_multiclass(&truth, p.view(), w, BrierScale::Auto).unwrap(), &expected["brier"], &case);
        close(
            brier_multiclass(&truth, p.view(), w, BrierScale::Half).unwrap(),
            &expected["brier_half"],
            &case,
        );

        let array = Int64Array::from_iter_values(truth.iter().map(|&t| t as i64));
        let classes = Classes::new((0..k as i64).map(Category::Int)).unwrap();
        let soft = Prediction::from_probabilities(classes, Probabilities::new(p).unwrap()).unwrap();
        let hard: Vec<i64> = soft.probabilities().unwrap().1.argmax().iter().map(|&c| c as i64).collect();
        let codes: Vec<i64> = truth.iter().map(|&t| t as i64).collect();
        scores(LogLoss::new(), &array, &soft, w, &expected["log_loss"], &case);
        scores(Brier::new(), &array, &soft, w, &expected["brier"], &case);
        scores(Accuracy::new(), &array, &soft, w, &expected["accuracy"], &case);
        scores(BalancedAccuracy::new(), &array, &soft, w, &expected["balanced_accuracy"], &case);
        scores(Ece::new(), &array, &soft, w, &expected["top_label_ece"], &case);
        close(balanced_accuracy(&codes, &hard, w).unwrap(), &expected["balanced_accuracy"], &case);
        let matrix = ConfusionMatrix::of(&array, &soft, w).unwrap();
        for (row, counts) in
            matrix.counts().unwrap().outer_iter().zip(expected["confusion"].as_array().unwrap())
        {
            all_close(&row.to_vec(), counts, &case);
        }
        for (average, name) in
            [(Average::Macro, "macro"), (Average::Micro, "micro"), (Average::Weighted, "weighted")]
        {
            let expected = &expected[name];
            scores(RocAuc::new().average(average), &array, &soft, w, &expected["roc_auc"], &case);
            let found = AveragePrecision::new().average(average);
            scores(found, &array, &soft, w, &expected["average_precision"], &case);
            scores(FBeta::f1().average(average), &array, &soft, w, &expected["f1"], &case);
            let f2 = f_beta_average(&codes, &hard, w, 2.0, average, ZeroDivision::Zero).unwrap();
            close(f2, &expected["f2"], &case);
            for (zero, suffix) in [
                (ZeroDivision::Zero, ""),
                (ZeroDivision::One, "_one"),
                (ZeroDivision::Undefined, "_undefined"),
            ] {
                let (p, r) = (format!("precision{suffix}"), format!("recall{suffix}"));
                close(precision_average(&codes, &hard, w, average, zero).unwrap(), &expected[&p], &case);
                close(recall_average(&codes, &hard, w, average, zero).unwrap(), &expected[&r], &case);
                let metric = Precision::new().average(average).zero_division(zero);
                scores(metric, &array, &soft, w, &expected[&p], &case);
                scores(
                    Recall::new().average(average).zero_division(zero),
                    &array,
                    &soft,
                    w,
                    &expected[&r],
                    &case,
                );
            }
        }
    }
}

#[test]
fn regression() {
    for case in cases("regression") {
        let expected = &case["expected"];
        let (truth, predicted) = (numbers(&case["input"]["truth"]), numbers(&case["input"]["predicted"]));
        let w = weights(&case);
        let w = w.as_deref();
        close(mae(&truth, &predicted, w).unwrap(), &expected["mae"], &case);
        close(mse(&truth, &predicted, w).unwrap(), &expected["mse"], &case);
        close(rmse(&truth, &predicted, w).unwrap(), &expected["rmse"], &case);
        close(r2(&truth, &predicted, w).unwrap(), &expected["r2"], &case);
        let array = Float64Array::from(truth);
        let prediction = Prediction::from_labels(Arc::new(Float64Array::from(predicted)));
        scores(Mae::new(), &array, &prediction, w, &expected["mae"], &case);
        scores(Mse::new(), &array, &prediction, w, &expected["mse"], &case);
        scores(Rmse::new(), &array, &prediction, w, &expected["rmse"], &case);
        scores(R2::new(), &array, &prediction, w, &expected["r2"], &case);
    }
}

/// Cases small enough to check by hand, or printed in a paper's or a package's documentation.
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
