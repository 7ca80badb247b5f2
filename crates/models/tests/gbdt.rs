//! Boosted trees: what holds of every model, whatever the rows.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{
    ClassLoss, Dataset, Direction, ErrorKind, Estimate, Fit, FitValidated, Metric, Objective, Predict,
    PredictProba, Prediction, Result, Step, Train, Validation, ValueLoss, artifact, silent,
};
use mlsys_models::trees::{
    Child, Growth, MissingPolicy, OnMissing, OnUnseen, Regression, Scorer, Test, Tree, TreeEnsemble,
};
use mlsys_models::{
    BoostingMode, EarlyStopping, FittedGbdt, Gbdt, Monotone, RankObjective, RegressionObjective, RowSample,
};
use proptest::prelude::*;

/// A number in 0 to 1 that looks drawn.
fn noise(i: usize, stream: u64) -> f64 {
    let mut x = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

const CARRIERS: [&str; 7] = ["AA", "B6", "DL", "EV", "MQ", "UA", "WN"];

/// Numbers, gaps, a category and a target that depends on them.
fn table(n: usize, seed: u64) -> RecordBatch {
    let a: Vec<f64> = (0..n).map(|i| (noise(i, seed) * 40.0).floor() / 4.0).collect();
    let b: Vec<Option<f64>> =
        (0..n).map(|i| (noise(i, seed + 1) > 0.3).then(|| noise(i, seed + 2) * 3.0 - 1.5)).collect();
    let c: Vec<Option<&str>> = (0..n)
        .map(|i| (noise(i, seed + 3) > 0.1).then(|| CARRIERS[(noise(i, seed + 4) * 7.0) as usize]))
        .collect();
    let y: Vec<f64> = (0..n)
        .map(|i| {
            let carrier = c[i].map_or(0.5, |c| c.as_bytes()[0] as f64 / 60.0 - 1.0);
            (a[i] * 0.7).sin() * 2.0 + b[i].map_or(1.0, |b| b * b) + carrier + 0.3 * noise(i, seed + 5)
        })
        .collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("a", Arc::new(Float64Array::from(a))),
        ("b", Arc::new(Float64Array::from(b))),
        ("c", Arc::new(StringArray::from(c))),
        ("late", Arc::new(BooleanArray::from_iter(y.iter().map(|y| Some(*y > 1.6))))),
        ("y", Arc::new(Float64Array::from(y))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbers(n: usize, seed: u64) -> Dataset<Train> {
    let data = Dataset::new(table(n, seed)).unwrap().target("y").unwrap();
    data.ignore(["late"]).unwrap().into_train_all()
}

fn classes(n: usize, seed: u64) -> Dataset<Train> {
    let data = Dataset::new(table(n, seed)).unwrap().target("late").unwrap();
    data.ignore(["y"]).unwrap().into_train_all()
}

fn for_validation(n: usize, seed: u64) -> Dataset<Validation> {
    let data = Dataset::new(table(n, seed)).unwrap().target("late").unwrap();
    data.ignore(["y"]).unwrap().into_validation_all()
}

fn predicted(model: &dyn Predict, batch: &RecordBatch) -> Vec<f64> {
    model.predict(batch).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// Every value at which some tree decides, its neighbours, and what has no place in order.
fn edges(ensemble: &TreeEnsemble, feature: usize) -> Vec<f64> {
    let mut values = vec![f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
    for split in ensemble.trees().iter().flat_map(Tree::splits).filter(|s| s.feature as usize == feature) {
        if let Test::AtMost(t) = split.test {
            values.extend([t, t.next_up(), t.next_down()]);
        }
    }
    match ensemble.features()[feature].categories() {
        Some(categories) => {
            (0..categories.len() + 2).map(|code| code as f64).chain([f64::NAN, -3.0, 1e300]).collect()
        }
        None => values,
    }
}

fn engines_agree(ensemble: &TreeEnsemble) {
    let scorer = Scorer::new(ensemble);
    let mut scratch = scorer.scratch();
    let n = ensemble.features().len();
    let edges: Vec<Vec<f64>> = (0..n).map(|feature| edges(ensemble, feature)).collect();
    for i in 0..2000 {
        let row: Vec<f64> = (0..n)
            .map(|feature| edges[feature][(noise(i, feature as u64) * edges[feature].len() as f64) as usize])
            .collect();
        let walked = ensemble.outputs_of(&row);
        let scored = scorer.score(&row, &mut scratch).unwrap();
        let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(scored), bits(&walked), "row {row:?}");
    }
    assert!(matches!(
        scorer.score(&vec![0.0; n + 1], &mut scratch).unwrap_err().kind(),
        ErrorKind::Shape { .. }
    ));
}

#[test]
fn every_engine_agrees_with_the_walk_at_every_edge() {
    // Up to 32 leaves, up to 64, and more.
    for leaves in [2, 31, 63, 200] {
        let recipe = Gbdt::regressor().trees(20).max_leaves(leaves).min_rows(2).min_rows_per_category(1);
        let model = recipe.fit(&numbers(3000, 1)).unwrap();
        engines_agree(model.ensemble());
        let other = table(700, 99);
        let by_walk = model.ensemble().outputs_by_walk(&other).unwrap();
        assert_eq!(model.margins(&other).unwrap(), by_walk);
        let leaves = model.leaves(&other).unwrap();
        let columns = model.ensemble().read(&other).unwrap();
        for row in 0..other.num_rows() {
            let values: Vec<f64> = columns.iter().map(|column| column[row]).collect();
            for (place, tree) in model.ensemble().trees().iter().enumerate() {
                assert_eq!(leaves[[row, place]] as usize, tree.leaf(&values));
            }
        }
    }
    let forest = Gbdt::regressor().trees(9).rows(RowSample::Share(0.5)).mode(BoostingMode::RandomForest);
    engines_agree(forest.fit(&numbers(500, 3)).unwrap().ensemble());
}

#[test]
fn training_scores_are_those_of_the_walk() {
    // What boosting believes of its own rows decides the next tree: one tree at a time must give the same.
    let data = numbers(800, 5);
    for rows in [RowSample::All, RowSample::Share(0.6)] {
        let recipe = |trees| Gbdt::regressor().trees(trees).min_rows(5).rows(rows).min_rows_per_category(3);
        let whole = recipe(6).fit(&data).unwrap();
        let mut model = recipe(1).fit(&data).unwrap();
        for _ in 1..6 {
            model = recipe(1).fit_from(&model, &data, &mut silent).unwrap();
        }
        assert_eq!(whole.ensemble().trees(), model.ensemble().trees());
    }
}

#[test]
fn going_on_keeps_trees_and_learns_new_categories() {
    let first = Gbdt::new().trees(5).fit(&classes(500, 1)).unwrap();
    let mut batch = table(500, 2);
    let carriers: StringArray = batch
        .column(2)
        .as_string::<i32>()
        .iter()
        .map(|c| c.map(|c| if c == "UA" { "ZZ" } else { c }))
        .collect();
    let mut columns = batch.columns().to_vec();
    columns[2] = Arc::new(carriers);
    batch = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let more = Dataset::new(batch).unwrap().target("late").unwrap().ignore(["y"]).unwrap().into_train_all();
    let both = Gbdt::new().trees(3).fit_from(&first, &more, &mut silent).unwrap();
    // To the old trees the new category is still unseen.
    assert_eq!(both.staged_margins(more.batch(), &[5]).unwrap()[0], first.margins(more.batch()).unwrap());
    assert_eq!(both.ensemble().trees().len(), 8);
    let categories = both.ensemble().features()[2].categories().unwrap();
    assert!(categories.starts_with(first.ensemble().features()[2].categories().unwrap()));
    assert_eq!(categories.last().unwrap().to_string(), "ZZ");
    let other = more.clone().ignore(["a"]).unwrap();
    assert!(matches!(
        Gbdt::new().fit_from(&first, &other, &mut silent).unwrap_err().kind(),
        ErrorKind::Shape { .. }
    ));
}

#[test]
fn forests_go_on_as_forests() {
    let data = numbers(600, 3);
    let recipe = |trees, seed| {
        let recipe = Gbdt::regressor().trees(trees).seed(seed).min_rows_per_category(1);
        recipe.rows(RowSample::Share(0.6)).mode(BoostingMode::RandomForest)
    };
    let first = recipe(20, 0).fit(&data).unwrap();
    let both = recipe(20, 0).fit_from(&first, &data, &mut silent).unwrap();
    let whole = recipe(40, 0).fit(&data).unwrap();
    assert_eq!(both.ensemble(), whole.ensemble());
}

#[test]
fn models_go_on_by_objectives_of_their_kind() {
    let data = numbers(200, 3);
    let counts = data.ignore(["a"]).unwrap();
    let model = Gbdt::regressor().trees(3).fit(&counts).unwrap();
    let other = Gbdt::regressor().objective(RegressionObjective::Tweedie(1.5));
    let error = other.fit_from(&model, &counts, &mut silent).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "objective"),
        "{error}"
    );
    let bounded =
        Gbdt::regressor().objective(RegressionObjective::Quantile(0.9)).monotone("b", Monotone::Increasing);
    let error = bounded.fit(&counts).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "monotone"),
        "{error}"
    );
}

