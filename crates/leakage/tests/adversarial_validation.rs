//! A classifier that tells the parts apart, and the columns by which it does.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::{
    Artifact, Classes, Dataset, Error, Fit, Missing, Predict, PredictProba, Probabilities, Result, Test,
    Train, Unsplit, seed,
};
use mlsys_leakage::{AdversarialValidation, LeakKind, Severity};
use proptest::prelude::*;

/// Normal distributions of the features, independent within a class.
#[derive(Clone)]
struct Bayes;

struct FittedBayes {
    classes: Classes,
    names: Vec<String>,
    /// Mean and variance of each feature, in each class.
    normals: Vec<[(f64, f64); 2]>,
}

impl Artifact for FittedBayes {}

fn columns(batch: &RecordBatch, names: &[String]) -> Result<Vec<Vec<f64>>> {
    let one = |name: &String| {
        let array = mlsys_core::column::find(batch, name)?;
        Ok(mlsys_core::column::finite(name, array)?.to_vec())
    };
    names.iter().map(one).collect()
}

impl Fit for Bayes {
    type Fitted = FittedBayes;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedBayes> {
        train.matrix::<f64>(Missing::Refuse)?;
        let labels = train.labels("Bayes")?;
        let names: Vec<String> = train.features().into_iter().map(str::to_owned).collect();
        let normal = |values: &Vec<f64>, class: u32| {
            let own: Vec<f64> = values
                .iter()
                .zip(&labels.codes)
                .filter(|(_, code)| **code == class)
                .map(|(x, _)| *x)
                .collect();
            let n = own.len() as f64;
            let mean = own.iter().sum::<f64>() / n;
            (mean, own.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + 1e-9)
        };
        let values = columns(train.batch(), &names)?;
        let normals = values.iter().map(|values| [normal(values, 0), normal(values, 1)]).collect();
        Ok(FittedBayes { classes: Classes::new(labels.distinct)?, names, normals })
    }
}

impl Predict for FittedBayes {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedBayes {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        assert!(batch.schema().index_of("part").is_err(), "the answer is not shown");
        let values = columns(batch, &self.names)?;
        let score = |row: usize| {
            let log = |x: f64, (mean, variance): (f64, f64)| {
                -(x - mean).powi(2) / variance / 2.0 - variance.ln() / 2.0
            };
            let each =
                values.iter().zip(&self.normals).map(|(x, [no, yes])| log(x[row], *yes) - log(x[row], *no));
            1.0 / (1.0 + (-each.sum::<f64>()).exp())
        };
        Probabilities::binary(&(0..batch.num_rows()).map(score).collect::<Vec<_>>())
    }
}

/// Noise, a column whose mean moves by `shift` in test rows, a target, an id and a time.
fn table(rows: usize, share: f64, shift: f64, seed: u64) -> (Dataset<Train>, Dataset<Test>) {
    let mut rng = seed::stream(seed, 0);
    let mut normal = || (0..12).map(|_| seed::uniform(&mut rng)).sum::<f64>() - 6.0;
    let is_test: Vec<bool> = (0..rows).map(|row| (row as f64 * 0.618_033_988_75).fract() < share).collect();
    let moved: Vec<f64> = is_test.iter().map(|&test| normal() + if test { shift } else { 0.0 }).collect();
    let noise: Vec<f64> = (0..rows).map(|_| normal()).collect();
    let mark = |_: usize| is_test.iter().map(|&test| i32::from(test));
    let columns: [(&str, ArrayRef); 6] = [
        ("moved", Arc::new(Float64Array::from(moved))),
        ("noise", Arc::new(Float64Array::from(noise))),
        ("y", Arc::new(Int32Array::from_iter_values(mark(0)))),
        ("id", Arc::new(Int32Array::from_iter_values(mark(1)))),
        ("time", Arc::new(Int64Array::from_iter_values((0..rows as i64).map(|row| row % 7)))),
        ("team", Arc::new(Int32Array::from_iter_values(mark(2)))),
    ];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let data = data.target("y").unwrap().id("id").unwrap().time("time").unwrap().group("team").unwrap();
    let (test, train): (Vec<usize>, Vec<usize>) = (0..rows).partition(|&row| is_test[row]);
    data.split_at_rows(&train, &test).unwrap()
}

