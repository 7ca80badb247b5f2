//! Encoders of the target: scikit-learn's and category_encoders' numbers, and that no row's own target is in its value.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{
    Batches, Dataset, ErrorKind, Fit, FitTransform, Result, Role, Train, Transform, artifact, seed,
};
use mlsys_encoding::{
    Alone, BinOutput, CrossFit, FittedTargetEncoder, FoldBy, LeaveOneOutEncoder, MdlpBinner, MissingTarget,
    OrderedTargetEncoder, OrdinalEncoder, RowOrder, Smoothing, TargetEncoder, UnseenTarget, WoeBinner,
    WoeEncoder,
};
use mlsys_stats::TargetAs;
use mlsys_testkit::golden::load;
use proptest::prelude::*;
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap()).collect()
}

fn words(value: &Value) -> ArrayRef {
    Arc::new(StringArray::from_iter(list(value).iter().map(Value::as_str)))
}

fn target(value: &Value) -> ArrayRef {
    match list(value) {
        values if values.iter().all(Value::is_i64) => {
            Arc::new(Int64Array::from_iter(values.iter().map(Value::as_i64)))
        }
        values if values.iter().all(Value::is_number) => Arc::new(Float64Array::from(numbers(value))),
        _ => words(value),
    }
}

fn of_case(case: &Value) -> Dataset<Train> {
    let input = &case["input"];
    let mut columns = vec![("x", words(&input["x"])), ("y", target(&input["y"]))];
    if let Some(weights) = input["weights"].as_array() {
        let weights = weights.iter().map(|w| w.as_f64().unwrap());
        columns.push(("w", Arc::new(Float64Array::from_iter_values(weights))));
    }
    let weighted = columns.len() == 3;
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
    if weighted { data.weight("w").unwrap() } else { data }.into_train_all()
}

/// The encoded columns, row by row.
fn encoded(batch: &RecordBatch) -> Vec<f64> {
    let schema = batch.schema();
    let of_x = |name: &&str| *name == "x" || name.starts_with("x:");
    let columns: Vec<&Float64Array> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(of_x)
        .map(|name| batch[name].as_primitive::<Float64Type>())
        .collect();
    (0..batch.num_rows()).flat_map(|row| columns.iter().map(move |column| column.value(row))).collect()
}

fn compare(case: &Value, part: &str, found: &[f64], expected: &Value) {
    let rtol = case["rtol"].as_f64().unwrap();
    let expected: Vec<f64> = match list(expected)[0].is_array() {
        true => list(expected).iter().flat_map(numbers).collect(),
        false => numbers(expected),
    };
    assert_eq!(found.len(), expected.len(), "{} {part}", case["name"]);
    for (found, expected) in found.iter().zip(&expected) {
        let close = (found - expected).abs() <= rtol * (1.0 + expected.abs());
        assert!(close, "{} {part}: {found}, expected {expected}", case["name"]);
    }
}

fn served<R: Fit<Fitted = FittedTargetEncoder>>(recipe: R, train: &Dataset<Train>) -> Vec<f64> {
    encoded(&recipe.fit(train).unwrap().transform(train.batch()).unwrap())
}

fn training<R: FitTransform<Fitted = FittedTargetEncoder>>(recipe: R, train: &Dataset<Train>) -> Vec<f64> {
    encoded(recipe.fit_transform(train.clone()).unwrap().1.batch())
}

