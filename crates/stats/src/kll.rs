//! A quantile sketch whose coin is seeded: the same rows give the same sketch.

use mlsys_core::column::{from_order_key, order_key};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The KLL quantile sketch of Karnin, Lang and Liberty with a seeded coin.
///
/// Items of level `h` stand for `2^h` values. A full level is sorted and every other item, from a random start,
/// goes one level up. The coin is part of the state, so that runs and machines agree.
///
/// Zohar Karnin, Kevin Lang, Edo Liberty, *Optimal Quantile Approximation in Streams*, FOCS 2016, section 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kll {
    k: u32,
    coin: u64,
    count: u64,
    /// The sum of `4^h` over all compactions at level `h`: a bound of the variance of any rank.
    variance: f64,
    min: f64,
    max: f64,
    levels: Vec<Vec<f64>>,
}

/// A level never has less room than this.
const MIN_ROOM: usize = 8;
/// More levels than this cannot be filled by 2^64 values.
const MAX_LEVELS: usize = 64;

impl Kll {
    /// An empty sketch of accuracy `k` (about `5 k` items are kept), with a seed for its coin.
    pub fn new(k: u32, seed: u64) -> Self {
        Self {
            k: k.max(MIN_ROOM as u32),
            coin: hash_u64(seed, 0x6b6c_6c00),
            count: 0,
            variance: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            levels: vec![Vec::new()],
        }
    }

    /// Adds a value `times` times. NaN is not a value and is passed over.
    pub fn insert(&mut self, value: f64, times: u64) {
        self.push(value, times);
        self.compress();
    }

    /// Adds values, each once. NaN is not a value and is passed over.
    ///
    /// ```
    /// let mut sketch = mlsys_stats::Kll::new(200, 0);
    /// sketch.extend(&[3.0, f64::NAN, 1.0, -0.0]);
    /// assert_eq!(sketch.sorted(), [(0.0, 1.0), (1.0, 1.0), (3.0, 1.0)]);
    /// ```
    pub fn extend(&mut self, values: &[f64]) {
        let mut rest = values;
        while !rest.is_empty() {
            let room = (self.room(0) + 1).saturating_sub(self.levels[0].len()).max(1);
            let (now, later) = rest.split_at(room.min(rest.len()));
            let before = self.levels[0].len();
            // Adding zero makes -0.0 the one zero.
            self.levels[0].extend(now.iter().filter(|x| !x.is_nan()).map(|x| x + 0.0));
            let added = &self.levels[0][before..];
            self.count = self.count.saturating_add(added.len() as u64);
            for &value in added {
                self.min = self.min.min(value);
                self.max = self.max.max(value);
            }
            if self.levels[0].len() > self.room(0) {
                self.compress();
            }
            rest = later;
        }
    }

    /// Adds values, each a whole number of times.
    pub(crate) fn extend_counted(&mut self, values: &[f64], times: &[f64]) {
        let each = self.k.max(1) as usize;
        for (values, times) in values.chunks(each).zip(times.chunks(each)) {
            values.iter().zip(times).for_each(|(&value, &times)| self.push(value, times as u64));
            self.compress();
        }
    }

    /// Adds a value without looking for room.
    fn push(&mut self, value: f64, times: u64) {
        if value.is_nan() || times == 0 {
            return;
        }
        self.count = self.count.saturating_add(times);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        for level in 0..(u64::BITS - times.leading_zeros()) as usize {
            if times >> level & 1 == 1 {
                self.grow(level);
                self.levels[level].push(value);
            }
        }
    }

