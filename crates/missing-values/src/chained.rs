//! The table that chained equations fill, and the sums of products that their regressions need.

use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Dataset, Error, Result, Train, column, first_error};
use mlsys_stats::solve::{BayesianRidge, Cholesky, RegressionSums};
use rayon::prelude::*;

use crate::Matching;
use crate::draws::{Visit, chi_square, normal};
use crate::equation::{Donors, Equation, Finish};
use crate::fitted_imputer::all_missing;

/// Rows whose products are added while they are in the nearest cache.
const BLOCK: usize = 256;
/// Rows that one thread takes; fixed, so that sums are merged in the same order on any threads.
const CHUNK: usize = 8192;

/// The sums over the rows in which a column has a value, for its regression.
struct ColumnSums {
    column: usize,
    others: Vec<usize>,
    sums: Vec<f64>,
    p: usize,
}

impl ColumnSums {
    fn new(table: &ChainTable, column: usize) -> Self {
        let p = table.columns.len();
        let others = (0..p).filter(|&k| k != column).collect();
        Self { column, others, sums: table.observed_products(column), p }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.sums[i.min(j) * (self.p + 1) + i.max(j)]
    }

    fn weight(&self) -> f64 {
        self.at(self.p, self.p)
    }

    fn mean(&self, i: usize) -> f64 {
        self.at(i, self.p) / self.weight()
    }

    fn centred(&self, i: usize, j: usize) -> f64 {
        self.at(i, j) - self.at(i, self.p) * self.at(j, self.p) / self.weight()
    }

    fn gram(&self) -> Vec<f64> {
        let pairs = self.others.iter().flat_map(|&i| self.others.iter().map(move |&j| (i, j)));
        pairs.map(|(i, j)| self.centred(i, j)).collect()
    }

    fn xty(&self) -> Vec<f64> {
        self.others.iter().map(|&k| self.centred(k, self.column)).collect()
    }

