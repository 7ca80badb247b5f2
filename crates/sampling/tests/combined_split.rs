//! Every constraint that is set holds, and what is left out is said.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampSecondArray};
use mlsys_core::{Dataset, ErrorKind, Folds, Split, Unsplit};
use mlsys_sampling::CombinedSplit;
use proptest::prelude::*;

fn table(times: &[i64], groups: &[i64], late: &[bool]) -> Dataset<Unsplit> {
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(TimestampSecondArray::from(times.to_vec()))),
        ("plane", Arc::new(Int64Array::from(groups.to_vec()))),
        ("late", Arc::new(BooleanArray::from(late.to_vec()))),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn all() -> CombinedSplit {
    CombinedSplit::new().stratify("late").group("plane").time("at")
}

proptest! {
    #[test]
    fn constraints_hold(
        rows in prop::collection::vec((0i64..400, 0i64..25, any::<bool>()), 20..200),
        gap in 0u64..40,
        share in 0.1f64..0.6,
        seed: u64,
    ) {
        let times: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let groups: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let late: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let data = table(&times, &groups, &late);
        let split = all().test_share(share).gap(Duration::from_secs(gap)).seed(seed);
        let Ok(sides) = split.sides(&data) else { return Ok(()) };
        let boundary = sides.test.iter().chain(&sides.torn).map(|&row| times[row]).filter(|&time| {
            sides.train.iter().chain(&sides.in_gap).all(|&row| times[row] < time)
        }).min();
        prop_assert!(boundary.is_some());
        let last = sides.train.iter().map(|&row| times[row]).max().unwrap();
        let first = sides.test.iter().map(|&row| times[row]).min().unwrap();
        prop_assert!(last + (gap as i64) < first || last < first && gap == 0, "{last} and {first} with a gap of {gap}");
        let known: BTreeSet<i64> = sides.train.iter().map(|&row| groups[row]).collect();
        prop_assert!(sides.test.iter().all(|&row| !known.contains(&groups[row])), "a group is on both sides");
        let mut rows_seen = [sides.train.clone(), sides.test.clone(), sides.in_gap.clone(), sides.torn.clone()].concat();
        rows_seen.sort_unstable();
        prop_assert_eq!(rows_seen, (0..rows.len()).collect::<Vec<_>>(), "every row is somewhere, once");
        // What is torn has its group on the other side.
        let used: BTreeSet<i64> = sides.test.iter().map(|&row| groups[row]).collect();
        prop_assert!(sides.torn.iter().all(|&row| known.contains(&groups[row]) || used.contains(&groups[row])));
        prop_assert_eq!(split.sides(&data).unwrap(), sides);
        if let Ok(folds) = split.folds(3).folds(&data.into_train_all()) {
            for fold in folds {
                let known: BTreeSet<i64> = fold.train().iter().map(|&row| groups[row]).collect();
                prop_assert!(fold.validation().iter().all(|&row| !known.contains(&groups[row])));
                let last = fold.train().iter().map(|&row| times[row]).max().unwrap();
                let first = fold.validation().iter().map(|&row| times[row]).min().unwrap();
                prop_assert!(last < first);
            }
        }
    }
}

/// 400 aircraft, each with thirty flights over a year; every fifth aircraft is late more often.
#[test]
fn shares_are_approached_where_groups_live_through_the_boundary() {
    let (mut times, mut groups, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for plane in 0..400i64 {
        for flight in 0..30i64 {
            times.push((flight * 1000 + plane * 37 % 1000) * 1000);
            groups.push(plane);
            late.push((plane * 7 + flight * 3) % 10 < if plane % 5 == 0 { 5 } else { 1 });
        }
    }
    let data = table(&times, &groups, &late);
    let sides = all().sides(&data).unwrap();
    let rate = |rows: &[usize]| rows.iter().filter(|&&row| late[row]).count() as f64 / rows.len() as f64;
    let share = sides.test.len() as f64 / (sides.train.len() + sides.test.len()) as f64;
    assert!((share - 0.25).abs() < 0.01, "{sides}");
    assert!((rate(&sides.train) - rate(&sides.test)).abs() < 0.01, "{sides}");
    // Intrinsic: x of the planes for testing give x/4 and (1 − x)·3/4 of the rows; a quarter of these is x = 1/2, so
    // half the rows are torn.
    assert!((sides.torn.len() as f64 / times.len() as f64 - 0.5).abs() < 0.02, "{sides}");
    assert_eq!(sides.to_string().split(" training").next().unwrap(), sides.train.len().to_string());
}

/// A quarter of 40 rows is 10; within a tenth of it the boundary may be 9, 10 or 11 rows before the end.
#[test]
fn a_boundary_moves_towards_equal_shares() {
    let times: Vec<i64> = (0..40).collect();
    let late: Vec<bool> = times.iter().map(|time| [0, 10, 20, 29].contains(time)).collect();
    let data = table(&times, &times, &late);
    let by_time = CombinedSplit::new().time("at").sides(&data).unwrap();
    assert_eq!(by_time.test, (30..40).collect::<Vec<_>>());
    // With 10 rows none of four late flights is for testing, with 11 one of them: 0.25 against a share of 0.275.
    let by_both = CombinedSplit::new().time("at").stratify("late").sides(&data).unwrap();
    assert_eq!(by_both.test, (29..40).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_is_refused() {
    let data = table(&[0, 1, 2, 3], &[1, 1, 1, 1], &[true, false, true, false]);
    let error = CombinedSplit::new().group("plane").rows(&data).unwrap_err().to_string();
    assert!(error.contains("two groups or more"), "{error}");
    let error = all().rows(&data).unwrap_err().to_string();
    assert!(error.contains("whose group is on the other side of the boundary"), "{error}");
    let error =
        CombinedSplit::new().time("at").gap(Duration::from_secs(9)).rows(&data).unwrap_err().to_string();
    assert!(error.contains("left out 3 in the gap"), "{error}");
    let equal = table(&[5, 5, 5, 5], &[1, 2, 3, 4], &[true, false, true, false]);
    assert!(matches!(
        CombinedSplit::new().time("at").rows(&equal).unwrap_err().kind(),
        ErrorKind::TooFewRows { .. }
    ));
    assert!(all().folds(2).folds(&equal.into_train_all()).is_err());
    let error = CombinedSplit::new().gap(Duration::from_secs(1)).rows(&data).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    let integers = CombinedSplit::new().time("plane").gap(Duration::from_secs(1)).rows(&data).unwrap_err();
    assert!(matches!(integers.kind(), ErrorKind::ColumnType { .. }), "{integers}");
    let none = table(&[], &[], &[]);
    for split in
        [CombinedSplit::new(), CombinedSplit::new().time("at"), CombinedSplit::new().group("plane"), all()]
    {
        assert!(split.rows(&none).is_err() && split.folds(2).folds(&none.clone().into_train_all()).is_err());
    }
    let text = serde_json::to_string(&all().gap(Duration::from_secs(60))).unwrap();
    assert_eq!(serde_json::from_str::<CombinedSplit>(&text).unwrap(), all().gap(Duration::from_secs(60)));
}