#[test]
fn reference_numbers() {
    let cases: Vec<Value> =
        load(format!("{}/../../testdata/golden/target_encoders.json", env!("CARGO_MANIFEST_DIR")));
    for case in &cases {
        let train = of_case(case);
        let of_classes = matches!(case["name"].as_str(), Some("numbers as classes"));
        let of_text = train.column("y").unwrap().as_string_opt::<i32>().is_some();
        let recipe = TargetEncoder::new();
        let recipe = if of_classes { recipe.target_as(TargetAs::Classes) } else { recipe };
        // scikit-learn's folds are by class where the target has classes.
        let whole = train.column("y").unwrap().as_primitive_opt::<Float64Type>().is_none();
        let by = if of_text || whole { FoldBy::Stratified } else { FoldBy::Position };
        let folds = |n: usize| recipe.cross_fit(CrossFit::new(n).by(by));
        let m = |m: f64| recipe.smoothing(Smoothing::M(m));
        let ordered = OrderedTargetEncoder::new().order(RowOrder::CatBoostCompat);
        let woe = WoeEncoder::new().min_rows(2);
        for (item, parts) in case["expected"].as_object().unwrap() {
            if item == "TargetByCategory" {
                // Checked beside the statistic.
                continue;
            }
            for (part, expected) in parts.as_object().unwrap() {
                let found = match (item.as_str(), part.as_str()) {
                    ("TargetEncoder", "auto") => served(recipe, &train),
                    ("TargetEncoder", "m 2") => served(m(2.0), &train),
                    ("TargetEncoder", "m 1") => served(m(1.0), &train),
                    ("TargetEncoder", "james-stein") => {
                        served(recipe.smoothing(Smoothing::JamesStein), &train)
                    }
                    ("TargetEncoder", "sigmoid") => {
                        served(recipe.smoothing(Smoothing::Sigmoid { least: 20.0, width: 10.0 }), &train)
                    }
                    ("TargetEncoder", "2 folds, m 2") => {
                        training(folds(2).smoothing(Smoothing::M(2.0)), &train)
                    }
                    ("TargetEncoder", "3 folds, m 2") => {
                        training(folds(3).smoothing(Smoothing::M(2.0)), &train)
                    }
                    ("TargetEncoder", "3 folds, auto") => training(folds(3), &train),
                    ("LeaveOneOutEncoder", "served") => served(LeaveOneOutEncoder::new(), &train),
                    ("LeaveOneOutEncoder", "training") => {
                        training(LeaveOneOutEncoder::new().alone(Alone::AllRows), &train)
                    }
                    ("OrderedTargetEncoder", "served") => served(ordered, &train),
                    ("OrderedTargetEncoder", "served, a 3") => served(ordered.prior_weight(3.0), &train),
                    ("OrderedTargetEncoder", "training") => training(ordered, &train),
                    ("WoeEncoder", "served") => served(woe, &train),
                    ("WoeEncoder", "r 0.5") => served(woe.regularization(0.5), &train),
                    (item, part) => panic!("{item} {part} is not checked"),
                };
                compare(case, &format!("{item} {part}"), &found, expected);
            }
        }
    }
}

/// `n` rows of a text column, a number with categories, and a target.
fn drawn(n: usize, seed: u64, of_classes: bool, weighted: bool) -> RecordBatch {
    let mut rng = seed::stream(seed, 0);
    let mut below = |n: u64| seed::below(n, &mut rng);
    let words = ["a", "b", "c", "d", "ü"];
    let x: StringArray = (0..n).map(|_| words.get(below(6) as usize).copied()).collect();
    let z: Int64Array = (0..n).map(|_| (below(9) > 0).then_some(7)).map(|v| v.map(|v| v % 4)).collect();
    let y: ArrayRef = match of_classes {
        true => {
            Arc::new((0..n).map(|_| Some(["no", "so", "yes"][below(3) as usize])).collect::<StringArray>())
        }
        false => Arc::new((0..n).map(|_| Some(below(1000) as f64 / 7.0 + 1e5)).collect::<Float64Array>()),
    };
    let w = (0..n).map(|_| if weighted { below(4) as f64 } else { 1.0 }).map(|w| w + 0.25);
    let columns: [(&str, ArrayRef); 4] = [
        ("x", Arc::new(x)),
        ("z", Arc::new(z)),
        ("y", y),
        ("w", Arc::new(Float64Array::from_iter_values(w))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn train_of(batch: RecordBatch, weighted: bool) -> Dataset<Train> {
    let data = Dataset::new(batch).unwrap().target("y").unwrap();
    let data = if weighted { data.weight("w") } else { data.ignore(["w"]) };
    data.unwrap().into_train_all()
}

/// The same rows with another target in one of them.
fn with_other_target(batch: &RecordBatch, row: usize) -> RecordBatch {
    let y: ArrayRef = match batch["y"].as_string_opt::<i32>() {
        Some(words) => {
            let flipped = |i: usize, word: &str| {
                if i == row && word == "no" {
                    "yes"
                } else if i == row {
                    "no"
                } else {
                    word
                }
                .to_owned()
            };
            Arc::new(StringArray::from_iter_values(
                words.iter().flatten().enumerate().map(|(i, w)| flipped(i, w)),
            ))
        }
        None => {
            let values = batch["y"].as_primitive::<Float64Type>().values().iter().enumerate();
            Arc::new(Float64Array::from_iter_values(
                values.map(|(i, y)| if i == row { -3.5 * y } else { *y }),
            ))
        }
    };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        (field.name().clone(), if field.name() == "y" { y.clone() } else { column.clone() })
    });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).unwrap()
}

