//! A uniform sample of a stream.

use std::collections::BTreeMap;

use mlsys_core::hash::hash_u64;
use mlsys_core::{Error, Result, seed};
use serde::{Deserialize, Serialize};

/// How a [`Reservoir`] decides which items stay.
///
/// ```
/// use mlsys_sampling::sample::{Reservoir, ReservoirMethod};
/// for method in [ReservoirMethod::L, ReservoirMethod::R] {
///     let mut reservoir = Reservoir::new(2)?.method(method);
///     (0..1_000).for_each(|item| reservoir.push(item));
///     assert_eq!(reservoir.items().len(), 2);
/// }
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservoirMethod {
    /// Algorithm L: skips what will not stay, O(size (1 + ln(n / size))) random numbers.
    #[default]
    L,
    /// Algorithm R: a random number per item.
    R,
}

/// A uniform sample, without replacement, of a stream of unknown length; merges with those of other streams.
///
/// Every item seen has the chance `size / n`, also after merging any number of reservoirs of disjoint streams; give
/// each its own `stream`.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `size` | required | 1 or more |
/// | `method` | `L` | |
/// | `seed`, `stream` | 0, 0 | any |
///
/// ```
/// use mlsys_sampling::sample::Reservoir;
/// let mut first = Reservoir::new(3)?;
/// let mut second = Reservoir::new(3)?.stream(1);
/// (0..100).for_each(|item| first.push(item));
/// (100..1_000).for_each(|item| second.push(item));
/// first.merge(second)?;
/// assert_eq!((first.items().len(), first.seen()), (3, 1_000));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Algorithm R is Alan Waterman's (Jeffrey Vitter, *Random sampling with a reservoir*, 1985); L is Kim-Hung Li's,
/// *Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))*, 1994.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a reservoir holds nothing until items are pushed"]
pub struct Reservoir<T> {
    size: usize,
    method: ReservoirMethod,
    items: Vec<T>,
    seen: u64,
    coin: Coin,
    /// Of L: the largest of `size` uniform numbers so far, and how many items are passed over next.
    largest: f64,
    skip: u64,
}

/// Random numbers that are part of a state: the n-th is a hash of n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Coin {
    seed: u64,
    stream: u64,
    key: u64,
    tossed: u64,
}

impl Coin {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self { seed, stream, key: hash_u64(stream, hash_u64(seed, 0x636f_696e)), tossed: 0 }
    }

    fn next(&mut self) -> u64 {
        self.tossed = self.tossed.wrapping_add(1);
        hash_u64(hash_u64(self.tossed, self.key), self.key ^ 0x5851_f42d_4c95_7f2d)
    }

    /// Above 0, up to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Below `n`, which is not 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            // Lemire's rejection keeps every number equally likely.
            if (product as u64) >= n.wrapping_neg() % n.max(1) {
                return (product >> 64) as u64;
            }
        }
    }

    pub(super) fn mix(&mut self, other: Self) {
        self.key = hash_u64(other.key ^ other.tossed, self.key);
    }
}

impl<T> Reservoir<T> {
    /// An empty reservoir for that many items.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0.
    pub fn new(size: usize) -> Result<Self> {
        if size == 0 {
            return Err(Error::invalid_parameter("Reservoir", "size", size, "1 or more"));
        }
        let coin = Coin::new(seed::DEFAULT_SEED, 0);
        Ok(Self { size, method: ReservoirMethod::L, items: Vec::new(), seen: 0, coin, largest: 1.0, skip: 0 })
    }

    /// How it decides which items stay.
    pub fn method(mut self, method: ReservoirMethod) -> Self {
        self.method = method;
        self
    }

    /// The seed of its coin, before the first item.
    pub fn seed(mut self, seed: u64) -> Self {
        self.coin = Coin::new(seed, self.coin.stream);
        self
    }

    /// The stream that it samples, before the first item: reservoirs that will merge toss different coins.
    pub fn stream(mut self, stream: u64) -> Self {
        self.coin = Coin::new(self.coin.seed, stream);
        self
    }

    /// The items that stay so far, in no particular order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// The items that stay.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }

    /// How many items were pushed, here and in what was merged in. Each item that stays stands for `seen / items` of
    /// them.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Offers an item.
    pub fn push(&mut self, item: T) {
        if let Some(place) = self.place(self.items.len()) {
            self.put(place, item);
        }
    }

    /// Offers `n` items, of which `make` is asked for those alone that stay to the end: it gets which of the `n` they are.
    pub(super) fn push_made(
        &mut self,
        n: usize,
        make: impl FnOnce(&[usize]) -> Result<Vec<T>>,
    ) -> Result<()> {
        let before = (self.seen, self.coin, self.largest, self.skip);
        let (mut held, mut item) = (self.items.len(), 0);
        // An item that takes a place again replaces the one before.
        let mut stay: BTreeMap<usize, usize> = BTreeMap::new();
        while item < n {
            if held == self.size && self.method == ReservoirMethod::L {
                let skipped = self.skip.min((n - item) as u64);
                self.skip -= skipped;
                self.seen = self.seen.saturating_add(skipped);
                item += skipped as usize;
                if item == n {
                    break;
                }
            }
            if let Some(place) = self.place(held) {
                stay.insert(place, item);
                held = held.max(place + 1);
            }
            item += 1;
        }
        let items: Vec<usize> = stay.values().copied().collect();
        match make(&items) {
            Ok(made) => {
                stay.into_keys().zip(made).for_each(|(place, item)| self.put(place, item));
                Ok(())
            }
            Err(error) => {
                (self.seen, self.coin, self.largest, self.skip) = before;
                Err(error)
            }
        }
    }

