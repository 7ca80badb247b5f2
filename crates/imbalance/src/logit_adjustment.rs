//! A loss under which the scores are those of balanced classes.

use mlsys_core::{ClassLoss, Error, Objective, Result};
use serde::{Deserialize, Serialize};

use crate::softmax_loss::{SoftmaxLoss, centred};

const NAME: &str = "LogitAdjustment";

/// The cross entropy of scores to which the log shares of the classes are added, so that the scores themselves are without them.
///
/// > loss = −ln softmax(z + τ ln π) at the row's class, π being the shares of the classes
///
/// * `tau`: 1; 0 or more. 0 is the cross entropy, at 1 the largest score is best for the mean of the recalls.
///
/// **Input**: two classes or more, as any [`Objective`]. **Output**: a convex loss with its gradient and Hessian.
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::Objective;
/// use mlsys_imbalance::LogitAdjustment;
///
/// let loss = LogitAdjustment::new(1.0).of_classes(&[90.0, 10.0])?;
/// // Even scores are the shares.
/// assert!((loss.gradient(1, &[0.0], &mut [0.0]) - 10f64.ln()).abs() < 1e-14);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: probabilities of the scores are those of balanced classes: add τ ln π again for those of the data. In a linear model with a free
/// intercept it moves that alone, which a threshold does as well.
///
/// Aditya Krishna Menon, Sadeep Jayasumana, Ankit Singh Rawat, Himanshu Jain, Andreas Veit, Sanjiv Kumar, *Long-tail learning via logit
/// adjustment*, 2021, equation 10.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogitAdjustment {
    tau: f64,
}

impl Default for LogitAdjustment {
    fn default() -> Self {
        Self { tau: 1.0 }
    }
}

impl LogitAdjustment {
    /// With this τ.
    pub fn new(tau: f64) -> Self {
        Self { tau }
    }
}

impl Objective for LogitAdjustment {
    fn name(&self) -> &str {
        NAME
    }

    fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>> {
        if !(self.tau >= 0.0 && self.tau.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "tau", self.tau, "0 or more, and finite"));
        }
        let total: f64 = totals.iter().sum();
        let shares: Vec<f64> = totals.iter().map(|own| (own / total).ln()).collect();
        let offsets: Vec<f64> = shares.iter().map(|share| self.tau * share).collect();
        let initial: Vec<f64> = shares.iter().map(|share| (1.0 - self.tau) * share).collect();
        let mut loss = SoftmaxLoss { initial: centred(&initial), ..SoftmaxLoss::plain(totals) };
        loss.offsets = vec![offsets; totals.len()];
        Ok(Box::new(loss))
    }
}
