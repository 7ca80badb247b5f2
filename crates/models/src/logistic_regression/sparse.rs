//! Columns of sparse rows as the solver reads them: the places that training rows occupy, by row and by place. Memory goes with
//! the entries, never with the width.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::sparse::SparseRows;
use mlsys_core::{Error, ErrorKind, Result, column};
use rayon::prelude::*;

/// A table from index to place may have this many cells for each entry; beyond, places are searched for.
const CELLS_PER_ENTRY: usize = 8;
/// Places whose gradients one thread sums at the least.
const PLACES_AT_ONCE: usize = 64;

/// The sparse rows in a column of a batch, all finite.
pub(crate) fn read(name: &str, batch: &RecordBatch) -> Result<SparseRows> {
    let array = column::find(batch, name)?;
    let rows = SparseRows::read(batch.schema_ref().field_with_name(name)?, array)?;
    let (offsets, _, values) = rows.csr();
    let count = values.iter().filter(|x| x.is_nan()).count();
    if count > 0 {
        let hint = "sparse rows have zeros where others have missing values".into();
        return Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into());
    }
    match column::first_infinite(values) {
        Some(entry) => {
            let row = offsets.partition_point(|&start| start as usize <= entry) - 1;
            Err(ErrorKind::NonFinite { column: name.into(), row, value: values[entry] }.into())
        }
        None => Ok(rows),
    }
}

/// From the index of an entry to its place among those that are known.
pub(crate) enum Lookup<'a> {
    /// By index; `u32::MAX` where there is none.
    Table(Vec<u32>),
    Search(&'a [u32]),
}

impl<'a> Lookup<'a> {
    /// For so many entries in rows of this width; `known` ascends, below the width.
    pub(crate) fn new(known: &'a [u32], width: usize, entries: usize) -> Self {
        if !is_narrow(width, entries) {
            return Self::Search(known);
        }
        let mut table = vec![u32::MAX; width];
        known.iter().enumerate().for_each(|(place, &index)| table[index as usize] = place as u32);
        Self::Table(table)
    }

    pub(crate) fn place(&self, index: u32) -> Option<usize> {
        match self {
            Self::Table(table) => Some(table[index as usize]).filter(|&p| p != u32::MAX).map(|p| p as usize),
            Self::Search(known) => known.binary_search(&index).ok(),
        }
    }
}

fn is_narrow(width: usize, entries: usize) -> bool {
    width <= CELLS_PER_ENTRY.saturating_mul(entries)
}

/// The indices that have a value other than zero, ascending.
pub(crate) fn occupied(rows: &SparseRows) -> Vec<u32> {
    let (_, indices, values) = rows.csr();
    let kept = indices.iter().zip(values).filter(|(_, v)| **v != 0.0).map(|(&index, _)| index);
    if is_narrow(rows.width(), indices.len()) {
        let mut seen = vec![false; rows.width()];
        kept.for_each(|index| seen[index as usize] = true);
        return seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(index, _)| index as u32).collect();
    }
    let mut all: Vec<u32> = kept.collect();
    all.par_sort_unstable();
    all.dedup();
    all.shrink_to_fit();
    all
}

/// The entries of a matrix, line by line: of a row its places, or of a place its rows.
#[derive(Debug, Default)]
struct Lines {
    starts: Vec<usize>,
    at: Vec<u32>,
    /// `None` when all are one.
    values: Option<Vec<f64>>,
}

impl Lines {
    /// Calls with the places and the value of each entry of a line.
    #[inline]
    fn each(&self, line: usize, mut call: impl FnMut(usize, f64)) {
        let range = self.starts[line]..self.starts[line + 1];
        match &self.values {
            None => self.at[range].iter().for_each(|&at| call(at as usize, 1.0)),
            Some(values) => {
                self.at[range.clone()].iter().zip(&values[range]).for_each(|(&at, &v)| call(at as usize, v));
            }
        }
    }

    fn len(&self, line: usize) -> usize {
        self.starts[line + 1] - self.starts[line]
    }

    /// The same entries by what they are at, of which there are `n`.
    fn turned(&self, n: usize) -> Self {
        let mut starts = vec![0; n + 1];
        self.at.iter().for_each(|&at| starts[at as usize + 1] += 1);
        (0..n).for_each(|line| starts[line + 1] += starts[line]);
        let mut next = starts.clone();
        let mut at = vec![0; self.at.len()];
        let mut values = self.values.as_ref().map(|_| vec![0.0; self.at.len()]);
        for line in 0..self.starts.len() - 1 {
            self.each(line, |to, value| {
                at[next[to]] = line as u32;
                if let Some(values) = &mut values {
                    values[next[to]] = value;
                }
                next[to] += 1;
            });
        }
        Self { starts, at, values }
    }
}

