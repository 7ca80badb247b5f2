//! Ensembles: against imbalanced-learn and scikit-learn, a naive boosting, and bad input.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/stump.rs"]
mod stump;

use std::ops::ControlFlow;
use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Int32Type;
use mlsys_core::{
    Category, Classes, Dataset, Error, ErrorKind, Fit, InputColumn, Predict, PredictProba, Probabilities,
    Registry, Resample, Result, Step, Train, artifact, column, hash, seed,
};
use mlsys_imbalance::{
    BalancedBagging, ClassSizes, EasyEnsemble, FittedBalancedBagging, FittedBoosting, RandomUnderSampler,
    RusBoost, Strategy,
};
use mlsys_testkit::golden::{assert_close, load};
use mlsys_testkit::{Contract, Features, Target};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stump::{FittedStump, Stump};

type Strings = Vec<&'static str>;

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

fn weighted(rows: &[Vec<f64>], classes: &[i32], weights: &[f64]) -> Dataset<Train> {
    let plain = train(rows, classes);
    let mut columns: Vec<(String, ArrayRef)> = plain
        .batch()
        .schema()
        .fields()
        .iter()
        .zip(plain.batch().columns())
        .map(|(field, array)| (field.name().clone(), array.clone()))
        .collect();
    columns.push(("w".into(), Arc::new(Float64Array::from(weights.to_vec()))));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().weight("w").unwrap().into_train_all()
}

/// What a vote is worth, the split, and the class of each side.
type Voter = (f64, Option<(usize, f64)>, usize, usize);

/// SAMME written once more, of the rows that each round is given.
fn naive(
    rows: &[Vec<f64>],
    y: &[usize],
    own: &[f64],
    k: usize,
    rate: f64,
    rounds: &[Vec<usize>],
) -> Vec<Voter> {
    let width = rows[0].len();
    let total: f64 = own.iter().sum();
    let mut d: Vec<f64> = own.iter().map(|w| w / total).collect();
    let mut voters = Vec::new();
    for kept in rounds {
        d.iter_mut().for_each(|d| *d = d.max(f64::EPSILON));
        let columns: Vec<Vec<f64>> =
            (0..width).map(|c| kept.iter().map(|&row| rows[row][c]).collect()).collect();
        let truth: Vec<usize> = kept.iter().map(|&row| y[row]).collect();
        let weights: Vec<f64> = kept.iter().map(|&row| d[row]).collect();
        let (split, left, right) = stump::split(&columns, &truth, &weights, k);
        let top = |side: &[f64]| (0..k).rev().max_by(|&a, &b| side[a].total_cmp(&side[b])).unwrap();
        let (left, right) = (top(&left), top(&right));
        let says = |row: &[f64]| match split {
            Some((c, at)) if row[c] > at => right,
            _ => left,
        };
        let wrong: Vec<bool> = rows.iter().zip(y).map(|(row, &y)| says(row) != y).collect();
        let sum: f64 = d.iter().sum();
        let error = d.iter().zip(&wrong).filter(|(_, wrong)| **wrong).map(|(d, _)| d).sum::<f64>() / sum;
        if error == 0.0 {
            voters.push((1.0, split, left, right));
            break;
        }
        let vote = rate * (((1.0 - error) / error).ln() + (k as f64 - 1.0).ln());
        if error >= 1.0 - 1.0 / k as f64 || vote <= 0.0 {
            break;
        }
        voters.push((vote, split, left, right));
        d.iter_mut().zip(wrong).filter(|(_, wrong)| *wrong).for_each(|(d, _)| *d *= vote.exp());
        let sum: f64 = d.iter().sum();
        d.iter_mut().for_each(|d| *d /= sum);
    }
    voters
}

/// The probabilities that voters give a row.
fn vote(voters: &[Voter], row: &[f64], k: usize) -> Vec<f64> {
    let all: f64 = voters.iter().map(|voter| voter.0).sum();
    let mut f = vec![0.0; k];
    for &(vote, split, left, right) in voters {
        let said = match split {
            Some((c, at)) if row[c] > at => right,
            _ => left,
        };
        let last = (k - 1) as f64;
        (0..k).for_each(|class| f[class] += if class == said { vote } else { -vote / last } / all / last);
    }
    let sum: f64 = f.iter().map(|f| f.exp()).sum();
    f.into_iter().map(|f| f.exp() / sum).collect()
}

