//! Coordinates in which the problem is round: the Hessian at the start becomes the identity.

use mlsys_core::Result;
use mlsys_core::ndarray::{Array2, ArrayView2, linalg::general_mat_mul};
use mlsys_stats::solve::Cholesky;
use rayon::prelude::*;

use super::columns::{BLOCK, Block, Feature};
use super::objective::chunks;
use super::sparse::SparseFeatures;

/// Above this many features, products of all pairs cost more than they save; their diagonal is used.
const FULL_LIMIT: usize = 512;
/// Nor are products of places worth their time where rows are long: an evaluation takes two steps per entry.
const PAIRS_PER_ENTRY: usize = 64;
/// A place that is constant has a gradient of rounding errors alone; they must stay small in the solver's coordinates.
const LEAST_OF_PLACES: f64 = 1e-12;
/// Chunks of rows, each with a matrix of its own.
const CHUNKS: usize = 16;

/// The map between the solver's point and the parameters, per output.
pub(super) struct Preconditioner {
    factors: Vec<Factor>,
}

struct Factor {
    coefficients: Scaling,
    /// The diagonal of the places of sparse rows, where those are too many for [`Scaling::Full`].
    places: Vec<f64>,
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
        sparse: &SparseFeatures,
        weights: Option<&[f64]>,
        total: f64,
        n: usize,
        shares: &[f64],
        penalty: &[f64],
    ) -> Self {
        let none = SparseFeatures::default();
        let together =
            features.len() + sparse.len() <= FULL_LIMIT && sparse.pairs_per_entry() <= PAIRS_PER_ENTRY;
        let (within, apart) = if together { (sparse, &none) } else { (&none, sparse) };
        let p = features.len() + within.len();
        let full = p <= FULL_LIMIT;
        let products = if full {
            gram(features, within, weights, total, n)
        } else {
            squares(features, weights, total, n)
        };
        let squares_of_places = apart.squares(weights, total);
        let factor = |share: &f64| {
            let curvature = (share * (1.0 - share)).max(1e-8);
            let diagonal = |j: usize| curvature * products[if full { j * p + j } else { j }] + penalty[j];
            // Constant and collinear columns without a penalty have no curvature of their own.
            let floor = ridge((0..p).map(diagonal).sum::<f64>() / p as f64);
            let floor = if within.is_empty() { floor } else { floor.max(LEAST_OF_PLACES) };
            let cholesky = full.then(|| {
                let mut matrix: Vec<f64> = products.iter().map(|g| curvature * g).collect();
                (0..p).for_each(|j| matrix[j * p + j] += penalty[j] + floor);
                Cholesky::new(&matrix, p).ok()
            });
            let coefficients = match cholesky.flatten() {
                Some(cholesky) => Scaling::Full(cholesky),
                None => Scaling::Diagonal((0..p).map(|j| (diagonal(j) + floor).sqrt()).collect()),
            };
            let own = squares_of_places.iter().zip(&penalty[p..]);
            let places = own.map(|(g, l2)| (curvature * g + l2).max(LEAST_OF_PLACES).sqrt()).collect();
            Factor { coefficients, places, intercept: curvature.sqrt() }
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
            let (coefficients, places) = coefficients.split_at_mut(coefficients.len() - factor.places.len());
            map(factor, coefficients)?;
            divide(places, &factor.places)?;
            divide(intercept, &[factor.intercept])?;
        }
        Ok(())
    }
}

