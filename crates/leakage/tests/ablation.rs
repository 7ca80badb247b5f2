//! What a model loses without each column.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{
    Artifact, Classes, Coded, Dataset, Direction, Error, ErrorKind, Estimate, Fit, Fold, Folds, Metric,
    Predict, PredictProba, Prediction, Probabilities, Result, Step, Train, column, seed,
};
use mlsys_leakage::{Ablation, AblationReport, LeakKind, Severity};
use proptest::prelude::*;

/// Lines through each feature, one after another on what is left.
#[derive(Clone)]
struct Lines;

struct FittedLines {
    start: f64,
    slopes: Vec<(String, f64, f64)>,
}

impl Artifact for FittedLines {}

fn values(batch: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    Ok(column::finite(name, column::find(batch, name)?)?.to_vec())
}

impl Fit for Lines {
    type Fitted = FittedLines;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedLines> {
        let names = train.features();
        if names.is_empty() {
            return Err(Error::unsupported("no feature to fit"));
        }
        let y = train.target_values("Lines")?;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let start = mean(&y);
        let mut rest: Vec<f64> = y.iter().map(|y| y - start).collect();
        let mut slopes = Vec::new();
        for name in names {
            let x = values(train.batch(), name)?;
            let center = mean(&x);
            let (mut xy, mut xx) = (0.0, 1e-12);
            x.iter()
                .zip(&rest)
                .for_each(|(x, y)| (xy, xx) = (xy + (x - center) * y, xx + (x - center).powi(2)));
            rest.iter_mut().zip(&x).for_each(|(rest, x)| *rest -= xy / xx * (x - center));
            slopes.push((name.to_owned(), xy / xx, center));
        }
        Ok(FittedLines { start, slopes })
    }
}

impl Predict for FittedLines {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let mut out = vec![self.start; batch.num_rows()];
        for (name, slope, center) in &self.slopes {
            out.iter_mut().zip(values(batch, name)?).for_each(|(out, x)| *out += slope * (x - center));
        }
        Ok(Arc::new(Float64Array::from(out)))
    }
}

struct SquaredError;

impl Metric for SquaredError {
    fn name(&self) -> String {
        "squared error".into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let (a, b) = (column::floats("y", truth)?, column::floats("p", prediction.labels())?);
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let sum: f64 = (0..a.len()).map(|row| weight(row) * (a[row] - b[row]).powi(2)).sum();
        Ok(Estimate::point(sum / (0..a.len()).map(weight).sum::<f64>()))
    }
}

/// Every third row.
struct Thirds;

impl Folds for Thirds {
    fn folds(&self, train: &Dataset<Train>) -> Result<Vec<Fold>> {
        Fold::each(&(0..train.n_rows() as u32).map(|row| row % 3).collect::<Vec<_>>(), 3)
    }
}

/// `y = 3 leak + weak + noise`, and a column of noise.
fn table(rows: usize, strength: f64, seed: u64) -> Dataset<Train> {
    let mut rng = seed::stream(seed, 0);
    let mut draw = || -> Vec<f64> { (0..rows).map(|_| seed::uniform(&mut rng) - 0.5).collect() };
    let (leak, weak, noise, rest) = (draw(), draw(), draw(), draw());
    let y: Vec<f64> = (0..rows).map(|row| strength * leak[row] + weak[row] + 0.3 * rest[row]).collect();
    let column = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let columns =
        [("weak", column(weak)), ("noise", column(noise)), ("leak", column(leak)), ("y", column(y))];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap().into_train_all()
}

fn names(report: &AblationReport) -> Vec<Vec<String>> {
    report.removed.iter().map(|removed| removed.columns.clone()).collect()
}

#[test]
fn one_column_that_carries_all_is_suspect() {
    let report = Ablation::by_predictions(Lines, SquaredError).run(&table(300, 3.0, 1), &Thirds).unwrap();
    assert_eq!(names(&report), [["leak"], ["weak"], ["noise"]]);
    let found = report.report();
    assert_eq!((found.findings().len(), found.checks()), (1, [LeakKind::Ablation].as_slice()));
    let finding = &found.findings()[0];
    assert_eq!((finding.severity, finding.columns.clone()), (Severity::Suspect, vec!["leak".to_owned()]));
    // The variance of y is (9 + 1 + 0.09) / 12, of which the leak has nine parts, and all but 0.09 can be known; without it the
    // other lines go wrong a little.
    assert!((0.85..1.0).contains(&finding.evidence["share"]), "{}", finding.evidence["share"]);
    assert!((report.zero_rule.unwrap() - 10.09 / 12.0).abs() < 0.08);
    assert!(report.removed[2].loss.abs() < 3.0 * report.removed[2].standard_error.unwrap() + 1e-3);
    // Two that carry alike are not.
    let report = Ablation::by_predictions(Lines, SquaredError).run(&table(300, 1.0, 1), &Thirds).unwrap();
    assert!(report.report().findings().is_empty() || report.removed[0].share.unwrap() < 0.6);
    assert!(report.removed[0].share.unwrap() < 0.6);
    let strict = Ablation::by_predictions(Lines, SquaredError).share(0.3);
    assert_eq!(strict.run(&table(300, 1.0, 1), &Thirds).unwrap().report().findings().len(), 2);
}

