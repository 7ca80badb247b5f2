//! Every splitter and fold generator on the grid's rows, as indices.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::Coded;
use mlsys_core::arrow::array::{Array, BooleanArray, RecordBatch, TimestampSecondArray};
use mlsys_core::arrow::array::{ArrayRef, Int64Array};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, Folds, Split, Train};
use mlsys_sampling::{
    CombinedSplit, KFold, MultilabelKFold, PredefinedFolds, Purged, Repeated, Shuffle, SplitReport,
    TimeSeriesFolds, TimeSplit, WindowFolds, bootstrap_folds, combinatorial_purged_folds, group_k_fold,
    group_split, group_time_split, hash_split, k_fold, leave_one_group_out, purge, quantile_bins,
    random_split, stratified_group_k_fold, stratified_group_split, stratified_k_fold, stratified_split,
    time_series_folds, time_split, window_folds,
};
use mlsys_testkit::bench::{Grid, Point};

fn classes(point: &Point) -> Coded {
    let values = (0..point.rows as u64).map(|row| (hash_u64(row, 1) % 10) as i64);
    let array: ArrayRef = Arc::new(values.collect::<Int64Array>());
    Coded::new("class", &array).unwrap()
}

fn times(point: &Point) -> Vec<i64> {
    (0..point.rows as i64).map(|row| row / 3).collect()
}

fn splits(criterion: &mut Criterion) {
    let rows: fn(&Point) -> usize = |point| point.rows;
    let grid = Grid::rows();
    grid.measure(criterion, "random_split", rows, |&n| random_split(n, 0.25, 0).unwrap());
    grid.measure(criterion, "stratified_split", classes, |classes| {
        stratified_split(classes, 0.25, 0).unwrap()
    });
    grid.measure(criterion, "time_split", times, |times| time_split(times, times.len() as i64 / 4, 10));
    grid.measure(criterion, "k_fold", rows, |&n| k_fold(n, 5, Shuffle::On, 0).unwrap());
    grid.measure(criterion, "stratified_k_fold", classes, |classes| {
        stratified_k_fold(classes, 5, Shuffle::On, 0).unwrap()
    });
    grid.measure(criterion, "time_series_folds", times, |times| {
        time_series_folds(times, &TimeSeriesFolds::new(5)).unwrap()
    });
}

fn groups(point: &Point) -> Coded {
    let values = (0..point.rows as u64).map(|row| (hash_u64(row, 2) % (point.rows as u64 / 50)) as i64);
    Coded::new("group", &values.collect::<Int64Array>()).unwrap()
}

fn both(point: &Point) -> (Coded, Coded) {
    (classes(point), groups(point))
}

/// Classes, groups, times in seconds and two flags, all roles given.
fn table(point: &Point) -> Dataset<Train> {
    let n = point.rows as u64;
    let numbers = |of: &dyn Fn(u64) -> u64| -> ArrayRef {
        Arc::new((0..n).map(|row| of(row) as i64).collect::<Int64Array>())
    };
    let flag = |every: u64| -> ArrayRef {
        Arc::new((0..n).map(|row| Some(hash_u64(row, every).is_multiple_of(every))).collect::<BooleanArray>())
    };
    let seconds: ArrayRef =
        Arc::new(TimestampSecondArray::from_iter_values((0..n as i64).map(|row| row / 3)));
    let columns = [
        ("class", numbers(&|row| hash_u64(row, 1) % 10)),
        ("group", numbers(&|row| hash_u64(row, 2) % (n / 50))),
        ("at", seconds),
        ("wet", flag(4)),
        ("dark", flag(10)),
    ];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    data.target("class").unwrap().group("group").unwrap().time("at").unwrap().into_train_all()
}

