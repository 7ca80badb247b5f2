//! What a `Gbdt` minimises, by task.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a [`Gbdt`](crate::Gbdt) of classes minimises.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassObjective {
    /// The log loss: logistic of two classes, softmax of more.
    #[default]
    Logistic,
    /// The focal loss `-(1 - p)^γ ln p` of the probability of a row's class, with this γ, 0 or more: rows that are easy count little. Its
    /// probabilities are pulled towards even ones: calibrate them.
    Focal(f64),
}

/// What a [`Gbdt`](crate::Gbdt) of numbers minimises, of the score z and the target y.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionObjective {
    /// `(z - y)²`: predicts means.
    #[default]
    Squared,
    /// `|z - y|`: predicts medians.
    Absolute,
    /// `½ (z - y)²` up to this distance δ, and `δ (|z - y| - ½ δ)` beyond.
    Huber(f64),
    /// The pinball loss of this share: predicts the quantile.
    Quantile(f64),
    /// `e^z - y z`, of counts; predicts `e^z`.
    Poisson,
    /// `y e^-z + z`, of positive numbers; predicts `e^z`.
    Gamma,
    /// `e^((2 - p) z) / (2 - p) - y e^((1 - p) z) / (1 - p)` with this power p, above 1 and below 2: of numbers that are often 0, else
    /// positive; predicts `e^z`.
    Tweedie(f64),
}

/// What a [`Gbdt`](crate::Gbdt) of rankings minimises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankObjective {
    /// LambdaMART: by how much NDCG changes when two rows of a group change places, of which one is among so many at the top.
    ///
    /// Christopher Burges, *From RankNet to LambdaRank to LambdaMART: an overview*, 2010; with LightGBM's normalisation by group.
    LambdaMart {
        /// The rows at the top; 30 as a rule.
        truncation: usize,
    },
}

impl Default for RankObjective {
    fn default() -> Self {
        Self::LambdaMart { truncation: 30 }
    }
}

impl ClassObjective {
    pub(super) fn validate(self, estimator: &str) -> Result<()> {
        match self {
            Self::Focal(gamma) if !(0.0..=100.0).contains(&gamma) => {
                let value = format!("focal with γ {gamma}");
                Err(Error::invalid_parameter(estimator, "objective", value, "a γ of 0 to 100"))
            }
            _ => Ok(()),
        }
    }
}

impl RegressionObjective {
    pub(super) fn validate(self, estimator: &str) -> Result<()> {
        let (value, expected) = match self {
            Self::Huber(delta) if !(delta > 0.0 && delta.is_finite()) => {
                (format!("huber with δ {delta}"), "a δ above 0, and finite")
            }
            Self::Quantile(share) if !(share > 0.0 && share < 1.0) => {
                (format!("the quantile {share}"), "a share above 0 and below 1")
            }
            Self::Tweedie(power) if !(power > 1.0 && power < 2.0) => {
                (format!("tweedie with the power {power}"), "a power above 1 and below 2")
            }
            _ => return Ok(()),
        };
        Err(Error::invalid_parameter(estimator, "objective", value, expected))
    }

    /// Whether the target is predicted by the exponential of the score.
    pub(super) fn is_log(self) -> bool {
        matches!(self, Self::Poisson | Self::Gamma | Self::Tweedie(_))
    }

    /// Whether leaves hold medians or quantiles.
    pub(super) fn renews(self) -> bool {
        matches!(self, Self::Absolute | Self::Quantile(_))
    }

    /// Refuses training targets whose mean has no logarithm.
    pub(super) fn check_start(self, column: &str, target: &[f64]) -> Result<()> {
        if self.is_log() && target.iter().all(|y| *y == 0.0) {
            return Err(Error::invalid_value(column, None, "zero in every row", "above 0 in some row"));
        }
        Ok(())
    }

    /// Refuses targets that have no loss.
    pub(super) fn check(self, column: &str, target: &[f64]) -> Result<()> {
        let refused =
            |row: usize, expected: &str| Err(Error::invalid_value(column, Some(row), target[row], expected));
        match self {
            Self::Poisson | Self::Tweedie(_) => {
                if let Some(row) = target.iter().position(|y| *y < 0.0) {
                    return refused(row, "0 or more");
                }
                if target.iter().all(|y| *y == 0.0) {
                    return Err(Error::invalid_value(
                        column,
                        None,
                        "zero in every row",
                        "above 0 in some row",
                    ));
                }
            }
            Self::Gamma => {
                if let Some(row) = target.iter().position(|y| *y <= 0.0) {
                    return refused(row, "above 0");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
