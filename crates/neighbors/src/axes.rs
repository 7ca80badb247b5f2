//! The principal axes of points: turned to them, the first coordinates tell most of a distance.

use crate::Points;

/// More columns than this are left as they are: to turn a point takes their square.
const MOST: usize = 64;
/// Rows that are looked at.
const SAMPLE: usize = 8192;

#[derive(Debug)]
pub(crate) struct Axes {
    /// The medians: a few rows far away must not move all others.
    centre: Vec<f64>,
    /// An axis after the other, widest first; `None` for the columns themselves.
    axes: Option<Vec<f64>>,
    /// A power of two, so that most rows are about 1 away, and squares neither overflow nor vanish in single precision.
    scale: f64,
    /// What single precision may add to a sum of squares, as a factor.
    slack: f32,
}

impl Axes {
    /// Those of some of the points.
    pub fn new(points: &Points) -> Self {
        let columns = points.n_columns();
        let step = points.n_rows().div_ceil(SAMPLE).max(1);
        let sampled = |column: usize| points.column(column).iter().copied().step_by(step);
        let centre: Vec<f64> = (0..columns).map(|c| median(sampled(c).collect())).collect();
        let away = |c: usize| sampled(c).map(|x| (x - centre[c]).abs()).collect::<Vec<f64>>();
        // Where half of all are equal in every column, the others tell.
        let typical = (0..columns).map(|c| median(away(c))).fold(0.0, f64::max);
        let largest = || (0..columns).flat_map(away).fold(0.0, f64::max);
        let scale = power_below(1.0 / if typical > 0.0 { typical } else { largest() });
        let slack = 1.0 + (columns as f32 + 32.0) * f32::EPSILON;
        let mut found = Self { centre, axes: None, scale, slack };
        if columns <= MOST {
            let centred = |c: usize| sampled(c).map(|x| (x - found.centre[c]) * found.scale).collect();
            let table: Vec<Vec<f64>> = (0..columns).map(centred).collect();
            let mut covariance = vec![0.0; columns * columns];
            for a in 0..columns {
                for b in 0..=a {
                    let sum: f64 = table[a].iter().zip(&table[b]).map(|(x, y)| x * y).sum();
                    covariance[a * columns + b] = sum;
                    covariance[b * columns + a] = sum;
                }
            }
            found.axes = principal(covariance, columns);
        }
        found
    }

    /// Writes the coordinates of a point, and tells how far rounding them to single precision moves it at most.
    ///
    /// `point` is overwritten.
    pub fn turn(&self, point: &mut [f64], out: &mut [f32]) -> f32 {
        let size = point
            .iter()
            .zip(&self.centre)
            .map(|(x, centre)| (x.abs() + centre.abs()) * self.scale)
            .sum::<f64>();
        point.iter_mut().zip(&self.centre).for_each(|(x, centre)| *x = (*x - centre) * self.scale);
        let mut moved = 0.0;
        let mut put = |place: &mut f32, x: f64| {
            *place = x as f32;
            moved += (x - f64::from(*place)) * (x - f64::from(*place));
        };
        match &self.axes {
            None => out.iter_mut().zip(&*point).for_each(|(place, &x)| put(place, x)),
            Some(axes) => {
                for (place, axis) in out.iter_mut().zip(axes.chunks_exact(point.len())) {
                    put(place, axis.iter().zip(&*point).fold(0.0, |sum, (a, x)| sum + a * x));
                }
            }
        }
        // The bound itself is rounded, too.
        let error = ((moved.sqrt() + size * 1e-12) * (1.0 + 1e-6)) as f32;
        if error.is_finite() {
            return error;
        }
        // It is somewhere.
        out.fill(0.0);
        f32::INFINITY
    }

    /// A distance in single precision, no less than it is.
    pub fn reach(&self, distance: f64) -> f32 {
        (distance * self.scale * (1.0 + 1e-6)) as f32
    }

    /// A rounded squared distance above this is that of points further away than this reach, the two moved by this much by rounding
    /// included. Not a number for a reach that is none.
    #[inline(always)]
    pub fn limit(&self, reach: f32) -> f32 {
        reach * reach * self.slack + f32::MIN_POSITIVE
    }
}

/// The lower one of the middle two; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len().saturating_sub(1) / 2;
    match values.is_empty() {
        true => 0.0,
        false => *values.select_nth_unstable_by(middle, f64::total_cmp).1,
    }
}

/// The largest power of two not above `x`, within bounds: a square that is 0 in double precision must stay 0 in single.
fn power_below(x: f64) -> f64 {
    let bits = x.clamp(1e-150, 1e100).to_bits();
    f64::from_bits(bits & 0x7ff0_0000_0000_0000)
}

/// The eigenvectors of a symmetric matrix, largest eigenvalue first, by Jacobi's rotations; `None` unless they are orthogonal.
fn principal(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    for _sweep in 0..30 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let off = matrix[p * n + q];
                if off.abs() <= 1e-14 * (matrix[p * n + p] * matrix[q * n + q]).abs().sqrt() {
                    continue;
                }
                turned = true;
                let theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * off);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (t * t + 1.0).sqrt();
                let sin = t * cos;
                let rotate = |a: &mut f64, b: &mut f64| (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
                for i in 0..n {
                    let (mut a, mut b) = (matrix[i * n + p], matrix[i * n + q]);
                    rotate(&mut a, &mut b);
                    (matrix[i * n + p], matrix[i * n + q]) = (a, b);
                }
                for i in 0..n {
                    let (mut a, mut b) = (matrix[p * n + i], matrix[q * n + i]);
                    rotate(&mut a, &mut b);
                    (matrix[p * n + i], matrix[q * n + i]) = (a, b);
                }
                for i in 0..n {
                    let (mut a, mut b) = (vectors[p * n + i], vectors[q * n + i]);
                    rotate(&mut a, &mut b);
                    (vectors[p * n + i], vectors[q * n + i]) = (a, b);
                }
            }
        }
        if !turned {
            break;
        }
    }
    let axis = |i: usize| &vectors[i * n..][..n];
    let dot = |i: usize, j: usize| axis(i).iter().zip(axis(j)).map(|(a, b)| a * b).sum::<f64>();
    let orthogonal = |i: usize, j: usize| (dot(i, j) - f64::from(u8::from(i == j))).abs() <= 1e-11;
    if !(0..n).all(|i| (0..=i).all(|j| orthogonal(i, j))) {
        return None;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| matrix[b * n + b].total_cmp(&matrix[a * n + a]).then(a.cmp(&b)));
    Some(order.into_iter().flat_map(|i| axis(i).to_vec()).collect())
}