    /// The equation of coefficients, through the means.
    fn equation(&self, beta: &[f64]) -> Equation {
        let mut coefficients = vec![0.0; self.p];
        self.others.iter().zip(beta).for_each(|(&k, b)| coefficients[k] = *b);
        let means = self.others.iter().zip(beta).map(|(&k, b)| b * self.mean(k));
        let intercept = self.mean(self.column) - means.sum::<f64>();
        Equation { column: self.column, intercept, coefficients, finish: Finish::Prediction }
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
    exact: Option<Vec<f64>>,
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
    /// The columns as they were, if values are taken from them.
    raw: Vec<ScalarBuffer<f64>>,
    /// What was put into each column's gaps, if that is a value that was there.
    exact: Vec<Vec<f64>>,
}

impl ChainTable {
    /// Columns whose gaps hold their means. Rows of no weight are left out.
    pub fn new(train: &Dataset<Train>, names: &[String], keep_raw: bool) -> Result<Self> {
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
            raw: Vec::new(),
            exact: vec![Vec::new(); names.len()],
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
        if keep_raw {
            let read = |name: &String| column::finite_or_missing(name, train.column(name)?);
            table.raw = first_error(names.iter().map(read).collect())?;
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

    /// What is in the gaps of a column.
    pub fn fills(&self, column: usize) -> Vec<(usize, f64)> {
        let (gaps, filled) = (&self.gaps[column], &self.columns[column]);
        if self.exact[column].len() == gaps.len() {
            return gaps.iter().copied().zip(self.exact[column].iter().copied()).collect();
        }
        gaps.iter().map(|&row| (row, filled[row] + self.centers[column])).collect()
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
    pub fn regress(&self, column: usize) -> Result<Equation> {
        let sums = ColumnSums::new(self, column);
        Ok(sums.equation(&self.ridge(&sums)?.coefficients))
    }

    fn ridge(&self, sums: &ColumnSums) -> Result<BayesianRidge> {
        let (gram, xty, yty) = (sums.gram(), sums.xty(), sums.centred(sums.column, sums.column).max(0.0));
        let regression = RegressionSums { gram: &gram, xty: &xty, yty, weight: sums.weight() };
        BayesianRidge::fit(regression, |beta| Ok(self.residual(&sums.equation(beta))))
    }

    /// That regression with coefficients drawn from their posterior, and the noise that is left.
    pub fn draw(&self, column: usize, visit: Visit) -> Result<Equation> {
        let sums = ColumnSums::new(self, column);
        let ridge = self.ridge(&sums)?;
        let mut rng = visit.parameters();
        // The mean of the column has a posterior of its own, without a prior.
        let shift = normal(&mut rng) / (ridge.alpha * sums.weight()).sqrt();
        let mut beta = ridge.coefficients.clone();
        for (i, e) in ridge.eigen.values().iter().enumerate() {
            let step = normal(&mut rng) / (ridge.alpha * e.max(0.0) + ridge.lambda).sqrt();
            beta.iter_mut().zip(ridge.eigen.vector(i)).for_each(|(b, v)| *b += step * v);
        }
        let mut equation = sums.equation(&beta);
        equation.intercept += shift;
        equation.finish = Finish::Noise(ridge.alpha.sqrt().recip());
        Ok(equation)
    }

    /// A regression drawn as in mice, and the rows from which values are taken.
    pub fn match_means(
        &self,
        column: usize,
        donors: usize,
        matching: Matching,
        visit: Visit,
    ) -> Result<Equation> {
        let sums = ColumnSums::new(self, column);
        let (mut gram, mut beta) = (sums.gram(), sums.xty());
        let p = beta.len();
        for (i, &k) in sums.others.iter().enumerate() {
            let variance = gram[i * p + i];
            if variance > 1e-12 * sums.at(k, k) {
                gram[i * p + i] = variance * (1.0 + 1e-5);
                continue;
            }
            // A constant column has coefficient zero, whatever rounding made of it.
            (0..p).for_each(|j| (gram[i * p + j], gram[j * p + i]) = (0.0, 0.0));
            (gram[i * p + i], beta[i]) = (1.0, 0.0);
        }
        let factor = Cholesky::new(&gram, p)?;
        factor.solve(&mut beta)?;
        let fitted = sums.equation(&beta);
        let mut rng = visit.parameters();
        let df = (sums.weight() - p as f64 - 1.0).max(1.0);
        let sigma = (self.residual(&fitted) / chi_square(df, &mut rng)).sqrt();
        let shift = sigma * normal(&mut rng) / sums.weight().sqrt();
        let mut step: Vec<f64> = (0..p).map(|_| sigma * normal(&mut rng)).collect();
        factor.solve_upper(&mut step)?;
        let drawn: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b + s).collect();
        let mut drawn = sums.equation(&drawn);
        drawn.intercept += shift;
        let (of_donors, mut equation) = match matching {
            Matching::Fitted => (fitted.clone(), fitted),
            Matching::Mixed => (fitted, drawn),
            Matching::Drawn => (drawn.clone(), drawn),
        };
        let numbers = equation.coefficients.iter().chain([&equation.intercept]);
        if !numbers.into_iter().all(|b| b.is_finite()) {
            let expected = "values of a smaller scale";
            return Err(Error::invalid_value("regression", None, "coefficients that overflow", expected));
        }
        equation.finish = Finish::Donors(self.donors(&of_donors, donors));
        Ok(equation)
    }

    /// What an equation predicts of the rows that have a value, with that value.
    fn donors(&self, equation: &Equation, k: usize) -> Donors {
        let column = equation.column;
        let mut gaps = self.gaps[column].iter().peekable();
        let rows: Vec<usize> = match &self.observed[column] {
            Some(rows) => rows.clone(),
            None => (0..self.rows).filter(|row| gaps.next_if(|gap| *gap == row).is_none()).collect(),
        };
        let predict = |rows: &[usize]| {
            let mut predicted = vec![0.0; rows.len()];
            equation.predict(&mut predicted, |k, i| self.columns[k][rows[i]]);
            predicted
        };
        let predicted: Vec<Vec<f64>> = rows.par_chunks(CHUNK).map(predict).collect();
        let raw = |row: usize| self.raw.get(column).map_or(self.columns[column][row], |raw| raw[row]);
        let mut pairs: Vec<(f64, f64)> =
            predicted.into_iter().flatten().zip(rows).map(|(predicted, row)| (predicted, raw(row))).collect();
        // Equal pairs are equal whatever their order, so that the sort need not be stable.
        pairs.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (predicted, values) = pairs.into_iter().unzip();
        Donors { k, predicted, values }
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

    /// Fills the gaps of an equation's column by it; `ids` are those of the rows.
    pub fn impute(&mut self, equation: &Equation, visit: Visit, ids: &[u64]) -> Change {
        let (p, j) = (self.columns.len(), equation.column);
        let part = |rows: &[usize]| {
            let mut values = vec![0.0; rows.len()];
            let exact = equation.fill(
                &mut values,
                self.centers[j],
                |k, i| self.columns[k][rows[i]],
                |i| visit.cell(ids.get(rows[i]).copied().unwrap_or_default()),
            );
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
                exact,
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
        let mut exact = Vec::new();
        for part in parts {
            largest = largest.max(part.largest);
            weight += part.weight;
            sum += part.sum;
            squares += part.squares;
            growth.iter_mut().zip(&part.growth).for_each(|(sum, x)| *sum += x);
            exact.extend(part.exact.into_iter().flatten());
            part.values.iter().zip(rows.by_ref()).for_each(|(&new, &row)| self.columns[j][row] = new);
        }
        for (k, growth) in growth.into_iter().enumerate() {
            self.sums[j.min(k) * (p + 1) + j.max(k)] += growth;
        }
        self.exact[j] = exact;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlsys_core::arrow::array::{Float64Array, RecordBatch};
    use mlsys_core::seed;

    use super::*;

    /// y = 1 + 2 x + noise on x = 0..20, and a gap.
    fn line() -> ChainTable {
        let mut rng = seed::stream(5, 0);
        let x: Vec<f64> = (0..21).map(f64::from).collect();
        let y = x.iter().map(|x| (*x < 20.0).then(|| 1.0 + 2.0 * x + normal(&mut rng)));
        let y = Float64Array::from_iter(y);
        let columns = [("x", Arc::new(Float64Array::from(x)) as _, true), ("y", Arc::new(y) as _, true)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let train = Dataset::new(batch).unwrap().into_train_all();
        ChainTable::new(&train, &["x".into(), "y".into()], true).unwrap()
    }

    fn variance(of: impl Fn(Visit) -> f64) -> f64 {
        let n = 20_000;
        let drawn: Vec<f64> = (0..n).map(|i| of(Visit::new(i, 0, "y"))).collect();
        let mean = drawn.iter().sum::<f64>() / n as f64;
        drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64
    }

    /// Four standard errors of the variance of 20,000 draws, of a kurtosis of 5 at most.
    const TOLERANCE: f64 = 4.0 * 0.0142;

    #[test]
    fn regressions_of_mice_are_drawn_from_their_posterior() {
        let table = line();
        let at = |equation: &Equation, z: f64| equation.intercept + equation.coefficients[0] * z;
        let sums = ColumnSums::new(&table, 1);
        let (gram, mean) = (sums.gram()[0] * (1.0 + 1e-5), sums.mean(0));
        let fitted = sums.equation(&[sums.xty()[0] / gram]);
        // E σ*² = RSS / (df − 2) with df = 20 − 2.
        let noise = table.residual(&fitted) / 16.0;
        for z in [0.0, mean, 15.0] {
            let draw = |visit| at(&table.match_means(1, 5, Matching::Mixed, visit).unwrap(), z);
            let expected = noise * (1.0 / 20.0 + (z - mean) * (z - mean) / gram);
            let found = variance(draw);
            assert!((found / expected - 1.0).abs() < TOLERANCE, "{z}: {found} {expected}");
        }
        let still = table.match_means(1, 5, Matching::Fitted, Visit::new(3, 0, "y")).unwrap();
        assert!((at(&still, 7.0) - at(&fitted, 7.0)).abs() < 1e-12);
    }

    #[test]
    fn bayesian_regressions_are_drawn_from_their_posterior() {
        let table = line();
        let sums = ColumnSums::new(&table, 1);
        let ridge = table.ridge(&sums).unwrap();
        for z in [0.0, 15.0] {
            let draw = |visit| {
                let equation = table.draw(1, visit).unwrap();
                equation.intercept + equation.coefficients[0] * z
            };
            let slope = 1.0 / (ridge.alpha * sums.gram()[0] + ridge.lambda);
            let expected = 1.0 / (20.0 * ridge.alpha) + (z - sums.mean(0)).powi(2) * slope;
            let found = variance(draw);
            assert!((found / expected - 1.0).abs() < TOLERANCE, "{z}: {found} {expected}");
        }
        let Finish::Noise(noise) = table.draw(1, Visit::new(0, 0, "y")).unwrap().finish else {
            panic!("no noise")
        };
        assert!((noise * noise * ridge.alpha - 1.0).abs() < 1e-12);
    }
}