#[test]
fn sets_validation_rows_and_progress() {
    let train = table(300, 3.0, 2);
    let ablation = Ablation::by_predictions(Lines, SquaredError).sets([vec!["leak", "noise"], vec!["weak"]]);
    let mut steps = Vec::new();
    let report = ablation
        .run_with(&train, &Thirds, &mut |step: Step| {
            steps.push((step.done, step.total));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(steps, [(1, 3), (2, 3), (3, 3)]);
    assert_eq!(names(&report), [vec!["leak".to_owned(), "noise".into()], vec!["weak".into()]]);
    let error = ablation.run_with(&train, &Thirds, &mut |_: Step| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
    // One part for validation: no standard error, and the same finding.
    let (own, validation) = train.fold(&Thirds.folds(&train).unwrap()[0]).unwrap();
    let report = ablation.run_validated(&own, &validation).unwrap();
    assert_eq!((report.removed[0].standard_error, report.report().findings().len()), (None, 1));
    // The only column cannot be left out, and all columns neither.
    let only = train.select(["leak", "y"]).unwrap();
    let report = Ablation::by_predictions(Lines, SquaredError).run(&only, &Thirds).unwrap();
    assert_eq!(report.refused, [(vec!["leak".to_owned()], "without leak: no feature to fit".to_owned())]);
    assert!(report.report().findings().is_empty());
}

#[test]
fn the_order_of_columns_and_threads_do_not_matter() {
    let train = table(100, 2.0, 3);
    let ablation = Ablation::by_predictions(Lines, SquaredError);
    let report = ablation.run(&train, &Thirds).unwrap();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| ablation.run(&train, &Thirds)).unwrap(), report);
    }
    let sliced = train.concat(&train).unwrap().slice(100, 100).unwrap();
    assert_eq!(ablation.run(&sliced, &Thirds).unwrap(), report);
    // A weight of one is no weight.
    let mut columns = train.batch().columns().to_vec();
    columns.push(Arc::new(Float64Array::from(vec![1.0; 100])));
    let names = ["weak", "noise", "leak", "y", "w"];
    let weighted = RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap();
    let weighted = Dataset::new(weighted).unwrap().target("y").unwrap().weight("w").unwrap().into_train_all();
    let again = ablation.run(&weighted, &Thirds).unwrap();
    assert!((again.zero_rule.unwrap() - report.zero_rule.unwrap()).abs() < 1e-12);
}

#[test]
fn bad_input_is_named() {
    let train = table(30, 1.0, 1);
    let error = |ablation: Ablation<Lines, SquaredError>, train: &Dataset<Train>| {
        ablation.run(train, &Thirds).unwrap_err().to_string()
    };
    let ablation = || Ablation::by_predictions(Lines, SquaredError);
    assert!(error(ablation().sets([["other"]]), &train).contains("`other`"));
    assert!(error(ablation().sets([["y"]]), &train).contains("role target"));
    assert!(error(ablation().sets([Vec::<String>::new()]), &train).contains("an empty set"));
    for share in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(error(ablation().share(share), &train).contains("`share`"));
    }
    assert!(error(ablation(), &train.slice(0, 1).unwrap()).contains("needs at least"));
    assert!(error(ablation(), &train.slice(0, 0).unwrap()).contains("needs at least"));
    let odd = Float64Array::from(vec![Some(1.0), None, Some(f64::INFINITY), Some(1.0), Some(2.0), Some(3.0)]);
    let y = Arc::new(Float64Array::from(vec![1.0; 6])) as ArrayRef;
    let odd = RecordBatch::try_from_iter([("x", Arc::new(odd) as ArrayRef), ("y", y)]).unwrap();
    let odd = Dataset::new(odd).unwrap().target("y").unwrap().into_train_all();
    let message = error(ablation(), &odd);
    assert!(message.starts_with("with all columns") && message.contains("`x`"), "{message}");
    struct NoFolds;
    impl Folds for NoFolds {
        fn folds(&self, _: &Dataset<Train>) -> Result<Vec<Fold>> {
            Ok(Vec::new())
        }
    }
    assert!(ablation().run(&train, &NoFolds).unwrap_err().to_string().contains("folds"));
}

