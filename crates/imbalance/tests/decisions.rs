//! Class weights, costs, thresholds and corrected probabilities.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{
    Category, Classes, Dataset, Direction, ErrorKind, Estimate, FitTransform, InputColumn, Metric, Predict,
    PredictProba, Prediction, Probabilities, Result, Train, Unsplit, column,
};
use mlsys_imbalance::{
    ClassWeighter, CostMatrix, EditedNearestNeighbours, PlanResample, PriorCorrection, RandomOverSampler,
    RandomUnderSampler, Smote, Strategy, ThresholdGoal, ThresholdTuner, TomekLinks, WeightBy,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use serde::{Deserialize, Serialize};

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> Dataset<Unsplit> {
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn words(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn doubles(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

#[test]
fn weights_multiply_those_that_are_there() {
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![2, 1, 0, 1]));
    let data = table([("w", integers), ("y", words(&["a", "a", "c", "b"])), ("x", doubles(&[1.0; 4]))]);
    let train = data.target("y").unwrap().weight("w").unwrap().into_train_all();
    // Three and one of four: `c` has no weight, and is no class.
    let weighed = ClassWeighter::balanced().weigh(&train).unwrap();
    assert_eq!(weighed.weights().unwrap().unwrap()[..], [4.0 / 3.0, 2.0 / 3.0, 0.0, 2.0]);
    let names: Vec<&str> = weighed.batch().schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["w", "y", "x"]);
    assert_eq!(weighed.column("w").unwrap().data_type(), &DataType::Float64);
    assert_eq!(weighed.features(), ["x"]);
}

#[test]
fn weights_get_a_column_of_their_own() {
    let train = table([("y", words(&["a", "a", "b", "a"])), ("x", doubles(&[1.0; 4]))]).target("y").unwrap();
    let train = train.into_train_all();
    let (_, weighed) =
        ClassWeighter::explicit([("b", 3.0)]).column("count").fit_transform(train.clone()).unwrap();
    assert_eq!(weighed.layout().weight(), Some("count"));
    assert_eq!(weighed.weights().unwrap().unwrap()[..], [1.0, 1.0, 3.0, 1.0]);
    assert_eq!(weighed.features(), ["x"]);
    assert_eq!(weighed.row_ids(), train.row_ids());
    let error = ClassWeighter::balanced().column("x").weigh(&train).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::DuplicateColumn { name } if name == "x"), "{error}");
}

#[test]
fn weights_that_cannot_be_are_refused() {
    let train = table([("y", words(&["a", "a", "b", "a"]))]).target("y").unwrap().into_train_all();
    for recipe in [
        ClassWeighter::effective_number(1.0),
        ClassWeighter::effective_number(-0.1),
        ClassWeighter::effective_number(f64::NAN),
        ClassWeighter::explicit([("b", 0.0)]),
        ClassWeighter::explicit([("b", f64::INFINITY)]),
        ClassWeighter::explicit([("z", 1.0)]),
    ] {
        let error = recipe.of(&train).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    }
    let one = table([("y", words(&["a", "a"]))]).target("y").unwrap().into_train_all();
    let error = ClassWeighter::balanced().of(&one).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SingleClass { .. }), "{error}");
    let tiny = table([("y", words(&["a", "b"])), ("w", doubles(&[1e300, 1e-300]))]);
    let tiny = tiny.target("y").unwrap().weight("w").unwrap().into_train_all();
    assert!(matches!(
        ClassWeighter::balanced().of(&tiny).unwrap_err().kind(),
        ErrorKind::InvalidValue { .. }
    ));
    assert_eq!(ClassWeighter::inverse_frequency().of(&tiny).unwrap()[1].1, 2.0);
    let by = serde_json::from_str::<ClassWeighter>(r#"{"by": {"effective_number": 0.9}}"#).unwrap();
    assert_eq!(by, ClassWeighter::new(WeightBy::EffectiveNumber(0.9)));
}

