//! Text and hashes equal scikit-learn's, made by `testdata/gen/text.py`.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Columns, Dataset, Fit, Train, Transform};
use mlsys_encoding::text::{
    Analyzer, CountVectorizer, FittedVectorizer, HashingVectorizer, Norm, TfidfVectorizer, TimesAs,
    TokenCounts, Unit,
};
use mlsys_encoding::{FeatureHasher, Sign};
use mlsys_stats::ColumnStatistic;
use mlsys_testkit::golden::load;
use proptest::prelude::*;
use serde_json::Value;

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn words(value: &Value) -> ArrayRef {
    Arc::new(StringArray::from_iter(list(value).iter().map(Value::as_str)))
}

fn train(columns: Vec<(&str, ArrayRef)>) -> Dataset<Train> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap().into_train_all()
}

/// Row by row the places and values that are not zero.
fn rows_of(batch: &RecordBatch, name: &str) -> Vec<Vec<(u32, f64)>> {
    let rows = SparseRows::read(batch.schema().field_with_name(name).unwrap(), &batch[name]).unwrap();
    let row = |row| {
        let (places, values) = rows.row(row);
        places.iter().copied().zip(values.iter().copied()).filter(|(_, x)| *x != 0.0).collect()
    };
    (0..rows.n_rows()).map(row).collect()
}