/// The share of each class for each value of the first feature.
struct Table;

struct FittedTable {
    name: String,
    classes: Classes,
    known: Coded,
    shares: Vec<Vec<f64>>,
}

impl Artifact for FittedTable {}

impl Fit for Table {
    type Fitted = FittedTable;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedTable> {
        let labels = train.labels("Table")?;
        let name =
            train.features().into_iter().min().ok_or_else(|| Error::unsupported("no feature"))?.to_owned();
        let known = Coded::new(&name, train.column(&name)?)?;
        let mut shares = vec![vec![1.0; labels.distinct.len()]; known.distinct.len()];
        known.codes.iter().zip(&labels.codes).for_each(|(&k, &l)| shares[k as usize][l as usize] += 1.0);
        Ok(FittedTable { name, classes: Classes::new(labels.distinct)?, known, shares })
    }
}

impl Predict for FittedTable {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedTable {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let coded = Coded::new(&self.name, column::find(batch, &self.name)?)?;
        let even = vec![1.0; self.classes.n_classes()];
        let p = (0..coded.len()).map(|row| {
            let place =
                coded.value(row).and_then(|value| self.known.distinct.iter().position(|k| k == value));
            let shares = place.map_or(&even, |place| &self.shares[place]);
            shares[1] / (shares[0] + shares[1])
        });
        Probabilities::binary(&p.collect::<Vec<_>>())
    }
}

struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> String {
        "accuracy".into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, _: Option<&[f64]>) -> Result<Estimate> {
        let (a, b) = (Coded::new("y", truth)?, Coded::new("p", prediction.labels())?);
        let right = (0..a.len()).filter(|&row| a.value(row) == b.value(row)).count();
        Ok(Estimate::point(right as f64 / a.len() as f64))
    }
}

#[test]
fn classifiers_by_probabilities_and_by_labels() {
    // `a` is the label, `b` says nothing: the table goes by the first there is.
    let rows = 90;
    let y: Vec<bool> = (0..rows).map(|row| row % 7 < 2).collect();
    let a: StringArray = y.iter().map(|&y| Some(if y { "u" } else { "v" })).collect();
    let b: StringArray = (0..rows).map(|row| Some(if row % 2 == 0 { "p" } else { "q" })).collect();
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let columns = [
        ("a", cast(&a, &dictionary).unwrap()),
        ("b", Arc::new(b) as ArrayRef),
        ("y", Arc::new(BooleanArray::from(y)) as ArrayRef),
    ];
    let train = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
    let train = train.into_train_all();
    let by_labels = Ablation::by_predictions(Table, Accuracy).run(&train, &Thirds).unwrap();
    let report = Ablation::new(Table, Accuracy).run(&train, &Thirds).unwrap();
    assert_eq!(report.removed, by_labels.removed);
    assert_eq!((report.score, report.removed[0].columns.clone()), (1.0, vec!["a".to_owned()]));
    assert!((report.zero_rule.unwrap() - 5.0 / 7.0).abs() < 0.02 && report.zero_rule == by_labels.zero_rule);
    assert_eq!(report.report().findings()[0].columns, ["a"]);
}

proptest! {
    #[test]
    fn agrees_with_fitting_by_hand(rows in 9..40usize, strength in 0.0..4.0f64, seed in 0..500u64) {
        let train = table(rows, strength, seed);
        let report = Ablation::by_predictions(Lines, SquaredError).run(&train, &Thirds).unwrap();
        let score = |names: &[&str]| -> Vec<f64> {
            let own = train.select(names).unwrap();
            let folds = Thirds.folds(&train).unwrap();
            folds.iter().map(|fold| {
                let (own, other) = own.fold(fold).unwrap();
                let prediction = Prediction::of(&Lines.fit(&own).unwrap(), other.batch()).unwrap();
                SquaredError.score_on(&other, &prediction).unwrap().value
            }).collect()
        };
        let all = score(&["weak", "noise", "leak", "y"]);
        for removed in &report.removed {
            let kept: Vec<&str> =
                ["weak", "noise", "leak", "y"].into_iter().filter(|name| *name != removed.columns[0]).collect();
            let losses: Vec<f64> = score(&kept).iter().zip(&all).map(|(some, all)| some - all).collect();
            let loss = losses.iter().sum::<f64>() / 3.0;
            let variance = losses.iter().map(|x| (x - loss).powi(2)).sum::<f64>() / 2.0;
            prop_assert!((removed.loss - loss).abs() < 1e-12);
            prop_assert!((removed.standard_error.unwrap() - (variance / 3.0).sqrt()).abs() < 1e-12);
        }
    }
}
