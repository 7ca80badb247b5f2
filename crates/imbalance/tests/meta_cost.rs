//! MetaCost against the paper's table written once more, column types, and bad input.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/stump.rs"]
mod stump;

use std::ops::ControlFlow;
use std::sync::Arc;

use common::train;
use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int8Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray,
};
use mlsys_core::arrow::datatypes::{Int8Type, Int32Type};
use mlsys_core::{Category, Coded, Dataset, Error, ErrorKind, Fit, Predict, PredictProba, Step, Train, seed};
use mlsys_imbalance::{CostMatrix, MetaCost, MetaCostModels, MetaCostVotes};
use mlsys_testkit::{Contract, Features};
use proptest::prelude::*;
use stump::Stump;

const N: usize = 40;

/// Three classes that overlap, and costs that are not symmetric.
fn data() -> (Dataset<Train>, Vec<usize>) {
    let mut rng = seed::stream(11, 0);
    let y: Vec<i32> = (0..N).map(|row| [0, 0, 0, 1, 1, 2][row % 6]).collect();
    let rows: Vec<Vec<f64>> = y
        .iter()
        .map(|&y| vec![f64::from(y) + 3.0 * seed::uniform(&mut rng), seed::uniform(&mut rng)])
        .collect();
    (train(&rows, &y), y.into_iter().map(|y| y as usize).collect())
}

fn costs() -> CostMatrix {
    let rows = vec![vec![0.0, 4.0, 9.0], vec![1.0, 0.0, 3.0], vec![2.0, 1.0, 0.0]];
    CostMatrix::new([0, 1, 2].map(Category::from), rows).unwrap()
}

fn labels(data: &Dataset<Train>) -> Vec<usize> {
    data.column("y")
        .unwrap()
        .as_primitive::<mlsys_core::arrow::datatypes::Int32Type>()
        .values()
        .iter()
        .map(|&y| y as usize)
        .collect()
}

