//! Coordinates in which the problem is round: the Hessian at the start becomes the identity.

use mlsys_core::Result;
use mlsys_core::ndarray::{Array2, ArrayView2, linalg::general_mat_mul};
use mlsys_stats::solve::Cholesky;
use rayon::prelude::*;

use super::columns::{BLOCK, Block, Feature};
use super::objective::chunks;

/// Above this many features, products of all pairs cost more than they save; their diagonal is used.
const FULL_LIMIT: usize = 512;
/// Chunks of rows, each with a matrix of its own.
const CHUNKS: usize = 16;

/// The map between the solver's point and the parameters, per output.
pub(super) struct Preconditioner {
    factors: Vec<Factor>,
}

struct Factor {
    coefficients: Scaling,
    intercept: f64,
}

enum Scaling {
    Full(Cholesky),
    Diagonal(Vec<f64>),
}

impl Preconditioner {
    /// For constant predictions `shares` (one per output), where the Hessian of each output is
    /// share (1 - share) X'WX + penalty.
    pub(super) fn new(
        features: &[Feature],
        weights: Option<&[f64]>,
        total: f64,
        n: usize,
        shares: &[f64],
        penalty: &[f64],
    ) -> Self {
        let p = features.len();
        let full = p <= FULL_LIMIT;
        let products =
            if full { gram(features, weights, total, n) } else { squares(features, weights, total, n) };
        let factor = |share: &f64| {
            let curvature = (share * (1.0 - share)).max(1e-8);
            let diagonal = |j: usize| curvature * products[if full { j * p + j } else { j }] + penalty[j];
            let mean = (0..p).map(diagonal).sum::<f64>() / p as f64;
            // Constant and collinear columns without a penalty have no curvature of their own.
            let floor = if mean.is_finite() && mean > 0.0 { 1e-10 * mean } else { 1e-10 };
            let cholesky = full.then(|| {
                let mut matrix: Vec<f64> = products.iter().map(|g| curvature * g).collect();
                (0..p).for_each(|j| matrix[j * p + j] += penalty[j] + floor);
                Cholesky::new(&matrix, p).ok()
            });
            let coefficients = match cholesky.flatten() {
                Some(cholesky) => Scaling::Full(cholesky),
                None => Scaling::Diagonal((0..p).map(|j| (diagonal(j) + floor).sqrt()).collect()),
            };
            Factor { coefficients, intercept: curvature.sqrt() }
        };
        Self { factors: shares.iter().map(factor).collect() }
    }

    /// The solver's point of these parameters, of which only the intercepts are not zero.
    pub(super) fn start(&self, intercepts: &[f64], stride: usize) -> Vec<f64> {
        let mut point = vec![0.0; stride * self.factors.len()];
        for ((point, factor), intercept) in point.chunks_exact_mut(stride).zip(&self.factors).zip(intercepts)
        {
            point[stride - 1] = intercept * factor.intercept;
        }
        point
    }

    /// Point to parameters: the transposed inverse of the factor.
    pub(super) fn to_parameters(&self, point: &[f64], parameters: &mut [f64]) -> Result<()> {
        parameters.copy_from_slice(point);
        self.each(parameters, |factor, coefficients| match &factor.coefficients {
            Scaling::Full(cholesky) => cholesky.solve_upper(coefficients),
            Scaling::Diagonal(scales) => divide(coefficients, scales),
        })
    }

    /// Gradient by parameters to gradient by point: the inverse of the factor.
    pub(super) fn to_gradient(&self, gradient: &mut [f64]) -> Result<()> {
        self.each(gradient, |factor, coefficients| match &factor.coefficients {
            Scaling::Full(cholesky) => cholesky.solve_lower(coefficients),
            Scaling::Diagonal(scales) => divide(coefficients, scales),
        })
    }

    fn each(&self, values: &mut [f64], map: impl Fn(&Factor, &mut [f64]) -> Result<()>) -> Result<()> {
        let stride = values.len() / self.factors.len().max(1);
        for (values, factor) in values.chunks_exact_mut(stride.max(1)).zip(&self.factors) {
            let (coefficients, intercept) = values.split_at_mut(stride - 1);
            map(factor, coefficients)?;
            divide(intercept, &[factor.intercept])?;
        }
        Ok(())
    }
}

/// Solves with a diagonal factor; never fails, but stands beside the solvers that check lengths.
fn divide(values: &mut [f64], by: &[f64]) -> Result<()> {
    values.iter_mut().zip(by).for_each(|(x, by)| *x /= by);
    Ok(())
}

/// The weighted mean square of each feature.
fn squares(features: &[Feature], weights: Option<&[f64]>, total: f64, n: usize) -> Vec<f64> {
    let square = |feature: &Feature| -> f64 {
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let scaled = |x: f64| (x - feature.shift) / feature.scale;
        let mut sum = 0.0;
        for index in 0..n.div_ceil(BLOCK) {
            let first = index * BLOCK;
            sum += match feature.values.block(index, n) {
                Block::Real(x) => {
                    x.iter().enumerate().map(|(i, &x)| weight(first + i) * scaled(x).powi(2)).sum::<f64>()
                }
                Block::Bytes(x) => x
                    .iter()
                    .enumerate()
                    .map(|(i, &x)| weight(first + i) * scaled(x.into()).powi(2))
                    .sum::<f64>(),
                Block::Ones(ones) => ones.iter().map(|&row| weight(first + row as usize)).sum::<f64>(),
            };
        }
        sum / total - if feature.is_ones() { feature.shift * feature.shift } else { 0.0 }
    };
    features.par_iter().map(square).collect()
}

