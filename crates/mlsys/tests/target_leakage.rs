//! On targets that are noise, encoders of the target teach a model nothing, where encoding rows by themselves does.
#![cfg(all(feature = "models", feature = "eval", feature = "encoding"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{BooleanArray, RecordBatch, StringArray};
use mlsys::core::{BoxedStep, seed};
use mlsys::eval::roc_auc;
use mlsys::models::LogisticRegression;
use mlsys::prelude::*;

const ROWS: usize = 20_000;
const CATEGORIES: u64 = 2_000;

/// Two columns of about ten rows a category, and a target that is a coin.
fn noise(seed: u64, stream: u64) -> RecordBatch {
    let mut rng = seed::stream(seed, stream);
    let mut words = || {
        let word = |_| format!("w{}", seed::below(CATEGORIES, &mut rng));
        StringArray::from_iter_values((0..ROWS).map(word))
    };
    let (a, b) = (words(), words());
    let y: BooleanArray = (0..ROWS).map(|_| Some(seed::below(2, &mut rng) == 1)).collect();
    RecordBatch::try_from_iter([("a", Arc::new(a) as _), ("b", Arc::new(b) as _), ("y", Arc::new(y) as _)])
        .unwrap()
}

fn auc(model: &impl PredictProba, rows: &RecordBatch) -> f64 {
    let truth: Vec<bool> =
        rows["y"].as_any().downcast_ref::<BooleanArray>().unwrap().values().iter().collect();
    roc_auc(&truth, &model.predict_proba(rows).unwrap().positive(), None).unwrap()
}

/// What a model reaches on the rows that it was fitted to, and on others: the mean over ten seeds of each.
fn reached<R: FitTransform<Fitted: Transform>>(recipe: &R, naive: bool) -> (f64, f64) {
    let (mut on_training, mut held_out) = (0.0, 0.0);
    for seed in 0..10 {
        let train = Dataset::new(noise(seed, 0)).unwrap().target("y").unwrap().into_train_all();
        let (fitted, encoded) = recipe.fit_transform(train.clone()).unwrap();
        let encoded = if naive { train.apply(&fitted).unwrap() } else { encoded };
        let model = LogisticRegression::new().fit(&encoded).unwrap();
        on_training += auc(&model, encoded.batch()) / 10.0;
        held_out += auc(&model, &fitted.transform(&noise(seed, 1)).unwrap()) / 10.0;
    }
    (on_training, held_out)
}

#[test]
fn noise_stays_noise() {
    // Hanley and McNeil's variance of an AUC of a half, of balanced classes, over ten seeds.
    let error = ((ROWS as f64 + 1.0) / (12.0 * (ROWS as f64 / 2.0).powi(2)) / 10.0).sqrt();
    fn check<R: FitTransform<Fitted: Transform>>(name: &str, recipe: R, error: f64) {
        let (training, held_out) = reached(&recipe, false);
        assert!(training <= 0.52, "{name}: {training} on noise");
        assert!((held_out - 0.5).abs() <= 3.0 * error, "{name}: {held_out} on other noise");
        let (naive, _) = reached(&recipe, true);
        assert!(naive >= 0.6, "{name}: {naive} encoded by itself");
    }
    check("target", TargetEncoder::new(), error);
    check("weight of evidence", WoeEncoder::new(), error);
    check("ordered", OrderedTargetEncoder::new(), error);
}

/// Its page says so: a row's own target is not in its value, but a model that knows the category reads it off.
#[test]
fn leave_one_out_leaks() {
    let words = |stream| {
        let mut rng = seed::stream(7, stream);
        let word: Vec<String> = (0..4_000).map(|_| format!("w{}", seed::below(200, &mut rng))).collect();
        let y: BooleanArray = (0..4_000).map(|_| Some(seed::below(2, &mut rng) == 1)).collect();
        let word = Arc::new(StringArray::from(word)) as mlsys::arrow::array::ArrayRef;
        RecordBatch::try_from_iter([("word", word.clone()), ("same", word), ("y", Arc::new(y) as _)]).unwrap()
    };
    let train = Dataset::new(words(0)).unwrap().target("y").unwrap().into_train_all();
    let reached = |steps: BoxedStep| {
        let (fitted, encoded) = steps.fit_transform(train.clone()).unwrap();
        let model = LogisticRegression::new().fit(&encoded).unwrap();
        (auc(&model, encoded.batch()), auc(&model, &fitted.transform(&words(1)).unwrap()))
    };
    let with_words = |first: BoxedStep| {
        first.then(StandardScaler::new().on(["word"])).then(OneHotEncoder::new().on(["same"])).boxed_step()
    };
    let (training, held_out) = reached(with_words(LeaveOneOutEncoder::new().on(["word"]).boxed_step()));
    assert!(training > 0.95 && held_out < 0.55, "{training} {held_out}");
    // What the words say by themselves, fitted to noise: 0.63. Values by folds, or by permutations, still differ within a
    // category the other way round than its targets do, and give 0.76; leaving one out gives nearly all.
    let (alone, _) = reached(with_words(OrdinalEncoder::new().on(["word"]).boxed_step()));
    let (by_folds, _) = reached(with_words(TargetEncoder::new().on(["word"]).boxed_step()));
    let (ordered, _) = reached(with_words(OrderedTargetEncoder::new().on(["word"]).boxed_step()));
    assert!(alone < 0.65 && by_folds < 0.78 && ordered < 0.78, "{alone} {by_folds} {ordered}");
}
