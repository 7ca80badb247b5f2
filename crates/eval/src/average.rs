//! How a metric of one class becomes a metric of several.

use serde::{Deserialize, Serialize};

/// Which classes a metric is about, and how they are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The positive class only: the last of two classes unless another one is named.
    #[default]
    Binary,
    /// The mean over the classes, each counting alike.
    Macro,
    /// One table of all rows and classes: for precision, recall and F it equals accuracy with one label per row.
    Micro,
    /// The mean over the classes, each counting as its (weighted) true rows.
    Weighted,
}

impl Average {
    /// The name with the average in brackets, unless it is binary.
    pub(crate) fn label(self, name: &str) -> String {
        match self {
            Self::Binary => name.into(),
            Self::Macro => format!("{name} (macro)"),
            Self::Micro => format!("{name} (micro)"),
            Self::Weighted => format!("{name} (weighted)"),
        }
    }

    /// Combines values of classes, given with the weight of their true rows.
    pub(crate) fn combine(self, values: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for (value, support) in values {
            let w = if self == Self::Weighted { support } else { 1.0 };
            sum += w * value;
            total += w;
        }
        (total > 0.0).then(|| sum / total)
    }
}

/// The value of a ratio whose denominator is zero, such as the precision of a class that is never predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDivision {
    /// 0, as in scikit-learn (which also warns).
    #[default]
    Zero,
    /// 1.
    One,
    /// No value: an error for one class, left out of a mean over classes (scikit-learn's `nan`).
    Undefined,
}

impl ZeroDivision {
    pub(crate) fn divide(self, numerator: f64, denominator: f64) -> Option<f64> {
        match self {
            _ if denominator > 0.0 => Some(numerator / denominator),
            Self::Zero => Some(0.0),
            Self::One => Some(1.0),
            Self::Undefined => None,
        }
    }
}
