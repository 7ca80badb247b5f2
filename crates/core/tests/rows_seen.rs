//! Which rows were seen: keys that follow their rows, sets that merge, and overlaps that are found.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray,
};
use mlsys_core::arrow::datatypes::{Int8Type, Int64Type};
use mlsys_core::{Comparable, Dataset, ErrorKind, RowSource, RowTracking, RowsSeen, Train, Unsplit};
use proptest::prelude::*;

const EVERY: RowTracking = RowTracking::EveryRow;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Rows of which every two neighbours hold the same.
fn twins(rows: i64) -> RecordBatch {
    let word = |row: i64| (row % 8 > 1).then(|| format!("w{}", row / 2 % 3));
    batch(vec![
        ("number", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row / 2)))),
        ("word", Arc::new((0..rows).map(word).collect::<StringArray>())),
    ])
}

fn tracked(batch: RecordBatch) -> Dataset<Unsplit> {
    Dataset::new(batch).unwrap().track_rows().unwrap()
}

fn seen(data: &Dataset<Unsplit>, tracking: RowTracking) -> RowsSeen {
    RowsSeen::of(data, tracking).unwrap()
}

fn json(seen: &RowsSeen) -> String {
    serde_json::to_string(seen).unwrap()
}

#[test]
fn keys_follow_their_rows() {
    let data = tracked(twins(100));
    let all = seen(&data, EVERY);
    assert_eq!((all.n_rows(), all.n_kept(), all.synthetic()), (100, 100, 0));
    let found = |part: &Dataset<Unsplit>, rows: &[usize]| {
        let wanted = data.take(rows).unwrap();
        assert_eq!(json(&seen(part, EVERY)), json(&seen(&wanted, EVERY)));
    };
    found(&data.slice(10, 3).unwrap().slice(1, 2).unwrap(), &[11, 12]);
    found(&data.take(&[9, 3, 5]).unwrap().take(&[2, 0]).unwrap(), &[5, 9]);
    let mask: BooleanArray = (0..100).map(|row| Some(row % 50 == 7)).collect();
    found(&data.filter(&mask).unwrap(), &[7, 57]);
    found(&data.slice(0, 1).unwrap().concat(&data.slice(50, 1).unwrap()).unwrap(), &[0, 50]);
    found(&data.slice(4, 2).unwrap().select(["word"]).unwrap(), &[4, 5]);
    found(&data.slice(4, 2).unwrap().target("number").unwrap(), &[4, 5]);
    let other = batch(vec![("z", Arc::new(Int64Array::from(vec![0, 0])))]);
    found(&data.slice(4, 2).unwrap().with_batch(other).unwrap(), &[4, 5]);
}

#[test]
fn rows_that_are_the_same_and_rows_that_look_it_are_told_apart() {
    let data = tracked(twins(1_000));
    let (train, test) =
        data.split_at_rows(&(0..501).collect::<Vec<_>>(), &(501..1_000).collect::<Vec<_>>()).unwrap();
    let train = RowsSeen::of(&train, EVERY).unwrap();
    let clean = train.overlap(&test).unwrap();
    // The twin of row 500.
    assert_eq!((clean.same.len(), clean.alike.as_slice()), (0, [0].as_slice()));
    assert_eq!((clean.identities, clean.contents), (Comparable::Fully, Comparable::Fully));
    assert_eq!(clean.share_alike.value, 1.0 / 501.0);
    assert_eq!(clean.smallest_share, 1.0 / 501.0);
    assert!(clean.false_same < 1e-9 && clean.false_same > 1e-10, "{}", clean.false_same);
    assert!(!clean.is_clean() && clean.n_rows == 499);

    // Asked twice, and in another order.
    let asked = data.take(&[700, 3, 3, 501]).unwrap();
    let found = train.overlap(&asked).unwrap();
    assert_eq!((found.same, found.alike), (vec![1, 2], vec![3]));
    assert_eq!(found.share_same.value, 1.0 / 501.0);
    assert_eq!(found.share_same.interval, None);
    // All of them, and a part.
    assert_eq!(train.overlap(&data).unwrap().share_same.value, 1.0);
    assert_eq!(train.overlap(&data.slice(0, 100).unwrap()).unwrap().same.len(), 100);
    // None.
    assert!(train.overlap(&data.slice(0, 0).unwrap()).unwrap().is_clean());
    let none = seen(&data.slice(7, 0).unwrap(), EVERY);
    assert_eq!(none, RowsSeen::none(EVERY).unwrap());
    assert!(none.overlap(&data).unwrap().is_clean());
    assert_eq!(none.smallest_share(), 0.0);
}

