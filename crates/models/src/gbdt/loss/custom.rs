//! A loss of classes that the user gives.

use mlsys_core::ClassLoss;

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
                *out = [gradient[own] * w, hessian[own * k + own].max(0.0) * w];
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
