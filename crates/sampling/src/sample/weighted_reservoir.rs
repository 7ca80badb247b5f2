//! A weighted sample of a stream.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use mlsys_core::{Error, Result, seed};
use serde::{Deserialize, Serialize};

use super::reservoir::Coin;
use super::weighted::within;

/// A weighted sample, without replacement, of a stream (A-ExpJ); merges with those of other streams.
///
/// The items that stay are those of the `size` smallest keys `−ln(u) / w`: the same chances as drawing one item after
/// another in proportion to the weights left, also after merging any number of reservoirs of disjoint streams; give
/// each its own `stream`.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 or more |
/// | `seed`, `stream` | 0, 0 | any |
///
/// O(size ln(n / size)) random numbers: it jumps over the weight that will not stay. An item of weight zero never
/// stays; weights below 1e-305 or above 1e300 count as those.
///
/// ```
/// use mlsys_sampling::sample::WeightedReservoir;
/// let mut reservoir = WeightedReservoir::new(1)?;
/// for (item, weight) in [("never", 0.0), ("nearly always", 1e12), ("hardly", 1.0)] {
///     reservoir.push(item, weight)?;
/// }
/// assert_eq!(reservoir.into_items(), ["nearly always"]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Pavlos Efraimidis, Paul Spirakis, *Weighted random sampling with a reservoir*, 2006, algorithm A-ExpJ.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[must_use = "a reservoir holds nothing until items are pushed"]
pub struct WeightedReservoir<T> {
    size: usize,
    items: BinaryHeap<Keyed<T>>,
    seen: u64,
    coin: Coin,
    /// The weight to pass over before the next item stays.
    jump: f64,
}

/// An item and its key; the largest key is on top of the heap.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Keyed<T> {
    key: f64,
    item: T,
}

impl<T> PartialEq for Keyed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Keyed<T> {}

impl<T> PartialOrd for Keyed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Keyed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.total_cmp(&other.key)
    }
}

impl<T> WeightedReservoir<T> {
    /// An empty reservoir for that many items.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0.
    pub fn new(size: usize) -> Result<Self> {
        if size == 0 {
            return Err(Error::invalid_parameter("WeightedReservoir", "size", size, "1 or more"));
        }
        let coin = Coin::new(seed::DEFAULT_SEED, 0);
        Ok(Self { size, items: BinaryHeap::new(), seen: 0, coin, jump: 0.0 })
    }

    /// The seed of its coin and the stream that it samples, before the first item: reservoirs that will merge toss
    /// different coins.
    pub fn seed(mut self, seed: u64, stream: u64) -> Self {
        self.coin = Coin::new(seed, stream);
        self
    }

    /// How many items were pushed, here and in what was merged in.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The items that stay so far, in no particular order.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|keyed| &keyed.item)
    }

    /// The items that stay, the first drawn first.
    pub fn into_items(self) -> Vec<T> {
        self.items.into_sorted_vec().into_iter().map(|keyed| keyed.item).collect()
    }

    /// Offers an item.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) unless the weight is finite and not negative.
    pub fn push(&mut self, item: T, weight: f64) -> Result<()> {
        if !(weight.is_finite() && weight >= 0.0) {
            let row = usize::try_from(self.seen).ok();
            return Err(Error::invalid_value("weights", row, weight, "finite and not negative"));
        }
        self.seen = self.seen.saturating_add(1);
        if weight == 0.0 {
            return Ok(());
        }
        let weight = within(weight);
        if self.items.len() < self.size {
            let key = (0.0 - self.coin.uniform().ln()) / weight;
            self.items.push(Keyed { key, item });
            if self.items.len() == self.size {
                self.restart();
            }
            return Ok(());
        }
        self.jump -= weight;
        if self.jump > 0.0 {
            return Ok(());
        }
        let Some(top) = self.items.peek() else { return Ok(()) };
        // An exponential key of this rate, given that it is below the largest.
        let stays = -(-weight * top.key).exp_m1();
        let key = (-(-self.coin.uniform() * stays).ln_1p() / weight).min(top.key);
        self.items.pop();
        self.items.push(Keyed { key, item });
        self.restart();
        Ok(())
    }

    /// The weight until a key below the largest comes up is exponential, whatever came before.
    fn restart(&mut self) {
        if let Some(top) = self.items.peek() {
            // A key of 0 is never beaten. Finite, so that any format can hold it.
            self.jump = ((0.0 - self.coin.uniform().ln()) / top.key).min(f64::MAX);
        }
    }

    /// Adds what another stream gave.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) for a reservoir of another size, or one that is damaged.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        if self.size != other.size {
            return Err(Error::state(
                format!("a reservoir of {}", self.size),
                format!("one of {}", other.size),
            ));
        }
        let damaged = |r: &Self| {
            r.size == 0
                || r.items.len() > r.size
                || r.items.iter().any(|keyed| keyed.key.is_nan() || keyed.key < 0.0)
        };
        if damaged(self) || damaged(&other) {
            return Err(Error::state("up to the size in keys of 0 or more", "others"));
        }
        self.coin.mix(other.coin);
        self.seen = self.seen.saturating_add(other.seen);
        self.items.extend(other.items);
        while self.items.len() > self.size {
            self.items.pop();
        }
        if self.items.len() == self.size {
            self.restart();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_that_are_no_numbers_are_refused() {
        let damaged = |key: f64| {
            let mut reservoir = WeightedReservoir::new(2).unwrap();
            reservoir.push(0, 1.0).unwrap();
            reservoir.items.push(Keyed { key, item: 1 });
            reservoir
        };
        for key in [f64::NAN, -f64::NAN, -1.0, f64::NEG_INFINITY] {
            let mut pushed = damaged(key);
            (0..9).for_each(|item| pushed.push(item, 1.0).unwrap());
            assert!(damaged(key).merge(WeightedReservoir::new(2).unwrap()).is_err());
            assert!(WeightedReservoir::new(2).unwrap().merge(damaged(key)).is_err());
        }
    }
}
