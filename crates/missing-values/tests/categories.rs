//! Chained equations with categories: relations found, draws by their probabilities, classes that were not there, diagnostics, types, and
//! hostile artefacts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Float64Type};
use mlsys_core::{
    Category, Columns, Dataset, ErrorKind, Fit, FitTransform, Train, Transform, artifact, seed,
};
use mlsys_missing_values::{
    FittedIterativeImputer, ImputationMethod, Indicators, IterativeImputer, MultipleImputer, pool,
};
use proptest::prelude::*;

type Named = (&'static str, ArrayRef, bool);

fn numbers(name: &'static str, values: impl IntoIterator<Item = Option<f64>>) -> Named {
    (name, Arc::new(Float64Array::from_iter(values)), true)
}

fn words<'a>(name: &'static str, values: impl IntoIterator<Item = Option<&'a str>>) -> Named {
    (name, Arc::new(StringArray::from_iter(values)), true)
}

fn flags(name: &'static str, values: impl IntoIterator<Item = Option<bool>>) -> Named {
    (name, Arc::new(BooleanArray::from_iter(values)), true)
}

fn batch(columns: impl IntoIterator<Item = Named>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn train(batch: &RecordBatch) -> Dataset<Train> {
    Dataset::new(batch.clone()).unwrap().into_train_all()
}

fn fit(recipe: IterativeImputer, rows: &RecordBatch) -> FittedIterativeImputer {
    recipe.on(Columns::all()).fit(&train(rows)).unwrap()
}

fn word(batch: &RecordBatch, name: &str, row: usize) -> String {
    batch[name].as_string::<i32>().value(row).to_owned()
}

/// `kind` and `flag` are functions of x and y, and size one of both; every fifth value is missing, and none in x and y.
fn functions(rows: usize) -> (RecordBatch, Vec<(&'static str, bool, f64)>) {
    let mut rng = seed::stream(2, 9);
    let mut truth = Vec::new();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let [a, b] = [0; 2].map(|_| 2.0 * seed::uniform(&mut rng) - 1.0);
        let kind = if a < -0.3 {
            "left"
        } else if a < 0.4 {
            "middle"
        } else {
            "right"
        };
        truth.push((kind, a + b > 0.0, if kind == "middle" { 5.0 + b } else { b }));
        x.push(Some(a));
        y.push(Some(b));
    }
    let there = |row: usize, turn: usize| !(row + turn).is_multiple_of(5);
    let table = batch([
        numbers("x", x),
        numbers("y", y),
        words("kind", truth.iter().enumerate().map(|(i, t)| there(i, 0).then_some(t.0))),
        flags("flag", truth.iter().enumerate().map(|(i, t)| there(i, 1).then_some(t.1))),
        numbers("size", truth.iter().enumerate().map(|(i, t)| there(i, 3).then_some(t.2))),
    ]);
    (table, truth)
}

#[test]
fn functions_of_numbers_are_found() {
    let (table, truth) = functions(1_000);
    let fitted = fit(IterativeImputer::new(), &table);
    let output = fitted.transform(&table).unwrap();
    assert_eq!(output.schema(), fitted.output_schema(&table.schema()).unwrap());
    let (mut kinds, mut flags, mut sizes) = (0, 0, 0);
    for (row, (kind, flag, size)) in truth.iter().enumerate() {
        kinds += usize::from(word(&output, "kind", row) != *kind);
        flags += usize::from(output["flag"].as_boolean().value(row) != *flag);
        let found = output["size"].as_primitive::<Float64Type>().value(row);
        // Where the class of the row itself is missing it may be wrong, near the border.
        sizes += usize::from((found - size).abs() > 0.2);
    }
    assert!(kinds <= 10 && flags <= 10 && sizes <= 10, "{kinds} {flags} {sizes} of 200 are wrong");
    assert!(fitted.converged());
    let count = |kind: &str| table["kind"].as_string::<i32>().iter().flatten().filter(|k| *k == kind).count();
    let most = ["left", "middle", "right"].into_iter().max_by_key(|kind| count(kind)).unwrap();
    assert_eq!(fitted.most_frequent("kind"), Some(&most.into()));
    assert_eq!(fitted.classes("flag"), Some([false.into(), true.into()].as_slice()));
    assert_eq!((fitted.mean("kind"), fitted.most_frequent("x"), fitted.classes("x")), (None, None, None));
    // Without `.on` only numbers take part.
    let numeric = IterativeImputer::new().fit(&train(&table)).unwrap();
    assert_eq!((numeric.classes("kind"), numeric.classes("flag")), (None, None));
    assert_eq!(numeric.transform(&table).unwrap()["kind"].null_count(), 200);
}

/// One class of two, then two as often, beside nothing else: most frequent, the first of equals.
#[test]
fn single_columns_by_hand() {
    let of = |values: [Option<&'static str>; 4]| {
        let table = batch([words("word", values)]);
        let fitted = fit(IterativeImputer::new(), &table);
        assert!(fitted.converged() && fitted.rounds().len() == 1);
        word(&fitted.transform(&batch([words("word", [None])])).unwrap(), "word", 0)
    };
    assert_eq!(of([Some("b"), Some("b"), None, Some("a")]), "b");
    assert_eq!(of([Some("b"), Some("a"), None, None]), "a");
    assert_eq!(of([Some("only"), None, Some("only"), None]), "only");
    // A single class beside others, and draws of it.
    let table = batch([
        words("one", [Some("only"), None, Some("only"), None]),
        numbers("x", [Some(1.0), Some(2.0), None, Some(4.0)]),
        flags("flag", [Some(true), None, Some(true), Some(true)]),
    ]);
    for method in
        [ImputationMethod::BayesianRidge, ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()]
    {
        let output = fit(IterativeImputer::new().method(method), &table).transform(&table).unwrap();
        assert!(
            (0..4).all(|row| word(&output, "one", row) == "only" && output["flag"].as_boolean().value(row))
        );
    }
}

/// P(b) is 0.2 where x is 0 and 0.7 where it is 1; `z` tells rows apart and nothing else.
fn chances(rows: usize) -> RecordBatch {
    let mut rng = seed::stream(31, 5);
    let (mut x, mut z, mut kind) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let [draw, other, gap] = [0; 3].map(|_| seed::uniform(&mut rng));
        let share = if row % 2 == 0 { 0.2 } else { 0.7 };
        x.push(Some((row % 2) as f64));
        z.push(Some(other));
        kind.push((gap > 0.4).then_some(if draw < share {
            "b"
        } else if draw < share + 0.15 {
            "c"
        } else {
            "a"
        }));
    }
    batch([numbers("x", x), numbers("z", z), words("kind", kind)])
}