#[test]
fn costs_of_three_classes() {
    // Given in another order than that of the classes.
    let classes: Vec<Category> = ["c", "a", "b"].map(Category::from).to_vec();
    let costs =
        CostMatrix::new(classes, vec![vec![0.0, 5.0, 1.0], vec![2.0, -1.0, 4.0], vec![3.0, 6.0, 0.0]])
            .unwrap();
    assert_eq!(costs.costs().row(0).to_vec(), [-1.0, 4.0, 2.0]);
    let p = Probabilities::new(mlsys_core::ndarray::array![[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).unwrap();
    let expected = costs.expected(&p).unwrap();
    assert!((expected[[0, 0]] - (-0.5 + 1.2 + 0.4)).abs() < 1e-15);
    assert!((expected[[1, 2]] - (0.5 + 0.1)).abs() < 1e-15);
    assert_eq!(costs.decide(&p).unwrap(), [0, 2]);
    let labels = costs.labels(&p).unwrap();
    assert_eq!(labels.as_ref(), &StringArray::from(vec!["a", "c"]) as &dyn Array);
    assert!(matches!(costs.threshold().unwrap_err().kind(), ErrorKind::Unsupported { .. }));
    // Of `a` 13 in all, of `b` 5, of `c` 5.
    let train = table([("y", words(&["a", "b", "c"]))]).target("y").unwrap().into_train_all();
    let weights: Vec<f64> = costs.class_weights().unwrap().of(&train).unwrap().iter().map(|w| w.1).collect();
    for (found, expected) in weights.iter().zip([13.0, 5.0, 5.0]) {
        assert!((found - expected / (23.0 / 3.0)).abs() < 1e-15);
    }
    assert_eq!(weights.len(), 3);
}

#[test]
fn costs_that_cannot_be_are_refused() {
    let two = || [false, true].map(Category::from);
    let shape = |costs| matches!(CostMatrix::new(two(), costs).unwrap_err().kind(), ErrorKind::Shape { .. });
    assert!(shape(vec![vec![0.0, 1.0]]));
    assert!(shape(vec![vec![0.0, 1.0], vec![1.0]]));
    assert!(CostMatrix::new([true.into()], vec![vec![0.0]]).is_err());
    assert!(CostMatrix::of_errors(true, true, 1.0, 1.0).is_err());
    assert!(CostMatrix::of_errors(false, true, f64::NAN, 1.0).is_err());
    // Never dearer to say yes.
    let yes = CostMatrix::new(two(), vec![vec![1.0, 5.0], vec![0.0, 0.0]]).unwrap();
    assert!(yes.threshold().is_err());
    assert!(yes.class_weights().is_err());
    let three = Probabilities::new(mlsys_core::ndarray::array![[0.2, 0.3, 0.5]]).unwrap();
    assert!(yes.expected(&three).is_err());
    assert_eq!(CostMatrix::of_errors(false, true, 1e308, 1e308).unwrap().threshold().unwrap(), 0.5);
    let far = CostMatrix::new(two(), vec![vec![-1.7e308, 1.0], vec![1.7e308, 0.0]]).unwrap();
    assert_eq!(far.threshold().unwrap(), 1.0);
    let tiny = CostMatrix::of_errors(false, true, 5e-324, 1.5e-323).unwrap();
    assert_eq!(tiny.threshold().unwrap(), 0.25);
    let bytes = r#"{"classes": [false, true], "costs": [[0.0, 1.0], [1.0]]}"#;
    assert!(serde_json::from_str::<CostMatrix>(bytes).is_err());
    let costs = CostMatrix::of_errors(false, true, 1.0, 3.0).unwrap();
    let again: CostMatrix = serde_json::from_str(&serde_json::to_string(&costs).unwrap()).unwrap();
    assert_eq!(again, costs);
}

/// Says the value of a column.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Says {
    classes: Classes,
}

impl Says {
    fn validate(&self) -> Result<()> {
        self.classes.validate()
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(Says, "test.Says", 1);

impl Predict for Says {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for Says {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&column::floats("p", column::find(batch, "p")?)?)
    }
}

fn says() -> Says {
    Says { classes: Classes::new([false, true].map(Category::from)).unwrap() }
}

/// The share of rows that are right.
struct Right;

impl Metric for Right {
    fn name(&self) -> String {
        "right".into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let classes = says().classes;
        let (a, b) = (classes.indices("y", truth)?, classes.indices("p", prediction.labels())?);
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let right: f64 = (0..a.len()).filter(|&row| a[row] == b[row]).map(weight).sum();
        Ok(Estimate::point(right / (0..a.len()).map(weight).sum::<f64>()))
    }
}

/// As [`Right`], of what is predicted positive: without a value where nothing is.
struct RightPositives(Result<f64, ()>);

impl Metric for RightPositives {
    fn name(&self) -> String {
        "right positives".into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, _: Option<&[f64]>) -> Result<Estimate> {
        let classes = says().classes;
        let (a, b) = (classes.indices("y", truth)?, classes.indices("p", prediction.labels())?);
        let found: Vec<usize> = (0..a.len()).filter(|&row| b[row] == 1).collect();
        if found.is_empty() {
            return self.0.map(Estimate::point).map_err(|()| mlsys_core::Error::unsupported("no positives"));
        }
        Ok(Estimate::point(found.iter().map(|&row| a[row] as f64).sum::<f64>() / found.len() as f64))
    }
}

#[test]
fn thresholds_without_a_value_are_passed_over() {
    let truth: ArrayRef = Arc::new(BooleanArray::from(vec![false, true, false, true, false]));
    let data = table([("p", doubles(&[0.1, 0.3, 0.35, 0.4, 0.2])), ("y", truth)]).target("y").unwrap();
    let validation = data.into_validation_all();
    for nothing in [Ok(f64::NAN), Err(())] {
        let best = ThresholdTuner::by_metric(&RightPositives(nothing), &says(), &validation, 100).unwrap();
        assert_eq!((best.threshold(), best.value()), (0.375, 1.0));
        assert!(best.at_half().is_nan());
    }
}

#[test]
fn thresholds_of_a_model() {
    let truth: ArrayRef = Arc::new(BooleanArray::from(vec![false, true, false, true, false]));
    let data = table([("p", doubles(&[0.1, 0.3, 0.35, 0.4, 0.2])), ("y", truth)]).target("y").unwrap();
    let validation = data.clone().into_validation_all();
    let f1 = ThresholdTuner::new(ThresholdGoal::FBeta(1.0)).tune(&says(), &validation).unwrap();
    assert_eq!((f1.threshold(), f1.value(), f1.at_half()), (0.25, 0.8, 0.0));
    let p = says().predict_proba(validation.batch()).unwrap();
    assert_eq!(f1.decide(&p).unwrap(), [false, true, true, true, false]);
    let labels = f1.labels(says().classes(), &p).unwrap();
    assert_eq!(labels.as_ref(), &BooleanArray::from(vec![false, true, true, true, false]) as &dyn Array);
    let right = ThresholdTuner::by_metric(&Right, &says(), &validation, 100).unwrap();
    assert_eq!((right.value(), right.at_half()), (0.8, 0.6));
    // Two thresholds are right in four of five rows: the nearer to 1/2 is taken.
    assert_eq!(right.threshold(), 0.375);
    assert!(ThresholdTuner::by_metric(&Right, &says(), &validation, 0).is_err());
    // A missed row costs four times as much.
    let costs = CostMatrix::of_errors(false, true, 1.0, 4.0).unwrap();
    let cheapest = ThresholdTuner::new(ThresholdGoal::Cost(costs)).tune(&says(), &validation).unwrap();
    assert_eq!((cheapest.threshold(), cheapest.value(), cheapest.at_half()), (0.25, 0.2, 1.6));
    let costs = CostMatrix::of_errors("no", "yes", 1.0, 4.0).unwrap();
    let error = ThresholdTuner::new(ThresholdGoal::Cost(costs)).tune(&says(), &validation).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    assert!(ThresholdTuner::new(ThresholdGoal::FBeta(0.0)).tune(&says(), &validation).is_err());
}

#[test]
fn thresholds_that_cannot_be_are_refused() {
    let tuner = ThresholdTuner::new(ThresholdGoal::BalancedAccuracy);
    assert!(matches!(tuner.of(&[], &[], None).unwrap_err().kind(), ErrorKind::TooFewRows { .. }));
    assert!(matches!(
        tuner.of(&[true; 2], &[0.1, 0.2], None).unwrap_err().kind(),
        ErrorKind::SingleClass { .. }
    ));
    assert!(matches!(tuner.of(&[true], &[], None).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(tuner.of(&[true, false], &[0.1, f64::NAN], None).is_err());
    assert!(tuner.of(&[true, false], &[0.1, 1.5], None).is_err());
    assert!(tuner.of(&[true, false], &[0.1, 0.5], Some(&[1.0, -1.0])).is_err());
    assert!(matches!(
        tuner.of(&[true, false], &[0.1, 0.5], Some(&[1.0, 0.0])).unwrap_err().kind(),
        ErrorKind::SingleClass { .. }
    ));
    // Neighbouring doubles, and scores at both ends.
    let low = 0.3_f64;
    let found = tuner.of(&[false, true], &[low, low.next_up()], None).unwrap();
    assert!(found.threshold() > low && found.threshold() <= low.next_up());
    assert_eq!(tuner.of(&[true, false], &[0.0, 1.0], None).unwrap().value(), 0.5);
}

fn tens(rows: usize) -> Dataset<Train> {
    let late = Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(row % 10 == 0))));
    let x = Arc::new(Float64Array::from_iter_values((0..rows).map(|row| (row * 7 % 31) as f64)));
    table([("x", x as _), ("late", late as _)]).target("late").unwrap().into_train_all()
}

#[test]
fn corrections_by_the_formulas() {
    let train = tens(200);
    let p = Probabilities::binary(&[0.0, 0.2, 0.5, 0.99, 1.0]).unwrap();
    let kept = Strategy::counts([(false, 60)]);
    let under = PriorCorrection::of(&RandomUnderSampler::new().strategy(kept), &train).unwrap();
    // Dal Pozzolo and others 2015, equation 4, for a third of the 180 that is kept.
    let beta = 1.0 / 3.0;
    for (found, p) in under.apply(&p).unwrap().positive().iter().zip(p.positive()) {
        assert!((found - beta * p / (beta * p - p + 1.0)).abs() < 1e-15);
    }
    // As many rows of both as by balanced weights.
    let over = PriorCorrection::of(&RandomOverSampler::new(), &train).unwrap();
    let weights = PriorCorrection::of_weights(&ClassWeighter::balanced(), &train).unwrap();
    let (over, weights) = (over.apply(&p).unwrap(), weights.apply(&p).unwrap());
    over.positive().iter().zip(weights.positive()).for_each(|(a, b)| assert!((a - b).abs() < 1e-15));
    assert!((over.positive()[2] - 0.1).abs() < 1e-15);
    for resampler in [&Smote::new() as &dyn PlanResample, &TomekLinks::new(), &EditedNearestNeighbours::new()]
    {
        let error = PriorCorrection::of(resampler, &train).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { what } if what.contains("Dataset<Validation>")),
            "{error}"
        );
    }
}

