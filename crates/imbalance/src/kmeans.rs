//! Clusters of rows: k-means with k-means++.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Result, seed};
use mlsys_neighbors::{Metric, NeighborIndex, Points};
use rayon::prelude::*;

/// Clusters of points. Columns that are missing are left out, of distances and of means.
pub(crate) struct Clusters {
    /// A row each; missing where all of a cluster's points are.
    pub centroids: Vec<f64>,
    /// The cluster of each point.
    pub labels: Vec<u32>,
}

/// So many centroids are quicker compared than searched.
const FEW: usize = 64;
/// Points that one thread looks at.
const PART: usize = 4096;

impl Clusters {
    /// `k` clusters by Lloyd's rounds, `rounds` of them at most, or until no point changes its cluster. A cluster that loses all its points
    /// stays where it is.
    pub fn new(points: &Points, k: usize, rounds: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let (n, columns) = (points.n_rows(), points.n_columns());
        let mut rows = Vec::with_capacity(n * columns);
        let mut point = Vec::new();
        for row in 0..n {
            points.row(row, &mut point);
            rows.extend_from_slice(&point);
        }
        let mut centroids: Vec<f64> = Vec::with_capacity(k * columns);
        for row in spread(&rows, columns, k, rng) {
            centroids.extend_from_slice(&rows[row * columns..][..columns]);
        }
        let nearest = |centroids: &[f64]| match k <= FEW {
            true => Ok(compared(centroids, &rows, columns)),
            false => searched(centroids, points),
        };
        let mut labels = nearest(&centroids)?;
        for _ in 0..rounds {
            update(&mut centroids, &labels, &rows, columns);
            let next = nearest(&centroids)?;
            if next == labels {
                break;
            }
            labels = next;
        }
        Ok(Self { centroids, labels })
    }
}

/// The nearest centroid of each point, the first of several; the first of all for one that shares no column with any.
fn compared(centroids: &[f64], rows: &[f64], columns: usize) -> Vec<u32> {
    let distance = measure(rows);
    let label = |row: &[f64]| {
        let all =
            centroids.chunks_exact(columns).zip(0..).map(|(centroid, at)| (distance(row, centroid), at));
        all.reduce(|least, next| if next.0 < least.0 { next } else { least }).map_or(0, |(_, at)| at)
    };
    rows.par_chunks_exact(columns).with_min_len(PART).map(label).collect()
}

/// The same, of many centroids.
fn searched(centroids: &[f64], points: &Points) -> Result<Vec<u32>> {
    let index = NeighborIndex::new(&Points::from_rows(centroids, points.n_columns())?, Metric::NanEuclidean)?;
    let found = index.nearest(points, 1)?;
    Ok(found.iter().map(|near| near.first().map_or(0, |n| n.row as u32)).collect())
}

/// Moves each centroid to the mean of its points.
fn update(centroids: &mut [f64], labels: &[u32], rows: &[f64], columns: usize) {
    let mut sums = vec![0.0; centroids.len()];
    let mut counts = vec![0.0; centroids.len()];
    for (&label, row) in labels.iter().zip(rows.chunks_exact(columns)) {
        let from = label as usize * columns;
        let cells = sums[from..][..columns].iter_mut().zip(&mut counts[from..][..columns]);
        for ((sum, count), x) in cells.zip(row).filter(|(_, x)| !x.is_nan()) {
            (*sum, *count) = (*sum + x, *count + 1.0);
        }
    }
    for ((centroid, sum), count) in
        centroids.iter_mut().zip(sums).zip(counts).filter(|(_, count)| *count > 0.0)
    {
        *centroid = sum / count;
    }
}

/// `k` rows, each drawn with probability proportional to the squared distance to the nearest before it (k-means++). Where
/// all are at none, the first that is not taken.
fn spread(rows: &[f64], columns: usize, k: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let n = rows.len() / columns;
    let distance = measure(rows);
    let mut least = vec![f64::INFINITY; n];
    let mut taken = vec![false; n];
    let mut chosen = Vec::with_capacity(k);
    let mut next = seed::below(n as u64, rng) as usize;
    while chosen.len() < k.min(n) {
        taken[next] = true;
        chosen.push(next);
        let center = &rows[next * columns..][..columns];
        let parts = least.par_chunks_mut(PART).zip(rows.par_chunks(PART * columns));
        let sums: Vec<f64> = parts
            .map(|(least, rows)| {
                let each = least.iter_mut().zip(rows.chunks_exact(columns));
                each.map(|(least, row)| {
                    let distance = distance(row, center);
                    if distance < *least {
                        *least = distance;
                    }
                    *least
                })
                .sum()
            })
            .collect();
        least[next] = 0.0;
        let total: f64 = sums.iter().sum();
        let free = |row: &usize| !taken[*row];
        let drawn = if total == f64::INFINITY {
            // Beyond a double, or nothing in common with any so far.
            (0..n).filter(free).find(|&row| least[row] == f64::INFINITY)
        } else {
            let mut left = seed::uniform(rng) * total;
            let passed = |row: &usize| {
                left -= least[*row];
                left < 0.0
            };
            (0..n).find(passed).filter(free)
        };
        let farthest = || (0..n).filter(free).max_by(|&a, &b| least[a].total_cmp(&least[b]).then(b.cmp(&a)));
        next = drawn.or_else(farthest).unwrap_or(next);
    }
    chosen
}

