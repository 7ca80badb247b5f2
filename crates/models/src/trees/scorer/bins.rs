//! The values of a row as bins between the thresholds that trees ask about.

use std::hint::select_unpredictable;

use mlsys_core::Result;

use crate::trees::ZERO;
use crate::trees::ensemble::TreeEnsemble;
use crate::trees::feature::Column;
use crate::trees::tree::{Split, Test};

/// How the features that trees ask about become bins; bin 0 is missing.
#[derive(Debug, Clone)]
pub(super) struct RowBins {
    lanes: Vec<Lane>,
    /// The lanes of each feature of the ensemble: where zero is a number, and where it is missing.
    of_feature: Vec<[u32; 2]>,
    /// By how much the numbers of neighbouring bins differ.
    stride: u32,
}

/// A feature, by those splits for which zero is a number, or by those for which it is missing.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// Its place in the ensemble.
    place: usize,
    zero_is_missing: bool,
    kind: Kind,
    /// The number of its first bin.
    first: u32,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Ascending cuts, padded to a power of two less one with infinity: the bin of a value is 1 and how many are below it.
    Ordered { cuts: Vec<f64>, n_cuts: usize },
    /// The bin of a code is 1 more. Codes from the one given on are in no set.
    Categories { codes: u32 },
}

/// The bins of a lane that go left.
#[derive(Debug, Clone)]
pub(super) enum Left {
    /// From the first to before the second.
    Range(u32, u32),
    /// A bit for each.
    Set(Vec<u64>),
}

/// What is asked about a feature: thresholds, or codes below one.
#[derive(Clone, Default)]
struct Asked {
    cuts: Vec<f64>,
    codes: u32,
}

impl RowBins {
    pub fn new(ensemble: &TreeEnsemble) -> Self {
        let features = ensemble.features();
        // By whether zero is missing.
        let mut asked: Vec<[Option<Asked>; 2]> = vec![[None, None]; features.len()];
        for split in ensemble.trees().iter().flat_map(|tree| tree.splits()) {
            let asked = &mut asked[split.feature as usize][usize::from(split.missing.has_zero())];
            let Asked { cuts, codes } = asked.get_or_insert_default();
            match &split.test {
                Test::AtMost(threshold) => cuts.push(threshold + 0.0),
                Test::In(categories) => *codes = (*codes).max(categories.end()),
            }
        }
        let mut lanes = Vec::new();
        let mut of_feature = vec![[u32::MAX; 2]; features.len()];
        for (place, asked) in asked.into_iter().enumerate() {
            for (asked, zero) in asked.into_iter().zip([0, 1]) {
                let Some(Asked { cuts, codes }) = asked else { continue };
                of_feature[place][zero] = lanes.len() as u32;
                let kind = match features[place].categories() {
                    Some(_) => Kind::Categories { codes },
                    None => Kind::ordered(cuts),
                };
                lanes.push(Lane { place, zero_is_missing: zero == 1, kind, first: 0 });
            }
        }
        Self { lanes, of_feature, stride: 1 }
    }

    /// Each lane has bins of its own numbers, until they are numbered one lane after the other, this far apart.
    pub fn number(&mut self, stride: u32) {
        self.stride = stride;
        let mut n = 0u32;
        for lane in &mut self.lanes {
            lane.first = n;
            n = n.saturating_add(lane.n_bins().saturating_mul(stride));
        }
    }

    /// The number of a bin of a lane.
    #[inline]
    pub fn number_of(&self, lane: &Lane, bin: u32) -> u32 {
        lane.first + self.stride * bin
    }

    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The lane that a split asks about.
    pub fn lane_of(&self, split: &Split) -> usize {
        self.of_feature[split.feature as usize][usize::from(split.missing.has_zero())] as usize
    }

    /// The bins of one row.
    pub fn of_row(&self, row: &[f64], bins: &mut [u32]) {
        for (bin, lane) in bins.iter_mut().zip(&self.lanes) {
            *bin = self.number_of(lane, lane.bin(row[lane.place]));
        }
    }

    /// The bins of the rows from `first` on, row by row.
    pub fn of_block(
        &self,
        columns: &[Column<'_>],
        first: usize,
        rows: usize,
        bins: &mut [u32],
    ) -> Result<()> {
        for (place, lane) in self.lanes.iter().enumerate() {
            let values = columns[lane.place].part(first, rows)?;
            let bins = bins[place..].iter_mut().step_by(self.lanes.len());
            bins.zip(&values).for_each(|(bin, &x)| *bin = self.number_of(lane, lane.bin(x)));
        }
        Ok(())
    }
}

impl Lane {
    /// How many bins there are, that of missing values included.
    pub fn n_bins(&self) -> u32 {
        match self.kind {
            Kind::Ordered { n_cuts, .. } => n_cuts as u32 + 2,
            Kind::Categories { codes } => codes.saturating_add(2),
        }
    }

    /// The bins that a split of this lane sends left.
    pub fn left_of(&self, split: &Split) -> Left {
        let missing = split.missing.is_left();
        match (&split.test, &self.kind) {
            (Test::AtMost(threshold), Kind::Ordered { cuts, n_cuts }) => {
                let below = cuts[..*n_cuts].partition_point(|cut| *cut < threshold + 0.0);
                Left::Range(u32::from(!missing), below as u32 + 2)
            }
            (Test::In(categories), _) => {
                let mut bits = vec![u64::from(missing)];
                for bin in categories.codes().map(|code| code as usize + 1) {
                    if bits.len() <= bin / 64 {
                        bits.resize(bin / 64 + 1, 0);
                    }
                    bits[bin / 64] |= 1 << (bin % 64);
                }
                Left::Set(bits)
            }
            // Ensembles have no such trees.
            (Test::AtMost(_), Kind::Categories { .. }) => Left::Set(vec![u64::from(missing)]),
        }
    }

    #[inline]
    fn bin(&self, x: f64) -> u32 {
        let bin = match &self.kind {
            Kind::Ordered { cuts, .. } => {
                // By halving, without branches.
                let mut below = 0;
                let mut step = cuts.len().div_ceil(2);
                while step > 0 {
                    below += select_unpredictable(x > cuts[below + step - 1], step, 0);
                    step /= 2;
                }
                below as u32 + 1
            }
            // Negative ones are in no set either.
            Kind::Categories { codes } => {
                if x >= 0.0 {
                    (x as u32).min(*codes) + 1
                } else {
                    codes + 1
                }
            }
        };
        if x.is_nan() || self.zero_is_missing && x.abs() <= ZERO { 0 } else { bin }
    }
}

impl Kind {
    fn ordered(mut cuts: Vec<f64>) -> Self {
        cuts.retain(|cut| *cut < f64::INFINITY);
        cuts.sort_unstable_by(f64::total_cmp);
        cuts.dedup();
        let n_cuts = cuts.len();
        cuts.resize((n_cuts + 1).next_power_of_two() - 1, f64::INFINITY);
        Self::Ordered { cuts, n_cuts }
    }
}

impl Left {
    pub fn has(&self, bin: u32) -> bool {
        match self {
            Self::Range(first, end) => (*first..*end).contains(&bin),
            Self::Set(bits) => bits.get(bin as usize / 64).is_some_and(|word| word >> (bin % 64) & 1 == 1),
        }
    }
}
