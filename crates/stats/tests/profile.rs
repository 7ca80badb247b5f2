//! Profiles beyond what is kept exactly, and what can be done with their reports.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlsys_core::hash::hash_u64;
use mlsys_core::statistic::{summarize, summarize_by};
use mlsys_core::{Category, Dataset};
use mlsys_stats::{Counts, Profile, ProfileReport, Quantiles};

/// A number, a word and a time per row, each of about `distinct` values; a fifth of the words are one.
fn table(rows: std::ops::Range<u64>, distinct: u64) -> RecordBatch {
    let draw = |row: u64, stream: u64| hash_u64(row, stream) % distinct;
    let word = |row: u64| match row % 5 {
        0 => "often".to_owned(),
        _ => format!("word {}", draw(row, 2)),
    };
    let columns: [(&str, ArrayRef); 3] = [
        ("number", Arc::new(Float64Array::from_iter_values(rows.clone().map(|r| draw(r, 1) as f64 / 8.0)))),
        ("word", Arc::new(StringArray::from_iter_values(rows.clone().map(word)))),
        (
            "when",
            Arc::new(TimestampSecondArray::from_iter_values(rows.map(|r| draw(r, 3) as i64 % (1 << 37)))),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn profile(recipe: &Profile, batch: RecordBatch) -> ProfileReport {
    summarize(recipe, &Dataset::new(batch).unwrap()).unwrap()
}

fn small() -> Profile {
    Profile::new().quantiles(Quantiles::new().exact_up_to(500)).counts(Counts::new().cap(500))
}

#[test]
fn what_is_too_much_to_keep_is_estimated_the_same_way_on_any_path() {
    let whole = profile(&small(), table(0..100_000, 20_000));
    for column in &whole.columns {
        // The values are no longer kept, but their hashes are.
        assert!(column.quantiles.as_ref().is_none_or(|q| q.distinct().is_none()), "{}", column.name);
        assert!(column.counts.as_ref().is_none_or(|c| c.values.is_none()), "{}", column.name);
        let seen = column.distinct().unwrap() as f64;
        assert!((0.95 * 20_000.0..=20_001.0).contains(&seen), "{seen}");
    }
    let top = whole.column("word").unwrap().heavy_hitters.as_ref().unwrap();
    assert_eq!(top.values[0].value, Category::from("often"));
    assert!(top.values[0].weight <= 20_000.0 && 20_000.0 <= top.values[0].weight + top.error);
    // In parts: some below the limits, some above.
    for cuts in [vec![0, 300, 700, 100_000], vec![0, 50_000, 50_010, 100_000]] {
        let parts = cuts.windows(2).map(|w| profile(&small(), table(w[0]..w[1], 20_000)));
        let merged = parts.reduce(|a, b| a.merge(&b).unwrap()).unwrap();
        assert_eq!(merged.n_rows(), 100_000);
        for (a, b) in whole.columns.iter().zip(&merged.columns) {
            assert_eq!(a.distinct_estimate(), b.distinct_estimate(), "{}", a.name);
            assert_eq!((&a.min, &a.max), (&b.min, &b.max));
        }
    }
}

#[test]
fn millions_of_values_are_estimated() {
    let many = profile(&small(), table(0..1_200_000, 1 << 40));
    for column in &many.columns {
        assert_eq!(column.distinct(), None, "{}", column.name);
        let (estimate, error) = column.distinct_estimate().unwrap();
        let truth = if column.name == "word" { 960_001.0 } else { 1_200_000.0 };
        assert!((estimate / truth - 1.0).abs() < 0.03 && (0.005..0.01).contains(&error), "{estimate}");
    }
    assert!(many.to_string().contains('~'));
}

#[test]
fn reports_are_stored_and_loaded() {
    for recipe in [Profile::new(), small()] {
        let report = profile(&recipe, table(0..5_000, 3_000));
        let mut bytes = Vec::new();
        ciborium::into_writer(&report, &mut bytes).unwrap();
        let loaded: ProfileReport = ciborium::from_reader(bytes.as_slice()).unwrap();
        assert_eq!(loaded, report);
        let more = profile(&recipe, table(5_000..6_000, 3_000));
        assert_eq!(loaded.merge(&more).unwrap().n_rows(), 6_000);
    }
    let error =
        profile(&small(), table(0..10, 5)).merge(&profile(&Profile::new(), table(0..10, 5))).unwrap_err();
    assert!(error.to_string().contains("settings"), "{error}");
}

#[test]
fn reports_are_compared_also_by_group() {
    let before = profile(&Profile::new(), table(0..5_000, 50));
    let now = profile(&Profile::new(), table(5_000..9_000, 60));
    let changes = before.compare(&now);
    assert_eq!((changes.rows, changes.columns.len()), ((5_000, 4_000), 3));
    let ks = changes.columns[0].ks.unwrap();
    assert!((ks.statistic - 1.0 / 6.0).abs() < 0.04 && ks.bound == 0.0, "{ks:?}");
    assert!((changes.columns[1].new_values.unwrap() - 0.8 / 6.0).abs() < 0.03);
    assert!(changes.columns[2].jensen_shannon.unwrap() > 0.01);
    let text = changes.to_string();
    assert!(text.contains("number") && text.lines().count() == 5, "{text}");

    let mut columns = table(0..10, 5).columns().to_vec();
    let other =
        RecordBatch::try_from_iter([("number", columns.remove(1)), ("new", columns.remove(0))]).unwrap();
    let changes = before.compare(&profile(&Profile::new(), other));
    assert_eq!((changes.removed.len(), changes.added.as_slice()), (2, ["new".to_owned()].as_slice()));
    assert!(changes.columns[0].types.is_some() && changes.columns[0].ks.is_none());

    let data = Dataset::new(table(0..2_000, 4)).unwrap();
    let groups = summarize_by(&Profile::new(), &data, "number").unwrap();
    assert_eq!(groups.len(), 4);
    let all = groups.values().cloned().reduce(|a, b| a.merge(&b).unwrap()).unwrap();
    assert_eq!(
        all.column("word").unwrap().counts,
        profile(&Profile::new(), data.batch().clone()).column("word").unwrap().counts
    );
}