/// The occupied places of all sparse columns, one column after another, and the affine map of each to the solver's
/// coordinates: `(x - shift) / scale`, of which the shift is made up for in the intercept.
#[derive(Debug, Default)]
pub(super) struct SparseFeatures {
    /// The indices of each column that have a place.
    pub(super) indices: Vec<Vec<u32>>,
    rows: Lines,
    places: Lines,
    pub(super) shift: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl SparseFeatures {
    /// Of `n` rows each.
    pub(super) fn new(
        columns: &[SparseRows],
        weights: Option<&[f64]>,
        total: f64,
        centre: bool,
        n: usize,
    ) -> Result<Self> {
        if columns.is_empty() {
            return Ok(Self::default());
        }
        let indices: Vec<Vec<u32>> = columns.par_iter().map(occupied).collect();
        let n_places: usize = indices.iter().map(Vec::len).sum();
        if let Some(many) = [n, n_places].into_iter().find(|&x| x >= u32::MAX as usize) {
            return Err(Error::shape("sparse rows", "fewer than 4294967295 rows and places", many));
        }
        let rows = by_row(columns, &indices, n);
        let places = rows.turned(n_places);
        let shift_and_scale: Vec<(f64, f64)> = (0..n_places)
            .into_par_iter()
            .with_min_len(PLACES_AT_ONCE)
            .map(|place| shift_and_scale(&places, place, weights, total, centre, n))
            .collect();
        let (shift, scale) = shift_and_scale.into_iter().unzip();
        Ok(Self { indices, rows, places, shift, scale })
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.shift.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shift.is_empty()
    }

    /// How many entries there are in the row of an entry, as a mean over entries.
    pub(super) fn pairs_per_entry(&self) -> usize {
        let lengths = self.rows.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let pairs: usize = lengths.map(|length| length.saturating_mul(length)).fold(0, usize::saturating_add);
        pairs / self.rows.at.len().max(1)
    }

    /// Calls with each entry of a row, by ascending place.
    #[inline]
    pub(super) fn each_of_row(&self, row: usize, call: impl FnMut(usize, f64)) {
        self.rows.each(row, call);
    }

    /// Adds each row's entries times their coefficients, for rows from `first` on.
    pub(super) fn add(&self, z: &mut [f64], first: usize, coefficients: &[f64]) {
        for (row, z) in z.iter_mut().enumerate() {
            self.rows.each(first + row, |place, value| *z += value * coefficients[place]);
        }
    }

    /// For each place the sums of its entries times the residuals of their rows, an output beside another. Each sum has one
    /// order, whatever the threads.
    pub(super) fn sums(&self, residuals: &[f64], outputs: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.len() * outputs];
        sums.par_chunks_mut(outputs).with_min_len(PLACES_AT_ONCE).enumerate().for_each(|(place, sums)| {
            if let [sum] = sums {
                self.places.each(place, |row, value| *sum += value * residuals[row]);
            } else {
                self.places.each(place, |row, value| {
                    let own = &residuals[row * outputs..(row + 1) * outputs];
                    sums.iter_mut().zip(own).for_each(|(sum, r)| *sum += value * r);
                });
            }
        });
        sums
    }

    /// The weighted mean square of each place in the solver's coordinates.
    pub(super) fn squares(&self, weights: Option<&[f64]>, total: f64) -> Vec<f64> {
        let square = |place: usize| {
            let scale = self.scale[place];
            let mut sum = 0.0;
            self.places.each(place, |row, value| {
                sum += weights.map_or(1.0, |w| w[row]) * (value / scale).powi(2);
            });
            // A constant place has none; rounding must not make it negative.
            (sum / total - (self.shift[place] / scale).powi(2)).max(0.0)
        };
        (0..self.len()).into_par_iter().with_min_len(PLACES_AT_ONCE).map(square).collect()
    }
}