#[test]
fn drawn_classes_have_their_frequencies() {
    let table = chances(30_000);
    for method in [ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()] {
        let recipe = IterativeImputer::new().max_iter(2).method(method);
        let (fitted, filled) = recipe.on(Columns::all()).fit_transform(train(&table)).unwrap();
        assert_eq!((fitted.rounds().len(), fitted.converged()), (2, false));
        for output in [filled.batch(), &fitted.transform(&table).unwrap()] {
            for (x, shares) in
                [(0, [("a", 0.65), ("b", 0.2), ("c", 0.15)]), (1, [("a", 0.15), ("b", 0.7), ("c", 0.15)])]
            {
                let gaps: Vec<usize> =
                    (0..30_000).filter(|row| row % 2 == x && table["kind"].is_null(*row)).collect();
                let n = gaps.len() as f64;
                for (class, share) in shares {
                    let found =
                        gaps.iter().filter(|&&row| word(output, "kind", row) == class).count() as f64 / n;
                    // Of the draws; of the regression that was fitted, and of its draw, from the 9,000 other rows.
                    let variance: f64 = share * (1.0 - share);
                    let error = (variance * (1.0 / n + 2.0 / (15_000.0 - n))).sqrt();
                    assert!((found - share).abs() < 4.0 * error, "{class} at {x}: {found} {share}");
                }
            }
        }
        // What the diagnostics say is what was filled.
        let last = &fitted.rounds()[1].categories["kind"];
        let gaps: Vec<usize> = (0..30_000).filter(|row| table["kind"].is_null(*row)).collect();
        for (class, share) in &last.shares {
            let Category::Text(class) = class else { panic!("no text") };
            let count = gaps.iter().filter(|&&row| word(filled.batch(), "kind", row) == **class).count();
            assert!((share - count as f64 / gaps.len() as f64).abs() < 1e-12);
        }
        assert!(last.changed > 0.3 && last.changed == fitted.rounds()[1].changed);
    }
}

