//! Losses of a margin.

use serde::{Deserialize, Serialize};

use crate::logistic_regression::sigmoid;

/// What a [`SgdClassifier`](crate::SgdClassifier) minimises, of the score `z` and the class `y`, which is 1 or −1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SgdLoss {
    /// `ln(1 + exp(−yz))`: logistic regression.
    #[default]
    Log,
    /// `max(0, 1 − yz)`: a linear support vector machine; without probabilities.
    Hinge,
    /// `−(1 − p)^γ ln p` with `p = 1 / (1 + exp(−yz))`, γ of 0 or more: rows that are right already count little.
    Focal(f64),
}

impl SgdLoss {
    /// The loss, and its derivative by the score.
    pub(super) fn at(self, positive: bool, z: f64) -> (f64, f64) {
        let margin = if positive { z } else { -z };
        let (loss, slope) = match self {
            Self::Log => (log_loss(margin), -sigmoid(-margin)),
            Self::Hinge => ((1.0 - margin).max(0.0), if margin <= 1.0 { -1.0 } else { 0.0 }),
            Self::Focal(gamma) => {
                let (p, q, log) = (sigmoid(margin), sigmoid(-margin), -log_loss(margin));
                let factor = q.powf(gamma);
                (-factor * log, factor * (gamma * p * log - q))
            }
        };
        (loss, if positive { slope } else { -slope })
    }
}

/// `ln(1 + exp(−m))`, without overflow.
fn log_loss(margin: f64) -> f64 {
    (-margin.abs()).exp().ln_1p() + (-margin).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_losses() {
        for loss in [SgdLoss::Log, SgdLoss::Hinge, SgdLoss::Focal(2.0), SgdLoss::Focal(0.5)] {
            for positive in [false, true] {
                for z in [-30.0, -3.0, -0.4, 0.3, 2.5, 20.0] {
                    let step = 1e-6;
                    let numeric =
                        (loss.at(positive, z + step).0 - loss.at(positive, z - step).0) / (2.0 * step);
                    let found = loss.at(positive, z).1;
                    assert!((found - numeric).abs() < 1e-7, "{loss:?} {positive} {z}: {found} {numeric}");
                }
            }
        }
    }

    #[test]
    fn extreme_scores_stay_finite() {
        for loss in [SgdLoss::Log, SgdLoss::Hinge, SgdLoss::Focal(2.0)] {
            assert_eq!(loss.at(true, 1e9), (0.0, -0.0));
            assert_eq!(loss.at(true, -1e9).1, -1.0);
        }
        // Without its factor it is the logistic loss.
        assert_eq!(SgdLoss::Focal(0.0).at(false, 1.5), SgdLoss::Log.at(false, 1.5));
    }
}
