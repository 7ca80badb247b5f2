//! Purging, embargoes, windows of time and the bootstrap: by hand, and against the definitions.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlsys_core::{Coded, Dataset, ErrorKind, Folds, Split, Unsplit};
use mlsys_sampling::{
    BootstrapFolds, CombinatorialPurgedFolds, GroupTimeSplit, KFold, LeaveOneGroupOut, LeavePGroupsOut,
    PredefinedFolds, PredefinedSplit, Purged, Repeated, TimeSplit, WindowFolds, bootstrap_folds,
    combinatorial_purged_folds, group_time_split, iterative_stratification, purge, quantile_bins,
    window_folds,
};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000_000_000;

fn hours(n: u64) -> Duration {
    Duration::from_secs(3600 * n)
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Dataset<Unsplit> {
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn seconds(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampSecondArray::from_iter_values(values))
}

/// Ten days, labels open for two days: [0, 2], [1, 3], .., [9, 11]. Days 4 and 5 are held back: [4, 6] and [5, 7],
/// together [4, 7]. Overlapping are the labels that end at 4 or later and start at 7 or earlier: days 2, 3, 6 and 7.
/// An embargo of one takes day 8.
#[test]
fn purge_and_embargo_by_hand() {
    let labels: Vec<(i64, i64)> = (0..10).map(|day| (day, day + 2)).collect();
    let train = [0, 1, 2, 3, 6, 7, 8, 9];
    assert_eq!(purge(&train, &[4, 5], &labels, 0).unwrap(), [0, 1, 8, 9]);
    assert_eq!(purge(&train, &[4, 5], &labels, 1).unwrap(), [0, 1, 9]);
    assert_eq!(purge(&train, &[4, 5], &labels, u64::MAX).unwrap(), [0, 1]);
    // A label that encloses the held back one overlaps it too.
    assert_eq!(purge(&[0], &[1], &[(0, 9), (4, 5)], 0).unwrap(), [0; 0]);
    // Two blocks with a hole: labels [0, 1] and [8, 9] are held back, [4, 5] may train.
    assert_eq!(purge(&[1, 3], &[0, 2], &[(0, 1), (4, 5), (8, 9), (9, 10)], 0).unwrap(), [1]);
}

#[test]
fn slices_that_do_not_fit_are_refused() {
    assert!(purge(&[0], &[2], &[(0, 1), (1, 2)], 0).is_err());
    let labels = [vec![true, false]];
    assert!(iterative_stratification(&labels, &[0.5, 0.5], &[0, 0]).is_err());
    assert!(iterative_stratification(&labels, &[0.5, 0.5], &[0, 2]).is_err());
    assert!(iterative_stratification(&labels, &[0.5, 0.5], &[0]).is_err());
    assert!(iterative_stratification(&labels, &[], &[0, 1]).is_err());
    assert_eq!(iterative_stratification(&[], &[0.5, 0.5], &[1, 0]).unwrap(), [1, 0]);
    assert!(quantile_bins(&[], 2).unwrap().is_empty() && quantile_bins(&[1.0], 1).is_err());
    assert!(quantile_bins(&[1.0, f64::NAN], 2).is_err() && quantile_bins(&[1.0], usize::MAX).is_err());
    assert!(bootstrap_folds(5, usize::MAX, 0).is_err());
    let train = table(vec![("x", Arc::new(Int64Array::from_iter_values(0..20_000)))])
        .group("x")
        .unwrap()
        .into_train_all();
    assert!(Repeated::new(KFold::new(2), usize::MAX).folds(&train).is_err());
    assert!(
        PredefinedFolds::new("x").folds(&train).is_err() && LeaveOneGroupOut::new().folds(&train).is_err()
    );
    assert!(LeavePGroupsOut::new(10_000).folds(&train).is_err());
}

#[test]
fn a_time_split_is_purged() {
    let (from, to) = (seconds((0..10).map(|h| 3600 * h)), seconds((0..10).map(|h| 3600 * (h + 2))));
    let data = table(vec![("from", from), ("to", to)]).time("from").unwrap();
    let split = Purged::new(TimeSplit::last_share(0.3), "from", "to");
    // Hours 7 to 9 are for testing; labels that end at 7 or later, from hours 5 and 6, are purged.
    assert_eq!(split.rows(&data).unwrap(), (vec![0, 1, 2, 3, 4], vec![7, 8, 9]));
    let folds = Purged::new(KFold::new(5), "from", "to")
        .embargo(hours(1))
        .folds(&data.clone().into_train_all())
        .unwrap();
    // Hours 4 and 5, labels from 4 to 7: hours 2, 3, 6 and 7 overlap, hour 8 is under embargo.
    assert_eq!((folds[2].train(), folds[2].validation()), ([0, 1, 9].as_slice(), [4, 5].as_slice()));
    let swapped = Purged::new(KFold::new(5), "to", "from").folds(&data.clone().into_train_all()).unwrap_err();
    assert!(matches!(swapped.kind(), ErrorKind::InvalidValue { row: Some(0), .. }), "{swapped}");
    let all = Purged::new(TimeSplit::last_share(0.3), "from", "to").embargo(Duration::MAX);
    assert!(all.rows(&data).is_ok(), "an embargo is after the rows held back");
    let everything = table(vec![("a", seconds([0, 0, 0])), ("b", seconds([9, 9, 9]))]);
    let error = Purged::new(KFold::new(3), "a", "b").folds(&everything.into_train_all()).unwrap_err();
    assert!(error.to_string().contains("labels of all 2 training rows overlap"), "{error}");
    let integers = table(vec![
        ("a", Arc::new(Int64Array::from(vec![0, 1, 2]))),
        ("b", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
    ]);
    let error = Purged::new(KFold::new(3), "a", "a")
        .embargo(hours(1))
        .folds(&integers.clone().into_train_all())
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    let error = Purged::new(KFold::new(3), "a", "b").folds(&integers.into_train_all()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingValues { count: 1, .. }), "{error}");
}

/// Six blocks of two days and two of them at a time: 15 folds, 5 paths (López de Prado 2018, section 12.4.1). Labels
/// last a day.
#[test]
fn combinatorial_folds_by_hand() {
    let days: Vec<i64> = (0..12).collect();
    let labels: Vec<(i64, i64)> = days.iter().map(|&day| (day, day + 1)).collect();
    let folds = combinatorial_purged_folds(&days, &labels, 6, 2, 1).unwrap();
    assert_eq!((folds.len(), CombinatorialPurgedFolds::new(6, 2).n_paths()), (15, 5));
    assert!((0..12).all(|day| folds.iter().filter(|fold| fold.validation().contains(&day)).count() == 5));
    // Blocks 0 and 3, days 0, 1, 6 and 7: labels [0, 2] and [6, 8], to 3 and 9 with the embargo. Day 5 is open at 6;
    // days 2, 3, 8 and 9 follow.
    assert_eq!((folds[2].validation(), folds[2].train()), ([0, 1, 6, 7].as_slice(), [4, 10, 11].as_slice()));
    assert_eq!(CombinatorialPurgedFolds::new(10, 3).n_paths(), 36);
    assert_eq!(CombinatorialPurgedFolds::new(0, 0).n_paths(), 0);
    // Equal times are in one block, and a block that they leave without rows is an error.
    let point = |time: &i64| (*time, *time);
    let tied = [1, 1, 1, 2, 3, 4];
    let folds =
        combinatorial_purged_folds(&tied, &tied.iter().map(point).collect::<Vec<_>>(), 2, 1, 0).unwrap();
    assert_eq!(folds[0].validation(), [0, 1, 2]);
    let equal = [5; 6];
    assert!(
        combinatorial_purged_folds(&equal, &equal.iter().map(point).collect::<Vec<_>>(), 2, 1, 0).is_err()
    );
    assert!(
        combinatorial_purged_folds(&[], &[], 2, 1, 0).is_err()
            && combinatorial_purged_folds(&[1], &[], 2, 1, 0).is_err()
    );
}

#[test]
fn windows_by_hand() {
    // Hours 0 to 9, without 4 and 5.
    let times: Vec<i64> = [0, 1, 2, 3, 6, 7, 8, 9].map(|hour| hour * HOUR).to_vec();
    let sides = |recipe: WindowFolds| -> Vec<(Vec<usize>, Vec<usize>)> {
        let folds = window_folds(&times, &recipe).unwrap();
        folds.iter().map(|fold| (fold.train().to_vec(), fold.validation().to_vec())).collect()
    };
    // Validated from 2, 4, 6 and 8 on: [4, 6) has no rows, and so has the training window before 6.
    assert_eq!(
        sides(WindowFolds::sliding(hours(2), hours(2))),
        [(vec![0, 1], vec![2, 3]), (vec![4, 5], vec![6, 7])]
    );
    assert_eq!(
        sides(WindowFolds::expanding(hours(2), hours(2))),
        [(vec![0, 1], vec![2, 3]), (vec![0, 1, 2, 3], vec![4, 5]), (vec![0, 1, 2, 3, 4, 5], vec![6, 7])]
    );
    // From 3 on, with the hour before it left out; then from 8 on, where training hours are 5 and 6.
    assert_eq!(
        sides(WindowFolds::sliding(hours(2), hours(1)).gap(hours(1)).step(hours(5))),
        [(vec![0, 1], vec![3]), (vec![4], vec![6])]
    );
    let long = window_folds(&times, &WindowFolds::sliding(hours(50), hours(1))).unwrap_err();
    assert!(matches!(long.kind(), ErrorKind::TooFewRows { .. }), "{long}");
    let endless =
        window_folds(&times, &WindowFolds::sliding(Duration::MAX, Duration::MAX).gap(Duration::MAX));
    assert!(endless.is_err());
    assert!(window_folds(&[7; 5], &WindowFolds::sliding(hours(1), hours(1))).is_err(), "all times are equal");
    assert!(window_folds(&[i64::MIN, i64::MAX], &WindowFolds::sliding(hours(1), hours(1))).is_err());
    let integers = table(vec![("t", Arc::new(Int64Array::from(vec![1, 2, 3])))]).time("t").unwrap();
    let error = WindowFolds::sliding(hours(1), hours(1)).folds(&integers.into_train_all()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
}

#[test]
fn new_groups_in_the_future() {
    let groups =
        Coded::new("g", &StringArray::from(vec![Some("a"), Some("b"), Some("a"), Some("c"), None])).unwrap();
    assert_eq!(group_time_split(&groups, &[0, 1, 2, 3, 4], 2, 0), (vec![0, 1], vec![3]));
    // Row 1 is in the gap: not trained on, and yet its group is known.
    assert_eq!(group_time_split(&groups, &[0, 1, 2, 3, 4], 2, 1), (vec![0], vec![3]));
    let data =
        table(vec![("t", seconds(0..4)), ("g", Arc::new(StringArray::from(vec!["a", "b", "a", "b"])))]);
    let error = GroupTimeSplit::new(TimeSplit::last_share(0.5))
        .rows(&data.time("t").unwrap().group("g").unwrap())
        .unwrap_err();
    assert!(
        error.to_string().contains("none of the 2 rows from the boundary on is of a new group"),
        "{error}"
    );
}

#[test]
fn predefined_parts() {
    let part: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 2, 1, 0]));
    let data = table(vec![("part", part)]);
    let split = PredefinedSplit::new("part", "1");
    assert_eq!(split.rows(&data).unwrap(), (vec![0, 2, 4], vec![1, 3]));
    assert_eq!(split.leave_out("0").rows(&data).unwrap(), (vec![2], vec![1, 3]));
    let error = PredefinedSplit::new("part", "test").rows(&data).unwrap_err();
    assert!(error.to_string().contains("it has: 0, 1, 2"), "{error}");
    let gaps = table(vec![(
        "fold",
        Arc::new(Int64Array::from(vec![Some(1), None, Some(-1), Some(0), Some(1)])) as _,
    )]);
    assert!(matches!(
        PredefinedSplit::new("fold", "1").rows(&gaps).unwrap_err().kind(),
        ErrorKind::MissingValues { .. }
    ));
    let folds = PredefinedFolds::new("fold").folds(&gaps.into_train_all()).unwrap();
    assert_eq!((folds[0].validation(), folds[1].validation()), ([3].as_slice(), [0, 4].as_slice()));
    assert_eq!(folds[0].train(), [0, 1, 2, 4], "rows without a fold are trained on");
}

