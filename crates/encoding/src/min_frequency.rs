//! Which categories are infrequent. Shared by the encoders that group them.

use serde::{Deserialize, Serialize};

/// How often a category, or a token, must occur not to be infrequent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MinFrequency {
    /// In at least this many rows (or with this total weight).
    Count(u64),
    /// In at least this share of the rows (or of the weight), between 0 and 1.
    Share(f64),
}

impl From<u64> for MinFrequency {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<i32> for MinFrequency {
    /// A negative count is taken as 0, which fitting refuses.
    fn from(count: i32) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(0))
    }
}

impl From<f64> for MinFrequency {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

/// Which of the categories of these weights are infrequent; with at most so many left, the infrequent ones together counted as one.
/// Of equally frequent categories the later ones stay, as scikit-learn has it.
pub(crate) fn infrequent(
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
    weights: &[f64],
    total: f64,
) -> Vec<bool> {
    let least = match min_frequency {
        None => 0.0,
        Some(MinFrequency::Count(count)) => count as f64,
        Some(MinFrequency::Share(share)) => share * total,
    };
    let mut infrequent: Vec<bool> = weights.iter().map(|&w| w < least).collect();
    let columns = infrequent.iter().filter(|rare| !**rare).count() + 1;
    if let Some(max) = max_categories
        && max < columns
    {
        // Ascending and stable.
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let rare = order.len() - (max - 1).min(order.len());
        order[..rare].iter().for_each(|&i| infrequent[i] = true);
    }
    infrequent
}
