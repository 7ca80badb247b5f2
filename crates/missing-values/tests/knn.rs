//! The imputer by neighbours: a naive one, a case by hand, types, and hostile artefacts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array,
    RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Float64Type, Int32Type};
use mlsys_core::{Category, Dataset, ErrorKind, Fit, FitTransform, Train, Transform, artifact};
use mlsys_missing_values::{FittedKnnImputer, Indicators, KnnImputer, KnnMetric, KnnWeights};
use proptest::prelude::*;

type Row = (Option<i8>, Option<i8>, Option<u8>);

fn batch(rows: &[Row]) -> RecordBatch {
    let word = |row: &Row| row.2.map(|word| ["a", "b", "c"][usize::from(word % 3)]);
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("x", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.0.map(f64::from)))), true),
        ("y", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1.map(f64::from)))), true),
        ("word", Arc::new(StringArray::from_iter(rows.iter().map(word))), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn train(batch: RecordBatch) -> Dataset<Train> {
    Dataset::new(batch).unwrap().into_train_all()
}

/// The row as numbers, words as 0, 1, 2.
fn cells(row: &Row) -> [Option<f64>; 3] {
    [row.0.map(f64::from), row.1.map(f64::from), row.2.map(|word| f64::from(word % 3))]
}

/// Gower by its formula, then a vote or a mean; the range is 8 in both columns, made so by two rows.
fn naive(rows: &[Row], q: usize, c: usize, k: usize, weights: KnnWeights) -> Option<f64> {
    let query = cells(&rows[q]);
    let mut near: Vec<(f64, usize, f64)> = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let donor = cells(row);
        // In the order of the names: word, x, y.
        let terms = [2, 0, 1].iter().filter_map(|&j| {
            let (a, b) = (query[j]?, donor[j]?);
            Some(if j == 2 { f64::from(u8::from(a != b)) } else { (a - b).abs() / 8.0 })
        });
        let terms: Vec<f64> = terms.collect();
        if let (Some(value), false) = (donor[c], terms.is_empty()) {
            near.push((terms.iter().sum::<f64>() / terms.len() as f64, i, value));
        }
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    near.truncate(k);
    let nearest = near.first()?.0;
    let weight = |d: f64| match weights {
        KnnWeights::Uniform => 1.0,
        KnnWeights::Distance if nearest == 0.0 => f64::from(u8::from(d == 0.0)),
        KnnWeights::Distance => nearest / d,
    };
    let total: f64 = near.iter().map(|n| weight(n.0)).sum();
    if c < 2 {
        return Some(near.iter().map(|n| weight(n.0) * n.2).sum::<f64>() / total);
    }
    let votes = |word: f64| near.iter().filter(|n| n.2 == word).map(|n| weight(n.0)).sum::<f64>();
    [0.0, 1.0, 2.0].into_iter().reduce(|best, word| if votes(word) > votes(best) { word } else { best })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gower_is_its_definition(
        drawn in prop::collection::vec((prop::option::of(-4i8..=4), prop::option::of(-4i8..=4), prop::option::of(0u8..3)), 1..90),
        k in 1usize..7,
        by_distance in any::<bool>(),
    ) {
        let mut rows = drawn;
        rows.extend([(Some(-4), Some(4), Some(0)), (Some(4), Some(-4), Some(1))]);
        let weights = if by_distance { KnnWeights::Distance } else { KnnWeights::Uniform };
        let recipe = KnnImputer::new().k_neighbors(k).metric(KnnMetric::Gower).weights(weights);
        let (fitted, filled) = recipe.fit_transform(train(batch(&rows))).unwrap();
        let filled = filled.batch();
        for (q, row) in rows.iter().enumerate() {
            for (c, name) in ["x", "y", "word"].iter().enumerate() {
                let fallback = fitted.fallback(name).unwrap();
                let expected = cells(row)[c].or_else(|| naive(&rows, q, c, k, weights));
                if c == 2 {
                    let expected = expected.map(|word| ["a", "b", "c"][word as usize].into());
                    let found = Category::from(filled[*name].as_string::<i32>().value(q));
                    prop_assert_eq!(found, expected.unwrap_or(fallback), "row {}", q);
                } else {
                    let expected = expected.unwrap_or(fallback.as_f64().unwrap());
                    let found = filled[*name].as_primitive::<Float64Type>().value(q);
                    prop_assert!((found - expected).abs() < 1e-12, "{} row {}: {} {}", name, q, found, expected);
                }
            }
        }
    }

    #[test]
    fn filled_values_lie_among_those_that_were_there(
        rows in prop::collection::vec((prop::option::of(-9i8..9), prop::option::of(-9i8..9), Just(None)), 2..60),
        k in 1usize..9,
    ) {
        let rows: Vec<Row> = rows;
        prop_assume!(rows.iter().any(|r| r.0.is_some()) && rows.iter().any(|r| r.1.is_some()));
        let data = train(batch(&rows)).ignore(["word"]).unwrap();
        let fitted = KnnImputer::new().k_neighbors(k).fit(&data).unwrap();
        let filled = fitted.transform(data.batch()).unwrap();
        for (c, name) in ["x", "y"].iter().enumerate() {
            let there: Vec<f64> = rows.iter().filter_map(|row| cells(row)[c]).collect();
            let (low, high) = (there.iter().copied().fold(f64::MAX, f64::min), there.iter().copied().fold(f64::MIN, f64::max));
            let values = filled[*name].as_primitive::<Float64Type>();
            prop_assert_eq!(values.null_count(), 0);
            for (value, row) in values.values().iter().zip(&rows) {
                prop_assert!((low..=high).contains(value));
                prop_assert!(cells(row)[c].is_none_or(|x| x == *value));
            }
        }
        // Nothing is left to fill.
        prop_assert_eq!(&fitted.transform(&filled).unwrap(), &filled);
    }
}

/// By hand: range 10. The row (2, ?, "u") is 1/2 (0.1 + 0) from the row of "u" at 1, 0.5 (0.2 + 1) from that of "v" at 4, and
/// 0.5 (0.9 + 1) from the third; so `y` is 10 from one neighbour and (10 + 40) / 2 from two.
#[test]
fn a_mixed_table_by_hand() {
    let x: ArrayRef = Arc::new(Int32Array::from(vec![1, 4, 11, 2, 3]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![Some(10), Some(40), Some(90), None, None]));
    let words: DictionaryArray<Int32Type> =
        [Some("u"), Some("v"), Some("v"), Some("u"), None].into_iter().collect();
    let word: ArrayRef = Arc::new(words);
    let flag: ArrayRef =
        Arc::new(BooleanArray::from(vec![Some(true), Some(true), Some(false), None, Some(true)]));
    let columns = [("x", x, true), ("y", y, true), ("word", word, true)];
    let rows = RecordBatch::try_from_iter_with_nullable(columns.clone()).unwrap();
    let fill = |recipe: KnnImputer| recipe.fit(&train(rows.clone())).unwrap().transform(&rows).unwrap();
    let gower = KnnImputer::new().metric(KnnMetric::Gower);
    let y = |batch: &RecordBatch| batch["y"].as_primitive::<Float64Type>().value(3);
    assert_eq!(y(&fill(gower.k_neighbors(1))), 10.0);
    assert_eq!(y(&fill(gower.k_neighbors(2))), 25.0);
    // Weights 1 / 0.05 and 1 / 0.6.
    let by_distance = y(&fill(gower.k_neighbors(2).weights(KnnWeights::Distance)));
    assert!((by_distance - (10.0 / 0.05 + 40.0 / 0.6) / (1.0 / 0.05 + 1.0 / 0.6)).abs() < 1e-12);
    // At 3 the rows at 2 ("u") and 4 ("v") are equally near, and of two words with a vote each the smaller wins.
    let filled = fill(gower.k_neighbors(2));
    assert_eq!(filled["word"].data_type(), &DataType::Utf8);
    assert_eq!(filled["word"].as_string::<i32>().value(4), "u");
    // A word that nobody knew stays; a flag is filled by vote, and under the Euclidean distance by a mean.
    let with_flag =
        RecordBatch::try_from_iter_with_nullable([columns[0].clone(), ("flag", flag, true)]).unwrap();
    let filled = gower.k_neighbors(3).fit(&train(with_flag.clone())).unwrap().transform(&with_flag).unwrap();
    assert!(filled["flag"].as_boolean().value(3));
    let chosen = KnnImputer::new().k_neighbors(3).on(["x", "flag"]).fit(&train(with_flag.clone())).unwrap();
    let filled = chosen.transform(&with_flag).unwrap();
    assert_eq!(filled["flag"].as_primitive::<Float64Type>().value(3), 1.0);
}

#[test]
fn types_ties_and_what_is_new() {
    let rows = [(Some(1), Some(1), Some(0)), (Some(3), Some(7), Some(1)), (Some(2), None, None)];
    let data = train(batch(&rows));
    let fitted = KnnImputer::new().metric(KnnMetric::Gower).k_neighbors(1).fit(&data).unwrap();
    // Both rows are equally near: the first counts.
    assert_eq!(fitted.transform(data.batch()).unwrap()["y"].as_primitive::<Float64Type>().value(2), 1.0);
    let x: ArrayRef = Arc::new(Float32Array::from(vec![Some(2.75), None]));
    let y: ArrayRef = Arc::new(Int32Array::from(vec![None, Some(6)]));
    let word: ArrayRef = Arc::new(StringArray::from(vec![Some("new"), None]));
    let new =
        RecordBatch::try_from_iter_with_nullable([("x", x, true), ("y", y, true), ("word", word, true)])
            .unwrap();
    let filled = fitted.transform(&new).unwrap();
    assert_eq!(filled["word"].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("new"), Some("b")]);
    assert_eq!(filled["y"].as_primitive::<Float64Type>().value(0), 7.0);
    assert_eq!((filled["x"].data_type(), filled["y"].data_type()), (&DataType::Float32, &DataType::Float64));
    assert_eq!(filled.schema(), fitted.output_schema(&new.schema()).unwrap());
    let indicators = KnnImputer::new().indicators(Indicators::WhereMissing).fit(&data).unwrap();
    let names: Vec<String> = indicators
        .transform(data.batch())
        .unwrap()
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(names, ["x", "y", "y_missing", "word"]);
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let table = mlsys_testkit::table::mixed(6_000, true);
    let names = ["number", "count", "größe 量", "flag", "word"];
    let recipe = KnnImputer::new().metric(KnnMetric::Gower).weights(KnnWeights::Distance).on(names);
    let at = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| recipe.fit(&train(table.clone())).unwrap().transform(&table).unwrap())
    };
    let one = at(1);
    assert!(at(2) == one && at(7) == one);
    assert!(names.iter().all(|name| one[*name].logical_null_count() == 0));
}

