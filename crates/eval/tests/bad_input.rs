//! Bad input is an error that says what and where, never a panic or a silent NaN.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::{Classes, Error, ErrorKind, Metric, Prediction, Probabilities};
use mlsys_eval::*;

fn soft(p: &[f64]) -> Prediction {
    let classes = Classes::new([false.into(), true.into()]).unwrap();
    Prediction::from_probabilities(classes, Probabilities::binary(p).unwrap()).unwrap()
}

fn labels(values: &[bool]) -> Prediction {
    Prediction::from_labels(Arc::new(BooleanArray::from(values.to_vec())))
}

/// The metrics of a binary target with probabilities.
fn metrics() -> Vec<Box<dyn Metric>> {
    vec![
        Box::new(Accuracy::new()),
        Box::new(BalancedAccuracy::new()),
        Box::new(Precision::new()),
        Box::new(Recall::new()),
        Box::new(FBeta::f1()),
        Box::new(RocAuc::new()),
        Box::new(AveragePrecision::new()),
        Box::new(LogLoss::new()),
        Box::new(Brier::new()),
        Box::new(Ece::new()),
    ]
}

#[track_caller]
fn refuses(
    metric: &dyn Metric,
    truth: &[Option<bool>],
    p: &[f64],
    w: Option<&[f64]>,
    is: fn(&ErrorKind) -> bool,
) {
    let error = metric.score(&BooleanArray::from(truth.to_vec()), &soft(p), w).unwrap_err();
    assert!(is(error.kind()), "{}: {error}", metric.name());
}

#[test]
fn every_metric_checks_lengths_weights_and_missing_values() {
    let (yes, no) = (Some(true), Some(false));
    for m in metrics() {
        let m = &m;
        refuses(m, &[], &[], None, |e| matches!(e, ErrorKind::TooFewRows { need: 1, found: 0, .. }));
        refuses(m, &[yes], &[0.1, 0.2], None, |e| matches!(e, ErrorKind::Shape { .. }));
        refuses(m, &[yes, no], &[0.1, 0.2], Some(&[1.0]), |e| matches!(e, ErrorKind::Shape { .. }));
        refuses(m, &[yes, None], &[0.1, 0.2], None, |e| {
            matches!(e, ErrorKind::MissingValues { count: 1, .. })
        });
        let bad = |e: &ErrorKind| matches!(e, ErrorKind::InvalidValue { row: Some(1), .. });
        refuses(m, &[yes, no], &[0.1, 0.2], Some(&[1.0, -1.0]), bad);
        let nan = |e: &ErrorKind| matches!(e, ErrorKind::NonFinite { row: 1, .. });
        refuses(m, &[yes, no], &[0.1, 0.2], Some(&[1.0, f64::NAN]), nan);
        refuses(m, &[yes, no], &[0.1, 0.2], Some(&[1.0, f64::INFINITY]), nan);
        let zero = |e: &ErrorKind| matches!(e, ErrorKind::InvalidValue { row: None, .. });
        refuses(m, &[yes, no], &[0.1, 0.2], Some(&[0.0, 0.0]), zero);
        // The largest doubles as weights.
        let huge =
            m.score(&BooleanArray::from(vec![true, false]), &soft(&[0.7, 0.2]), Some(&[f64::MAX, f64::MAX]));
        assert!(huge.unwrap().value.is_finite(), "{}", m.name());
        let tiny =
            m.score(&BooleanArray::from(vec![true, false]), &soft(&[0.7, 0.2]), Some(&[5e-324, 5e-324]));
        assert!(tiny.unwrap().value.is_finite(), "{}", m.name());
    }
}