/// What the next step sees of a row: the bits of its features.
fn seen<R: FitTransform<Fitted: Transform>>(recipe: &R, train: Dataset<Train>, row: usize) -> Vec<u64> {
    let encoded = recipe.fit_transform(train).unwrap().1;
    let bits = |name: &str| {
        let values = mlsys_core::column::floats(name, encoded.column(name).unwrap()).unwrap();
        values[row].to_bits()
    };
    encoded.features().into_iter().map(bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_rows_own_target_is_not_in_its_value(
        n in 2usize..40, seed in 0u64..1000, at in 0.0..1.0f64, of_classes: bool, weighted: bool,
    ) {
        let batch = drawn(n, seed, of_classes, weighted);
        let row = ((n as f64 * at) as usize).min(n - 1);
        let other = with_other_target(&batch, row);
        // A flip may take a class out of the table, or bring one in: then the columns mean other classes.
        let classes = |batch: &RecordBatch| {
            let coded = mlsys_core::Coded::new("y", &batch["y"]).unwrap().sorted();
            if of_classes { coded.distinct } else { Vec::new() }
        };
        prop_assume!(classes(&batch) == classes(&other) && classes(&batch).len() != 1);
        fn check<R: FitTransform<Fitted: Transform>>(recipe: R, a: &RecordBatch, b: &RecordBatch, row: usize, weighted: bool) {
            let (before, after) =
                (seen(&recipe, train_of(a.clone(), weighted), row), seen(&recipe, train_of(b.clone(), weighted), row));
            assert_eq!(before, after, "row {row}");
        }
        for smoothing in [Smoothing::Auto, Smoothing::M(1.5), Smoothing::JamesStein, Smoothing::Sigmoid { least: 2.0, width: 1.0 }] {
            check(TargetEncoder::new().smoothing(smoothing).on(["x", "z"]), &batch, &other, row, weighted);
        }
        check(TargetEncoder::new().cross_fit(CrossFit::new(3).by(FoldBy::Position)).on(["x", "z"]), &batch, &other, row, weighted);
        check(LeaveOneOutEncoder::new().on(["x", "z"]), &batch, &other, row, weighted);
        check(OrderedTargetEncoder::new().on(["x", "z"]), &batch, &other, row, weighted);
        let first = TargetEncoder::new().on(["x"]);
        check(first.then(OrderedTargetEncoder::new().on(["z"])), &batch, &other, row, weighted);
        let codes = OrdinalEncoder::new().on(["x"]).then(TargetEncoder::new().missing(MissingTarget::Prior).on(["x", "z"]));
        check(codes, &batch, &other, row, weighted);
    }

    #[test]
    fn evidence_is_by_others_too(n in 12usize..40, seed in 0u64..1000, at in 0.0..1.0f64) {
        let batch = drawn(n, seed, true, false);
        // Two classes, each in several rows.
        let y = StringArray::from_iter_values((0..n).map(|i| if (i as u64 * 7 + seed).is_multiple_of(3) { "no" } else { "yes" }));
        let batch = RecordBatch::try_from_iter([("x", batch["x"].clone()), ("z", batch["z"].clone()), ("y", Arc::new(y) as _)]).unwrap();
        let row = ((n as f64 * at) as usize).min(n - 1);
        let other = with_other_target(&batch, row);
        let train = |batch: &RecordBatch| Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
        let recipe = WoeEncoder::new().on(["x", "z"]);
        prop_assert_eq!(seen(&recipe, train(&batch), row), seen(&recipe, train(&other), row));
    }

    #[test]
    fn bins_are_by_others_too(n in 30usize..80, seed in 0u64..1000, at in 0.0..1.0f64) {
        let mut rng = seed::stream(seed, 3);
        let mut draw = || seed::uniform(&mut rng);
        let x = Float64Array::from_iter((0..n).map(|_| (draw() > 0.1).then(|| (draw() * 12.0).floor())));
        // Classes that the number partly tells, both in several rows of each fold.
        let y = x.iter().map(|x| if x.unwrap_or(5.0) + 8.0 * draw() > 9.0 { "yes" } else { "no" });
        let y = StringArray::from_iter_values(y);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(x) as ArrayRef), ("y", Arc::new(y) as _)]).unwrap();
        let row = ((n as f64 * at) as usize).min(n - 1);
        let other = with_other_target(&batch, row);
        let train = |batch: &RecordBatch| Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
        let mdlp = MdlpBinner::new();
        prop_assert_eq!(seen(&mdlp, train(&batch), row), seen(&mdlp, train(&other), row));
        let woe = WoeBinner::new().start(8);
        if [&batch, &other].iter().all(|batch| woe.fit_transform(train(batch)).is_ok()) {
            prop_assert_eq!(seen(&woe, train(&batch), row), seen(&woe, train(&other), row));
            let chain = woe.then(MdlpBinner::new());
            let _ = chain.fit_transform(train(&batch)).unwrap();
        }
        let columns = MdlpBinner::new().output(BinOutput::Columns);
        prop_assert!(columns.fit(&train(&batch)).is_ok());
        let error = columns.fit_transform(train(&batch)).unwrap_err();
        prop_assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "output"), "{}", error);
    }

    /// Each training row's value, computed the long way round: the encoder fitted to the other folds.
    #[test]
    fn out_of_fold_is_fitting_without_the_fold(n in 6usize..60, seed in 0u64..1000, folds in 2usize..6, weighted: bool) {
        let train = train_of(drawn(n, seed, false, weighted), weighted);
        for smoothing in [Smoothing::Auto, Smoothing::M(3.0), Smoothing::JamesStein] {
            let recipe = TargetEncoder::new().smoothing(smoothing).cross_fit(CrossFit::new(folds).by(FoldBy::Position));
            let (_, encoded) = recipe.fit_transform(train.clone()).unwrap();
            let encoded = encoded.column("x").unwrap().as_primitive::<Float64Type>().clone();
            let mut start = 0;
            for fold in 0..folds {
                let size = n / folds + usize::from(fold < n % folds);
                let others: Vec<usize> = (0..n).filter(|row| !(start..start + size).contains(row)).collect();
                let rest = train.take(&others).unwrap();
                let expected = recipe.fit(&rest).unwrap().transform(&train.batch().slice(start, size)).unwrap();
                let expected = expected["x"].as_primitive::<Float64Type>().clone();
                for i in 0..size {
                    let (found, expected) = (encoded.value(start + i), expected.value(i));
                    prop_assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} {expected}");
                }
                start += size;
            }
        }
    }
}

