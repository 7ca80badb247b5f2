//! What holds for every split, and what is refused.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlsys_core::{Coded, Dataset, ErrorKind, Fold, Folds, Split, Unsplit};
use mlsys_sampling::{
    EqualTimes, KFold, RandomSplit, Shuffle, StratifiedKFold, StratifiedSplit, TimeSeriesFolds, TimeSplit,
    k_fold, random_split, stratified_k_fold, stratified_split, time_series_folds, time_split,
};
use proptest::prelude::*;

fn coded(labels: &[u8]) -> Coded {
    Coded::new("y", &Int64Array::from_iter_values(labels.iter().map(|&y| i64::from(y)))).unwrap()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Dataset<Unsplit> {
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

/// Disjoint and, with `n` rows in all, exhaustive.
fn assert_partition(train: &[usize], test: &[usize], n: usize) {
    let mut all = [train, test].concat();
    all.sort_unstable();
    assert_eq!(all, (0..n).collect::<Vec<_>>());
}

fn assert_folds(folds: &[Fold], n: usize) {
    let mut seen: Vec<usize> = folds.iter().flat_map(|f| f.validation().to_vec()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..n).collect::<Vec<_>>(), "each row is validated on once");
    let sizes: Vec<usize> = folds.iter().map(|f| f.validation().len()).collect();
    folds.iter().for_each(|f| assert_partition(f.train(), f.validation(), n));
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
}

proptest! {
    #[test]
    fn random_splits_partition(n in 2usize..300, share in 0.01f64..0.99, seed: u64) {
        if let Ok((train, test)) = random_split(n, share, seed) {
            assert_partition(&train, &test, n);
            prop_assert_eq!(test.len(), (share * n as f64).ceil() as usize);
            prop_assert_eq!(random_split(n, share, seed).unwrap(), (train, test));
        } else {
            prop_assert!((share * n as f64).ceil() as usize >= n);
        }
    }

    #[test]
    fn stratified_splits_keep_shares(labels in prop::collection::vec(0u8..4, 40..200), seed: u64) {
        let classes = coded(&labels);
        let Ok((train, test)) = stratified_split(&classes, 0.3, seed) else { return Ok(()) };
        assert_partition(&train, &test, labels.len());
        for class in 0..4 {
            let count = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == class).count();
            let exact = (count(&train) + count(&test)) as f64 * test.len() as f64 / labels.len() as f64;
            prop_assert!((count(&test) as f64 - exact).abs() < 1.0);
        }
    }

    #[test]
    fn folds_partition(n in 2usize..120, k in 2usize..8, seed: u64) {
        prop_assume!(k <= n);
        for shuffle in [Shuffle::Off, Shuffle::On] {
            assert_folds(&k_fold(n, k, shuffle, seed).unwrap(), n);
        }
    }

    #[test]
    fn stratified_folds_partition_every_class(labels in prop::collection::vec(0u8..3, 30..120), k in 2usize..5, seed: u64) {
        for shuffle in [Shuffle::Off, Shuffle::On] {
            let Ok(folds) = stratified_k_fold(&coded(&labels), k, shuffle, seed) else { return Ok(()) };
            assert_folds(&folds, labels.len());
            for class in 0..3 {
                let count = |f: &Fold| f.validation().iter().filter(|&&row| labels[row] == class).count();
                let counts: Vec<usize> = folds.iter().map(count).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
            }
        }
    }

    #[test]
    fn time_is_never_reversed(times in prop::collection::vec(-50i64..50, 12..150), k in 2usize..6, gap in 0usize..4) {
        for ties in [EqualTimes::Split, EqualTimes::Together] {
            let recipe = TimeSeriesFolds::new(k).gap(gap).equal_times(ties);
            let Ok(folds) = time_series_folds(&times, &recipe) else { continue };
            prop_assert_eq!(folds.len(), k);
            for fold in &folds {
                let last = fold.train().iter().map(|&row| times[row]).max().unwrap();
                let first = fold.validation().iter().map(|&row| times[row]).min().unwrap();
                prop_assert!(last <= first && (ties == EqualTimes::Split || last < first));
            }
            for pair in folds.windows(2) {
                prop_assert!(pair[0].validation().iter().all(|row| !pair[1].validation().contains(row)));
            }
        }
    }

    #[test]
    fn time_splits_leave_out_the_gap_only(times in prop::collection::vec(-50i64..50, 0..100), at in -60i64..60, gap in 0u64..20) {
        let (train, test) = time_split(&times, at, gap);
        prop_assert!(test.iter().all(|&row| times[row] >= at));
        prop_assert!(train.iter().all(|&row| times[row] < at - gap as i64));
        let left_out = times.iter().filter(|&&t| t < at && t >= at - gap as i64).count();
        prop_assert_eq!(train.len() + test.len() + left_out, times.len());
    }
}

