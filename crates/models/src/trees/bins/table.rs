//! A table in bins: what trees are grown on.

use mlsys_core::arrow::array::{ArrayRef, RecordBatch};
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Coded, Result, first_error};
use rayon::prelude::*;

use super::edges::{FeatureBins, MISSING};
use crate::trees::feature::{MissingPolicy, TreeFeature, ordered};

/// Features whose bins lie together at most: their histograms take 32 kB.
pub(crate) const LANES: usize = 16;

/// The bins of up to [`LANES`] features, row by row.
pub(crate) struct Block {
    /// Of each row as many as there are features, and [`LANES`] more at the end.
    bins: Vec<u8>,
    width: usize,
}

impl Block {
    fn new(n_rows: usize, width: usize) -> Self {
        Self { bins: vec![MISSING; n_rows * width + LANES], width }
    }

    /// The bins that a function gives, for tests.
    #[cfg(test)]
    pub fn of(n_rows: usize, width: usize, bin: impl Fn(usize, usize) -> u8) -> Self {
        let mut block = Self::new(n_rows, width);
        let places = (0..n_rows).flat_map(|row| (0..width).map(move |lane| (row, lane)));
        block.bins.iter_mut().zip(places).for_each(|(to, (row, lane))| *to = bin(row, lane));
        block
    }

    /// How many features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The bin of one of the features of a row.
    #[inline]
    pub fn bin(&self, row: u32, lane: usize) -> u8 {
        self.bins[row as usize * self.width + lane]
    }

    /// The bins of a row from a lane on, and what follows them.
    #[inline]
    pub fn row(&self, row: u32, lane: usize) -> [u8; LANES] {
        let place = row as usize * self.width + lane;
        let bins = self.bins.get(place..place + LANES).and_then(<[u8]>::first_chunk);
        bins.copied().unwrap_or([MISSING; LANES])
    }
}

/// The bins of every row, in blocks of as many features each.
pub(crate) struct BinnedTable {
    blocks: Vec<Block>,
    /// The features of a block.
    width: usize,
    n_rows: usize,
    /// How many bins each feature has.
    n_bins: Vec<usize>,
}

/// Rows that are binned together.
const CHUNK: usize = 2048;

/// A column to be binned.
enum Source {
    /// Doubles, with the cuts, and infinity after them.
    Ordered { values: ScalarBuffer<f64>, cuts: Box<[f64; 256]> },
    /// Codes of this batch, and the bin of each.
    Coded { codes: Vec<u32>, bins: Vec<u8> },
}

impl BinnedTable {
    /// Puts the columns of a batch into bins; categories that have no bin, and those that are missing, into bin 0.
    ///
    /// # Errors
    ///
    /// As [`TreeFeature::read`].
    pub fn new(
        features: &[TreeFeature],
        bins: &[FeatureBins],
        policy: &MissingPolicy,
        batch: &RecordBatch,
    ) -> Result<Self> {
        let n_rows = batch.num_rows();
        let read = |(feature, bins): (&TreeFeature, &FeatureBins)| Source::read(feature, bins, policy, batch);
        let width = features.len().div_ceil(features.len().div_ceil(LANES).max(1)).max(1);
        let mut blocks = Vec::with_capacity(features.len().div_ceil(width));
        // A block at a time, so that few columns are held as doubles at once.
        for (features, bins) in features.chunks(width).zip(bins.chunks(width)) {
            let columns: Vec<(&TreeFeature, &FeatureBins)> = features.iter().zip(bins).collect();
            let sources: Vec<Source> = first_error(columns.into_par_iter().map(read).collect())?;
            let mut block = Block::new(n_rows, sources.len());
            let rows = &mut block.bins[..n_rows * sources.len()];
            rows.par_chunks_mut(CHUNK * sources.len()).enumerate().for_each(|(chunk, rows)| {
                for (lane, source) in sources.iter().enumerate() {
                    source.put(chunk * CHUNK, rows, (lane, sources.len()));
                }
            });
            blocks.push(block);
        }
        Ok(Self { blocks, width, n_rows, n_bins: bins.iter().map(|bins| bins.len().min(256)).collect() })
    }