#[test]
fn copies_of_a_row_are_in_one_fold() -> Result<()> {
    let batch = drawn(50, 3, false, false);
    let train = train_of(batch.clone(), false);
    let twice: Vec<usize> = (0..50).flat_map(|row| [row, row]).collect();
    let twice = train.take(&twice)?;
    for row in [0, 7, 49] {
        let other = train_of(with_other_target(&batch, row), false)
            .take(&(0..50).flat_map(|r| [r, r]).collect::<Vec<_>>())?;
        for at in [2 * row, 2 * row + 1] {
            assert_eq!(
                seen(&TargetEncoder::new(), twice.clone(), at),
                seen(&TargetEncoder::new(), other.clone(), at)
            );
            let loo = LeaveOneOutEncoder::new();
            assert_eq!(seen(&loo, twice.clone(), at), seen(&loo, other.clone(), at));
            let ordered = OrderedTargetEncoder::new();
            assert_eq!(seen(&ordered, twice.clone(), at), seen(&ordered, other.clone(), at));
        }
    }
    Ok(())
}

#[test]
fn streams_and_threads_give_the_same_bytes() -> Result<()> {
    let batch = drawn(150_000, 5, true, true);
    let train = train_of(batch.clone(), true);
    let expected = artifact::to_bytes(&TargetEncoder::new().fit(&train)?)?;
    let (_, encoded) = TargetEncoder::new().fit_transform(train.clone())?;
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for size in [1000, 65_536, 100_000] {
            let batch = batch.clone();
            let parts = (0..150_000usize.div_ceil(size))
                .map(move |i| Ok(batch.slice(i * size, size.min(150_000 - i * size))));
            let stream = Batches::new(train.schema(), parts)?
                .with_role("y", Role::Target)?
                .with_role("w", Role::Weight)?;
            let stream = stream.into_train_all();
            let fitted = pool.install(|| TargetEncoder::new().fit_batches(stream))?;
            assert!(artifact::to_bytes(&fitted)? == expected, "{threads} threads, batches of {size}");
        }
        let again = pool.install(|| TargetEncoder::new().fit_transform(train.clone()))?.1;
        assert_eq!(again.batch(), encoded.batch());
    }
    Ok(())
}

