//! Relations that hold for any input, and agreement with naive implementations.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};
use mlsys_core::ndarray::Array2;
use mlsys_core::{Category, Classes, Metric, Prediction, Probabilities};
use mlsys_eval::*;
use proptest::prelude::*;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
}

/// Both classes, scores on a grid (so that they tie), small whole weights.
fn scored() -> impl Strategy<Value = (Vec<bool>, Vec<f64>, Vec<u32>)> {
    let row = (any::<bool>(), 0u32..8, 0u32..4);
    prop::collection::vec(row, 2..40).prop_filter_map("one class", |rows| {
        let truth: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let has = |class| rows.iter().filter(|r| r.0 == class && r.2 > 0).count() > 0;
        let score = rows.iter().map(|r| f64::from(r.1) / 7.0).collect();
        (has(true) && has(false)).then(|| (truth, score, rows.iter().map(|r| r.2).collect()))
    })
}

fn floats(weights: &[u32]) -> Vec<f64> {
    weights.iter().map(|&w| f64::from(w)).collect()
}

fn repeat<T: Clone>(values: &[T], times: &[u32]) -> Vec<T> {
    values.iter().zip(times).flat_map(|(v, &n)| std::iter::repeat_n(v.clone(), n as usize)).collect()
}

fn order(n: usize, seed: u64) -> Vec<u32> {
    let order = mlsys_core::seed::permutation(n, &mut mlsys_core::seed::stream(seed, 0));
    order.into_iter().map(|i| i as u32).collect()
}

/// Every metric over one table: `(metric, truth, prediction)`.
fn everything(truth: &[bool], score: &[f64]) -> Vec<(Box<dyn Metric>, ArrayRef, Prediction)> {
    let boolean: ArrayRef = Arc::new(BooleanArray::from(truth.to_vec()));
    let two = Classes::new([false.into(), true.into()]).unwrap();
    let soft = Prediction::from_probabilities(two, Probabilities::binary(score).unwrap()).unwrap();
    let class = |i: usize| (i * 5 + usize::from(truth[i]) + (score[i] * 7.0) as usize) % 3;
    let classes: ArrayRef = Arc::new(Int64Array::from_iter_values((0..truth.len()).map(|i| class(i) as i64)));
    let p = Array2::from_shape_fn((truth.len(), 3), |(i, k)| [score[i] / 2.0, 0.5, 0.5 - score[i] / 2.0][k]);
    let three = Classes::new((0..3).map(Category::Int)).unwrap();
    let several = Prediction::from_probabilities(three, Probabilities::new(p).unwrap()).unwrap();
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values(
        truth.iter().zip(score).map(|(&t, s)| f64::from(u8::from(t)) + s * s),
    ));
    let guess = Prediction::from_labels(Arc::new(Float64Array::from(score.to_vec())));

    let binary: Vec<Box<dyn Metric>> = vec![
        Box::new(Accuracy::new()),
        Box::new(BalancedAccuracy::new()),
        Box::new(Precision::new()),
        Box::new(Recall::new()),
        Box::new(FBeta::new(2.0)),
        Box::new(RocAuc::new()),
        Box::new(AveragePrecision::new()),
        Box::new(LogLoss::new()),
        Box::new(Brier::new()),
        Box::new(Ece::new()),
        Box::new(Ece::new().bins(3).strategy(BinStrategy::Quantile)),
    ];
    let several_metrics: Vec<Box<dyn Metric>> = vec![
        Box::new(Accuracy::new()),
        Box::new(BalancedAccuracy::new()),
        Box::new(Precision::new().average(Average::Macro)),
        Box::new(Recall::new().average(Average::Weighted).zero_division(ZeroDivision::One)),
        Box::new(FBeta::f1().average(Average::Micro)),
        Box::new(RocAuc::new().average(Average::Micro)),
        Box::new(RocAuc::new().average(Average::Macro)),
        Box::new(AveragePrecision::new().average(Average::Weighted)),
        Box::new(LogLoss::new()),
        Box::new(Brier::new()),
        Box::new(Ece::new()),
    ];
    let regression: Vec<Box<dyn Metric>> =
        vec![Box::new(Mae::new()), Box::new(Mse::new()), Box::new(Rmse::new()), Box::new(R2::new())];
    let with = |metrics: Vec<Box<dyn Metric>>, truth: &ArrayRef, p: &Prediction| {
        metrics.into_iter().map(|m| (m, truth.clone(), p.clone())).collect::<Vec<_>>()
    };
    let mut all = with(binary, &boolean, &soft);
    all.extend(with(several_metrics, &classes, &several));
    all.extend(with(regression, &values, &guess));
    all
}

fn take(array: &ArrayRef, rows: &[u32]) -> ArrayRef {
    mlsys_core::arrow::compute::take(array, &mlsys_core::arrow::array::UInt32Array::from(rows.to_vec()), None)
        .unwrap()
}