#[test]
fn rows_are_their_own_seeds_matter_and_threads_do_not() {
    // More than one part of the rows.
    let (table, _) = functions(20_000);
    for method in
        [ImputationMethod::BayesianRidge, ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()]
    {
        let recipe = IterativeImputer::new().max_iter(3).method(method);
        let at = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| recipe.on(Columns::all()).fit_transform(train(&table)).unwrap())
        };
        let (fitted, filled) = at(1);
        for threads in [2, 7] {
            let (other, also) = at(threads);
            assert!(other == fitted && also.batch() == filled.batch());
        }
        let whole = fitted.transform(&table).unwrap();
        assert_eq!(fitted.transform(&table.slice(123, 400)).unwrap(), whole.slice(123, 400));
        assert!(whole.columns().iter().all(|column| column.null_count() == 0));
        let other = fit(recipe.seed(5), &table).transform(&table).unwrap();
        assert_eq!(other == whole, method == ImputationMethod::BayesianRidge);
        let bytes = artifact::to_bytes(&fitted).unwrap();
        assert_eq!(artifact::from_bytes::<FittedIterativeImputer>(&bytes).unwrap(), fitted);
    }
}

/// A class that was not there stays, and predicts what the classes predict together, by their shares.
#[test]
fn unseen_classes() {
    let table = batch([
        words("kind", ["a", "a", "b", "c", "c", "c", "b", "a"].map(Some)),
        numbers("x", [1.0, 1.5, 4.0, 9.0, 8.0, 9.5, 4.5, 1.0].map(Some)),
    ]);
    let fitted = fit(IterativeImputer::new().max_iter(1), &table);
    let new = |kind: &'static str| {
        let output = fitted.transform(&batch([words("kind", [Some(kind)]), numbers("x", [None])])).unwrap();
        assert_eq!(word(&output, "kind", 0), kind);
        output["x"].as_primitive::<Float64Type>().value(0)
    };
    let expected = (3.0 * new("a") + 2.0 * new("b") + 3.0 * new("c")) / 8.0;
    assert!((new("unseen") - expected).abs() < 1e-12, "{} {expected}", new("unseen"));
    assert!(new("a") < new("b") && new("b") < new("c"));
}

#[test]
fn encodings_types_and_indicators() {
    let (table, _) = functions(200);
    let recipe = IterativeImputer::new().indicators(Indicators::WhereMissing);
    let fitted = fit(recipe, &table);
    let expected = fitted.transform(&table).unwrap();
    let names: Vec<String> = expected.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["x", "y", "kind", "kind_missing", "flag", "flag_missing", "size", "size_missing"]);
    assert_eq!(
        (expected["kind"].data_type(), expected["flag"].data_type()),
        (&DataType::Utf8, &DataType::Boolean)
    );
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    for (encoding, plain) in [
        (dictionary, DataType::Utf8),
        (DataType::LargeUtf8, DataType::LargeUtf8),
        (DataType::Utf8View, DataType::Utf8View),
    ] {
        let mut columns = table.columns().to_vec();
        columns[2] = cast(&columns[2], &encoding).unwrap();
        let named = ["x", "y", "kind", "flag", "size"]
            .into_iter()
            .zip(columns)
            .map(|(name, column)| (name, column, true));
        let other = batch(named);
        assert_eq!(fit(recipe, &other), fitted);
        let output = fitted.transform(&other).unwrap();
        assert_eq!(output["kind"].data_type(), &plain);
        assert_eq!(&cast(&output["kind"], &DataType::Utf8).unwrap(), &expected["kind"]);
    }
}

#[test]
fn refusals() {
    let names: Vec<String> = (0..120).map(|i| format!("n{:02}", i % 60)).collect();
    let many = batch([
        words("city", names.iter().map(|n| Some(n.as_str()))),
        numbers("x", (0..120).map(|i| Some(f64::from(i)))),
    ]);
    let error = IterativeImputer::new().on(Columns::all()).fit(&train(&many)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { column, .. } if column == "city"));
    let text = error.to_string();
    assert!(
        ["`city`", "60 classes", "at most 50", "group rare", "max_classes"]
            .iter()
            .all(|part| text.contains(part)),
        "{text}"
    );
    fit(IterativeImputer::new().max_classes(60).max_iter(1), &many);
    // Two categories of 60 classes: 59 · 61 coefficients.
    let mut columns: Vec<Named> = vec![words("city", names.iter().map(|n| Some(n.as_str())))];
    columns.push(words("town", names.iter().rev().map(|n| Some(n.as_str()))));
    let error =
        IterativeImputer::new().max_classes(60).on(Columns::all()).fit(&train(&batch(columns))).unwrap_err();
    assert!(error.to_string().contains("60 classes by 59 columns: 3540 coefficients"), "{error}");
    let dates: Named = ("day", Arc::new(Date32Array::from(vec![1, 2])), true);
    let error = IterativeImputer::new().on(Columns::all()).fit(&train(&batch([dates]))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { column, .. } if column == "day"), "{error}");
    let empty = batch([words("word", [None, None]), numbers("x", [Some(1.0), None])]);
    let error = IterativeImputer::new().on(Columns::all()).fit(&train(&empty)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AllMissing { column, .. } if column == "word"), "{error}");
    // The largest numbers say what large ones do.
    let table = batch([
        words("kind", ["a", "b", "b", "b"].map(Some)),
        numbers("x", [1.0, 20.0, 30.0, 50.0].map(Some)),
    ]);
    let fitted = fit(IterativeImputer::new(), &table);
    for x in [-f64::MAX, f64::MAX] {
        let output = fitted.transform(&batch([words("kind", [None]), numbers("x", [Some(x)])])).unwrap();
        assert_eq!(word(&output, "kind", 0), if x < 0.0 { "a" } else { "b" });
    }
}