#[test]
fn one_class_defines_no_ranking() {
    let single = |e: Error, class: &str| match e.kind() {
        ErrorKind::SingleClass { class: found, .. } => assert_eq!(found, class),
        _ => panic!("{e}"),
    };
    single(roc_auc(&[true, true], &[0.1, 0.2], None).unwrap_err(), "true");
    single(roc_auc(&[false, false], &[0.1, 0.2], None).unwrap_err(), "false");
    single(roc_auc(&[false, true], &[0.1, 0.2], Some(&[1.0, 0.0])).unwrap_err(), "false");
    single(average_precision(&[false], &[0.1], None).unwrap_err(), "false");
    single(roc_curve(&[true], &[0.1], None).map(drop).unwrap_err(), "true");
    single(precision_recall_curve(&[false], &[0.1], None).map(drop).unwrap_err(), "false");
    assert_eq!(average_precision(&[true, true], &[0.1, 0.2], None).unwrap(), 1.0);
    // Text labels of one class do not say which class is positive.
    let text = StringArray::from(vec!["no", "no"]);
    let same = Prediction::from_labels(Arc::new(text.clone()));
    single(Precision::new().score(&text, &same, None).unwrap_err(), "no");
    let booleans = BooleanArray::from(vec![false, false]);
    assert_eq!(Precision::new().score(&booleans, &labels(&[false, true]), None).unwrap().value, 0.0);
}

#[test]
fn scores_and_numbers_must_be_finite() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let is = |e: Error| assert!(matches!(e.kind(), ErrorKind::NonFinite { row: 1, .. }), "{e}");
        is(roc_auc(&[true, false], &[0.1, bad], None).unwrap_err());
        is(average_precision(&[true, false], &[0.1, bad], None).unwrap_err());
        is(delong(&[true, false], &[0.1, bad]).unwrap_err());
        is(log_loss(&[true, false], &[0.1, bad], None).unwrap_err());
        is(brier(&[true, false], &[0.1, bad], None).unwrap_err());
        is(ece(&[true, false], &[0.1, bad], None, 5, BinStrategy::Quantile).unwrap_err());
        is(mae(&[0.1, bad], &[0.1, 0.2], None).unwrap_err());
        is(r2(&[0.1, 0.2], &[0.1, bad], None).unwrap_err());
        let scores = Prediction::from_labels(Arc::new(Float64Array::from(vec![0.1, bad])));
        is(RocAuc::new().score(&BooleanArray::from(vec![true, false]), &scores, None).unwrap_err());
    }
    let outside = log_loss(&[true, false], &[0.1, 1.5], None).unwrap_err();
    assert!(matches!(outside.kind(), ErrorKind::InvalidValue { row: Some(1), .. }), "{outside}");
    assert!(mse(&[1e300, 0.0], &[-1e300, 0.0], None).is_err());
    assert!(r2(&[1e300, 0.0], &[-1e300, 0.0], None).is_err());
    assert!(r2(&[0.1; 7], &[0.1; 7], None).is_err(), "a constant truth");
    assert!(r2(&[1.0], &[1.0], None).is_err());
    let null = Float64Array::from(vec![Some(1.0), None]);
    let zeros = Prediction::from_labels(Arc::new(Float64Array::from(vec![0.0, 0.0])));
    assert!(matches!(
        Mae::new().score(&null, &zeros, None).unwrap_err().kind(),
        ErrorKind::MissingValues { .. }
    ));
}

#[test]
fn parameters_are_named() {
    let truth = BooleanArray::from(vec![true, false, true]);
    let check = |metric: &dyn Metric, name: &str| {
        let error = metric.score(&truth, &soft(&[0.7, 0.2, 0.4]), None).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name: n, .. } if n == name), "{error}");
    };
    check(&FBeta::new(0.0), "beta");
    check(&FBeta::new(f64::NAN), "beta");
    check(&Ece::new().bins(0), "bins");
    check(&Ece::new().bins(usize::MAX), "bins");
    check(&Accuracy::new().interval(Interval::Analytic { level: 1.0 }), "level");
    check(&LogLoss::new().interval(Interval::Analytic { level: f64::NAN }), "level");
    check(&Brier::new().bootstrap(Bootstrap::new().replicates(0)), "replicates");
    check(&RocAuc::new().positive("maybe"), "positive");
    assert!(wilson_interval(1.5, 3.0, 0.95).is_err() && wilson_interval(0.5, 0.0, 0.95).is_err());
    let codes = [0i64, 1, 2];
    let several = precision_average(&codes, &codes, None, Average::Binary, ZeroDivision::Zero).unwrap_err();
    assert!(
        matches!(several.kind(), ErrorKind::InvalidParameter { name, .. } if name == "average"),
        "{several}"
    );
    assert!(precision(&[true], &[false], None, ZeroDivision::Undefined).is_err());
    let many: Vec<i64> = (0..3000).collect();
    assert!(ConfusionMatrix::new(&many, &many, None).is_err());
}