/// Over what both have, scaled up; infinite where that is nothing.
pub(crate) fn squared(a: &[f64], b: &[f64]) -> f64 {
    let (mut sum, mut both) = (0.0, 0_u32);
    for (a, b) in a.iter().zip(b) {
        let step = a - b;
        if !step.is_nan() {
            (sum, both) = (sum + step * step, both + 1);
        }
    }
    if both == 0 { f64::INFINITY } else { sum * a.len() as f64 / f64::from(both) }
}

/// The quicker distance where no point has a gap, since no centroid has one then.
fn measure(rows: &[f64]) -> fn(&[f64], &[f64]) -> f64 {
    if rows.iter().any(|x| x.is_nan()) { squared } else { plain }
}

/// Of points without gaps.
fn plain(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + (a - b) * (a - b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn clusters(values: &[f64], columns: usize, k: usize, seed: u64) -> Clusters {
        let points = Points::from_rows(values, columns).unwrap();
        Clusters::new(&points, k, 50, &mut seed::stream(seed, 0)).unwrap()
    }

    #[test]
    fn islands_are_found() {
        let values: Vec<f64> = (0..60).map(|i| f64::from(1000 * (i % 3) + i / 3)).collect();
        for seed in 0..20 {
            let found = clusters(&values, 1, 3, seed);
            let mut means = found.centroids.clone();
            means.sort_unstable_by(f64::total_cmp);
            assert_eq!(means, [9.5, 1009.5, 2009.5]);
            assert!((3..60).all(|i| found.labels[i] == found.labels[i % 3]));
        }
    }

    #[test]
    fn rounds_never_make_it_worse() {
        let mut rng = seed::stream(8, 8);
        let values: Vec<f64> = (0..4000).map(|_| seed::uniform(&mut rng)).collect();
        let cost = |rounds| -> f64 {
            let points = Points::from_rows(&values, 2).unwrap();
            let found = Clusters::new(&points, 7, rounds, &mut seed::stream(1, 1)).unwrap();
            let rows = values.chunks_exact(2).zip(&found.labels);
            rows.map(|(row, &label)| squared(row, &found.centroids[label as usize * 2..][..2])).sum()
        };
        let costs: Vec<f64> = (0..8).map(cost).collect();
        assert!(costs.windows(2).all(|pair| pair[1] <= pair[0]) && costs[7] < 0.9 * costs[0], "{costs:?}");
    }

    #[test]
    fn equal_points_and_gaps() {
        let found = clusters(&[2.0; 6], 1, 4, 0);
        assert_eq!((found.centroids, found.labels), (vec![2.0; 4], vec![0; 6]));
        let gap = f64::NAN;
        // What two have in common is near; the third shares nothing with the first two.
        let found = clusters(&[1.0, gap, 2.0, gap, gap, 5.0, gap, 5.0], 2, 2, 3);
        assert_eq!(found.labels[0], found.labels[1]);
        assert_eq!(found.labels[2], found.labels[3]);
        assert_ne!(found.labels[0], found.labels[2]);
        let mut there: Vec<f64> = found.centroids.into_iter().filter(|x| !x.is_nan()).collect();
        there.sort_unstable_by(f64::total_cmp);
        assert_eq!(there, [1.5, 5.0]);
    }

    #[test]
    fn compared_as_searched() {
        let mut rng = seed::stream(9, 9);
        for gaps in [0.0, 0.3] {
            let mut draw = || {
                let x = (seed::uniform(&mut rng) * 1e6).floor();
                if seed::uniform(&mut rng) < gaps { f64::NAN } else { x }
            };
            let rows: Vec<f64> = (0..9000).map(|_| draw()).collect();
            let centroids: Vec<f64> = (0..150).map(|_| draw()).collect();
            let points = Points::from_rows(&rows, 3).unwrap();
            assert_eq!(compared(&centroids, &rows, 3), searched(&centroids, &points).unwrap());
        }
    }

    #[test]
    fn first_centroids_are_drawn_by_squared_distance() {
        // The first of three is drawn as often as others; from 0, the next is 1 with 1 / 10 and 3 with 9 / 10.
        let rows = [0.0, 1.0, 3.0];
        let (mut from, mut to) = (0, 0);
        for seed in 0..6000 {
            let chosen = spread(&rows, 1, 2, &mut seed::stream(seed, 5));
            if chosen[0] == 0 {
                from += 1;
                to += i32::from(chosen[1] == 1);
            }
        }
        assert!((1850..2150).contains(&from), "{from}");
        assert!((150..250).contains(&to), "{to} of {from}");
    }
}
