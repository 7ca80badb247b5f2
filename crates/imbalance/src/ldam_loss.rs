//! A loss that wants larger margins for smaller classes.

use mlsys_core::{ClassLoss, Error, Objective, Result};
use serde::{Deserialize, Serialize};

use crate::softmax_loss::SoftmaxLoss;

const NAME: &str = "LdamLoss";

/// The cross entropy with a margin that the score of the row's class must be ahead by, larger for smaller classes.
///
/// > loss = −ln softmax(s (z − Δ)) at the row's class y, where Δ is `C / n(y)^¼` there and 0 elsewhere
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `max_margin` | 0.5 | 0 or more | the margin of the smallest class, which sets C |
/// | `scale` | 1 | above 0 | s; 30 for scores that are cosines, as in the paper |
///
/// **Input**: two classes or more, as any [`Objective`]. **Output**: a convex loss with its gradient and Hessian.
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::Objective;
/// use mlsys_imbalance::LdamLoss;
///
/// // 16 times as many rows: half the margin.
/// let loss = LdamLoss::new(0.5).of_classes(&[1600.0, 100.0])?;
/// let at = |class, z| loss.gradient(class, &[z], &mut [0.0]);
/// assert!((at(1, 0.5) - 2f64.ln()).abs() < 1e-15 && (at(0, -0.25) - 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when scores can grow without a bound, since any margin is then had for free: with a penalty, or with cosines, it is not. With
/// a scale s other than 1 a model's scores are 1 / s of log-odds, and its probabilities too near to even ones: calibrate them. s is for cosines.
///
/// Kaidi Cao, Colin Wei, Adrien Gaidon, Nikos Arechiga, Tengyu Ma, *Learning imbalanced datasets with label-distribution-aware margin
/// loss*, 2019, equation 13.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LdamLoss {
    max_margin: f64,
    scale: f64,
}

impl Default for LdamLoss {
    fn default() -> Self {
        Self { max_margin: 0.5, scale: 1.0 }
    }
}

impl LdamLoss {
    /// With this margin for the smallest class.
    pub fn new(max_margin: f64) -> Self {
        Self { max_margin, ..Self::default() }
    }

    /// What scores are multiplied by.
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }
}

impl Objective for LdamLoss {
    fn name(&self) -> &str {
        NAME
    }

    fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>> {
        if !(self.max_margin >= 0.0 && self.max_margin.is_finite()) {
            return Err(Error::invalid_parameter(
                NAME,
                "max_margin",
                self.max_margin,
                "0 or more, and finite",
            ));
        }
        if !(self.scale > 0.0 && self.scale.is_finite()) {
            return Err(Error::invalid_parameter(NAME, "scale", self.scale, "above 0, and finite"));
        }
        let mut loss = SoftmaxLoss { scale: self.scale, ..SoftmaxLoss::plain(totals) };
        loss.initial.iter_mut().for_each(|score| *score /= self.scale);
        let least = totals.iter().copied().fold(f64::INFINITY, f64::min);
        for (class, own) in totals.iter().enumerate() {
            loss.offsets[class][class] = -self.max_margin * (least / own).powf(0.25);
        }
        Ok(Box::new(loss))
    }
}