#[test]
fn validation_rows_must_be_there() {
    let none = for_validation(10, 1).slice(0, 0).unwrap();
    let error = Gbdt::new().fit_validated(&classes(100, 1), &none).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");
    // On some columns, and by another loss.
    let stopping = Gbdt::new().trees(50).early_stopping(EarlyStopping::after(3));
    let (train, validation) = (classes(300, 11), for_validation(300, 12));
    let limited = stopping.clone().on(["a", "b"]).fit_validated(&train, &validation).unwrap();
    assert_eq!(limited.ensemble().features().len(), 2);
    let given = stopping.by(Logistic).fit_validated(&train, &validation).unwrap();
    assert!(!given.history().is_empty());
}

/// A tree that halves the whole numbers up to a power of two until each has a leaf.
fn halving(depth: u32) -> Tree {
    let n = 1u32 << depth;
    let split = |i: u32| {
        let level = (i + 1).ilog2();
        let width = n >> level;
        let first = (i + 1 - (1 << level)) * width;
        let child = |side: u32| {
            let next = 2 * i + 1 + side;
            if next < n - 1 { Child::Split(next) } else { Child::Leaf(next - (n - 1)) }
        };
        mlsys_models::trees::Split {
            feature: 0,
            test: Test::AtMost(f64::from(first + width / 2 - 1)),
            missing: mlsys_models::trees::MissingGoes::Right,
            left: child(0),
            right: child(1),
            gain: 0.0,
            value: 0.0,
            cover: 0.0,
            rows: 0,
        }
    };
    let values = (0..n).map(f64::from).collect();
    Tree::new((0..n - 1).map(split).collect(), 1, values, vec![0.0; n as usize], vec![0; n as usize]).unwrap()
}

