//! Imputers judged on hidden cells: the scores against plain loops, what is compared with what, and bad input.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{BoxedStep, Dataset, Error, Fit, FitTransform, Identity, Result, Train};
use mlsys_missing_values::{
    AmputeBy, CompleteCases, ConstantImputer, FittedImputer, ImputationTrial, MeanImputer, MedianImputer,
    MostFrequentImputer, RandomDonorImputer,
};

fn table(n: usize) -> Dataset<Train> {
    let x = Float64Array::from_iter((0..n).map(|i| (i % 9 > 0).then_some(((i * 37) % 101) as f64)));
    let whole = Int64Array::from_iter_values((0..n as i64).map(|i| i % 5));
    let color = ["red", "green", "blue", "red"];
    let color = StringArray::from_iter((0..n).map(|i| (i % 11 > 0).then_some(color[i % 4])));
    // No two rows are alike, since a donor's draw follows from the row.
    let row = Float64Array::from_iter_values((0..n).map(|i| i as f64));
    let columns: [(&str, ArrayRef); 4] =
        [("x", Arc::new(x)), ("whole", Arc::new(whole)), ("color", Arc::new(color)), ("row", Arc::new(row))];
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap())
        .unwrap()
        .into_train_all()
}

/// Keeps what it is given, and fills with a constant.
#[derive(Clone)]
struct Spy {
    constant: ConstantImputer,
    on: &'static str,
    seen: Arc<Mutex<Vec<RecordBatch>>>,
}

impl Spy {
    fn new(constant: ConstantImputer, on: &'static str) -> Self {
        Self { constant, on, seen: Arc::default() }
    }
}

impl Fit for Spy {
    type Fitted = FittedImputer;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedImputer> {
        self.seen.lock().unwrap().push(train.batch().clone());
        self.constant.clone().on([self.on]).fit(train)
    }
}

impl FitTransform for Spy {}

fn spy(spy: &Spy) -> BoxedStep {
    spy.clone().boxed_step()
}

#[test]
fn numbers_are_scored_as_by_a_loop() {
    let train = table(300);
    let own = Spy::new(ConstantImputer::new(50.0), "x");
    let scores = ImputationTrial::new().share(0.3).repeats(2).run(&train, [("spy", spy(&own))]).unwrap();
    let (truth, seen) = (train.batch()["x"].as_primitive::<Float64Type>(), own.seen.lock().unwrap());
    assert_eq!(seen.len(), 2);
    let hidden: Vec<f64> = seen
        .iter()
        .flat_map(|holes| {
            let x = holes["x"].as_primitive::<Float64Type>();
            (0..300)
                .filter(|&i| truth.is_valid(i) && x.is_null(i))
                .map(|i| truth.value(i))
                .collect::<Vec<_>>()
        })
        .collect();
    let n = hidden.len() as f64;
    assert!((120.0..200.0).contains(&n), "of 2 × 0.3 × 266 cells {n} are hidden");
    let mean = hidden.iter().sum::<f64>() / n;
    let deviation = (hidden.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let rmse = (hidden.iter().map(|x| (x - 50.0).powi(2)).sum::<f64>() / n).sqrt();
    // All mass moves to one point.
    let moved = hidden.iter().map(|x| (x - 50.0).abs()).sum::<f64>() / n;
    let score = scores.of("spy", "x").unwrap();
    assert_eq!((score.hidden, score.left, score.pfc), (hidden.len(), 0, None));
    for (found, expected) in
        [(score.rmse, rmse), (score.nrmse, rmse / deviation), (score.distance, moved / deviation)]
    {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} for {expected}");
    }
    // What is not filled is counted, not scored.
    let color = scores.of("spy", "color").unwrap();
    assert!(
        color.hidden > 0 && color.left == color.hidden && color.pfc.is_none() && color.distance.is_none()
    );
}