fn compare(what: &str, found: &[Vec<(u32, f64)>], expected: &Value) {
    assert_eq!(found.len(), list(expected).len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(list(expected)).enumerate() {
        let expected: Vec<(u32, f64)> = list(expected)
            .iter()
            .map(|pair| (pair[0].as_u64().unwrap() as u32, pair[1].as_f64().unwrap()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{what}, row {row}: {found:?} {expected:?}");
        for (found, expected) in found.iter().zip(&expected) {
            let close = found.0 == expected.0 && (found.1 - expected.1).abs() <= 1e-10 * expected.1.abs();
            assert!(close, "{what}, row {row}: {found:?}, expected {expected:?}");
        }
    }
}

fn vectorized<R: Fit<Fitted = FittedVectorizer>>(what: &str, recipe: R, x: ArrayRef, expected: &Value) {
    let train = train(vec![("x", x)]);
    let fitted = recipe.fit(&train).unwrap();
    let tokens: Vec<&str> = list(&expected["tokens"]).iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(fitted.tokens("x").unwrap(), tokens, "{what}");
    compare(what, &rows_of(&fitted.transform(train.batch()).unwrap(), "x"), &expected["rows"]);
}

fn analyzer(part: &str) -> Analyzer {
    let words = Analyzer::new();
    match part {
        "word pairs" => words.n_grams(1, 2),
        "three letters" => words.unit(Unit::Characters).n_grams(2, 3),
        "letters in words" => words.unit(Unit::CharactersInWords).n_grams(2, 4),
        "as written" => words.lowercase(false),
        _ => words,
    }
}

fn text_case(case: &Value) {
    let (name, x) = (&case["name"], words(&case["input"]["x"]));
    for (item, parts) in case["expected"].as_object().unwrap() {
        for (part, expected) in parts.as_object().unwrap() {
            let what = format!("{name} {item} {part}");
            let count = CountVectorizer::new().analyzer(analyzer(part));
            let weigh = TfidfVectorizer::new().analyzer(analyzer(part));
            match (item.as_str(), part.as_str()) {
                ("CountVectorizer", "once") => {
                    vectorized(&what, count.times_as(TimesAs::Once), x.clone(), expected)
                }
                ("CountVectorizer", "in two") => vectorized(&what, count.min_texts(2), x.clone(), expected),
                ("CountVectorizer", "not in half") => {
                    vectorized(&what, count.max_texts(0.5), x.clone(), expected)
                }
                ("CountVectorizer", _) => vectorized(&what, count, x.clone(), expected),
                ("TfidfVectorizer", "sublinear") => {
                    vectorized(&what, weigh.sublinear(true), x.clone(), expected)
                }
                ("TfidfVectorizer", "by sum") => vectorized(&what, weigh.norm(Norm::L1), x.clone(), expected),
                ("TfidfVectorizer", "as it is") => {
                    vectorized(&what, weigh.norm(Norm::None), x.clone(), expected)
                }
                ("TfidfVectorizer", _) => vectorized(&what, weigh, x.clone(), expected),
                ("HashingVectorizer", part) => {
                    let recipe = HashingVectorizer::new();
                    let letters = Analyzer::new().unit(Unit::CharactersInWords).n_grams(2, 3);
                    let recipe = match part {
                        "words" => recipe,
                        "few" => recipe.n_features(16),
                        "letters" => recipe.n_features(256).analyzer(letters).norm(Norm::L1).sign(Sign::Keep),
                        part => panic!("{part} is not checked"),
                    };
                    let train = train(vec![("x", x.clone())]);
                    let found = recipe.fit(&train).unwrap().transform(train.batch()).unwrap();
                    compare(&what, &rows_of(&found, "x"), expected);
                }
                ("TokenCounts", token) => {
                    let found = TokenCounts::new().of("x", &x, None).unwrap();
                    let count = found.tokens.as_ref().unwrap()[token];
                    assert_eq!(serde_json::json!([count.texts, count.times]), *expected, "{what}");
                }
                (item, _) => panic!("{item} is not checked"),
            }
        }
    }
}

#[test]
fn reference_numbers() {
    let path = format!("{}/../../testdata/golden/text.json", env!("CARGO_MANIFEST_DIR"));
    for case in &load::<Value>(path) {
        let input = case["input"].as_object().unwrap();
        if input.contains_key("x") {
            text_case(case);
            continue;
        }
        let number = |value: &Value| -> ArrayRef {
            Arc::new(Float64Array::from_iter(list(value).iter().map(Value::as_f64)))
        };
        let numeric = |value: &Value| list(value).iter().all(|v| v.is_null() || v.is_number());
        let column = |value: &Value| if numeric(value) { number(value) } else { words(value) };
        let train = train(input.iter().map(|(name, value)| (name.as_str(), column(value))).collect());
        for (part, expected) in case["expected"]["FeatureHasher"].as_object().unwrap() {
            let recipe = FeatureHasher::new();
            let recipe = match part.as_str() {
                "default" => recipe,
                "8" => recipe.n_features(8),
                "10" => recipe.n_features(10),
                "64 unsigned" => recipe.n_features(64).sign(Sign::Keep),
                part => panic!("{part} is not checked"),
            };
            let fitted = recipe.on(Columns::all()).fit(&train).unwrap();
            let hashed = fitted.transform(train.batch()).unwrap();
            assert_eq!(hashed.num_columns(), 1);
            compare(&format!("{} {part}", case["name"]), &rows_of(&hashed, "hashed"), expected);
        }
    }
}

#[test]
fn collisions_are_counted() {
    let x: ArrayRef = Arc::new(StringArray::from_iter_values((0..5_000).map(|i| format!("word {i}"))));
    let n: ArrayRef = Arc::new(Float64Array::from_iter_values((0..5_000).map(f64::from)));
    let data = train(vec![("x", x), ("n", n)]);
    let report = FeatureHasher::new().n_features(1 << 12).collisions(&data).unwrap();
    assert_eq!(report.features, 5_000, "numbers are hashed only where they are chosen");
    let (found, expected) = (report.collided() as f64, report.expected());
    // The variance of the number of occupied places, by Johnson and Kotz.
    let (share, m) = (5_000.0 / 4_096.0f64, 4_096.0f64);
    let deviation = (m * (-share).exp() * (1.0 - (1.0 + share) * (-share).exp())).sqrt();
    assert!((found - expected).abs() < 4.0 * deviation, "{found}, expected {expected}");
    let wide = FeatureHasher::new().collisions(&data).unwrap();
    assert!((wide.expected() - 5_000.0 * 4_999.0 / 2.0 / (1 << 20) as f64).abs() < 0.1);
}

proptest! {
    /// Every text is cut without panics, and the vocabulary holds what the rows have.
    #[test]
    fn any_text_is_cut(texts in proptest::collection::vec("\\PC{0,12}", 1..6), lowercase: bool) {
        for unit in [Unit::Words, Unit::Characters, Unit::CharactersInWords] {
            let analyzer = Analyzer::new().unit(unit).n_grams(1, 3).lowercase(lowercase);
            let x: ArrayRef = Arc::new(StringArray::from_iter_values(&texts));
            let found = TokenCounts::new().analyzer(analyzer).of("x", &x, None).unwrap();
            let times: u64 = found.tokens.as_ref().unwrap().values().map(|count| count.times).sum();
            let mut cut = 0;
            texts.iter().for_each(|text| analyzer.tokens(text, |_| cut += 1));
            prop_assert_eq!(times, cut);
            if cut > 0 {
                let train = train(vec![("x", x)]);
                let counted = CountVectorizer::new().analyzer(analyzer).fit(&train).unwrap();
                let rows = rows_of(&counted.transform(train.batch()).unwrap(), "x");
                prop_assert_eq!(rows.iter().flatten().map(|(_, n)| *n as u64).sum::<u64>(), cut);
            }
        }
    }
}
