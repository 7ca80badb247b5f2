//! imbalanced-learn's rows and scikit-learn's class weights, made by `testdata/gen/imbalance.py` and `class_weights.py`.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Given, Scored, train, with_columns};
use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::{Category, Dataset, Train, column};
use mlsys_imbalance::{
    Adasyn, AllKnn, BorderlineSmote, ClassSizes, ClassWeighter, ClusterCentroids, ClusterVoting,
    CondensedNearestNeighbour, CondensedPasses, ControlPoint, EditedNearestNeighbours, HardnessCut,
    Imbalance, InstanceHardnessThreshold, NearMiss, NearMissVersion, NeighborVote, NeighbourhoodCleaningRule,
    OneSidedSelection, Plan, PlanResample, RandomOverSampler, RandomUnderSampler, Relevance,
    RepeatedEditedNearestNeighbours, Smote, SmoteN, SmoteNc, Strategy, SvmSmote, Synthetic, TomekLinks,
};
use mlsys_neighbors::{Metric, NeighborIndex, PointReader};
use mlsys_testkit::golden::assert_close;
use serde_json::Value;

const ITEMS: [&str; 19] = [
    "Adasyn",
    "AllKnn",
    "BorderlineSmote",
    "ClusterCentroids",
    "CondensedNearestNeighbour",
    "EditedNearestNeighbours",
    "Imbalance",
    "InstanceHardnessThreshold",
    "NearMiss",
    "NeighbourhoodCleaningRule",
    "OneSidedSelection",
    "RandomOverSampler",
    "RandomUnderSampler",
    "RepeatedEditedNearestNeighbours",
    "Smote",
    "SmoteN",
    "SmoteNc",
    "SvmSmote",
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
fn imbalance() {
    for (train, expected) in golden("Imbalance") {
        let report = Imbalance::new().metric(Metric::Euclidean).report(&train).unwrap();
        assert_close("N1", report.n1, expected["n1"].as_f64().unwrap(), 1e-10);
        assert_close("N3", report.n3, expected["n3"].as_f64().unwrap(), 1e-10);
        let classes = expected["classes"].as_array().unwrap();
        assert_eq!(report.classes.len(), classes.len());
        for (found, expected) in report.classes.iter().zip(classes) {
            let number = |name: &str| expected[name].as_u64().unwrap() as usize;
            assert_eq!(
                (found.border, found.errors, found.noise),
                (number("border"), number("errors"), number("noise"))
            );
            let types = &found.types;
            assert_eq!(
                [types.safe, types.borderline, types.rare, types.outlier],
                list::<usize>(&expected["types"])[..]
            );
            let parts = list::<usize>(&expected["parts"]);
            let small: Vec<usize> = parts.iter().copied().filter(|&size| size <= 5).collect();
            assert_eq!((found.parts, found.small_parts), (parts.len(), small.len()));
            assert_eq!(found.rows_of_small_parts, small.iter().sum::<usize>());
        }
    }
}

#[test]
fn instance_hardness_threshold() {
    for (train, expected) in golden("InstanceHardnessThreshold") {
        let p = list::<Vec<f64>>(&expected["p"]).into_iter().enumerate();
        let train = with_columns(&train, p.map(|(class, p)| (format!("p{class}"), p)));
        let resampler = InstanceHardnessThreshold::new(Given).folds(2).cut(HardnessCut::Percentile);
        // In the same order.
        assert_eq!(resampler.plan(&train).unwrap().kept(), list::<u32>(&expected["kept"]));
    }
}

#[test]
fn condensed_nearest_neighbour_and_one_sided_selection() {
    for (train, expected) in golden("CondensedNearestNeighbour") {
        let recipe = CondensedNearestNeighbour::new().passes(CondensedPasses::ImbalancedLearn);
        let first = expected["first"].as_u64().unwrap();
        removes(&recipe.first_rows([first]), &train, &expected["removed"]);
    }
    for (train, expected) in golden("OneSidedSelection") {
        let first = expected["first"].as_u64().unwrap();
        removes(&OneSidedSelection::new().first_rows([first]), &train, &expected["removed"]);
    }
}

/// How many new rows start from each row.
fn started(plan: &Plan) -> BTreeMap<u32, f64> {
    let mut counts = BTreeMap::new();
    plan.synthetic().iter().for_each(|made| *counts.entry(made.base).or_insert(0.0) += 1.0);
    counts
}

#[test]
fn borderline_smote_starts_from_the_rows_in_danger() {
    for (train, expected) in golden("BorderlineSmote") {
        for (m, rows) in expected.as_object().unwrap() {
            // As many new rows as there are in danger, or more: each is started from.
            let recipe = BorderlineSmote::new().m_neighbors(m.parse().unwrap()).k_neighbors(2);
            let most = ClassSizes::of(&train).unwrap().sizes().iter().copied().max().unwrap();
            let small = small_class(&train);
            let strategy = Strategy::counts([(small, most + 20)]);
            let found = started(&recipe.strategy(strategy).plan(&train).unwrap());
            assert_eq!(found.into_keys().collect::<Vec<_>>(), list::<u32>(rows), "m = {m}");
        }
    }
}

#[test]
fn svm_smote_of_the_same_support_vectors() {
    for (train, expected) in golden("SvmSmote") {
        let [support, danger, safe] = ["support", "danger", "safe"].map(|name| list::<u32>(&expected[name]));
        let small = small_class(&train);
        let y = train.labels("golden").unwrap();
        // Just within the margin, or beyond it; on either side of 0 by the class.
        let score = |row: u32| {
            let sign = if y.value(row as usize) == y.distinct.iter().max() { 1.0 } else { -1.0 };
            sign * if support.contains(&row) { 1.0 } else { 1.001 }
        };
        let scores = (0..train.n_rows() as u32).map(score).collect();
        let scored = with_columns(&train, [("score".to_owned(), scores)]);
        let (k, m) = (expected["k"].as_u64().unwrap() as usize, expected["m"].as_u64().unwrap() as usize);
        let most = ClassSizes::of(&train).unwrap().sizes().iter().copied().max().unwrap();
        let recipe = SvmSmote::new(Scored).k_neighbors(k).m_neighbors(m);
        let plan = recipe.strategy(Strategy::counts([(small, most + 50)])).plan(&scored).unwrap();
        // Each is started from; towards a neighbour or away from it as it is in danger or safe.
        let mut all: Vec<u32> = danger.iter().chain(&safe).copied().collect();
        all.sort_unstable();
        assert_eq!(started(&plan).into_keys().collect::<Vec<_>>(), all);
        let (bases, near) = (list::<u32>(&expected["bases"]), list::<Vec<u32>>(&expected["near"]));
        for made in plan.synthetic() {
            let at = bases.iter().position(|&base| base == made.base).unwrap();
            assert!(near[at].contains(&made.neighbor), "{made:?} is none of {:?}", near[at]);
            let range = if danger.contains(&made.base) { 0.0..1.0 } else { -0.5..f64::MIN_POSITIVE };
            assert!(range.contains(&made.gap), "{made:?}");
        }
        // What the reference draws makes the rows that it makes.
        let [base, neighbor] = ["base", "neighbor"].map(|name| list::<u32>(&expected[name]));
        let pairs = base.into_iter().zip(neighbor).zip(list::<f64>(&expected["gap"]));
        let made = pairs.map(|((base, neighbor), gap)| Synthetic { base, neighbor, gap }).collect();
        let columns: Vec<Vec<f64>> = list(&expected["rows"]);
        let names: Vec<String> = (0..columns.len()).map(|column| format!("x{column}")).collect();
        let theirs = Plan::keep(&train, &[]).unwrap().synthesize(&train, names.clone(), made).unwrap();
        let rows = theirs.apply(&train).unwrap();
        for (name, expected) in names.iter().zip(&columns) {
            let found = column::floats(name, rows.column(name).unwrap()).unwrap();
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).for_each(|(&found, &e)| assert_close(name, found, e, 1e-10));
        }
    }
}

