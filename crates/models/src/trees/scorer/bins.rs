//! The values of a row as bins between the thresholds that trees ask about.

use mlsys_core::arrow::buffer::ScalarBuffer;

use crate::trees::ensemble::TreeEnsemble;
use crate::trees::tree::Test;

/// How the features that trees ask about become bins; 0 is missing.
#[derive(Debug, Clone)]
pub(super) struct RowBins {
    features: Vec<Feature>,
}

#[derive(Debug, Clone)]
pub(super) struct Feature {
    /// Its place in the ensemble.
    pub place: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Ascending cuts, padded to a power of two less one with infinity: the bin of a value is 1 and how many are below it.
    Ordered { cuts: Vec<f64>, n_cuts: usize },
    /// The bin of each code, and a code of each bin but the first.
    Categories { bins: Vec<u16>, codes: Vec<u32> },
}

impl RowBins {
    pub fn new(ensemble: &TreeEnsemble) -> Self {
        let mut cuts: Vec<Vec<f64>> = vec![Vec::new(); ensemble.features().len()];
        let mut used = vec![false; cuts.len()];
        for split in ensemble.trees().iter().flat_map(|tree| tree.splits()) {
            let feature = split.feature as usize;
            used[feature] = true;
            if let Test::AtMost(threshold) = split.test {
                cuts[feature].push(threshold + 0.0);
                if split.missing.has_zero() {
                    // What counts as zero has a bin of its own.
                    cuts[feature].extend([(-crate::trees::tree::ZERO).next_down(), crate::trees::tree::ZERO]);
                }
            }
        }
        let feature = |(place, mut cuts): (usize, Vec<f64>)| {
            let kind = match ensemble.features()[place].categories() {
                Some(categories) => {
                    // The first code that no category has stands for all of them.
                    categories_of(ensemble, place, categories.len() + 1)
                }
                None => {
                    cuts.retain(|cut| *cut < f64::INFINITY);
                    cuts.sort_unstable_by(f64::total_cmp);
                    cuts.dedup();
                    let n_cuts = cuts.len();
                    cuts.resize((n_cuts + 1).next_power_of_two() - 1, f64::INFINITY);
                    Kind::Ordered { cuts, n_cuts }
                }
            };
            Feature { place, kind }
        };
        let features = cuts.into_iter().enumerate().filter(|(place, _)| used[*place]).map(feature).collect();
        Self { features }
    }

    /// The features that trees ask about, in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    pub fn n_used(&self) -> usize {
        self.features.len()
    }

    /// Whether every bin, and every feature, has a number of 16 bits.
    pub fn are_small(&self) -> bool {
        let most = u16::MAX as usize;
        self.features.len() <= most && self.features.iter().all(|feature| feature.kind.n_bins() <= most)
    }

    /// The bins of one row.
    pub fn of_row(&self, row: &[f64], bins: &mut [u16]) {
        for (bin, feature) in bins.iter_mut().zip(&self.features) {
            *bin = feature.kind.bin(row[feature.place]);
        }
    }

    /// The bins of the rows from `first` on, row by row.
    pub fn of_block(&self, columns: &[ScalarBuffer<f64>], first: usize, bins: &mut [u16]) {
        let width = self.features.len();
        if width == 0 {
            return;
        }
        let rows = bins.len() / width;
        for (lane, feature) in self.features.iter().enumerate() {
            let values = &columns[feature.place][first..first + rows];
            let bins = bins[lane..].iter_mut().step_by(width);
            match &feature.kind {
                Kind::Ordered { cuts, .. } => {
                    bins.zip(values).for_each(|(bin, &x)| *bin = ordered_bin(x, cuts))
                }
                kind => bins.zip(values).for_each(|(bin, &x)| *bin = kind.bin(x)),
            }
        }
    }
}

impl Kind {
    /// How many bins there are, that of missing values included.
    pub fn n_bins(&self) -> usize {
        match self {
            Self::Ordered { n_cuts, .. } => n_cuts + 2,
            Self::Categories { codes, .. } => codes.len() + 1,
        }
    }

    /// The last bin of values up to one that is a cut; the last of all for others.
    pub fn bin_upto(&self, cut: f64) -> usize {
        match self {
            Self::Ordered { cuts, n_cuts } => cuts[..*n_cuts].partition_point(|own| *own < cut + 0.0) + 1,
            Self::Categories { codes, .. } => codes.len(),
        }
    }

    /// A value of a bin.
    pub fn value_in(&self, bin: usize) -> f64 {
        match self {
            _ if bin == 0 => f64::NAN,
            // The last bin is above all cuts.
            Self::Ordered { cuts, n_cuts } => {
                if bin <= *n_cuts {
                    cuts[bin - 1]
                } else {
                    f64::INFINITY
                }
            }
            Self::Categories { codes, .. } => f64::from(codes[bin - 1]),
        }
    }

    #[inline]
    fn bin(&self, x: f64) -> u16 {
        match self {
            Self::Ordered { cuts, .. } => ordered_bin(x, cuts),
            Self::Categories { .. } if x.is_nan() => 0,
            Self::Categories { bins, .. } => {
                let code = if x >= 0.0 { x as usize } else { usize::MAX };
                bins.get(code).or(bins.last()).copied().unwrap_or(0)
            }
        }
    }
}

/// 1 and how many cuts are below a value, by halving without branches; 0 for NaN.
#[inline]
fn ordered_bin(x: f64, cuts: &[f64]) -> u16 {
    let mut below = 0;
    let mut step = cuts.len().div_ceil(2);
    while step > 0 {
        below += if x > cuts[below + step - 1] { step } else { 0 };
        step /= 2;
    }
    if x.is_nan() { 0 } else { (below + 1) as u16 }
}

/// Categories that no set tells apart share a bin.
fn categories_of(ensemble: &TreeEnsemble, place: usize, n: usize) -> Kind {
    let mut bins = vec![0u16; n];
    let mut codes: Vec<u32> = if n > 0 { vec![0] } else { Vec::new() };
    bins.iter_mut().for_each(|bin| *bin = 1);
    for split in ensemble.trees().iter().flat_map(|tree| tree.splits()) {
        if split.feature as usize != place || !matches!(split.test, Test::In(_)) {
            continue;
        }
        // Not only of the set: what counts as zero goes with missing values.
        let left = |code: u32| split.goes_left(f64::from(code));
        // A bin of which some are in the set and some are not becomes two: its first code stays.
        let mut other = std::collections::BTreeMap::new();
        for code in 0..n as u32 {
            if codes.len() >= u16::MAX as usize {
                // Too many to be numbered: `are_small` says so.
                return Kind::Categories { bins, codes };
            }
            let bin = bins[code as usize];
            let first = codes[bin as usize - 1];
            if left(code) != left(first) {
                let new = *other.entry(bin).or_insert_with(|| {
                    codes.push(code);
                    codes.len() as u16
                });
                bins[code as usize] = new;
            }
        }
    }
    Kind::Categories { bins, codes }
}
