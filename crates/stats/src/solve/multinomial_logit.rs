//! Logistic and multinomial regression by Newton's method, with the Hessian.

use std::ops::Range;

use mlsys_core::{Error, Result};
use rayon::prelude::*;

use super::Cholesky;
use super::products::{add_products, dot};

/// Rows whose products are added while they are in the nearest cache.
const BLOCK: usize = 256;
/// Rows of a part at least, and parts at most: fixed, so that sums are merged in the same order on any threads.
const PART: usize = 4096;
const PARTS: usize = 64;
/// Doubles that the sums of all parts may take.
const ROOM: usize = 1 << 24;
/// A step that promises a smaller decrease is the last.
const TOLERANCE: f64 = 1e-22;
/// A Hessian is kept while the promised decrease falls at least by this factor.
const KEPT: f64 = 0.3;

/// The classes of some rows, for a [`MultinomialLogit`].
#[derive(Debug, Clone, Copy)]
pub struct LogitRows<'a> {
    /// How many columns X has.
    pub columns: usize,
    /// The class of each row, below `n_classes`.
    pub classes: &'a [u32],
    /// How many classes there are, K.
    pub n_classes: usize,
    /// The weight of each row.
    pub weights: Option<&'a [f64]>,
}

/// Logistic regression of two classes or more with an L2 penalty, by Newton's method: few passes, and the Hessian.
///
/// Minimises, over coefficients and an intercept for each class but the first (whose are zero),
///
/// ```text
/// Σ wᵢ −log softmax(b + B xᵢ)_yᵢ + l2/2 ‖B‖²              ‖B‖² of two classes: of the one row of B
/// ‖B‖² of K > 2 classes: of the K rows less their mean, the smallest of all equal models (scikit-learn's symmetric one)
/// B ← B − t H⁻¹ g, t halved until the objective decreases; last step when g' H⁻¹ g ≤ 1e-22; H kept while that falls to 0.3 at least
/// ```
/// * `l2`: 1; above 0, so that separable classes and collinear columns have one solution.
/// * `max_iterations`: 100.
///
/// Columns should be centred and of like scale: the penalty is the same for all. With d = (K − 1)(p + 1): O(n d²/2) for a Hessian, as a rule
/// 2 to 5 of them, O(d³/3) for its factor, O(n d) for each of some 10 to 30 steps, and d² doubles for each of at most 64 parts of the rows (fewer where d is large). For large d
/// use [`Lbfgs`](super::Lbfgs). The bits do not depend on the number of threads.
///
/// ```
/// use mlsys_stats::solve::{LogitRows, MultinomialLogit};
///
/// // Hardly any penalty and one indicator: the log-odds are those of the counts, 1 of 4, then 3 of 4.
/// let x = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
/// let rows = LogitRows { columns: 1, classes: &[1, 0, 0, 0, 1, 1, 1, 0], n_classes: 2, weights: None };
/// let fit = MultinomialLogit::new().l2(1e-9).fit(rows, None, |rows, into| into.copy_from_slice(&x[rows]))?;
/// assert!((fit.intercept(0) + 3.0_f64.ln()).abs() < 1e-6 && (fit.coefficients(0)[0] - 9.0_f64.ln()).abs() < 1e-6);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// J. Nocedal and S. Wright, *Numerical Optimization*, 2006, section 3.4 (a step is shortened, a Hessian that rounding made indefinite gets a diagonal).
/// Numbers are those of scikit-learn's `LogisticRegression` with C = 1 / l2, less those of the first class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultinomialLogit {
    l2: f64,
    max_iterations: usize,
}

impl Default for MultinomialLogit {
    fn default() -> Self {
        Self { l2: 1.0, max_iterations: 100 }
    }
}

/// What a [`MultinomialLogit`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MultinomialLogitFit {
    /// For each class but the first: a coefficient for each column, and then the intercept.
    pub parameters: Vec<f64>,
    /// The minimum.
    pub objective: f64,
    /// Newton steps taken.
    pub iterations: usize,
    /// Whether the last step was as small as it has to be.
    pub converged: bool,
    width: usize,
}

