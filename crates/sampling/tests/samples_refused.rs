//! What samplers refuse, and what damaged states cannot do.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, BinaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::Schema;
use mlsys_core::statistic::state_of;
use mlsys_core::{Coded, Dataset, ErrorKind, Result, Statistic, Unsplit};
use mlsys_sampling::sample::{
    AliasTable, Allocation, BottomK, ClusterSample, ConvenienceSample, Draw, EventSampler, JudgementSample,
    QuotaSample, RecencySample, Replacement, Reservoir, RowReservoir, SimpleSample, SnowballSample,
    StratifiedSample, SystematicSample, WeightedReservoir, WeightedSample, allocate, bottom_k,
    importance_estimate, importance_weights, quota_sample, recency_weights, simple_sample,
    simple_sample_with_replacement, snowball_sample, systematic_sample, weighted_sample,
};
use mlsys_testkit::table;

fn data(rows: usize) -> Dataset<Unsplit> {
    let n = rows as i64;
    let columns: [(&str, ArrayRef); 4] = [
        ("x", Arc::new((0..n).map(Some).collect::<Int64Array>())),
        ("h", Arc::new((0..n).map(|i| Some(if i % 2 == 0 { "a" } else { "b" })).collect::<StringArray>())),
        ("gaps", Arc::new((0..n).map(|i| (i != 1).then_some("a")).collect::<StringArray>())),
        ("w", Arc::new((0..n).map(|i| Some(i as f64)).collect::<Float64Array>())),
    ];
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap())
        .unwrap()
}

fn with_weights(weights: Vec<Option<f64>>) -> Dataset<Unsplit> {
    let weights: ArrayRef = Arc::new(Float64Array::from(weights));
    Dataset::new(RecordBatch::try_from_iter_with_nullable([("w", weights, true)]).unwrap()).unwrap()
}

fn parameter<T: std::fmt::Debug>(result: Result<T>, parameter: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == parameter), "{error}");
}

fn too_few<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }), "{error}");
}

fn column<T: std::fmt::Debug>(result: Result<T>, name: &str) {
    let error = result.unwrap_err();
    assert!(error.column() == Some(name), "{error}");
}

#[test]
fn sizes() {
    let (table, empty) = (data(6), data(0));
    for size in [0, 7, usize::MAX] {
        let all = |data: &Dataset<Unsplit>| {
            vec![
                SimpleSample::new(size).draw(data),
                SystematicSample::new(size).draw(data),
                StratifiedSample::new("h", size).draw(data),
                StratifiedSample::new("h", size).allocation(Allocation::Neyman("w".into())).draw(data),
                WeightedSample::new("w", size).draw(data),
                RecencySample::new(size, 1.0).draw(&data.clone().time("x").unwrap()),
                ConvenienceSample::new(size).draw(data),
            ]
        };
        for result in all(&table).into_iter().chain(all(&empty)) {
            if size == 0 { parameter(result, "size") } else { too_few(result) }
        }
    }
    // A row is never drawn that has no weight: five of the six have one.
    too_few(WeightedSample::new("w", 6).draw(&table));
    parameter(StratifiedSample::new("h", 1).draw(&table), "size");
    parameter(ClusterSample::new("h", 0).draw(&table), "clusters");
    too_few(ClusterSample::new("h", 3).draw(&table));
    for recipe in [SimpleSample::new(0), SimpleSample::new(usize::MAX)] {
        parameter(recipe.replacement(Replacement::With).draw(&table), "size");
    }
    for recipe in [WeightedSample::new("w", 0), WeightedSample::new("w", usize::MAX)] {
        parameter(recipe.replacement(Replacement::With).draw(&table), "size");
    }
    parameter(BottomK::new("h", 0).draw(&table), "size");
    parameter(bottom_k(&[("h", table.column("h").unwrap().as_ref())], 0, 1), "size");
    assert!(BottomK::new("h", 3).draw(&empty).unwrap().rows.is_empty());
    parameter(Reservoir::<u8>::new(0), "size");
    parameter(WeightedReservoir::<u8>::new(0), "size");
    too_few(simple_sample(0, 1, 0));
    too_few(systematic_sample(0, 1, 0));
    too_few(simple_sample_with_replacement(0, 1, 0));
    too_few(WeightedSample::new("w", 2).replacement(Replacement::With).draw(&data(1)));
    too_few(allocate(&[], &[], 1));
    parameter(allocate(&[1, 1], &[1.0, 1.0], 1), "size");
}

