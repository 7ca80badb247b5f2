//! The table that chained equations fill, and the sums of products that their regressions need.

use mlsys_core::{Dataset, Error, Result, Train, column, first_error};
use mlsys_stats::solve::{BayesianRidge, RegressionSums};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::all_missing;

/// Rows whose products are added while they are in the nearest cache.
const BLOCK: usize = 256;
/// Rows that one thread takes; fixed, so that sums are merged in the same order on any threads.
const CHUNK: usize = 8192;

/// One regression of the chain, over centred columns: z_column = intercept + Σ coefficients z.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Equation {
    pub column: usize,
    pub intercept: f64,
    /// One for each column, zero for its own.
    pub coefficients: Vec<f64>,
}

impl Equation {
    /// What it says of rows; `value(column, i)` is what is known of the i-th of them. Where that overflows: the mean.
    pub fn predict(&self, into: &mut [f64], value: impl Fn(usize, usize) -> f64) {
        into.fill(self.intercept);
        for (k, &coefficient) in self.coefficients.iter().enumerate() {
            if k != self.column {
                into.iter_mut().enumerate().for_each(|(i, sum)| *sum += coefficient * value(k, i));
            }
        }
        into.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = 0.0);
    }
}

/// What imputing a column once did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub largest: f64,
    pub mean: f64,
    pub deviation: f64,
}

/// The sums over some rows that imputing a column makes.
struct Part {
    values: Vec<f64>,
    largest: f64,
    weight: f64,
    sum: f64,
    squares: f64,
    /// By how much the column's products with every column, itself and one grow.
    growth: Vec<f64>,
}

/// Centred columns, their gaps filled as far as the chain has come.
#[derive(Debug, Clone)]
pub(crate) struct ChainTable {
    rows: usize,
    columns: Vec<Vec<f64>>,
    pub centers: Vec<f64>,
    /// Where each column is missing.
    pub gaps: Vec<Vec<usize>>,
    /// Where a column has a value, if these are the fewer.
    observed: Vec<Option<Vec<usize>>>,
    weights: Option<Vec<f64>>,
    /// The total weight of each column's gaps.
    pub missing: Vec<f64>,
    /// The largest magnitude observed.
    pub scale: f64,
    /// Σ w (z, 1)(z, 1)', the upper triangle.
    sums: Vec<f64>,
}

impl ChainTable {
    /// Columns whose gaps hold their means. Rows of no weight are left out.
    pub fn new(train: &Dataset<Train>, names: &[String]) -> Result<Self> {
        let all = train.weights()?;
        let kept: Option<Vec<usize>> = all
            .as_ref()
            .filter(|w| w.contains(&0.0))
            .map(|w| (0..w.len()).filter(|&row| w[row] > 0.0).collect());
        let weights: Option<Vec<f64>> = all.map(|w| w.iter().copied().filter(|&w| w > 0.0).collect());
        let read = |name: &String| -> Result<(Vec<f64>, f64, f64, Vec<usize>)> {
            let values = column::finite_or_missing(name, train.column(name)?)?;
            let values: Vec<f64> = match &kept {
                Some(rows) => rows.iter().map(|&row| values[row]).collect(),
                None => values.to_vec(),
            };
            let scale = values.iter().filter(|x| !x.is_nan()).fold(0.0, |most: f64, x| most.max(x.abs()));
            let center = mean(&values, weights.as_deref()).ok_or_else(|| all_missing(name))?;
            if !center.is_finite() {
                return Err(overflow(name));
            }
            let gaps = (0..values.len()).filter(|&row| values[row].is_nan()).collect();
            let centred = values.iter().map(|x| if x.is_nan() { 0.0 } else { x - center }).collect();
            Ok((centred, center, scale, gaps))
        };
        let read: Vec<_> = first_error(names.par_iter().map(read).collect())?;
        let rows = weights.as_ref().map_or(train.n_rows(), Vec::len);
        let mut table = Self {
            rows,
            columns: Vec::new(),
            centers: Vec::new(),
            gaps: Vec::new(),
            observed: Vec::new(),
            missing: Vec::new(),
            scale: 0.0,
            sums: Vec::new(),
            weights,
        };
        for (centred, center, scale, gaps) in read {
            table.missing.push(table.weight_of(&gaps));
            table.observed.push((gaps.len() > rows / 2).then(|| except(&gaps, rows)));
            table.columns.push(centred);
            table.centers.push(center);
            table.gaps.push(gaps);
            table.scale = table.scale.max(scale);
        }
        table.refresh();
        let p = table.columns.len();
        match (0..p).find(|&i| !table.sums[i * (p + 1) + i].is_finite()) {
            Some(i) => Err(overflow(&names[i])),
            None => Ok(table),
        }
    }