fn of_groups(criterion: &mut Criterion) {
    let grid = Grid::rows();
    grid.measure(criterion, "group_split", groups, |groups| group_split(groups, 0.25, 0).unwrap());
    grid.measure(criterion, "stratified_group_split", both, |(classes, groups)| {
        stratified_group_split(classes, groups, 0.25, 0).unwrap()
    });
    grid.measure(criterion, "group_k_fold", groups, |groups| {
        group_k_fold(groups, 5, Shuffle::Off, 0).unwrap()
    });
    grid.measure(criterion, "stratified_group_k_fold", both, |(classes, groups)| {
        stratified_group_k_fold(classes, groups, 5, Shuffle::Off, 0).unwrap()
    });
    grid.measure(criterion, "leave_one_group_out", classes, |classes| leave_one_group_out(classes).unwrap());
    let late = |point: &Point| (groups(point), times(point));
    grid.measure(criterion, "group_time_split", late, |(groups, times)| {
        group_time_split(groups, times, times.len() as i64 / 4, 10)
    });
}

fn of_keys_and_time(criterion: &mut Criterion) {
    let grid = Grid::rows();
    let keys = |point: &Point| (0..point.rows as i64).collect::<Int64Array>();
    grid.measure(criterion, "hash_split", keys, |keys| {
        hash_split(&[("key", keys as &dyn Array)], 0.25, 0).unwrap()
    });
    let labels = |point: &Point| {
        times(point).into_iter().map(|time| (time, time + point.rows as i64 / 100)).collect::<Vec<_>>()
    };
    grid.measure(criterion, "purge", labels, |labels| {
        let n = labels.len();
        purge(&(n / 4..n).collect::<Vec<_>>(), &(0..n / 4).collect::<Vec<_>>(), labels, 10).unwrap()
    });
    grid.measure(criterion, "combinatorial_purged_folds", labels, |labels| {
        let times: Vec<i64> = labels.iter().map(|label| label.0).collect();
        combinatorial_purged_folds(&times, labels, 6, 2, 10).unwrap()
    });
    grid.measure(criterion, "window_folds", times, |times| {
        let length = std::time::Duration::from_nanos(times.len() as u64 / 30);
        window_folds(times, &WindowFolds::sliding(length, length)).unwrap()
    });
    grid.measure(criterion, "bootstrap_folds", |point| point.rows, |&n| bootstrap_folds(n, 5, 0).unwrap());
    let numbers =
        |point: &Point| (0..point.rows as u64).map(|row| hash_u64(row, 3) as f64).collect::<Vec<_>>();
    grid.measure(criterion, "quantile_bins", numbers, |values| quantile_bins(values, 10).unwrap());
}

fn of_tables(criterion: &mut Criterion) {
    let grid = Grid::rows();
    let combined = CombinedSplit::new().stratify("class").group("group").time("at");
    grid.measure(criterion, "combined_split", table, |train| combined.sides(train).unwrap());
    let folds = combined.clone().folds(5);
    grid.measure(criterion, "combined_folds", table, |train| folds.folds(train).unwrap());
    grid.measure(criterion, "multilabel_k_fold", table, |train| {
        MultilabelKFold::new(5).columns(["wet", "dark"]).folds(train).unwrap()
    });
    grid.measure(criterion, "predefined_folds", table, |train| {
        PredefinedFolds::new("class").folds(train).unwrap()
    });
    grid.measure(criterion, "purged k_fold", table, |train| {
        Purged::new(KFold::new(5), "at", "at").folds(train).unwrap()
    });
    grid.measure(criterion, "repeated k_fold", table, |train| {
        Repeated::new(KFold::new(5), 3).folds(train).unwrap()
    });
    let sides = |point: &Point| TimeSplit::last_share(0.25).split_validation(table(point)).unwrap();
    grid.measure(criterion, "split_report", sides, |(train, validation)| {
        SplitReport::of(train, validation).unwrap()
    });
}

criterion_group!(benches, splits, of_groups, of_keys_and_time, of_tables);
criterion_main!(benches);
