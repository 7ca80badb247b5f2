//! The best threshold of a feature in one leaf.

use super::GrowParameters;
use super::histogram::Lane;
use super::packing::Packing;

/// Which bins go left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinTest {
    /// Those of values up to this one.
    AtMost(u8),
    /// Those whose bit is set; that of missing values is among them.
    In([u64; 4]),
}

/// A way to split a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub gain: f64,
    pub feature: u32,
    pub test: BinTest,
    pub missing_left: bool,
    /// The packed sum of what goes left.
    pub left: i64,
    /// Added to the L2 penalty of both sides.
    pub extra_l2: f64,
}

impl Candidate {
    /// Whether a candidate is to be taken before another: the larger gain, then the first feature.
    pub fn beats(&self, other: &Self) -> bool {
        self.gain > other.gain || (self.gain == other.gain && self.feature < other.feature)
    }

    pub fn better(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.beats(&a) { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// Which bins go left.
    pub fn table(&self) -> [bool; 256] {
        goes_left(self.test, self.missing_left)
    }
}

/// Which bins a test sends left.
pub(crate) fn goes_left(test: BinTest, missing_left: bool) -> [bool; 256] {
    let mut table = [false; 256];
    match test {
        BinTest::AtMost(bin) => {
            table[1..=bin as usize].fill(true);
            table[0] = missing_left;
        }
        BinTest::In(bins) => {
            table
                .iter_mut()
                .enumerate()
                .for_each(|(bin, left)| *left = bins[bin / 64] >> (bin % 64) & 1 == 1);
        }
    }
    table
}

/// What is known of a leaf while its features are scanned.
pub(super) struct Leaf<'a> {
    pub packing: &'a Packing,
    pub parameters: &'a GrowParameters,
    /// The packed sum of the leaf, and its rows.
    pub total: i64,
    pub rows: u64,
    /// The values that the leaf and all below it may have.
    pub bounds: [f64; 2],
}

/// Room to scan a feature in.
pub(super) struct Room {
    /// The sum up to each bin, without missing values.
    upto: [i64; 256],
    /// The score of each threshold.
    scores: [f64; 256],
}

impl Room {
    pub fn new() -> Self {
        Self { upto: [0; 256], scores: [0.0; 256] }
    }
}

/// The exact rows of each bin, where they had to be counted.
pub(super) type Counts = [u32; 256];

/// `max(|g| - l1, 0)` with the sign of g.
#[inline]
pub(crate) fn shrunk(g: f64, l1: f64) -> f64 {
    if l1 == 0.0 { g } else { (g.abs() - l1).max(0.0).copysign(g) }
}

impl Leaf<'_> {
    /// The Hessian, in units, that a side must have at least: for the Hessian that is asked for, and for as many rows as are, which are
    /// taken to share the Hessian evenly unless it counts them.
    pub fn least(&self) -> i64 {
        let p = self.parameters;
        let h = self.packing.h(self.total) as f64;
        let hessian = (p.min_hessian / self.packing.h_unit).ceil();
        // Of one row nothing has to be estimated: it has a Hessian.
        let rows =
            if p.min_rows > 1 { ((p.min_rows as f64 - 0.5) * h / self.rows as f64).ceil() } else { 0.0 };
        hessian.max(rows).max(1.0) as i64
    }

    /// Whether a side with this sum and these rows, and the other one, have as many rows and as much of the Hessian as they must.
    pub fn is_enough(&self, sum: i64, rows: u64) -> bool {
        let need = self.parameters.min_rows.max(1);
        let least = (self.parameters.min_hessian / self.packing.h_unit).max(1.0);
        let h = self.packing.h(sum) as f64;
        let rest = self.packing.h(self.total) as f64 - h;
        rows >= need && self.rows.saturating_sub(rows) >= need && h >= least && rest >= least
    }

    /// The score of a side, in units of [`gain_unit`](Self::gain_unit): `g² / (h + l2)`.
    #[inline]
    pub fn score(&self, sum: i64, extra_l2: f64) -> f64 {
        let g = shrunk(self.packing.g(sum) as f64, self.parameters.l1 / self.packing.g_unit);
        let h = self.packing.h(sum) as f64 + (self.parameters.l2 + extra_l2) / self.packing.h_unit;
        if h > 0.0 { g * g / h } else { 0.0 }
    }

