//! Minimises a smooth function with gradients.

use std::collections::VecDeque;

/// Sufficient decrease and curvature of the Wolfe conditions, the usual values for quasi-Newton steps.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Evaluations that one line search may take.
const MAX_TRIALS: usize = 40;

/// Minimises a smooth function by the limited-memory BFGS method.
///
/// x ← x − a·H·∇f(x), where H is built from the last `memory` steps and gradient changes (the two-loop
/// recursion), and the step length a satisfies the strong Wolfe conditions. Where f is so flat that its decrease
/// drowns in rounding, the slope decides instead (the approximate Wolfe condition of Hager and Zhang), so that
/// gradients far below the square root of the machine precision can be reached.
///
/// * `memory`: 10; steps that are remembered.
/// * `max_iterations`: 1000.
/// * `gradient_tolerance`: 1e-8; stops when no component of the gradient is larger in magnitude.
/// * `function_tolerance`: 0, which is off; stops when a step lowers f by less than this share of |f|.
///
/// One evaluation per iteration as a rule, and 2·`memory` vectors of memory. Values that are not finite are taken
/// as a wall: steps are shortened. It always ends: after `max_iterations` at the latest.
///
/// ```
/// use mlsys_stats::solve::Lbfgs;
///
/// let minimum = Lbfgs::new().minimize(vec![0.0], |x, gradient| {
///     gradient[0] = 2.0 * (x[0] - 3.0);
///     (x[0] - 3.0).powi(2)
/// });
/// assert!(minimum.converged() && (minimum.x[0] - 3.0).abs() < 1e-8);
/// ```
///
/// Finds a stationary point; only for a convex function is that the minimum. Not for functions with kinks.
///
/// D. C. Liu and J. Nocedal, On the limited memory BFGS method for large scale optimization, 1989; W. Hager and H.
/// Zhang, A new conjugate gradient method with guaranteed descent and an efficient line search, 2005.
#[derive(Debug, Clone, PartialEq)]
pub struct Lbfgs {
    memory: usize,
    max_iterations: usize,
    gradient_tolerance: f64,
    function_tolerance: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { memory: 10, max_iterations: 1000, gradient_tolerance: 1e-8, function_tolerance: 0.0 }
    }
}

/// Why the solver stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The gradient is as small as was asked for.
    Gradient,
    /// The function no longer decreases by as much as was asked for.
    Function,
    /// The iterations are used up.
    Iterations,
    /// No step along the direction of descent lowers the function: it is at its rounding error, or its gradient
    /// is wrong.
    LineSearch,
    /// The function or its gradient is not finite at the start.
    NotFinite,
}

/// Where the solver stopped, and why.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The function's value there.
    pub value: f64,
    /// The largest magnitude in the gradient there.
    pub gradient_norm: f64,
    /// Steps taken.
    pub iterations: usize,
    /// Evaluations of the function.
    pub evaluations: usize,
    /// Why it stopped.
    pub stop: Stop,
}

impl Minimum {
    /// Whether a tolerance was reached.
    pub fn converged(&self) -> bool {
        matches!(self.stop, Stop::Gradient | Stop::Function)
    }
}

/// A point, the value and the gradient there.
struct Point {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn at(x: Vec<f64>, function: &mut impl FnMut(&[f64], &mut [f64]) -> f64) -> Self {
        let mut gradient = vec![0.0; x.len()];
        let value = function(&x, &mut gradient);
        Self { x, value, gradient }
    }

    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }

    fn norm(&self) -> f64 {
        self.gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()))
    }
}

/// A remembered step and the change of the gradient over it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// Their inner product, positive.
    curvature: f64,
}

impl Lbfgs {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Steps that are remembered; at least one is.
    pub fn memory(mut self, memory: usize) -> Self {
        self.memory = memory.max(1);
        self
    }

    /// Steps at most.
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// The largest magnitude in the gradient at which to stop.
    pub fn gradient_tolerance(mut self, gradient_tolerance: f64) -> Self {
        self.gradient_tolerance = gradient_tolerance;
        self
    }

    /// The relative decrease per step at which to stop; zero never stops.
    pub fn function_tolerance(mut self, function_tolerance: f64) -> Self {
        self.function_tolerance = function_tolerance;
        self
    }

