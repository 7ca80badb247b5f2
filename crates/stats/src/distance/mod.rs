//! How far two distributions are apart, from weights per bin or category, from samples, or from the states of
//! statistics.
//!
//! | of | distances |
//! |---|---|
//! | weights per bin or category | [`psi`], [`jensen_shannon`], [`kl_divergence`], [`hellinger`], [`total_variation`], [`l_infinity`] |
//! | samples of numbers | [`wasserstein`], [`energy`], [`psi_of_samples`] |
//! | [`QuantilesSummary`]s, which merge | [`wasserstein_from`], [`energy_from`], [`psi_from`], [`ks_from`] |
//! | [`CountsSummary`]s, which merge | those of weights, after [`aligned`] |
//!
//! Distances of two samples of one distribution are not zero: they grow as samples shrink. For a p-value, see the
//! hypothesis tests.

mod divergence;
mod psi;
mod states;
mod steps;

pub use divergence::{Base, hellinger, jensen_shannon, kl_divergence, l_infinity, total_variation};
pub use psi::{psi, psi_from, psi_of_samples};
pub use states::{KsFromStates, aligned, ks_from};
pub use steps::{energy, energy_from, wasserstein, wasserstein_from};

#[cfg(doc)]
use crate::{CountsSummary, QuantilesSummary};