    /// A table of the bins that a function gives, for tests.
    #[cfg(test)]
    pub fn of(n_rows: usize, n_bins: Vec<usize>, bin: impl Fn(usize, usize) -> u8) -> Self {
        let width = n_bins.len().div_ceil(n_bins.len().div_ceil(LANES).max(1)).max(1);
        let widths = (0..n_bins.len()).step_by(width).map(|first| (first, width.min(n_bins.len() - first)));
        let blocks = widths.map(|(first, own)| Block::of(n_rows, own, |row, lane| bin(row, first + lane)));
        Self { blocks: blocks.collect(), width, n_rows, n_bins }
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub fn n_features(&self) -> usize {
        self.n_bins.len()
    }

    /// How many bins a feature has, up to 256.
    pub fn n_bins(&self, feature: usize) -> usize {
        self.n_bins[feature]
    }

    pub fn block(&self, place: usize) -> &Block {
        &self.blocks[place]
    }

    /// The place of the block of a feature, and the feature's lane there.
    pub fn place(&self, feature: usize) -> (usize, usize) {
        (feature / self.width, feature % self.width)
    }

    /// The block of a feature, and its lane there.
    pub fn lane(&self, feature: usize) -> (&Block, usize) {
        let (block, lane) = self.place(feature);
        (&self.blocks[block], lane)
    }
}

impl Source {
    fn read(
        feature: &TreeFeature,
        bins: &FeatureBins,
        policy: &MissingPolicy,
        batch: &RecordBatch,
    ) -> Result<Self> {
        let array: &ArrayRef = feature.column().find(batch)?;
        policy.check(feature.name(), array)?;
        match bins {
            FeatureBins::Ordered(edges) => {
                let mut cuts = Box::new([f64::INFINITY; 256]);
                cuts.iter_mut().zip(edges).for_each(|(to, &cut)| *to = cut);
                Ok(Self::Ordered { values: ordered(feature.name(), array)?, cuts })
            }
            FeatureBins::Categories(bins) => {
                let coded = Coded::new(feature.name(), array)?;
                let codes = feature.codes(&coded, policy)?;
                let bin = |code: Option<u32>| {
                    code.and_then(|code| bins.get(code as usize)).copied().unwrap_or(MISSING)
                };
                Ok(Self::Coded { bins: codes.into_iter().map(bin).collect(), codes: coded.codes })
            }
        }
    }

    /// Writes one of the lanes of the rows from `first` on.
    fn put(&self, first: usize, rows: &mut [u8], (lane, width): (usize, usize)) {
        let n = rows.len() / width;
        let rows = rows.iter_mut().skip(lane).step_by(width);
        match self {
            Self::Ordered { values, cuts } => {
                rows.zip(&values[first..first + n]).for_each(|(to, &x)| *to = bin_of(x, cuts));
            }
            Self::Coded { codes, bins } => {
                let bin = |code: u32| bins.get(code as usize).copied().unwrap_or(MISSING);
                rows.zip(&codes[first..first + n]).for_each(|(to, &code)| *to = bin(code));
            }
        }
    }
}

/// The bin of a value, by halving without branches; 0 for NaN. Up to 255 cuts, and infinity after them.
#[inline]
fn bin_of(x: f64, cuts: &[f64; 256]) -> u8 {
    let mut below = 0usize;
    for step in [128, 64, 32, 16, 8, 4, 2, 1] {
        // Never beyond, which only the last part tells the compiler.
        below += usize::from(x > cuts[(below + step - 1) & 255]) * step;
    }
    if x.is_nan() { MISSING } else { (below + 1) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_a_cut_are_below_it() {
        let mut cuts = [f64::INFINITY; 256];
        cuts[..3].copy_from_slice(&[-1.0, 0.0, 2.5]);
        let bins = [-2.0, -1.0, -0.5, -0.0, 0.0, 0.1, 2.5, 2.6, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        assert_eq!(bins.map(|x| bin_of(x, &cuts)), [1, 1, 2, 2, 2, 3, 3, 4, 4, 1, 0]);
        let full: [f64; 256] = std::array::from_fn(|i| if i < 255 { i as f64 } else { f64::INFINITY });
        assert_eq!([0.0, 0.5, 253.0, 253.5, 254.0].map(|x| bin_of(x, &full)), [1, 2, 254, 255, 255]);
    }
}
