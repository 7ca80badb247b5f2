//! Comparing imputers on cells whose values are known.

mod imputation_scores;
mod imputation_trial;

pub use imputation_scores::{ImputationScore, ImputationScores, ImputerSummary};
pub use imputation_trial::ImputationTrial;
