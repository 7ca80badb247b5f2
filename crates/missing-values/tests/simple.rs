//! Imputers at the end of a distribution, within groups and by donors: their references, made by
//! `testdata/gen/simple_imputers.py`, and what draws must keep.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Float64Array, Int32Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Schema};
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Category, Columns, Dataset, Fit, Result, Role, Train, Transform, artifact};
use mlsys_missing_values::{
    EndOfTailImputer, FittedRandomDonorImputer, GroupedImputer, Indicators, MeanImputer, MedianImputer,
    MostFrequentImputer, RandomDonorImputer, Tail, TailEnd,
};
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> ArrayRef {
    Arc::new(Float64Array::from_iter(list(value).iter().map(Value::as_f64)))
}

fn words(value: &Value) -> ArrayRef {
    Arc::new(StringArray::from_iter(list(value).iter().map(Value::as_str)))
}

fn train(columns: Vec<(&str, ArrayRef)>) -> Dataset<Train> {
    let weighted = columns.iter().any(|(name, _)| *name == "w");
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let data = Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap();
    if weighted { data.weight("w").unwrap() } else { data }.into_train_all()
}

fn ends(case: &Value, part: &str, expected: f64) {
    let mut columns = vec![("x", numbers(&case["input"]["x"]))];
    if case["input"]["weights"].is_array() {
        columns.push(("w", numbers(&case["input"]["weights"])));
    }
    let recipe = EndOfTailImputer::new();
    let recipe = match part {
        "gaussian" => recipe,
        "gaussian low" => recipe.tail(Tail::Low),
        "gaussian 1.5" => recipe.fold(1.5),
        "iqr" => recipe.end(TailEnd::Iqr),
        "iqr low 1.5" => recipe.end(TailEnd::Iqr).tail(Tail::Low).fold(1.5),
        "maximum" => recipe.end(TailEnd::Maximum),
        part => panic!("{part} is not checked"),
    };
    let fitted = recipe.fit(&train(columns)).unwrap();
    let found = fitted.value("x").and_then(Category::as_f64).unwrap();
    assert_close(&format!("{} {part}", case["name"]), found, expected, 1e-10);
}

fn groups(case: &Value, part: &str, expected: &Value) {
    let input = &case["input"];
    let train = train(vec![
        ("by", words(&input["by"])),
        ("x", numbers(&input["x"])),
        ("word", words(&input["word"])),
    ]);
    let filled = |name: &str| {
        let out = match part {
            "mean" => GroupedImputer::new(MeanImputer::new(), "by").fit(&train),
            "median" => GroupedImputer::new(MedianImputer::new(), "by").fit(&train),
            _ => GroupedImputer::new(MostFrequentImputer::new().on(["word"]), "by").fit(&train),
        };
        let out = out.unwrap().transform(train.batch()).unwrap();
        Arc::clone(&out[name])
    };
    if part == "most frequent" {
        assert_eq!(filled("word").as_string::<i32>(), words(expected).as_string::<i32>(), "{}", case["name"]);
        return;
    }
    let found = filled("x");
    let found = found.as_primitive::<Float64Type>();
    for (row, expected) in list(expected).iter().enumerate() {
        assert_close(
            &format!("{} {part}, row {row}", case["name"]),
            found.value(row),
            expected.as_f64().unwrap(),
            1e-10,
        );
    }
}

#[test]
fn reference_numbers() {
    let path = format!("{}/../../testdata/golden/simple_imputers.json", env!("CARGO_MANIFEST_DIR"));
    for case in &load::<Value>(path) {
        for (item, parts) in case["expected"].as_object().unwrap() {
            for (part, expected) in parts.as_object().unwrap() {
                match item.as_str() {
                    "EndOfTailImputer" => ends(case, part, expected.as_f64().unwrap()),
                    "GroupedImputer" => groups(case, part, expected),
                    item => panic!("{item} is not checked"),
                }
            }
        }
    }
}

