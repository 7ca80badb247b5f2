//! The best set of categories of a feature in one leaf.

use super::histogram::Lane;
use super::scan::{BinTest, Candidate, Counts, Leaf};

impl Leaf<'_> {
    /// The best set of the bins of a feature of categories: one against all others where there are few; else the first or the last ones in
    /// the order of their mean gradients, which holds the best set of all (Fisher 1958). The bin of missing values is one like others.
    pub fn best_set(
        &self,
        feature: usize,
        lane: &Lane,
        n_bins: usize,
        counts: Option<&Counts>,
    ) -> Option<Candidate> {
        let n_bins = n_bins.min(256);
        let h_total = self.packing.h(self.total) as f64;
        let rows_of = |bin: usize, sum: i64| match counts {
            Some(counts) => u64::from(counts[bin]),
            None => (self.packing.h(sum) as f64 * self.rows as f64 / h_total + 0.5) as u64,
        };
        let p = &self.parameters.categories;
        let used: Vec<usize> = (0..n_bins).filter(|&bin| lane[bin] != 0).collect();
        if n_bins <= p.one_vs_rest.saturating_add(1) {
            let mut best: Option<(f64, usize)> = None;
            for &bin in &used {
                let sum = lane[bin];
                if !self.is_enough(sum, rows_of(bin, sum)) {
                    continue;
                }
                let score = self.score_of(sum, 0.0);
                if best.is_none_or(|(most, _)| score > most) {
                    best = Some((score, bin));
                }
            }
            let (score, bin) = best?;
            return self.set((score, 0.0), feature, &[bin], lane, counts);
        }
        let (h_unit, g_unit) = (self.packing.h_unit, self.packing.g_unit);
        let mut order: Vec<(f64, usize)> = used
            .iter()
            .filter(|&&bin| rows_of(bin, lane[bin]) as f64 >= p.smoothing)
            .map(|&bin| {
                let (g, h) =
                    (self.packing.g(lane[bin]) as f64 * g_unit, self.packing.h(lane[bin]) as f64 * h_unit);
                (g / (h + p.smoothing), bin)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let most = p.max_set.min(order.len().div_ceil(2));
        let mut best: Option<(f64, bool, usize)> = None;
        for from_end in [false, true] {
            let (mut sum, mut rows, mut group) = (0, 0, 0);
            for taken in 0..most {
                let place = if from_end { order.len() - 1 - taken } else { taken };
                let bin = order[place].1;
                let own = rows_of(bin, lane[bin]);
                (sum, rows, group) = (sum + lane[bin], rows + own, group + own);
                let rest = self.rows.saturating_sub(rows);
                if rest < self.parameters.min_rows.max(p.min_rows) {
                    break;
                }
                if !self.is_enough(sum, rows) || group < p.min_rows {
                    continue;
                }
                group = 0;
                let score = self.score_of(sum, p.l2);
                if best.is_none_or(|(most, ..)| score > most) {
                    best = Some((score, from_end, taken + 1));
                }
            }
        }
        let (score, from_end, n) = best?;
        let chosen: Vec<usize> = match from_end {
            false => order[..n].iter().map(|x| x.1).collect(),
            true => order[order.len() - n..].iter().map(|x| x.1).collect(),
        };
        self.set((score, p.l2), feature, &chosen, lane, counts)
    }

    fn set(
        &self,
        (score, extra_l2): (f64, f64),
        feature: usize,
        chosen: &[usize],
        lane: &Lane,
        counts: Option<&Counts>,
    ) -> Option<Candidate> {
        let mut bins = [0u64; 4];
        chosen.iter().for_each(|bin| bins[bin / 64] |= 1 << (bin % 64));
        let left: i64 = chosen.iter().map(|&bin| lane[bin]).sum();
        // What is missing in none of these rows goes where most of them go.
        let with_most = 2 * self.packing.h(left) >= self.packing.h(self.total);
        if counts.map_or(lane[0] == 0, |counts| counts[0] == 0) && with_most {
            bins[0] |= 1;
        }
        self.candidate(score, feature, BinTest::In(bins), bins[0] & 1 == 1, left, extra_l2)
    }
}