/// Classes that separate, columns that are there twice, and rows fewer than columns.
#[test]
fn separable_and_collinear_columns_are_fine() {
    let kind = |i: usize, gap: usize| (i % 7 != gap).then_some(["a", "b", "c"][i / 10]);
    let table = batch([
        words("kind", (0..30).map(|i| kind(i, 0))),
        words("again", (0..30).map(|i| kind(i, 3))),
        numbers("x", (0..30).map(|i| Some(i as f64))),
        numbers("twice", (0..30).map(|i| Some(2.0 * i as f64))),
        flags("flag", (0..30).map(|i| (i % 5 > 1).then_some(i > 14))),
    ]);
    for method in
        [ImputationMethod::BayesianRidge, ImputationMethod::BayesianRidgeDraw, ImputationMethod::pmm()]
    {
        for rows in [30, 4, 3] {
            let table = table.slice(30 - rows, rows);
            let output = fit(IterativeImputer::new().method(method), &table).transform(&table).unwrap();
            assert!(output.columns().iter().all(|column| column.null_count() == 0));
            if rows == 30 && method == ImputationMethod::BayesianRidge {
                let right = (0..30).filter(|&i| word(&output, "kind", i) == ["a", "b", "c"][i / 10]).count();
                assert_eq!(right, 30);
            }
        }
    }
}

/// The documented rule: of the first round that changes little enough, in numbers and in classes.
#[test]
fn chains_stop_by_the_rule() {
    let (table, _) = functions(900);
    for tol in [1e-5, 1e-2, 0.2] {
        let fitted = fit(IterativeImputer::new().max_iter(60).tol(tol), &table);
        let size = table["size"].as_primitive::<Float64Type>();
        let scale = size.iter().flatten().fold(0.0, |most: f64, x| most.max(x.abs()));
        let (last, before) = fitted.rounds().split_last().unwrap();
        let still = |round: &mlsys_missing_values::ImputationRound| {
            round.largest_change < tol * scale && (round.changed == 0.0 || round.changed < tol)
        };
        assert!(fitted.converged() && still(last) && !before.iter().any(still), "{tol}");
        // Of all gaps in both categories, the share that changed.
        let all: f64 = last.categories.values().map(|category| category.changed / 2.0).sum();
        assert!((last.changed - all).abs() < 1e-12);
        assert!(before.is_empty() || fitted.rounds()[0].changed > 0.0);
    }
    assert_eq!(fit(IterativeImputer::new().max_iter(6).tol(0.0), &table).rounds().len(), 6);
    let categories = table.project(&[2, 3]).unwrap();
    let fitted = fit(IterativeImputer::new(), &categories);
    assert!(fitted.converged() && fitted.rounds().last().unwrap().changed == 0.0);
    assert_eq!(fit(IterativeImputer::new().max_iter(3).tol(0.0), &categories).rounds().len(), 3);
}

/// The share of a class over completed tables, with 40 % of its values missing.
#[test]
fn several_tables_and_their_pool() {
    let table = chances(4_000);
    let imputer = IterativeImputer::new().max_iter(2).method(ImputationMethod::BayesianRidgeDraw);
    let several = MultipleImputer::new().tables(10).imputer(imputer).on(Columns::all());
    let completed = several.impute(&train(&table)).unwrap();
    let (mut shares, mut variances) = (Vec::new(), Vec::new());
    for table in &completed {
        let count = (0..4_000).filter(|&row| word(table.data.batch(), "kind", row) == "b").count();
        let share = count as f64 / 4_000.0;
        shares.push(share);
        variances.push(share * (1.0 - share) / 4_000.0);
    }
    let pooled = pool(&shares, &variances, 3_999.0).unwrap();
    assert!(pooled.between > 0.0 && pooled.share > 0.05 && pooled.share < 0.7, "{pooled:?}");
    // Four standard errors.
    assert!((pooled.estimate - 0.45).abs() < 4.0 * pooled.total.sqrt(), "{pooled:?}");
}

