//! Categories as numbers equal category_encoders', made by `testdata/gen/categories.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{Float64Type, UInt8Type};
use mlsys_core::sparse::SparseRows;
use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, ErrorKind, Fit, Result, Train, Transform};
use mlsys_encoding::{
    BinaryEncoder, CategoryCross, Code, Contrast, ContrastEncoder, CooccurrenceEncoder, CountAs,
    CountEncoder, CrossCounts, FittedCategoryEncoder, Kept, MinFrequency, MissingAs, OneHotEncoder,
    OneHotOutput, Unseen, UnseenAs, UnseenGroup,
};
use mlsys_testkit::golden::load;
use proptest::prelude::*;
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn of_words<S: AsRef<str>>(words: impl IntoIterator<Item = Option<S>>) -> Dataset<Train> {
    let x: ArrayRef = Arc::new(StringArray::from_iter(words));
    Dataset::new(RecordBatch::try_from_iter([("x", x)]).unwrap()).unwrap().into_train_all()
}

fn of_case(case: &Value) -> Dataset<Train> {
    let train = of_words(list(&case["input"]["x"]).iter().map(Value::as_str));
    let Some(weights) = case["input"]["weights"].as_array() else { return train };
    let w: ArrayRef = Arc::new(Float64Array::from_iter(weights.iter().map(Value::as_f64)));
    let batch = RecordBatch::try_from_iter([("x", train.batch()["x"].clone()), ("w", w)]).unwrap();
    Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all()
}

fn encoded<R: Fit<Fitted = FittedCategoryEncoder>>(recipe: R, train: &Dataset<Train>) -> Vec<Vec<f64>> {
    let fitted = recipe.fit(train).unwrap();
    let found = fitted.transform(train.batch()).unwrap();
    let names = fitted.output_names("x").unwrap();
    names.iter().for_each(|name| assert_eq!(fitted.source(name), Some("x")));
    let columns: Vec<&Float64Array> =
        names.iter().map(|name| found[name.as_str()].as_primitive::<Float64Type>()).collect();
    (0..found.num_rows()).map(|row| columns.iter().map(|column| column.value(row)).collect()).collect()
}

#[test]
fn reference_numbers() {
    let path = format!("{}/../../testdata/golden/categories.json", env!("CARGO_MANIFEST_DIR"));
    for case in &load::<Value>(path) {
        if case["input"].get("columns").is_some() {
            company(case);
            continue;
        }
        let crosses = case["input"].get("a").is_some();
        let train = if crosses { of_words([Some("a")]) } else { of_case(case) };
        for (item, parts) in case["expected"].as_object().unwrap() {
            if item.starts_with("C") && case["input"].get("a").is_some() {
                crossed(case, item, parts);
                continue;
            }
            for (part, expected) in parts.as_object().unwrap() {
                let code = |code| encoded(BinaryEncoder::new().code(code), &train);
                let contrast = |contrast| encoded(ContrastEncoder::new(contrast), &train);
                let found = match (item.as_str(), part.as_str()) {
                    ("BinaryEncoder", "binary") => code(Code::Binary),
                    ("BinaryEncoder", "base 3") => code(Code::Base(3)),
                    ("BinaryEncoder", "gray") => code(Code::Gray),
                    ("BinaryEncoder", "rank") => code(Code::Rank),
                    ("ContrastEncoder", "helmert") => contrast(Contrast::Helmert),
                    ("ContrastEncoder", "sum") => contrast(Contrast::Sum),
                    ("ContrastEncoder", "backward difference") => contrast(Contrast::BackwardDifference),
                    ("ContrastEncoder", "polynomial") => contrast(Contrast::Polynomial),
                    ("CountEncoder", "rows") => encoded(CountEncoder::new(), &train),
                    ("CountEncoder", "share") => {
                        encoded(CountEncoder::new().count_as(CountAs::Share), &train)
                    }
                    (item, part) => panic!("{item} {part} is not checked"),
                };
                let what = format!("{} {item} {part}", case["name"]);
                let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap_or(0.0));
                assert_eq!(found.len(), list(expected).len(), "{what}");
                for (found, expected) in found.iter().zip(list(expected)) {
                    let expected = expected.as_array().cloned().unwrap_or_else(|| vec![expected.clone()]);
                    assert_eq!(found.len(), expected.len(), "{what}");
                    for (found, expected) in found.iter().zip(expected.iter().map(|v| v.as_f64().unwrap())) {
                        let close = (found - expected).abs() <= atol + rtol * expected.abs();
                        assert!(close, "{what}: {found}, expected {expected}");
                    }
                }
            }
        }
    }
}

