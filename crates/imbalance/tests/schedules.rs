//! Schedules: what a model is given in each epoch, against naive counts, and bad input.

#![allow(clippy::unwrap_used)]

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Int32Type;
use mlsys_core::{Artifact, Dataset, Error, ErrorKind, PartialFit, Predict, Result, Step, Train, Validation};
use mlsys_imbalance::{DynamicSampling, TwoPhase};
use proptest::prelude::*;

/// Notes what it is given, and predicts a class for each row by its place.
#[derive(Default)]
struct Notes {
    given: Vec<Vec<u64>>,
    says: Vec<i32>,
    fails_at: Option<usize>,
}

impl Artifact for Notes {}

impl PartialFit for Notes {
    fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()> {
        if self.fails_at == Some(self.given.len()) {
            return Err(Error::unsupported("more"));
        }
        self.given.push(train.row_ids());
        Ok(())
    }
}

impl Predict for Notes {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        // Others in each epoch.
        let at = |row: usize| self.says[(row + self.given.len()) % self.says.len()];
        Ok(Arc::new(Int32Array::from_iter_values((0..batch.num_rows()).map(at))))
    }
}

fn rows(classes: &[i32]) -> Vec<Vec<f64>> {
    (0..classes.len()).map(|row| vec![row as f64]).collect()
}

fn data(classes: &[i32]) -> Dataset<Train> {
    train(&rows(classes), classes)
}