#[test]
fn trees_with_more_thresholds_than_16_bits_count_are_scored() {
    let model = Gbdt::regressor().trees(1).fit(&numbers(100, 1).ignore(["b", "c"]).unwrap()).unwrap();
    let features = model.ensemble().features().to_vec();
    let combine = mlsys_models::trees::Combine::Sum;
    let ensemble =
        TreeEnsemble::new(features, MissingPolicy::default(), vec![halving(17)], vec![0.0], combine).unwrap();
    let scorer = Scorer::new(&ensemble);
    let mut scratch = scorer.scratch();
    for x in [0.0, 1.0, 65_534.0, 65_535.0, 65_536.5, 131_070.0, 131_071.0, 1e9, -5.0, f64::NAN] {
        let expected = if x.is_nan() { 131_071.0 } else { f64::ceil(x).clamp(0.0, 131_071.0) };
        assert_eq!(scorer.score(&[x], &mut scratch).unwrap(), [expected], "{x}");
        assert_eq!(ensemble.outputs_of(&[x]), [expected], "{x}");
    }
}

#[test]
fn rows_of_leaves_are_counted() {
    for growth in [Growth::LeafWise, Growth::DepthWise] {
        for min_rows in [1, 7, 40] {
            let recipe =
                Gbdt::new().trees(8).min_rows(min_rows).growth(growth).max_depth(6).min_rows_per_category(1);
            let model = recipe.fit(&classes(900, 8)).unwrap();
            let leaves = model.leaves(&table(900, 8)).unwrap();
            for (place, tree) in model.ensemble().trees().iter().enumerate() {
                assert!(tree.depth() <= 6 && tree.n_leaves() <= 31);
                for leaf in 0..tree.n_leaves() {
                    let rows = leaves.column(place).iter().filter(|&&l| l as usize == leaf).count() as u64;
                    assert_eq!(
                        (tree.rows(leaf), rows >= min_rows),
                        (rows, true),
                        "leaf {leaf} of tree {place}"
                    );
                }
                for split in tree.splits() {
                    let rows = |child| match child {
                        Child::Split(i) => tree.splits()[i as usize].rows,
                        Child::Leaf(i) => tree.rows(i as usize),
                    };
                    assert_eq!(split.rows, rows(split.left) + rows(split.right));
                }
            }
        }
    }
}