    fn weight_of(&self, rows: &[usize]) -> f64 {
        match &self.weights {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|&row| weights[row]).sum(),
        }
    }

    /// Adds all products anew: after many small updates their rounding errors would add up.
    pub fn refresh(&mut self) {
        self.sums = self.products(None);
    }

    /// Rows of a chunk: more where the sums themselves are large.
    fn chunk(&self) -> usize {
        CHUNK.max(BLOCK * self.columns.len().div_ceil(8))
    }

    /// Σ w (z, 1)(z, 1)' over some rows, or all.
    fn products(&self, rows: Option<&[usize]>) -> Vec<f64> {
        let p = self.columns.len();
        let n = rows.map_or(self.rows, <[usize]>::len);
        let chunk = self.chunk();
        let part = |at: usize| {
            let (start, end) = (at * chunk, n.min((at + 1) * chunk));
            let mut sums = vec![0.0; (p + 1) * (p + 1)];
            let mut gathered = vec![0.0; if rows.is_some() { p * BLOCK } else { 0 }];
            let mut weights = Vec::with_capacity(BLOCK);
            let mut weighted = Vec::with_capacity(BLOCK);
            for start in (start..end).step_by(BLOCK) {
                let length = BLOCK.min(end - start);
                let block: Vec<&[f64]> = match rows {
                    None => self.columns.iter().map(|c| &c[start..start + length]).collect(),
                    Some(rows) => {
                        let rows = &rows[start..start + length];
                        for (into, column) in gathered.chunks_exact_mut(BLOCK).zip(&self.columns) {
                            into.iter_mut().zip(rows).for_each(|(z, &row)| *z = column[row]);
                        }
                        gathered.chunks_exact(BLOCK).map(|z| &z[..length]).collect()
                    }
                };
                let weights = self.weights.as_ref().map(|all| {
                    weights.clear();
                    match rows {
                        None => weights.extend_from_slice(&all[start..start + length]),
                        Some(rows) => weights.extend(rows[start..start + length].iter().map(|&r| all[r])),
                    }
                    weights.as_slice()
                });
                add_products(&block, weights, length, &mut sums, &mut weighted);
            }
            sums
        };
        let parts: Vec<Vec<f64>> = (0..n.div_ceil(chunk)).into_par_iter().map(part).collect();
        let mut sums = vec![0.0; (p + 1) * (p + 1)];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        sums
    }

    /// The sums over the rows in which a column is not missing.
    fn observed_products(&self, column: usize) -> Vec<f64> {
        if self.gaps[column].is_empty() {
            return self.sums.clone();
        }
        if let Some(rows) = &self.observed[column] {
            return self.products(Some(rows));
        }
        let mut sums = self.products(Some(&self.gaps[column]));
        sums.iter_mut().zip(&self.sums).for_each(|(without, all)| *without = all - *without);
        sums
    }

    /// The regression of a column on all others, over the rows in which it is not missing.
    pub fn regress(&self, column: usize) -> Result<(Equation, BayesianRidge)> {
        let p = self.columns.len();
        let sums = self.observed_products(column);
        let at = |i: usize, j: usize| sums[i.min(j) * (p + 1) + i.max(j)];
        let weight = at(p, p);
        let centred = |i: usize, j: usize| at(i, j) - at(i, p) * at(j, p) / weight;
        let others: Vec<usize> = (0..p).filter(|&k| k != column).collect();
        let gram: Vec<f64> = others
            .iter()
            .flat_map(|&i| others.iter().map(move |&j| (i, j)))
            .map(|(i, j)| centred(i, j))
            .collect();
        let xty: Vec<f64> = others.iter().map(|&k| centred(k, column)).collect();
        let regression =
            RegressionSums { gram: &gram, xty: &xty, yty: centred(column, column).max(0.0), weight };
        let equation = |beta: &[f64]| {
            let mut coefficients = vec![0.0; p];
            others.iter().zip(beta).for_each(|(&k, b)| coefficients[k] = *b);
            let means = others.iter().zip(beta).map(|(&k, b)| b * (at(k, p) / weight));
            let intercept = at(column, p) / weight - means.sum::<f64>();
            Equation { column, intercept, coefficients }
        };
        let ridge = BayesianRidge::fit(regression, |beta| Ok(self.residual(&equation(beta))))?;
        Ok((equation(&ridge.coefficients), ridge))
    }

    /// The squares that an equation leaves, row by row.
    fn residual(&self, equation: &Equation) -> f64 {
        let gaps = &self.gaps[equation.column];
        let chunk = self.chunk();
        let part = |at: usize| {
            let rows = at * chunk..self.rows.min((at + 1) * chunk);
            let mut predicted = vec![0.0; rows.len()];
            equation.predict(&mut predicted, |k, i| self.columns[k][rows.start + i]);
            let mut left: Vec<f64> = predicted
                .iter()
                .zip(&self.columns[equation.column][rows.clone()])
                .map(|(a, b)| a - b)
                .collect();
            let first = gaps.partition_point(|&row| row < rows.start);
            gaps[first..]
                .iter()
                .take_while(|&&row| row < rows.end)
                .for_each(|row| left[row - rows.start] = 0.0);
            match &self.weights {
                None => dot(&left, &left),
                Some(w) => left.iter().zip(&w[rows]).map(|(x, w)| w * x * x).sum(),
            }
        };
        let parts: Vec<f64> = (0..self.rows.div_ceil(chunk)).into_par_iter().map(part).collect();
        parts.iter().sum()
    }

    /// Fills the gaps of an equation's column by it.
    pub fn impute(&mut self, equation: &Equation) -> Change {
        let (p, j) = (self.columns.len(), equation.column);
        let part = |rows: &[usize]| {
            let mut values = vec![0.0; rows.len()];
            equation.predict(&mut values, |k, i| self.columns[k][rows[i]]);
            let old = &self.columns[j];
            let weight = |i: usize| self.weights.as_ref().map_or(1.0, |w| w[rows[i]]);
            let steps: Vec<f64> =
                values.iter().enumerate().map(|(i, new)| weight(i) * (new - old[rows[i]])).collect();
            let mut part = Part {
                largest: 0.0,
                weight: 0.0,
                sum: 0.0,
                squares: 0.0,
                growth: vec![0.0; p + 1],
                values: Vec::new(),
            };
            for (i, (&new, &row)) in values.iter().zip(rows).enumerate() {
                let w = weight(i);
                part.largest = part.largest.max((new - old[row]).abs());
                part.weight += w;
                part.sum += w * new;
                part.squares += w * new * new;
                part.growth[j] += steps[i] * (new + old[row]);
                part.growth[p] += steps[i];
            }
            for (k, column) in self.columns.iter().enumerate().filter(|(k, _)| *k != j) {
                part.growth[k] = steps.iter().zip(rows).map(|(step, &row)| step * column[row]).sum();
            }
            part.values = values;
            part
        };
        let parts: Vec<Part> = self.gaps[j].par_chunks(CHUNK).map(part).collect();
        let (mut largest, mut weight, mut sum, mut squares): (f64, f64, f64, f64) = (0.0, 0.0, 0.0, 0.0);
        let mut growth = vec![0.0; p + 1];
        let mut rows = self.gaps[j].iter();
        for part in parts {
            largest = largest.max(part.largest);
            weight += part.weight;
            sum += part.sum;
            squares += part.squares;
            growth.iter_mut().zip(&part.growth).for_each(|(sum, x)| *sum += x);
            part.values.iter().zip(rows.by_ref()).for_each(|(&new, &row)| self.columns[j][row] = new);
        }
        for (k, growth) in growth.into_iter().enumerate() {
            self.sums[j.min(k) * (p + 1) + j.max(k)] += growth;
        }
        let mean = sum / weight;
        let deviation = (squares / weight - mean * mean).max(0.0).sqrt();
        Change { largest, mean: self.centers[j] + mean, deviation }
    }
}