#[test]
fn weights() {
    for (bad, named) in
        [(Some(f64::NAN), None), (None, None), (Some(-1.0), Some(1)), (Some(f64::INFINITY), Some(1))]
    {
        let table = with_weights(vec![Some(1.0), bad, Some(2.0)]);
        for replacement in [Replacement::Without, Replacement::With] {
            let error = WeightedSample::new("w", 1).replacement(replacement).draw(&table).unwrap_err();
            assert_eq!(error.column(), Some("w"), "{error}");
            match error.kind() {
                ErrorKind::NonFinite { row, .. } => assert_eq!(Some(*row), named),
                ErrorKind::InvalidValue { row, .. } => assert_eq!(*row, named),
                ErrorKind::MissingValues { count, .. } => assert_eq!((*count, named), (1, None)),
                _ => panic!("{error}"),
            }
        }
    }
    for bad in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
        column(weighted_sample(&[1.0, bad], 1, 0), "weights");
        column(AliasTable::new(&[1.0, bad]), "weights");
        column(WeightedReservoir::new(1).unwrap().push((), bad), "weights");
        column(importance_estimate(&[1.0, 1.0], &[1.0, bad]), "weights");
        column(allocate(&[1, 1], &[1.0, bad], 2), "shares");
        parameter(EventSampler::new(bad), "rate");
        parameter(EventSampler::new(0.5).unwrap().rate_of("key", bad), "rate");
        parameter(recency_weights(&[1], bad), "half_life");
        parameter(RecencySample::new(1, bad).draw(&data(3).time("x").unwrap()), "half_life");
    }
    // The row is that of the table, beyond the first block too.
    let mut many = vec![1.0; 70_000];
    many[69_999] = -1.0;
    let error = weighted_sample(&many, 1, 0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidValue { row: Some(69_999), .. }), "{error}");
    parameter(EventSampler::new(1.0000001), "rate");
    parameter(recency_weights(&[1], 0.0), "half_life");
    too_few(AliasTable::new(&[]));
    too_few(AliasTable::new(&[0.0, 0.0]));
    too_few(weighted_sample(&[], 1, 0));
    too_few(importance_estimate(&[], &[]));
    too_few(importance_estimate(&[1.0], &[0.0]));
    column(importance_estimate(&[f64::NAN], &[1.0]), "values");
    too_few(importance_weights(&[f64::NEG_INFINITY], &[0.0]));
    column(importance_weights(&[f64::NAN], &[0.0]), "log_p");
    column(importance_weights(&[f64::MAX], &[-f64::MAX]), "log_p");
    column(importance_weights(&[0.0], &[f64::NEG_INFINITY]), "log_q");
    assert!(matches!(importance_weights(&[0.0], &[]).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(matches!(importance_estimate(&[0.0], &[]).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(matches!(allocate(&[1], &[], 1).unwrap_err().kind(), ErrorKind::Shape { .. }));
}

#[test]
fn columns() {
    let table = data(6);
    column(StratifiedSample::new("no", 3).draw(&table), "no");
    column(StratifiedSample::new("gaps", 3).draw(&table), "gaps");
    column(StratifiedSample::new("h", 3).allocation(Allocation::Neyman("no".into())).draw(&table), "no");
    column(StratifiedSample::new("h", 3).allocation(Allocation::Neyman("h".into())).draw(&table), "h");
    column(ClusterSample::new("no", 1).draw(&table), "no");
    column(ClusterSample::new("gaps", 1).draw(&table), "gaps");
    column(WeightedSample::new("no", 1).draw(&table), "no");
    column(WeightedSample::new("h", 1).draw(&table), "h");
    column(BottomK::new("h", 1).and("no").draw(&table), "no");
    column(QuotaSample::new("no", [("a", 1)]).draw(&table), "no");
    column(SnowballSample::new("no", [("a", "b")], ["a"]).draw(&table), "no");
    column(SnowballSample::new("gaps", [("a", "b")], ["a"]).draw(&table), "gaps");
    assert!(matches!(
        RecencySample::new(1, 1.0).draw(&table).unwrap_err().kind(),
        ErrorKind::MissingRole { .. }
    ));
    assert!(simple_sample(5, 2, 0).unwrap().total(&[1.0]).is_err());
    for (what, batch) in table::hostile(&table::mixed(50, true)).unwrap() {
        let Ok(data) = Dataset::new(batch) else { continue };
        for sample in [
            StratifiedSample::new("word", 5).draw(&data),
            StratifiedSample::new("team", 9).allocation(Allocation::Neyman("value".into())).draw(&data),
            ClusterSample::new("kind", 1).draw(&data),
            WeightedSample::new("weight", 2).draw(&data),
            WeightedSample::new("weight", 2).replacement(Replacement::With).draw(&data),
            BottomK::new("number", 3).and("flag").draw(&data),
        ] {
            assert!(sample.is_err() || sample.unwrap().rows.iter().all(|&row| row < data.n_rows()), "{what}");
        }
    }
}

#[test]
fn of_unknown_chance() {
    let table = data(6);
    let answers = Coded::new("h", table.column("h").unwrap()).unwrap();
    let quota = |quotas: &[(&str, usize)]| QuotaSample::new("h", quotas.iter().copied()).draw(&table);
    assert_eq!(quota(&[("b", 2), ("a", 0)]).unwrap().rows, [1, 3]);
    assert_eq!(quota(&[("b", 2)]).unwrap().weights, None);
    assert_eq!(quota(&[("b", 2)]).unwrap().total(&[1.0; 6]).unwrap(), None);
    parameter(quota(&[("a", 1), ("a", 2)]), "quotas");
    parameter(quota(&[]), "quotas");
    parameter(quota_sample(&answers, &[("a".into(), 0)]), "quotas");
    too_few(quota(&[("a", 4)]));
    assert!(quota(&[("c", 1)]).unwrap_err().to_string().contains("`c`"));
    let short = JudgementSample::new(|_| Ok(vec![true]));
    assert!(matches!(short.draw(&table).unwrap_err().kind(), ErrorKind::Shape { .. }));
    assert!(
        JudgementSample::new(|batch| Ok(vec![false; batch.num_rows()])).draw(&table).unwrap().rows.is_empty()
    );
    assert_eq!(ConvenienceSample::new(2).sample(&table).unwrap().n_rows(), 2);
    let none: [&str; 0] = [];
    parameter(SnowballSample::new("h", [("a", "b")], none).draw(&table), "start");
    parameter(SnowballSample::new("h", [("a", "b")], ["z"]).draw(&table), "start");
    parameter(SnowballSample::new("h", [("a", "b")], ["a"]).per_key(0).draw(&table), "per_key");
    // A ring with links to themselves, followed for ever; keys that only links have are on the way.
    let ring: Vec<(i64, i64)> = (0..5).flat_map(|i| [(i, (i + 1) % 5), (i, i)]).collect();
    let keys = Coded::new("k", &Int64Array::from(vec![0, 2, 9])).unwrap();
    let recipe = SnowballSample::new("k", ring, [4]).waves(usize::MAX).per_key(usize::MAX);
    assert_eq!(snowball_sample(&keys, &recipe).unwrap().rows, [0, 1]);
    assert_eq!(snowball_sample(&keys, &recipe.clone().waves(1)).unwrap().rows, [0]);
    let lonely = SnowballSample::new("k", [(7, 7)], [7]);
    assert!(snowball_sample(&keys, &lonely).unwrap().rows.is_empty());
    // Of a star with twenty arms, three are followed.
    let arms = Coded::new("k", &Int64Array::from_iter_values(0..21)).unwrap();
    let star = SnowballSample::new("k", (1..21).map(|arm| (0, arm)), [0]).per_key(3);
    assert_eq!(snowball_sample(&arms, &star).unwrap().rows.len(), 4);
}

fn coin() -> &'static str {
    r#""coin":{"seed":0,"stream":0,"key":5,"tossed":18446744073709551615}"#
}

fn reservoir(size: usize, method: &str, items: &str, seen: u64, rest: &str) -> Reservoir<u8> {
    let text =
        format!(r#"{{"size":{size},"method":"{method}","items":{items},"seen":{seen},{},{rest}}}"#, coin());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn damaged_reservoirs() {
    let rest = [
        r#""largest":1.0,"skip":0"#,
        r#""largest":0.0,"skip":0"#,
        r#""largest":-7e300,"skip":18446744073709551615"#,
    ];
    for method in ["l", "r"] {
        for (size, items, seen) in [
            (0, "[]", 0),
            (0, "[1,2]", 9),
            (2, "[1,2,3]", 3),
            (2, "[]", 5),
            (2, "[1]", u64::MAX),
            (3, "[1,2,3]", u64::MAX),
            (usize::MAX, "[1]", 7),
        ] {
            for rest in rest {
                let mut damaged = reservoir(size, method, items, seen, rest);
                (0..20).for_each(|item| damaged.push(item));
                let fresh = || reservoir(size, method, items, seen, rest);
                assert!(fresh().merge(fresh()).is_err(), "{method} {size} {items} {seen}");
                assert!(reservoir(size, method, "[]", 0, rest).merge(fresh()).is_err() || seen == u64::MAX);
            }
        }
    }
    // More than can be counted: neither changes.
    let mut full = reservoir(1, "l", "[1]", u64::MAX - 1, rest[0]);
    assert!(full.merge(reservoir(1, "l", "[2]", 2, rest[0])).is_err());
    assert_eq!((full.items(), full.seen()), (&[1][..], u64::MAX - 1));
    full.merge(reservoir(1, "l", "[2]", 1, rest[0])).unwrap();
    (0..9).for_each(|item| full.push(item));
    assert_eq!(full.seen(), u64::MAX);
    let [l, r] = [
        Reservoir::<u8>::new(2).unwrap(),
        Reservoir::new(2).unwrap().method(mlsys_sampling::sample::ReservoirMethod::R),
    ];
    assert!(l.clone().merge(r).is_err() && l.clone().merge(Reservoir::new(3).unwrap()).is_err());
}

#[test]
fn damaged_weighted_reservoirs() {
    let of = |size: usize, items: &str, jump: &str| -> WeightedReservoir<u8> {
        let text = format!(
            r#"{{"size":{size},"items":{items},"seen":18446744073709551615,{},"jump":{jump}}}"#,
            coin()
        );
        serde_json::from_str(&text).unwrap()
    };
    let item = |key: &str| format!(r#"{{"key":{key},"item":1}}"#);
    for (size, items) in [
        (0, "[]".to_owned()),
        (0, format!("[{}]", item("1.0"))),
        (1, format!("[{},{}]", item("1.0"), item("2.0"))),
        (1, format!("[{}]", item("-1.0"))),
        (2, format!("[{},{}]", item("-1e300"), item("0.0"))),
    ] {
        for jump in ["0.0", "-1e300", "1e308"] {
            let mut damaged = of(size, &items, jump);
            (0..20).for_each(|item| damaged.push(item, f64::from(item) * 1e300).unwrap());
            assert!(of(size, &items, jump).merge(of(size, &items, jump)).is_err(), "{size} {items}");
            assert!(of(size, "[]", jump).merge(of(size, &items, jump)).is_err(), "{size} {items}");
        }
    }
    let mut never = of(1, &format!("[{}]", item("0.0")), "0.0");
    never.merge(of(1, "[]", "0.0")).unwrap();
    (0..20).for_each(|item| never.push(item + 7, 1.0).unwrap());
    assert_eq!(never.into_items(), [1]);
    assert!(WeightedReservoir::<u8>::new(1).unwrap().merge(WeightedReservoir::new(2).unwrap()).is_err());
}

#[test]
fn row_reservoirs() {
    let data = data(40);
    let (batch, schema) = (data.batch(), data.schema());
    parameter(RowReservoir::new(0).init(&schema), "size");
    parameter(RowReservoir::new(1).columns(["x", "h", "x"]).init(&schema), "columns");
    parameter(RowReservoir::new(1).columns::<&str>([]).init(&schema), "columns");
    let error = RowReservoir::new(1).columns(["nope"]).init(&schema).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingColumn { name, .. } if name == "nope"), "{error}");
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"a".as_slice()]));
    let with_bytes = RecordBatch::try_from_iter([("x", batch.column(0).slice(0, 1)), ("b", bytes)]).unwrap();
    column(RowReservoir::new(1).init(&with_bytes.schema()), "b");
    assert!(RowReservoir::new(1).columns(["x"]).init(&with_bytes.schema()).is_ok());

    // Another type than at first: in a batch, in a state, and when the rows are read.
    let recipe = RowReservoir::new(9).columns(["x"]);
    let narrow: ArrayRef = Arc::new(Int32Array::from_iter_values(0..40));
    let narrow = RecordBatch::try_from_iter([("x", narrow)]).unwrap();
    let mut state = state_of(&recipe, batch).unwrap();
    let before = state.clone();
    column(recipe.update(&mut state, &narrow), "x");
    column(recipe.update(&mut state, &RecordBatch::new_empty(narrow.schema())), "x");
    recipe.update(&mut state, &batch.slice(0, 0)).unwrap();
    assert!(state == before);
    let error = recipe.merge(&mut state, state_of(&recipe, &narrow).unwrap()).unwrap_err().to_string();
    assert!(error.contains("x Int64") && error.contains("x Int32"), "{error}");
    let sample = recipe.finish(&state).unwrap();
    column(sample.batch(&narrow.schema()), "x");
    assert!(sample.batch(&Schema::empty()).is_err());
    assert_eq!(sample.batch(&schema).unwrap().num_columns(), 1);

    // Of another size, of other columns.
    let other = RowReservoir::new(8).columns(["x"]);
    assert!(
        other.finish(&state).is_err()
            && other.merge(&mut state_of(&other, batch).unwrap(), state.clone()).is_err()
    );
    let error = RowReservoir::new(9).columns(["h"]).finish(&state).unwrap_err().to_string();
    assert!(error.contains("expected h, found x"), "{error}");

    // No rows.
    let none = recipe.finish(&recipe.init(&schema).unwrap()).unwrap();
    assert!(none.is_empty() && none.weight().is_nan() && none.batch(&schema).unwrap().num_rows() == 0);
}