#[test]
fn trees_are_the_same_however_many_threads_grow_them() {
    // Rows enough for every step that threads share, and leaves that are split ahead of their turn.
    let rows = 60_000;
    let recipes = [
        Gbdt::new().trees(6).max_leaves(63),
        // Hessians so uneven that estimates of rows go wrong.
        Gbdt::new().trees(40).max_leaves(63).learning_rate(0.4).min_hessian(0.0),
        Gbdt::new().trees(6).max_leaves(40).split_share(0.6).min_rows(300),
        Gbdt::new().trees(6).growth(Growth::DepthWise).max_leaves(20),
        Gbdt::new().trees(6).rows(RowSample::Goss { top: 0.3, other: 0.4 }).learning_rate(0.5),
    ];
    for recipe in recipes {
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let model = pool.install(|| recipe.fit(&classes(rows, 31)).unwrap());
            model.ensemble().trees().to_vec()
        };
        let one = of(1);
        for threads in [2, 3, 8] {
            let many = of(threads);
            let differs = one.iter().zip(&many).position(|(a, b)| a != b);
            assert_eq!(differs, None, "of {threads} threads by {recipe:?}");
        }
    }
}

#[test]
fn interactions_stay_within_groups() {
    let recipe = Gbdt::regressor().trees(150).min_rows(3).min_rows_per_category(1).interactions([["a", "b"]]);
    let model = recipe.fit(&numbers(600, 4)).unwrap();
    fn ways(tree: &Tree, at: Child, above: &mut Vec<u32>, all: &mut Vec<Vec<u32>>) {
        match at {
            Child::Leaf(_) => all.push(above.clone()),
            Child::Split(i) => {
                let split = &tree.splits()[i as usize];
                above.push(split.feature);
                ways(tree, split.left, above, all);
                ways(tree, split.right, above, all);
                above.pop();
            }
        }
    }
    let mut all = Vec::new();
    model.ensemble().trees().iter().for_each(|tree| ways(tree, tree.root(), &mut Vec::new(), &mut all));
    assert!(all.iter().all(|way| !(way.contains(&2) && way.iter().any(|&f| f != 2))));
    assert!(
        all.iter().any(|way| way.contains(&0) && way.contains(&1)) && all.iter().any(|way| way.contains(&2))
    );
    let unknown = Gbdt::regressor().interactions([["a", "x"]]).fit(&numbers(100, 4)).unwrap_err();
    assert!(matches!(unknown.kind(), ErrorKind::MissingColumn { .. }), "{unknown}");
}

/// The share that is right.
struct Right;

impl Metric for Right {
    fn name(&self) -> String {
        "right".into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, _: Option<&[f64]>) -> Result<Estimate> {
        let (truth, said) = (truth.as_boolean(), prediction.labels().as_boolean());
        let right = (0..truth.len()).filter(|&row| truth.value(row) == said.value(row)).count();
        Ok(Estimate::point(right as f64 / truth.len() as f64))
    }
}

