//! Every splitter, fold generator and sampler on the grid's rows, as indices.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::Coded;
use mlsys_core::arrow::array::{Array, BooleanArray, RecordBatch, TimestampSecondArray};
use mlsys_core::arrow::array::{ArrayRef, Int64Array};
use mlsys_core::hash::hash_u64;
use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, Folds, Split, Train};
use mlsys_sampling::sample::{
    AliasTable, Allocation, BottomK, ConvenienceSample, Draw, EventSampler, JudgementSample, RecencySample,
    Replacement, Reservoir, ReservoirMethod, RowReservoir, SnowballSample, WeightedReservoir, WeightedSample,
    allocate, bottom_k, cluster_sample, importance_estimate, importance_weights, quota_sample, simple_sample,
    simple_sample_with_replacement, snowball_sample, stratified_sample, systematic_sample, weighted_sample,
};
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

/// A hundredth of the rows.
fn some(rows: usize) -> usize {
    (rows / 100).max(1)
}

fn weights(point: &Point) -> Vec<f64> {
    (0..point.rows as u64).map(|row| (hash_u64(row, 4) % 1_000) as f64 + 1.0).collect()
}

fn samples(criterion: &mut Criterion) {
    let rows: fn(&Point) -> usize = |point| point.rows;
    let grid = Grid::rows();
    grid.measure(criterion, "simple_sample", rows, |&n| simple_sample(n, some(n), 0).unwrap());
    grid.measure(criterion, "simple_sample, half", rows, |&n| simple_sample(n, n / 2, 0).unwrap());
    grid.measure(criterion, "simple_sample_with_replacement", rows, |&n| {
        simple_sample_with_replacement(n, some(n), 0).unwrap()
    });
    grid.measure(criterion, "systematic_sample", rows, |&n| systematic_sample(n, some(n), 0).unwrap());
    grid.measure(criterion, "stratified_sample", classes, |classes| {
        stratified_sample(classes, some(classes.len()), &Allocation::Proportional, None, 0).unwrap()
    });
    grid.measure(criterion, "allocate", weights, |weights| {
        allocate(&vec![100; weights.len()], weights, 2 * weights.len()).unwrap()
    });
    grid.measure(criterion, "cluster_sample", groups, |groups| cluster_sample(groups, 2, 0).unwrap());
    grid.measure(criterion, "weighted_sample", weights, |weights| {
        weighted_sample(weights, some(weights.len()), 0).unwrap()
    });
    grid.measure(criterion, "alias_table", weights, |weights| AliasTable::new(weights).unwrap());
    let keys = |point: &Point| (0..point.rows as i64).collect::<Int64Array>();
    grid.measure(criterion, "bottom_k", keys, |keys| {
        bottom_k(&[("key", keys as &dyn Array)], some(keys.len()), 0).unwrap()
    });
    grid.measure(criterion, "importance", weights, |weights| {
        let densities = importance_weights(weights, weights).unwrap();
        importance_estimate(weights, &densities).unwrap()
    });
}

fn samples_of_streams(criterion: &mut Criterion) {
    let grid = Grid::rows();
    for method in [ReservoirMethod::L, ReservoirMethod::R] {
        grid.measure(
            criterion,
            &format!("reservoir {method:?}"),
            |point| point.rows,
            |&n| {
                let mut reservoir = Reservoir::new(some(n)).unwrap().method(method);
                (0..n).for_each(|item| reservoir.push(item));
                reservoir
            },
        );
    }
    grid.measure(criterion, "weighted_reservoir", weights, |weights| {
        let mut reservoir = WeightedReservoir::new(some(weights.len())).unwrap();
        weights.iter().enumerate().for_each(|(item, weight)| reservoir.push(item, *weight).unwrap());
        reservoir
    });
    let sampler = EventSampler::new(0.01).unwrap().rate_of("error", 1.0).unwrap();
    grid.measure(
        criterion,
        "event_sampler",
        |point| point.rows as u64,
        |&n| (0..n).filter_map(|id| sampler.keep("ok", id)).sum::<f64>(),
    );
}

fn samples_of_tables(criterion: &mut Criterion) {
    let grid = Grid::rows();
    let by_weight = WeightedSample::new("group", 100).replacement(Replacement::With);
    grid.measure(criterion, "weighted_sample with replacement", table, |data| by_weight.draw(data).unwrap());
    let recent = RecencySample::new(100, 1e12);
    grid.measure(criterion, "recency_sample", table, |data| recent.draw(data).unwrap());
    let keys = BottomK::new("class", 3).and("group");
    grid.measure(criterion, "bottom_k of a table", table, |data| keys.draw(data).unwrap());
    let rows = RowReservoir::new(1_000);
    grid.measure(criterion, "row_reservoir", table, |data| summarize(&rows, data).unwrap());
    let first = ConvenienceSample::new(100);
    grid.measure(criterion, "convenience_sample", table, |data| first.draw(data).unwrap());
    let every_other =
        JudgementSample::new(|batch| Ok((0..batch.num_rows()).map(|row| row % 2 == 0).collect()));
    grid.measure(criterion, "judgement_sample", table, |data| every_other.draw(data).unwrap());
    let quotas = [(1.into(), 10), (2.into(), 5)];
    grid.measure(criterion, "quota_sample", classes, |classes| quota_sample(classes, &quotas).unwrap());
    let linked = |point: &Point| {
        let last = point.rows as i64 / 50;
        let links = (1..last).map(|group| (group / 2, group));
        (groups(point), SnowballSample::new("group", links, [1]).waves(5))
    };
    grid.measure(criterion, "snowball_sample", linked, |(groups, recipe)| {
        snowball_sample(groups, recipe).unwrap()
    });
}

criterion_group!(
    benches,
    splits,
    of_groups,
    of_keys_and_time,
    of_tables,
    samples,
    samples_of_streams,
    samples_of_tables
);
criterion_main!(benches);