#[test]
fn categories_are_scored_as_by_hand() {
    let train = table(400);
    let own = Spy::new(ConstantImputer::new("red"), "color");
    let other = Spy::new(ConstantImputer::new("violet"), "color");
    let trial = ImputationTrial::new().columns(["color"]).share(0.5).repeats(1).seed(3);
    let scores = trial.run(&train, [("red", spy(&own)), ("violet", spy(&other))]).unwrap();
    // Both see the same cells hidden.
    assert_eq!(*own.seen.lock().unwrap(), *other.seen.lock().unwrap());
    let (holes, truth) = (own.seen.lock().unwrap()[0].clone(), train.batch()["color"].as_string::<i32>());
    let hidden: Vec<&str> = (0..400)
        .filter(|&i| truth.is_valid(i) && holes["color"].is_null(i))
        .map(|i| truth.value(i))
        .collect();
    let wrong = hidden.iter().filter(|color| **color != "red").count() as f64 / hidden.len() as f64;
    let red = scores.of("red", "color").unwrap();
    assert_eq!((red.hidden, red.left, red.rmse, red.nrmse), (hidden.len(), 0, None, None));
    // Every wrong cell moves from its colour to red: the distance is the share of wrong ones.
    assert_eq!(red.pfc, Some(wrong));
    assert!((red.distance.unwrap() - wrong).abs() < 1e-15 && (0.4..0.6).contains(&wrong));
    let violet = scores.of("violet", "color").unwrap();
    assert_eq!((violet.pfc, violet.distance), (Some(1.0), Some(1.0)));
}

#[test]
fn known_imputers_score_as_known() {
    let train = table(3000);
    let imputers = || {
        [
            ("mean", MeanImputer::new().boxed_step()),
            ("donor", RandomDonorImputer::new().boxed_step()),
            ("mode", MeanImputer::new().then(MostFrequentImputer::new()).boxed_step()),
        ]
    };
    let trial = ImputationTrial::new().columns(["x", "whole", "color"]).share(0.2);
    let scores = trial.run(&train, imputers()).unwrap();
    let of = |imputer, column| scores.of(imputer, column).unwrap();
    assert!((of("mean", "x").nrmse.unwrap() - 1.0).abs() < 0.05);
    // The mean of whole numbers is compared as a number.
    assert!((of("mean", "whole").nrmse.unwrap() - 1.0).abs() < 0.05);
    assert!((of("donor", "x").nrmse.unwrap() - 2f64.sqrt()).abs() < 0.08);
    assert!(of("donor", "x").distance.unwrap() < 0.1 && of("mean", "x").distance.unwrap() > 0.5);
    assert!(of("donor", "color").distance.unwrap() < 0.05 && of("mode", "color").distance.unwrap() > 0.4);
    // The shares are 1/2, 1/4, 1/4.
    assert!((of("mode", "color").pfc.unwrap() - 0.5).abs() < 0.05);
    assert!((of("donor", "color").pfc.unwrap() - 0.625).abs() < 0.05);

    let summaries = scores.by_imputer();
    assert_eq!(summaries.iter().map(|s| s.imputer.as_str()).collect::<Vec<_>>(), ["mean", "donor", "mode"]);
    let both = (of("mean", "x").nrmse.unwrap() + of("mean", "whole").nrmse.unwrap()) / 2.0;
    assert_eq!((summaries[0].nrmse, summaries[0].pfc), (Some(both), None));
    assert_eq!((summaries[0].left, summaries[1].left), (of("mean", "color").hidden, 0));
    // The same again; other cells under another seed.
    assert_eq!(scores, trial.run(&train, imputers()).unwrap());
    assert_ne!(scores, trial.clone().seed(1).run(&train, imputers()).unwrap());

    let batch = scores.to_batch().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (9, 8));
    assert_eq!(batch["nrmse"].as_primitive::<Float64Type>().value(0), of("mean", "x").nrmse.unwrap());
    let printed = scores.to_string();
    assert_eq!(printed.lines().count(), 1 + 9 + 3);
    assert!(printed.lines().nth(10).unwrap().starts_with("mean     (all)"), "{printed}");
}

#[test]
fn cells_may_be_hidden_by_their_own_value() {
    let n = 1000;
    let x = Float64Array::from_iter_values((0..n).map(f64::from));
    let train = Dataset::new(RecordBatch::try_from_iter([("x", Arc::new(x) as _)]).unwrap()).unwrap();
    let mean = || [("mean", MeanImputer::new().boxed_step())];
    let trial = ImputationTrial::new().share(0.2).by(AmputeBy::Mnar).strength(4.0);
    let train = train.into_train_all();
    // Large values are missing, which the mean of the small ones is far from.
    let found = trial.run(&train, mean()).unwrap().of("mean", "x").unwrap().nrmse.unwrap();
    assert!(found > 1.5, "{found}");
}