#[test]
fn validation_rows_end_it_early() {
    let (train, validation) = (classes(400, 11), for_validation(400, 12));
    let recipe = Gbdt::new().trees(300).min_rows(2).learning_rate(0.3);
    let whole = recipe.fit_watched(&train, &validation, &[&Right], &mut silent).unwrap();
    assert_eq!(whole.history().names(), ["loss", "right"]);
    let losses: Vec<f64> = whole.history().of("loss").unwrap().collect();
    let right: Vec<f64> = whole.history().of("right").unwrap().collect();
    assert_eq!((losses.len(), whole.ensemble().trees().len()), (300, 300));
    // The losses are those of the staged predictions.
    for stage in [1, 17, 300] {
        let margins = &whole.staged_margins(validation.batch(), &[stage]).unwrap()[0];
        let truth = validation.batch().column(3).as_boolean();
        let loss = |row: usize| {
            (1.0 + (if truth.value(row) { -margins[[row, 0]] } else { margins[[row, 0]] }).exp()).ln()
        };
        let mean: f64 = (0..truth.len()).map(loss).sum::<f64>() / truth.len() as f64;
        assert!((mean - losses[stage - 1]).abs() < 1e-12);
        let model = Gbdt::new().trees(stage).min_rows(2).learning_rate(0.3).fit(&train).unwrap();
        assert_eq!(model.margins(validation.batch()).unwrap(), margins);
    }
    let stopping = recipe.clone().early_stopping(EarlyStopping::after(10));
    let stopped = stopping.fit_validated(&train, &validation).unwrap();
    let best = (0..300).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    let first_ten_worse = stopped.history().len();
    assert_eq!(first_ten_worse, stopped.history().best_iteration().unwrap() + 11);
    assert!(stopped.history().best_iteration().unwrap() <= best);
    assert_eq!(stopped.ensemble().trees().len(), stopped.history().best_iteration().unwrap() + 1);
    // By a metric, in its direction.
    let by_metric = stopping.fit_watched(&train, &validation, &[&Right], &mut silent).unwrap();
    let n = by_metric.history().len();
    let most = right[..n].iter().copied().fold(0.0, f64::max);
    assert_eq!(by_metric.history().best_iteration(), right[..n].iter().position(|r| *r == most));
    // Through a chain.
    let chain = mlsys_core::Identity::new().then(stopping);
    let chained = chain.fit_validated(&train, &validation).unwrap();
    assert_eq!(
        chained.predict_proba(validation.batch()).unwrap().positive(),
        stopped.predict_proba(validation.batch()).unwrap().positive()
    );
}

#[test]
fn progress_is_told_and_cancels() {
    let mut told = Vec::new();
    let recipe = Gbdt::new().trees(4);
    recipe
        .fit_with(&classes(200, 1), &mut |step: Step| {
            told.push((step.done, step.total));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(told, [(1, 4), (2, 4), (3, 4), (4, 4)]);
    let error = recipe.fit_with(&classes(200, 1), &mut |_: Step| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
}

#[test]
fn missing_values_and_unseen_categories_follow_the_policy() {
    let batch = table(300, 2);
    let refuse = |missing| Gbdt::new().missing(missing).fit(&classes(300, 2)).unwrap_err();
    let null = refuse(MissingPolicy { null: OnMissing::Refuse, ..MissingPolicy::default() });
    assert!(matches!(null.kind(), ErrorKind::MissingValues { column, .. } if column == "b"), "{null}");
    let strict = MissingPolicy { unseen: OnUnseen::Refuse, ..MissingPolicy::default() };
    let mut columns = batch.columns().to_vec();
    columns[2] =
        Arc::new(StringArray::from_iter_values((0..300).map(|row| if row == 7 { "XX" } else { "AA" })));
    let other = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let model = Gbdt::new().missing(strict).fit(&classes(300, 2)).unwrap();
    let error = model.predict(&other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnseenCategory { row: 7, .. }), "{error}");
    // By default an unseen category goes where missing ones go.
    let mut columns = batch.columns().to_vec();
    columns[2] = Arc::new(StringArray::from(vec![None::<&str>; 300]));
    let none = RecordBatch::try_new(batch.schema(), columns.clone()).unwrap();
    columns[2] = Arc::new(StringArray::from(vec!["XX"; 300]));
    let unseen = RecordBatch::try_new(batch.schema(), columns).unwrap();
    let model = Gbdt::new().fit(&classes(300, 2)).unwrap();
    assert_eq!(model.margins(&none).unwrap(), model.margins(&unseen).unwrap());
    // Null and NaN are refused apart.
    let nan: ArrayRef =
        Arc::new(Float64Array::from_iter_values((0..300).map(|i| if i == 5 { f64::NAN } else { i as f64 })));
    let y: ArrayRef = Arc::new(BooleanArray::from_iter((0..300).map(|i| Some(i % 2 == 0))));
    let data = Dataset::new(RecordBatch::try_from_iter([("x", nan), ("y", y)]).unwrap()).unwrap();
    let data = data.target("y").unwrap().into_train_all();
    let no_nan = MissingPolicy { nan: OnMissing::Refuse, ..MissingPolicy::default() };
    let no_null = MissingPolicy { null: OnMissing::Refuse, ..MissingPolicy::default() };
    assert!(matches!(
        Gbdt::new().missing(no_nan).fit(&data).unwrap_err().kind(),
        ErrorKind::MissingValues { count: 1, .. }
    ));
    assert!(Gbdt::new().missing(no_null).fit(&data).is_ok());
}

#[test]
fn targets_without_a_loss_are_refused() {
    let data = |y: Vec<f64>| {
        let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..y.len()).map(|i| i as f64)));
        let batch =
            RecordBatch::try_from_iter([("x", x), ("y", Arc::new(Float64Array::from(y)) as _)]).unwrap();
        Dataset::new(batch).unwrap().target("y").unwrap().into_train_all()
    };
    let fit = |objective, y| Gbdt::regressor().objective(objective).fit(&data(y));
    for (objective, y) in [
        (RegressionObjective::Poisson, vec![1.0, -1.0]),
        (RegressionObjective::Poisson, vec![0.0, 0.0]),
        (RegressionObjective::Gamma, vec![1.0, 0.0]),
        (RegressionObjective::Tweedie(1.5), vec![2.0, -0.5]),
        (RegressionObjective::Squared, vec![1.0, f64::INFINITY]),
    ] {
        assert!(fit(objective, y).is_err(), "{objective:?}");
    }
    let missing = fit(RegressionObjective::Squared, vec![1.0, f64::NAN]).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::MissingValues { .. }), "{missing}");
    // Equal targets are predicted exactly, whatever their mean rounds to.
    let model = fit(RegressionObjective::Squared, vec![0.1; 50]).unwrap();
    assert_eq!(predicted(&model, data(vec![0.1; 50]).batch()), vec![0.1; 50]);
    let huge =
        fit(RegressionObjective::Squared, (0..60).map(|i| if i % 2 == 0 { 1e300 } else { -1e300 }).collect());
    assert!(
        huge.is_ok_and(|model| predicted(&model, data(vec![0.0; 60]).batch()).iter().all(|x| x.is_finite()))
    );
}