    /// Minimises from `start`. The function returns its value and writes its gradient.
    pub fn minimize(&self, start: Vec<f64>, mut function: impl FnMut(&[f64], &mut [f64]) -> f64) -> Minimum {
        let mut evaluations = 1;
        let mut here = Point::at(start, &mut function);
        let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(self.memory);
        let mut iterations = 0;
        let stop = loop {
            if !here.is_finite() {
                break Stop::NotFinite;
            }
            if here.norm() <= self.gradient_tolerance {
                break Stop::Gradient;
            }
            if iterations >= self.max_iterations {
                break Stop::Iterations;
            }
            let direction = direction(&here.gradient, &pairs);
            let next = line_search(&here, &direction, pairs.is_empty(), &mut function, &mut evaluations);
            let Some(next) = next else {
                if pairs.is_empty() {
                    break Stop::LineSearch;
                }
                // Old curvature may be what is wrong: try once more from steepest descent.
                pairs.clear();
                continue;
            };
            iterations += 1;
            let decrease = here.value - next.value;
            remember(&mut pairs, self.memory, &here, &next);
            here = next;
            if self.function_tolerance > 0.0 && decrease <= self.function_tolerance * here.value.abs() {
                break Stop::Function;
            }
        };
        let gradient_norm = if here.is_finite() { here.norm() } else { f64::NAN };
        Minimum { gradient_norm, x: here.x, value: here.value, iterations, evaluations, stop }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += scale * from);
}

/// The two-loop recursion (Liu and Nocedal 1989): minus the approximate inverse Hessian times the gradient.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut weights = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let weight = dot(&pair.step, &q) / pair.curvature;
        add_scaled(&mut q, -weight, &pair.change);
        weights.push(weight);
    }
    if let Some(last) = pairs.back() {
        let scale = last.curvature / dot(&last.change, &last.change);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for (pair, weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let back = dot(&pair.change, &q) / pair.curvature;
        add_scaled(&mut q, weight - back, &pair.step);
    }
    q
}

fn remember(pairs: &mut VecDeque<Pair>, memory: usize, here: &Point, next: &Point) {
    let step: Vec<f64> = next.x.iter().zip(&here.x).map(|(a, b)| a - b).collect();
    let change: Vec<f64> = next.gradient.iter().zip(&here.gradient).map(|(a, b)| a - b).collect();
    let curvature = dot(&step, &change);
    // A pair without positive curvature would make the Hessian indefinite.
    if !(curvature > f64::EPSILON * dot(&step, &step).sqrt() * dot(&change, &change).sqrt()
        && curvature.is_finite())
    {
        return;
    }
    if pairs.len() == memory {
        pairs.pop_front();
    }
    pairs.push_back(Pair { step, change, curvature });
}

/// A step length, with the value and the slope there.
#[derive(Clone, Copy)]
struct Trial {
    length: f64,
    value: f64,
    slope: f64,
}

/// A point along `direction` that satisfies the strong Wolfe conditions, or at least decreases sufficiently.
///
/// `low` always decreases sufficiently with a steep slope down, `high` decreases too little or slopes up (or is not
/// finite), so that an acceptable length lies between them.
fn line_search(
    here: &Point,
    direction: &[f64],
    first: bool,
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    evaluations: &mut usize,
) -> Option<Point> {
    let slope = dot(&here.gradient, direction);
    if !(slope < 0.0 && slope.is_finite()) {
        return None;
    }
    let rounding = 1e-14 * here.value.abs();
    let mut low = Trial { length: 0.0, value: here.value, slope };
    let mut high: Option<Trial> = None;
    let mut best: Option<Point> = None;
    // Without curvature a unit step has no meaning; one of unit length at most is tried first.
    let mut length = if first { 1.0_f64.min(1.0 / dot(direction, direction).sqrt()) } else { 1.0 };
    for _ in 0..MAX_TRIALS {
        let mut x = here.x.clone();
        add_scaled(&mut x, length, direction);
        if x == here.x {
            break;
        }
        *evaluations += 1;
        let point = Point::at(x, function);
        let trial = Trial { length, value: point.value, slope: dot(&point.gradient, direction) };
        if !point.is_finite() {
            high = Some(Trial { value: f64::INFINITY, slope: f64::NAN, ..trial });
        } else {
            let decreases = trial.value <= here.value + DECREASE * length * slope;
            // Hager and Zhang's (4.2): the value cannot tell any more, the slope still can.
            let flat = trial.value <= here.value + rounding
                && (CURVATURE * slope..=(2.0 * DECREASE - 1.0) * slope).contains(&trial.slope);
            if !(decreases || flat) {
                high = Some(trial);
            } else if trial.slope > -CURVATURE * slope {
                high = Some(trial);
                best = Some(point);
            } else if trial.slope < CURVATURE * slope {
                low = trial;
                best = Some(point);
            } else {
                return Some(point);
            }
        }
        length = match high {
            None => 4.0 * length,
            Some(high) => between(low, high),
        };
    }
    best
}