impl MultinomialLogitFit {
    /// The coefficients of the class after the first `class` + 1.
    pub fn coefficients(&self, class: usize) -> &[f64] {
        &self.parameters[class * self.width..(class + 1) * self.width - 1]
    }

    /// The intercept of the class after the first `class` + 1.
    pub fn intercept(&self, class: usize) -> f64 {
        self.parameters[(class + 1) * self.width - 1]
    }
}

/// How many derivatives are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    First,
    Second,
}

/// The objective and its derivatives, as far as they were asked for.
struct Point {
    value: f64,
    gradient: Vec<f64>,
    /// The upper triangles of the products weighted for each pair of classes.
    products: Vec<f64>,
}

struct Problem<'a, F> {
    rows: LogitRows<'a>,
    l2: f64,
    block: F,
    /// Linear predictors, K − 1.
    m: usize,
    /// Parameters of each, p + 1.
    width: usize,
    /// How much of the mean of the coefficients the penalty takes out.
    share: f64,
}

impl MultinomialLogit {
    /// With the penalty 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The penalty.
    pub fn l2(mut self, l2: f64) -> Self {
        self.l2 = l2;
        self
    }

    /// How many Newton steps at most.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// Fits; `block` writes X of a range of rows, column after column. `start` are parameters that may be near.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless `l2` is finite and above 0;
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for more or fewer weights than rows;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a class out of range or without weight, and for values that
    /// are not finite or overflow.
    pub fn fit(
        &self,
        rows: LogitRows<'_>,
        start: Option<&[f64]>,
        block: impl Fn(Range<usize>, &mut [f64]) + Sync,
    ) -> Result<MultinomialLogitFit> {
        let problem = self.problem(rows, block)?;
        let m = problem.m;
        let mut parameters = problem.start()?;
        if let Some(start) = start.filter(|start| start.len() == parameters.len()) {
            let value = |at: &[f64]| problem.point(at, Order::First).value;
            if value(start) < value(&parameters) {
                parameters = start.to_vec();
            }
        }
        let mut at = problem.point(&parameters, Order::Second);
        if !at.value.is_finite() {
            return Err(overflow());
        }
        let (mut iterations, mut converged) = (0, m == 0);
        let mut hessian = problem.factor(&at.products).ok_or_else(overflow)?;
        // The decrease that the last step promised, where its Hessian is still used.
        let mut before: Option<f64> = None;
        while iterations < self.max_iterations && !converged {
            let mut step = at.gradient.clone();
            hessian.solve(&mut step)?;
            let slope = dot(&at.gradient, &step);
            if !slope.is_finite() {
                break;
            }
            if before.is_some_and(|before| slope > KEPT * before && slope > TOLERANCE) {
                // A pass with the Hessian costs much more than one without: it is renewed where the old one leads on slowly.
                let Some(factor) = problem.factor(&problem.point(&parameters, Order::Second).products) else {
                    break;
                };
                (hessian, before) = (factor, None);
                continue;
            }
            let Some((moved, found)) = problem.search(&parameters, &step, at.value, slope) else { break };
            iterations += 1;
            (parameters, at, before) = (moved, found, Some(slope));
            // Below these the gradient is its rounding error.
            converged = slope <= TOLERANCE.max(1e-28 * at.value.abs());
        }
        if !parameters.iter().all(|b| b.is_finite()) {
            return Err(overflow());
        }
        let width = problem.width;
        Ok(MultinomialLogitFit { parameters, objective: at.value, iterations, converged, width })
    }

    /// The factor of the Hessian at some parameters, as those of a fit: its inverse is their approximate covariance.
    ///
    /// # Errors
    ///
    /// As [`MultinomialLogit::fit`], and [`Shape`](mlsys_core::ErrorKind::Shape) for more or fewer parameters than the rows have.
    pub fn hessian(
        &self,
        rows: LogitRows<'_>,
        parameters: &[f64],
        block: impl Fn(Range<usize>, &mut [f64]) + Sync,
    ) -> Result<Cholesky> {
        let problem = self.problem(rows, block)?;
        let needed = problem.start()?.len();
        if parameters.len() != needed {
            return Err(Error::shape("parameters", needed, parameters.len()));
        }
        let point = problem.point(parameters, Order::Second);
        problem.factor(&point.products).ok_or_else(overflow)
    }

