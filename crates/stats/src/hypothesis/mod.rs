//! Hypothesis tests over slices.

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
mod special;
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
pub use t_test::{Sample, paired_t, student_t, welch_t};
pub use two_by_two::{fisher_exact, mcnemar};
pub use wilcoxon::{ZeroDifferences, wilcoxon_signed_rank};