#[test]
fn equal_parts_cannot_be_told_apart() {
    let mut found = 0;
    for seed in 0..20 {
        let (train, test) = table(400, 0.3, 0.0, seed);
        let report = AdversarialValidation::new(Bayes).run(&train, &test).unwrap();
        assert!((report.auc - 0.5).abs() < 0.1, "{}", report.auc);
        assert_eq!(report.columns.len(), 2);
        found += report.report().findings().len();
        assert_eq!(report.report().checks(), [LeakKind::Drift]);
    }
    // The interval of 95% reaches down to 0.5 but for one in forty.
    assert!(found <= 2, "{found}");
}

#[test]
fn a_column_that_moved_is_named() {
    let (train, test) = table(2_000, 0.3, 1.0, 1);
    let report = AdversarialValidation::new(Bayes).run(&train, &test).unwrap();
    // Two normals a deviation apart: P = Phi(1 / sqrt 2) = 0.760.
    assert!((report.auc - 0.760).abs() < 0.03, "{}", report.auc);
    assert!(report.interval.0 < 0.760 && report.interval.1 > 0.760);
    assert_eq!(report.columns[0].name, "moved");
    assert!(report.columns[0].drop > 0.2 && report.columns[1].drop.abs() < 0.02);
    let found = report.report();
    let finding = &found.findings()[0];
    assert_eq!((finding.severity, finding.columns.clone()), (Severity::Suspect, vec!["moved".to_owned()]));
    // A little is a note.
    let (train, test) = table(4_000, 0.3, 0.25, 1);
    let report = AdversarialValidation::new(Bayes).run(&train, &test).unwrap().report();
    assert_eq!(report.worst(), Some(Severity::Note), "{report}");
}

#[test]
fn later_rows_may_differ() {
    let batch = |from: i64| {
        let x = Float64Array::from_iter_values((from..from + 50).map(|row| row as f64));
        let time = Int64Array::from_iter_values(from..from + 50);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as ArrayRef), ("t", Arc::new(time) as _)]);
        Dataset::new(batch.unwrap()).unwrap().time("t").unwrap()
    };
    let report = AdversarialValidation::new(Bayes).run(&batch(0), &batch(1_000)).unwrap();
    assert!(report.in_order_of_time && report.auc == 1.0 && report.interval == (1.0, 1.0));
    assert_eq!(report.report().worst(), Some(Severity::Note));
    let report = AdversarialValidation::new(Bayes).run(&batch(1_000), &batch(0)).unwrap();
    assert_eq!(report.report().worst(), Some(Severity::Suspect));
}

#[test]
fn the_same_at_any_number_of_threads_and_order_of_columns() {
    let (train, test) = table(300, 0.4, 0.5, 3);
    let audit = AdversarialValidation::new(Bayes).folds(3).seed(5);
    let report = audit.run(&train, &test).unwrap();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| audit.run(&train, &test)).unwrap(), report);
    }
    let order = ["time", "noise", "team", "id", "moved", "y"];
    assert_eq!(audit.run(&train.select(order).unwrap(), &test).unwrap(), report);
    // In the other part too, and in slices of longer tables.
    assert_eq!(audit.run(&train, &test.select(order).unwrap()).unwrap(), report);
    let sliced = train.concat(&train).unwrap().slice(train.n_rows(), train.n_rows()).unwrap();
    assert_eq!(audit.run(&sliced, &test).unwrap(), report);
    assert_ne!(AdversarialValidation::new(Bayes).folds(3).seed(6).run(&train, &test).unwrap(), report);
}