#[test]
fn replicates_are_drawn_with_replacement() {
    let folds = bootstrap_folds(50, 200, 3).unwrap();
    for fold in &folds {
        assert_eq!(fold.train().len(), 50);
        assert!((0..50).all(|row| fold.train().contains(&row) != fold.validation().contains(&row)));
    }
    // Each row is out of the bag with chance (49/50)^50 = 0.364: of 10,000 cases, five standard deviations are 240.
    let out: usize = folds.iter().map(|fold| fold.validation().len()).sum();
    assert!((3_400..3_880).contains(&out), "{out}");
    assert_eq!(bootstrap_folds(2, 50, 0).unwrap().len(), 50);
    assert!(bootstrap_folds(1, 1, 0).is_err() && bootstrap_folds(5, 0, 0).is_err());
    let train = table(vec![("x", Arc::new(Int64Array::from_iter_values(0..9)))]).into_train_all();
    let (fit, _) = train.fold(&BootstrapFolds::new(1).folds(&train).unwrap()[0]).unwrap();
    assert_eq!(fit.n_rows(), 9);
    let repeated = Repeated::new(BootstrapFolds::new(2), 2).folds(&train).unwrap();
    assert_ne!(repeated[0], repeated[2]);
}

proptest! {
    #[test]
    fn purge_keeps_what_overlaps_nothing(
        labels in prop::collection::vec((0i64..60, 0i64..8), 2..60),
        cut in 1usize..59,
        embargo in 0u64..6,
    ) {
        let labels: Vec<(i64, i64)> = labels.into_iter().map(|(start, length)| (start, start + length)).collect();
        let cut = cut.min(labels.len() - 1);
        let (train, test): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|row| *row >= cut);
        let overlaps = |a: usize, b: usize| {
            let ((s, e), (from, to)) = (labels[a], labels[b]);
            s <= to && e >= from || s > to && s <= to + embargo as i64
        };
        let naive: Vec<usize> =
            train.iter().copied().filter(|&row| !test.iter().any(|&other| overlaps(row, other))).collect();
        prop_assert_eq!(purge(&train, &test, &labels, embargo).unwrap(), naive);
    }

    #[test]
    fn bins_are_nearly_equal(values in prop::collection::vec(-50i32..50, 1..200), bins in 2usize..8) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let coded = quantile_bins(&values, bins).unwrap();
        prop_assert!(coded.distinct.len() <= bins);
        for a in 0..values.len() {
            for b in 0..values.len() {
                prop_assert!(values[a] > values[b] || coded.codes[a] <= coded.codes[b], "bins follow the order");
            }
        }
    }

    /// Sechidis et al. state no bound; with labels that do not overlap each share is met to a row.
    #[test]
    fn labels_keep_their_shares(kinds in prop::collection::vec(0usize..4, 30..200), k in 2usize..5) {
        let labels: Vec<Vec<bool>> = (0..3).map(|label| kinds.iter().map(|&kind| kind == label).collect()).collect();
        let order: Vec<usize> = (0..kinds.len()).collect();
        let parts = iterative_stratification(&labels, &vec![1.0 / k as f64; k], &order).unwrap();
        for label in &labels {
            let count = |part: u32| (0..kinds.len()).filter(|&row| label[row] && parts[row] == part).count();
            let counts: Vec<usize> = (0..k as u32).map(count).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }
}
