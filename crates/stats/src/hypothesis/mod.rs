//! Hypothesis tests: plain functions over slices, each of which gives a [`TestReport`].
//!
//! | question | test |
//! |---|---|
//! | is a sample from this distribution? | [`ks_one_sample`], [`cramer_von_mises_one_sample`]; of counts: [`chi_square_goodness_of_fit`] |
//! | are samples from one distribution? | [`ks_two_sample`], [`cramer_von_mises_two_sample`], [`anderson_darling_k_sample`] |
//! | does one sample tend to larger values? | [`welch_t`], [`student_t`], [`mann_whitney_u`]; of several: [`kruskal_wallis`] |
//! | does one of a pair? | [`paired_t`], [`wilcoxon_signed_rank`]; of several: [`friedman`], then [`nemenyi`] |
//! | are two columns independent? | [`chi_square_independence`], [`g_test`], [`fisher_exact`] |
//! | is a share what it should be, are two shares equal? | [`binomial_test`], [`two_proportions_z`]; of the same rows: [`mcnemar`] |
//! | anything else | [`permutation_two_sample`], [`permutation_paired`] |
//!
//! Many tests at once: [`adjust`] their p-values.
//!
//! An Arrow column becomes a slice by [`mlsys_core::column::floats`]; missing values (NaN) are left out and
//! counted. What a test cannot answer (no rows, no spread, a table of zeros) is an error that says what it needs,
//! never NaN.
//!
//! ```
//! use mlsys_stats::hypothesis::{Alternative, Method, ks_two_sample};
//!
//! let report = ks_two_sample(&[1.0, 2.0, 3.0, f64::NAN], &[2.5, 4.0, 5.0], Alternative::TwoSided, Method::Auto)?;
//! assert_eq!(
//!     report.to_string(),
//!     "two-sample Kolmogorov-Smirnov test: D = 0.6667, p = 0.6000 (exact, two-sided), Kolmogorov distance = 0.6667, \
//!      n = 3 + 3, 1 missing left out"
//! );
//! # Ok::<(), mlsys_core::Error>(())
//! ```

mod chi_square;
mod correction;
mod cramer_von_mises;
mod cross_table;
mod exact;
mod friedman;
mod input;
mod k_samples;
mod kolmogorov;
mod ks;
mod mann_whitney;
mod permutation;
mod proportions;
mod report;
pub(crate) mod special;
mod t_test;
mod two_by_two;
mod wilcoxon;

pub use chi_square::{chi_square_goodness_of_fit, chi_square_independence, g_test};
pub use correction::{Correction, adjust, reject};
pub use cramer_von_mises::{cramer_von_mises_one_sample, cramer_von_mises_two_sample};
pub use cross_table::CrossTable;
pub use friedman::{NemenyiReport, friedman, nemenyi};
pub use k_samples::{anderson_darling_k_sample, kruskal_wallis};
pub use ks::{ks_one_sample, ks_two_sample};
pub use mann_whitney::mann_whitney_u;
pub use permutation::{Permutation, permutation_paired, permutation_two_sample};
pub use proportions::{ProportionInterval, binomial_test, two_proportions_z};
pub use report::{Alternative, ConfidenceInterval, Continuity, EffectSize, Method, PValueFrom, TestReport};
pub use special::chi_square_sf;
pub use t_test::{Sample, paired_t, student_t, welch_t};
pub use two_by_two::{fisher_exact, mcnemar};
pub use wilcoxon::{ZeroDifferences, wilcoxon_signed_rank};