#[test]
fn refusals() {
    let empty = train(batch(&[(Some(1), None, None), (Some(2), None, None)]));
    let error = KnnImputer::new().fit(&empty).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AllMissing { column, .. } if column == "y"), "{error}");
    let error = KnnImputer::new().on(["word"]).fit(&empty).unwrap_err();
    assert!(error.to_string().contains("numeric (or use `KnnMetric::Gower`)"), "{error}");
    let weighted = train(batch(&[(Some(1), Some(1), None)])).weight("y").unwrap();
    assert!(matches!(
        KnnImputer::new().fit(&weighted).unwrap_err().kind(),
        ErrorKind::UnsupportedRole { .. }
    ));
    let data = train(batch(&[(Some(1), Some(1), None), (Some(1), None, None)])).ignore(["word"]).unwrap();
    let fitted = KnnImputer::new().fit(&data).unwrap();
    let x: ArrayRef = Arc::new(Float64Array::from(vec![f64::INFINITY]));
    let infinite = RecordBatch::try_from_iter([("x", x.clone()), ("y", x)]).unwrap();
    assert!(matches!(fitted.transform(&infinite).unwrap_err().kind(), ErrorKind::NonFinite { row: 0, .. }));
}

#[test]
fn hostile_artefacts() {
    let rows = [(Some(1), Some(2), Some(0)), (None, Some(4), Some(1)), (Some(3), None, None)];
    let data = train(batch(&rows));
    let fitted = KnnImputer::new().metric(KnnMetric::Gower).fit(&data).unwrap();
    assert_eq!(
        artifact::from_bytes::<FittedKnnImputer>(&artifact::to_bytes(&fitted).unwrap()).unwrap(),
        fitted
    );
    // JSON has no NaN, and keeps gaps.
    let json = serde_json::to_string(&fitted).unwrap();
    assert_eq!(serde_json::from_str::<FittedKnnImputer>(&json).unwrap(), fitted);
    let changes = [
        (r#""k_neighbors":5"#, r#""k_neighbors":0"#),
        (r#""metric":"gower""#, r#""metric":"nan_euclidean""#),
        (r#""fallbacks":[0.0"#, r#""fallbacks":[2.0"#),
        (r#""fallbacks":[0.0"#, r#""fallbacks":[-1.0"#),
        (r#""fallbacks":[0.0,"#, r#""fallbacks":["#),
        (r#""indicators":[false,"#, r#""indicators":["#),
        (r#"[0.0,1.0,null]"#, r#"[0.0,9.0,null]"#),
        (r#"[0.0,1.0,null]"#, r#"[0.0,0.5,null]"#),
        (r#"[0.0,1.0,null]"#, r#"[0.0,1.0]"#),
        (r#""categorical":true"#, r#""categorical":false"#),
        (r#""name":"y""#, r#""name":"x""#),
        (r#""rows":3"#, r#""rows":4"#),
    ];
    for (from, to) in changes {
        assert!(json.contains(from), "{from} is not in {json}");
        let loaded = serde_json::from_str::<FittedKnnImputer>(&json.replacen(from, to, 1));
        // What serde lets pass, loading an artefact refuses.
        let refused = loaded.map_or(true, |value| {
            let bytes = artifact::to_bytes(&value).unwrap();
            artifact::from_bytes::<FittedKnnImputer>(&bytes).is_err()
        });
        assert!(refused, "{from} as {to} is loaded");
    }
}