#[test]
fn groups_keep_types_and_take_new_rows() -> Result<()> {
    let by: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), None, None, Some("b")]));
    let n: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), None, Some(9), None, Some(5)]));
    let train = train(vec![("by", by), ("n", n)]);
    let recipe = GroupedImputer::new(MostFrequentImputer::new().indicators(Indicators::All).on(["n"]), "by");
    let fitted = recipe.fit(&train)?;
    assert_eq!(fitted.groups(), [None, Some("a".into()), Some("b".into())]);
    assert_eq!(fitted.value("n", None), Some(&Category::Int(9)));
    let rows = RecordBatch::try_from_iter_with_nullable([
        ("by", Arc::new(StringArray::from(vec![Some("a"), Some("new"), None])) as ArrayRef, true),
        ("n", Arc::new(Int32Array::from(vec![None, None, None])) as _, true),
    ])?;
    let out = fitted.transform(&rows)?;
    assert_eq!(out["n"].data_type(), &DataType::Int32);
    // The whole table's value, 3, is the smallest of three that occur once.
    assert_eq!(out["n"].as_primitive::<Int32Type>().values(), &[3, 3, 9]);
    assert_eq!(out["n_missing"].null_count(), 0);
    assert_eq!(out.schema(), fitted.output_schema(rows.schema_ref())?);
    let error = fitted.transform(&rows.project(&[1])?).unwrap_err();
    assert_eq!(error.column(), Some("by"));
    assert!(GroupedImputer::new(MeanImputer::new(), "nowhere").fit(&train).is_err());
    Ok(())
}

#[test]
fn donors_keep_the_distribution() -> Result<()> {
    let n = 20_000;
    let words = ["a", "b", "c"];
    let x: ArrayRef = Arc::new(StringArray::from_iter((0..n).map(|i| match i % 10 {
        0..5 => Some(words[0]),
        5..7 => Some(words[1]),
        7 => Some(words[2]),
        _ => None,
    })));
    let id: ArrayRef = Arc::new(Int32Array::from_iter_values(0..n));
    let train = train(vec![("id", id), ("x", x)]);
    let fitted = RandomDonorImputer::new().seed_by(["id"]).on(["x"]).fit(&train)?;
    let out = fitted.transform(train.batch())?;
    let filled = out["x"].as_string::<i32>();
    let before = train.column("x")?.as_string::<i32>();
    let mut counts = [0.0; 3];
    for row in (0..n as usize).filter(|&row| before.is_null(row)) {
        counts[words.iter().position(|word| *word == filled.value(row)).unwrap()] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    assert_eq!(total, f64::from(n) / 5.0);
    for (count, share) in counts.into_iter().zip([5.0 / 8.0, 2.0 / 8.0, 1.0 / 8.0]) {
        let error = (total * share * (1.0 - share)).sqrt();
        assert!((count - total * share).abs() < 4.0 * error, "{count} of {total}, expected {share}");
    }
    assert!((0..n as usize).all(|row| before.is_null(row) || before.value(row) == filled.value(row)));
    // A row is filled alike in any batch, and otherwise under another seed.
    let later = fitted.transform(&train.batch().slice(11_111, 100))?;
    assert_eq!(later["x"].as_string::<i32>(), &filled.slice(11_111, 100));
    let other =
        RandomDonorImputer::new().seed_by(["id"]).seed(1).on(["x"]).fit(&train)?.transform(train.batch())?;
    assert_ne!(&other["x"], &out["x"]);
    Ok(())
}

#[test]
fn donors_need_something_that_tells_rows_apart() {
    let x: ArrayRef =
        Arc::new(StringArray::from_iter((0..40).map(|i| (i % 4 > 0).then_some(["a", "b"][i % 2]))));
    let id: ArrayRef = Arc::new(Int32Array::from_iter_values(0..40));
    let data = train(vec![("x", x), ("id", id)]);
    // Alone, a missing value is like every other one: all would get the same.
    for recipe in [RandomDonorImputer::new().on(["x"]).fit(&data), {
        RandomDonorImputer::new().fit(&data.select(["x"]).unwrap())
    }] {
        let error = recipe.unwrap_err().to_string();
        assert!(error.contains("seed_by") && error.contains("`x` alone"), "{error}");
    }
    let target = data.clone().with_role("id", Role::Target).unwrap();
    let error = RandomDonorImputer::new().seed_by(["id"]).fit(&target).unwrap_err().to_string();
    assert!(error.contains("the target `id`"), "{error}");
    let weight = data.clone().with_role("id", Role::Weight).unwrap();
    for data in [&target, &weight] {
        let error = GroupedImputer::new(MostFrequentImputer::new().on(["x"]), "id").fit(data).unwrap_err();
        assert!(error.to_string().contains("`id`, a target or the weight"), "{error}");
    }
}

#[test]
fn nested_columns_are_no_seeds_and_weights_may_differ_by_much() {
    let rows = SparseRows::new(9, vec![0, 1, 1, 2, 2], vec![3, 4], vec![1.0, 2.0]).unwrap();
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, None]));
    let w: ArrayRef = Arc::new(Float64Array::from(vec![1e17, 1.0, 1.0, 1.0]));
    let id: ArrayRef = Arc::new(Int32Array::from_iter_values(0..4));
    let fields = [Field::new("x", DataType::Utf8, true), Field::new("w", DataType::Float64, true)];
    let fields = fields.into_iter().chain([Field::new("id", DataType::Int32, false), rows.field("rows")]);
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema, vec![words, w, id, rows.to_array().unwrap()]).unwrap();
    let data = Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all();
    let fitted = RandomDonorImputer::new().on(Columns::except(["rows"])).fit(&data).unwrap();
    assert_eq!(fitted.transform(data.batch()).unwrap()["x"].null_count(), 0);
    // Every row's weight is there, however little it adds.
    let bytes = artifact::to_bytes(&fitted).unwrap();
    assert!(artifact::from_bytes::<FittedRandomDonorImputer>(&bytes).unwrap() == fitted);
    let error = RandomDonorImputer::new().seed_by(["rows"]).on(["x"]).fit(&data).unwrap_err().to_string();
    assert!(error.contains("`rows`"), "{error}");
}