fn crossed(case: &Value, item: &str, parts: &Value) {
    let words = |value: &Value| -> ArrayRef {
        Arc::new(StringArray::from_iter(list(value).iter().map(Value::as_str)))
    };
    let input = &case["input"];
    let mut columns = vec![("a", words(&input["a"])), ("b", words(&input["b"]))];
    let weighted = input["weights"].is_array();
    if weighted {
        let w = list(&input["weights"]).iter().map(Value::as_f64);
        columns.push(("w", Arc::new(Float64Array::from_iter(w))));
    }
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let train = if weighted { data.weight("w").unwrap() } else { data }.into_train_all();
    if item == "CrossCounts" {
        let statistic =
            CrossCounts::new(vec![vec!["a".into(), "b".into()]], 1000).weight(weighted.then_some("w"));
        let found = summarize(&statistic, &train).unwrap();
        let found = found[0].values.as_ref().unwrap();
        assert_eq!(found.len(), parts.as_object().unwrap().len());
        for count in found.iter() {
            assert_eq!(Some(count.weight), parts[count.value.to_string()].as_f64(), "{}", case["name"]);
        }
        return;
    }
    for (part, expected) in parts.as_object().unwrap() {
        let recipe = CategoryCross::new([["a", "b"]]).kept(match part.as_str() {
            "all" => Kept::All,
            "3 or more" => Kept::Frequent(MinFrequency::Count(3)),
            "8 buckets" => Kept::Buckets(8),
            part => panic!("{part} is not checked"),
        });
        let fitted = recipe.fit(&train).unwrap();
        let out = fitted.transform(train.batch()).unwrap();
        assert_eq!(&out["a×b"], &words(expected), "{} {part}", case["name"]);
        assert_eq!(out.schema().index_of("a×b").unwrap(), 2, "behind its columns");
        assert_eq!(fitted.sources("a×b").unwrap(), ["a", "b"]);
    }
}

fn company(case: &Value) {
    let words = |value: &Value| -> ArrayRef {
        Arc::new(StringArray::from_iter(list(value).iter().map(Value::as_str)))
    };
    let names = ["a", "b", "c"];
    let mut columns: Vec<(&str, ArrayRef)> =
        names.into_iter().zip(list(&case["input"]["columns"]).iter().map(words)).collect();
    let n_columns = columns.len();
    let weighted = case["input"]["weights"].is_array();
    if weighted {
        let w = list(&case["input"]["weights"]).iter().map(Value::as_f64);
        columns.push(("w", Arc::new(Float64Array::from_iter(w))));
    }
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let train = if weighted { data.weight("w").unwrap() } else { data }.into_train_all();
    let (rtol, atol) = (case["rtol"].as_f64().unwrap(), case["atol"].as_f64().unwrap());
    for (part, expected) in case["expected"]["CooccurrenceEncoder"].as_object().unwrap() {
        let d: usize = part.parse().unwrap();
        let fitted = CooccurrenceEncoder::new().dimensions(d).fit(&train).unwrap();
        let out = fitted.transform(train.batch()).unwrap();
        for (name, expected) in names.iter().take(n_columns).zip(list(expected)) {
            for (row, expected) in list(expected).iter().enumerate() {
                for k in 0..d {
                    let found = out[format!("{name}#{k}").as_str()].as_primitive::<Float64Type>().value(row);
                    let expected = expected[k].as_f64().unwrap();
                    let close = (found - expected).abs() <= atol + rtol * (1.0 + expected.abs());
                    assert!(
                        close,
                        "{} {part}, {name}#{k}, row {row}: {found}, expected {expected}",
                        case["name"]
                    );
                }
            }
        }
    }
}

#[test]
fn crosses_that_cannot_be() -> Result<()> {
    let x: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
    let batch = RecordBatch::try_from_iter([("a", x.clone()), ("b", x.clone()), ("y", x)])?;
    let train = Dataset::new(batch.clone())?.target("y")?.into_train_all();
    let refused = |recipe: CategoryCross, part: &str| {
        let error = recipe.fit(&train).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(CategoryCross::new([["a", "y"]]), "got y");
    refused(CategoryCross::new([["a", "z"]]), "`z`");
    refused(CategoryCross::new([["a", "a"]]), "a×a");
    refused(CategoryCross::new([["a", "b"], ["a", "b"]]), "twice");
    refused(CategoryCross::new([["a"]]), "2 to 16");
    refused(CategoryCross::new([["a"; 0]; 0]), "none");
    let few = Kept::Frequent(MinFrequency::Count(2));
    refused(CategoryCross::new([["a", "b"]]).kept(few).max_distinct(1), "a×b");
    let fitted = CategoryCross::new([["a", "b"]]).kept(few).unseen(UnseenGroup::Error).fit(&train)?;
    assert_eq!(fitted.frequent("a×b").unwrap(), ["a×a"]);
    let error = fitted.transform(&batch).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnseenCategory { row: 1, .. }), "{error}");
    Ok(())
}

