//! Distances of two distributions over the same bins or categories.

use mlsys_core::{Error, Result};

/// The unit of an information measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Base {
    /// Natural logarithms.
    #[default]
    Nats,
    /// Logarithms of base two: Jensen-Shannon lies between 0 and 1.
    Bits,
}

impl Base {
    fn of(self, nats: f64) -> f64 {
        match self {
            Self::Nats => nats,
            Self::Bits => nats / std::f64::consts::LN_2,
        }
    }
}

/// Both as shares.
pub(super) fn shares(p: &[f64], q: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    if p.len() != q.len() {
        return Err(Error::shape("weights", format!("{} bins on both sides", p.len()), q.len()));
    }
    let of = |name: &str, weights: &[f64]| {
        if let Some(bin) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(Error::invalid_value(
                name,
                Some(bin),
                weights[bin],
                "a weight that is finite and not negative",
            ));
        }
        let total: f64 = weights.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::invalid_value(
                name,
                None,
                format!("weights of sum {total}"),
                "a positive, finite sum",
            ));
        }
        Ok(weights.iter().map(|w| w / total).collect())
    };
    Ok((of("first", p)?, of("second", q)?))
}

/// The Kullback-Leibler divergence `Σ p ln(p / q)` of the first from the second.
///
/// Weights per bin are made shares. Infinite where a bin has weight in the first and none in the second; not
/// symmetric.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape) for different numbers of bins;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for negative or non-finite weights, or none at all.
///
/// ```
/// use mlsys_stats::distance::{Base, kl_divergence};
/// let bits = kl_divergence(&[1.0, 1.0], &[3.0, 1.0], Base::Bits)?;
/// assert!((bits - (0.5 * (0.5f64 / 0.75).log2() + 0.5)).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Solomon Kullback, Richard Leibler, *On information and sufficiency*, 1951.
pub fn kl_divergence(p: &[f64], q: &[f64], base: Base) -> Result<f64> {
    let (p, q) = shares(p, q)?;
    Ok(base.of(relative_entropy(&p, &q).max(0.0)))
}

fn relative_entropy(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(&p, &q)| if p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum()
}

/// The Jensen-Shannon divergence `(KL(p, m) + KL(q, m)) / 2` with `m = (p + q) / 2`.
///
/// Symmetric and bounded: by ln 2 in nats, by 1 in bits. scipy's `jensenshannon` is the square root of this, a
/// metric.
///
/// # Errors
///
/// As [`kl_divergence`].
///
/// ```
/// use mlsys_stats::distance::{Base, jensen_shannon};
/// assert_eq!(jensen_shannon(&[2.0, 0.0], &[0.0, 5.0], Base::Bits)?, 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Jianhua Lin, *Divergence measures based on the Shannon entropy*, 1991.
pub fn jensen_shannon(p: &[f64], q: &[f64], base: Base) -> Result<f64> {
    let (p, q) = shares(p, q)?;
    let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (p + q) / 2.0).collect();
    let nats = (relative_entropy(&p, &middle) + relative_entropy(&q, &middle)) / 2.0;
    Ok(base.of(nats.max(0.0)))
}

/// The Hellinger distance `√(Σ (√p − √q)² / 2)`, between 0 and 1.
///
/// # Errors
///
/// As [`kl_divergence`].
///
/// ```
/// let far = mlsys_stats::distance::hellinger(&[1.0, 0.0], &[0.0, 1.0])?;
/// assert_eq!(far, 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn hellinger(p: &[f64], q: &[f64]) -> Result<f64> {
    let (p, q) = shares(p, q)?;
    Ok((p.iter().zip(&q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum::<f64>() / 2.0).sqrt())
}

/// The total variation distance `Σ |p − q| / 2`: the largest difference of the probability of any event.
///
/// # Errors
///
/// As [`kl_divergence`].
///
/// ```
/// let moved = mlsys_stats::distance::total_variation(&[1.0, 3.0], &[1.0, 1.0])?;
/// assert_eq!(moved, 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn total_variation(p: &[f64], q: &[f64]) -> Result<f64> {
    let (p, q) = shares(p, q)?;
    Ok(p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0)
}

/// The largest difference of a share, `max |p − q|`.
///
/// # Errors
///
/// As [`kl_divergence`].
///
/// ```
/// let largest = mlsys_stats::distance::l_infinity(&[1.0, 3.0], &[1.0, 1.0])?;
/// assert_eq!(largest, 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn l_infinity(p: &[f64], q: &[f64]) -> Result<f64> {
    let (p, q) = shares(p, q)?;
    Ok(p.iter().zip(&q).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max))
}
