//! Building an index and searching it, on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Layout, Result};
use mlsys_neighbors::{Metric, NeighborIndex, PointReader, Points};
use mlsys_testkit::bench::{Grid, numbers};

fn points(batch: &RecordBatch) -> Result<Points> {
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    PointReader::numbers(&Layout::new(batch.schema())?, names)?.points(batch)
}

fn neighbors(criterion: &mut Criterion) {
    let table = |point: &_| points(&numbers(point)).unwrap();
    Grid::table().measure(criterion, "neighbor_index/build", table, |points| {
        NeighborIndex::new(points, Metric::NanEuclidean).unwrap()
    });
    let index = |point: &_| {
        let batch = numbers(point);
        let index = NeighborIndex::new(&points(&batch).unwrap(), Metric::NanEuclidean).unwrap();
        (index, points(&batch.slice(0, 500)).unwrap())
    };
    Grid::table().measure(criterion, "neighbor_index/nearest", index, |(index, queries)| {
        index.nearest(queries, 5).unwrap()
    });
}

criterion_group!(benches, neighbors);
criterion_main!(benches);