#[test]
fn wide_spread_gradients_keep_the_small_ones() {
    // One target a million times as far away must not hide what the others follow.
    let n = 20_000;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i % 100)).collect();
    let y: Vec<f64> =
        (0..n).map(|i| if i == 77 { 1e6 } else { f64::from(u8::from(i % 100 >= 50)) }).collect();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("x", Arc::new(Float64Array::from(x))), ("y", Arc::new(Float64Array::from(y)))];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap())
        .unwrap()
        .target("y")
        .unwrap()
        .into_train_all();
    let model = Gbdt::regressor().trees(60).learning_rate(0.5).fit(&data).unwrap();
    let predicted = predicted(&model, data.batch());
    assert!(
        (predicted[10] - 0.0).abs() < 1e-3 && (predicted[60] - 1.0).abs() < 1e-3,
        "{} {}",
        predicted[10],
        predicted[60]
    );
}

#[test]
fn rankings_order_the_rows_of_each_group() {
    let n = 600;
    let x: Vec<f64> = (0..n).map(|i| noise(i, 1)).collect();
    let relevance: Vec<i64> =
        x.iter().enumerate().map(|(i, x)| ((x + 0.3 * noise(i, 2)) * 3.0) as i64).collect();
    // Groups need not stand together.
    let group: Vec<i64> = (0..n).map(|i| (i % 30) as i64).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(Float64Array::from(x.clone()))),
        ("y", Arc::new(Int64Array::from(relevance))),
        ("g", Arc::new(Int64Array::from(group))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let data = |batch: RecordBatch| Dataset::new(batch).unwrap().target("y").unwrap();
    let grouped = data(batch.clone()).group("g").unwrap().ignore(["g"]).unwrap();
    let model = Gbdt::ranker().trees(30).fit(&grouped.clone().into_train_all()).unwrap();
    let scores = predicted(&model, &batch);
    let apart = |a: usize, b: usize| (x[a] - x[b] > 0.5).then(|| scores[a] > scores[b]);
    let pairs: Vec<bool> = (0..n).flat_map(|a| (0..20).filter_map(move |b| apart(a, b))).collect();
    assert!(pairs.iter().filter(|right| **right).count() as f64 > 0.98 * pairs.len() as f64);
    let watched = Gbdt::ranker()
        .trees(30)
        .fit_validated(&grouped.clone().into_train_all(), &grouped.into_validation_all());
    let losses: Vec<f64> = watched.unwrap().history().of("loss").unwrap().collect();
    assert!(losses[29] < losses[0] && losses.iter().all(|l| (0.0..1.0).contains(l)));
    let no_group = Gbdt::ranker().fit(&data(batch.clone()).into_train_all()).unwrap_err();
    assert!(matches!(no_group.kind(), ErrorKind::MissingRole { .. }), "{no_group}");
    let wrong = Gbdt::ranker().objective(RankObjective::LambdaMart { truncation: 0 });
    let grouped = data(batch).group("g").unwrap().into_train_all();
    assert!(matches!(wrong.fit(&grouped).unwrap_err().kind(), ErrorKind::InvalidParameter { .. }));
}