#[test]
fn identities_are_compared_under_one_table_or_one_id_column() {
    let (table, again) = (tracked(twins(100)), tracked(twins(100)));
    let all = seen(&table, EVERY);
    assert_eq!(all.overlap(&again.slice(90, 10).unwrap()).unwrap().same.len(), 10);

    // The same rows in another order, or fewer of them, are another table: only looks can be compared.
    let reversed: Vec<usize> = (0..100).rev().collect();
    let other = tracked(Dataset::new(twins(100)).unwrap().take(&reversed).unwrap().batch().clone());
    for other in [other, tracked(twins(99))] {
        let found = all.overlap(&other).unwrap();
        assert_eq!((found.identities, found.contents), (Comparable::No, Comparable::Fully));
        assert_eq!((found.same.len(), found.alike.len()), (0, other.n_rows()));
        assert!(found.to_string().starts_with("the same row: cannot be told\nlooks the same: "), "{found}");
        let both = RowsSeen::of(&table.concat(&other).unwrap(), EVERY).unwrap();
        assert_eq!(both.overlap(&other).unwrap().identities, Comparable::Partly);
        assert_eq!(both.overlap(&other).unwrap().same.len(), other.n_rows());
    }

    // Other columns as well: nothing can.
    let named = tracked(twins(100).project(&[0]).unwrap());
    let error = all.overlap(&named).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }) && error.to_string().contains("id column"));
    assert!(all.overlap(&named.slice(0, 0).unwrap()).unwrap().is_clean());

    let with_id = |ids: Vec<i64>, values: Vec<f64>| {
        let table =
            batch(vec![("id", Arc::new(Int64Array::from(ids))), ("x", Arc::new(Float64Array::from(values)))]);
        Dataset::new(table).unwrap().id("id").unwrap().track_rows().unwrap()
    };
    let one = seen(&with_id(vec![1, 2, 3], vec![0.1, 0.2, 0.3]), EVERY);
    assert_eq!(one.sources().iter().collect::<Vec<_>>(), [&RowSource::Id("id".into())]);
    // Row 3 has changed, row 9 looks like row 1.
    let found = one.overlap(&with_id(vec![9, 3, 8], vec![0.1, 0.7, 0.8])).unwrap();
    assert_eq!((found.identities, found.same, found.alike), (Comparable::Fully, vec![1], vec![0]));

    let missing = batch(vec![
        ("id", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("x", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    let error = Dataset::new(missing).unwrap().id("id").unwrap().track_rows().unwrap_err();
    assert_eq!(error.column(), Some("id"));
    assert!(error.to_string().starts_with("tracking rows: column `id` has 1 missing value;"), "{error}");
}

#[test]
fn what_cannot_be_tracked_says_why() {
    let data = Dataset::new(twins(10)).unwrap();
    assert!(!data.is_tracked() && data.clone().track_rows().unwrap().is_tracked());
    let untracked = RowsSeen::of(&data, EVERY).unwrap_err().to_string();
    assert_eq!(
        untracked,
        "telling which rows are seen needs rows that are tracked: call `track_rows()` on the dataset before it is divided"
    );
    assert!(seen(&tracked(twins(10)), EVERY).overlap(&data).is_err());
    let k = RowsSeen::of(&tracked(twins(10)), RowTracking::Sketch { k: 0 }).unwrap_err();
    assert!(matches!(k.kind(), ErrorKind::InvalidParameter { .. }));
    assert!(RowTracking::seeing(0.0).is_err() && RowTracking::seeing(f64::NAN).is_err());
    let nested = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)])]);
    let error = Dataset::new(batch(vec![("list", Arc::new(nested))])).unwrap().track_rows().unwrap_err();
    assert_eq!(error.column(), Some("list"));
    assert!(Dataset::new(twins(1).project(&[]).unwrap()).unwrap().track_rows().is_err());
}

