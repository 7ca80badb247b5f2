//! The regressions of a chain: of a number by sums of products, of a category by a logistic regression.

use mlsys_core::{Error, Result};
use mlsys_stats::solve::{BayesianRidge, Cholesky, LogitRows, MultinomialLogit, RegressionSums, dot};
use rayon::prelude::*;

use crate::Matching;
use crate::chained::{CHUNK, ChainTable};
use crate::class_equation::ClassEquation;
use crate::draws::{Visit, chi_square, normal};
use crate::equation::{Donors, Equation, Finish};

/// The penalty on the coefficients of a category, on columns of deviation 1: a prior of deviation 2. The rows that mice adds
/// against separation say about as much of each column.
const PENALTY: f64 = 0.25;
/// Parameters that a Newton step can take: its matrix has their square.
const MAX_PARAMETERS: usize = 2000;

/// The sums over the rows in which a column has a value, for its regression.
struct ColumnSums {
    /// Which variable it is, and its column.
    variable: usize,
    column: usize,
    others: Vec<usize>,
    sums: Vec<f64>,
    p: usize,
}

impl ColumnSums {
    fn new(table: &ChainTable, variable: usize) -> Self {
        let (p, column) = (table.columns.len(), table.places[variable].start);
        let others = (0..p).filter(|&k| k != column).collect();
        Self { variable, column, others, sums: table.observed_products(variable), p }
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
        Equation { column: self.variable, intercept, coefficients, finish: Finish::Prediction }
    }
}