/// The logistic loss once more.
#[derive(Clone)]
struct Logistic;

impl ClassLoss for Logistic {
    fn n_classes(&self) -> usize {
        2
    }

    fn gradient(&self, class: usize, z: &[f64], by: &mut [f64]) -> f64 {
        let sign = if class == 1 { 1.0 } else { -1.0 };
        by[0] = 1.0 / (1.0 + (-z[0]).exp()) - class as f64;
        (-sign * z[0]).exp().ln_1p()
    }

    fn hessian(&self, _: usize, z: &[f64], by: &mut [f64]) {
        let p = 1.0 / (1.0 + (-z[0]).exp());
        by[0] = p * (1.0 - p);
    }

    fn initial(&self) -> Vec<f64> {
        vec![0.25]
    }
}

impl Objective for Logistic {
    fn name(&self) -> &str {
        "Logistic"
    }

    fn of_classes(&self, _: &[f64]) -> Result<Box<dyn ClassLoss>> {
        Ok(Box::new(Logistic))
    }
}

#[test]
fn a_loss_that_is_given_is_minimised() {
    let data = classes(700, 6);
    let own = Gbdt::new().trees(60).fit(&data).unwrap();
    let given = Gbdt::new().trees(60).by(Logistic).fit(&data).unwrap();
    assert_eq!(given.ensemble().base(), [0.25]);
    let (own, given) = (own.predict_proba(data.batch()).unwrap(), given.predict_proba(data.batch()).unwrap());
    // From another start they come to nearly the same.
    let apart = own.positive().iter().zip(given.positive()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 0.2, "{apart}");
}

/// Squares that count so many times where the score is too low.
struct Expectile(f64);

impl ValueLoss for Expectile {
    fn name(&self) -> &str {
        "Expectile"
    }

    fn loss(&self, y: f64, score: f64) -> f64 {
        0.5 * self.derivatives(y, score)[1] * (score - y) * (score - y)
    }

    fn derivatives(&self, y: f64, score: f64) -> [f64; 2] {
        let weight = if score < y { self.0 } else { 1.0 };
        [weight * (score - y), weight]
    }
}

#[test]
fn a_loss_of_numbers_that_is_given_is_minimised() {
    let train = numbers(900, 6);
    let y = train.target_values("test").unwrap();
    let mean = |model: &FittedGbdt<Regression>, loss: &Expectile| {
        let z = predicted(model, train.batch());
        y.iter().zip(&z).map(|(y, z)| loss.loss(*y, *z)).sum::<f64>() / y.len() as f64
    };
    let of = |factor: f64| Gbdt::regressor().trees(20).by(Expectile(factor)).fit(&train).unwrap();
    let (squared, once, nine) = (Gbdt::regressor().trees(20).fit(&train).unwrap(), of(1.0), of(9.0));
    assert!((once.ensemble().base()[0] - squared.ensemble().base()[0]).abs() < 1e-9);
    let (own, others) = (mean(&once, &Expectile(1.0)), mean(&squared, &Expectile(1.0)));
    assert!((own - others).abs() < 0.02 * others, "{own} {others}");
    assert!(mean(&nine, &Expectile(9.0)) < mean(&squared, &Expectile(9.0)));
    assert!(mean(&nine, &Expectile(1.0)) > mean(&squared, &Expectile(1.0)));
    // Its loss is what validation rows are judged by.
    let validation = Dataset::new(table(400, 7)).unwrap().target("y").unwrap().ignore(["late"]).unwrap();
    let validation = validation.into_validation_all();
    let watched = Gbdt::regressor().trees(30).by(Expectile(9.0)).fit_validated(&train, &validation).unwrap();
    let losses: Vec<f64> = watched.history().of("loss").unwrap().collect();
    assert!(losses.len() == 30 && losses[29] < 0.2 * losses[0], "{losses:?}");
    // Losses without a number.
    let error = Gbdt::regressor().by(Expectile(f64::NAN)).fit(&train).unwrap_err();
    assert!(error.to_string().contains("finite derivatives"), "{error}");
}

