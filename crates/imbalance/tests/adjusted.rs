//! Classifiers with a threshold, costs or another prior: what they say, and as artefacts.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/stump.rs"]
mod stump;

use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch};
use mlsys_core::arrow::datatypes::Int64Type;
use mlsys_core::{
    Artifact, Category, Classes, Dataset, ErrorKind, Fit, Predict, PredictProba, Registry, Resample, Result,
    Train, Validation, artifact, seed,
};
use mlsys_imbalance::{
    Adjusted, BalancedBagging, CostMatrix, FittedBalancedBagging, PriorCorrection, RandomUnderSampler,
    ThresholdGoal, ThresholdTuner,
};
use serde::Serialize;
use stump::{FittedStump, Stump};

fn data(seed: u64, rows: usize, classes: i32) -> Dataset<Train> {
    let mut rng = seed::stream(seed, 0);
    let y: Vec<i32> =
        (0..rows).map(|row| if row % 5 == 0 { 1 + row as i32 / 5 % (classes - 1) } else { 0 }).collect();
    let x: Vec<Vec<f64>> = y.iter().map(|&y| vec![f64::from(y) + 4.0 * seed::uniform(&mut rng)]).collect();
    train(&x, &y)
}

fn validation(data: &Dataset<Train>) -> Dataset<Validation> {
    Dataset::new(data.batch().clone()).unwrap().target("y").unwrap().into_validation_all()
}

fn bagging(data: &Dataset<Train>) -> FittedBalancedBagging<FittedStump> {
    BalancedBagging::new(Stump).n_estimators(7).fit(data).unwrap()
}

fn labels(model: &impl Predict, batch: &RecordBatch) -> Vec<i64> {
    model.predict(batch).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn a_tuned_threshold() {
    let data = data(1, 200, 2);
    let model = bagging(&data);
    let tuned = ThresholdTuner::new(ThresholdGoal::FBeta(1.0)).tune(&model, &validation(&data)).unwrap();
    let adjusted = Adjusted::new(model.clone()).threshold(tuned.threshold()).unwrap();
    let p = model.predict_proba(data.batch()).unwrap();
    assert_eq!(adjusted.predict_proba(data.batch()).unwrap(), p);
    let expected: Vec<i64> = tuned.decide(&p).unwrap().into_iter().map(i64::from).collect();
    assert_eq!(labels(&adjusted, data.batch()), expected);
    assert_ne!(labels(&model, data.batch()), expected);
    // From the threshold on, not above it.
    let exactly = p.positive()[3];
    let at_it = Adjusted::new(model.clone()).threshold(exactly).unwrap();
    assert_eq!(labels(&at_it, &data.batch().slice(3, 1)), [1]);
    // A row on its own, no row, and the ends of the scale.
    assert_eq!(labels(&adjusted, &data.batch().slice(5, 1)), expected[5..6]);
    assert_eq!(labels(&adjusted, &data.batch().slice(0, 0)), [0_i64; 0]);
    let at = |threshold| labels(&Adjusted::new(model.clone()).threshold(threshold).unwrap(), data.batch());
    assert!(at(0.0).iter().all(|&y| y == 1) && at(1.5).iter().all(|&y| y == 0));
    assert_eq!(adjusted.model(), &model);
}

#[test]
fn another_prior() {
    let data = data(2, 300, 3);
    let sampler = RandomUnderSampler::new();
    let model = Stump.fit(&sampler.resample(data.clone()).unwrap()).unwrap();
    let correction = PriorCorrection::of(&sampler, &data).unwrap();
    let p = correction.apply(&model.predict_proba(data.batch()).unwrap()).unwrap();
    let adjusted = Adjusted::new(model.clone()).correct(correction.clone()).unwrap();
    assert_eq!(adjusted.predict_proba(data.batch()).unwrap(), p);
    let expected: Vec<i64> = p.argmax().into_iter().map(|class| class as i64).collect();
    assert_eq!(labels(&adjusted, data.batch()), expected);
    assert_ne!(model.predict_proba(data.batch()).unwrap(), p);
    // Costs are of the corrected probabilities.
    let rows = vec![vec![0.0, 5.0, 5.0], vec![1.0, 0.0, 1.0], vec![1.0, 1.0, 0.0]];
    let costs = CostMatrix::new([0, 1, 2].map(Category::from), rows).unwrap();
    let decided: Vec<i64> = costs.decide(&p).unwrap().into_iter().map(|class| class as i64).collect();
    let cheap = adjusted.clone().costs(costs.clone()).unwrap();
    assert_eq!(labels(&cheap, data.batch()), decided);
    assert_eq!(cheap.predict_proba(data.batch()).unwrap(), p);
    let other =
        Adjusted::new(model.clone()).correct(correction.clone()).unwrap().costs(costs.clone()).unwrap();
    // The other way round the costs would be weighed by other probabilities.
    let error = Adjusted::new(model).costs(costs).unwrap().correct(correction).unwrap_err();
    assert!(error.to_string().contains("correct first"), "{error}");
    assert_eq!(other, cheap);
}

/// Predicts the first class, whatever is likeliest.
#[derive(Clone)]
struct Stubborn(Classes);

impl Artifact for Stubborn {}

impl Predict for Stubborn {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Int32Array::from(vec![0; batch.num_rows()])))
    }
}

