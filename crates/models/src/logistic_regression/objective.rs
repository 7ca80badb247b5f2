//! The loss and its gradient, block by block of rows and column by column within a block.

use mlsys_core::ClassLoss;
use rayon::prelude::*;

use super::columns::{BLOCK, Block, Feature};
use super::sparse::SparseFeatures;

/// Rows are cut into at most this many chunks, whatever the number of threads, so that sums have one order.
const CHUNKS: usize = 64;

/// What is minimised, per unit of weight.
pub(super) struct Objective<'a> {
    pub(super) features: &'a [Feature],
    pub(super) sparse: &'a SparseFeatures,
    pub(super) labels: &'a [u32],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) total: f64,
    /// One linear predictor for two classes, else one per class.
    pub(super) outputs: usize,
    /// Instead of the logistic one.
    pub(super) loss: Option<&'a dyn ClassLoss>,
    pub(super) intercept: bool,
    /// The penalty on each coefficient in the solver's coordinates.
    pub(super) penalty: &'a [f64],
}

/// The ranges of blocks that make the chunks of `n` rows.
pub(super) fn chunks(n: usize, at_most: usize) -> Vec<std::ops::Range<usize>> {
    let blocks = n.div_ceil(BLOCK);
    let per_chunk = blocks.div_ceil(at_most).max(1);
    (0..blocks).step_by(per_chunk).map(|first| first..(first + per_chunk).min(blocks)).collect()
}

impl Objective<'_> {
    /// Numbers per output: a coefficient per feature, one per place of sparse rows, then the intercept.
    pub(super) fn stride(&self) -> usize {
        self.features.len() + self.sparse.len() + 1
    }

    /// The value at `parameters`; writes the gradient.
    pub(super) fn evaluate(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let (stride, dense) = (self.stride(), self.features.len());
        let raw = self.raw(parameters);
        // Kept for the places, whose gradients are summed place by place: a gradient per chunk could be large.
        let kept = if self.sparse.is_empty() { 0 } else { self.labels.len() * self.outputs };
        let mut residuals = vec![0.0; kept];
        let mut rest = residuals.as_mut_slice();
        let mut tasks = Vec::new();
        for blocks in chunks(self.labels.len(), CHUNKS) {
            let own = (blocks.len() * BLOCK * self.outputs).min(rest.len());
            let (head, tail) = rest.split_at_mut(own);
            tasks.push((blocks, head));
            rest = tail;
        }
        let parts: Vec<(f64, Vec<f64>)> =
            tasks.into_par_iter().map(|(blocks, residuals)| self.chunk(&raw, blocks, residuals)).collect();
        gradient.fill(0.0);
        let mut value = 0.0;
        for (loss, part) in parts {
            value += loss;
            for (to, from) in gradient.chunks_exact_mut(stride).zip(part.chunks_exact(dense + 1)) {
                to[..dense].iter_mut().zip(from).for_each(|(to, from)| *to += from);
                to[stride - 1] += from[dense];
            }
        }
        value /= self.total;
        let sums = self.sparse.sums(&residuals, self.outputs);
        for (output, (gradient, parameters)) in
            gradient.chunks_exact_mut(stride).zip(parameters.chunks_exact(stride)).enumerate()
        {
            let residuals = gradient[stride - 1];
            for (j, feature) in self.features.iter().enumerate() {
                // Lists of ones are summed as they are; the shift is made up for here.
                let sum =
                    if feature.is_ones() { gradient[j] - feature.shift * residuals } else { gradient[j] };
                gradient[j] = sum / feature.scale / self.total + self.penalty[j] * parameters[j];
                value += 0.5 * self.penalty[j] * parameters[j] * parameters[j];
            }
            for (place, (shift, scale)) in self.sparse.shift.iter().zip(&self.sparse.scale).enumerate() {
                let j = dense + place;
                let sum = sums[place * self.outputs + output] - shift * residuals;
                gradient[j] = sum / scale / self.total + self.penalty[j] * parameters[j];
                value += 0.5 * self.penalty[j] * parameters[j] * parameters[j];
            }
            gradient[stride - 1] = if self.intercept { residuals / self.total } else { 0.0 };
        }
        value
    }

    /// Coefficients for `x - shift` rather than `(x - shift) / scale`, with the shifts of lists of ones and of sparse rows in
    /// the intercept.
    fn raw(&self, parameters: &[f64]) -> Vec<f64> {
        let (stride, dense) = (self.stride(), self.features.len());
        let mut raw = parameters.to_vec();
        for output in raw.chunks_exact_mut(stride) {
            for (j, feature) in self.features.iter().enumerate() {
                output[j] /= feature.scale;
                if feature.is_ones() {
                    output[stride - 1] -= feature.shift * output[j];
                }
            }
            for (place, (shift, scale)) in self.sparse.shift.iter().zip(&self.sparse.scale).enumerate() {
                output[dense + place] /= scale;
                output[stride - 1] -= shift * output[dense + place];
            }
        }
        raw
    }

    /// The loss of a chunk and its gradient, a coefficient per feature and the intercept; keeps the residuals if there is room.
    fn chunk(&self, raw: &[f64], blocks: std::ops::Range<usize>, residuals: &mut [f64]) -> (f64, Vec<f64>) {
        let (stride, dense) = (self.stride(), self.features.len());
        let n = self.labels.len();
        let first = blocks.start;
        let mut gradient = vec![0.0; (dense + 1) * self.outputs];
        let mut loss = 0.0;
        let mut predictors = vec![0.0; self.outputs * BLOCK];
        for index in blocks {
            let rows = index * BLOCK..((index + 1) * BLOCK).min(n);
            let labels = &self.labels[rows.clone()];
            let weights = self.weights.map(|w| &w[rows.clone()]);
            for (z, raw) in predictors.chunks_exact_mut(BLOCK).zip(raw.chunks_exact(stride)) {
                let z = &mut z[..rows.len()];
                z.fill(raw[stride - 1]);
                for (feature, &coefficient) in self.features.iter().zip(raw) {
                    add_block(z, feature.values.block(index, n), feature.shift, coefficient);
                }
                if !self.sparse.is_empty() {
                    self.sparse.add(z, rows.start, &raw[dense..stride - 1]);
                }
            }
            loss += if let Some(own) = self.loss {
                given(own, &mut predictors, labels, weights)
            } else if self.outputs == 1 {
                binary(&mut predictors[..rows.len()], labels, weights)
            } else {
                multinomial(&mut predictors, labels, weights, self.outputs)
            };
            if !residuals.is_empty() {
                let own = &mut residuals[(index - first) * BLOCK * self.outputs..];
                for (output, r) in predictors.chunks_exact(BLOCK).enumerate() {
                    let places = own.iter_mut().skip(output).step_by(self.outputs);
                    places.zip(&r[..rows.len()]).for_each(|(to, r)| *to = *r);
                }
            }
            for (r, gradient) in predictors.chunks_exact(BLOCK).zip(gradient.chunks_exact_mut(dense + 1)) {
                let r = &r[..rows.len()];
                for (feature, sum) in self.features.iter().zip(gradient.iter_mut()) {
                    *sum += match feature.values.block(index, n) {
                        Block::Real(x) => dot(r, x, feature.shift),
                        Block::Bytes(x) => dot(r, x, feature.shift),
                        Block::Ones(ones) => ones.iter().map(|&row| r[row as usize]).sum(),
                    };
                }
                gradient[dense] += r.iter().sum::<f64>();
            }
        }
        (loss, gradient)
    }
}