/// What is added to a diagonal of this mean.
fn ridge(mean: f64) -> f64 {
    if mean.is_finite() && mean > 0.0 { 1e-10 * mean } else { 1e-10 }
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

/// The weighted mean products of all pairs of features and then places, shifted and scaled, row by row.
fn gram(
    features: &[Feature],
    sparse: &SparseFeatures,
    weights: Option<&[f64]>,
    total: f64,
    n: usize,
) -> Vec<f64> {
    let p = features.len() + sparse.len();
    let is_ones = |j: &usize| features[*j].is_ones();
    let mut ones: Vec<usize> = (0..features.len()).filter(is_ones).collect();
    let dense: Vec<usize> = (0..features.len()).filter(|j| !is_ones(j)).collect();
    let chunk = |blocks: std::ops::Range<usize>| {
        let mut sums = Products::new(dense.len(), ones.len() + sparse.len());
        for index in blocks {
            sums.add_block(features, &dense, &ones, weights, index, n);
            sums.add_places(sparse, dense.len(), ones.len(), weights, index, n);
        }
        sums
    };
    let parts: Vec<Products> = chunks(n, CHUNKS).into_par_iter().map(chunk).collect();
    ones.extend(features.len()..p);
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
    let shift = |j: usize| match j.checked_sub(features.len()) {
        None => features[j].shift,
        Some(place) => sparse.shift[place] / sparse.scale[place],
    };
    for &i in &ones {
        ones.iter().for_each(|&j| gram[i * p + j] -= shift(i) * shift(j));
    }
    // A constant place has no square; rounding must not make it negative.
    (features.len()..p).for_each(|i| gram[i * p + i] = gram[i * p + i].max(0.0));
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
    /// Scratch: for each row of a block, the features that are one.
    together: Vec<Vec<u16>>,
}

impl Products {
    fn new(dense: usize, ones: usize) -> Self {
        Self {
            dense: Array2::zeros((dense, dense)),
            mixed: Array2::zeros((ones, dense)),
            ones: Array2::zeros((ones, ones)),
            block: vec![0.0; BLOCK * dense],
            weighted: vec![0.0; BLOCK * dense],
            together: Vec::new(),
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
        self.together = together;
    }

    /// The products of the places with one another and with the features of the block that was added last.
    fn add_places(
        &mut self,
        sparse: &SparseFeatures,
        dense: usize,
        ones: usize,
        weights: Option<&[f64]>,
        index: usize,
        n: usize,
    ) {
        if sparse.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        for (row, at) in (index * BLOCK..((index + 1) * BLOCK).min(n)).enumerate() {
            let w = weights.map_or(1.0, |w| w[at]);
            entries.clear();
            sparse.each_of_row(at, |place, value| entries.push((ones + place, value / sparse.scale[place])));
            let weighted = &self.weighted[row * dense..(row + 1) * dense];
            for (a, &(i, value)) in entries.iter().enumerate() {
                let sums = self.mixed.row_mut(i);
                sums.into_iter().zip(weighted).for_each(|(sum, x)| *sum += value * x);
                for &j in self.together.get(row).into_iter().flatten() {
                    self.ones[[i, j as usize]] += w * value;
                }
                entries[..=a].iter().for_each(|&(j, other)| self.ones[[i, j]] += w * value * other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::Values;
    use super::*;
    use mlsys_core::sparse::SparseBuilder;

    #[test]
    fn products_agree_with_the_plain_sums() {
        let n = 3000;
        let columns = [
            (0..n).map(|i| (i % 13) as f64 + 100.0).collect::<Vec<_>>(),
            (0..n).map(|i| f64::from(u8::from(i % 5 == 0))).collect(),
            (0..n).map(|i| (i as f64).sin()).collect(),
            (0..n).map(|i| f64::from(u8::from(i % 15 == 0))).collect(),
        ];
        let of_place: [Vec<f64>; 2] = [
            (0..n).map(|i| if i % 10 < 3 { (i % 7) as f64 - 2.5 } else { 0.0 }).collect(),
            (0..n).map(|i| f64::from(u8::from(i % 4 == 0))).collect(),
        ];
        let mut builder = SparseBuilder::new(100, n, n);
        for (value, one) in of_place[0].iter().zip(&of_place[1]) {
            builder.add(3, *value);
            builder.add(90, *one);
            builder.end_row();
        }
        let rows = builder.finish().unwrap();
        let weights: Vec<f64> = (0..n).map(|i| 1.0 + (i % 2) as f64).collect();
        let total = weights.iter().sum();
        for centre in [true, false] {
            let features: Vec<Feature> = (columns.iter().cloned())
                .map(|c| {
                    Feature::new("x", Values::from_doubles(c.into()), Some(&weights), total, centre, n)
                        .unwrap()
                })
                .collect();
            let sparse =
                SparseFeatures::new(std::slice::from_ref(&rows), Some(&weights), total, centre, n).unwrap();
            let places = [&columns[0], &columns[1], &columns[2], &columns[3], &of_place[0], &of_place[1]];
            let products = gram(&features, &sparse, Some(&weights), total, n);
            let squares_of_places = sparse.squares(Some(&weights), total);
            let diagonal = squares(&features, Some(&weights), total, n);
            let map = |j: usize| match j {
                0..4 => (features[j].shift, features[j].scale),
                _ => (sparse.shift[j - 4], sparse.scale[j - 4]),
            };
            let z = |i: usize, j: usize| (places[j][i] - map(j).0) / map(j).1;
            for a in 0..6 {
                for b in 0..6 {
                    let expected = (0..n).map(|i| weights[i] * z(i, a) * z(i, b)).sum::<f64>() / total;
                    assert!((products[a * 6 + b] - expected).abs() < 1e-12, "{centre} {a} {b}");
                }
                let square = if a < 4 { diagonal[a] } else { squares_of_places[a - 4] };
                assert!((products[a * 7] - square).abs() < 1e-12);
            }
        }
    }
}
