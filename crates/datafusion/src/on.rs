//! The verbs, for rows that an engine holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::{Category, FitByPasses, Partition, Predict, PredictProba, Result, Train, Transform};
use mlsys_sampling::sample::{BottomK, BottomKSample};
use mlsys_stats::distance::{KsFromStates, ks_from, psi_from};
use mlsys_stats::{ColumnStatistic, Profile, ProfileReport, Quantiles, QuantilesSummary};

use crate::frame::Frame;

/// Fits a one-pass recipe, or a chain of them, on the engine: a pass per step.
///
/// What is fitted equals what [`Fit::fit`](mlsys_core::Fit::fit) gives for the same rows in memory: bit by bit where the
/// recipe's statistic is exact, up to rounding or the sketch's own bound where it is not
/// ([`Agreement`](mlsys_core::catalogue::Agreement)).
///
/// # Errors
///
/// The recipe's; rows are named by their place in a partition of the engine. The engine's.
pub async fn fit_on<R: FitByPasses>(recipe: &R, train: &Frame<Train>) -> Result<R::Fitted> {
    recipe.fit_passes(train).await
}

/// The rows as a fitted step makes them: [`Frame::transform`].
///
/// # Errors
///
/// When a column that the step needs is missing or has another kind.
pub fn transform_on<P: Partition>(step: Arc<dyn Transform>, rows: &Frame<P>) -> Result<Frame<P>> {
    rows.transform(step)
}

/// The rows with a model's predictions in a new column: [`Frame::predict`].
///
/// # Errors
///
/// As [`Frame::predict`].
pub fn predict_on<P: Partition>(model: Arc<dyn Predict>, rows: &Frame<P>, column: &str) -> Result<Frame<P>> {
    rows.predict(model, column)
}

/// The rows with the probability of each class in a new column `<prefix><class>`: [`Frame::predict_proba`].
///
/// # Errors
///
/// As [`Frame::predict_proba`].
pub fn predict_proba_on<P: Partition>(
    model: Arc<dyn PredictProba>,
    rows: &Frame<P>,
    prefix: &str,
) -> Result<Frame<P>> {
    rows.predict_proba(model, prefix)
}

/// The profile of the rows: one pass.
///
/// # Errors
///
/// As [`Frame::summarize`].
pub async fn profile_on<P: Partition>(profile: &Profile, rows: &Frame<P>) -> Result<ProfileReport> {
    rows.summarize(profile).await
}

/// The profile of the rows of each value of a column; missing values are a group of their own, `None`.
///
/// # Errors
///
/// As [`Frame::summarize_by`].
pub async fn profile_by_on<P: Partition>(
    profile: &Profile,
    rows: &Frame<P>,
    by: &str,
) -> Result<BTreeMap<Option<Category>, ProfileReport>> {
    rows.summarize_by(profile, by).await
}

/// The rows of the keys that a [`BottomK`] takes: one pass for the keys, which the sample then filters by.
///
/// # Errors
///
/// As [`Frame::summarize`].
pub async fn sample_on<P: Partition>(
    sampler: &BottomK,
    rows: &Frame<P>,
) -> Result<(BottomKSample, Frame<P>)> {
    let sample = rows.summarize(sampler).await?;
    let kept = rows.sampled(sample.clone())?;
    Ok((sample, kept))
}

/// The quantiles of columns of two sets of rows, next to each other.
async fn quantiles<P: Partition, Q: Partition>(
    quantiles: &Quantiles,
    reference: &Frame<P>,
    current: &Frame<Q>,
    columns: &[&str],
) -> Result<Vec<(String, QuantilesSummary, QuantilesSummary)>> {
    let of = quantiles.over(columns.iter().copied());
    let (before, now) = (reference.summarize(&of).await?, current.summarize(&of).await?);
    Ok(before.into_iter().zip(now).map(|((name, before), (_, now))| (name, before, now)).collect())
}

/// The Kolmogorov-Smirnov distance of columns of two sets of rows, from their states: one pass over each, nothing
/// sorted. See [`ks_from`] for its bound.
///
/// # Errors
///
/// As [`Frame::summarize`] and [`ks_from`].
pub async fn ks_on<P: Partition, Q: Partition>(
    reference: &Frame<P>,
    current: &Frame<Q>,
    columns: &[&str],
    sketch: &Quantiles,
    confidence: f64,
) -> Result<Vec<(String, KsFromStates)>> {
    let states = quantiles(sketch, reference, current, columns).await?;
    states.into_iter().map(|(name, before, now)| Ok((name, ks_from(&before, &now, confidence)?))).collect()
}

/// The population stability index of columns of two sets of rows, from their states. See [`psi_from`].
///
/// # Errors
///
/// As [`Frame::summarize`] and [`psi_from`].
pub async fn psi_on<P: Partition, Q: Partition>(
    reference: &Frame<P>,
    current: &Frame<Q>,
    columns: &[&str],
    sketch: &Quantiles,
    bins: usize,
    floor: f64,
) -> Result<Vec<(String, f64)>> {
    let states = quantiles(sketch, reference, current, columns).await?;
    states.into_iter().map(|(name, before, now)| Ok((name, psi_from(&before, &now, bins, floor)?))).collect()
}
