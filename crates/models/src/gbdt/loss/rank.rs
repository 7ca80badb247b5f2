//! LambdaMART: pairs of rows of one group that are in the wrong order.

use rayon::prelude::*;

use super::{Derivatives, Loss};

/// Burges's LambdaMART by NDCG, as LightGBM's `lambdarank`.
pub(crate) struct LambdaMart {
    /// The rows of each group.
    pub groups: Vec<Vec<u32>>,
    /// `2^relevance - 1` of each row.
    pub gains: Vec<f64>,
    pub weights: Option<Vec<f64>>,
    /// Only pairs with a row among so many at the top count.
    pub truncation: usize,
    /// The best discounted gain of each group at the truncation, inverted; 0 where there is none.
    inverse_best: Vec<f64>,
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

impl LambdaMart {
    pub fn new(groups: Vec<Vec<u32>>, gains: Vec<f64>, weights: Option<Vec<f64>>, truncation: usize) -> Self {
        let best = |rows: &Vec<u32>| {
            let mut own: Vec<f64> = rows.iter().map(|&row| gains[row as usize]).collect();
            own.sort_by(|a, b| b.total_cmp(a));
            let best: f64 =
                own.iter().take(truncation).enumerate().map(|(place, gain)| gain * discount(place)).sum();
            if best > 0.0 { 1.0 / best } else { 0.0 }
        };
        let inverse_best = groups.iter().map(best).collect();
        Self { groups, gains, weights, truncation, inverse_best }
    }

    /// The rows of a group by their scores, the highest first; equal ones in their order.
    fn order(rows: &[u32], scores: &[f64]) -> Vec<u32> {
        let mut order = rows.to_vec();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        order
    }

    fn of_group(&self, group: usize, scores: &[f64]) -> Vec<(u32, Derivatives)> {
        let order = Self::order(&self.groups[group], scores);
        let mut out: Vec<(u32, Derivatives)> = order.iter().map(|&row| (row, [0.0; 2])).collect();
        let score = |place: usize| scores[order[place] as usize];
        let gain = |place: usize| self.gains[order[place] as usize];
        let n = order.len();
        let spread = n > 0 && score(0) != score(n - 1);
        let mut sum = 0.0;
        for i in 0..n.min(self.truncation) {
            for j in i + 1..n {
                if gain(i) == gain(j) {
                    continue;
                }
                let (high, low) = if gain(i) > gain(j) { (i, j) } else { (j, i) };
                let apart = score(high) - score(low);
                let mut change = (gain(high) - gain(low))
                    * (discount(high) - discount(low)).abs()
                    * self.inverse_best[group];
                if spread {
                    change /= 0.01 + apart.abs();
                }
                let p = 1.0 / (1.0 + apart.exp());
                let (lambda, h) = (p * change, p * (1.0 - p) * change);
                out[high].1 = [out[high].1[0] - lambda, out[high].1[1] + h];
                out[low].1 = [out[low].1[0] + lambda, out[low].1[1] + h];
                sum += 2.0 * lambda;
            }
        }
        if sum > 0.0 {
            let factor = (1.0 + sum).log2() / sum;
            out.iter_mut().for_each(|(_, own)| *own = own.map(|x| x * factor));
        }
        if let Some(weights) = &self.weights {
            out.iter_mut().for_each(|(row, own)| *own = own.map(|x| x * weights[*row as usize]));
        }
        out
    }
}

impl Loss for LambdaMart {
    fn initial(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn derivatives(&self, _: usize, _: &[f64], out: &mut [Derivatives]) {
        out.fill([0.0; 2]);
    }

    fn is_by_row(&self) -> bool {
        false
    }

    fn all_derivatives(&self, scores: &[f64], out: &mut [Derivatives]) {
        let groups: Vec<_> =
            (0..self.groups.len()).into_par_iter().map(|group| self.of_group(group, scores)).collect();
        groups.into_iter().flatten().for_each(|(row, own)| out[row as usize] = own);
    }

    /// One less the mean NDCG at the truncation. Groups without anything relevant do not count; the others as much as their rows weigh in the
    /// mean.
    fn mean(&self, scores: &[f64]) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for (rows, &inverse) in self.groups.iter().zip(&self.inverse_best) {
            if inverse == 0.0 {
                continue;
            }
            let weight = self
                .weights
                .as_ref()
                .map_or(1.0, |w| rows.iter().map(|&row| w[row as usize]).sum::<f64>() / rows.len() as f64);
            let order = Self::order(rows, scores);
            let gains = order.iter().take(self.truncation).enumerate();
            sum += weight
                * gains.map(|(place, &row)| self.gains[row as usize] * discount(place)).sum::<f64>()
                * inverse;
            all += weight;
        }
        1.0 - sum / all
    }
}