impl ChainTable {
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
        let (column, place) = (equation.column, self.places[equation.column].start);
        let rows = self.observed_rows(column);
        let predict = |rows: &[usize]| {
            let mut predicted = vec![0.0; rows.len()];
            equation.predict(place, &mut predicted, |k, i| self.columns[k][rows[i]]);
            predicted
        };
        let predicted: Vec<Vec<f64>> = rows.par_chunks(CHUNK).map(predict).collect();
        let raw = |row: usize| self.raw[column].as_ref().map_or(self.columns[place][row], |raw| raw[row]);
        let mut pairs: Vec<(f64, f64)> =
            predicted.into_iter().flatten().zip(rows).map(|(predicted, row)| (predicted, raw(row))).collect();
        // Equal pairs are equal whatever their order, so that the sort need not be stable.
        pairs.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (predicted, values) = pairs.into_iter().unzip();
        Donors { k, predicted, values }
    }

    /// The squares that an equation leaves, row by row.
    fn residual(&self, equation: &Equation) -> f64 {
        let (gaps, place) = (&self.gaps[equation.column], self.places[equation.column].start);
        let chunk = self.chunk();
        let part = |at: usize| {
            let rows = at * chunk..self.rows.min((at + 1) * chunk);
            let mut predicted = vec![0.0; rows.len()];
            equation.predict(place, &mut predicted, |k, i| self.columns[k][rows.start + i]);
            let mut left: Vec<f64> =
                predicted.iter().zip(&self.columns[place][rows.clone()]).map(|(a, b)| a - b).collect();
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

    /// The logistic regression of a category on all other columns, which are standardised over the rows in which it is there; its
    /// coefficients drawn from N(β̂, H⁻¹) where a visit is given.
    /// `before` is the regression of the round before, which is near.
    pub fn regress_classes(
        &self,
        name: &str,
        column: usize,
        visit: Option<Visit>,
        before: Option<&ClassEquation>,
    ) -> Result<ClassEquation> {
        let (own, q) = (&self.places[column], self.columns.len());
        let m = own.len();
        let mut equation = ClassEquation {
            column,
            intercepts: vec![0.0; m],
            coefficients: vec![vec![0.0; q]; m],
            draws: visit.is_some(),
        };
        if m == 0 {
            return Ok(equation);
        }
        let others: Vec<usize> = (0..q).filter(|k| !own.contains(k)).collect();
        let parameters = m * (others.len() + 1);
        if parameters > MAX_PARAMETERS {
            let found = format!("{} classes by {} columns: {parameters} coefficients", m + 1, others.len());
            let expected = format!("at most {MAX_PARAMETERS}: group rare classes, or leave columns out");
            return Err(Error::invalid_value(name, None, found, expected));
        }
        let rows = self.observed_rows(column);
        let classes: Vec<u32> = rows.iter().map(|&row| self.codes[column][row]).collect();
        let weights: Option<Vec<f64>> =
            self.weights.as_ref().map(|all| rows.iter().map(|&row| all[row]).collect());
        let total: f64 = weights.as_ref().map_or(rows.len() as f64, |w| w.iter().sum());
        // The mean of each column, and the inverse of its deviation: none where it is constant.
        let standard = |&k: &usize| {
            let (z, w) = (&self.columns[k], |i: usize| weights.as_ref().map_or(1.0, |w| w[i]));
            let mean = rows.iter().enumerate().map(|(i, &row)| w(i) * z[row]).sum::<f64>() / total;
            let (mut about, mut squares) = (0.0, 0.0);
            for (i, &row) in rows.iter().enumerate() {
                about += w(i) * (z[row] - mean) * (z[row] - mean);
                squares += w(i) * z[row] * z[row];
            }
            let scale = if about > 1e-12 * squares { (total / about).sqrt() } else { 0.0 };
            (k, mean, scale)
        };
        let standard: Vec<(usize, f64, f64)> = others.par_iter().map(standard).collect();
        let block = |range: std::ops::Range<usize>, into: &mut [f64]| {
            let rows = &rows[range];
            for (into, (k, mean, scale)) in into.chunks_exact_mut(rows.len()).zip(&standard) {
                into.iter_mut().zip(rows).for_each(|(x, &row)| *x = (self.columns[*k][row] - mean) * scale);
            }
        };
        let weights = weights.as_deref();
        let of = LogitRows { columns: others.len(), classes: &classes, n_classes: m + 1, weights };
        let start = |before: &ClassEquation| -> Vec<f64> {
            let of_class = |(coefficients, intercept): (&Vec<f64>, &f64)| {
                let mut own: Vec<f64> = Vec::with_capacity(others.len() + 1);
                let slope = |(k, _, scale): &(usize, f64, f64)| {
                    if *scale > 0.0 { coefficients[*k] / scale } else { 0.0 }
                };
                own.extend(standard.iter().map(slope));
                let at_means = standard.iter().map(|(k, mean, _)| coefficients[*k] * mean);
                own.push(intercept + at_means.sum::<f64>());
                own
            };
            before.coefficients.iter().zip(&before.intercepts).flat_map(of_class).collect()
        };
        let start = before.map(start);
        let solver = MultinomialLogit::new().l2(PENALTY);
        let about = |e: Error| e.context(format!("column `{name}`"));
        let mut found = solver.fit(of, start.as_deref(), block).map_err(about)?.parameters;
        if let Some(visit) = visit {
            let hessian = solver.hessian(of, &found, block).map_err(about)?;
            let mut rng = visit.parameters();
            let mut step: Vec<f64> = (0..parameters).map(|_| normal(&mut rng)).collect();
            hessian.solve_upper(&mut step)?;
            found.iter_mut().zip(step).for_each(|(b, s)| *b += s);
        }
        for (class, own) in found.chunks_exact(others.len() + 1).enumerate() {
            let mut intercept = own[others.len()];
            for ((k, mean, scale), b) in standard.iter().zip(own) {
                equation.coefficients[class][*k] = b * scale;
                intercept -= b * scale * mean;
            }
            equation.intercepts[class] = intercept;
        }
        let numbers = equation.coefficients.iter().flatten().chain(&equation.intercepts);
        if !numbers.into_iter().all(|b| b.is_finite()) {
            let expected = "values of a smaller scale";
            return Err(Error::invalid_value(name, None, "coefficients that overflow", expected));
        }
        Ok(equation)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlsys_core::arrow::array::{Float64Array, RecordBatch, StringArray};
    use mlsys_core::{Dataset, seed};

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
        ChainTable::new(&train, &["x".into(), "y".into()], true, 50).unwrap()
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

    /// The log-odds of a class at some places vary as x' H⁻¹ x does, H = Σ p (1 − p) (x, 1)(x, 1)' and the penalty.
    #[test]
    fn logistic_regressions_are_drawn_from_their_posterior() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let kind = (0..40).map(|i| (i % 9 > 0).then_some(if (i * 7) % 40 + i > 40 { "b" } else { "a" }));
        let kind = StringArray::from_iter(kind);
        let columns =
            [("kind", Arc::new(kind) as _, true), ("x", Arc::new(Float64Array::from(x)) as _, true)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let train = Dataset::new(batch).unwrap().into_train_all();
        let table = ChainTable::new(&train, &["kind".into(), "x".into()], false, 50).unwrap();
        let of = |visit| table.regress_classes("kind", 0, visit, None).unwrap();
        let fitted = of(None);
        let rows = table.observed_rows(0);
        let z = |row: usize| table.columns[1][row];
        let n = rows.len() as f64;
        let mean = rows.iter().map(|&r| z(r)).sum::<f64>() / n;
        let variance_of_z = rows.iter().map(|&r| (z(r) - mean).powi(2)).sum::<f64>() / n;
        let [mut aa, mut ab, mut bb] = [PENALTY, 0.0, 0.0];
        for &row in &rows {
            let x = (z(row) - mean) / variance_of_z.sqrt();
            let odds = fitted.intercepts[0] + fitted.coefficients[0][1] * z(row);
            let share = 1.0 / (1.0 + (-odds).exp());
            let w = share * (1.0 - share);
            (aa, ab, bb) = (aa + w * x * x, ab + w * x, bb + w);
        }
        let determinant = aa * bb - ab * ab;
        for at in [-10.0, 0.0, 15.0] {
            let x = (at - mean) / variance_of_z.sqrt();
            let expected = (bb * x * x - 2.0 * ab * x + aa) / determinant;
            let found = variance(|visit| {
                let drawn = of(Some(visit));
                drawn.intercepts[0] + drawn.coefficients[0][1] * at
            });
            assert!((found / expected - 1.0).abs() < TOLERANCE, "{at}: {found} {expected}");
        }
    }
}
