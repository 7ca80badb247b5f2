//! One score, and how it learns.

use mlsys_stats::solve::dot;
use serde::{Deserialize, Serialize};

use super::rows::Rows;
use super::{LearningRate, SgdClassifier, SgdPenalty};

/// What is known of one score between the passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub weights: Vec<f64>,
    pub intercept: f64,
    /// Empty unless the recipe asks for it.
    pub average: Vec<f64>,
    pub average_intercept: f64,
    /// Rows that were learnt from, over all epochs: each score ends by itself.
    pub steps: u64,
}

/// The rows to learn from.
pub(super) struct Lesson<'a> {
    pub rows: &'a Rows,
    /// The rows that count, and which of them are of the positive class.
    pub counted: &'a [u32],
    pub positive: &'a (dyn Fn(u32) -> bool + Sync),
    pub weights: Option<&'a [f64]>,
    /// The order in each epoch, as places in `counted`.
    pub order: &'a (dyn Fn(usize) -> Vec<u32> + Sync),
    pub epochs: usize,
}

/// How it ended.
pub(super) struct Ending {
    pub epochs: usize,
    pub converged: bool,
}

/// Slopes beyond are cut, as in scikit-learn.
const STEEPEST: f64 = 1e12;
/// Below, the scale goes into the weights.
const SMALLEST_SCALE: f64 = 1e-9;

impl Machine {
    pub fn new(coefficients: usize, average: bool) -> Self {
        let average = if average { vec![0.0; coefficients] } else { Vec::new() };
        Self { weights: vec![0.0; coefficients], intercept: 0.0, average, average_intercept: 0.0, steps: 0 }
    }

    /// The coefficients and the intercept that predict: their averages, as soon as there are any.
    pub fn predicting(&self, average_from: Option<u64>) -> (&[f64], f64) {
        match average_from.is_some_and(|from| from <= self.steps) {
            true => (&self.average, self.average_intercept),
            false => (&self.weights, self.intercept),
        }
    }

    /// The same where there are more places.
    pub fn moved(&mut self, from: &[Option<usize>], average: bool) {
        let moved = |old: &[f64]| from.iter().map(|from| from.map_or(0.0, |from| old[from])).collect();
        self.weights = moved(&self.weights);
        if average {
            self.average = moved(&self.average);
        }
    }

    /// Learns; coefficients that are not finite are left for the caller to see.
    pub fn learn(&mut self, recipe: &SgdClassifier, lesson: &Lesson<'_>) -> Ending {
        let mut run = Run::new(self, recipe, lesson);
        let mut ending = Ending { epochs: 0, converged: false };
        let (mut best, mut unimproved) = (f64::INFINITY, 0);
        for epoch in 0..lesson.epochs {
            ending.epochs = epoch + 1;
            let mean = run.epoch(epoch);
            if !run.finite() {
                break;
            }
            let Some(tolerance) = recipe.tolerance else { continue };
            unimproved = if mean > best - tolerance { unimproved + 1 } else { 0 };
            best = best.min(mean);
            if unimproved >= recipe.patience {
                ending.converged = true;
                break;
            }
        }
        run.close();
        let learnt = (ending.epochs as u64).saturating_mul(lesson.counted.len() as u64);
        self.steps = self.steps.saturating_add(learnt);
        ending
    }
}

/// A machine at work: its weights are `scale` times what is kept.
struct Run<'a> {
    machine: &'a mut Machine,
    recipe: &'a SgdClassifier,
    lesson: &'a Lesson<'a>,
    l1: f64,
    /// Of the optimal rate.
    offset: f64,
    t: f64,
    scale: f64,
    squares: f64,
    absolutes: f64,
    /// Of the average, as in Bottou's tricks: it is `(average + a · weights) / b`.
    a: f64,
    b: f64,
    /// How much of the L1 penalty there was so far, and what each weight has had of it.
    due: f64,
    paid: Vec<f64>,
}

impl<'a> Run<'a> {
    fn new(machine: &'a mut Machine, recipe: &'a SgdClassifier, lesson: &'a Lesson<'a>) -> Self {
        let l1 = recipe.penalty.l1();
        let squares = dot(&machine.weights, &machine.weights);
        let absolutes = machine.weights.iter().map(|w| w.abs()).sum();
        let typical = recipe.alpha.powf(-0.25);
        let paid = if l1 > 0.0 { vec![0.0; machine.weights.len()] } else { Vec::new() };
        Self {
            // The first rate is the size of typical weights.
            offset: 1.0 / (typical * recipe.alpha),
            t: machine.steps as f64 + 1.0,
            scale: 1.0,
            a: 0.0,
            b: 1.0,
            due: 0.0,
            machine,
            recipe,
            lesson,
            l1,
            squares,
            absolutes,
            paid,
        }
    }

