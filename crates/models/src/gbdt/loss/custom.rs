//! Losses that the user gives.

use mlsys_core::{ClassLoss, ValueLoss};

use super::classes::Labels;
use super::{Derivatives, Loss, mean_of};

/// Any [`ClassLoss`], by the diagonal of its Hessian; where that is negative it counts as 0.
pub(crate) struct OfClassLoss {
    pub labels: Labels,
    pub loss: Box<dyn ClassLoss>,
}

impl Loss for OfClassLoss {
    fn n_scores(&self) -> usize {
        self.loss.n_scores()
    }

    fn initial(&self) -> Vec<f64> {
        self.loss.initial()
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        let k = self.n_scores();
        let (mut gradient, mut hessian) = (vec![0.0; k], vec![0.0; k * k]);
        let rows = scores.chunks_exact(k).zip(out.chunks_exact_mut(k));
        for (row, (scores, out)) in (first..).zip(rows) {
            let class = self.labels.codes[row] as usize;
            self.loss.gradient(class, scores, &mut gradient);
            self.loss.hessian(class, scores, &mut hessian);
            let w = self.labels.weights.as_ref().map_or(1.0, |w| w[row]);
            for (own, out) in out.iter_mut().enumerate() {
                *out = [gradient[own] * w, not_negative(hessian[own * k + own]) * w];
            }
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        let k = self.n_scores();
        mean_of(self.labels.codes.len(), self.labels.weights.as_deref(), |row| {
            let mut gradient = vec![0.0; k];
            self.loss.gradient(self.labels.codes[row] as usize, &scores[row * k..][..k], &mut gradient)
        })
    }
}

/// Any [`ValueLoss`]; a negative second derivative counts as 0.
pub(crate) struct OfValueLoss<'a> {
    pub loss: &'a dyn ValueLoss,
    pub target: Vec<f64>,
    pub weights: Option<Vec<f64>>,
}

impl Loss for OfValueLoss<'_> {
    fn initial(&self) -> Vec<f64> {
        vec![self.loss.initial(&self.target, self.weights.as_deref())]
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        for (row, (out, &score)) in (first..).zip(out.iter_mut().zip(scores)) {
            let [g, h] = self.loss.derivatives(self.target[row], score);
            let w = self.weights.as_ref().map_or(1.0, |w| w[row]);
            *out = [g * w, not_negative(h) * w];
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        let loss = |row: usize| self.loss.loss(self.target[row], scores[row]);
        mean_of(self.target.len(), self.weights.as_deref(), loss)
    }
}

/// 0 for what is below; what is not a number stays, to be found.
fn not_negative(h: f64) -> f64 {
    if h < 0.0 { 0.0 } else { h }
}