#[test]
fn a_gap_is_a_duration() {
    let hours = TimestampSecondArray::from_iter_values((0..10).map(|h| h * 3600));
    let data = table(vec![("t", Arc::new(hours))]).time("t").unwrap();
    let split = TimeSplit::at("1970-01-01T06:00Z").gap(Duration::from_secs(2 * 3600));
    let (train, test) = split.split(data.clone()).unwrap();
    assert_eq!((train.row_ids(), test.row_ids()), (vec![0, 1, 2, 3], vec![6, 7, 8, 9]));
    let endless = TimeSplit::at("1970-01-01T06:00Z").gap(Duration::MAX).split(data).unwrap_err();
    assert!(matches!(endless.kind(), ErrorKind::TooFewRows { .. }), "{endless}");
}

#[test]
fn equal_times_stay_together_in_a_last_share() {
    let days = Date32Array::from(vec![1, 2, 2, 2, 3]);
    let data = table(vec![("d", Arc::new(days))]).time("d").unwrap();
    let (train, test) = TimeSplit::last_share(0.4).split(data).unwrap();
    assert_eq!((train.row_ids(), test.row_ids()), (vec![0], vec![1, 2, 3, 4]));
}

#[test]
fn equal_times_stay_together_in_folds() {
    let recipe = TimeSeriesFolds::new(2).equal_times(EqualTimes::Together);
    // By size alone the second fold would start at the fifth row, the third of time 2.
    let folds = time_series_folds(&[1, 1, 2, 2, 2, 3, 3], &recipe).unwrap();
    let sides: Vec<_> = folds.iter().map(|f| (f.train().to_vec(), f.validation().to_vec())).collect();
    assert_eq!(sides, [(vec![0, 1], vec![2, 3, 4]), (vec![0, 1, 2, 3, 4], vec![5, 6])]);
}

#[test]
fn shuffles_and_seeds_matter() {
    let folds = |seed| KFold::new(3).shuffle(Shuffle::On).seed(seed);
    let rows = table(vec![("x", Arc::new(Int64Array::from_iter_values(0..30)))]).into_train_all();
    assert_eq!(folds(1).folds(&rows).unwrap(), folds(1).folds(&rows).unwrap());
    assert_ne!(folds(1).folds(&rows).unwrap(), folds(2).folds(&rows).unwrap());
    assert_ne!(random_split(100, 0.25, 1).unwrap(), random_split(100, 0.25, 2).unwrap());
    let text = serde_json::to_string(&folds(1)).unwrap();
    assert_eq!(serde_json::from_str::<KFold>(&text).unwrap(), folds(1));
    let split = TimeSplit::at("2013-10-01").gap(Duration::from_secs(60));
    assert_eq!(serde_json::from_str::<TimeSplit>(&serde_json::to_string(&split).unwrap()).unwrap(), split);
}

