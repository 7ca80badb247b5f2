//! Growing one tree of a forest: at each node the rows are added up by bin, for the features that were drawn and no others.

use std::ops::Range;

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::seed::{below, uniform};

use super::criterion::{Criterion, Item};
use crate::trees::Child;
use crate::trees::bins::{BinnedTable, FeatureBins};
use crate::trees::grow::{BinTest, goes_left};

/// What trees are grown by.
pub(super) struct Growing<'a, C> {
    pub table: &'a BinnedTable,
    pub bins: &'a [FeatureBins],
    pub criterion: C,
    pub max_depth: usize,
    pub min_rows: usize,
    /// Features that are looked at for a split.
    pub max_features: usize,
    pub min_gain: f64,
    /// Whether thresholds are drawn, too.
    pub random: bool,
}

/// A split by bins.
pub(super) struct Grown {
    pub feature: u32,
    pub test: BinTest,
    pub missing_left: bool,
    pub left: Child,
    pub right: Child,
}

/// What growing needs over and over.
pub(super) struct Scratch<I> {
    pub items: Vec<I>,
    right: Vec<I>,
    cells: Vec<f64>,
    used: Vec<u8>,
    order: Vec<usize>,
    sums: Vec<f64>,
}

impl<I> Default for Scratch<I> {
    fn default() -> Self {
        let (items, right, cells, sums) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { items, right, cells, used: Vec::new(), order: Vec::new(), sums }
    }
}

/// Rows that may be split, and where they hang.
struct Open {
    rows: Range<usize>,
    depth: usize,
    total: Vec<f64>,
    above: Option<(usize, bool)>,
}

#[derive(Clone)]
struct Candidate {
    score: f64,
    feature: usize,
    test: BinTest,
    missing_left: bool,
    left: Vec<f64>,
}

/// Of scores that are equal but for rounding, the first counts.
const CLEARLY: f64 = 1.0 + 1e-12;

