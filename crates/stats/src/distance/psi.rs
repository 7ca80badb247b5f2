//! The population stability index.

use mlsys_core::{Error, Result};

use super::divergence::shares;
use super::steps::finite_steps;
use crate::{ColumnStatistic, Quantiles, QuantilesSummary};

/// The population stability index `Σ (q − p) ln(q / p)` of weights per bin; shares below `floor` are raised to it.
///
/// The floor is yours to choose, since the value hangs on it where bins are empty: 1e-4 is feature-engine's, 0.01
/// deepchecks'. Shares are not made to sum to one again. By custom, below 0.1 little has moved, above 0.25 a lot;
/// that is no test, and small samples exceed it by chance.
///
/// # Errors
///
/// As [`kl_divergence`](super::kl_divergence); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a
/// floor outside 0 to 1, or of 0 with an empty bin.
///
/// ```
/// let psi = mlsys_stats::distance::psi(&[1.0, 2.0, 3.0, 4.0], &[2.0, 2.0, 2.0, 4.0], 1e-4)?;
/// assert!((psi - 0.109_861_228_866_811).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn psi(reference: &[f64], current: &[f64], floor: f64) -> Result<f64> {
    let (p, q) = shares(reference, current)?;
    if !(0.0..1.0).contains(&floor) {
        return Err(Error::invalid_parameter("psi", "floor", floor, "from 0 to below 1"));
    }
    // A bin that is empty on both sides says nothing.
    let pairs = || p.iter().zip(&q).filter(|(p, q)| **p > 0.0 || **q > 0.0);
    if floor == 0.0 && pairs().any(|(p, q)| *p == 0.0 || *q == 0.0) {
        return Err(Error::invalid_parameter(
            "psi",
            "floor",
            floor,
            "above 0, since a bin is empty on one side",
        ));
    }
    Ok(pairs().map(|(p, q)| (p.max(floor), q.max(floor))).map(|(p, q)| (q - p) * (q / p).ln()).sum())
}

/// [`psi`] between bins at the quantiles of the reference, from two summaries that merge.
///
/// Bins hold their upper edge; equal edges are one, so that a value that repeats much has a bin of its own. With
/// sketched summaries the shares are off by their rank error.
///
/// # Errors
///
/// As [`psi`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for fewer than two bins;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without a value.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Quantiles, distance::psi_from};
/// use std::sync::Arc;
///
/// let of = |values: Vec<f64>| Quantiles::new().of("x", &(Arc::new(Float64Array::from(values)) as ArrayRef), None);
/// let (before, now) = (of((0..100).map(f64::from).collect())?, of((0..100).map(|x| f64::from(x / 2)).collect())?);
/// assert!(psi_from(&before, &before, 10, 1e-4)? < 1e-12);
/// assert!(psi_from(&before, &now, 10, 1e-4)? > 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn psi_from(
    reference: &QuantilesSummary,
    current: &QuantilesSummary,
    bins: usize,
    floor: f64,
) -> Result<f64> {
    if !(2..=10_000).contains(&bins) {
        return Err(Error::invalid_parameter("psi", "bins", bins, "2 to 10000"));
    }
    finite_steps(reference)?;
    finite_steps(current)?;
    let mut edges: Vec<f64> = (1..bins).filter_map(|i| reference.quantile(i as f64 / bins as f64)).collect();
    edges.dedup();
    if edges.is_empty() || current.median().is_none() {
        return Err(Error::too_few_rows(1, 0, "psi"));
    }
    let weights = |summary: &QuantilesSummary| {
        let mut upto: Vec<f64> = edges.iter().map(|&edge| summary.share_up_to(edge)).collect();
        upto.push(1.0);
        let mut before = 0.0;
        upto.iter().map(|&share| share - std::mem::replace(&mut before, share)).collect::<Vec<f64>>()
    };
    psi(&weights(reference), &weights(current), floor)
}

/// [`psi`] of two samples, between bins at the quantiles of the reference. Missing values are left out.
///
/// # Errors
///
/// As [`psi_from`].
///
/// ```
/// let before: Vec<f64> = (0..50).map(f64::from).collect();
/// let psi = mlsys_stats::distance::psi_of_samples(&before, &before, 5, 1e-4)?;
/// assert_eq!(psi, 0.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn psi_of_samples(reference: &[f64], current: &[f64], bins: usize, floor: f64) -> Result<f64> {
    use mlsys_core::arrow::array::{ArrayRef, Float64Array};
    let of = |values: &[f64]| {
        let array: ArrayRef = std::sync::Arc::new(Float64Array::from(values.to_vec()));
        Quantiles::new().exact_up_to(usize::MAX).of("sample", &array, None)
    };
    psi_from(&of(reference)?, &of(current)?, bins, floor)
}
