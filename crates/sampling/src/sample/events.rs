//! Sampling of events for monitoring.

use std::collections::BTreeMap;

use mlsys_core::hash::{hash_bytes, hash_u64};
use mlsys_core::{Error, Result, seed};
use serde::{Deserialize, Serialize};

/// Keeps events at a rate per key, without state: whether an event is kept depends on its key and its id alone.
///
/// The same event is kept or left out in every process and after every restart, and an event that is kept at a rate
/// is kept at any higher one. An event that is kept stands for `1 / rate` events of its key.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `rate` | required | 0 to 1, for keys without a rate of their own |
/// | `rate_of` | none | 0 to 1, of one key |
/// | `seed` | 0 | any |
///
/// ```
/// use mlsys_sampling::sample::EventSampler;
/// let sampler = EventSampler::new(0.01)?.rate_of("error", 1.0)?;
/// assert_eq!(sampler.keep("error", 17), Some(1.0));
/// let kept = (0..100_000).filter_map(|id| sampler.keep("ok", id)).collect::<Vec<_>>();
/// assert!((900..1_100).contains(&kept.len()) && kept[0] == 100.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a sampler does nothing until it is asked"]
pub struct EventSampler {
    rate: f64,
    rates: BTreeMap<String, f64>,
    seed: u64,
}

fn check(rate: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&rate) {
        Ok(rate)
    } else {
        Err(Error::invalid_parameter("EventSampler", "rate", rate, "0 to 1"))
    }
}

impl EventSampler {
    /// A sampler that keeps this share of the events of any key.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) outside 0 to 1.
    pub fn new(rate: f64) -> Result<Self> {
        Ok(Self { rate: check(rate)?, rates: BTreeMap::new(), seed: seed::DEFAULT_SEED })
    }

    /// The share that is kept of one key.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn rate_of(mut self, key: impl Into<String>, rate: f64) -> Result<Self> {
        self.rates.insert(key.into(), check(rate)?);
        Ok(self)
    }

    /// The seed of the choice.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the event stands for if it is kept.
    pub fn keep(&self, key: &str, id: u64) -> Option<f64> {
        let rate = self.rates.get(key).copied().unwrap_or(self.rate);
        let place = hash_u64(id, hash_bytes(key.as_bytes(), self.seed)) >> 11;
        ((place as f64) < rate * (1u64 << 53) as f64).then(|| 1.0 / rate)
    }
}