fn same(found: &Probabilities, expected: &[Vec<f64>], what: &str) {
    assert_eq!(found.n_rows(), expected.len(), "{what}");
    for (found, expected) in found.view().rows().into_iter().zip(expected) {
        found.iter().zip(expected).for_each(|(found, expected)| assert_close(what, *found, *expected, 1e-10));
    }
}

/// The rows of a class that is under-sampled, for a unit of work.
fn drawn(rows: &[usize], after: usize, own: u64, class: &str, unit: u64) -> Vec<usize> {
    let mut rng = seed::stream(hash::hash_bytes(class.as_bytes(), own), unit);
    let order = seed::permutation(rows.len(), &mut rng);
    if after >= rows.len() { rows.to_vec() } else { order[..after].iter().map(|&at| rows[at]).collect() }
}

/// All classes as small as the smallest.
fn balanced(y: &[usize], k: usize, own: u64, unit: u64, among: &[usize]) -> Vec<usize> {
    let of: Vec<Vec<usize>> =
        (0..k).map(|class| among.iter().copied().filter(|&row| y[row] == class).collect()).collect();
    let least = of.iter().map(Vec::len).filter(|&n| n > 0).min().unwrap();
    let mut rows: Vec<usize> = of
        .iter()
        .enumerate()
        .flat_map(|(class, rows)| drawn(rows, least, own, &class.to_string(), unit))
        .collect();
    rows.sort_unstable();
    rows
}

struct Case {
    rows: Vec<Vec<f64>>,
    y: Vec<usize>,
    weights: Vec<f64>,
    k: usize,
    rate: f64,
    expected: Value,
}

fn cases(item: &str) -> Vec<Case> {
    let all: Vec<Value> = load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/boosting.json"));
    for name in all.iter().flat_map(|case| case["expected"].as_object().unwrap().keys()) {
        assert!(["EasyEnsemble", "RusBoost"].contains(&name.as_str()), "nothing checks {name}");
    }
    let found: Vec<Case> = all
        .iter()
        .filter(|case| !case["expected"][item].is_null())
        .map(|case| {
            let columns: Vec<Vec<f64>> = list(&case["input"]["x"]);
            let y: Vec<usize> = list(&case["input"]["y"]);
            Case {
                rows: (0..y.len()).map(|row| columns.iter().map(|x| x[row]).collect()).collect(),
                k: y.iter().max().unwrap() + 1,
                weights: list(&case["input"]["weights"]),
                y,
                rate: case["input"]["options"]["learning_rate"].as_f64().unwrap(),
                expected: case["expected"][item].clone(),
            }
        })
        .collect();
    assert!(found.len() >= 3, "{item}");
    found
}

impl Case {
    fn train(&self) -> Dataset<Train> {
        let classes: Vec<i32> = self.y.iter().map(|&y| y as i32).collect();
        weighted(&self.rows, &classes, &self.weights)
    }

    fn probabilities(&self) -> Vec<Vec<f64>> {
        list(&self.expected["probabilities"])
    }
}

/// One subset of classes that are as large is boosted as it is.
#[test]
fn easy_ensemble_boosts_as_scikit_learn_does() {
    for case in cases("EasyEnsemble") {
        let votes: Vec<f64> = list(&case.expected["votes"]);
        let recipe = EasyEnsemble::new(Stump)
            .n_estimators(1)
            .rounds(case.expected["rounds"].as_u64().unwrap() as usize);
        let model = recipe.learning_rate(case.rate).fit(&case.train()).unwrap();
        assert_eq!(model.votes().len(), votes.len());
        votes
            .iter()
            .zip(model.votes())
            .for_each(|(expected, found)| assert_close("vote", *found, *expected, 1e-10));
        same(
            &model.predict_proba(case.train().batch()).unwrap(),
            &case.probabilities(),
            "AdaBoostClassifier",
        );
        let scores: Vec<Vec<f64>> = list(&case.expected["scores"]);
        let found = model.decision_function(case.train().batch()).unwrap();
        for (found, expected) in found.rows().into_iter().zip(scores) {
            found.iter().zip(&expected).for_each(|(x, y)| assert!((x - y).abs() < 1e-12, "{x} {y}"));
        }
    }
}

