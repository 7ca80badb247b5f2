//! The Kolmogorov-Smirnov statistic of two merged states of ten million values each, for a hundred seeds: every error is within its
//! bound, every bound is at most 0.002. It takes minutes with optimisation, which is why it is here and not among the tests; CI runs it.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/shared/ks_bound.rs"]
mod ks_bound;

fn main() {
    ks_bound::check(10_000_000, 0..100, 0.002);
}