#[test]
fn corrections_that_cannot_be_are_refused() {
    let classes = says().classes;
    let new = |data: &[f64], training: &[f64]| PriorCorrection::new(classes.clone(), data, training);
    assert!(matches!(new(&[1.0], &[1.0]).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(new(&[1.0, 0.0], &[1.0, 1.0]).is_err());
    assert!(new(&[1.0, 1.0], &[1.0, f64::NAN]).is_err());
    assert!(new(&[1e300, 1e-300], &[1.0, 1.0]).is_err());
    let correction = new(&[1.0, 9.0], &[1.0, 1.0]).unwrap();
    assert_eq!(correction.ratios(), [1.0 / 9.0, 1.0]);
    let three = Probabilities::new(mlsys_core::ndarray::array![[0.2, 0.3, 0.5]]).unwrap();
    assert!(correction.apply(&three).is_err());
    let again: PriorCorrection = serde_json::from_str(&serde_json::to_string(&correction).unwrap()).unwrap();
    assert_eq!(again, correction);
    assert!(
        serde_json::from_str::<PriorCorrection>(r#"{"classes": [false, true], "ratios": [1.0]}"#).is_err()
    );
    assert!(
        serde_json::from_str::<PriorCorrection>(r#"{"classes": [false, true], "ratios": [1.0, -1.0]}"#)
            .is_err()
    );
    assert!(
        serde_json::from_str::<PriorCorrection>(r#"{"classes": [true, false], "ratios": [1.0, 0.1]}"#)
            .is_err(),
        "classes in another order would swap the ratios"
    );
    // A class of a share that would vanish.
    let far = new(&[1e-280, 1.0], &[1.0, 1e-20])
        .unwrap()
        .apply(&Probabilities::binary(&[1e-300]).unwrap())
        .unwrap();
    assert!((far.positive()[0] - 0.5).abs() < 1e-9, "{far:?}");
}

/// Rows with scores of few values, so that many are equal, and their weights.
fn scored() -> impl proptest::strategy::Strategy<Value = Vec<(bool, f64, f64)>> {
    prop::collection::vec((any::<bool>(), 0u8..=8, 0u8..4), 2..40)
        .prop_map(|rows| rows.into_iter().map(|(y, p, w)| (y, f64::from(p) / 8.0, f64::from(w))).collect())
}

fn naive(goal: &ThresholdGoal, rows: &[(bool, f64, f64)], threshold: f64) -> f64 {
    let sum = |of: &dyn Fn(bool, bool) -> bool| -> f64 {
        rows.iter().filter(|(y, p, _)| of(*y, *p >= threshold)).map(|row| row.2).sum()
    };
    let (tp, fp, fn_, tn) =
        (sum(&|y, p| y && p), sum(&|y, p| !y && p), sum(&|y, p| y && !p), sum(&|y, p| !y && !p));
    match goal {
        ThresholdGoal::FBeta(b) => (1.0 + b * b) * tp / ((1.0 + b * b) * tp + b * b * fn_ + fp),
        ThresholdGoal::GeometricMean => (tp / (tp + fn_) * tn / (tn + fp)).sqrt(),
        ThresholdGoal::Cost(c) => {
            let c = c.costs();
            (c[[1, 1]] * tp + c[[1, 0]] * fp + c[[0, 1]] * fn_ + c[[0, 0]] * tn) / (tp + fp + fn_ + tn)
        }
        _ => (tp / (tp + fn_) + tn / (tn + fp)) / 2.0,
    }
}

proptest! {
    #[test]
    fn no_threshold_is_better(rows in scored(), false_positive in 0.5..4.0_f64) {
        let sum = |of: bool| rows.iter().filter(|row| row.0 == of).map(|row| row.2).sum::<f64>();
        prop_assume!(sum(true) > 0.0 && sum(false) > 0.0);
        let truth: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let scores: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let two = [false, true].map(Category::from);
        let costs = CostMatrix::new(two, vec![vec![0.25, 2.0], vec![false_positive, -0.5]]).unwrap();
        for goal in [
            ThresholdGoal::FBeta(1.0), ThresholdGoal::FBeta(2.0), ThresholdGoal::BalancedAccuracy, ThresholdGoal::GeometricMean,
            ThresholdGoal::Cost(costs),
        ] {
            let found = ThresholdTuner::new(goal.clone()).of(&truth, &scores, Some(&weights)).unwrap();
            // What is said of it, and of 1/2, is so.
            prop_assert!((found.value() - naive(&goal, &rows, found.threshold())).abs() < 1e-12);
            prop_assert!((found.at_half() - naive(&goal, &rows, 0.5)).abs() < 1e-12);
            for place in -1..=18 {
                let other = naive(&goal, &rows, f64::from(place) / 16.0);
                let ahead = if matches!(goal, ThresholdGoal::Cost(_)) { found.value() - other } else { other - found.value() };
                prop_assert!(ahead < 1e-12, "{goal:?}: {other} at {place}/16, {found:?}");
            }
        }
    }

    #[test]
    fn weighted_decisions_are_those_of_the_threshold(p in 0.0..1.0_f64, alarm in 0.1..10.0_f64, miss in 0.1..10.0_f64) {
        let costs = CostMatrix::new([0, 1].map(Category::from), vec![vec![-1.0, miss], vec![alarm, -0.5]]).unwrap();
        let threshold = costs.threshold().unwrap();
        prop_assume!((p - threshold).abs() > 1e-9);
        let row = Probabilities::binary(&[p]).unwrap();
        prop_assert_eq!(costs.decide(&row).unwrap(), [usize::from(p >= threshold)]);
        // Under the weights even odds are the threshold.
        let train = table([("y", Arc::new(Int64Array::from(vec![0, 1])) as _)]).target("y").unwrap().into_train_all();
        let weights = costs.class_weights().unwrap();
        let classes = costs.classes().clone();
        let of: Vec<f64> = weights.of(&train).unwrap().iter().map(|w| w.1).collect();
        let weighted = PriorCorrection::new(classes, &of, &[1.0, 1.0]).unwrap().apply(&row).unwrap();
        prop_assert_eq!(weighted.positive()[0] >= 0.5, p >= threshold);
        // And undone, they are as before.
        let back = PriorCorrection::of_weights(&weights, &train).unwrap().apply(&weighted).unwrap();
        prop_assert!((back.positive()[0] - p).abs() < 1e-12);
    }
}