    /// The score of both sides for a sum of what goes left, in units, where values have bounds; nothing is as bad as the wrong order.
    pub fn score_within(&self, left: i64, extra_l2: f64, monotone: i8) -> f64 {
        let sums = [left, self.total - left];
        let values = sums.map(|sum| self.value(sum, extra_l2));
        if (monotone > 0 && values[0] > values[1]) || (monotone < 0 && values[0] < values[1]) {
            return f64::NEG_INFINITY;
        }
        (self.score_with(sums[0], extra_l2, values[0]) + self.score_with(sums[1], extra_l2, values[1]))
            / self.gain_unit()
    }

    /// The score of a side with a value.
    fn score_with(&self, sum: i64, extra_l2: f64, value: f64) -> f64 {
        let g = shrunk(self.packing.g(sum) as f64 * self.packing.g_unit, self.parameters.l1);
        let h = self.packing.h(sum) as f64 * self.packing.h_unit + self.parameters.l2 + extra_l2;
        -(2.0 * g * value + h * value * value)
    }

    /// The score of the leaf as it is, in units; constraints of features do not count.
    fn own_score(&self) -> f64 {
        let step = self.parameters.max_step;
        if step == f64::INFINITY {
            return self.score(self.total, 0.0);
        }
        let free = Leaf { bounds: [-step, step], ..*self };
        self.score_with(self.total, 0.0, free.value(self.total, 0.0)) / self.gain_unit()
    }

    /// The value of a side, within the bounds.
    pub fn value(&self, sum: i64, extra_l2: f64) -> f64 {
        let g = shrunk(self.packing.g(sum) as f64 * self.packing.g_unit, self.parameters.l1);
        let h = self.packing.h(sum) as f64 * self.packing.h_unit + self.parameters.l2 + extra_l2;
        let value = if h > 0.0 { -g / h } else { 0.0 };
        value.max(self.bounds[0]).min(self.bounds[1])
    }

    /// The score of both sides for a sum of what goes left.
    pub fn score_of(&self, left: i64, extra_l2: f64) -> f64 {
        if self.parameters.is_bounded() {
            self.score_within(left, extra_l2, 0)
        } else {
            self.score(left, extra_l2) + self.score(self.total - left, extra_l2)
        }
    }

    /// What a score of 1 in units is.
    pub fn gain_unit(&self) -> f64 {
        self.packing.g_unit * self.packing.g_unit / self.packing.h_unit
    }

    /// A candidate for a score of both sides, if its gain is enough.
    pub fn candidate(
        &self,
        score: f64,
        feature: usize,
        test: BinTest,
        missing_left: bool,
        left: i64,
        extra_l2: f64,
    ) -> Option<Candidate> {
        let parent = self.own_score();
        let gain = (score - parent) * self.gain_unit();
        // Below, it is what rounding made.
        let enough = score - parent > 1e-13 * parent && gain > self.parameters.min_gain;
        enough.then_some(Candidate { gain, feature: feature as u32, test, missing_left, left, extra_l2 })
    }

