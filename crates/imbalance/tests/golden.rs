//! imbalanced-learn's rows and scikit-learn's class weights, made by `testdata/gen/imbalance.py` and `class_weights.py`.

#![allow(clippy::unwrap_used)]

mod common;

use common::train;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::{Dataset, Train, column};
use mlsys_imbalance::{
    AllKnn, ClassSizes, ClassWeights, EditedNearestNeighbours, NearMiss, NearMissVersion, NeighborVote,
    NeighbourhoodCleaningRule, Plan, PlanResample, RandomOverSampler, RandomUnderSampler,
    RepeatedEditedNearestNeighbours, Smote, Strategy, Synthetic, TomekLinks,
};
use mlsys_neighbors::{Metric, NeighborIndex, PointReader};
use mlsys_testkit::golden::assert_close;
use serde_json::Value;

const ITEMS: [&str; 9] = [
    "AllKnn",
    "EditedNearestNeighbours",
    "NearMiss",
    "NeighbourhoodCleaningRule",
    "RandomOverSampler",
    "RandomUnderSampler",
    "RepeatedEditedNearestNeighbours",
    "Smote",
    "TomekLinks",
];

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The cases of an item: the rows, and what the reference says.
fn golden(item: &str) -> Vec<(Dataset<Train>, Value)> {
    let all: Vec<Value> = mlsys_testkit::golden::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/golden/imbalance.json"
    ));
    for name in all.iter().flat_map(|case| case["expected"].as_object().unwrap().keys()) {
        assert!(ITEMS.contains(&name.as_str()), "nothing checks {name}");
    }
    let mut found = Vec::new();
    for case in all.iter().filter(|case| !case["expected"][item].is_null()) {
        let columns: Vec<Vec<f64>> = list(&case["input"]["x"]);
        let rows: Vec<Vec<f64>> =
            (0..columns[0].len()).map(|row| columns.iter().map(|column| column[row]).collect()).collect();
        found.push((train(&rows, &list::<i32>(&case["input"]["y"])), case["expected"][item].clone()));
    }
    assert!(found.len() >= 3, "{item}");
    found
}

fn strategy(name: &Value) -> Strategy {
    match name.as_str() {
        None => Strategy::Ratio(name.as_f64().unwrap()),
        Some("auto") => Strategy::Auto,
        Some("minority") => Strategy::Minority,
        Some("majority") => Strategy::Majority,
        Some("not minority") => Strategy::NotMinority,
        Some("not majority") => Strategy::NotMajority,
        Some(_) => Strategy::All,
    }
}

/// That it removes the rows that the reference removes.
fn removes(resampler: &impl PlanResample, train: &Dataset<Train>, expected: &Value) {
    assert_eq!(resampler.plan(train).unwrap().removed(), list::<u32>(expected));
}

#[test]
fn how_many_rows_are_drawn() {
    for (train, expected) in golden("RandomOverSampler") {
        for case in list::<(Value, Vec<usize>)>(&expected) {
            let plan = RandomOverSampler::new().strategy(strategy(&case.0)).plan(&train).unwrap();
            assert_eq!(ClassSizes::of(&plan.apply(&train).unwrap()).unwrap().sizes(), case.1, "{}", case.0);
        }
    }
    for (train, expected) in golden("RandomUnderSampler") {
        for case in list::<(Value, Vec<usize>)>(&expected) {
            let plan = RandomUnderSampler::new().strategy(strategy(&case.0)).plan(&train).unwrap();
            assert_eq!(ClassSizes::of(&plan.apply(&train).unwrap()).unwrap().sizes(), case.1, "{}", case.0);
        }
    }
}

#[test]
fn smote() {
    for (train, expected) in golden("Smote") {
        let (base, neighbor) = (list::<u32>(&expected["base"]), list::<u32>(&expected["neighbor"]));
        let gap: Vec<f64> = list(&expected["gap"]);
        let k = expected["k"].as_u64().unwrap() as usize;
        // What the reference draws makes the rows that it makes.
        let pairs = base.iter().zip(&neighbor).zip(&gap);
        let made = pairs.map(|((&base, &neighbor), &gap)| Synthetic { base, neighbor, gap }).collect();
        let columns: Vec<Vec<f64>> = list(&expected["rows"]);
        let names: Vec<String> = (0..columns.len()).map(|column| format!("x{column}")).collect();
        let all: Vec<usize> = (0..train.n_rows()).collect();
        let theirs = Plan::keep(&train, &all).unwrap().synthesize(&train, names.clone(), made).unwrap();
        let rows = theirs.apply(&train).unwrap();
        for (name, expected) in names.iter().zip(&columns) {
            let found = column::floats(name, rows.column(name).unwrap()).unwrap();
            assert_eq!(found.len(), train.n_rows() + expected.len());
            for (&found, &expected) in found[train.n_rows()..].iter().zip(expected) {
                assert_close(name, found, expected, 1e-10);
            }
        }
        let labels = column::floats("y", rows.column("y").unwrap()).unwrap();
        assert_eq!(labels[train.n_rows()..], list::<f64>(&expected["classes"]));
        // As many rows of each class come of our own draws, and from the same neighbours.
        let ours = Smote::new().k_neighbors(k).plan(&train).unwrap();
        let sizes = |plan: &Plan| ClassSizes::of(&plan.apply(&train).unwrap()).unwrap();
        assert_eq!(sizes(&ours), sizes(&theirs));
        let allowed = |row: u32| -> Vec<u32> {
            let own: Vec<usize> =
                all.iter().copied().filter(|&other| labels[other] == labels[row as usize]).collect();
            let among = train.take(&own).unwrap();
            let reader = PointReader::numbers(train.layout(), names.clone()).unwrap();
            let index =
                NeighborIndex::new(&reader.points(among.batch()).unwrap(), Metric::NanEuclidean).unwrap();
            let place = own.iter().position(|&other| other == row as usize).unwrap();
            let near = index.nearest_others(k).unwrap();
            near.of(place).iter().map(|n| own[n.row] as u32).collect()
        };
        for (&base, &neighbor) in base.iter().zip(&neighbor) {
            assert!(allowed(base).contains(&neighbor), "{base} has no neighbour {neighbor}");
        }
        for made in ours.synthetic() {
            assert!(allowed(made.base).contains(&made.neighbor), "{made:?}");
        }
    }
}

