//! What boosting minimises: derivatives of a row's loss by its scores, a start, and how scores become predictions.

mod classes;
mod custom;
mod exp;
mod rank;
mod values;

pub(super) use classes::{BinaryLogistic, FocalClasses, Labels, Softmax};
pub(super) use custom::{OfClassLoss, OfValueLoss};
pub(super) use rank::LambdaMart;
pub(super) use values::OfValues;

use rayon::prelude::*;

/// The first and second derivative of a row's loss by one of its scores, times the row's weight.
pub(super) type Derivatives = [f64; 2];

/// Rows whose derivatives are computed together.
pub(super) const CHUNK: usize = 4096;

/// The loss of the rows of a table, for boosting. Scores lie row by row.
pub(super) trait Loss: Send + Sync {
    /// How many scores a row has: a tree each per iteration.
    fn n_scores(&self) -> usize {
        1
    }

    /// The scores to start from.
    fn initial(&self) -> Vec<f64>;

    /// Writes the derivatives of the rows from `first` on, by each of their scores; as many as there are scores.
    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]);

    /// The mean loss of all rows.
    fn mean(&self, scores: &[f64]) -> f64;

    /// Whether the derivatives of a row depend on its own scores only, so that [`derivatives`](Self::derivatives) gives them.
    fn is_by_row(&self) -> bool {
        true
    }

    /// Writes the derivatives of all rows.
    fn all_derivatives(&self, scores: &[f64], out: &mut [Derivatives]) {
        let width = CHUNK * self.n_scores();
        let chunks = scores.par_chunks(width).zip(out.par_chunks_mut(width));
        chunks.enumerate().for_each(|(chunk, (scores, out))| self.derivatives(chunk * CHUNK, scores, out));
    }

    /// Bounds of the derivatives, where they do not depend on scores: the first one's magnitude, and the second.
    fn bounds(&self) -> Option<Derivatives> {
        None
    }

    /// Whether the second derivative of all rows is the same.
    fn constant_hessian(&self) -> bool {
        false
    }

    /// Whether leaves get values of their own once a tree has grown.
    fn renews(&self) -> bool {
        false
    }

    /// The value of a leaf with these rows, for a loss whose derivatives do not say how far to go.
    fn renewed(&self, rows: &[u32], scores: &[f64]) -> f64 {
        let _ = (rows, scores);
        0.0
    }
}

/// A mean over rows, in an order that does not depend on threads.
fn mean_of(n: usize, weights: Option<&[f64]>, loss: impl Fn(usize) -> f64 + Sync) -> f64 {
    let chunk = |chunk: usize| {
        let mut sums = [0.0; 2];
        for row in chunk * CHUNK..((chunk + 1) * CHUNK).min(n) {
            let w = weights.map_or(1.0, |w| w[row]);
            if w > 0.0 {
                sums = [sums[0] + w * loss(row), sums[1] + w];
            }
        }
        sums
    };
    let parts: Vec<[f64; 2]> = (0..n.div_ceil(CHUNK)).into_par_iter().map(chunk).collect();
    let sums = parts.iter().fold([0.0; 2], |sums, part| [sums[0] + part[0], sums[1] + part[1]]);
    sums[0] / sums[1]
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