    fn put(&mut self, place: usize, item: T) {
        if place == self.items.len() {
            self.items.push(item);
        } else if let Some(out) = self.items.get_mut(place) {
            // A damaged reservoir may hold fewer than it should.
            *out = item;
        }
    }

    /// Where the next item goes, if it stays, into a reservoir that holds `held`.
    fn place(&mut self, held: usize) -> Option<usize> {
        self.seen = self.seen.saturating_add(1);
        if held < self.size {
            if held + 1 == self.size {
                self.restart();
            }
            return Some(held);
        }
        match self.method {
            ReservoirMethod::R => {
                let place = self.coin.below(self.seen);
                usize::try_from(place).ok().filter(|place| *place < self.size)
            }
            ReservoirMethod::L if self.skip > 0 => {
                self.skip -= 1;
                None
            }
            ReservoirMethod::L => {
                let place = self.coin.below(self.size as u64) as usize;
                self.largest *= (self.coin.uniform().ln() / self.size as f64).exp();
                self.jump();
                Some(place)
            }
        }
    }

    /// Draws the state of L anew, as if `seen` items had had a uniform number each: the `size`-th smallest of them.
    fn restart(&mut self) {
        let size = self.size as f64;
        // The largest of `size` uniform numbers; then one more factor for each item beyond, by the spacings of order
        // statistics.
        self.largest = if self.seen <= self.size as u64 {
            (self.coin.uniform().ln() / size).exp()
        } else {
            self.order_statistic()
        };
        self.jump();
    }

    /// The `size`-th smallest of `seen` uniform numbers: a Beta variable, from two Gamma ones.
    fn order_statistic(&mut self) -> f64 {
        let (a, b) = (self.size as f64, (self.seen - self.size as u64 + 1) as f64);
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// A Gamma variable of a shape of 1 or more (Marsaglia and Tsang, 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let radius = (-2.0 * self.coin.uniform().ln()).sqrt();
            let normal = radius * (std::f64::consts::TAU * self.coin.uniform()).cos();
            let v = (1.0 + c * normal).powi(3);
            if v > 0.0 && self.coin.uniform().ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn jump(&mut self) {
        let skip = (self.coin.uniform().ln() / (-self.largest).ln_1p()).floor();
        self.skip = if skip < u64::MAX as f64 { skip as u64 } else { u64::MAX };
    }

    fn check_items(&self) -> Result<()> {
        if self.items.len() as u64 == self.seen.min(self.size as u64) && self.size > 0 {
            return Ok(());
        }
        Err(Error::state("as many items as were seen, up to the size", "another number of them"))
    }

    /// Refuses a reservoir that was not made for this size and with L.
    pub(super) fn check(&self, size: usize) -> Result<()> {
        if self.size != size || self.method != ReservoirMethod::L || !(0.0..=1.0).contains(&self.largest) {
            let found = format!("one of {} by {:?}", self.size, self.method);
            return Err(Error::state(format!("a reservoir of {size} by L"), found));
        }
        self.check_items()
    }

    /// Adds what another stream gave: a uniform sample of both.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) for a reservoir of another size or method, or one that is damaged.
    pub fn merge(&mut self, mut other: Self) -> Result<()> {
        if (self.size, self.method) != (other.size, other.method) {
            let expected = format!("a reservoir of {} by {:?}", self.size, self.method);
            return Err(Error::state(expected, format!("one of {} by {:?}", other.size, other.method)));
        }
        for reservoir in [&*self, &other] {
            reservoir.check_items()?;
        }
        let seen =
            self.seen.checked_add(other.seen).ok_or_else(|| Error::state("fewer than 2^64 items", "more"))?;
        self.coin.mix(other.coin);
        let (mut own_seen, mut other_seen) = (self.seen, other.seen);
        let mut own = std::mem::take(&mut self.items);
        // As if items were drawn from both streams: from which is a matter of how many are left there.
        while self.items.len() < self.size && own_seen + other_seen > 0 {
            let from_own = self.coin.below(own_seen + other_seen) < own_seen;
            let (items, seen) =
                if from_own { (&mut own, &mut own_seen) } else { (&mut other.items, &mut other_seen) };
            let place = self.coin.below(items.len().max(1) as u64) as usize;
            self.items.push(items.swap_remove(place));
            *seen -= 1;
        }
        self.seen = seen;
        if self.items.len() == self.size {
            self.restart();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_offered_together_are_drawn_as_one_by_one() {
        for method in [ReservoirMethod::L, ReservoirMethod::R] {
            for size in [1, 7, 100] {
                let mut one_by_one = Reservoir::new(size).unwrap().method(method).seed(3);
                let mut together = one_by_one.clone();
                let mut from = 0;
                for n in [1, 5, 94, 1, 0, 7_000, 3, 20_000] {
                    (from..from + n).for_each(|item| one_by_one.push(item));
                    let made = |items: &[usize]| Ok(items.iter().map(|item| from + item).collect());
                    together.push_made(n, made).unwrap();
                    from += n;
                    assert_eq!(together, one_by_one, "{method:?} of {size}, {from}");
                }
                let failing = together.push_made(9, |_| Err(Error::unsupported("broken")));
                assert!(failing.is_err() && together == one_by_one, "an error changes nothing");
            }
        }
    }
}