/// The naive boosting is imbalanced-learn's for imbalanced-learn's draws, and ours is the naive one for our draws.
#[test]
fn rus_boost_boosts_as_imbalanced_learn_does() {
    for case in cases("RusBoost") {
        let kept: Vec<Vec<usize>> = list(&case.expected["kept"]);
        let voters = naive(&case.rows, &case.y, &case.weights, case.k, case.rate, &kept);
        let votes: Vec<f64> = list(&case.expected["votes"]);
        assert_eq!(voters.len(), votes.len());
        voters.iter().zip(votes).for_each(|(voter, vote)| assert_close("vote", voter.0, vote, 1e-10));
        for (row, expected) in case.rows.iter().zip(case.probabilities()) {
            let found = vote(&voters, row, case.k);
            found.iter().zip(expected).for_each(|(found, p)| assert_close("probability", *found, p, 1e-10));
        }
        let all: Vec<usize> = (0..case.y.len()).collect();
        let rounds: Vec<Vec<usize>> = (0..9).map(|round| balanced(&case.y, case.k, 5, round, &all)).collect();
        let voters = naive(&case.rows, &case.y, &case.weights, case.k, case.rate, &rounds);
        let recipe = RusBoost::new(Stump).rounds(9).learning_rate(case.rate).seed(5);
        let model = recipe.fit(&case.train()).unwrap();
        let expected: Vec<Vec<f64>> = case.rows.iter().map(|row| vote(&voters, row, case.k)).collect();
        same(&model.predict_proba(case.train().batch()).unwrap(), &expected, "RusBoost");
    }
}

