//! A row's side depends on its key alone.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use mlsys_core::arrow::compute::{cast, take};
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, ErrorKind, Split};
use mlsys_sampling::{HashSplit, MissingKey, hash_split};
use proptest::prelude::*;

fn is_test(keys: &dyn Array, share: f64, seed: u64) -> Vec<bool> {
    let (_, test) = hash_split(&[("key", keys)], share, seed).unwrap();
    let mut sides = vec![false; keys.len()];
    test.into_iter().for_each(|row| sides[row] = true);
    sides
}

proptest! {
    #[test]
    fn appended_reordered_and_sharded_rows_stay_on_their_side(
        keys in prop::collection::vec("[a-c]{0,12}", 2..80),
        more in prop::collection::vec("[a-c]{0,12}", 0..40),
        share in 0.01f64..0.99,
        seed: u64,
    ) {
        let rows = StringArray::from(keys.clone());
        let sides = is_test(&rows, share, seed);
        let appended: StringArray = keys.iter().chain(&more).map(Some).collect();
        prop_assert_eq!(&is_test(&appended, share, seed)[..keys.len()], &sides);
        let reversed: StringArray = keys.iter().rev().map(Some).collect();
        let back: Vec<bool> = is_test(&reversed, share, seed).into_iter().rev().collect();
        prop_assert_eq!(&back, &sides);
        let (first, second) = (rows.slice(0, keys.len() / 2), rows.slice(keys.len() / 2, keys.len() - keys.len() / 2));
        prop_assert_eq!(&[is_test(&first, share, seed), is_test(&second, share, seed)].concat(), &sides);
        for other in [DataType::LargeUtf8, DataType::Utf8View, DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8))] {
            prop_assert_eq!(&is_test(&cast(&rows, &other).unwrap(), share, seed), &sides);
        }
        // A larger share keeps the rows of a smaller one.
        let smaller = is_test(&rows, share / 2.0, seed);
        prop_assert!(smaller.iter().zip(&sides).all(|(small, large)| !small || *large));
    }

    #[test]
    fn integers_of_any_width_are_one_key(keys in prop::collection::vec(-100i64..100, 1..60), seed: u64) {
        let rows = Int64Array::from(keys);
        let sides = is_test(&rows, 0.5, seed);
        for other in [DataType::Int8, DataType::Int32, DataType::Float32, DataType::Decimal128(10, 2)] {
            prop_assert_eq!(&is_test(&cast(&rows, &other).unwrap(), 0.5, seed), &sides);
        }
    }
}

/// 100,000 keys: the share of a fair hash is within five standard deviations, 5·√(p(1−p)/n).
#[test]
fn shares_are_met_for_ordinary_keys() {
    let n = 100_000;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n));
    let strided: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(|i| i << 20)));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("N{i:05}"))));
    for keys in [numbers, strided, words] {
        for (share, seed) in [(0.5, 0), (0.25, 1), (0.01, 2), (0.1, u64::MAX)] {
            let found =
                is_test(&keys, share, seed).into_iter().filter(|&test| test).count() as f64 / n as f64;
            let bound = 5.0 * (share * (1.0 - share) / n as f64).sqrt();
            assert!((found - share).abs() < bound, "{} share {share} seed {seed}: {found}", keys.data_type());
        }
    }
    // Two seeds are independent: a quarter of a quarter is in both.
    let keys = Int64Array::from_iter_values(0..n);
    let both =
        is_test(&keys, 0.25, 0).into_iter().zip(is_test(&keys, 0.25, 1)).filter(|&(a, b)| a && b).count();
    assert!((both as f64 / n as f64 - 1.0 / 16.0).abs() < 0.004, "{both}");
}

#[test]
fn one_value_divides_twice() {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    let shuffled =
        take(&ids, &Int64Array::from_iter_values((0..10_000).map(|i| i * 7 % 10_000)), None).unwrap();
    let parts = |ids: ArrayRef| {
        let data = Dataset::new(RecordBatch::try_from_iter([("id", ids)]).unwrap()).unwrap();
        let split = HashSplit::new("id").test_share(0.2);
        let (train, validation, test) = split.three_way(&split, data).unwrap();
        let keys = |batch: &RecordBatch| {
            let ids = mlsys_core::column::floats("id", batch.column(0)).unwrap();
            let mut ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
            ids.sort_unstable();
            ids
        };
        [keys(train.batch()), keys(validation.batch()), keys(test.batch())]
    };
    let [train, validation, test] = parts(Arc::clone(&ids));
    assert!(
        (1_900..2_100).contains(&test.len()) && (1_500..1_700).contains(&validation.len()),
        "{}",
        train.len()
    );
    assert_eq!(parts(shuffled), [train, validation, test]);
}

#[test]
fn bad_keys_are_refused() {
    let table = |keys: Vec<Option<&str>>| {
        let keys: ArrayRef = Arc::new(StringArray::from(keys));
        Dataset::new(RecordBatch::try_from_iter([("key", keys)]).unwrap()).unwrap()
    };
    let data = table(vec![Some("a"), None, Some("b"), None]);
    let error = HashSplit::new("key").split(data.clone()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 2, .. }), "{error}");
    let (train, test) = HashSplit::new("key")
        .missing(MissingKey::Together)
        .test_share(0.5)
        .seed(1)
        .split(data.clone())
        .unwrap();
    let missing = |batch: &RecordBatch| batch.column(0).null_count();
    assert!([0, 2].contains(&missing(train.batch())) && missing(train.batch()) + missing(test.batch()) == 2);
    assert!(matches!(
        HashSplit::new("id").split(data.clone()).unwrap_err().kind(),
        ErrorKind::MissingColumn { .. }
    ));
    for share in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = HashSplit::new("key")
            .missing(MissingKey::Together)
            .test_share(share)
            .split(data.clone())
            .unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    }
    let error = HashSplit::new("key").split(table(vec![Some("a"); 5])).unwrap_err().to_string();
    assert!(error.contains("too few keys for this share"), "{error}");
    assert!(HashSplit::new("key").split(table(vec![])).is_err());
    let split = HashSplit::new("key").and("other").test_share(0.1).seed(7);
    let text = serde_json::to_string(&split).unwrap();
    assert_eq!(serde_json::from_str::<HashSplit>(&text).unwrap(), split);
    assert_eq!(serde_json::from_str::<HashSplit>(r#"{"keys":["key"]}"#).unwrap(), HashSplit::new("key"));
}
