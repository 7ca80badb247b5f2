//! The Kolmogorov-Smirnov statistic of two merged states stays within its bound. `benches/ks_bound.rs` has a hundred seeds on ten
//! million values.
#![allow(clippy::unwrap_used)]

#[path = "shared/ks_bound.rs"]
mod ks_bound;

#[test]
fn within_the_bound_on_a_million_values() {
    ks_bound::check(1_000_000, 0..10, 0.004);
}
