//! A loss that counts rows less that are right already.

use mlsys_core::{ClassLoss, Error, Objective, Result};
use serde::{Deserialize, Serialize};

use crate::class_weighter::effective_weights;
use crate::softmax_loss::SoftmaxLoss;

const NAME: &str = "FocalLoss";

/// The cross entropy, where rows that are right already count little.
///
/// > loss = −α(y) (1 − p)^γ ln p, with p the probability of the row's class y
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `gamma` | 2 | 0 or more | 0 is the cross entropy |
/// | `weights` | [`FocalWeights::None`] | [`FocalWeights`] | α of each class |
///
/// **Input**: two classes or more, as any [`Objective`]. **Output**: the loss with its gradient and Hessian, which is not convex in the
/// scores where p is small. **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::Objective;
/// use mlsys_imbalance::FocalLoss;
///
/// let loss = FocalLoss::new(2.0).of_classes(&[90.0, 10.0])?;
/// // At even odds: a quarter of ln 2.
/// assert!((loss.gradient(1, &[0.0], &mut [0.0]) - 0.25 * 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: probabilities are pulled towards even ones; calibrate them on validation rows. Wrong labels are the rows that count most.
///
/// Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár, *Focal loss for dense object detection*, 2017, equation 5; with
/// softmax for more than two classes; class-balanced as in Yin Cui and others, *Class-balanced loss based on effective number of
/// samples*, 2019.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FocalLoss {
    gamma: f64,
    weights: FocalWeights,
}

/// How much each class counts in a [`FocalLoss`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FocalWeights {
    /// All alike.
    #[default]
    None,
    /// The positive class this, from 0 to 1, and the negative one the rest: of two classes alone.
    Alpha(f64),
    /// One over the effective number of rows, `(1 − β) / (1 − βⁿ)`, summing to the number of classes; β from 0 to below 1.
    EffectiveNumber(f64),
}

impl Default for FocalLoss {
    fn default() -> Self {
        Self { gamma: 2.0, weights: FocalWeights::None }
    }
}

impl FocalLoss {
    /// With this γ.
    pub fn new(gamma: f64) -> Self {
        Self { gamma, ..Self::default() }
    }

    /// How much each class counts.
    pub fn weights(mut self, weights: FocalWeights) -> Self {
        self.weights = weights;
        self
    }
}

impl Objective for FocalLoss {
    fn name(&self) -> &str {
        NAME
    }

    fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>> {
        if !(self.gamma >= 0.0 && self.gamma.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "gamma", self.gamma, "0 or more, and finite"));
        }
        let mut loss = SoftmaxLoss { gamma: self.gamma, ..SoftmaxLoss::plain(totals) };
        match self.weights {
            FocalWeights::None => {}
            FocalWeights::Alpha(alpha) => {
                if totals.len() != 2 || !(0.0..=1.0).contains(&alpha) {
                    let expected = format!("0 to 1 for two classes, of which there are {}", totals.len());
                    return Err(Error::invalid_parameter(NAME, "alpha", alpha, expected));
                }
                loss.weights = vec![1.0 - alpha, alpha];
            }
            FocalWeights::EffectiveNumber(beta) => loss.weights = effective_weights(NAME, beta, totals)?,
        }
        Ok(Box::new(loss))
    }
}
