//! Graphs of neighbours have the edges that they say.
#![allow(clippy::unwrap_used)]

use mlsys_neighbors::{Metric, NeighborGraph, NeighborIndex, Points};
use proptest::prelude::*;

fn points(cells: &[Option<i8>]) -> Points {
    let values: Vec<f64> = cells.iter().map(|cell| cell.map_or(f64::NAN, f64::from)).collect();
    Points::from_rows(&values[..values.len() / 2 * 2], 2).unwrap()
}

fn edges(graph: &NeighborGraph) -> Vec<(usize, usize, u64)> {
    let of = |row: usize| graph.of(row).map(move |n| (row, n.row, n.distance.to_bits()));
    (0..graph.n_rows()).flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edges_are_the_neighbours(
        cells in prop::collection::vec(prop::option::weighted(0.8, -4i8..5), 2..400), k in 1..6usize,
    ) {
        let index = NeighborIndex::new(&points(&cells), Metric::NanEuclidean).unwrap();
        let found = index.nearest_others(k).unwrap();
        let graph = index.knn_graph(k).unwrap();
        prop_assert_eq!(graph.n_rows(), index.n_rows());
        prop_assert_eq!(graph.n_edges(), *graph.offsets().last().unwrap());
        prop_assert_eq!(graph.rows().len(), graph.distances().len());
        for row in 0..index.n_rows() {
            prop_assert_eq!(graph.of(row).collect::<Vec<_>>(), found.of(row));
        }
        let all = edges(&graph);
        let has = |a: usize, b: usize| all.iter().any(|e| (e.0, e.1) == (a, b));
        let both: Vec<_> = all.iter().copied().filter(|e| has(e.1, e.0)).collect();
        prop_assert_eq!(edges(&graph.mutual()), both);
        let mut either: Vec<_> = all.iter().flat_map(|&(a, b, d)| [(a, b, d), (b, a, d)]).collect();
        either.sort_by_key(|&(a, b, d)| (a, d, b));
        either.dedup();
        prop_assert_eq!(edges(&graph.symmetric()), either);
        prop_assert_eq!(graph.mutual().symmetric(), graph.mutual());
        prop_assert_eq!(graph.symmetric().mutual(), graph.symmetric());
        // Being within a radius goes both ways.
        let within = index.radius_graph(2.0).unwrap();
        prop_assert_eq!(within.mutual(), within);
    }
}

/// Three rows alike, a fourth beside them: the first two are nearest to one another, ties by row.
#[test]
fn duplicates_by_hand() {
    let all = Points::from_rows(&[1.0, 1.0, 1.0, 2.0], 1).unwrap();
    let graph = NeighborIndex::new(&all, Metric::Euclidean).unwrap().knn_graph(1).unwrap();
    assert_eq!((graph.rows(), graph.offsets()), ([1, 0, 0, 0].as_slice(), [0, 1, 2, 3, 4].as_slice()));
    assert_eq!(graph.mutual().offsets(), [0, 1, 2, 2, 2]);
    assert_eq!(graph.symmetric().of(0).map(|n| n.row).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((graph.of(4).len(), graph.of(usize::MAX).len()), (0, 0));
}

#[test]
fn threads_and_no_rows() {
    let cells: Vec<f64> = (0..30_000).map(|i| f64::from(i * 7919 % 10_007)).collect();
    let all = Points::from_rows(&cells, 2).unwrap();
    let find = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let graph = || NeighborIndex::new(&all, Metric::Manhattan).unwrap().knn_graph(3).unwrap();
        pool.install(|| [graph().mutual(), graph().symmetric(), graph()])
    };
    let one = find(1);
    assert!(one == find(2) && one == find(7) && one[0].n_edges() > 0);
    let none = NeighborIndex::new(&Points::from_rows(&[], 1).unwrap(), Metric::Euclidean).unwrap();
    let graph = none.knn_graph(2).unwrap();
    assert_eq!((graph.n_rows(), graph.n_edges(), graph.mutual().n_rows()), (0, 0, 0));
    assert!(none.knn_graph(0).is_err() && none.radius_graph(-1.0).is_err());
}