    fn problem<'a, F>(&self, rows: LogitRows<'a>, block: F) -> Result<Problem<'a, F>> {
        if !(self.l2.is_finite() && self.l2 > 0.0) {
            return Err(Error::invalid_parameter("MultinomialLogit", "l2", self.l2, "above 0"));
        }
        let m = rows.n_classes.saturating_sub(1);
        let share = if m > 1 { 1.0 / rows.n_classes as f64 } else { 0.0 };
        Ok(Problem { rows, l2: self.l2, block, m, width: rows.columns + 1, share })
    }
}

fn overflow() -> Error {
    Error::invalid_value("regression", None, "values that overflow", "finite values of a smaller scale")
}

impl<F: Fn(Range<usize>, &mut [f64]) + Sync> Problem<'_, F> {
    /// No coefficients, and the intercepts of the classes' shares.
    fn start(&self) -> Result<Vec<f64>> {
        let LogitRows { classes, n_classes, weights, .. } = self.rows;
        if weights.is_some_and(|w| w.len() != classes.len()) {
            return Err(Error::shape("weights", classes.len(), weights.map_or(0, <[f64]>::len)));
        }
        let mut totals = vec![0.0; n_classes];
        for (row, &class) in classes.iter().enumerate() {
            let Some(total) = totals.get_mut(class as usize) else {
                let expected = format!("below {n_classes}");
                return Err(Error::invalid_value("classes", Some(row), class, expected));
            };
            let weight = weights.map_or(1.0, |w| w[row]);
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::invalid_value("weights", Some(row), weight, "0 or more, and finite"));
            }
            *total += weight;
        }
        if let Some(class) = totals.iter().position(|w| !(w.is_finite() && *w > 0.0)) {
            return Err(Error::invalid_value(
                "weights",
                None,
                format!("{} for class {class}", totals[class]),
                "above 0",
            ));
        }
        let mut parameters = vec![0.0; self.m * self.width];
        for (own, total) in parameters.chunks_exact_mut(self.width).zip(totals.iter().skip(1)) {
            own[self.width - 1] = (total / totals[0]).ln();
        }
        Ok(parameters)
    }

    fn pairs(&self) -> usize {
        self.m * (self.m + 1) / 2
    }

    /// The objective and its derivatives.
    fn point(&self, parameters: &[f64], order: Order) -> Point {
        let n = self.rows.classes.len();
        let square = self.width * self.width;
        let room = if order == Order::Second {
            (ROOM / (self.pairs() * square).max(1)).clamp(1, PARTS)
        } else {
            PARTS
        };
        let size = PART.max(n.div_ceil(room)).next_multiple_of(BLOCK);
        let part = |at: usize| self.part(parameters, at * size..n.min((at + 1) * size), order);
        let parts: Vec<Point> = (0..n.div_ceil(size)).into_par_iter().map(part).collect();
        let products = vec![0.0; if order == Order::Second { self.pairs() * square } else { 0 }];
        let mut all = Point { value: 0.0, gradient: vec![0.0; parameters.len()], products };
        for part in parts {
            all.value += part.value;
            all.gradient.iter_mut().zip(part.gradient).for_each(|(sum, x)| *sum += x);
            all.products.iter_mut().zip(part.products).for_each(|(sum, x)| *sum += x);
        }
        // l2/2 Σ over columns of (Σ b² − (Σ b)² / K).
        for a in 0..self.width - 1 {
            let own = |k: usize| parameters[k * self.width + a];
            let sum: f64 = (0..self.m).map(own).sum();
            let squares: f64 = (0..self.m).map(|k| own(k) * own(k)).sum();
            all.value += 0.5 * self.l2 * (squares - self.share * sum * sum);
            (0..self.m).for_each(|k| {
                all.gradient[k * self.width + a] += self.l2 * (own(k) - self.share * sum);
            });
        }
        all
    }

    fn part(&self, parameters: &[f64], rows: Range<usize>, order: Order) -> Point {
        let (m, p, square) = (self.m, self.width - 1, self.width * self.width);
        let LogitRows { classes, weights, .. } = self.rows;
        let mut gradient = vec![0.0; m * self.width];
        let mut products = vec![0.0; if order == Order::Second { self.pairs() * square } else { 0 }];
        let mut value = 0.0;
        let (mut x, mut eta) = (vec![0.0; p * BLOCK], vec![0.0; m * BLOCK]);
        let (mut factor, mut weighted) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
        for start in rows.clone().step_by(BLOCK) {
            let length = BLOCK.min(rows.end - start);
            let (classes, weight) = (&classes[start..], |i: usize| weights.map_or(1.0, |w| w[start + i]));
            let (x, eta) = (&mut x[..p * length], &mut eta[..m * length]);
            (self.block)(start..start + length, x);
            let columns: Vec<&[f64]> = x.chunks_exact(length).collect();
            for (eta, own) in eta.chunks_exact_mut(length).zip(parameters.chunks_exact(self.width)) {
                eta.fill(own[p]);
                for (x, b) in columns.iter().zip(own) {
                    eta.iter_mut().zip(*x).for_each(|(eta, x)| *eta += b * x);
                }
            }
            for i in 0..length {
                let top = (0..m).fold(0.0, |top: f64, k| top.max(eta[k * length + i]));
                let class = classes[i] as usize;
                let own = if class == 0 { 0.0 } else { eta[(class - 1) * length + i] };
                let mut total = (-top).exp();
                for k in 0..m {
                    let e = (eta[k * length + i] - top).exp();
                    eta[k * length + i] = e;
                    total += e;
                }
                value += weight(i) * (top + total.ln() - own);
                (0..m).for_each(|k| eta[k * length + i] /= total);
            }
            let shares: Vec<&[f64]> = eta.chunks_exact(length).collect();
            for (k, (share, gradient)) in shares.iter().zip(gradient.chunks_exact_mut(self.width)).enumerate()
            {
                factor.clear();
                let is = |i: usize| f64::from(u8::from(classes[i] as usize == k + 1));
                factor.extend(share.iter().enumerate().map(|(i, share)| weight(i) * (share - is(i))));
                gradient.iter_mut().zip(&columns).for_each(|(sum, x)| *sum += dot(&factor, x));
                gradient[p] += factor.iter().sum::<f64>();
            }
            let pairs = (0..m).flat_map(|k| (k..m).map(move |l| (k, l)));
            // Without second derivatives there are no products.
            for ((k, l), products) in pairs.zip(products.chunks_exact_mut(square)) {
                factor.clear();
                let same = f64::from(u8::from(k == l));
                let pair = shares[k].iter().zip(shares[l]).enumerate();
                factor.extend(pair.map(|(i, (a, b))| weight(i) * a * (same - b)));
                add_products(&columns, Some(&factor), length, products, &mut weighted);
            }
        }
        Point { value, gradient, products }
    }

    /// The factor of the Hessian; where rounding has made that indefinite, of it and some diagonal.
    fn factor(&self, products: &[f64]) -> Option<Cholesky> {
        let (m, width) = (self.m, self.width);
        let d = m * width;
        let mut hessian = vec![0.0; d * d];
        let pairs = (0..m).flat_map(|k| (k..m).map(move |l| (k, l)));
        for ((k, l), products) in pairs.zip(products.chunks_exact(width * width)) {
            let penalty = self.l2 * (f64::from(u8::from(k == l)) - self.share);
            for a in 0..width {
                for b in a..width {
                    let own = if a == b && a + 1 < width { penalty } else { 0.0 };
                    let found = products[a * width + b] + own;
                    for (i, j) in [(k * width + a, l * width + b), (k * width + b, l * width + a)] {
                        (hessian[i * d + j], hessian[j * d + i]) = (found, found);
                    }
                }
            }
        }
        if let Ok(factor) = Cholesky::new(&hessian, d) {
            return Some(factor);
        }
        let largest = (0..d).fold(0.0, |most: f64, i| most.max(hessian[i * d + i]));
        let mut added = 1e-14 * largest;
        for _ in 0..7 {
            (0..d).for_each(|i| hessian[i * d + i] += added);
            if let Ok(factor) = Cholesky::new(&hessian, d) {
                return Some(factor);
            }
            added *= 100.0;
        }
        None
    }

    /// The parameters along a step at which the objective has decreased, and the point there.
    fn search(&self, parameters: &[f64], step: &[f64], value: f64, slope: f64) -> Option<(Vec<f64>, Point)> {
        let mut t = 1.0;
        // Where the decrease drowns in rounding, the full step is right.
        let slack = 1e-12 * value.abs();
        for _ in 0..60 {
            let moved: Vec<f64> = parameters.iter().zip(step).map(|(b, s)| b - t * s).collect();
            let found = self.point(&moved, Order::First);
            if found.value <= value - 1e-4 * t * slope + slack {
                return Some((moved, found));
            }
            t *= 0.5;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(x: &[Vec<f64>]) -> impl Fn(Range<usize>, &mut [f64]) + Sync {
        move |rows, into| {
            let length = rows.len();
            for (into, x) in into.chunks_exact_mut(length).zip(x) {
                into.copy_from_slice(&x[rows.clone()]);
            }
        }
    }

    fn fit(
        x: &[Vec<f64>],
        classes: &[u32],
        k: usize,
        w: Option<&[f64]>,
        l2: f64,
    ) -> Result<MultinomialLogitFit> {
        let rows = LogitRows { columns: x.len(), classes, n_classes: k, weights: w };
        MultinomialLogit::new().l2(l2).fit(rows, None, block(x))
    }

    fn table(n: usize, p: usize) -> Vec<Vec<f64>> {
        (0..p)
            .map(|k| (0..n).map(|i| ((i * (3 * k + 7) + k * k) % 23) as f64 / 11.0 - 1.0).collect())
            .collect()
    }

    /// The objective by its formula.
    fn objective(x: &[Vec<f64>], classes: &[u32], k: usize, parameters: &[f64], l2: f64) -> f64 {
        let width = x.len() + 1;
        let mut sum = 0.0;
        for (row, &class) in classes.iter().enumerate() {
            let of = |own: &[f64]| own[width - 1] + (0..width - 1).map(|a| own[a] * x[a][row]).sum::<f64>();
            let eta: Vec<f64> = std::iter::once(0.0).chain(parameters.chunks(width).map(of)).collect();
            sum += eta.iter().map(|e| e.exp()).sum::<f64>().ln() - eta[class as usize];
        }
        for a in 0..width - 1 {
            let b: Vec<f64> =
                std::iter::once(0.0).chain(parameters.chunks(width).map(|own| own[a])).collect();
            let mean = if k > 2 { b.iter().sum::<f64>() / k as f64 } else { 0.0 };
            sum += 0.5 * l2 * b.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>();
        }
        sum
    }

    #[test]
    fn the_gradient_is_zero_and_the_hessian_is_its_slope() {
        for k in [2, 4] {
            let (n, p) = (300, 3);
            let x = table(n, p);
            let classes: Vec<u32> =
                (0..n).map(|i| ((i * i / 7 + usize::from(x[0][i] > 0.2)) % k) as u32).collect();
            let found = fit(&x, &classes, k, None, 0.3).unwrap();
            assert!(found.converged && found.iterations < 40, "{found:?}");
            let at = |i: usize, j: usize, h: (f64, f64)| {
                let mut moved = found.parameters.clone();
                moved[i] += h.0;
                moved[j] += h.1;
                objective(&x, &classes, k, &moved, 0.3)
            };
            assert!((at(0, 0, (0.0, 0.0)) - found.objective).abs() < 1e-9);
            let rows = LogitRows { columns: p, classes: &classes, n_classes: k, weights: None };
            let solver = MultinomialLogit::new().l2(0.3);
            let hessian = solver.hessian(rows, &found.parameters, block(&x)).unwrap();
            assert!(solver.hessian(rows, &[0.0], block(&x)).is_err());
            // From another start, near or far, it gets there.
            for start in
                [found.parameters.clone(), vec![3.0; found.parameters.len()], vec![f64::NAN], Vec::new()]
            {
                let again = solver.fit(rows, Some(&start), block(&x)).unwrap();
                let off = again.parameters.iter().zip(&found.parameters).map(|(a, b)| (a - b).abs());
                assert!(again.converged && off.fold(0.0, f64::max) < 1e-11);
            }
            let (d, h) = (found.parameters.len(), 1e-3);
            for j in 0..d {
                assert!((at(j, j, (h, 0.0)) - at(j, j, (-h, 0.0))).abs() / h < 1e-3);
                // H e_j by differences; solving gives e_j back.
                let mut column: Vec<f64> = (0..d)
                    .map(|i| {
                        let cross =
                            at(i, j, (h, h)) - at(i, j, (h, -h)) - at(i, j, (-h, h)) + at(i, j, (-h, -h));
                        cross / (4.0 * h * h)
                    })
                    .collect();
                hessian.solve(&mut column).unwrap();
                for (i, x) in column.iter().enumerate() {
                    assert!((x - f64::from(u8::from(i == j))).abs() < 1e-3, "{i} {j}: {x}");
                }
            }
        }
    }

    #[test]
    fn weights_are_rows_and_threads_do_not_matter() {
        let (n, p, k) = (9_000, 4, 3);
        let x = table(n, p);
        let classes: Vec<u32> = (0..n).map(|i| (i % k) as u32).collect();
        let twice: Vec<Vec<f64>> = x.iter().map(|x| x.iter().flat_map(|&x| [x, x]).collect()).collect();
        let both: Vec<u32> = classes.iter().flat_map(|&c| [c, c]).collect();
        let weighted = fit(&x, &classes, k, Some(&vec![2.0; n]), 1.0).unwrap();
        for (a, b) in weighted.parameters.iter().zip(fit(&twice, &both, k, None, 1.0).unwrap().parameters) {
            assert!((a - b).abs() < 1e-11, "{a} {b}");
        }
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&x, &classes, k, None, 1.0).unwrap())
        };
        assert!(on(1) == on(2) && on(1) == on(7));
    }

    #[test]
    fn separable_and_collinear_columns_have_a_solution() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let columns = vec![x.clone(), x.clone(), vec![0.0; 40], x.iter().map(|x| 1e8 * x).collect()];
        let classes: Vec<u32> = (0..40).map(|i| u32::from(i > 19)).collect();
        for l2 in [1.0, 1e-6] {
            let found = fit(&columns, &classes, 2, None, l2).unwrap();
            let b = found.coefficients(0);
            assert!(b.iter().all(|b| b.is_finite()) && (b[0] - b[1]).abs() < 1e-6 && b[2] == 0.0, "{b:?}");
        }
        let found = fit(&columns[..1], &classes, 2, None, 1e-6).unwrap();
        assert!(found.converged && found.coefficients(0)[0] > 1.0, "{found:?}");
    }

    #[test]
    fn edges() {
        let one = fit(&table(5, 2), &[0; 5], 1, None, 1.0).unwrap();
        assert!(one.converged && one.parameters.is_empty());
        let counts = fit(&[], &[0, 1, 1, 2], 3, None, 1.0).unwrap();
        assert!((counts.intercept(0) - 2.0_f64.ln()).abs() < 1e-12 && counts.intercept(1).abs() < 1e-12);
        assert!(counts.coefficients(1).is_empty());
        let x = table(4, 1);
        for error in [
            fit(&x, &[0, 1, 1, 2], 2, None, 1.0),
            fit(&x, &[0, 1, 1, 0], 3, None, 1.0),
            fit(&x, &[0, 1, 1, 0], 2, Some(&[1.0]), 1.0),
            fit(&x, &[0, 1, 1, 0], 2, Some(&[1.0, 0.0, 0.0, 1.0]), 1.0),
            fit(&x, &[0, 1, 1, 0], 2, None, 0.0),
            fit(&x, &[0, 1, 1, 0], 2, None, f64::NAN),
            fit(&[vec![f64::NAN; 4]], &[0, 1, 1, 0], 2, None, 1.0),
            fit(&[vec![f64::INFINITY; 4]], &[0, 1, 1, 0], 2, None, 1.0),
            fit(&[vec![1e300, -1e300, 2e300, 0.0]], &[0, 1, 1, 0], 2, None, 1.0),
        ] {
            assert!(error.is_err());
        }
    }
}