/// Equal values, or undefined both.
fn same(
    metric: &dyn Metric,
    a: mlsys_core::Result<mlsys_core::Estimate>,
    b: mlsys_core::Result<mlsys_core::Estimate>,
) {
    match (a, b) {
        (Ok(a), Ok(b)) => assert!(near(a.value, b.value), "{}: {} and {}", metric.name(), a.value, b.value),
        (Err(_), Err(_)) => {}
        (a, b) => panic!("{}: {a:?} and {b:?}", metric.name()),
    }
}

proptest! {
    #[test]
    fn a_weight_is_that_many_rows((truth, score, weights) in scored()) {
        let rows = repeat(&(0..truth.len() as u32).collect::<Vec<_>>(), &weights);
        for (metric, truth, prediction) in everything(&truth, &score) {
            let weighted = metric.score(&truth, &prediction, Some(&floats(&weights)));
            let repeated = metric.score(&take(&truth, &rows), &prediction.take(&rows).unwrap(), None);
            same(&metric, weighted, repeated);
        }
    }

    #[test]
    fn order_and_the_scale_of_weights_do_not_matter((truth, score, weights) in scored(), seed: u64, scale in -300i32..300) {
        let rows = order(truth.len(), seed);
        let weights = floats(&weights);
        let scaled: Vec<f64> = rows.iter().map(|&row| weights[row as usize] * 10f64.powi(scale)).collect();
        for (metric, truth, prediction) in everything(&truth, &score) {
            let plain = metric.score(&truth, &prediction, Some(&weights));
            // Quantile bins count weights as repetitions, which have a scale.
            let unscaled: Vec<f64> = rows.iter().map(|&row| weights[row as usize]).collect();
            let weights = if metric.name() == "ECE" { &unscaled } else { &scaled };
            let shuffled = metric.score(&take(&truth, &rows), &prediction.take(&rows).unwrap(), Some(weights));
            same(&metric, plain, shuffled);
        }
    }

    #[test]
    fn the_area_is_the_share_of_ordered_pairs((truth, score, weights) in scored()) {
        let w = floats(&weights);
        let (mut pairs, mut right) = (0.0, 0.0);
        for i in (0..truth.len()).filter(|&i| truth[i]) {
            for j in (0..truth.len()).filter(|&j| !truth[j]) {
                pairs += w[i] * w[j];
                right += w[i] * w[j] * if score[i] > score[j] { 1.0 } else if score[i] == score[j] { 0.5 } else { 0.0 };
            }
        }
        let auc = roc_auc(&truth, &score, Some(&w)).unwrap();
        prop_assert!(near(auc, right / pairs));
        let negated: Vec<f64> = score.iter().map(|s| -s).collect();
        prop_assert!(near(auc, 1.0 - roc_auc(&truth, &negated, Some(&w)).unwrap()));
        let curve = roc_curve(&truth, &score, Some(&w)).unwrap();
        prop_assert!(near(auc, curve.area()));
        // A monotone map keeps the order, and so every bit.
        let mapped: Vec<f64> = score.iter().map(|s| (3.0 * s).exp() - 7.0).collect();
        prop_assert_eq!(auc.to_bits(), roc_auc(&truth, &mapped, Some(&w)).unwrap().to_bits());
        let ap = average_precision(&truth, &score, Some(&w)).unwrap();
        prop_assert_eq!(ap.to_bits(), average_precision(&truth, &mapped, Some(&w)).unwrap().to_bits());
    }

    #[test]
    fn average_precision_is_the_sum_over_the_curve((truth, score, weights) in scored()) {
        let w = floats(&weights);
        let curve = precision_recall_curve(&truth, &score, Some(&w)).unwrap();
        let steps = curve.recall.windows(2).zip(&curve.precision).map(|(r, p)| (r[0] - r[1]) * p).sum::<f64>();
        prop_assert!(near(average_precision(&truth, &score, Some(&w)).unwrap(), steps));
    }

    #[test]
    fn fast_delong_is_the_slow_one((truth, score, _) in scored()) {
        let of = |class| truth.iter().zip(&score).filter(|(t, _)| **t == class).map(|(_, s)| *s).collect::<Vec<f64>>();
        let (x, y) = (of(true), of(false));
        prop_assume!(x.len() > 1 && y.len() > 1);
        let psi = |x: f64, y: f64| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        let v10: Vec<f64> = x.iter().map(|&x| mean(&y.iter().map(|&y| psi(x, y)).collect::<Vec<_>>())).collect();
        let v01: Vec<f64> = y.iter().map(|&y| mean(&x.iter().map(|&x| psi(x, y)).collect::<Vec<_>>())).collect();
        let auc = mean(&v10);
        let spread = |v: &[f64]| v.iter().map(|v| (v - auc).powi(2)).sum::<f64>() / (v.len() - 1) as f64 / v.len() as f64;
        let found = delong(&truth, &score).unwrap();
        prop_assert!(near(found.auc, auc) && near(found.variance, spread(&v10) + spread(&v01)));
    }

    #[test]
    fn matrices_of_parts_merge((truth, score, weights) in scored(), cut in 0.0..1.0) {
        let class = |s: &f64| (s * 7.0) as i64;
        let predicted: Vec<i64> = score.iter().map(class).collect();
        let truth: Vec<i64> = truth.iter().zip(&predicted).map(|(&t, p)| if t { *p } else { 3 }).collect();
        let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w) + 1.0).collect();
        let at = 1 + (cut * (truth.len() - 1) as f64) as usize;
        prop_assume!(at < truth.len());
        let of = |rows: std::ops::Range<usize>| ConfusionMatrix::new(&truth[rows.clone()], &predicted[rows.clone()], Some(&weights[rows])).unwrap();
        let mut merged = of(0..at);
        merged.merge(&of(at..truth.len())).unwrap();
        let whole = of(0..truth.len());
        prop_assert_eq!(&merged, &whole);
        let diagonal: f64 = whole.classes().iter().map(|c| whole.count(c, c)).sum();
        prop_assert!(near(diagonal / weights.iter().sum::<f64>(), accuracy(&truth, &predicted, Some(&weights)).unwrap()));
    }

    #[test]
    fn intervals_hold_their_value((truth, score, _) in scored()) {
        for (metric, truth, prediction) in everything(&truth, &score) {
            let Ok(estimate) = metric.score(&truth, &prediction, None) else { continue };
            if let Some((low, high)) = estimate.interval {
                prop_assert!(low <= estimate.value + 1e-12 && estimate.value <= high + 1e-12, "{}", metric.name());
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            }
        }
    }

    #[test]
    fn slices_are_the_metric_of_their_rows((truth, score, weights) in scored(), seed: u64) {
        let weights: Vec<f64> = weights.iter().map(|&w| f64::from(w) + 0.5).collect();
        let by: Vec<Option<i64>> = order(truth.len(), seed).iter().map(|&i| (i % 4 > 0).then_some(i64::from(i % 4))).collect();
        let batch = RecordBatch::try_from_iter([("by", Arc::new(Int64Array::from(by.clone())) as ArrayRef)]).unwrap();
        let boolean = BooleanArray::from(truth.clone());
        let two = Classes::new([false.into(), true.into()]).unwrap();
        let soft = Prediction::from_probabilities(two, Probabilities::binary(&score).unwrap()).unwrap();
        let table = SliceTable::new((RocAuc::new(), LogLoss::new())).by("by");
        let report = table.score(&batch, &boolean, &soft, Some(&weights)).unwrap();
        let slices = &report.groups[0].slices;
        prop_assert_eq!(slices.iter().map(|s| s.rows).sum::<usize>(), truth.len());
        prop_assert!(near(slices.iter().map(|s| s.weight).sum(), report.all.weight));
        let mean = slices.iter().map(|s| s.weight * s.scores[1].value().unwrap()).sum::<f64>() / report.all.weight;
        prop_assert!(near(mean, report.all.scores[1].value().unwrap()));
        for slice in slices {
            let value = slice.values[0].as_ref().map(|v| v.as_f64().unwrap() as i64);
            let pick: Vec<u32> = by.iter().map(|b| u32::from(*b == value)).collect();
            let weights = repeat(&weights, &pick);
            match roc_auc(&repeat(&truth, &pick), &repeat(&score, &pick), Some(&weights)) {
                Ok(auc) => prop_assert_eq!(slice.scores[0].value(), Some(auc)),
                Err(_) => prop_assert_eq!(slice.scores[0].to_string(), "-"),
            }
        }
    }
}

#[test]
fn bootstrap_intervals_do_not_depend_on_threads() {
    let score: Vec<f64> = (0..300).map(|i| f64::from(i * 37 % 101) / 101.0).collect();
    let truth: Vec<bool> = (0..300).map(|i| (i * 53 % 97) as f64 / 97.0 < score[i]).collect();
    let boolean = BooleanArray::from(truth);
    let two = Classes::new([false.into(), true.into()]).unwrap();
    let soft = Prediction::from_probabilities(two, Probabilities::binary(&score).unwrap()).unwrap();
    let weights: Vec<f64> = score.iter().map(|s| 1.0 + s).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let b = Bootstrap::new().replicates(50).seed(3);
        let metrics =
            (RocAuc::new().bootstrap(b), AveragePrecision::new().bootstrap(b), Ece::new().bootstrap(b));
        pool.install(|| {
            Comparison::new(metrics).add("m", soft.clone()).score(&boolean, Some(&weights)).unwrap()
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(7));
    let (low, high) = run(1).scores[0][0].estimate().unwrap().interval.unwrap();
    assert!(low < high && low > 0.5 && high < 1.0);
}