#[test]
fn hostile_artefacts() {
    let table = batch([
        words("kind", [Some("a"), Some("b"), None, Some("b")]),
        flags("late", [Some(true), Some(false), Some(true), None]),
        numbers("x", [Some(1.0), Some(4.0), Some(3.0), None]),
    ]);
    let fitted = fit(IterativeImputer::new().max_iter(1), &table);
    let json = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<FittedIterativeImputer>(&json).unwrap(), fitted);
    let changes = [
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[{"text":"b"},{"text":"a"}]"#),
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[{"text":"a"},{"text":"a"}]"#),
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[{"text":"a"}]"#),
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[]"#),
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[{"text":"a"},{"text":"b"},{"text":"c"}]"#),
        (r#""known":[{"text":"a"},{"text":"b"}]"#, r#""known":[{"bool":false},{"bool":true}]"#),
        (r#""shares":["#, r#""shares":[0.0,"#),
        (r#""shares":[0.3"#, r#""shares":[-0.3"#),
        (r#""shares":[0.3"#, r#""shares":[0.9"#),
        (r#""intercepts":["#, r#""intercepts":[1.0,"#),
        (r#""coefficients":[["#, r#""coefficients":[[1.0,"#),
        (r#""coefficients":[["#, r#""coefficients":[[],["#),
        (r#""column":0"#, r#""column":1"#),
        (r#""column":0"#, r#""column":9"#),
        (r#"{"number":{"center""#, r#"{"number":{"centre""#),
        (r#""kind":"text""#, r#""kind":"float""#),
        (r#""rounds":[{"#, r#""rounds":[],"was":[{"#),
    ];
    for (from, to) in changes {
        assert!(json.contains(from), "{from} is not in {json}");
        let loaded = serde_json::from_str::<FittedIterativeImputer>(&json.replacen(from, to, 1));
        let refused = loaded.map_or(true, |value| {
            let bytes = artifact::to_bytes(&value).unwrap();
            artifact::from_bytes::<FittedIterativeImputer>(&bytes).is_err()
        });
        assert!(refused, "{from} as {to} is loaded");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Filled classes are some that were there, other values stay, and neither the order of rows nor of columns matters without draws.
    #[test]
    fn gaps_alone_are_filled(
        rows in prop::collection::vec((prop::option::of(0usize..4), prop::option::of(any::<bool>()), prop::option::of(-9.0..9.0f64)), 3..40),
        draws in any::<bool>(),
    ) {
        prop_assume!(rows.iter().any(|r| r.0.is_some()) && rows.iter().any(|r| r.1.is_some()));
        prop_assume!(rows.iter().any(|r| r.2.is_some()));
        let names = ["a", "b", "ä", "z"];
        let table = |rows: &[(Option<usize>, Option<bool>, Option<f64>)], turned: bool| {
            let mut columns = vec![
                words("word", rows.iter().map(|r| r.0.map(|w| names[w]))),
                flags("flag", rows.iter().map(|r| r.1)),
                numbers("x", rows.iter().map(|r| r.2)),
            ];
            if turned {
                columns.reverse();
            }
            batch(columns)
        };
        let method = if draws { ImputationMethod::pmm() } else { ImputationMethod::BayesianRidge };
        let recipe = IterativeImputer::new().max_iter(2).method(method);
        let given = table(&rows, false);
        let fitted = fit(recipe, &given);
        prop_assert_eq!(&fitted, &fit(recipe, &table(&rows, true)));
        let output = fitted.transform(&given).unwrap();
        for (row, (kind, flag, x)) in rows.iter().enumerate() {
            let found = word(&output, "word", row);
            let there = rows.iter().any(|r| r.0.is_some_and(|w| names[w] == found));
            prop_assert!(kind.map_or(there, |w| names[w] == found));
            let found = output["flag"].as_boolean().value(row);
            prop_assert!(flag.map_or(rows.iter().any(|r| r.1 == Some(found)), |flag| flag == found));
            prop_assert!(x.is_none_or(|x| output["x"].as_primitive::<Float64Type>().value(row) == x));
        }
    }
}