#[test]
fn labels_have_no_probabilities() {
    let truth = BooleanArray::from(vec![true, false]);
    for metric in
        [&RocAuc::new() as &dyn Metric, &AveragePrecision::new(), &LogLoss::new(), &Brier::new(), &Ece::new()]
    {
        let error = metric.score(&truth, &labels(&[true, false]), None).unwrap_err();
        assert!(error.to_string().contains("Prediction::proba_of"), "{error}");
    }
    let report = Comparison::new((Accuracy::new(), RocAuc::new()))
        .add("rule", labels(&[true, true]))
        .score(&truth, None);
    let text = report.unwrap().to_string();
    assert!(text.contains("- ROC AUC: ROC AUC needs probabilities"), "{text}");
}

#[test]
fn reports_keep_reasons_and_refuse_bad_input() {
    let by: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), Some("b"), None, Some("c")]));
    let batch = RecordBatch::try_from_iter([
        ("by", by),
        ("and", Arc::new(Int64Array::from(vec![1, 2, 1, 2, 1])) as _),
    ])
    .unwrap();
    let truth = BooleanArray::from(vec![true, false, true, false, false]);
    let p = soft(&[0.9, 0.2, 0.3, 0.4, 0.5]);
    let table = SliceTable::new((RocAuc::new().interval(Interval::None),)).by("by").by_each_of(["and", "by"]);
    let report = table.score(&batch, &truth, &p, Some(&[1.0, 2.0, 1.0, 1.0, 0.0])).unwrap();
    let expected = "
              rows  weight  ROC AUC ↑
all              5     5.0  0.8333
by
  missing        1     1.0  -
  a              2     3.0  1.0000
  b              1     1.0  -
  c              1     0.0  -
and, by
  1, a           1     1.0  -
  1, b           1     1.0  -
  1, c           1     0.0  -
  2, missing     1     1.0  -
  2, a           1     2.0  -
";
    assert!(report.to_string().starts_with(expected.trim_start_matches('\n')), "{report}");
    assert_eq!(report.slice("by", Some(&"a".into())).unwrap().scores[0].value(), Some(1.0));
    assert_eq!(report.slice("by", None).unwrap().rows, 1);
    assert_eq!(report.slice("by", Some(&"c".into())).unwrap().scores[0].to_string(), "-");
    assert_eq!(report.groups[1].slices[0].label(), "1, a");
    assert!(
        report.to_string().contains("- ROC AUC: all rows are of the class `false` (by missing"),
        "{report}"
    );
    let few =
        SliceTable::new((Accuracy::new(),)).by("by").min_rows(2).score(&batch, &truth, &p, None).unwrap();
    assert_eq!(
        (few.groups[0].slices.len(), few.groups[0].hidden_slices, few.groups[0].hidden_rows),
        (1, 3, 3)
    );
    assert!(few.to_string().ends_with("not shown, too few rows: 3 of by (3 rows)\n"), "{few}");

    let missing = SliceTable::new((Accuracy::new(),)).by("bye").score(&batch, &truth, &p, None).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::MissingColumn { .. }));
    let short =
        SliceTable::new((Accuracy::new(),)).by("by").score(&batch.slice(0, 2), &truth, &p, None).unwrap_err();
    assert!(matches!(short.kind(), ErrorKind::Shape { .. }));
    let none: [Accuracy; 0] = [];
    assert!(SliceTable::new(none).by("by").score(&batch, &truth, &p, None).is_err());
    assert!(Comparison::new((Accuracy::new(),)).score(&truth, None).is_err());
    let twice =
        Comparison::new((Accuracy::new(),)).add("m", p.clone()).add("m", p.clone()).score(&truth, None);
    assert!(twice.unwrap_err().to_string().contains("`m` twice"));
    let short = Comparison::new((Accuracy::new(),)).add("m", soft(&[0.5])).score(&truth, None).unwrap_err();
    assert!(matches!(short.kind(), ErrorKind::Shape { .. }), "{short}");
}