    /// Adds the values of another sketch.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) when the accuracies differ, or a sketch is damaged.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.k != other.k {
            return Err(Error::state(format!("a sketch with k = {}", self.k), format!("k = {}", other.k)));
        }
        other.validate()?;
        self.validate()?;
        if other.count == 0 {
            return Ok(());
        }
        if self.count == 0 {
            *self = other.clone();
            return Ok(());
        }
        self.count = self
            .count
            .checked_add(other.count)
            .ok_or_else(|| Error::state("fewer than 2^64 values", "more"))?;
        self.variance += other.variance;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.coin = hash_u64(self.coin, other.coin);
        for (level, items) in other.levels.iter().enumerate() {
            self.grow(level);
            self.levels[level].extend_from_slice(items);
        }
        self.compress();
        Ok(())
    }

    /// Checks a sketch that was loaded.
    ///
    /// # Errors
    ///
    /// [`State`](mlsys_core::ErrorKind::State) when its levels do not add up to its count.
    pub fn validate(&self) -> Result<()> {
        let total = self.levels.iter().take(MAX_LEVELS).enumerate().try_fold(0u64, |sum, (level, items)| {
            (items.len() as u64).checked_mul(1 << level).and_then(|n| sum.checked_add(n))
        });
        if self.k < MIN_ROOM as u32 {
            return Err(Error::state(
                format!("a sketch with k of {MIN_ROOM} or more"),
                format!("k = {}", self.k),
            ));
        }
        let nan = self.levels.iter().flatten().any(|x| x.is_nan());
        let held = self.levels.iter().flatten();
        let inside = held.into_iter().all(|x| self.min <= *x && *x <= self.max);
        let noise = self.variance.is_finite() && self.variance >= 0.0;
        let none = self.count > 0 || self.min == f64::INFINITY && self.max == f64::NEG_INFINITY;
        if !inside || !noise || !none || self.min.is_nan() || self.max.is_nan() {
            return Err(Error::state("items between the ends of a sketch", "others"));
        }
        if self.levels.is_empty() || self.levels.len() > MAX_LEVELS || total != Some(self.count) || nan {
            return Err(Error::state("a sketch whose levels add up", "one that does not"));
        }
        Ok(())
    }

    /// The accuracy that it was made with.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// How many values were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Half the width of a 99 % interval for the rank of a value, as a share of the count.
    pub fn rank_error(&self) -> f64 {
        2.576 * self.rank_deviation()
    }

    /// A bound of the standard deviation of any rank, as a share of the count. The error is a sum of independent
    /// coin tosses, so that it is sub-Gaussian with this deviation.
    pub fn rank_deviation(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.variance.sqrt() / self.count as f64 }
    }

    /// The items in ascending order with the number of values that each stands for. The ends are exact.
    pub fn sorted(&self) -> Vec<(f64, f64)> {
        let mut items: Vec<(f64, f64)> = Vec::with_capacity(self.levels.iter().map(Vec::len).sum());
        for (level, values) in self.levels.iter().enumerate() {
            items.extend(values.iter().map(|&x| (x, (1u64 << level) as f64)));
        }
        items.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        if let Some(first) = items.first_mut() {
            first.0 = self.min;
        }
        if let Some(last) = items.last_mut() {
            last.0 = self.max;
        }
        items
    }

    fn grow(&mut self, level: usize) {
        while self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
    }

    /// The room of a level: `k (2/3)^depth`, the top level being depth 0. The lowest has room for `k`, too: what is
    /// sorted there at once costs less than the same values in small lots, and tosses fewer coins.
    fn room(&self, level: usize) -> usize {
        if level == 0 {
            return self.k as usize;
        }
        let depth = (self.levels.len() - 1 - level) as i32;
        ((f64::from(self.k) * (2.0f64 / 3.0).powi(depth)).ceil() as usize).max(MIN_ROOM)
    }

    /// Compacts full levels from below, until all fit.
    fn compress(&mut self) {
        let mut level = 0;
        while level < self.levels.len() {
            let held = self.levels[level].len();
            if held > MIN_ROOM && held > self.room(level) && level + 1 < MAX_LEVELS {
                self.compact(level);
            }
            level += 1;
        }
    }

    fn compact(&mut self, level: usize) {
        self.grow(level + 1);
        let mut items = std::mem::take(&mut self.levels[level]);
        if level == 0 {
            // Integers sort faster.
            let mut keys: Vec<u64> = items.iter().map(|&x| order_key(x)).collect();
            keys.sort_unstable();
            items.iter_mut().zip(keys).for_each(|(x, key)| *x = from_order_key(key));
        } else {
            // What came up from below is sorted already, in runs that a stable sort finds.
            items.sort_by(f64::total_cmp);
        }
        // An odd item stays behind, so that the count is kept exactly.
        if items.len() % 2 == 1
            && let Some(left) = items.pop()
        {
            self.levels[level].push(left);
        }
        self.coin = hash_u64(self.coin, 1);
        let start = (self.coin & 1) as usize;
        self.levels[level + 1].extend(items.iter().skip(start).step_by(2));
        // Its memory is used again.
        let left = self.levels[level].pop();
        items.clear();
        items.extend(left);
        self.levels[level] = items;
        self.variance += 4f64.powi(level as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::seed;

    #[test]
    fn ranks_are_within_the_stated_error() {
        let n = 200_000;
        let mut worst: f64 = 0.0;
        for seed in 0..5 {
            let mut shards: Vec<Kll> = (0..8).map(|i| Kll::new(200, i)).collect();
            let order = seed::permutation(n, &mut seed::stream(seed, 0));
            order.iter().enumerate().for_each(|(i, &x)| shards[i % 8].insert(x as f64, 1));
            let mut all = Kll::new(200, 99);
            shards.iter().for_each(|s| all.merge(s).unwrap());
            all.validate().unwrap();
            assert_eq!(all.count(), n as u64);
            let mut below = 0.0;
            for (value, weight) in all.sorted() {
                worst = worst.max((below + weight / 2.0 - value).abs() / n as f64);
                below += weight;
            }
            assert!(all.rank_error() < 0.03 && worst < all.rank_error(), "{worst} {}", all.rank_error());
            assert!(all.levels.iter().map(Vec::len).sum::<usize>() < 1_200);
        }
    }

    #[test]
    fn repeats_exactly_and_counts_weights() {
        let build = || {
            let mut sketch = Kll::new(64, 7);
            (0..10_000).for_each(|i| sketch.insert(f64::from(i % 977), 3));
            sketch
        };
        assert_eq!(build(), build());
        assert_eq!(build().sorted().iter().map(|item| item.1).sum::<f64>(), 30_000.0);
        let mut merged = Kll::new(8, 0);
        assert!(merged.merge(&Kll::new(9, 0)).is_err());
    }
}