    /// The mean over the rows of what is minimised, as it was before each of them.
    fn epoch(&mut self, epoch: usize) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for place in (self.lesson.order)(epoch) {
            let row = self.lesson.counted[place as usize];
            let weight = self.lesson.weights.map_or(1.0, |weights| weights[place as usize]);
            sum += weight * self.step(row as usize, (self.lesson.positive)(place), weight);
            total += weight;
        }
        // Places that few rows have may still owe some of the penalty.
        if self.l1 > 0.0 {
            (self.lesson.rows.width()..self.machine.weights.len()).for_each(|at| self.shrink(at));
        }
        sum / total
    }

    /// Learns from a row; what is minimised, before.
    fn step(&mut self, row: usize, positive: bool, weight: f64) -> f64 {
        let (numbers, (places, values)) = (self.lesson.rows.numbers(row), self.lesson.rows.sparse(row));
        let recipe = self.recipe;
        let dense = numbers.len();
        // What a place owes since the last row that had it.
        if self.l1 > 0.0 {
            places.iter().for_each(|&at| self.shrink(at as usize));
        }
        let mut product = dot(&self.machine.weights[..dense], numbers);
        places.iter().zip(values).for_each(|(&at, &x)| product += self.machine.weights[at as usize] * x);
        let (loss, slope) = recipe.loss.at(positive, product * self.scale + self.machine.intercept);
        let ridge = 0.5 * (1.0 - self.l1) * self.squares;
        let objective = loss + recipe.alpha * (ridge + self.l1 * self.absolutes);
        let eta = match recipe.learning_rate {
            LearningRate::Optimal => 1.0 / (recipe.alpha * (self.offset + self.t - 1.0)),
            LearningRate::Constant(eta) => eta,
            LearningRate::InverseScaling { initial, power } => initial / self.t.powf(power),
        };
        let update = -eta * slope.clamp(-STEEPEST, STEEPEST) * weight;
        self.rescale((1.0 - (1.0 - self.l1) * eta * recipe.alpha).max(0.0));
        if update != 0.0 {
            self.add(numbers, places, values, update);
            if recipe.intercept == crate::Intercept::Free {
                self.machine.intercept += update;
            }
        }
        self.averages(numbers, places, values, update);
        if self.l1 > 0.0 {
            self.due += self.l1 * eta * recipe.alpha;
            (0..dense).for_each(|at| self.shrink(at));
            places.iter().for_each(|&at| self.shrink(at as usize));
        }
        self.t += 1.0;
        objective
    }

    fn rescale(&mut self, factor: f64) {
        self.scale *= factor;
        self.squares *= factor * factor;
        self.absolutes *= factor;
        if self.scale < SMALLEST_SCALE {
            self.settle();
        }
    }

    fn add(&mut self, numbers: &[f64], places: &[u32], values: &[f64], update: f64) {
        let step = update / self.scale;
        let (mut squares, mut absolutes) = (0.0, 0.0);
        let mut one = |w: &mut f64, x: f64| {
            let new = *w + x * step;
            squares += new * new - *w * *w;
            absolutes += new.abs() - w.abs();
            *w = new;
        };
        self.machine.weights.iter_mut().zip(numbers).for_each(|(w, &x)| one(w, x));
        places.iter().zip(values).for_each(|(&at, &x)| one(&mut self.machine.weights[at as usize], x));
        self.squares = (self.squares + squares * self.scale * self.scale).max(0.0);
        self.absolutes = (self.absolutes + absolutes * self.scale).max(0.0);
    }

    fn averages(&mut self, numbers: &[f64], places: &[u32], values: &[f64], update: f64) {
        let Some(from) = self.recipe.average_from.map(|from| from as f64).filter(|&from| from <= self.t)
        else {
            return;
        };
        let n = self.t - from + 1.0;
        let step = self.a * (-update / self.scale);
        let Machine { average, average_intercept, intercept, .. } = &mut *self.machine;
        average.iter_mut().zip(numbers).for_each(|(w, &x)| *w += step * x);
        places.iter().zip(values).for_each(|(&at, &x)| average[at as usize] += step * x);
        if n > 1.0 {
            self.b /= 1.0 - 1.0 / n;
        }
        self.a += self.b * self.scale / n;
        *average_intercept += (*intercept - *average_intercept) / n;
    }

    /// What is due of the L1 penalty, and no further than to 0.
    fn shrink(&mut self, at: usize) {
        let (w, paid) = (&mut self.machine.weights[at], &mut self.paid[at]);
        let before = *w;
        if before > 0.0 {
            *w = (before - (self.due + *paid) / self.scale).max(0.0);
        } else if before < 0.0 {
            *w = (before + (self.due - *paid) / self.scale).min(0.0);
        }
        *paid += self.scale * (*w - before);
        if *w != before {
            // The average holds what the weight was until now.
            if let Some(average) = self.machine.average.get_mut(at) {
                *average -= self.a * (*w - before);
            }
            self.squares = (self.squares + (*w * *w - before * before) * self.scale * self.scale).max(0.0);
            self.absolutes = (self.absolutes + (w.abs() - before.abs()) * self.scale).max(0.0);
        }
    }

    /// The scale into the weights.
    fn settle(&mut self) {
        if !self.machine.average.is_empty() {
            let (a, b) = (self.a, self.b);
            let pairs = self.machine.average.iter_mut().zip(&self.machine.weights);
            pairs.for_each(|(average, w)| *average = (*average + a * w) / b);
            (self.a, self.b) = (0.0, 1.0);
        }
        self.machine.weights.iter_mut().for_each(|w| *w *= self.scale);
        self.scale = 1.0;
    }

    fn finite(&self) -> bool {
        self.machine.intercept.is_finite() && self.machine.weights.iter().all(|w| w.is_finite())
    }

    fn close(mut self) {
        self.settle();
    }
}

impl SgdPenalty {
    /// The share of the L1 part.
    pub(super) fn l1(self) -> f64 {
        match self {
            Self::L2 => 0.0,
            Self::L1 => 1.0,
            Self::ElasticNet(share) => share,
        }
    }
}