fn overflow(column: &str) -> Error {
    Error::invalid_value(column, None, "values whose squares overflow", "of a smaller scale")
}

/// The weighted mean of what is not missing.
fn mean(values: &[f64], weights: Option<&[f64]>) -> Option<f64> {
    let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
    let (mut total, mut sum) = (0.0, 0.0);
    for (row, x) in values.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
        total += weight(row);
        sum += weight(row) * x;
    }
    (total > 0.0).then(|| sum / total)
}

/// The rows that are not in an ascending list.
fn except(gaps: &[usize], rows: usize) -> Vec<usize> {
    let mut gaps = gaps.iter().peekable();
    (0..rows).filter(|row| gaps.next_if(|gap| *gap == row).is_none()).collect()
}

/// Adds the products of a block of rows to the upper triangle of the sums.
fn add_products(
    block: &[&[f64]],
    weights: Option<&[f64]>,
    length: usize,
    sums: &mut [f64],
    weighted: &mut Vec<f64>,
) {
    let p = block.len();
    for (i, z) in block.iter().enumerate() {
        let left = match weights {
            None => z,
            Some(weights) => {
                weighted.clear();
                weighted.extend(z.iter().zip(weights).map(|(z, w)| z * w));
                weighted.as_slice()
            }
        };
        let row = &mut sums[i * (p + 1)..(i + 1) * (p + 1)];
        let mut j = i;
        while j + 4 <= p {
            let found = dot4(left, [block[j], block[j + 1], block[j + 2], block[j + 3]]);
            row[j..j + 4].iter_mut().zip(found).for_each(|(sum, x)| *sum += x);
            j += 4;
        }
        (j..p).for_each(|j| row[j] += dot(left, block[j]));
        row[p] += left.iter().sum::<f64>();
    }
    sums[p * (p + 1) + p] += weights.map_or(length as f64, |w| w.iter().sum());
}

/// Sums in eight lanes, which the compiler can vectorise.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Four of them with one left side, which is read once.
fn dot4(a: &[f64], b: [&[f64]; 4]) -> [f64; 4] {
    let mut lanes = [[0.0; 4]; 4];
    let blocks = a.len() / 4 * 4;
    let [b0, b1, b2, b3] = b.map(|b| b[..blocks].chunks_exact(4));
    for ((((a, b0), b1), b2), b3) in a[..blocks].chunks_exact(4).zip(b0).zip(b1).zip(b2).zip(b3) {
        for lane in 0..4 {
            lanes[0][lane] += a[lane] * b0[lane];
            lanes[1][lane] += a[lane] * b1[lane];
            lanes[2][lane] += a[lane] * b2[lane];
            lanes[3][lane] += a[lane] * b3[lane];
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().sum::<f64>());
    for (sum, b) in sums.iter_mut().zip(b) {
        *sum += a[blocks..].iter().zip(&b[blocks..]).map(|(a, b)| a * b).sum::<f64>();
    }
    sums
}