/// The class of fewest rows.
fn small_class(train: &Dataset<Train>) -> Category {
    let sizes = ClassSizes::of(train).unwrap();
    let least = sizes.sizes().iter().copied().min().unwrap();
    let place = sizes.sizes().iter().position(|&size| size == least).unwrap();
    sizes.classes()[place].clone()
}

#[test]
fn adasyn_starts_from_each_row_by_its_share() {
    for (train, expected) in golden("Adasyn") {
        let k = expected["k"].as_u64().unwrap() as usize;
        let sizes = ClassSizes::of(&train).unwrap();
        let new = sizes.sizes().iter().max().unwrap() - sizes.sizes().iter().min().unwrap();
        let found = started(&Adasyn::new().k_neighbors(k).plan(&train).unwrap());
        assert_eq!(found.values().sum::<f64>(), new as f64);
        let shares = list::<u32>(&expected["rows"]).into_iter().zip(list::<f64>(&expected["shares"]));
        for (row, share) in shares {
            let found = found.get(&row).copied().unwrap_or(0.0);
            // Rounded, so that they add up: the reference rounds each.
            assert!((found - share * new as f64).abs() < 1.0, "row {row}: {found} of {new}, {share}");
        }
    }
}

/// The same rows with all columns from `from` on as words.
fn with_words(train: &Dataset<Train>, from: usize) -> Dataset<Train> {
    let batch = train.batch();
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).enumerate();
    let columns = columns.map(|(place, (field, array))| {
        let words = place >= from && field.name() != "y";
        let values = column::floats(field.name(), array).unwrap();
        let word = || Arc::new(StringArray::from_iter_values(values.iter().map(|x| format!("{x}"))));
        (field.name().clone(), if words { word() as ArrayRef } else { array.clone() })
    });
    let batch = RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap();
    Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
}

