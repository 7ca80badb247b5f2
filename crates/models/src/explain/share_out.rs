//! Shapley values of the game that one leaf is: who of the features on its way makes rows come to it.
//!
//! The leaf is worth `Π_{j∈S} o_j Π_{j∉S} z_j` to the features of a set `S`, where `o_j` is 1 if the row passes the splits by `j`, and else
//! 0, and `z_j` is what is expected of rows when `j` is not known. By `k! (D−1−k)! / D! = ∫ t^k (1−t)^{D−1−k} dt` the value of `i` is
//!
//! ```text
//! φ_i = (o_i − z_i) ∫₀¹ Π_{j≠i} (z_j (1−t) + o_j t) dt
//! ```
//!
//! which is the multilinear extension of the game, derived along the diagonal (Guillermo Owen, *Multilinear extensions of games*, 1972).
//! The integrand is a polynomial of degree D − 1, which quadrature with D/2 points integrates exactly, and no term is negative: nothing
//! cancels, however long the way.

use super::patterns::{Patterns, WORD};
use super::quadrature::Quadrature;
use super::walk::Factor;

const LANES: usize = 8;
/// What stands for shares of 0, so that nothing is divided by 0: further factors of this size are nothing.
const LEAST: f64 = 1e-150;

/// Room that is used again for each leaf.
#[derive(Default)]
pub(super) struct Room {
    ones: Vec<[f64; LANES]>,
    products: Vec<[f64; LANES]>,
}

/// Shares out 1 for each of `n` patterns: `table[place * n + pattern]` is for the feature at that place of the path.
pub(super) fn by_shares(
    path: &[Factor],
    rule: &Quadrature,
    patterns: &Patterns<'_>,
    n: usize,
    room: &mut Room,
    table: &mut [f64],
) {
    for start in (0..n).step_by(LANES) {
        let lanes = LANES.min(n - start);
        room.ones.clear();
        room.ones.resize(path.len(), [0.0; LANES]);
        for lane in 0..lanes {
            for (place, ones) in room.ones.chunks_mut(WORD).enumerate() {
                let word = patterns.word(start + lane, place);
                for (bit, ones) in ones.iter_mut().enumerate() {
                    ones[lane] = f64::from(word >> bit & 1);
                }
            }
        }
        room.products.clear();
        room.products.extend(rule.points.iter().map(|&(_, _, weight)| [weight; LANES]));
        for (factor, ones) in path.iter().zip(&room.ones) {
            let share = factor.share.max(LEAST);
            for (product, &(t, rest, _)) in room.products.iter_mut().zip(&rule.points) {
                let zero = share * rest;
                product.iter_mut().zip(ones).for_each(|(p, one)| *p *= zero + one * t);
            }
        }
        for (place, (factor, ones)) in path.iter().zip(&room.ones).enumerate() {
            let share = factor.share.max(LEAST);
            let mut sums = [0.0; LANES];
            for (product, &(t, rest, _)) in room.products.iter().zip(&rule.points) {
                let zero = share * rest;
                for ((sum, p), one) in sums.iter_mut().zip(product).zip(ones) {
                    *sum += p / (zero + one * t);
                }
            }
            let out = table[place * n + start..].iter_mut().take(lanes);
            for ((out, sum), one) in out.zip(sums).zip(ones) {
                *out = (one - factor.share) * sum;
            }
        }
    }
}
