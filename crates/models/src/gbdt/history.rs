//! How boosting went.

use serde::{Deserialize, Serialize};

/// What validation rows said of a [`Gbdt`](crate::Gbdt) after each iteration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TrainingHistory {
    pub(super) names: Vec<String>,
    /// By iteration.
    pub(super) values: Vec<Vec<f64>>,
    pub(super) best: Option<usize>,
}

impl TrainingHistory {
    /// What was measured: the objective's own loss under the name `loss`, and then the metrics.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was measured after each iteration; nothing without validation rows.
    pub fn of(&self, name: &str) -> Option<impl Iterator<Item = f64> + '_> {
        let place = self.names.iter().position(|own| own == name)?;
        Some(self.values.iter().map(move |values| values.get(place).copied().unwrap_or(f64::NAN)))
    }

    /// The best iteration, counted from 0, by the first metric or, without metrics, the loss.
    pub fn best_iteration(&self) -> Option<usize> {
        self.best
    }

    /// Iterations that were measured.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