/// The weighted mean products of all pairs of features, shifted and scaled, row by row.
fn gram(features: &[Feature], weights: Option<&[f64]>, total: f64, n: usize) -> Vec<f64> {
    let p = features.len();
    let ones: Vec<usize> = (0..p).filter(|&j| features[j].is_ones()).collect();
    let dense: Vec<usize> = (0..p).filter(|&j| !features[j].is_ones()).collect();
    let chunk = |blocks: std::ops::Range<usize>| {
        let mut sums = Products::new(dense.len(), ones.len());
        for index in blocks {
            sums.add_block(features, &dense, &ones, weights, index, n);
        }
        sums
    };
    let parts: Vec<Products> = chunks(n, CHUNKS).into_par_iter().map(chunk).collect();
    let mut gram = vec![0.0; p * p];
    for part in parts {
        for (a, &i) in dense.iter().enumerate() {
            dense.iter().enumerate().for_each(|(b, &j)| gram[i * p + j] += part.dense[[a, b]]);
        }
        for (a, &i) in ones.iter().enumerate() {
            for (b, &j) in dense.iter().enumerate() {
                gram[i * p + j] += part.mixed[[a, b]];
                gram[j * p + i] += part.mixed[[a, b]];
            }
            for (b, &j) in ones.iter().enumerate().take(a + 1) {
                gram[i * p + j] += part.ones[[a, b]];
                if a != b {
                    gram[j * p + i] += part.ones[[a, b]];
                }
            }
        }
    }
    gram.iter_mut().for_each(|g| *g /= total);
    for &i in &ones {
        ones.iter().for_each(|&j| gram[i * p + j] -= features[i].shift * features[j].shift);
    }
    gram
}

/// Sums of products, by kind of feature.
struct Products {
    dense: Array2<f64>,
    mixed: Array2<f64>,
    ones: Array2<f64>,
    /// Scratch: the dense features of a block, row by row, and the same times the weights.
    block: Vec<f64>,
    weighted: Vec<f64>,
}

impl Products {
    fn new(dense: usize, ones: usize) -> Self {
        Self {
            dense: Array2::zeros((dense, dense)),
            mixed: Array2::zeros((ones, dense)),
            ones: Array2::zeros((ones, ones)),
            block: vec![0.0; BLOCK * dense],
            weighted: vec![0.0; BLOCK * dense],
        }
    }

    fn add_block(
        &mut self,
        features: &[Feature],
        dense: &[usize],
        ones: &[usize],
        weights: Option<&[f64]>,
        index: usize,
        n: usize,
    ) {
        let rows = BLOCK.min(n - index * BLOCK);
        let weight = |row: usize| weights.map_or(1.0, |w| w[index * BLOCK + row]);
        let d = dense.len();
        for (place, &j) in dense.iter().enumerate() {
            let feature = &features[j];
            let mut put = |row: usize, x: f64| {
                let x = (x - feature.shift) / feature.scale;
                self.block[row * d + place] = x;
                self.weighted[row * d + place] = x * weight(row);
            };
            match feature.values.block(index, n) {
                Block::Real(x) => x.iter().enumerate().for_each(|(row, &x)| put(row, x)),
                Block::Bytes(x) => x.iter().enumerate().for_each(|(row, &x)| put(row, x.into())),
                Block::Ones(_) => {}
            }
        }
        let (block, weighted) = (&self.block[..rows * d], &self.weighted[..rows * d]);
        if let (Ok(x), Ok(wx)) =
            (ArrayView2::from_shape((rows, d), block), ArrayView2::from_shape((rows, d), weighted))
        {
            general_mat_mul(1.0, &wx.t(), &x, 1.0, &mut self.dense);
        }
        let mut together: Vec<Vec<u16>> = vec![Vec::new(); if ones.is_empty() { 0 } else { rows }];
        for (place, &j) in ones.iter().enumerate() {
            let Block::Ones(list) = features[j].values.block(index, n) else { continue };
            let mut sums = self.mixed.row_mut(place);
            for &row in list {
                let row = row as usize;
                let values = &weighted[row * d..(row + 1) * d];
                sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
                together[row].push(place as u16);
            }
        }
        for (row, list) in together.iter().enumerate() {
            let w = weight(row);
            for (a, &i) in list.iter().enumerate() {
                list[..=a].iter().for_each(|&j| self.ones[[i as usize, j as usize]] += w);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Values;
    use super::*;

    #[test]
    fn products_agree_with_the_plain_sums() {
        let n = 3000;
        let columns = [
            (0..n).map(|i| (i % 13) as f64 + 100.0).collect::<Vec<_>>(),
            (0..n).map(|i| f64::from(u8::from(i % 5 == 0))).collect(),
            (0..n).map(|i| (i as f64).sin()).collect(),
            (0..n).map(|i| f64::from(u8::from(i % 15 == 0))).collect(),
        ];
        let weights: Vec<f64> = (0..n).map(|i| 1.0 + (i % 2) as f64).collect();
        let total = weights.iter().sum();
        for centre in [true, false] {
            let features: Vec<Feature> = (columns.iter().cloned())
                .map(|c| {
                    Feature::new("x", Values::from_doubles(c.into()), Some(&weights), total, centre, n)
                        .unwrap()
                })
                .collect();
            let products = gram(&features, Some(&weights), total, n);
            let diagonal = squares(&features, Some(&weights), total, n);
            let z = |i: usize, j: usize| (columns[j][i] - features[j].shift) / features[j].scale;
            for a in 0..4 {
                for b in 0..4 {
                    let expected = (0..n).map(|i| weights[i] * z(i, a) * z(i, b)).sum::<f64>() / total;
                    assert!((products[a * 4 + b] - expected).abs() < 1e-12, "{centre} {a} {b}");
                }
                assert!((products[a * 5] - diagonal[a]).abs() < 1e-12);
            }
        }
    }
}