/// The rows of all columns beside one another, without zeros.
fn by_row(columns: &[SparseRows], indices: &[Vec<u32>], n: usize) -> Lines {
    let entries = columns.iter().map(SparseRows::n_entries).sum();
    let ones = columns.iter().all(|column| column.csr().2.iter().all(|&v| v == 1.0 || v == 0.0));
    let mut lookups = Vec::with_capacity(columns.len());
    let mut before = 0;
    for (column, own) in columns.iter().zip(indices) {
        lookups.push((before, Lookup::new(own, column.width(), column.n_entries())));
        before += own.len();
    }
    let mut lines = Lines {
        starts: Vec::with_capacity(n + 1),
        at: Vec::with_capacity(entries),
        values: (!ones).then(|| Vec::with_capacity(entries)),
    };
    lines.starts.push(0);
    for row in 0..n {
        for (column, (before, lookup)) in columns.iter().zip(&lookups) {
            let (indices, values) = column.row(row);
            for (&index, &value) in indices.iter().zip(values) {
                if value == 0.0 {
                    continue;
                }
                if let Some(place) = lookup.place(index) {
                    lines.at.push((before + place) as u32);
                    lines.values.iter_mut().for_each(|values| values.push(value));
                }
            }
        }
        lines.starts.push(lines.at.len());
    }
    lines
}

/// The weighted mean where it is centred, zeros included, and the largest magnitude.
fn shift_and_scale(
    places: &Lines,
    place: usize,
    weights: Option<&[f64]>,
    total: f64,
    centre: bool,
    n: usize,
) -> (f64, f64) {
    let zero = if places.len(place) < n { Some(0.0) } else { None };
    let (mut low, mut high) = (zero.unwrap_or(f64::INFINITY), zero.unwrap_or(f64::NEG_INFINITY));
    let mut mean = 0.0;
    places.each(place, |row, value| {
        mean += value * (weights.map_or(1.0, |w| w[row]) / total);
        (low, high) = (low.min(value), high.max(value));
    });
    let reach = low.abs().max(high.abs());
    let shift = if centre { mean.clamp(low, high) } else { 0.0 };
    (shift, if reach < 1e-100 { 1.0 } else { reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of pairs of index and value.
    fn sparse(width: usize, rows: &[&[(u32, f64)]]) -> SparseRows {
        let mut offsets = vec![0];
        rows.iter().for_each(|row| offsets.push(offsets[offsets.len() - 1] + row.len() as i32));
        let (indices, values) = rows.iter().flat_map(|row| row.iter().copied()).unzip();
        SparseRows::new(width, offsets, indices, values).unwrap()
    }

    #[test]
    fn only_occupied_places_are_kept() {
        let wide = sparse(1 << 31, &[&[(7, 2.0), (1 << 30, -1.0)], &[], &[(3, 0.0), (7, 4.0)]]);
        let narrow = sparse(3, &[&[(2, 1.0)], &[(0, 1.0), (2, 1.0)], &[]]);
        let features = SparseFeatures::new(&[wide, narrow], None, 3.0, true, 3).unwrap();
        assert_eq!(features.indices, [vec![7, 1 << 30], vec![0, 2]]);
        assert_eq!(features.shift, [2.0, -1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(features.scale, [4.0, 1.0, 1.0, 1.0]);
        let mut z = [10.0, 20.0];
        features.add(&mut z, 1, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(z, [17.0, 24.0]);
        assert_eq!(features.sums(&[1.0, 0.5, 2.0, 0.25, 3.0, 0.125], 2)[..2], [14.0, 1.5]);
        assert_eq!(features.sums(&[1.0, 2.0, 3.0], 1), [14.0, -1.0, 2.0, 3.0]);
        let squares = features.squares(Some(&[1.0, 1.0, 1.0]), 3.0);
        assert!((squares[0] - (1.25 / 3.0 - 0.25)).abs() < 1e-15, "{squares:?}");
    }

    #[test]
    fn indicators_need_no_values() {
        let ones = sparse(3, &[&[(2, 1.0)], &[(1, 0.0)]]);
        let features = SparseFeatures::new(&[ones], None, 2.0, false, 2).unwrap();
        assert!(features.rows.values.is_none() && features.places.values.is_none());
        assert_eq!((features.len(), features.shift[0], features.pairs_per_entry()), (1, 0.0, 1));
        let long = sparse(4, &[&[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)], &[], &[(0, 1.0)]]);
        assert_eq!(SparseFeatures::new(&[long], None, 3.0, true, 3).unwrap().pairs_per_entry(), 3);
    }
}