/// Table 1 of the paper.
fn naive(votes: MetaCostVotes, models: MetaCostModels, m: usize, n: usize, own: u64) -> Vec<usize> {
    let (data, y) = data();
    let mut said = Vec::new();
    for resample in 0..m {
        let mut rng = seed::stream(own, resample as u64);
        let mut bag: Vec<usize>;
        loop {
            bag = (0..n).map(|_| seed::below(N as u64, &mut rng) as usize).collect();
            bag.sort_unstable();
            if bag.iter().any(|&row| y[row] != y[bag[0]]) {
                break;
            }
        }
        let model = Stump.fit(&data.take(&bag).unwrap()).unwrap();
        let p = model.predict_proba(data.batch()).unwrap();
        let place: Vec<usize> = model
            .classes()
            .values()
            .iter()
            .map(|class| if let Category::Int(class) = class { *class as usize } else { panic!("{class}") })
            .collect();
        let top = p.argmax();
        let rows: Vec<[f64; 3]> = (0..N)
            .map(|row| {
                let mut all = [0.0; 3];
                match votes {
                    MetaCostVotes::Labels => all[place[top[row]]] = 1.0,
                    MetaCostVotes::Probabilities => {
                        place.iter().enumerate().for_each(|(at, &class)| all[class] = p.view()[[row, at]]);
                    }
                }
                all
            })
            .collect();
        said.push((bag, rows));
    }
    let costs = costs();
    (0..N)
        .map(|row| {
            let outside: Vec<_> = said.iter().filter(|(bag, _)| !bag.contains(&row)).collect();
            let asked: Vec<_> = match models {
                MetaCostModels::OutOfBag if !outside.is_empty() => outside,
                _ => said.iter().collect(),
            };
            let p = |class: usize| {
                asked.iter().map(|(_, rows)| rows[row][class]).sum::<f64>() / asked.len() as f64
            };
            let cost = |i: usize| (0..3).map(|j| p(j) * costs.costs()[[i, j]]).sum::<f64>();
            (0..3).rev().min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn relabels_as_the_paper_does(
        labels_only in any::<bool>(), out_of_bag in any::<bool>(), m in 1usize..20, n in 4usize..=N, own in 0u64..99,
    ) {
        let votes = if labels_only { MetaCostVotes::Labels } else { MetaCostVotes::Probabilities };
        let models = if out_of_bag { MetaCostModels::OutOfBag } else { MetaCostModels::All };
        let (data, _) = data();
        let recipe = MetaCost::new(Stump, costs()).resamples(m).resample_rows(n).votes(votes).models(models).seed(own);
        let relabelled = recipe.relabel(&data).unwrap();
        prop_assert_eq!(labels(&relabelled), naive(votes, models, m, n, own));
        prop_assert_eq!(relabelled.schema(), data.schema());
        prop_assert_eq!(relabelled.row_ids(), data.row_ids());
        prop_assert_eq!(&relabelled.batch()["x0"], &data.batch()["x0"]);
        if let Ok(fitted) = recipe.fit(&data) {
            prop_assert_eq!(fitted, Stump.fit(&relabelled).unwrap());
        }
    }
}

/// The dearer a miss, the more rows are of the class.
#[test]
fn costs_move_labels() {
    let (data, _) = data();
    let rare = |miss: f64| {
        let rows = vec![vec![0.0, 1.0, miss], vec![1.0, 0.0, miss], vec![1.0, 1.0, 0.0]];
        let costs = CostMatrix::new([0, 1, 2].map(Category::from), rows).unwrap();
        let relabelled = MetaCost::new(Stump, costs).relabel(&data).unwrap();
        labels(&relabelled).into_iter().filter(|&class| class == 2).count()
    };
    let counts = [1.0, 3.0, 1000.0].map(rare);
    assert!(counts[0] < counts[1] && counts[1] < counts[2], "{counts:?}");
}

#[test]
fn the_target_keeps_its_type() {
    let words = || (0..30).map(|row| if row % 3 == 0 { "rare" } else { "often" });
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(words())),
        Arc::new(LargeStringArray::from_iter_values(words())),
        Arc::new(StringViewArray::from_iter_values(words())),
        Arc::new(words().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(words().map(|word| word == "rare").map(Some).collect::<BooleanArray>()),
        Arc::new(Int8Array::from_iter_values(words().map(|word| i8::from(word == "rare")))),
        Arc::new(Float64Array::from_iter_values(words().map(|word| f64::from(u8::from(word == "rare"))))),
    ];
    let mut codes = Vec::new();
    for y in arrays {
        let x = Arc::new(Float64Array::from_iter_values(
            (0..30).map(|row| f64::from(row % 3) + 0.1 * f64::from(row % 7)),
        ));
        let batch =
            RecordBatch::try_from_iter([("x", x as ArrayRef), ("y", y.clone())]).unwrap().slice(2, 27);
        let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
        let classes = data.labels("test").unwrap().distinct;
        let rare = usize::from(classes[1].to_string() == "rare" || classes[0].to_string() != "often");
        let costs = match rare {
            1 => vec![vec![0.0, 4.0], vec![1.0, 0.0]],
            _ => vec![vec![0.0, 1.0], vec![4.0, 0.0]],
        };
        let costs = CostMatrix::new(classes.clone(), costs).unwrap();
        let relabelled = MetaCost::new(Stump, costs).resamples(5).relabel(&data).unwrap();
        let found = relabelled.column("y").unwrap();
        assert_eq!((found.data_type(), found.len()), (y.data_type(), 27));
        let coded = Coded::new("y", found).unwrap();
        let rares: Vec<bool> = (0..27).map(|row| coded.value(row) == Some(&classes[rare])).collect();
        codes.push(rares);
    }
    assert!(codes.iter().all(|own| own == &codes[0]));
    assert!(codes[0].iter().any(|rare| *rare) && !codes[0].iter().all(|rare| *rare));
}

#[test]
fn weights_of_zero_keep_their_labels() {
    let batch = RecordBatch::try_from_iter([
        ("x", Arc::new(Float64Array::from(vec![0.0, 1.0, 2.0, 3.0, 0.0, 9.0])) as ArrayRef),
        ("y", Arc::new(Int8Array::from(vec![0, 0, 1, 1, 1, 7])) as _),
        ("w", Arc::new(Float64Array::from(vec![1.0, 1.0, 2.0, 1.0, 0.0, 0.0])) as _),
    ])
    .unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().weight("w").unwrap().into_train_all();
    let costs = CostMatrix::of_errors(0, 1, 1.0, 1.0).unwrap();
    let relabelled = MetaCost::new(Stump, costs).relabel(&data).unwrap();
    let y = relabelled.column("y").unwrap().as_primitive::<Int8Type>().values().to_vec();
    assert_eq!(y, [0, 0, 1, 1, 1, 7]);
}

#[test]
fn contract() {
    let recipe = MetaCost::new(Stump, CostMatrix::of_errors(false, true, 1.0, 2.0).unwrap()).resamples(3);
    let other = CostMatrix::of_errors("no", "yes", 1.0, 2.0).unwrap();
    Contract::new("MetaCost", recipe.clone())
        .features(Features::CompleteNumeric)
        .skip("weights", "which rows are drawn depends on how many there are")
        .bad("resamples", recipe.clone().resamples(0))
        .bad("resamples", recipe.clone().resamples(usize::MAX))
        .bad("resample_rows", recipe.clone().resample_rows(1))
        .bad("resample_rows", recipe.clone().resample_rows(usize::MAX))
        .bad("costs", MetaCost::new(Stump, other))
        .predict_proba();
}

fn kind(error: &Error) -> String {
    match error.kind() {
        ErrorKind::InvalidParameter { name, .. } => name.clone(),
        other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
    }
}

#[test]
fn bad_input() {
    let (data, _) = data();
    let two = || CostMatrix::of_errors(0, 1, 1.0, 2.0).unwrap();
    let error = MetaCost::new(Stump, two()).fit(&data).unwrap_err();
    assert!(error.to_string().contains("`y`: 0, 1, 2"), "{error}");
    let one = train(&[vec![0.0], vec![1.0]], &[1, 1]);
    assert_eq!(kind(&MetaCost::new(Stump, two()).fit(&one).unwrap_err()), "SingleClass");
    assert_eq!(kind(&MetaCost::new(Stump, two()).fit(&train(&[], &[])).unwrap_err()), "TooFewRows");
    let far = train(
        &(0..2000).map(|row| vec![f64::from(row)]).collect::<Vec<_>>(),
        &(0..2000).map(|row| i32::from(row == 7)).collect::<Vec<_>>(),
    );
    let error = MetaCost::new(Stump, two()).resamples(40).resample_rows(2).fit(&far);
    assert!(error.is_ok() || kind(&error.unwrap_err()) == "TooFewRows");
    let gaps = train(&[vec![f64::NAN], vec![1.0], vec![2.0]], &[0, 1, 1]);
    let error = MetaCost::new(Stump, two()).fit(&gaps).unwrap_err();
    assert_eq!(error.column(), Some("x0"));
    // All is called positive: a classifier may refuse that, and it is said where.
    let sure = train(&[vec![0.0], vec![1.0], vec![2.0], vec![3.0]], &[0, 1, 0, 1]);
    let all = CostMatrix::of_errors(0, 1, 1e-9, 1e9).unwrap();
    let relabelled = MetaCost::new(Stump, all.clone()).relabel(&sure).unwrap();
    assert!(labels(&relabelled)[1..].iter().all(|&y| y == 1));
    let mut told = Vec::new();
    let mut note = |step: Step| {
        told.push(step.done);
        if step.done < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = MetaCost::new(Stump, all).fit_with(&sure, &mut note).unwrap_err();
    assert_eq!(kind(&error), "Cancelled");
    assert_eq!(told, [1, 2, 3]);
    // What has a default need not be written.
    let mut json = serde_json::to_value(MetaCost::new(Stump, two())).unwrap();
    json.as_object_mut().unwrap().retain(|name, _| ["classifier", "costs"].contains(&name.as_str()));
    assert_eq!(serde_json::from_value::<MetaCost<Stump>>(json).unwrap(), MetaCost::new(Stump, two()));
    assert!(MetaCost::new(Stump, costs()).fit(&data).unwrap().predict(data.batch()).is_ok());
}
