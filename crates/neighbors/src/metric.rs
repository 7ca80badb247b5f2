//! How far two points are apart.

use mlsys_core::Result;
use serde::{Deserialize, Serialize};

use crate::Points;

/// How far two points are apart, with column weights `w` (1 unless given).
///
/// | metric | distance | numbers | categories | a gap |
/// |---|---|---|---|---|
/// | `NanEuclidean` | `√(Σ_all w / Σ_both w · Σ_both w δ²)` | δ = a − b | refused | left out |
/// | `Euclidean` | `√(Σ w δ²)` | δ = a − b | refused | refused |
/// | `Manhattan` | `Σ w δ` | δ = \|a − b\| | refused | refused |
/// | `Cosine` | `1 − Σ w a b / √(Σ w a² · Σ w b²)` | | refused | refused |
/// | `Gower` | `Σ_both w δ / Σ_both w` | δ = min(\|a − b\| / range, 1) | δ = 0 or 1 | left out |
/// | `Heom` | `√(Σ w δ²)` | δ = \|a − b\| / range | δ = 0 or 1 | δ = 1 |
/// | `Hvdm` | `√(Σ w δ²)` | δ = \|a − b\| / 4σ | δ² = Σ_classes (P(class \| a) − P(class \| b))² | δ = 1 |
/// | `SmoteNc` | as `NanEuclidean` | δ = a − b | δ = 0 or m | left out |
///
/// `Σ_both` is over the columns that both points have; points that share none have no distance there, and are no
/// neighbours. Range, standard deviation σ (of all rows, not of all but one), `m`, the median of the numeric columns' σ,
/// and class shares P are those of the points that are searched. A column without range or deviation counts 0 where equal
/// and 1 elsewhere. A category that these points do not have differs from all, and has δ = 1 under `Hvdm`. A row of zeros
/// has no direction: its cosine distance is 0 from another, and 1 from all else. Squares beyond a double's range count
/// as the largest double.
///
/// `Hvdm` needs class labels ([`NeighborIndex::labelled`](crate::NeighborIndex::labelled)): categories that go with the
/// same classes are near. `SmoteNc` is what SMOTE-NC searches with: `m` is meant to be that of the minority class, so
/// search among its rows alone.
///
/// Dixon, *Pattern recognition with partly missing data*, 1979; Gower, *A general coefficient of similarity and some
/// of its properties*, 1971; Wilson and Martinez, *Improved heterogeneous distance functions*, 1997 (equations 10-13,
/// HEOM; 17-18 and 21, HVDM with its second normalisation); Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority
/// over-sampling technique*, 2002, section 6.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Euclidean over the coordinates that both points have, scaled up for those that are missing.
    #[default]
    NanEuclidean,
    /// Euclidean; gaps are refused.
    Euclidean,
    /// The sum of differences; gaps are refused.
    Manhattan,
    /// One minus the cosine of the angle, 0 to 2; gaps are refused.
    Cosine,
    /// Gower's dissimilarity, 0 to 1.
    Gower,
    /// The heterogeneous Euclidean-overlap metric; a gap is as far as can be.
    Heom,
    /// The heterogeneous value difference metric, of labelled points; a gap is as far as can be.
    Hvdm,
    /// Euclidean, where a category that differs counts as much as a typical standard deviation.
    SmoteNc,
}

/// What one coordinate adds to the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Term {
    /// w ((a − b) · inverse)²
    Square { weight: f64, inverse: f64 },
    /// w |a − b|
    Absolute { weight: f64 },
    /// w min(|a − b| · inverse, 1)
    Range { weight: f64, inverse: f64 },
    /// The cost where the codes differ
    Differs { weight: f64, cost: f64 },
    /// The cost, whatever the value: of a gap in the query
    Constant { cost: f64 },
}

impl Term {
    /// What the coordinate counts for where both points have it.
    pub fn weight(self) -> f64 {
        match self {
            Self::Square { weight, .. }
            | Self::Absolute { weight }
            | Self::Range { weight, .. }
            | Self::Differs { weight, .. } => weight,
            Self::Constant { .. } => 0.0,
        }
    }

    /// The least that a value between `low` and `high` adds.
    pub fn least(self, value: f64, low: f64, high: f64) -> f64 {
        let gap = (low - value).max(value - high).max(0.0);
        match self {
            Self::Square { weight, inverse } => {
                let gap = gap * inverse;
                weight * (gap * gap)
            }
            Self::Absolute { weight } => weight * gap,
            Self::Range { weight, inverse } => weight * (gap * inverse).min(1.0),
            Self::Differs { cost, .. } if gap > 0.0 => cost,
            Self::Differs { .. } => 0.0,
            Self::Constant { cost } => cost,
        }
    }
}

impl Metric {
    /// Whether the distance is the root of the sum.
    pub(crate) fn is_root(self) -> bool {
        !matches!(self, Self::Manhattan | Self::Cosine | Self::Gower)
    }

    /// Whether points must have all columns.
    pub(crate) fn refuses_gaps(self) -> bool {
        matches!(self, Self::Euclidean | Self::Manhattan | Self::Cosine)
    }

    /// Refuses what has no place under this metric.
    pub(crate) fn check(self, points: &Points) -> Result<()> {
        for column in 0..points.n_columns() {
            let count = points.column(column).iter().filter(|x| x.is_nan()).count();
            if self.refuses_gaps() && count > 0 {
                let hint = "impute them first, or use `Metric::NanEuclidean`".into();
                let column = column.to_string();
                return Err(mlsys_core::ErrorKind::MissingValues { column, count, hint }.into());
            }
        }
        Ok(())
    }
}
