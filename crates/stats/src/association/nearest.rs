//! Distances to nearest neighbours on a line and in the plane, for the estimators of mutual information.

use rayon::prelude::*;

/// The distance of each of the ascending values to its `k`-th nearest other; `k` must be below their number.
pub(super) fn on_a_line(sorted: &[f64], k: usize) -> Vec<f64> {
    let n = sorted.len();
    // The k + 1 values nearest to one another, it among them, are a window; the windows move up with the value.
    let mut low = 0;
    let mut found = Vec::with_capacity(n);
    for (i, &x) in sorted.iter().enumerate() {
        low = low.max(i.saturating_sub(k));
        while low < i && low + k + 1 < n && sorted[low + k + 1] - x < x - sorted[low] {
            low += 1;
        }
        found.push((x - sorted[low]).max(sorted[low + k] - x));
    }
    found
}

/// The distance of each point to its `k`-th nearest other by the larger of both coordinate differences; `k` must be
/// below their number.
pub(super) fn in_the_plane(x: &[f64], y: &[f64], k: usize) -> Vec<f64> {
    let mut points: Vec<(f64, f64, usize)> =
        x.iter().zip(y).enumerate().map(|(row, (&x, &y))| (x, y, row)).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let nearest = |i: usize| {
        // Ascending; neighbours by the first coordinate are tried from near to far, until none can be nearer.
        let mut best = vec![f64::INFINITY; k];
        let (mut down, mut up) = (i, i + 1);
        loop {
            let left = if down > 0 { points[i].0 - points[down - 1].0 } else { f64::INFINITY };
            let right = points.get(up).map_or(f64::INFINITY, |point| point.0 - points[i].0);
            let apart = left.min(right);
            if apart >= best[k - 1] {
                return (points[i].2, best[k - 1]);
            }
            let other = if left <= right {
                down -= 1;
                down
            } else {
                up += 1;
                up - 1
            };
            let distance = apart.max((points[i].1 - points[other].1).abs());
            if distance < best[k - 1] {
                let place = best.partition_point(|&d| d <= distance);
                best.copy_within(place..k - 1, place + 1);
                best[place] = distance;
            }
        }
    };
    let found: Vec<(usize, f64)> = (0..points.len()).into_par_iter().with_min_len(512).map(nearest).collect();
    let mut distances = vec![0.0; points.len()];
    found.into_iter().for_each(|(row, distance)| distances[row] = distance);
    distances
}

/// How many of the ascending values lie within a radius of `x`, both ends included. Differences are compared, as
/// when the radius was found: `x + radius` would be rounded.
pub(super) fn within(sorted: &[f64], x: f64, radius: f64) -> usize {
    sorted.partition_point(|&v| v - x <= radius) - sorted.partition_point(|&v| x - v > radius)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(x: &[f64], y: &[f64], k: usize) -> Vec<f64> {
        let of = |i: usize| {
            let others = (0..x.len()).filter(|&j| j != i);
            let mut all: Vec<f64> = others.map(|j| (x[i] - x[j]).abs().max((y[i] - y[j]).abs())).collect();
            all.sort_by(f64::total_cmp);
            all[k - 1]
        };
        (0..x.len()).map(of).collect()
    }

    proptest! {
        #[test]
        fn agree_with_all_pairs(points in prop::collection::vec((0..40i32, 0..1000i32), 5..60), k in 1usize..5) {
            let x: Vec<f64> = points.iter().map(|p| f64::from(p.0)).collect();
            let y: Vec<f64> = points.iter().map(|p| f64::from(p.1) / 25.0).collect();
            prop_assert_eq!(in_the_plane(&x, &y, k), naive(&x, &y, k));
            let mut sorted = y.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(on_a_line(&sorted, k), naive(&sorted, &vec![0.0; sorted.len()], k));
        }
    }
}