#[test]
fn made_rows_are_counted_and_not_kept() {
    let train = tracked(twins(20)).into_train_all();
    let made = train.take(&[3, 4, 5, 5]).unwrap();
    // Row 3 twice and row 19, and a row of the resampler's own.
    let first = train.resampled(made.batch().clone(), vec![3, 3, 19]).unwrap();
    let again = first.resampled(made.batch().clone(), vec![1 << 63, 19]).unwrap();
    let first = RowsSeen::of(&first, EVERY).unwrap();
    assert_eq!((first.n_rows(), first.n_kept(), first.synthetic()), (3, 2, 1));
    assert_eq!(first.overlap(&train).unwrap().same, [3, 19]);
    let counted = RowsSeen::of(&again, EVERY).unwrap();
    assert_eq!((counted.n_rows(), counted.synthetic()), (1, 3));
    let looked_up = first.overlap(&again).unwrap();
    assert_eq!((looked_up.same, looked_up.n_rows, looked_up.synthetic), (vec![1], 1, 3));
    assert!(train.resampled(made.batch().clone(), vec![20]).is_err());
}

#[test]
fn encodings_orders_and_threads_give_the_same_bytes() {
    let words = ["a", "b", "a", "c"];
    let plain = batch(vec![
        ("n", Arc::new(Int32Array::from(vec![1, 2, 3, 4])) as ArrayRef),
        ("w", Arc::new(StringArray::from(words.to_vec()))),
    ]);
    let keyed: DictionaryArray<Int8Type> = words.into_iter().collect();
    let other = batch(vec![
        ("w", Arc::new(keyed)),
        ("n", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as ArrayRef),
    ]);
    let (plain, other) = (tracked(plain), tracked(other));
    assert_eq!(json(&seen(&plain, EVERY)), json(&seen(&other.take(&[2, 0, 3, 1]).unwrap(), EVERY)));

    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| json(&seen(&tracked(twins(20_000)), RowTracking::default())))
    };
    assert_eq!(bytes(1), bytes(2));
    assert_eq!(bytes(1), bytes(7));
}

/// A sketch of k rows sees an overlap of a share f with probability 1-(1-f)^k: 400 tables, each a trial.
#[test]
fn a_sketch_sees_what_it_promises() {
    let (mut seen_by, mut expected, mut covered, trials) = (0, 0.0, 0, 400);
    for trial in 0..trials {
        let table = batch(vec![(
            "x",
            Arc::new(Int64Array::from_iter_values(trial * 10_000..trial * 10_000 + 3_000)),
        )]);
        let data = tracked(table);
        let sketch = seen(&data, RowTracking::Sketch { k: 60 });
        // A share of 2% of the rows.
        let found = sketch.overlap(&data.slice(0, 60).unwrap()).unwrap();
        seen_by += usize::from(!found.same.is_empty());
        let (low, high) = found.share_same.interval.unwrap();
        covered += usize::from(low <= 0.02 && 0.02 <= high);
        assert!(found.alike.is_empty());
        expected = 1.0 - 0.98f64.powi(60);
    }
    let share = seen_by as f64 / trials as f64;
    let error = (expected * (1.0 - expected) / trials as f64).sqrt();
    assert!((share - expected).abs() < 4.0 * error, "{share} for {expected}");
    assert!(covered as f64 / trials as f64 > 0.9, "{covered}");
    let sketch = seen(&tracked(twins(5_000)), RowTracking::default());
    assert!((sketch.smallest_share() - 0.01).abs() < 1e-4);
}