fn validation(classes: &[i32], weights: Option<Vec<f64>>) -> Dataset<Validation> {
    let mut columns: Vec<(&str, ArrayRef)> = vec![("y", Arc::new(Int32Array::from(classes.to_vec())))];
    let weighted = weights.is_some();
    if let Some(weights) = weights {
        columns.push(("w", Arc::new(Float64Array::from(weights))));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap();
    if weighted { data.weight("w").unwrap() } else { data }.into_validation_all()
}

fn kind(error: &Error) -> String {
    match error.kind() {
        ErrorKind::InvalidParameter { name, .. } => name.clone(),
        other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
    }
}

fn count(data: &Dataset<Train>, ids: &[u64], class: i32) -> usize {
    let y = data.column("y").unwrap().as_primitive::<Int32Type>();
    ids.iter().filter(|&&id| y.value(id as usize) == class).count()
}

#[test]
fn two_phases() {
    let data = data(&[[0; 40].as_slice(), &[1; 12], &[2; 3]].concat());
    let mut model = Notes::default();
    TwoPhase::new(10).first_epochs(2).second_epochs(3).seed(4).train(&mut model, &data).unwrap();
    assert_eq!(model.given.len(), 5);
    assert_eq!(model.given[0], model.given[1]);
    assert_eq!([0, 1, 2].map(|class| count(&data, &model.given[0], class)), [10, 10, 3]);
    assert!(model.given[0].is_sorted_by(|a, b| a < b));
    assert!(model.given[2..].iter().all(|ids| *ids == data.row_ids()));
    assert_ne!(TwoPhase::new(10).first_rows(&data).unwrap().row_ids(), model.given[0]);
    let all = TwoPhase::new(usize::MAX).first_rows(&data).unwrap();
    assert_eq!(all.row_ids(), data.row_ids());
}

#[test]
fn two_phases_refuse() {
    let data = data(&[0, 0, 0, 1]);
    let mut model = Notes::default();
    let refused = |schedule: TwoPhase, model: &mut Notes, data: &Dataset<Train>| {
        kind(&schedule.train(model, data).unwrap_err())
    };
    assert_eq!(refused(TwoPhase::new(0), &mut model, &data), "rows_per_class");
    assert_eq!(refused(TwoPhase::new(1).first_epochs(0), &mut model, &data), "first_epochs");
    assert_eq!(refused(TwoPhase::new(1).second_epochs(0), &mut model, &data), "second_epochs");
    assert_eq!(refused(TwoPhase::new(1), &mut model, &self::data(&[1, 1])), "SingleClass");
    assert_eq!(refused(TwoPhase::new(1), &mut model, &self::data(&[])), "TooFewRows");
    assert!(model.given.is_empty());
    model.fails_at = Some(3);
    let error = TwoPhase::new(1).first_epochs(2).train(&mut model, &data).unwrap_err();
    assert!(error.to_string().contains("epoch 1 of the second phase"), "{error}");
    let mut model = Notes::default();
    let mut stop =
        |step: Step| if step.done < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let endless = TwoPhase::new(1).first_epochs(usize::MAX).second_epochs(usize::MAX);
    assert_eq!(kind(&endless.train_with(&mut model, &data, &mut stop).unwrap_err()), "Cancelled");
    assert_eq!(model.given.len(), 4);
    let json: TwoPhase = serde_json::from_str(r#"{"rows_per_class":7}"#).unwrap();
    assert_eq!(json, TwoPhase::new(7));
}

/// Rows of weight 0 are not drawn.
#[test]
fn weights_of_zero() {
    let batch = RecordBatch::try_from_iter([
        ("y", Arc::new(Int32Array::from(vec![0, 0, 0, 1, 1, 2])) as ArrayRef),
        ("w", Arc::new(Float64Array::from(vec![1.0, 0.0, 1.0, 0.0, 2.0, 0.0])) as _),
    ])
    .unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().weight("w").unwrap().into_train_all();
    assert_eq!(TwoPhase::new(9).first_rows(&data).unwrap().row_ids(), [0, 2, 4]);
    let mut model = Notes { says: vec![0, 1], ..Notes::default() };
    let judged = validation(&[0, 1], None);
    let report = DynamicSampling::new().epochs(3).rows(50).train(&mut model, &data, &judged).unwrap();
    assert_eq!(report.classes().len(), 2);
    assert!(model.given.iter().flatten().all(|id| [0, 2, 4].contains(id)));
    assert!(model.given.iter().all(|ids| ids.len() == 50));
}

fn naive_f1(truth: &[i32], said: &[i32], weights: &[f64], class: i32) -> f64 {
    let sum =
        |of: &dyn Fn(usize) -> bool| (0..truth.len()).filter(|&i| of(i)).map(|i| weights[i]).sum::<f64>();
    let hits = sum(&|i| truth[i] == class && said[i] == class);
    let misses = sum(&|i| truth[i] == class && said[i] != class);
    let alarms = sum(&|i| truth[i] != class && said[i] == class);
    2.0 * hits / (2.0 * hits + misses + alarms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn low_f1_gets_more_rows(
        truth in prop::collection::vec(0..3i32, 5..30),
        // 9 is a class that no row has.
        says in prop::collection::vec(prop::sample::select(vec![0, 1, 2, 9]), 4..9),
        sizes in (1..20usize, 1..20usize, 1..20usize),
        rows in 3..80usize,
        own in 0u64..50,
    ) {
        let mut truth = truth;
        truth.extend([0, 1, 2]);
        let weights: Vec<f64> = (0..truth.len()).map(|row| 0.5 + (row % 3) as f64).collect();
        let y: Vec<i32> = [vec![0; sizes.0], vec![1; sizes.1], vec![2; sizes.2]].concat();
        let data = data(&y);
        let mut model = Notes { says: says.clone(), ..Notes::default() };
        let judged = validation(&truth, Some(weights.clone()));
        let schedule = DynamicSampling::new().epochs(4).rows(rows).seed(own);
        let report = schedule.train(&mut model, &data, &judged).unwrap();
        let mut wanted = [1.0; 3];
        for (epoch, (noted, given)) in report.epochs().iter().zip(&model.given).enumerate() {
            prop_assert_eq!(given.len(), rows);
            let sum: f64 = wanted.iter().sum();
            for (class, wanted) in wanted.iter().enumerate() {
                let size = count(&data, given, class as i32);
                prop_assert_eq!(size, noted.sizes[class]);
                let exact = if sum > 0.0 { rows as f64 * wanted / sum } else { rows as f64 / 3.0 };
                // To the next whole number, but that none gets nothing.
                prop_assert!(size >= 1 && (size as f64 - exact).abs() < 3.0, "{size} {exact}");
                if noted.sizes.iter().all(|&size| size > 1) {
                    prop_assert!((size as f64 - exact).abs() < 1.0 + 1e-9, "{size} {exact}");
                }
                // Each row as often as the others of its class, or once more.
                let of_class = y.iter().filter(|&&y| y == class as i32).count();
                for row in (0..y.len()).filter(|&row| y[row] == class as i32) {
                    let times = given.iter().filter(|&&id| id == row as u64).count();
                    prop_assert!(times == size / of_class || times == size.div_ceil(of_class));
                }
            }
            let said: Vec<i32> = (0..truth.len()).map(|row| says[(row + epoch + 1) % says.len()]).collect();
            for (class, wanted) in wanted.iter_mut().enumerate() {
                let f1 = naive_f1(&truth, &said, &weights, class as i32);
                prop_assert!((noted.f1[class] - f1).abs() < 1e-12);
                *wanted = 1.0 - f1;
            }
        }
    }
}

/// Each epoch draws anew, the same for the same seed.
#[test]
fn draws_differ_from_epoch_to_epoch() {
    let data = data(&[[0; 60].as_slice(), &[1; 6]].concat());
    let judged = validation(&[0, 1], None);
    let given = |own: u64| {
        let mut model = Notes { says: vec![0], ..Notes::default() };
        let schedule = DynamicSampling::new().epochs(3).rows(20).seed(own);
        schedule.train(&mut model, &data, &judged).unwrap();
        model.given
    };
    let first = given(1);
    let of_class = |ids: &[u64]| ids.iter().copied().filter(|&id| id < 60).collect::<Vec<u64>>();
    // Neither has all that the other has, however many they are.
    let (one, other) = (of_class(&first[0]), of_class(&first[1]));
    assert!(one.iter().any(|id| !other.contains(id)) && other.iter().any(|id| !one.contains(id)));
    assert_eq!(first, given(1));
    assert_ne!(first, given(2));
}

#[test]
fn all_right_is_equally_many() {
    let data = data(&[0, 0, 0, 0, 1]);
    let mut model = Notes { says: vec![1], ..Notes::default() };
    // Every validation row of weight is of class 1; class 0 is never said, and F1 of class 1 is almost 1.
    let judged = validation(&[1, 0], Some(vec![1e9, 1e-9]));
    let report = DynamicSampling::new().epochs(2).rows(10).train(&mut model, &data, &judged).unwrap();
    assert_eq!(report.epochs()[1].sizes, [9, 1]);
    struct Right;
    impl Artifact for Right {}
    impl PartialFit for Right {
        fn partial_fit(&mut self, _: &Dataset<Train>) -> Result<()> {
            Ok(())
        }
    }
    impl Predict for Right {
        fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
            Ok(batch["y"].clone())
        }
    }
    let judged = validation(&[1, 0, 1], None);
    let report = DynamicSampling::new().train(&mut Right, &data, &judged).unwrap();
    // The odd one goes to the first class.
    assert!(report.epochs().iter().all(|epoch| epoch.sizes == [3, 2] && epoch.f1 == [1.0, 1.0]));
    assert_eq!(report.epochs().len(), 10);
    // Sums of tenths are rounded, which is no mistake.
    let truth: Vec<i32> = (0..27).map(|row| i32::from(row >= 20)).collect();
    let judged = validation(&truth, Some(vec![0.1; 27]));
    let report = DynamicSampling::new().rows(10).train(&mut Right, &data, &judged).unwrap();
    assert!(
        report.epochs().iter().all(|epoch| epoch.sizes == [5, 5] && epoch.f1.iter().all(|&f1| f1 <= 1.0))
    );
}

#[test]
fn dynamic_sampling_refuses() {
    let data = data(&[0, 0, 1]);
    let fine = || validation(&[0, 1], None);
    let mut model = Notes { says: vec![0], ..Notes::default() };
    let mut refused = |schedule: DynamicSampling, data: &Dataset<Train>, judged: Dataset<Validation>| {
        schedule.train(&mut model, data, &judged).unwrap_err()
    };
    assert_eq!(kind(&refused(DynamicSampling::new().epochs(0), &data, fine())), "epochs");
    assert_eq!(kind(&refused(DynamicSampling::new().rows(1), &data, fine())), "rows");
    assert_eq!(kind(&refused(DynamicSampling::new().rows(usize::MAX), &data, fine())), "rows");
    assert_eq!(kind(&refused(DynamicSampling::new(), &self::data(&[1, 1]), fine())), "SingleClass");
    assert_eq!(kind(&refused(DynamicSampling::new(), &self::data(&[]), fine())), "TooFewRows");
    let error = refused(DynamicSampling::new(), &data, validation(&[0, 0], None));
    assert!(error.to_string().contains("no row of class `1`"), "{error}");
    let error = refused(DynamicSampling::new(), &data, validation(&[0, 1, 5], None));
    assert!(error.to_string().contains("`5`"), "{error}");
    let error = refused(DynamicSampling::new(), &data, validation(&[0, 1], Some(vec![1.0, 0.0])));
    assert!(error.to_string().contains("no row of class `1`"), "{error}");
    assert_eq!(kind(&refused(DynamicSampling::new(), &data, validation(&[], None))), "InvalidValue");
    let text =
        RecordBatch::try_from_iter([("z", Arc::new(StringArray::from(vec!["a"])) as ArrayRef)]).unwrap();
    let text = Dataset::new(text).unwrap().into_validation_all();
    assert_eq!(kind(&refused(DynamicSampling::new(), &data, text)), "MissingRole");
    assert!(model.given.is_empty());
    let json: DynamicSampling = serde_json::from_str(r#"{"rows":7}"#).unwrap();
    assert_eq!(json, DynamicSampling::new().rows(7));
    assert!(serde_json::from_str::<DynamicSampling>(r#"{"row":7}"#).is_err());
}
