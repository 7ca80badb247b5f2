//! Why values are missing.

mod co_moments;
mod little_mcar;
mod missing_patterns;
mod missing_patterns_summary;
mod normal;

pub use little_mcar::{LittleMcar, LittleMcarReport};
pub use missing_patterns::{MissingPatterns, MissingPatternsState, PatternMoments};
pub use missing_patterns_summary::{Flux, MissingPattern, MissingPatternsSummary};