#[test]
fn only_drawn_values_must_suit_the_column() {
    // Fitted on halves, served as whole numbers: the half fits no Int32, and is only asked for where it is drawn.
    let halves: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(1.0), Some(2.5), None]));
    let by: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "b", "a"]));
    let data = train(vec![("x", halves), ("by", Arc::clone(&by))]);
    let fitted = GroupedImputer::new(MostFrequentImputer::new().on(["x"]), "by").fit(&data).unwrap();
    let whole: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None, Some(8), None]));
    let filled = fitted.transform(train(vec![("x", Arc::clone(&whole)), ("by", by)]).batch()).unwrap();
    assert_eq!(filled["x"].as_primitive::<Int32Type>().values(), &[7, 1, 8, 1]);
    let by: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "a"]));
    let error = fitted.transform(train(vec![("x", whole), ("by", by)]).batch()).unwrap_err();
    assert!(error.to_string().contains('x'), "{error}");
}

#[test]
fn ends_that_a_column_cannot_hold_are_errors() {
    let x: ArrayRef = Arc::new(Float32Array::from(vec![Some(2e38), None, Some(1.0)]));
    let data = train(vec![("x", x)]);
    let fitted = EndOfTailImputer::new().end(TailEnd::Maximum).fit(&data).unwrap();
    let error = fitted.transform(data.batch()).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("Float32"), "{error}");
    let light: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0]));
    let w: ArrayRef = Arc::new(Float64Array::from(vec![0.2; 3]));
    let error = EndOfTailImputer::new().fit(&train(vec![("x", light), ("w", w)])).unwrap_err().to_string();
    assert!(error.contains("weights count rows"), "{error}");
}