impl<C: Criterion> Growing<'_, C> {
    /// Grows a tree on the items of the scratch, which are the rows of a tree, ascending: its splits, and where the items of each leaf are.
    pub fn tree(
        &self,
        scratch: &mut Scratch<C::Item>,
        rng: &mut ChaCha8Rng,
    ) -> (Vec<Grown>, Vec<Range<usize>>) {
        let width = self.criterion.width();
        scratch.cells.clear();
        scratch.cells.resize(256 * width, 0.0);
        scratch.order.clear();
        scratch.order.extend(0..self.bins.len());
        let mut total = vec![0.0; width];
        scratch.items.iter().for_each(|item| self.criterion.add(&mut total, item));
        let (mut splits, mut leaves): (Vec<Grown>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
        let mut open = vec![Open { rows: 0..scratch.items.len(), depth: 0, total, above: None }];
        while let Some(node) = open.pop() {
            let n = node.rows.len();
            let may = node.depth < self.max_depth
                && n >= 2
                && n / 2 >= self.min_rows
                && !self.criterion.is_pure(&scratch.items[node.rows.clone()]);
            let best = if may { self.best(scratch, &node, rng) } else { None };
            let own = match best {
                None => {
                    leaves.push(node.rows);
                    Child::Leaf(leaves.len() as u32 - 1)
                }
                Some(best) => {
                    let place = splits.len();
                    let middle = node.rows.start + self.divide(scratch, node.rows.clone(), &best);
                    let right = node.total.iter().zip(&best.left).map(|(all, left)| all - left).collect();
                    splits.push(Grown {
                        feature: best.feature as u32,
                        test: best.test,
                        missing_left: best.missing_left,
                        left: Child::Leaf(0),
                        right: Child::Leaf(0),
                    });
                    let depth = node.depth + 1;
                    let below = |rows, total, left| Open { rows, depth, total, above: Some((place, left)) };
                    open.push(below(middle..node.rows.end, right, false));
                    open.push(below(node.rows.start..middle, best.left, true));
                    Child::Split(place as u32)
                }
            };
            if let Some((above, on_left)) = node.above {
                let split = &mut splits[above];
                *(if on_left { &mut split.left } else { &mut split.right }) = own;
            }
        }
        (splits, leaves)
    }

    /// The best split among features that are drawn: as many as are asked for, and more only until one can be split by.
    fn best(&self, s: &mut Scratch<C::Item>, node: &Open, rng: &mut ChaCha8Rng) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        let all = self.max_features >= s.order.len();
        for tried in 0..s.order.len() {
            if tried >= self.max_features && best.is_some() {
                break;
            }
            if !all {
                let other = tried + below((s.order.len() - tried) as u64, rng) as usize;
                s.order.swap(tried, other);
            }
            let feature = s.order[tried];
            if let Some(found) = self.of_feature(s, node, feature, rng)
                && best.as_ref().is_none_or(|best| found.score > best.score * CLEARLY)
            {
                best = Some(found);
            }
        }
        let own = self.criterion.score(&node.total);
        // A split that gains nothing may be the first of two that do.
        best.filter(|best| self.min_gain <= 0.0 || best.score - own >= self.min_gain)
    }

    fn of_feature(
        &self,
        s: &mut Scratch<C::Item>,
        node: &Open,
        feature: usize,
        rng: &mut ChaCha8Rng,
    ) -> Option<Candidate> {
        let (width, n_bins) = (self.criterion.width(), self.bins[feature].len().min(256));
        if n_bins < 2 {
            return None;
        }
        let (block, lane) = self.table.lane(feature);
        let items = &s.items[node.rows.clone()];
        let cells = &mut s.cells;
        s.used.clear();
        if items.len() < n_bins {
            // Few rows: only their bins are looked at.
            let mut occupied = [0u64; 4];
            for item in items {
                let bin = block.bin(item.row(), lane) as usize;
                occupied[bin / 64] |= 1 << (bin % 64);
                self.criterion.add(&mut cells[bin * width..][..width], item);
            }
            for (word, mut bits) in occupied.into_iter().enumerate() {
                while bits != 0 {
                    s.used.push((word * 64) as u8 + bits.trailing_zeros() as u8);
                    bits &= bits - 1;
                }
            }
        } else {
            for item in items {
                let bin = block.bin(item.row(), lane) as usize;
                self.criterion.add(&mut cells[bin * width..][..width], item);
            }
            s.used
                .extend((0..n_bins).filter(|bin| cells[bin * width + width - 1] > 0.0).map(|bin| bin as u8));
        }
        let found = match (s.used.len(), &self.bins[feature], self.random) {
            (0 | 1, ..) => None,
            (_, FeatureBins::Ordered(_), false) => self.threshold(s, node, feature),
            (_, FeatureBins::Ordered(cuts), true) => self.random_threshold(s, node, feature, cuts, rng),
            (_, FeatureBins::Categories(_), random) => self.set(s, node, feature, random.then_some(rng)),
        };
        for &bin in &s.used {
            s.cells[bin as usize * width..][..width].fill(0.0);
        }
        found
    }

    /// The score of both sides, if each has rows enough; `right` is filled.
    #[inline]
    fn score(&self, total: &[f64], left: &[f64], right: &mut [f64]) -> Option<f64> {
        right.iter_mut().zip(total.iter().zip(left)).for_each(|(right, (all, left))| *right = all - left);
        let last = left.len() - 1;
        let need = self.min_rows.max(1) as f64;
        (left[last] >= need && right[last] >= need)
            .then(|| self.criterion.score(left) + self.criterion.score(right))
    }

    /// The best threshold; missing values go where it is better, or where most rows go if there are none.
    fn threshold(&self, s: &mut Scratch<C::Item>, node: &Open, feature: usize) -> Option<Candidate> {
        let width = self.criterion.width();
        let Scratch { cells, used, sums, .. } = s;
        let cell = |bin: u8| &cells[bin as usize * width..][..width];
        let is_missing = used[0] == 0;
        let occupied = &used[usize::from(is_missing)..];
        sums.clear();
        sums.resize(2 * width, 0.0);
        let (left, right) = sums.split_at_mut(width);
        // The score, the place of the last bin on the left, and whether missing values are there too.
        let mut best: Option<(f64, usize, bool)> = None;
        for missing_left in [false, true] {
            if missing_left && !is_missing {
                break;
            }
            left.fill(0.0);
            if missing_left {
                left.iter_mut().zip(cell(0)).for_each(|(to, x)| *to += x);
            }
            // With missing values on the left, something has to be left on the right.
            let end = occupied.len() - usize::from(missing_left || !is_missing);
            for (place, &bin) in occupied[..end].iter().enumerate() {
                left.iter_mut().zip(cell(bin)).for_each(|(to, x)| *to += x);
                if let Some(score) = self.score(&node.total, left, right)
                    && best.is_none_or(|(most, ..)| score > most * CLEARLY)
                {
                    best = Some((score, place, missing_left));
                }
            }
        }
        let (score, place, missing_left) = best?;
        let last = match occupied.get(place + 1) {
            // Halfway through the bins between.
            Some(&next) => occupied[place] + (next - occupied[place] - 1) / 2,
            None => (self.bins[feature].len().min(256) - 1) as u8,
        };
        left.fill(0.0);
        let bins = occupied[..=place].iter().chain(missing_left.then_some(&0));
        bins.for_each(|&bin| left.iter_mut().zip(cell(bin)).for_each(|(to, x)| *to += x));
        let missing_left = if is_missing { missing_left } else { self.with_most(left, &node.total) };
        Some(Candidate { score, feature, test: BinTest::AtMost(last), missing_left, left: left.to_vec() })
    }

    /// A threshold at random between the outermost cuts, as the values have them.
    fn random_threshold(
        &self,
        s: &mut Scratch<C::Item>,
        node: &Open,
        feature: usize,
        cuts: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Option<Candidate> {
        let width = self.criterion.width();
        let is_missing = s.used[0] == 0;
        let occupied = &s.used[usize::from(is_missing)..];
        let (&first, &last) = (occupied.first()?, occupied.last()?);
        let (share, missing_left) = (uniform(rng), is_missing && uniform(rng) < 0.5);
        let bin = if first == last {
            // Nothing but missing values is to be set apart.
            last
        } else {
            let (low, high) = (cuts[first as usize - 1], cuts[last as usize - 2]);
            let x = low * (1.0 - share) + high * share;
            let own = &cuts[first as usize - 1..last as usize - 1];
            first + own.partition_point(|cut| *cut < x).min(own.len() - 1) as u8
        };
        let missing_left = missing_left && first != last;
        let mut left = vec![0.0; width];
        for &used in &s.used {
            if if used == 0 { missing_left } else { used <= bin } {
                left.iter_mut().zip(&s.cells[used as usize * width..]).for_each(|(to, x)| *to += x);
            }
        }
        let mut right = vec![0.0; width];
        let score = self.score(&node.total, &left, &mut right)?;
        let missing_left = if is_missing { missing_left } else { self.with_most(&left, &node.total) };
        Some(Candidate { score, feature, test: BinTest::AtMost(bin), missing_left, left })
    }

    /// The best set of categories: the first ones by their mean, which are the best of all for numbers and two classes (Fisher 1958), or by
    /// their share of each class in turn; or a set at random. Missing values are a category.
    fn set(
        &self,
        s: &mut Scratch<C::Item>,
        node: &Open,
        feature: usize,
        rng: Option<&mut ChaCha8Rng>,
    ) -> Option<Candidate> {
        let width = self.criterion.width();
        let cells = &s.cells;
        let cell = |bin: u8| &cells[bin as usize * width..][..width];
        let (mut left, mut right) = (vec![0.0; width], vec![0.0; width]);
        let mut best: Option<(f64, Vec<u8>)> = None;
        if let Some(rng) = rng {
            let mut chosen: Vec<u8> = s.used.iter().copied().filter(|_| uniform(rng) < 0.5).collect();
            if chosen.is_empty() || chosen.len() == s.used.len() {
                chosen = vec![s.used[below(s.used.len() as u64, rng) as usize]];
            }
            for &bin in &chosen {
                left.iter_mut().zip(cell(bin)).for_each(|(to, x)| *to += x);
            }
            best = self.score(&node.total, &left, &mut right).map(|score| (score, chosen));
        } else {
            for order in 0..self.criterion.n_orders() {
                let mut sorted: Vec<(f64, u8)> =
                    s.used.iter().map(|&bin| (self.criterion.order(cell(bin), order), bin)).collect();
                sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
                left.fill(0.0);
                for place in 0..sorted.len() - 1 {
                    left.iter_mut().zip(cell(sorted[place].1)).for_each(|(to, x)| *to += x);
                    if let Some(score) = self.score(&node.total, &left, &mut right)
                        && best.as_ref().is_none_or(|(most, _)| score > *most * CLEARLY)
                    {
                        best = Some((score, sorted[..=place].iter().map(|x| x.1).collect()));
                    }
                }
            }
        }
        let (score, chosen) = best?;
        left.fill(0.0);
        let mut bins = [0u64; 4];
        for &bin in &chosen {
            left.iter_mut().zip(cell(bin)).for_each(|(to, x)| *to += x);
            bins[bin as usize / 64] |= 1 << (bin % 64);
        }
        if self.with_most(&left, &node.total) {
            // Categories that are not here go with most rows.
            let mut absent = [u64::MAX; 4];
            s.used.iter().for_each(|&bin| absent[bin as usize / 64] &= !(1 << (bin % 64)));
            bins.iter_mut().zip(absent).for_each(|(bins, absent)| *bins |= absent);
        }
        Some(Candidate { score, feature, test: BinTest::In(bins), missing_left: bins[0] & 1 == 1, left })
    }

    fn with_most(&self, left: &[f64], total: &[f64]) -> bool {
        2.0 * self.criterion.weight(left) >= self.criterion.weight(total)
    }

    /// Puts the items that go left before the others, both in their old order, and gives how many they are.
    fn divide(&self, s: &mut Scratch<C::Item>, rows: Range<usize>, best: &Candidate) -> usize {
        let goes_left = goes_left(best.test, best.missing_left);
        let (block, lane) = self.table.lane(best.feature);
        let items = &mut s.items[rows];
        if s.right.len() < items.len() {
            s.right.resize(items.len(), C::Item::default());
        }
        let others = &mut s.right[..items.len()];
        // Each goes to both sides, and counts on one: no branch to guess wrong.
        let (mut left, mut right) = (0, 0);
        for place in 0..items.len() {
            let item = items[place];
            let goes = goes_left[block.bin(item.row(), lane) as usize];
            items[left] = item;
            others[right] = item;
            left += usize::from(goes);
            right += usize::from(!goes);
        }
        items[left..].copy_from_slice(&others[..right]);
        left
    }
}