#[test]
fn focal_derivatives_are_those_of_the_loss() {
    // A stump's leaf of one row goes by -g / h at the start, which are checked through the fitted value.
    let gamma = 2.0;
    let loss = |z: f64| {
        let p = 1.0 / (1.0 + (-z).exp());
        -(1.0_f64 - p).powf(gamma) * p.ln()
    };
    let y: ArrayRef = Arc::new(BooleanArray::from(vec![true, true, true, false]));
    let x: ArrayRef = Arc::new(Float64Array::from(vec![0.0, 1.0, 1.0, 1.0]));
    let batch = RecordBatch::try_from_iter([("x", x), ("y", y)]).unwrap();
    let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let recipe =
        Gbdt::new().objective(mlsys_models::ClassObjective::Focal(gamma)).trees(1).learning_rate(1.0);
    let model = recipe.max_leaves(2).min_rows(1).min_rows_in_bin(1).min_hessian(0.0).fit(&data).unwrap();
    let z = 3.0_f64.ln();
    let step = 1e-4;
    let g = (loss(z + step) - loss(z - step)) / (2.0 * step);
    let h = (loss(z + step) - 2.0 * loss(z) + loss(z - step)) / (step * step);
    let value = model.ensemble().trees()[0].values(0)[0];
    assert!((value + g / h).abs() < 1e-4, "{value} instead of {}", -g / h);
}

#[test]
fn models_survive_storage() {
    let model = Gbdt::new().trees(12).min_rows_per_category(1).fit(&classes(400, 9)).unwrap();
    let bytes = artifact::to_bytes(&model).unwrap();
    assert_eq!(artifact::from_bytes::<FittedGbdt>(&bytes).unwrap(), model);
    let json = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<FittedGbdt>(&json).unwrap(), model);
    // Two classes have one score; a tree asks about features that there are.
    let numbers = classes(400, 9).ignore(["c"]).unwrap();
    let json = serde_json::to_value(Gbdt::new().trees(2).fit(&numbers).unwrap()).unwrap();
    let load = |json: serde_json::Value| -> Result<FittedGbdt> {
        artifact::from_bytes(&artifact::to_bytes(&serde_json::from_value::<FittedGbdt>(json).unwrap())?)
    };
    assert!(load(json.clone()).is_ok());
    for (place, value) in [("base", serde_json::json!([0.0, 0.0])), ("features", serde_json::json!([]))] {
        let mut hostile = json.clone();
        hostile["ensemble"][place] = value;
        let error = load(hostile).unwrap_err().to_string();
        assert!(error.contains("loading mlsys.Gbdt"), "{place}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn monotone_constraints_are_never_violated(seed in 0u64..1000, leaves in 2usize..40, rate in 0.05f64..1.0) {
        let recipe = Gbdt::regressor().trees(15).max_leaves(leaves).learning_rate(rate).min_rows(1).min_rows_per_category(1);
        let model = recipe.monotone("a", Monotone::Increasing).monotone("b", Monotone::Decreasing).fit(&numbers(400, seed)).unwrap();
        let ensemble = model.ensemble();
        for row in 0..40 {
            let mut values = [0.0, noise(row, 7) * 3.0 - 1.5, (noise(row, 8) * 7.0).floor()];
            for (feature, sign) in [(0, 1.0), (1, -1.0)] {
                let mut last = f64::NEG_INFINITY;
                for step in 0..60 {
                    values[feature] = sign * (f64::from(step) / 5.0 - 2.0);
                    let score = ensemble.outputs_of(&values)[0];
                    prop_assert!(score >= last, "{} after {} at {:?}", score, last, values);
                    last = score;
                }
            }
        }
    }

    #[test]
    fn mutated_models_are_refused_or_safe(place in 0usize..4000, byte in 0u8..=255) {
        let model = Gbdt::new().trees(3).min_rows_per_category(1).fit(&classes(200, 9)).unwrap();
        let mut bytes = artifact::to_bytes(&model).unwrap();
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(loaded) = artifact::from_bytes::<FittedGbdt>(&bytes) {
            let _ = loaded.predict(&table(20, 1));
        }
    }
}