#[test]
fn bad_input_is_refused_by_name() {
    let rows = |n: i64| table(vec![("x", Arc::new(Int64Array::from_iter_values(0..n)))]);
    for share in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
        let error = RandomSplit::new().test_share(share).split(rows(10)).unwrap_err();
        assert!(error.to_string().contains("`test_share` of RandomSplit must be between 0 and 1"), "{error}");
        assert!(StratifiedSplit::new().test_share(share).column("x").split(rows(10)).is_err());
        assert!(TimeSplit::last_share(share).split(rows(10).time("x").unwrap()).is_err());
    }
    for n in [0, 1] {
        let error = RandomSplit::new().split(rows(n)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 2, .. }), "{error}");
        assert!(KFold::new(2).folds(&rows(n).into_train_all()).is_err());
        assert!(TimeSplit::last_share(0.5).split(rows(n).time("x").unwrap()).is_err());
        assert!(TimeSeriesFolds::new(2).folds(&rows(n).time("x").unwrap().into_train_all()).is_err());
    }
    let train = rows(4).time("x").unwrap().target("x").unwrap().time("x").unwrap().into_train_all();
    for k in [0, 1] {
        let error = KFold::new(k).folds(&train).unwrap_err();
        assert_eq!(error.to_string(), format!("`n_folds` of KFold must be 2 or more, got {k}"));
        assert!(StratifiedKFold::new(k).column("x").folds(&train).is_err());
        assert!(TimeSeriesFolds::new(k).folds(&train).is_err());
    }
    let error = KFold::new(5).folds(&train).unwrap_err();
    assert_eq!(error.to_string(), "KFold with 5 folds needs at least 5 rows, found 4");
    assert!(TimeSeriesFolds::new(usize::MAX).folds(&train).is_err());
    assert!(TimeSeriesFolds::new(2).test_size(usize::MAX).folds(&train).is_err());
    assert!(TimeSeriesFolds::new(2).gap(usize::MAX).folds(&train).is_err());
    assert!(TimeSeriesFolds::new(2).test_size(0).folds(&train).is_err());
}

#[test]
fn classes_too_small_for_the_folds_are_named() {
    let y = StringArray::from(vec!["a", "a", "a", "b", "b", "b", "c"]);
    let data = table(vec![("y", Arc::new(y))]).target("y").unwrap();
    let error = StratifiedKFold::new(3).folds(&data.clone().into_train_all()).unwrap_err();
    assert_eq!(error.to_string(), "StratifiedKFold with 3 folds: class `c` needs at least 3 rows, found 1");
    let error = StratifiedSplit::new().split(data.clone()).unwrap_err();
    assert_eq!(error.to_string(), "StratifiedSplit: class `c` needs at least 2 rows, found 1");
    let many =
        table(vec![("y", Arc::new(Float64Array::from_iter_values((0..20).map(|i| f64::from(i) / 7.0))))]);
    let error = StratifiedKFold::new(3).column("y").folds(&many.into_train_all()).unwrap_err();
    assert!(error.to_string().contains("bin a continuous target first"), "{error}");
    let missing = table(vec![("y", Arc::new(StringArray::from(vec![Some("a"), None])))]).target("y").unwrap();
    assert!(matches!(
        StratifiedSplit::new().split(missing).unwrap_err().kind(),
        ErrorKind::MissingValues { .. }
    ));
    let none = StratifiedKFold::new(2)
        .folds(&table(vec![("y", Arc::new(Int64Array::from(vec![1, 2])))]).into_train_all());
    assert!(matches!(none.unwrap_err().kind(), ErrorKind::MissingRole { role: "target", .. }));
}

#[test]
fn times_are_checked() {
    let seconds = |values: Vec<Option<i64>>| {
        table(vec![("t", Arc::new(TimestampSecondArray::from(values)) as ArrayRef)]).time("t").unwrap()
    };
    let data = seconds(vec![Some(0), Some(86_400)]);
    let error = TimeSplit::at("2013-10-01").split(data.clone()).unwrap_err().to_string();
    assert!(error.contains("times from 1970-01-01T00:00:00+00:00 to 1970-01-02T00:00:00+00:00"), "{error}");
    assert!(TimeSplit::at("yesterday").split(data).is_err());
    let missing = TimeSplit::at("1970-01-01").split(seconds(vec![None, Some(1)])).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::MissingValues { count: 1, .. }), "{missing}");
    let untimed = table(vec![("x", Arc::new(Int64Array::from(vec![1, 2])))]);
    let error = TimeSplit::last_share(0.5).split(untimed.clone()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MissingRole { role: "time", .. }), "{error}");
    let integers = untimed.time("x").unwrap();
    let error = TimeSplit::at("1970-01-01").split(integers.clone()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ColumnType { .. }), "{error}");
    let (train, test) = TimeSplit::last_share(0.5).split(integers).unwrap();
    assert_eq!((train.n_rows(), test.n_rows()), (1, 1));
    let text = table(vec![("x", Arc::new(StringArray::from(vec!["2013-10-01"])))]).time("x").unwrap();
    assert!(matches!(
        TimeSplit::last_share(0.5).split(text).unwrap_err().kind(),
        ErrorKind::ColumnType { .. }
    ));
}
