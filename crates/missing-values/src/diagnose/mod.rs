//! Why values are missing.

mod co_moments;
mod little_mcar;
mod mar_evidence;
mod missing_patterns;
mod missing_patterns_summary;
mod missing_report;
mod normal;

pub use little_mcar::{LittleMcar, LittleMcarReport};
pub use mar_evidence::{MarEvidence, mar_evidence};
pub use missing_patterns::{MissingPatterns, MissingPatternsState, PatternMoments};
pub use missing_patterns_summary::{Flux, MissingPattern, MissingPatternsSummary};
pub use missing_report::{Link, Mechanism, MissingColumn, MissingReport};