#[test]
fn a_sketch_estimates_looks_too() {
    let odd_of = |data: &Dataset<Unsplit>, odd: usize| {
        data.take(&(0..data.n_rows() / 2).map(|row| 2 * row + odd).collect::<Vec<_>>()).unwrap()
    };
    let mut covered = 0;
    for rows in (0..40).map(|i| 8_000 + 8 * i) {
        let data = tracked(twins(rows));
        let (even, odd) = (odd_of(&data, 0), odd_of(&data, 1));
        let found =
            seen(&even, RowTracking::default()).overlap(&odd.slice(0, odd.n_rows() / 4).unwrap()).unwrap();
        let (low, high) = found.share_alike.interval.unwrap();
        covered += usize::from(low <= 0.25 && 0.25 <= high);
        assert!(found.same.is_empty());
        assert_eq!(found.alike.len(), (found.share_alike.value * 459.0).round() as usize);
    }
    assert!(covered >= 36, "{covered}");
    let data = tracked(twins(2_000));
    let (even, odd) = (odd_of(&data, 0), odd_of(&data, 1));
    // Fewer rows than it could hold: it holds them all.
    let few = seen(&even.slice(0, 400).unwrap(), RowTracking::default());
    assert_eq!(few.overlap(&odd.slice(0, 100).unwrap()).unwrap().share_alike.value, 0.25);
    assert_eq!(few.overlap(&even.slice(0, 100).unwrap()).unwrap().share_same.interval, None);
}

fn tracking(k: u32) -> RowTracking {
    if k == 0 { EVERY } else { RowTracking::Sketch { k } }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn states_merge_in_any_order(
        rows in prop::collection::vec(0usize..300, 0..200),
        cuts in prop::collection::vec(0usize..200, 2),
        k in 0u32..40, l in 0u32..40, m in 0u32..40,
    ) {
        let data = tracked(twins(300));
        let mut cuts = cuts;
        cuts.sort_unstable();
        let (a, b) = (cuts[0].min(rows.len()), cuts[1].min(rows.len()));
        let of = |rows: &[usize], k| seen(&data.take(rows).unwrap(), tracking(k));
        let merged = |parts: [&RowsSeen; 3]| {
            let mut first = parts[0].clone();
            first.merge(parts[1]);
            first.merge(parts[2]);
            first
        };
        let parts = [of(&rows[..a], k), of(&rows[a..b], l), of(&rows[b..], m)];
        let [x, y, z] = &parts;
        let all = merged([x, y, z]);
        prop_assert_eq!(&merged([z, x, y]), &all);
        let mut right = y.clone();
        right.merge(z);
        let mut left = x.clone();
        left.merge(&right);
        prop_assert_eq!(&left, &all);
        let least = [k, l, m].into_iter().filter(|&k| k > 0).min().unwrap_or(0);
        prop_assert_eq!(json(&of(&rows, least)), json(&all));
        let mut neutral = RowsSeen::none(EVERY).unwrap();
        neutral.merge(&all);
        prop_assert_eq!(&neutral, &all);
        prop_assert_eq!(serde_json::from_str::<RowsSeen>(&json(&all)).unwrap(), all);
    }

    #[test]
    fn overlap_agrees_with_sets(
        train in prop::collection::vec(0usize..60, 0..60),
        test in prop::collection::vec(0usize..60, 0..60),
    ) {
        let data = tracked(twins(60));
        let found = seen(&data.take(&train).unwrap(), EVERY).overlap(&data.take(&test).unwrap()).unwrap();
        let rows = |hit: &dyn Fn(usize) -> bool| (0..test.len()).filter(|&i| hit(test[i])).collect::<Vec<_>>();
        prop_assert_eq!(found.same, rows(&|row| train.contains(&row)));
        prop_assert_eq!(found.alike, rows(&|row| !train.contains(&row) && train.contains(&(row ^ 1))));
    }

    #[test]
    fn damaged_states_are_errors_or_values(at in 0usize..10_000, byte in any::<u8>(), k in 0u32..20) {
        let text = json(&seen(&tracked(twins(50)), tracking(k)));
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(seen) = serde_json::from_slice::<RowsSeen>(&bytes) {
            let _ = seen.overlap(&tracked(twins(50)));
            prop_assert_eq!(&serde_json::from_str::<RowsSeen>(&json(&seen)).unwrap(), &seen);
        }
    }
}

#[test]
fn training_rows_can_be_resampled_without_keys_as_before() {
    let train: Dataset<Train> = Dataset::new(twins(4)).unwrap().into_train_all();
    let rows = train.batch().clone();
    assert_eq!(train.resampled(rows, vec![77]).unwrap().row_ids()[0], 77);
}