/// Weights that are small all over, as those that add up to 1, do not make categories of many rows look like one row.
#[test]
fn small_weights_are_rows_too() -> Result<()> {
    let x: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "a", "b", "b", "c"]));
    let y: ArrayRef = Arc::new(StringArray::from(vec!["no", "no", "yes", "yes", "yes", "no"]));
    let weighted = |w: f64| -> Result<Dataset<Train>> {
        let w: ArrayRef = Arc::new(Float64Array::from(vec![w; 6]));
        let batch = RecordBatch::try_from_iter([("x", x.clone()), ("y", y.clone()), ("w", w)])?;
        Ok(Dataset::new(batch)?.target("y")?.weight("w")?.into_train_all())
    };
    let (small, plain) = (weighted(0.01)?, weighted(1.0)?);
    for (found, expected) in
        served(LeaveOneOutEncoder::new(), &small).iter().zip(served(LeaveOneOutEncoder::new(), &plain))
    {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }
    let evidence = served(WoeEncoder::new().min_rows(2), &small);
    assert!(evidence[0] < 0.0 && evidence[3] > 0.0 && evidence[5] == 0.0, "{evidence:?}");
    Ok(())
}

#[test]
fn what_was_not_there_and_what_is_too_little() -> Result<()> {
    let batch = drawn(40, 1, false, false);
    let train = train_of(batch, false);
    let rows: ArrayRef = Arc::new(StringArray::from(vec![Some("new"), None, Some("a")]));
    let rows = RecordBatch::try_from_iter([("x", rows)])?;
    let fitted = TargetEncoder::new().fit(&train)?;
    let found = fitted.transform(&rows)?;
    let found = found["x"].as_primitive::<Float64Type>();
    assert_eq!(found.value(0), fitted.prior()[0]);
    assert_ne!(found.value(1), fitted.prior()[0], "missing values are a category");
    assert_eq!(found.value(2), fitted.value("x", &"a".into()).unwrap()[0]);
    let by_prior = TargetEncoder::new().missing(MissingTarget::Prior).fit(&train)?.transform(&rows)?;
    assert_eq!(by_prior["x"].as_primitive::<Float64Type>().value(1), fitted.prior()[0]);
    let error = TargetEncoder::new().unseen(UnseenTarget::Error).fit(&train)?.transform(&rows).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnseenCategory { row: 0, .. }), "{error}");
    let refuse = TargetEncoder::new().missing(MissingTarget::Error);
    for error in [refuse.fit(&train).unwrap_err(), refuse.fit_transform(train.clone()).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::MissingValues { column, .. } if column == "x"), "{error}");
    }

    // One row is fitted, but no other row is there to encode it by.
    let one = train.take(&[0])?;
    assert!(TargetEncoder::new().fit(&one).is_ok());
    let too_few = |error: mlsys_core::Error| {
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, .. }), "{error}")
    };
    too_few(TargetEncoder::new().fit_transform(one.clone()).unwrap_err());
    too_few(LeaveOneOutEncoder::new().fit_transform(one.clone()).unwrap_err());
    too_few(OrderedTargetEncoder::new().fit_transform(one.clone()).unwrap_err());
    too_few(TargetEncoder::new().fit_transform(one.concat(&one)?).unwrap_err());
    // Two rows are enough.
    let (_, two) = TargetEncoder::new().fit_transform(train.take(&[3, 9])?)?;
    let y = |row: usize| train.column("y").unwrap().as_primitive::<Float64Type>().value(row);
    assert_eq!(two.column("x")?.as_primitive::<Float64Type>().values(), &[y(9), y(3)]);

    let three = WoeEncoder::new().fit(&train_of(drawn(40, 1, true, false), false)).unwrap_err();
    assert!(three.to_string().contains("3 classes"), "{three}");
    let names = TargetEncoder::new().fit(&train_of(drawn(40, 1, true, false), false))?;
    assert_eq!(names.output_names("x").unwrap(), ["x:no", "x:so", "x:yes"]);
    assert_eq!(names.source("x:so"), Some("x"));
    Ok(())
}