    /// The best threshold of a feature whose values are ordered. Among equal ones with missing values on the left the highest, else the lowest.
    pub fn best_threshold(
        &self,
        feature: usize,
        lane: &Lane,
        n_bins: usize,
        counts: Option<&Counts>,
        Room { upto, scores }: &mut Room,
    ) -> Option<Candidate> {
        let n_bins = n_bins.min(256);
        if n_bins < 2 {
            return None;
        }
        let mut sum = 0;
        for (upto, x) in upto[1..n_bins].iter_mut().zip(&lane[1..n_bins]) {
            sum += x;
            *upto = sum;
        }
        let least = self.least();
        let missing = lane[0];
        let some_missing = counts.map_or(missing != 0, |counts| counts[0] > 0);
        // The rows up to each bin, and those of missing values.
        let rows = counts.map(|counts| {
            let mut sum = 0;
            let upto = counts.map(|rows| {
                sum += u64::from(rows);
                sum
            });
            (upto, upto[0])
        });
        let mut best: Option<(f64, usize, bool)> = None;
        // With missing values on the left, the last threshold leaves nothing on the right.
        let range = |with_missing: bool, end: usize| {
            let fits = |&bin: &usize| {
                let left = upto[bin] + if with_missing { missing } else { 0 };
                match &rows {
                    None => {
                        let h = self.packing.h(left);
                        h >= least && self.packing.h(self.total) - h >= least
                    }
                    Some((upto, missing)) => {
                        self.is_enough(left, upto[bin] - if with_missing { 0 } else { *missing })
                    }
                }
            };
            let first = (1..end).find(fits)?;
            let last = (first..end).rev().find(fits)?;
            Some((first, last))
        };
        if let Some((first, last)) = range(true, n_bins - 1) {
            self.scores(feature, &upto[first..=last], missing, &mut scores[first..=last]);
            let most = largest(&scores[first..=last]);
            let bin = (first..=last).rev().find(|&bin| scores[bin] == most);
            best = bin.map(|bin| (most, bin, true));
        }
        if some_missing && let Some((first, last)) = range(false, n_bins) {
            self.scores(feature, &upto[first..=last], 0, &mut scores[first..=last]);
            let most = largest(&scores[first..=last]);
            if best.is_none_or(|(score, ..)| most > score) {
                let bin = (first..=last).find(|&bin| scores[bin] == most);
                best = bin.map(|bin| (most, bin, false)).or(best);
            }
        }
        let (score, bin, missing_left) = best?;
        let left = upto[bin] + if missing_left { missing } else { 0 };
        // Where nothing is missing, missing values will go where most rows go.
        let missing_left = match some_missing {
            true => missing_left,
            false => 2 * self.packing.h(left) >= self.packing.h(self.total),
        };
        self.candidate(score, feature, BinTest::AtMost(bin as u8), missing_left, left, 0.0)
    }

    /// The score of both sides for each sum of what goes left.
    fn scores(&self, feature: usize, upto: &[i64], add: i64, scores: &mut [f64]) {
        if self.parameters.is_bounded() {
            let monotone = self.parameters.monotone.get(feature).copied().unwrap_or(0);
            let each = scores.iter_mut().zip(upto);
            each.for_each(|(score, &left)| *score = self.score_within(left + add, 0.0, monotone));
            return;
        }
        let l2 = self.parameters.l2 / self.packing.h_unit;
        let l1 = self.parameters.l1 / self.packing.g_unit;
        if l1 != 0.0 || l2 < 0.0 {
            for (score, &left) in scores.iter_mut().zip(upto) {
                let left = left + add;
                *score = self.score(left, 0.0) + self.score(self.total - left, 0.0);
            }
            return;
        }
        let (mask, shift, total) = ((1i64 << self.packing.shift()) - 1, self.packing.shift(), self.total);
        // Integers below 2^52 become doubles by putting them into the digits of one: the compiler does several at once, which it cannot
        // do with the conversion of 64-bit integers. Gradients are made positive first; they are below 2^51.
        const DIGITS: u64 = 0x4330_0000_0000_0000;
        let bias = 1u64 << (51 + shift).min(63);
        let double = |bits: u64| f64::from_bits(bits | DIGITS) - 4_503_599_627_370_496.0;
        let g_bias = (bias >> shift) as f64;
        let g_of = |sum: i64| double((sum as u64).wrapping_add(bias) >> shift) - g_bias;
        let h_of = |sum: i64| double((sum & mask) as u64);
        let (g_total, h_total) = (g_of(total), h_of(total) + l2);
        for (score, &left) in scores.iter_mut().zip(upto) {
            let left = left + add;
            let (g, h) = (g_of(left), h_of(left));
            let (rest_g, rest_h) = (g_total - g, h_total - h);
            let h = h + l2;
            *score = (g * g * rest_h + rest_g * rest_g * h) / (h * rest_h);
        }
    }
}

/// The largest of scores, none of which is NaN or some: those are passed over.
fn largest(scores: &[f64]) -> f64 {
    // Several at once.
    let larger = |a: f64, b: f64| if b > a { b } else { a };
    let (chunks, rest) = scores.as_chunks::<8>();
    let mut most = [f64::NEG_INFINITY; 8];
    for chunk in chunks {
        for (most, &score) in most.iter_mut().zip(chunk) {
            *most = larger(*most, score);
        }
    }
    most.iter().chain(rest).fold(f64::NEG_INFINITY, |most, &score| larger(most, score))
}