/// Adds `coefficient * (x - shift)` for each row; the shift of a list of ones is left to the caller.
pub(super) fn add_block(z: &mut [f64], block: Block<'_>, shift: f64, coefficient: f64) {
    match block {
        Block::Real(x) => add_scaled(z, x, shift, coefficient),
        Block::Bytes(x) => add_scaled(z, x, shift, coefficient),
        Block::Ones(ones) => ones.iter().for_each(|&row| z[row as usize] += coefficient),
    }
}

fn add_scaled<T: Copy + Into<f64>>(z: &mut [f64], x: &[T], shift: f64, coefficient: f64) {
    if coefficient != 0.0 {
        z.iter_mut().zip(x).for_each(|(z, &x)| *z += coefficient * (x.into() - shift));
    }
}

/// The sum of `r * (x - shift)` in eight lanes, which the compiler turns into vector instructions.
fn dot<T: Copy + Into<f64>>(r: &[f64], x: &[T], shift: f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (mut r, mut x) = (r.chunks_exact(8), x.chunks_exact(8));
    for (r, x) in (&mut r).zip(&mut x) {
        for lane in 0..8 {
            lanes[lane] += r[lane] * (x[lane].into() - shift);
        }
    }
    let rest: f64 = r.remainder().iter().zip(x.remainder()).map(|(r, &x)| r * (x.into() - shift)).sum();
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// The probability of the positive class and the logistic loss; neither over- nor underflows.
pub(crate) fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Turns predictors into residuals `w (p - y)` and returns the weighted loss.
fn binary(z: &mut [f64], labels: &[u32], weights: Option<&[f64]>) -> f64 {
    let mut loss = 0.0;
    for (row, (z, &label)) in z.iter_mut().zip(labels).enumerate() {
        let y = f64::from(label);
        let e = (-z.abs()).exp();
        let p = if *z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
        let w = weights.map_or(1.0, |w| w[row]);
        // max(z, 0) - y z, written so that the large parts of a right answer cancel exactly.
        let margin = if label == 1 { (-*z).max(0.0) } else { z.max(0.0) };
        loss += w * (e.ln_1p() + margin);
        *z = w * (p - y);
    }
    loss
}

/// The same by a loss that was given.
fn given(loss: &dyn ClassLoss, predictors: &mut [f64], labels: &[u32], weights: Option<&[f64]>) -> f64 {
    let outputs = loss.n_scores();
    let (mut scores, mut gradient) = (vec![0.0; outputs], vec![0.0; outputs]);
    let mut sum = 0.0;
    for (row, &label) in labels.iter().enumerate() {
        scores.iter_mut().enumerate().for_each(|(k, score)| *score = predictors[k * BLOCK + row]);
        let w = weights.map_or(1.0, |w| w[row]);
        sum += w * loss.gradient(label as usize, &scores, &mut gradient);
        gradient.iter().enumerate().for_each(|(k, by)| predictors[k * BLOCK + row] = w * by);
    }
    sum
}

fn multinomial(predictors: &mut [f64], labels: &[u32], weights: Option<&[f64]>, outputs: usize) -> f64 {
    let mut loss = 0.0;
    let mut z = vec![0.0; outputs];
    for (row, &label) in labels.iter().enumerate() {
        z.iter_mut().enumerate().for_each(|(k, z)| *z = predictors[k * BLOCK + row]);
        let own = z[label as usize];
        let log_sum = softmax(&mut z);
        let w = weights.map_or(1.0, |w| w[row]);
        loss += w * (log_sum - own);
        for (k, p) in z.iter().enumerate() {
            let y = f64::from(u8::from(k == label as usize));
            predictors[k * BLOCK + row] = w * (p - y);
        }
    }
    loss
}

/// Turns predictors into probabilities and returns the logarithm of the sum of their exponentials.
pub(super) fn softmax(z: &mut [f64]) -> f64 {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for z in z.iter_mut() {
        *z = (*z - max).exp();
        sum += *z;
    }
    z.iter_mut().for_each(|z| *z /= sum);
    max + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::super::columns::Values;
    use super::*;
    use mlsys_core::sparse::SparseBuilder;

    /// Each row has one of five places, or none, and every third one a number.
    fn sparse(n: usize, weights: &[f64], total: f64) -> SparseFeatures {
        let mut builder = SparseBuilder::new(1 << 20, n, n);
        for i in 0..n {
            if i % 6 < 5 {
                builder.add((i % 6) as u32 * 1000, 1.0);
            }
            if i % 3 == 0 {
                builder.add(900_000, (i % 11) as f64 - 2.0);
            }
            builder.end_row();
        }
        let rows = builder.finish().unwrap();
        SparseFeatures::new(&[rows], Some(weights), total, true, n).unwrap()
    }

    fn problem(n: usize) -> (Vec<Feature>, Vec<u32>, Vec<f64>) {
        let value = |i: usize, j: usize| ((i * 37 + j * 11) % 101) as f64 / 10.0 + 1e3 * j as f64;
        let mut columns: Vec<Values> =
            (0..3).map(|j| Values::from_doubles((0..n).map(|i| value(i, j)).collect())).collect();
        columns.push(Values::from_doubles((0..n).map(|i| f64::from(u8::from(i % 7 == 0))).collect()));
        let weights: Vec<f64> = (0..n).map(|i| 0.5 + (i % 3) as f64).collect();
        let total = weights.iter().sum();
        let features =
            columns.into_iter().map(|c| Feature::new("x", c, Some(&weights), total, true, n).unwrap());
        (features.collect(), (0..n).map(|i| (i * i % 3) as u32).collect(), weights)
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        for outputs in [1, 3] {
            let (features, mut labels, weights) = problem(5000);
            labels.iter_mut().for_each(|y| *y = if outputs == 1 { *y % 2 } else { *y });
            let total = weights.iter().sum();
            let sparse = sparse(5000, &weights, total);
            let objective = Objective {
                features: &features,
                sparse: &sparse,
                labels: &labels,
                weights: Some(&weights),
                total,
                outputs,
                loss: None,
                intercept: true,
                penalty: &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            };
            let at: Vec<f64> = (0..11 * outputs).map(|i| (i as f64 * 0.7).sin()).collect();
            let mut gradient = vec![0.0; at.len()];
            objective.evaluate(&at, &mut gradient);
            for i in 0..at.len() {
                let step = |h: f64| {
                    let mut at = at.clone();
                    at[i] += h;
                    objective.evaluate(&at, &mut vec![0.0; at.len()])
                };
                let numeric = (step(1e-5) - step(-1e-5)) / 2e-5;
                assert!((numeric - gradient[i]).abs() < 1e-8, "{i}: {numeric} {}", gradient[i]);
            }
        }
    }

    #[test]
    fn extreme_predictors_stay_finite() {
        assert_eq!((sigmoid(-1e9), sigmoid(0.0), sigmoid(1e9)), (0.0, 0.5, 1.0));
        let mut z = [1e9, -1e9];
        assert_eq!((softmax(&mut z), z), (1e9, [1.0, 0.0]));
        assert_eq!(binary(&mut [1e9], &[1], None), 0.0);
        assert_eq!(binary(&mut [-1e9], &[1], None), 1e9);
    }
}
