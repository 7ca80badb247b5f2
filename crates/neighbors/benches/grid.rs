//! Building an index and searching it, and hashing, on the fixed grid.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Layout, Result};
use mlsys_neighbors::lsh::{MinHash, PStableHash, SimHash};
use mlsys_neighbors::{Metric, NeighborIndex, PointReader, Points};
use mlsys_testkit::bench::{Grid, Point, numbers};

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
    Grid::table().measure(criterion, "neighbor_index/within", index, |(index, queries)| {
        index.within(queries, 0.1).unwrap()
    });
    // Of 100,000 random rows of 16 columns all pairs would be too many to repeat.
    let some = |point: &_| {
        let rows = numbers(point);
        let rows = points(&rows.slice(0, rows.num_rows().min(10_000))).unwrap();
        NeighborIndex::new(&rows, Metric::NanEuclidean).unwrap()
    };
    Grid::table()
        .measure(criterion, "neighbor_index/nearest_others", some, |index| index.nearest_others(5).unwrap());
    let graph = |point: &_| some(point).knn_graph(5).unwrap();
    Grid::complete().measure(criterion, "neighbor_graph/mutual", graph, |graph| graph.mutual());
    for (name, metric) in
        [("manhattan", Metric::Manhattan), ("cosine", Metric::Cosine), ("heom", Metric::Heom)]
    {
        let index = |point: &_| {
            let batch = numbers(point);
            let index = NeighborIndex::new(&points(&batch).unwrap(), metric).unwrap();
            (index, points(&batch.slice(0, 500)).unwrap())
        };
        Grid::complete().measure(criterion, &format!("neighbor_index/{name}"), index, |(index, queries)| {
            index.nearest(queries, 5).unwrap()
        });
    }
}

/// The values row by row.
fn matrix(point: &Point) -> (Vec<f64>, usize) {
    let points = points(&numbers(point)).unwrap();
    let (mut row, mut values) = (Vec::new(), Vec::new());
    for i in 0..points.n_rows() {
        points.row(i, &mut row);
        values.extend_from_slice(&row);
    }
    (values, points.n_columns())
}

fn hashes(criterion: &mut Criterion) {
    Grid::complete().measure(criterion, "sim_hash", matrix, |(values, columns)| {
        SimHash::new(8, 16).buckets(values, *columns).unwrap()
    });
    Grid::complete().measure(criterion, "p_stable_hash", matrix, |(values, columns)| {
        PStableHash::new(8, 4, 0.5).buckets(values, *columns).unwrap()
    });
    let sets = |point: &Point| {
        let (values, columns) = matrix(point);
        let element = |x: &f64| (x * 100.0).round().to_bits();
        values.chunks(columns).map(|row| row.iter().map(element).collect()).collect::<Vec<Vec<u64>>>()
    };
    Grid::complete().measure(criterion, "min_hash", sets, |sets| MinHash::new(16, 4).buckets(sets).unwrap());
}

criterion_group!(benches, neighbors, hashes);
criterion_main!(benches);
