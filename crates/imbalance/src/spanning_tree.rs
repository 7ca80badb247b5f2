//! The minimum spanning tree of points.

use std::collections::BTreeMap;

use mlsys_core::{Result, first_error};
use mlsys_neighbors::{Donors, NeighborIndex, Points};
use rayon::prelude::*;

/// Neighbours of each point that are found at once.
const NEAR: usize = 8;

/// A neighbour: its distance and its row.
type Near = (f64, u32);

/// Sets of points that grow together.
pub(crate) struct Sets(Vec<u32>);

impl Sets {
    pub fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    /// The first point of its set.
    pub fn first(&mut self, mut row: u32) -> u32 {
        while self.0[row as usize] != row {
            let next = self.0[self.0[row as usize] as usize];
            self.0[row as usize] = next;
            row = next;
        }
        row
    }

    /// Whether they were apart.
    pub fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b) as usize] = a.min(b);
        a != b
    }
}

/// The edges of the minimum spanning tree in O(log n) rounds, each with a pass over the rows for every set of them that has run out of neighbours; by Borůvka's rounds: of equally long ones those of the first rows. Points that have no
/// distance from any other are in none.
pub(crate) fn spanning_tree(index: &NeighborIndex, points: &Points) -> Result<Vec<(u32, u32)>> {
    let n = points.n_rows();
    let (mut sets, mut edges) = (Sets::new(n), Vec::new());
    if n < 2 {
        return Ok(edges);
    }
    let found = index.nearest_others(NEAR.min(n - 1))?;
    // What is left of the neighbours of each point, the nearest last; whether there may be more; how far it has looked.
    let mut near: Vec<Vec<Near>> =
        found.iter().map(|near| near.iter().rev().map(|n| (n.distance, n.row as u32)).collect()).collect();
    let mut more: Vec<bool> =
        near.iter().map(|near| near.len() == NEAR.min(n - 1) && near.len() < n - 1).collect();
    let mut looked: Vec<f64> = near.iter().map(|near| near.first().map_or(0.0, |near| near.0)).collect();
    loop {
        let set: Vec<u32> = (0..n as u32).map(|row| sets.first(row)).collect();
        let mut best: BTreeMap<u32, (f64, u32, u32)> = BTreeMap::new();
        let mut asked: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for row in 0..n {
            while near[row].last().is_some_and(|near| set[near.1 as usize] == set[row]) {
                near[row].pop();
            }
            match near[row].last() {
                Some(&near) => offer(&mut best, set[row], row, near),
                None if more[row] => asked.entry(set[row]).or_default().push(row),
                None => {}
            }
        }
        for (own, mut rows) in asked {
            // Those that have looked farther than the best edge reaches have no better one.
            let reach = best.get(&own).map_or(f64::INFINITY, |best| best.0);
            rows.retain(|&row| looked[row] <= reach);
            if rows.is_empty() {
                continue;
            }
            let others = index.subset(&set.iter().map(|&other| other != own).collect::<Vec<_>>())?;
            let found = rows.par_iter().map_init(
                || (index.search(), Vec::new()),
                |(search, point), &row| {
                    points.row(row, point);
                    search.find(point, &[Donors::Among(&others)], 1, None)?;
                    Ok(search.found(0).next().map(|n| (n.distance, n.row as u32)))
                },
            );
            let found: Vec<Option<Near>> = first_error(found.collect())?;
            for (row, found) in rows.into_iter().zip(found) {
                match found {
                    Some(found) => {
                        near[row].push(found);
                        looked[row] = found.0;
                        offer(&mut best, own, row, found);
                    }
                    None => more[row] = false,
                }
            }
        }
        let before = edges.len();
        edges.extend(best.into_values().map(|(_, a, b)| (a, b)).filter(|&(a, b)| sets.join(a, b)));
        if edges.len() == before {
            return Ok(edges);
        }
    }
}

fn offer(best: &mut BTreeMap<u32, (f64, u32, u32)>, set: u32, row: usize, (distance, other): Near) {
    let row = row as u32;
    let edge = (distance, row.min(other), row.max(other));
    let nearer = |known: &(f64, u32, u32)| {
        distance.total_cmp(&known.0).then((edge.1, edge.2).cmp(&(known.1, known.2))).is_lt()
    };
    if best.get(&set).is_none_or(nearer) {
        best.insert(set, edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::seed;
    use mlsys_neighbors::Metric;

    /// The length of Prim's tree.
    fn prim(rows: &[Vec<f64>]) -> f64 {
        let distance = |a: usize, b: usize| {
            rows[a].iter().zip(&rows[b]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        };
        let mut nearest: Vec<f64> = (0..rows.len()).map(|row| distance(0, row)).collect();
        let mut left: Vec<usize> = (1..rows.len()).collect();
        let mut total = 0.0;
        while let Some(at) = (0..left.len()).min_by(|&a, &b| nearest[left[a]].total_cmp(&nearest[left[b]])) {
            let row = left.swap_remove(at);
            total += nearest[row];
            left.iter().for_each(|&other| nearest[other] = nearest[other].min(distance(row, other)));
        }
        total
    }

    #[test]
    fn as_long_as_prims() {
        for (seed, n, islands) in [(1, 2, 1.0), (2, 50, 1.0), (3, 400, 9.0), (4, 700, 1.0), (5, 300, 40.0)] {
            let mut rng = seed::stream(seed, 0);
            let mut draw = || seed::uniform(&mut rng);
            let rows: Vec<Vec<f64>> = (0..n)
                .map(|_| {
                    let island = 50.0 * (draw() * islands).floor();
                    vec![(draw() * 30.0).round() + island, draw() * 10.0, island]
                })
                .collect();
            let points = Points::from_rows(&rows.concat(), 3).unwrap();
            let index = NeighborIndex::new(&points, Metric::NanEuclidean).unwrap();
            let edges = spanning_tree(&index, &points).unwrap();
            let length = |&(a, b): &(u32, u32)| {
                let pairs = rows[a as usize].iter().zip(&rows[b as usize]);
                pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
            };
            let total: f64 = edges.iter().map(length).sum();
            assert_eq!(edges.len(), n - 1);
            assert!((total - prim(&rows)).abs() < 1e-9 * total, "{total} is not {}", prim(&rows));
            let mut sets = Sets::new(n);
            assert!(edges.iter().all(|&(a, b)| sets.join(a, b)));
        }
    }

    #[test]
    fn equal_points_and_points_without_a_distance() {
        let points = Points::from_rows(&[3.0; 60], 1).unwrap();
        let index = NeighborIndex::new(&points, Metric::Gower).unwrap();
        assert_eq!(spanning_tree(&index, &points).unwrap().len(), 59);
        let gaps = [1.0, f64::NAN, 2.0, f64::NAN, f64::NAN, 5.0, f64::NAN, 6.0, f64::NAN, f64::NAN];
        let points = Points::from_rows(&gaps, 2).unwrap();
        let index = NeighborIndex::new(&points, Metric::NanEuclidean).unwrap();
        assert_eq!(spanning_tree(&index, &points).unwrap(), [(0, 1), (2, 3)]);
        for few in [&[][..], &[1.0]] {
            let points = Points::from_rows(few, 1).unwrap();
            let index = NeighborIndex::new(&points, Metric::NanEuclidean).unwrap();
            assert!(spanning_tree(&index, &points).unwrap().is_empty());
        }
    }
}
