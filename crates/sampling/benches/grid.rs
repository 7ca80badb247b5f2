//! Every splitter and fold generator on the grid's rows, as indices.

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::Coded;
use mlsys_core::arrow::array::{ArrayRef, Int64Array};
use mlsys_core::hash::hash_u64;
use mlsys_sampling::{
    Shuffle, TimeSeriesFolds, k_fold, random_split, stratified_k_fold, stratified_split, time_series_folds,
    time_split,
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

criterion_group!(benches, splits);
criterion_main!(benches);
