//! How far two points are apart.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Points;

/// How far two points are apart, over the columns `c` that both have, with column weights `w` (1 unless given).
///
/// | metric | distance | columns |
/// |---|---|---|
/// | `NanEuclidean` | `√(Σ_all w / Σ_both w · Σ_both w (a − b)²)` | numbers, with gaps |
/// | `Euclidean` | `√(Σ w (a − b)²)` | numbers, without gaps |
/// | `Gower` | `Σ_both w δ / Σ_both w`, δ = min(\|a − b\| / range, 1) of numbers, 0 or 1 of categories | both, with gaps |
///
/// Points that share no column have no distance, and are no neighbours. The range is that of the points that are
/// searched; a column without range counts 0 where equal and 1 elsewhere. Squares beyond a double's range count as the
/// largest double.
///
/// Dixon, *Pattern recognition with partly missing data*, 1979; Gower, *A general coefficient of similarity and some
/// of its properties*, 1971.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Euclidean over the coordinates that both points have, scaled up for those that are missing.
    #[default]
    NanEuclidean,
    /// Euclidean; gaps are refused.
    Euclidean,
    /// Gower's dissimilarity, 0 to 1.
    Gower,
}

/// What one column adds to the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Term {
    /// w (a − b)²
    Square { weight: f64 },
    /// w min(|a − b| / range, 1)
    Range { weight: f64, inverse: f64 },
    /// w where the codes differ
    Differs { weight: f64 },
}

impl Term {
    pub fn weight(self) -> f64 {
        match self {
            Self::Square { weight } | Self::Range { weight, .. } | Self::Differs { weight } => weight,
        }
    }

    /// The least that a value between `low` and `high` adds.
    pub fn least(self, value: f64, low: f64, high: f64) -> f64 {
        let gap = (low - value).max(value - high).max(0.0);
        match self {
            Self::Square { weight } => weight * (gap * gap),
            Self::Range { weight, inverse } => weight * (gap * inverse).min(1.0),
            Self::Differs { weight } => {
                if gap > 0.0 {
                    weight
                } else {
                    0.0
                }
            }
        }
    }
}

impl Metric {
    /// The terms of the columns.
    pub(crate) fn terms(self, points: &Points, weights: Option<&[f64]>) -> Result<Vec<Term>> {
        let columns = points.n_columns();
        if columns == 0 {
            return Err(Error::shape("the points", "one column or more", 0));
        }
        if let Some(weights) = weights {
            if weights.len() != columns {
                return Err(Error::shape("the weights of columns", columns, weights.len()));
            }
            if let Some(bad) = weights.iter().find(|w| !(w.is_finite() && **w > 0.0)) {
                return Err(Error::invalid_value("weights", None, bad, "finite and above 0"));
            }
        }
        (0..columns)
            .map(|column| {
                let weight = weights.map_or(1.0, |weights| weights[column]);
                match (self, points.is_categorical(column)) {
                    (Self::Gower, true) => Ok(Term::Differs { weight }),
                    (Self::Gower, false) => {
                        Ok(Term::Range { weight, inverse: inverse_range(points.column(column)) })
                    }
                    (_, true) => Err(Error::unsupported(
                        "a Euclidean distance over categories (encode them, or use `Metric::Gower`)",
                    )),
                    (Self::NanEuclidean | Self::Euclidean, false) => Ok(Term::Square { weight }),
                }
            })
            .collect()
    }
}

fn inverse_range(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
        (if x < low { x } else { low }, if x > high { x } else { high })
    });
    // Halves, since the range itself may be beyond a double.
    let half = high / 2.0 - low / 2.0;
    // Without a range any difference is past it.
    if half > 0.0 { (0.5 / half).min(f64::MAX) } else { f64::MAX }
}