#[test]
fn bad_input_is_named() {
    let (train, test) = table(60, 0.3, 0.5, 3);
    let error =
        |result: Result<_>| result.map(|_: mlsys_leakage::AdversarialReport| ()).unwrap_err().to_string();
    for folds in [0, 1, 101] {
        assert!(error(AdversarialValidation::new(Bayes).folds(folds).run(&train, &test)).contains("`folds`"));
    }
    let audit = AdversarialValidation::new(Bayes);
    assert!(error(audit.run(&train, &test.slice(0, 4).unwrap())).contains("found 4"));
    assert!(error(audit.run(&train.slice(0, 0).unwrap(), &test)).contains("found 0"));
    assert!(error(audit.run(&train, &test.select(["noise"]).unwrap())).contains("`moved`"));
    let none = train.clone().ignore(["moved", "noise"]).unwrap();
    assert!(error(audit.run(&none, &test)).contains("feature"));
    let words = Arc::new(StringArray::from(vec!["a"; 20])) as ArrayRef;
    let words =
        Dataset::new(RecordBatch::try_from_iter([("noise", words.clone()), ("moved", words)]).unwrap());
    assert!(error(audit.run(&train, &words.unwrap())).contains("as in the first part"));
    // The classifier's own errors come through.
    let holes =
        Arc::new(Float64Array::from(vec![None, Some(1.0), Some(2.0), Some(3.0), Some(f64::INFINITY)]));
    let holes = Dataset::new(RecordBatch::try_from_iter([("x", holes as ArrayRef)]).unwrap()).unwrap();
    assert!(error(audit.run(&holes, &holes)).contains("`x`"));
}

/// A score as it is.
struct Given;

struct FittedGiven(Classes);

impl Artifact for FittedGiven {}

impl Fit for Given {
    type Fitted = FittedGiven;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedGiven> {
        Ok(FittedGiven(Classes::new(train.labels("Given")?.distinct)?))
    }
}

impl Predict for FittedGiven {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedGiven {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let x = mlsys_core::column::floats("x", mlsys_core::column::find(batch, "x")?)?;
        Probabilities::binary(&x.iter().map(|x| x / 10.0).collect::<Vec<_>>())
    }
}

fn scores(values: &[u8]) -> Dataset<Unsplit> {
    let x = Float64Array::from_iter_values(values.iter().map(|&x| f64::from(x)));
    Dataset::new(RecordBatch::try_from_iter([("x", Arc::new(x) as ArrayRef)]).unwrap()).unwrap()
}

#[test]
fn a_model_of_one_class_is_an_error() {
    struct One;
    impl Fit for One {
        type Fitted = FittedGiven;
        fn fit(&self, _: &Dataset<Train>) -> Result<FittedGiven> {
            Ok(FittedGiven(Classes::new([mlsys_core::Category::Int(0), mlsys_core::Category::Int(1)])?))
        }
    }
    let data = scores(&[1, 2, 3, 4, 5]);
    let error: Error = AdversarialValidation::new(One).run(&data, &data).unwrap_err();
    assert!(error.to_string().contains("classes of the model"), "{error}");
}

proptest! {
    /// With scores as wide apart in every fold as in all: the area is that of all pairs within folds.
    #[test]
    fn the_area_is_that_of_pairs(train in prop::collection::vec(0..10u8, 2..12), test in prop::collection::vec(0..10u8, 2..12)) {
        // Each value in both of two folds: rows share an id, so that ties in the hash keep their order.
        let twice = |values: &[u8]| -> Vec<u8> { values.iter().flat_map(|&x| [x, x]).collect() };
        let pairs = |a: &[u8], b: &[u8]| {
            let each = a.iter().flat_map(|x| b.iter().map(move |y| f64::from(u8::from(y > x)) + f64::from(u8::from(y == x)) / 2.0));
            each.sum::<f64>() / (a.len() * b.len()) as f64
        };
        let (a, b) = (scores(&twice(&train)), scores(&twice(&test)));
        let report = AdversarialValidation::new(Given).folds(2).run(&a, &b).unwrap();
        prop_assert!((0.0..=1.0).contains(&report.auc));
        prop_assert!(report.interval.0 <= report.auc && report.auc <= report.interval.1);
        // Folds are random halves: only the extremes are known for sure.
        let whole = pairs(&train, &test);
        if whole == 0.0 || whole == 1.0 {
            prop_assert_eq!(report.auc, whole);
        }
        let swapped = AdversarialValidation::new(Given).folds(2).run(&b, &a).unwrap();
        prop_assert!(swapped.auc.is_finite());
    }
}