impl PredictProba for Stubborn {
    fn classes(&self) -> &Classes {
        &self.0
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<mlsys_core::Probabilities> {
        mlsys_core::Probabilities::binary(&vec![0.9; batch.num_rows()])
    }
}

/// Without an adjustment, and of boxed models.
#[test]
fn as_the_model_does() {
    let classes = Classes::new([0, 1].map(Category::from)).unwrap();
    let batch =
        RecordBatch::try_from_iter([("x", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)]).unwrap();
    let model = Adjusted::new(Stubborn(classes.clone()));
    assert_eq!(
        model.predict(&batch).unwrap().as_primitive::<mlsys_core::arrow::datatypes::Int32Type>().value(0),
        0
    );
    assert!(artifact::to_bytes(&model).is_err());
    let boxed: Box<dyn PredictProba> = Box::new(Stubborn(classes));
    let adjusted = Adjusted::new(boxed).threshold(0.5).unwrap();
    assert_eq!(labels(&adjusted, &batch), [1]);
}

#[test]
fn artefacts() {
    let data = data(3, 100, 2);
    let correction =
        PriorCorrection::new(Classes::new([0, 1].map(Category::from)).unwrap(), &[4.0, 1.0], &[1.0, 1.0])
            .unwrap();
    let costs = CostMatrix::of_errors(0, 1, 1.0, 3.0).unwrap();
    let plain = Adjusted::new(bagging(&data));
    let corrected = plain.clone().correct(correction).unwrap();
    let registry = Registry::new().predict_proba::<Adjusted<FittedBalancedBagging<FittedStump>>>();
    for model in [
        plain.clone(),
        corrected.clone(),
        plain.threshold(0.25).unwrap(),
        corrected.clone().threshold(0.25).unwrap(),
        corrected.costs(costs).unwrap(),
    ] {
        let bytes = artifact::to_bytes(&model).unwrap();
        let loaded: Adjusted<FittedBalancedBagging<FittedStump>> = artifact::from_bytes(&bytes).unwrap();
        assert_eq!(loaded, model);
        assert_eq!(artifact::to_bytes(&loaded).unwrap(), bytes);
        let loaded = artifact::load_model(&bytes, &registry).unwrap();
        assert_eq!(&loaded.predict(data.batch()).unwrap(), &model.predict(data.batch()).unwrap());
        assert_eq!(model.inputs().unwrap()[0].name(), "x0");
        for cut in (0..bytes.len()).step_by(7) {
            assert!(
                artifact::from_bytes::<Adjusted<FittedBalancedBagging<FittedStump>>>(&bytes[..cut]).is_err()
            );
        }
    }
}

/// Bytes that somebody else wrote.
#[test]
fn adjustments_of_other_models_are_refused() {
    #[derive(Serialize)]
    struct Adjustment<'a> {
        correction: Option<PriorCorrection>,
        decision: Decision<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Decision<'a> {
        Likeliest,
        Threshold(f64),
        Cost(&'a CostMatrix),
    }
    struct Forged<'a>(Adjustment<'a>, FittedStump);
    impl Artifact for Forged<'_> {
        fn save_steps(&self, steps: &mut artifact::Steps) -> Result<()> {
            steps.push("mlsys.Adjusted", 1, &self.0)?;
            self.1.save_steps(steps)
        }
    }
    let model = Stump.fit(&data(4, 50, 2)).unwrap();
    let three = Stump.fit(&data(4, 50, 3)).unwrap();
    let load = |correction: Option<PriorCorrection>, decision: Decision<'_>, model: &FittedStump| {
        let bytes = artifact::to_bytes(&Forged(Adjustment { correction, decision }, model.clone())).unwrap();
        artifact::from_bytes::<Adjusted<FittedStump>>(&bytes).map(|_| ())
    };
    let others = Classes::new([3, 4].map(Category::from)).unwrap();
    let other = PriorCorrection::new(others, &[4.0, 1.0], &[1.0, 1.0]).unwrap();
    let costs = CostMatrix::of_errors(3, 4, 1.0, 3.0).unwrap();
    assert!(load(None, Decision::Likeliest, &three).is_ok());
    assert!(load(None, Decision::Threshold(0.5), &model).is_ok());
    for refused in [
        load(Some(other.clone()), Decision::Likeliest, &model),
        load(None, Decision::Threshold(f64::NAN), &model),
        load(None, Decision::Threshold(-1.0), &model),
        load(None, Decision::Threshold(0.5), &three),
        load(None, Decision::Cost(&costs), &model),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("loading mlsys.Adjusted"), "{error}");
    }
    let error = Adjusted::new(model.clone()).correct(other).unwrap_err();
    assert!(error.to_string().contains("0, 1") && error.to_string().contains("3, 4"), "{error}");
    assert!(matches!(Adjusted::new(three).threshold(0.5).unwrap_err().kind(), ErrorKind::Shape { .. }));
    let error = Adjusted::new(model).threshold(f64::INFINITY).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "threshold"));
}
