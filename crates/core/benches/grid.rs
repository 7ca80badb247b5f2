//! Hashing, categories, selection and matrices on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::Array;
use mlsys_core::hash::{hash_rows_128, hash_u64};
use mlsys_core::{Coded, Dataset, Missing, RowTracking, RowsSeen};
use mlsys_testkit::bench::{Grid, numbers, words};

fn tables(criterion: &mut Criterion) {
    let rows: fn(&_) -> _ = |point: &mlsys_testkit::bench::Point| point.rows as u64;
    Grid::rows().measure(criterion, "hash_u64", rows, |&n| (0..n).fold(0, |all, x| all ^ hash_u64(x, 7)));
    Grid::table().measure(criterion, "hash_rows_128", words, |batch| {
        let columns: Vec<(&str, &dyn Array)> =
            batch.columns().iter().map(|column| ("x", column.as_ref())).collect();
        hash_rows_128(&columns, 0).unwrap()
    });
    let table: fn(&_) -> _ = |point: &mlsys_testkit::bench::Point| Dataset::new(words(point)).unwrap();
    Grid::table().measure(criterion, "track_rows", table, |data| data.clone().track_rows().unwrap());
    let tracked: fn(&_) -> _ =
        |point: &mlsys_testkit::bench::Point| Dataset::new(words(point)).unwrap().track_rows().unwrap();
    Grid::table()
        .measure(criterion, "rows_seen", tracked, |data| RowsSeen::of(data, RowTracking::EveryRow).unwrap());
    Grid::table().measure(criterion, "coded", words, |batch| {
        batch.columns().iter().map(|column| Coded::new("x", column).unwrap().distinct.len()).sum::<usize>()
    });
    Grid::table().measure(
        criterion,
        "matrix",
        |point| Dataset::new(numbers(point)).unwrap(),
        |data| data.matrix::<f64>(Missing::AsNan).unwrap(),
    );
    Grid::table().measure(
        criterion,
        "take",
        |point| {
            let rows: Vec<usize> = (0..point.rows).rev().step_by(2).collect();
            (Dataset::new(words(point)).unwrap(), rows)
        },
        |(data, rows)| data.take(rows).unwrap(),
    );
}

criterion_group!(benches, tables);
criterion_main!(benches);
