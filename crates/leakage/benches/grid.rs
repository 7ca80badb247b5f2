//! The audit, what each column tells, and equal and nearly equal rows of two parts, on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::{Dataset, Test, Train};
use mlsys_leakage::{ColumnPowers, LeakageAudit, NearDuplicates, duplicates_across};
use mlsys_testkit::bench::{Grid, Point, labelled, words};

/// Three quarters of the rows for training, the others for tests.
fn parts(data: Dataset) -> (Dataset<Train>, Dataset<Test>) {
    let rows: Vec<usize> = (0..data.n_rows()).collect();
    let (train, test) = rows.split_at(rows.len() / 4 * 3);
    data.split_at_rows(train, test).unwrap()
}

fn numbers(point: &Point) -> (Dataset<Train>, Dataset<Test>) {
    parts(Dataset::new(labelled(point)).unwrap().target("label").unwrap())
}

fn texts(point: &Point) -> (Dataset<Train>, Dataset<Test>) {
    parts(Dataset::new(words(point)).unwrap())
}

fn audits(criterion: &mut Criterion) {
    let grid = Grid::table();
    grid.measure(criterion, "leakage_audit", numbers, |(train, test)| {
        LeakageAudit::new().split(train, test).unwrap()
    });
    grid.measure(criterion, "column_powers", numbers, |(train, _)| ColumnPowers::of(train).unwrap());
    grid.measure(criterion, "duplicates_across", texts, |(train, test)| {
        duplicates_across(train, test, &train.features()).unwrap()
    });
    grid.measure(criterion, "near_duplicates", numbers, |(train, test)| {
        NearDuplicates::new().across(train, test, &train.features()).unwrap()
    });
}

criterion_group!(benches, audits);
criterion_main!(benches);