fn cloud() -> impl proptest::strategy::Strategy<Value = (Vec<Vec<f64>>, Vec<usize>, Vec<f64>, usize)> {
    (2..4usize, 12..60usize).prop_flat_map(|(k, n)| {
        let row = prop::collection::vec(-1.0..1.0f64, 2);
        let rows = prop::collection::vec((row, 0..k * 2, 0.5..2.0f64), n);
        rows.prop_map(move |rows| {
            let mut x: Vec<Vec<f64>> = rows.iter().map(|row| row.0.clone()).collect();
            // The class 0 is the largest, each class is there, and most of each are in one place.
            let y: Vec<usize> = rows
                .iter()
                .enumerate()
                .map(|(at, row)| if at < k { at } else { row.1 % (k + 1) % k })
                .collect();
            x.iter_mut().zip(&y).for_each(|(x, y)| x[0] += *y as f64);
            (x, y, rows.iter().map(|row| row.2).collect(), k)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn easy_ensemble_is_the_sum_of_its_subsets((x, y, w, k) in cloud(), own in 0u64..100) {
        let classes: Vec<i32> = y.iter().map(|&y| y as i32).collect();
        let data = weighted(&x, &classes, &w);
        let all: Vec<usize> = (0..y.len()).collect();
        let mut voters = Vec::new();
        for subset in 0..3 {
            let rows = balanced(&y, k, own, subset, &all);
            let pick = |row: &usize| (x[*row].clone(), y[*row], w[*row]);
            let (x, (y, w)): (Vec<_>, (Vec<_>, Vec<_>)) = rows.iter().map(pick).map(|(x, y, w)| (x, (y, w))).unzip();
            let every = vec![(0..y.len()).collect::<Vec<usize>>(); 4];
            voters.extend(naive(&x, &y, &w, k, 0.5, &every));
        }
        let recipe = EasyEnsemble::new(Stump).n_estimators(3).rounds(4).learning_rate(0.5).seed(own);
        match recipe.fit(&data) {
            Ok(model) => {
                let expected: Vec<Vec<f64>> = x.iter().map(|row| vote(&voters, row, k)).collect();
                same(&model.predict_proba(data.batch()).unwrap(), &expected, "EasyEnsemble");
            }
            Err(error) => prop_assert!(voters.is_empty(), "{error}"),
        }
    }

    #[test]
    fn balanced_bagging_is_the_mean_of_its_members((x, y, w, k) in cloud(), own in 0u64..100) {
        let classes: Vec<i32> = y.iter().map(|&y| y as i32).collect();
        let data = weighted(&x, &classes, &w);
        let mut expected = vec![vec![0.0; k]; y.len()];
        for member in 0..5 {
            let mut rng = seed::stream(own, member);
            let mut bag: Vec<usize>;
            loop {
                bag = (0..y.len()).map(|_| seed::below(y.len() as u64, &mut rng) as usize).collect();
                bag.sort_unstable();
                if bag.iter().any(|&row| y[row] != y[bag[0]]) {
                    break;
                }
            }
            let rows = balanced(&y, k, own, member, &bag);
            let fitted = Stump.fit(&data.take(&rows).unwrap()).unwrap();
            let p = fitted.predict_proba(data.batch()).unwrap();
            for (row, expected) in expected.iter_mut().enumerate() {
                for (at, class) in fitted.classes().values().iter().enumerate() {
                    let Category::Int(class) = class else { panic!("{class}") };
                    expected[*class as usize] += p.view()[[row, at]] / 5.0;
                }
            }
        }
        let model = BalancedBagging::new(Stump).n_estimators(5).seed(own).fit(&data).unwrap();
        let found = model.predict_proba(data.batch()).unwrap();
        for (found, expected) in found.view().rows().into_iter().zip(&expected) {
            found.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
        }
        prop_assert_eq!(model.members().len(), 5);
    }
}

/// The first subset, and the first round, have the rows that the resampler draws.
#[test]
fn draws_are_those_of_the_resampler() {
    let data = common::twenty();
    let drawn = RandomUnderSampler::new().seed(3).resample(data.clone()).unwrap();
    let alone = Stump.fit(&drawn).unwrap();
    let easy = EasyEnsemble::new(Stump).n_estimators(1).rounds(1).seed(3).fit(&data).unwrap();
    let boost = RusBoost::new(Stump).rounds(1).seed(3).fit(&data).unwrap();
    assert_eq!(easy.members()[0].split, alone.split);
    assert_eq!(boost.members()[0].split, alone.split);
}

#[test]
fn strategies() {
    let data = common::twenty();
    let sizes = |strategy: Strategy| {
        let model = BalancedBagging::new(Sizes).n_estimators(30).strategy(strategy).fit(&data).unwrap();
        model.members().iter().map(|member| member.sizes.clone()).collect::<Vec<_>>()
    };
    assert!(sizes(Strategy::Auto).iter().all(|sizes| sizes[0] == sizes[1]));
    // 7 rows of class 0: a sample that has fewer keeps them.
    let counted = sizes(Strategy::counts([(0, 7), (1, 9)]));
    assert!(counted.iter().all(|sizes| sizes[0] <= 7 && sizes[1] <= 9));
    assert!(counted.iter().any(|sizes| sizes[0] < 7) && counted.iter().any(|sizes| sizes[1] == 9));
    assert_eq!(sizes(Strategy::function(|_| [(0, 7), (1, 9)])), counted);
    let ratio = sizes(Strategy::Ratio(0.9));
    assert!(ratio.iter().all(|sizes| sizes[0] as f64 / sizes[1] as f64 >= 0.9 || sizes[0] < 5), "{ratio:?}");
    assert!(sizes(Strategy::classes([1])).iter().all(|sizes| sizes[1] <= sizes[0]));
}

/// Says how many rows of each class it was given, and shares of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Sizes;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FittedSizes {
    classes: Classes,
    sizes: Vec<usize>,
    weights: Option<Vec<f64>>,
}

impl FittedSizes {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(FittedSizes, "test.Sizes", 1);

impl Fit for Sizes {
    type Fitted = FittedSizes;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedSizes> {
        let sizes = ClassSizes::of(train)?;
        let classes = Classes::new(sizes.classes().to_vec())?;
        let weights = train.weights()?.map(|w| w.to_vec());
        Ok(FittedSizes { classes, sizes: sizes.sizes().to_vec(), weights })
    }
}

impl Predict for FittedSizes {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for FittedSizes {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        let all: usize = self.sizes.iter().sum();
        Probabilities::new(mlsys_core::ndarray::Array2::from_shape_fn(
            (batch.num_rows(), self.sizes.len()),
            |(_, class)| self.sizes[class] as f64 / all as f64,
        ))
    }
}

#[test]
fn contract() {
    let weights = "which rows are drawn depends on how many there are";
    for target in [Target::Binary, Target::Multiclass] {
        let bagging = BalancedBagging::new(Stump).n_estimators(3);
        Contract::new("BalancedBagging", bagging.clone())
            .features(Features::CompleteNumeric)
            .target(target)
            .skip("weights", weights)
            .bad("n_estimators", bagging.clone().n_estimators(0))
            .bad("n_estimators", bagging.clone().n_estimators(usize::MAX))
            .bad("strategy", bagging.clone().strategy(Strategy::Minority))
            .bad("strategy", bagging.strategy(Strategy::counts([("none", 3)])))
            .predict_proba();
        let easy = EasyEnsemble::new(Stump).n_estimators(2).rounds(3);
        Contract::new("EasyEnsemble", easy.clone())
            .features(Features::CompleteNumeric)
            .target(target)
            .skip("weights", weights)
            .bad("n_estimators", easy.clone().n_estimators(0))
            .bad("rounds", easy.clone().rounds(0))
            .bad("rounds", easy.clone().n_estimators(5_000).rounds(2))
            .bad("rounds", easy.clone().rounds(usize::MAX))
            .bad("learning_rate", easy.clone().learning_rate(f64::NAN))
            .bad("learning_rate", easy.clone().learning_rate(0.0))
            .bad("strategy", easy.strategy(Strategy::Minority))
            .predict_proba();
        // Not all as small as the smallest, so that a round is better than guessing on all rows.
        let boost = RusBoost::new(Stump).rounds(4);
        Contract::new("RusBoost", boost.clone())
            .features(Features::CompleteNumeric)
            .target(target)
            .skip("weights", weights)
            .bad("rounds", boost.clone().rounds(0))
            .bad("rounds", boost.clone().rounds(10_000))
            .bad("learning_rate", boost.clone().learning_rate(f64::INFINITY))
            .bad("strategy", boost.strategy(Strategy::Minority))
            .predict_proba();
    }
}

#[test]
fn artefacts() {
    let data = common::twenty();
    let bagging = BalancedBagging::new(Stump).n_estimators(3).fit(&data).unwrap();
    let bytes = artifact::to_bytes(&bagging).unwrap();
    let loaded: FittedBalancedBagging<FittedStump> = artifact::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, bagging);
    assert!(artifact::from_bytes::<FittedBalancedBagging<FittedSizes>>(&bytes).is_err());
    let registry = Registry::new().predict_proba::<FittedBalancedBagging<FittedStump>>();
    let model = artifact::load_model(&bytes, &registry).unwrap();
    assert_eq!(model.predict_proba(data.batch()).unwrap(), bagging.predict_proba(data.batch()).unwrap());

    let boosting = EasyEnsemble::new(Stump).n_estimators(2).rounds(3).fit(&data).unwrap();
    let bytes = artifact::to_bytes(&boosting).unwrap();
    assert_eq!(artifact::from_bytes::<FittedBoosting<FittedStump>>(&bytes).unwrap(), boosting);
    let steps = artifact::describe(&bytes).unwrap().steps;
    assert_eq!((steps[0].0.as_str(), steps.len()), ("mlsys.Boosting", 1 + boosting.votes().len()));
    // An ensemble of ensembles, and of chains, is stored as well.
    let inner = EasyEnsemble::new(BalancedBagging::new(Stump).n_estimators(2)).n_estimators(2).rounds(2);
    let nested = inner.fit(&data).unwrap();
    let bytes = artifact::to_bytes(&nested).unwrap();
    type Nested = FittedBoosting<FittedBalancedBagging<FittedStump>>;
    assert_eq!(artifact::from_bytes::<Nested>(&bytes).unwrap(), nested);
    // And more than can be read is not written.
    let large = BalancedBagging::new(BalancedBagging::new(Stump).n_estimators(200)).n_estimators(60);
    let large = large.fit(&data).unwrap();
    assert!(artifact::to_bytes(&large).unwrap_err().to_string().contains("10000"));
}

/// Recipes may be written without what they have by default.
#[test]
fn recipes_as_json() {
    let bagging: BalancedBagging<Stump> = serde_json::from_str(r#"{"classifier":null}"#).unwrap();
    assert_eq!(bagging, BalancedBagging::new(Stump));
    let easy: EasyEnsemble<Stump> = serde_json::from_str(r#"{"classifier":null,"rounds":7}"#).unwrap();
    assert_eq!(easy, EasyEnsemble::new(Stump).rounds(7));
    let boost: RusBoost<Stump> = serde_json::from_str(r#"{"classifier":null,"learning_rate":0.5}"#).unwrap();
    assert_eq!(boost, RusBoost::new(Stump).learning_rate(0.5));
    assert!(serde_json::from_str::<RusBoost<Stump>>(r#"{"classifier":null,"round":7}"#).is_err());
}

#[test]
fn weights() {
    let (x, y) = (vec![vec![0.0], vec![1.0], vec![2.0], vec![3.0], vec![4.0]], [0, 0, 1, 1, 0]);
    // The row at the end is none.
    let data = weighted(&x, &y, &[1.0, 2.0, 3.0, 4.0, 0.0]);
    let without = weighted(&x[..4], &y[..4], &[1.0, 2.0, 3.0, 4.0]);
    let bag = BalancedBagging::new(Sizes).n_estimators(4);
    assert_eq!(bag.fit(&data).unwrap(), bag.fit(&without).unwrap());
    let easy = EasyEnsemble::new(Stump).n_estimators(2).rounds(2);
    assert_eq!(easy.fit(&data).unwrap(), easy.fit(&without).unwrap());
    let boost = RusBoost::new(Stump).rounds(2);
    assert_eq!(boost.fit(&data).unwrap(), boost.fit(&without).unwrap());
    // A classifier is given the weights of its rows, in sum.
    let model = RusBoost::new(Sizes).rounds(1).fit(&train(&x, &[0, 0, 0, 1, 1])).unwrap();
    assert_eq!(model.members()[0].weights.as_deref(), Some(&[1.0; 4][..]));
    let heavy = weighted(&x, &[0, 0, 1, 1, 1], &[1e150; 5]);
    assert!(RusBoost::new(Stump).rounds(3).fit(&heavy).is_ok());
    let far = weighted(&x, &y, &[1e-300, 1e300, 1e300, 1.0, 1.0]);
    let _ = RusBoost::new(Stump).rounds(3).fit(&far).map(|model| model.predict_proba(far.batch()).unwrap());
}

/// A column that is called like the weights of a round stays what it is.
#[test]
fn a_feature_called_weight() {
    let batch = RecordBatch::try_from_iter([
        ("weight", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as ArrayRef),
        ("y", Arc::new(BooleanArray::from(vec![false, false, true, true])) as _),
    ])
    .unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let model = EasyEnsemble::new(Stump).n_estimators(1).fit(&data).unwrap();
    assert_eq!(model.members()[0].split, Some((0, 2.5)));
    assert_eq!(model.votes(), [1.0]);
}

#[test]
fn progress() {
    let data = common::twenty();
    let mut seen = Vec::new();
    let mut note = |step: Step| {
        seen.push((step.done, step.total, step.unit));
        ControlFlow::Continue(())
    };
    let bag = BalancedBagging::new(Stump).n_estimators(3);
    assert_eq!(bag.fit_with(&data, &mut note).unwrap(), bag.fit(&data).unwrap());
    let easy = EasyEnsemble::new(Stump).n_estimators(2).rounds(2);
    assert_eq!(easy.fit_with(&data, &mut note).unwrap(), easy.fit(&data).unwrap());
    let boost = RusBoost::new(Stump).rounds(2);
    assert_eq!(boost.fit_with(&data, &mut note).unwrap(), boost.fit(&data).unwrap());
    let models = |done, total| (done, total, "models");
    assert_eq!(seen[..3], [models(1, 3), models(2, 3), models(3, 3)]);
    assert_eq!((seen[3], seen.last()), (models(1, 4), Some(&models(2, 2))));
    let mut told = 0;
    let mut stop = |_: Step| {
        told += 1;
        ControlFlow::Break(())
    };
    let error = bag.n_estimators(500).fit_with(&data, &mut stop).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Cancelled { stage } if stage.contains("BalancedBagging")),
        "{error}"
    );
    assert_eq!(told, 1);
}

fn kind(error: Error) -> String {
    match error.kind() {
        ErrorKind::InvalidParameter { name, .. } => name.clone(),
        other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
    }
}

#[test]
fn bad_input() {
    let one = train(&[vec![0.0], vec![1.0]], &[1, 1]);
    let none = train(&[], &[]);
    let equal = train(&vec![vec![1.0]; 9], &[0, 0, 0, 1, 1, 1, 1, 1, 1]);
    for (data, expected) in [(&one, "SingleClass"), (&none, "TooFewRows")] {
        assert_eq!(kind(BalancedBagging::new(Stump).fit(data).unwrap_err()), expected);
        assert_eq!(kind(EasyEnsemble::new(Stump).fit(data).unwrap_err()), expected);
        assert_eq!(kind(RusBoost::new(Stump).fit(data).unwrap_err()), expected);
    }
    assert_eq!(kind(EasyEnsemble::new(Stump).fit(&equal).unwrap_err()), "classifier");
    let refused = RusBoost::new(Stump).fit(&equal).unwrap_err();
    assert!(refused.to_string().contains("better than guessing"), "{refused}");
    let bag = BalancedBagging::new(Stump).fit(&equal).unwrap();
    assert!(bag.predict_proba(equal.batch()).unwrap().positive().iter().all(|p| *p == 0.5));
    let gaps = train(&[vec![f64::NAN], vec![1.0], vec![2.0]], &[0, 1, 1]);
    let error = BalancedBagging::new(Stump).fit(&gaps).unwrap_err();
    assert_eq!(error.column(), Some("x0"));
    assert!(error.to_string().contains("member"), "{error}");
    // A row of a class, and a row of each of many.
    let lonely = train(&[vec![0.0], vec![1.0]], &[0, 1]);
    let model = BalancedBagging::new(Stump).n_estimators(50).fit(&lonely).unwrap();
    assert_eq!(model.predict_proba(lonely.batch()).unwrap().positive(), [0.0, 1.0]);
    let x: Vec<Vec<f64>> = (0..30).map(|row| vec![f64::from(row)]).collect();
    let many = train(&x, &(0..30).collect::<Vec<i32>>());
    let p = BalancedBagging::new(Stump).n_estimators(20).fit(&many).unwrap();
    assert_eq!(p.predict_proba(many.batch()).unwrap().n_classes(), 30);
    let text = RusBoost::new(Refuses).fit(&lonely).unwrap_err();
    assert!(matches!(text.kind(), ErrorKind::UnsupportedRole { role: "weight", .. }), "{text}");
}

/// Takes no weights.
struct Refuses;

impl Fit for Refuses {
    type Fitted = FittedStump;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedStump> {
        train.refuse_weights("Refuses")?;
        Stump.fit(train)
    }
}

/// Text, dictionaries and slices of them are classes like any.
#[test]
fn classes_of_any_type() {
    let words: Strings = (0..40).map(|row| if row % 4 == 0 { "rare" } else { "often" }).collect();
    let x = Arc::new(Float64Array::from_iter_values(
        (0..40).map(|row| f64::from(row % 4) + f64::from(row) / 99.0),
    ));
    let text: ArrayRef = Arc::new(StringArray::from(words.clone()));
    let coded: ArrayRef = Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>());
    let of = |y: ArrayRef| {
        let batch =
            RecordBatch::try_from_iter([("x", x.clone() as ArrayRef), ("y", y)]).unwrap().slice(3, 30);
        Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
    };
    let (text, coded) = (of(text), of(coded));
    let easy = EasyEnsemble::new(Stump).n_estimators(2).rounds(5);
    assert_eq!(easy.fit(&text).unwrap(), easy.fit(&coded).unwrap());
    let bag = BalancedBagging::new(Stump);
    assert_eq!(bag.fit(&text).unwrap(), bag.fit(&coded).unwrap());
    let said = bag.fit(&coded).unwrap().predict(coded.batch()).unwrap();
    assert_eq!(said.len(), 30);
    // Dataset::batch has integers elsewhere: whatever the type, as many classes.
    let numbers =
        Arc::new(Int32Array::from_iter_values((0..40).map(|row| i32::from(row % 4 == 0)))) as ArrayRef;
    let numbers = of(numbers);
    assert_eq!(easy.fit(&numbers).unwrap().votes().len(), easy.fit(&text).unwrap().votes().len());
    assert!(column::finite("x", numbers.column("x").unwrap()).is_ok());
}