#[test]
fn what_was_not_there_and_what_is_missing() -> Result<()> {
    let train = of_words([Some("a"), None, Some("b"), Some("a")]);
    let rows = of_words([Some("new"), None, Some("b")]);
    let row = |fitted: &FittedCategoryEncoder, row: usize| -> Result<Vec<f64>> {
        let out = fitted.transform(rows.batch())?;
        Ok(out.columns().iter().map(|c| c.as_primitive::<Float64Type>().value(row)).collect())
    };
    let counts = CountEncoder::new().fit(&train)?;
    assert_eq!([row(&counts, 0)?, row(&counts, 1)?, row(&counts, 2)?], [[0.0], [1.0], [1.0]]);
    let digits = BinaryEncoder::new().unseen(UnseenAs::Zeros);
    // Three levels, of which the missing one is the last: 01, 10, 11.
    assert_eq!([row(&digits.fit(&train)?, 0)?, row(&digits.fit(&train)?, 1)?], [[0.0, 0.0], [1.0, 1.0]]);
    let zeros = digits.missing(MissingAs::Zeros).fit(&train)?;
    assert_eq!([row(&zeros, 1)?, row(&zeros, 2)?], [[0.0, 0.0], [1.0, 0.0]]);
    // Where none were missing when fitting, missing counts as unseen.
    let complete = of_words([Some("a"), Some("b")]);
    let error = BinaryEncoder::new().fit(&complete)?.transform(of_words([Some("a"), None]).batch());
    assert!(error.is_err_and(|e| e.to_string().contains("missing")));
    let error = BinaryEncoder::new().fit(&train)?.transform(rows.batch()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::UnseenCategory { row: 0, value, .. } if value == "new"),
        "{error}"
    );
    let refuse = CountEncoder::new().missing(MissingAs::Error);
    let error = refuse.fit(&train).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 1, .. }), "{error}");
    let error = refuse.fit(&complete)?.transform(rows.batch()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 1, .. }), "{error}");
    // A single category has no contrast.
    let none = ContrastEncoder::new(Contrast::Sum).fit(&of_words([Some("a"), Some("a")]))?;
    assert_eq!(none.transform(complete.slice(0, 1)?.batch())?.num_columns(), 0);
    let wide = ContrastEncoder::new(Contrast::Sum).max_distinct(1).fit(&complete).unwrap_err();
    assert!(wide.to_string().contains("more than 1 distinct"), "{wide}");
    let ranks = of_words((0..1_030).map(|i| Some(format!("{i}"))));
    assert!(BinaryEncoder::new().code(Code::Rank).fit(&ranks).is_err());
    assert_eq!(BinaryEncoder::new().fit(&ranks)?.output_names("x").unwrap().len(), 11);
    Ok(())
}

/// Orthonormal polynomials stay so for as many levels as there may be.
#[test]
fn many_levels_stay_orthogonal() {
    let train = of_words((0..300).map(|i| Some(format!("{i:04}"))));
    let recipe = ContrastEncoder::new(Contrast::Polynomial).max_distinct(300);
    let rows = encoded(recipe, &train);
    for a in [0, 1, 7, 150, 298] {
        for b in [0, 1, 7, 150, 298] {
            let product: f64 = rows.iter().map(|row| row[a] * row[b]).sum();
            assert!((product - f64::from(u8::from(a == b))).abs() < 1e-12, "{a} {b}: {product}");
        }
        assert!(rows.iter().map(|row| row[a]).sum::<f64>().abs() < 1e-12);
    }
}

proptest! {
    /// Sparse rows hold the ones of the dense columns, in their places.
    #[test]
    fn sparse_is_dense(codes in proptest::collection::vec(proptest::option::of(0u8..9), 1..60), ignore: bool, least in 1u64..4) {
        let word = |code: &Option<u8>| code.map(|c| format!("w{c}"));
        let train = of_words(codes.iter().map(word));
        let recipe = OneHotEncoder::new().min_frequency(least).unseen(if ignore { Unseen::Ignore } else { Unseen::Infrequent });
        let rows = of_words(codes.iter().chain(&[Some(20)]).map(word));
        let dense = recipe.clone().fit(&train).unwrap().transform(rows.batch()).unwrap();
        let fitted = recipe.output(OneHotOutput::Sparse).fit(&train).unwrap();
        let sparse = fitted.transform(rows.batch()).unwrap();
        let schema = sparse.schema();
        prop_assert_eq!(&fitted.output_schema(rows.batch().schema_ref()).unwrap(), &schema);
        let sparse = SparseRows::read(schema.field(0), sparse.column(0)).unwrap();
        prop_assert_eq!(sparse.width(), fitted.output_names("x").unwrap().len());
        let written = sparse.to_dense(10_000).unwrap();
        for (place, name) in fitted.output_names("x").unwrap().iter().enumerate() {
            let column = dense[name.as_str()].as_primitive::<UInt8Type>();
            for row in 0..column.len() {
                prop_assert_eq!(f64::from(column.value(row)), written[[row, place]]);
            }
        }
    }
}
