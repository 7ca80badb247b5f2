//! Losses of classes.

use super::exp::exp;
use super::{Derivatives, Loss, mean_of, softplus};

/// The classes of rows, and how much rows count.
pub(crate) struct Labels {
    pub codes: Vec<u32>,
    pub n_classes: usize,
    pub weights: Option<Vec<f64>>,
}

impl Labels {
    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[row])
    }

    fn largest_weight(&self) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w.iter().copied().fold(0.0, f64::max))
    }

    /// The weight of each class.
    pub fn totals(&self) -> Vec<f64> {
        let mut totals = vec![0.0; self.n_classes];
        for (row, &class) in self.codes.iter().enumerate() {
            totals[class as usize] += self.weight(row);
        }
        totals
    }

    /// The log-odds of the classes: one for two classes, else the logarithm of each one's share.
    fn log_odds(&self) -> Vec<f64> {
        let totals = self.totals();
        match totals.as_slice() {
            [first, last] => vec![(last / first).ln()],
            totals => {
                let all: f64 = totals.iter().sum();
                totals.iter().map(|total| (total / all).ln()).collect()
            }
        }
    }

    fn mean(&self, loss: impl Fn(usize) -> f64 + Sync) -> f64 {
        mean_of(self.codes.len(), self.weights.as_deref(), loss)
    }
}

/// The logistic loss of two classes: `ln(1 + e^-z)` of the last class, `ln(1 + e^z)` of the first.
pub(crate) struct BinaryLogistic(pub Labels);

impl Loss for BinaryLogistic {
    fn initial(&self) -> Vec<f64> {
        self.0.log_odds()
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        let codes = &self.0.codes[first..first + out.len()];
        for ((out, &score), &code) in out.iter_mut().zip(scores).zip(codes) {
            let p = 1.0 / (1.0 + exp(-score));
            *out = [p - f64::from(code), p * (1.0 - p)];
        }
        if let Some(weights) = &self.0.weights {
            for (out, w) in out.iter_mut().zip(&weights[first..]) {
                *out = [out[0] * w, out[1] * w];
            }
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        self.0.mean(|row| softplus(if self.0.codes[row] == 1 { -scores[row] } else { scores[row] }))
    }

    fn bounds(&self) -> Option<Derivatives> {
        let most = self.0.largest_weight();
        Some([most, most * 0.25])
    }
}

/// The softmax loss of three classes or more.
pub(crate) struct Softmax(pub Labels);

/// Turns scores into the probabilities of a softmax.
fn softmax(scores: &[f64], p: &mut [Derivatives]) {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, score) in p.iter_mut().zip(scores) {
        p[0] = exp(score - most);
        sum += p[0];
    }
    p.iter_mut().for_each(|p| p[0] /= sum);
}

/// `-ln p` of a class under a softmax.
fn surprise(scores: &[f64], class: usize) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
    sum.ln() + most - scores[class]
}

impl Loss for Softmax {
    fn n_scores(&self) -> usize {
        self.0.n_classes
    }

    fn initial(&self) -> Vec<f64> {
        self.0.log_odds()
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        let k = self.0.n_classes;
        // LightGBM's, for what the diagonal of the Hessian leaves out.
        let factor = k as f64 / (k as f64 - 1.0);
        let rows = scores.chunks_exact(k).zip(out.chunks_exact_mut(k));
        for (row, (scores, out)) in (first..).zip(rows) {
            softmax(scores, out);
            let (w, class) = (self.0.weight(row), self.0.codes[row] as usize);
            for (own, out) in out.iter_mut().enumerate() {
                let p = out[0];
                let is = f64::from(u8::from(own == class));
                *out = [(p - is) * w, factor * p * (1.0 - p) * w];
            }
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        let k = self.0.n_classes;
        self.0.mean(|row| surprise(&scores[row * k..][..k], self.0.codes[row] as usize))
    }

    fn bounds(&self) -> Option<Derivatives> {
        let (most, k) = (self.0.largest_weight(), self.0.n_classes as f64);
        Some([most, most * 0.25 * k / (k - 1.0)])
    }
}

/// The focal loss `-(1 - p)^γ ln p` of the probability of a row's class.
pub(crate) struct FocalClasses {
    pub labels: Labels,
    pub gamma: f64,
}

impl FocalClasses {
    /// By the logarithm of the class's probability, times that probability: `-(A)`, with `g_j = A (δ_j - p_j)`; and A's derivative.
    fn slope(&self, p: f64) -> [f64; 2] {
        let gamma = self.gamma;
        let (p, q) = (p.max(1e-300), (1.0 - p).max(1e-12));
        let ln = p.ln();
        let a = gamma * p * q.powf(gamma - 1.0) * ln - q.powf(gamma);
        let by_p =
            gamma * q.powf(gamma - 1.0) * (ln + 2.0) - gamma * (gamma - 1.0) * p * q.powf(gamma - 2.0) * ln;
        [a, by_p * p]
    }
}

impl Loss for FocalClasses {
    fn n_scores(&self) -> usize {
        if self.labels.n_classes == 2 { 1 } else { self.labels.n_classes }
    }

    fn initial(&self) -> Vec<f64> {
        self.labels.log_odds()
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        let k = self.n_scores();
        let rows = scores.chunks_exact(k).zip(out.chunks_exact_mut(k));
        for (row, (scores, out)) in (first..).zip(rows) {
            let (w, class) = (self.labels.weight(row), self.labels.codes[row] as usize);
            if let ([score], [out]) = (scores, &mut *out) {
                let sign = if class == 1 { 1.0 } else { -1.0 };
                let p = 1.0 / (1.0 + (-sign * score).exp());
                let [a, by] = self.slope(p);
                let q = 1.0 - p;
                *out = [sign * a * q * w, (by * q * q - a * p * q).max(0.0) * w];
                continue;
            }
            softmax(scores, out);
            let [a, by] = self.slope(out[class][0]);
            for (own, out) in out.iter_mut().enumerate() {
                let p = out[0];
                let rest = f64::from(u8::from(own == class)) - p;
                *out = [a * rest * w, (by * rest * rest - a * p * (1.0 - p)).max(0.0) * w];
            }
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        let k = self.n_scores();
        self.labels.mean(|row| {
            let class = self.labels.codes[row] as usize;
            let surprise = match &scores[row * k..][..k] {
                [score] => softplus(if class == 1 { -score } else { *score }),
                scores => surprise(scores, class),
            };
            (1.0 - (-surprise).exp()).powf(self.gamma) * surprise
        })
    }
}