#[test]
fn tomek_links() {
    for (train, expected) in golden("TomekLinks") {
        removes(&TomekLinks::new(), &train, &expected["auto"]);
        removes(&TomekLinks::new().strategy(Strategy::All), &train, &expected["all"]);
    }
}

#[test]
fn near_miss() {
    for (train, expected) in golden("NearMiss") {
        for (version, name) in
            [(NearMissVersion::One, "1"), (NearMissVersion::Two, "2"), (NearMissVersion::Three, "3")]
        {
            // In the same order.
            assert_eq!(
                NearMiss::new(version).plan(&train).unwrap().kept(),
                list::<u32>(&expected[name]),
                "{name}"
            );
        }
    }
}

#[test]
fn edited_nearest_neighbours() {
    for (train, expected) in golden("EditedNearestNeighbours") {
        removes(&EditedNearestNeighbours::new().vote(NeighborVote::All), &train, &expected["all"]);
        if !expected["mode"].is_null() {
            removes(&EditedNearestNeighbours::new(), &train, &expected["mode"]);
        }
    }
    for (train, expected) in golden("RepeatedEditedNearestNeighbours") {
        removes(&RepeatedEditedNearestNeighbours::new().vote(NeighborVote::All), &train, &expected["all"]);
        if !expected["mode"].is_null() {
            removes(&RepeatedEditedNearestNeighbours::new(), &train, &expected["mode"]);
        }
    }
    for (train, expected) in golden("AllKnn") {
        removes(&AllKnn::new().vote(NeighborVote::All), &train, &expected);
    }
}

#[test]
fn neighbourhood_cleaning_rule() {
    for (train, expected) in golden("NeighbourhoodCleaningRule") {
        removes(&NeighbourhoodCleaningRule::new(), &train, &expected["0.5"]);
        removes(&NeighbourhoodCleaningRule::new().threshold(2.0), &train, &expected["2.0"]);
    }
}

#[test]
fn class_weights() {
    let all: Vec<Value> = mlsys_testkit::golden::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/golden/class_weights.json"
    ));
    for case in &all {
        let name = case["name"].as_str().unwrap();
        let y = list::<i32>(&case["input"]["y"]);
        let batch = train(&vec![vec![0.0]; y.len()], &y).batch().clone();
        let mut data = Dataset::new(batch).unwrap();
        if !case["input"]["weights"].is_null() {
            let weights: ArrayRef = Arc::new(Float64Array::from(list::<f64>(&case["input"]["weights"])));
            let columns = [("y", data.column("y").unwrap().clone()), ("w", weights)];
            data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().weight("w").unwrap();
        }
        let train = data.target("y").unwrap().into_train_all();
        let before = train.weights().unwrap();
        let check = |what: &str, recipe: ClassWeights, expected: Vec<f64>| {
            let found = recipe.of(&train).unwrap();
            assert_eq!(found.len(), expected.len(), "{name}");
            found
                .iter()
                .zip(&expected)
                .for_each(|(found, e)| assert_close(&format!("{name}, {what}"), found.1, *e, 1e-10));
            let weighed = recipe.weigh(&train).unwrap().weights().unwrap().unwrap();
            let classes: Vec<i64> = (0..expected.len() as i64).collect();
            for (row, (&weight, &y)) in weighed.iter().zip(&y).enumerate() {
                let class = classes.iter().position(|&class| class == i64::from(y)).unwrap();
                let old = before.as_ref().map_or(1.0, |before| before[row]);
                assert_close(name, weight, old * expected[class], 1e-10);
            }
        };
        let expected = &case["expected"]["ClassWeights"];
        check("balanced", ClassWeights::balanced(), list(&expected["balanced"]));
        check("inverse", ClassWeights::inverse_frequency(), list(&expected["inverse"]));
        for (beta, weights) in list::<(f64, Vec<f64>)>(&expected["effective"]) {
            check(&beta.to_string(), ClassWeights::effective_number(beta), weights);
        }
    }
}