#[test]
fn smote_nc_finds_the_neighbours_and_their_most_frequent_categories() {
    for (train, expected) in golden("SmoteNc") {
        let numbers = train.features().len() - 2;
        let train = with_words(&train, numbers);
        let k = expected["k"].as_u64().unwrap() as usize;
        let plan = SmoteNc::new().k_neighbors(k).plan(&train).unwrap();
        let made = plan.apply(&train).unwrap();
        let rows = list::<u32>(&expected["rows"]);
        let (near, most) = (list::<Vec<u32>>(&expected["near"]), list::<Vec<Option<f64>>>(&expected["most"]));
        for (place, row) in plan.synthetic().iter().enumerate() {
            let at = rows.iter().position(|&base| base == row.base).unwrap();
            assert!(near[at].contains(&row.neighbor), "{row:?} is none of {:?}", near[at]);
            for (column, most) in most[at].iter().enumerate() {
                let name = format!("x{}", numbers + column);
                let found = made.column(&name).unwrap().as_string::<i32>().value(train.n_rows() + place);
                // Of equally frequent ones the reference draws.
                assert!(most.is_none_or(|most| found == format!("{most}")), "{row:?}: {found} for {most:?}");
            }
        }
        assert_eq!(started(&plan).len(), rows.len(), "each row is started from");
    }
}

#[test]
fn smote_n_makes_the_most_frequent_categories() {
    for (train, expected) in golden("SmoteN") {
        let train = with_words(&train, 0);
        let k = expected["k"].as_u64().unwrap() as usize;
        let plan = SmoteN::new().k_neighbors(k).plan(&train).unwrap();
        let made = plan.apply(&train).unwrap();
        let rows = list::<u32>(&expected["rows"]);
        let most = list::<Vec<Option<f64>>>(&expected["most"]);
        for (place, row) in plan.synthetic().iter().enumerate() {
            let at = rows.iter().position(|&base| base == row.base).unwrap();
            for (column, most) in most[at].iter().enumerate() {
                let words = made.column(&format!("x{column}")).unwrap().as_string::<i32>();
                let found = words.value(train.n_rows() + place);
                assert!(most.is_none_or(|most| found == format!("{most}")), "{row:?}: {found} for {most:?}");
            }
        }
        assert_eq!(started(&plan).len(), rows.len(), "each row is started from");
    }
}

#[test]
fn centroids_of_islands() {
    for (train, expected) in golden("ClusterCentroids") {
        let recipe = ClusterCentroids::new().voting(ClusterVoting::Soft);
        let made = recipe.plan(&train).unwrap().apply(&train).unwrap();
        let y = column::floats("y", made.column("y").unwrap()).unwrap();
        let columns = ["x0", "x1"].map(|name| column::floats(name, made.column(name).unwrap()).unwrap());
        let of_large = (0..y.len()).filter(|&row| y[row] == 0.0);
        let mut found: Vec<(f64, f64)> = of_large.map(|row| (columns[0][row], columns[1][row])).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let expected: Vec<Vec<f64>> = list(&expected);
        assert_eq!(found.len(), expected[0].len());
        for (place, (a, b)) in found.into_iter().enumerate() {
            assert_close("x0", a, expected[0][place], 1e-10);
            assert_close("x1", b, expected[1][place], 1e-10);
        }
    }
}

#[test]
fn relevance() {
    let all: Vec<Value> = mlsys_testkit::golden::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/golden/relevance.json"
    ));
    for case in &all {
        let y = list::<f64>(&case["input"]["y"]);
        for expected in case["expected"]["Relevance"].as_array().unwrap() {
            let recipe = match expected["points"].as_array() {
                None => Relevance::new()
                    .extremes(serde_json::from_value(expected["extremes"].clone()).unwrap())
                    .whiskers(expected["whiskers"].as_f64().unwrap()),
                Some(points) => {
                    let points: Vec<Vec<f64>> = points.iter().map(list::<f64>).collect();
                    match points[0].len() {
                        2 => Relevance::through(points.iter().map(|p| (p[0], p[1]))),
                        _ => Relevance::through_points(points.iter().map(|p| ControlPoint {
                            value: p[0],
                            relevance: p[1],
                            slope: p[2],
                        })),
                    }
                }
            };
            let found = recipe.of_values(&y).unwrap().of(&y);
            let phi = list::<f64>(&expected["phi"]);
            assert_eq!(found.len(), phi.len());
            for (place, (&found, &phi)) in found.iter().zip(&phi).enumerate() {
                let what = format!("{} at {place}, {expected}", case["name"]);
                // Near 0 what is left are rounding errors of the sum.
                assert!((found - phi).abs() <= 1e-10 * phi.abs() + 1e-14, "{what}: {found} is not {phi}");
            }
        }
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
        let check = |what: &str, recipe: ClassWeighter, expected: Vec<f64>| {
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
        let expected = &case["expected"]["ClassWeighter"];
        check("balanced", ClassWeighter::balanced(), list(&expected["balanced"]));
        check("inverse", ClassWeighter::inverse_frequency(), list(&expected["inverse"]));
        for (beta, weights) in list::<(f64, Vec<f64>)>(&expected["effective"]) {
            check(&beta.to_string(), ClassWeighter::effective_number(beta), weights);
        }
    }
}
