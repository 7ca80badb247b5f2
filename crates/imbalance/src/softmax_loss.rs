//! What the losses of this crate have in common.

use mlsys_core::ClassLoss;

/// `−w (1 − p)^γ ln p`, with w and p of the row's class y, and `p = softmax(s (z + o))`, the offsets o being those of y.
pub(crate) struct SoftmaxLoss {
    pub weights: Vec<f64>,
    /// By the row's class, one for each class.
    pub offsets: Vec<Vec<f64>>,
    pub scale: f64,
    pub gamma: f64,
    pub initial: Vec<f64>,
}

impl SoftmaxLoss {
    /// The cross entropy of so many classes.
    pub fn plain(totals: &[f64]) -> Self {
        let k = totals.len();
        let total: f64 = totals.iter().sum();
        let shares: Vec<f64> = totals.iter().map(|own| (own / total).ln()).collect();
        Self {
            weights: vec![1.0; k],
            offsets: vec![vec![0.0; k]; k],
            scale: 1.0,
            gamma: 0.0,
            initial: centred(&shares),
        }
    }

    /// The probabilities that the loss of a row goes by.
    fn softmax(&self, class: usize, scores: &[f64]) -> Softmax {
        let k = self.weights.len();
        let score = |j: usize| match (k, j) {
            (2, 0) => 0.0,
            (2, _) => scores[0],
            _ => scores[j],
        };
        let mut p: Vec<f64> = (0..k).map(|j| self.scale * (score(j) + self.offsets[class][j])).collect();
        let most = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let own = p[class] - most;
        p.iter_mut().for_each(|u| *u = (*u - most).exp());
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        // From the others, so that it keeps its digits when the row is right.
        let rest: f64 = (0..k).filter(|&j| j != class).map(|j| p[j]).sum();
        let log = if rest < 0.5 { (-rest).ln_1p() } else { own - sum.ln() };
        Softmax { p, rest, log }
    }

    /// The derivative of `−(1 − p)^γ ln p` by ln p.
    fn slope(&self, at: &Softmax, own: f64) -> f64 {
        at.rest.powf(self.gamma) * (self.gamma * own * at.log_over_rest() - 1.0)
    }
}

struct Softmax {
    p: Vec<f64>,
    /// 1 − p of the row's class.
    rest: f64,
    /// ln p of the row's class.
    log: f64,
}

impl Softmax {
    fn log_over_rest(&self) -> f64 {
        if self.rest > 0.0 { self.log / self.rest } else { -1.0 }
    }
}

/// Log shares as scores.
pub(crate) fn centred(logs: &[f64]) -> Vec<f64> {
    match logs {
        [negative, positive] => vec![positive - negative],
        _ => {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            logs.iter().map(|log| log - mean).collect()
        }
    }
}

impl ClassLoss for SoftmaxLoss {
    fn n_classes(&self) -> usize {
        self.weights.len()
    }

    fn ignores_shifts(&self) -> bool {
        self.weights.len() > 2
    }

    fn gradient(&self, class: usize, scores: &[f64], gradient: &mut [f64]) -> f64 {
        let at = self.softmax(class, scores);
        let own = at.p[class];
        let slope = self.weights[class] * self.scale * self.slope(&at, own);
        let by = |j: usize| slope * if j == class { at.rest } else { -at.p[j] };
        match gradient {
            [one] => *one = by(1),
            all => all.iter_mut().enumerate().for_each(|(j, to)| *to = by(j)),
        }
        -self.weights[class] * at.rest.powf(self.gamma) * at.log
    }

    fn hessian(&self, class: usize, scores: &[f64], hessian: &mut [f64]) {
        let at = self.softmax(class, scores);
        let own = at.p[class];
        let slope = self.slope(&at, own);
        // The derivative of the slope by ln p; without γ, and where the row is right to the last digit, there is none.
        let curve = if self.gamma > 0.0 && at.rest > 0.0 {
            let bracket = at.log + 2.0 - (self.gamma - 1.0) * own * at.log_over_rest();
            self.gamma * at.rest.powf(self.gamma - 1.0) * own * bracket
        } else {
            0.0
        };
        let factor = self.weights[class] * self.scale * self.scale;
        let away = |j: usize| if j == class { at.rest } else { -at.p[j] };
        let by = |j: usize, k: usize| {
            let spread = if j == k { at.p[j] * others(&at.p, j) } else { -at.p[j] * at.p[k] };
            factor * (curve * away(j) * away(k) - slope * spread)
        };
        match hessian {
            [one] => *one = by(1, 1),
            all => {
                let k = self.weights.len();
                all.iter_mut().enumerate().for_each(|(at, to)| *to = by(at / k, at % k));
            }
        }
    }

    fn initial(&self) -> Vec<f64> {
        self.initial.clone()
    }
}

/// 1 − p, with its digits.
fn others(p: &[f64], j: usize) -> f64 {
    (0..p.len()).filter(|&k| k != j).map(|k| p[k]).sum()
}