/// The minimum of the cubic through both ends, kept away from them.
fn between(low: Trial, high: Trial) -> f64 {
    let width = high.length - low.length;
    let inner = |share: f64| low.length + share.clamp(0.1, 0.9) * width;
    if !high.slope.is_finite() {
        return inner(0.1);
    }
    let d1 = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let d2 = (d1 * d1 - low.slope * high.slope).max(0.0).sqrt();
    let share = 1.0 - (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2);
    if share.is_finite() { inner(share) } else { inner(0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut value = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            value += a * a + 100.0 * b * b;
            gradient[i] += -2.0 * a - 400.0 * x[i] * b;
            gradient[i + 1] += 200.0 * b;
        }
        value
    }

    #[test]
    fn rosenbrock_reaches_ones() {
        for n in [2, 10] {
            let minimum = Lbfgs::new().minimize(vec![-1.2; n], rosenbrock);
            assert_eq!(minimum.stop, Stop::Gradient, "{minimum:?}");
            assert!(minimum.x.iter().all(|x| (x - 1.0).abs() < 1e-7), "{minimum:?}");
            assert!(minimum.iterations < 120 && minimum.evaluations < 200, "{minimum:?}");
        }
    }

    #[test]
    fn a_quadratic_with_an_offset_is_solved_below_its_rounding_error() {
        let scales = [1.0, 10.0, 100.0, 1000.0];
        let minimum = Lbfgs::new().gradient_tolerance(1e-10).minimize(vec![1.0; 4], |x, gradient| {
            let mut value = 1e6;
            for i in 0..4 {
                gradient[i] = scales[i] * (x[i] - i as f64);
                value += 0.5 * scales[i] * (x[i] - i as f64).powi(2);
            }
            value
        });
        assert!(minimum.converged(), "{minimum:?}");
        assert!(minimum.x.iter().enumerate().all(|(i, x)| (x - i as f64).abs() < 1e-10));
    }

    #[test]
    fn bad_functions_end_it() {
        let nan = Lbfgs::new().minimize(vec![1.0], |_, g| {
            g[0] = f64::NAN;
            f64::NAN
        });
        assert_eq!(nan.stop, Stop::NotFinite);
        // A wall of NaN: the minimum at 1 is found on this side of it.
        let wall = Lbfgs::new().minimize(vec![0.0], |x, g| {
            g[0] = 2.0 * (x[0] - 1.0);
            if x[0] > 1.5 { f64::NAN } else { (x[0] - 1.0).powi(2) }
        });
        assert!(wall.converged() && (wall.x[0] - 1.0).abs() < 1e-8);
        let wrong = Lbfgs::new().minimize(vec![1.0], |x, g| {
            g[0] = -x[0];
            x[0] * x[0]
        });
        assert_eq!(wrong.stop, Stop::LineSearch);
        let unbounded = Lbfgs::new().max_iterations(20).minimize(vec![1.0], |x, g| {
            g[0] = -1.0;
            -x[0]
        });
        assert!(!unbounded.converged() && unbounded.x[0].is_finite());
        assert!(Lbfgs::new().minimize(Vec::new(), |_, _| 0.0).converged());
    }

    #[test]
    fn tolerances_and_limits_are_kept() {
        let few = Lbfgs::new().max_iterations(3).minimize(vec![-1.2, 1.0], rosenbrock);
        assert_eq!((few.iterations, few.stop), (3, Stop::Iterations));
        let loose = Lbfgs::new().function_tolerance(1e-3).memory(1).minimize(vec![-1.2, 1.0], rosenbrock);
        assert!(matches!(loose.stop, Stop::Function | Stop::Gradient));
    }
}