#[test]
fn booleans_may_be_filled_as_numbers_and_columns_with_gaps_by_their_values() {
    let flag = BooleanArray::from_iter((0..400).map(|i| (i % 8 > 0).then_some(i % 20 != 1)));
    let x = Float64Array::from_iter((0..400).map(|i| (i % 8 > 0).then_some(f64::from(i))));
    let columns: [(&str, ArrayRef, bool); 2] = [("flag", Arc::new(flag), true), ("x", Arc::new(x), true)];
    let data =
        Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap().into_train_all();
    let trial = ImputationTrial::new().columns(["flag"]).share(0.3);
    let median = MedianImputer::new().on(["flag"]).boxed_step();
    let mean = MeanImputer::new().on(["flag"]).boxed_step();
    let scores = trial.run(&data, [("median", median), ("mean", mean)]).unwrap();
    let pfc = |imputer| scores.of(imputer, "flag").unwrap().pfc.unwrap();
    assert!(pfc("median") < 0.1 && pfc("mean") == 1.0, "{scores}");
    // Gaps that are there do not hinder hiding large values, and the share is of the known ones.
    let trial = ImputationTrial::new().columns(["x"]).share(0.2).by(AmputeBy::Mnar).repeats(1);
    let score = trial.run(&data, [("mean", MeanImputer::new().boxed_step())]).unwrap();
    let score = score.of("mean", "x").unwrap();
    assert!((45..95).contains(&score.hidden) && score.nrmse.unwrap() > 1.1, "{score:?}");
}

#[test]
fn constants_and_cells_that_nobody_hid_have_no_scores_by_deviation() {
    let x: ArrayRef = Arc::new(Float64Array::from(vec![3.0; 50]));
    let train = Dataset::new(RecordBatch::try_from_iter([("x", x)]).unwrap()).unwrap().into_train_all();
    let five = || [("five", ConstantImputer::new(5.0).on(["x"]).boxed_step())];
    let score = ImputationTrial::new().run(&train, five()).unwrap().scores()[0].clone();
    assert_eq!((score.rmse, score.nrmse, score.distance), (Some(2.0), None, None));
    let none = ImputationTrial::new().share(1e-9).run(&train, five()).unwrap().scores()[0].clone();
    assert_eq!((none.hidden, none.rmse), (0, None));
}

#[test]
fn bad_input_is_named() {
    let train = table(40);
    let mean = || ("mean", MeanImputer::new().boxed_step());
    let says = |found: Result<_>, words: &[&str]| {
        let error: Error = found.map(|_: mlsys_missing_values::ImputationScores| ()).unwrap_err();
        let text = format!("{error:#}");
        words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
    };
    let trial = ImputationTrial::new;
    says(trial().repeats(0).run(&train, [mean()]), &["repeats"]);
    says(trial().share(1.0).run(&train, [mean()]), &["share"]);
    says(trial().share(f64::NAN).run(&train, [mean()]), &["share"]);
    says(trial().by(AmputeBy::Mnar).strength(0.0).run(&train, [mean()]), &["strength"]);
    says(trial().run(&train, [mean(), mean()]), &["mean", "twice"]);
    let cancel = |step: mlsys_core::Step| match (step.done, step.total) {
        (2, 3) => std::ops::ControlFlow::Break(()),
        _ => std::ops::ControlFlow::Continue(()),
    };
    says(trial().run_with(&train, [mean()], &mut { cancel }), &["cancelled", "2 of 3 tables"]);
    says(trial().run(&train, Vec::<(String, BoxedStep)>::new()), &["imputers"]);
    says(trial().columns(["y"]).run(&train, [mean()]), &["`y`"]);
    // Names decide nothing about rows: a step that leaves rows out cannot be compared.
    let fewer = ("fewer", Identity::new().resample(CompleteCases::new()).boxed_step());
    says(trial().run(&train, [fewer]), &["`fewer`", "40 rows"]);
    let infinite = ("infinite", ConstantImputer::new(f64::INFINITY).on(["x"]).boxed_step());
    says(trial().run(&train, [infinite]), &["`infinite`", "finite, got inf"]);
    let empty = train.slice(0, 0).unwrap();
    says(trial().columns(["x"]).run(&empty, [mean()]), &["`mean`"]);
}
