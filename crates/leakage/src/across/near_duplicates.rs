//! Rows that are almost in both parts.

use mlsys_core::arrow::array::Array;
use mlsys_core::hash::hash_rows;
use mlsys_core::{Dataset, Error, Kind, Partition, Result, first_error};
use mlsys_neighbors::lsh::{Buckets, HammingHash};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::duplicates::keys;
use crate::columns::encoded::{Encoded, encode};

/// With fewer bands, each has so many columns that one of them mostly has a border of bins between two near numbers.
const LEAST_BANDS: usize = 4;
/// Integers with fewer values than this are compared as they are.
const FEW_VALUES: usize = 50;
/// Rows of a bucket that are compared; of larger ones, those next to where the row would be.
const MOST_CANDIDATES: usize = 256;
/// Rows of the first part that are compared with the others of it, evenly taken, to know what chance gives.
const WITHIN: usize = 20_000;
/// A missing value: as far from all numbers as needs be, and equal to another.
const MISSING: f32 = 1e30;
/// Categories are so far apart, or farther: a power of two, so that those of 24 bits stay different, and finite.
const APART: f32 = (1u128 << 100) as f32;
/// Numbers are clamped to less than this, gaps and categories are farther apart: no tolerance makes them agree.
const MOST_TOLERANCE: f64 = 1e20;

/// Which rows of one part are almost rows of another: they differ in few cells, and numbers by little.
///
/// A cell agrees when its category is the same, or its numbers differ by `tolerance` standard deviations (of the first part) at most; two missing
/// values agree. Rows are near when at most `differing_cells` do not agree. Rows that may be near share a bucket of
/// [`HammingHash`], whose bands hold columns of about equal entropy, numbers cut into bins of five tolerances; they are then compared cell by cell.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `tolerance` | 0.1 | above 0, finite |
/// | `differing_cells` | one in 15 columns | below the number of columns |
///
/// **Input**: two parts with these columns; nested ones are an error. **Output**: [`NearDuplicatesAcross`]. **Complexity**: O(n) and the
/// candidates, at most 256 a row and band; 12 bytes a cell. **Misses** a pair whose numbers are apart by a border of bins in every band
/// (rare while changes are small against five tolerances), and some in buckets of more than 256 rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_leakage::NearDuplicates;
///
/// // Two columns of 200 rows, far apart; the test rows are three of them, a little changed.
/// let spread = |row: i32, by: i32| f64::from(row * by % 211);
/// let table = |rows: Vec<i32>, change: f64| {
///     let column = |by| Arc::new(Float64Array::from_iter_values(rows.iter().map(|&row| spread(row, by) + change))) as _;
///     Dataset::new(RecordBatch::try_from_iter([("a", column(37)), ("b", column(101)), ("c", column(59))])?)
/// };
/// let (train, test) = (table((0..200).collect(), 0.0)?, table(vec![5, 77, 123], 0.25)?);
/// let found = NearDuplicates::new().differing_cells(0).across(&train, &test, &["a", "b", "c"])?;
/// assert_eq!((found.rows, found.twins), (vec![0, 1, 2], vec![5, 77, 123]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where rows are like each other by nature: `share_within` says how many of the first part have a near one in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "it does nothing until it is given two parts"]
pub struct NearDuplicates {
    tolerance: f64,
    differing_cells: Option<usize>,
}

impl Default for NearDuplicates {
    fn default() -> Self {
        Self { tolerance: 0.1, differing_cells: None }
    }
}

/// What [`NearDuplicates`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NearDuplicatesAcross {
    /// Rows of the second part that are near a row of the first, and equal to none of its rows in all columns; ascending.
    pub rows: Vec<usize>,
    /// The nearest row of the first part for each: with the fewest differing cells, the first of equals.
    pub twins: Vec<usize>,
    /// In how many cells they differ.
    pub differing: Vec<usize>,
    /// The share of rows of the first part that are near another of it, and equal to none: what chance gives.
    pub share_within: f64,
}

/// The cells of a part, row by row, and the codes of its columns for buckets.
struct Cells {
    cells: Vec<f32>,
    codes: Vec<Vec<u32>>,
    rows: usize,
}

/// The cells of a column and their codes.
type Column = (Vec<f32>, Vec<u32>);

impl NearDuplicates {
    /// With the defaults above.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far numbers may be apart, in standard deviations.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How many cells may be farther apart.
    pub fn differing_cells(mut self, cells: usize) -> Self {
        self.differing_cells = Some(cells);
        self
    }

    /// The rows of the second part that are near rows of the first in these columns.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter); [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn);
    /// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a nested column.
    pub fn across<P: Partition, Q: Partition>(
        &self,
        first: &Dataset<P>,
        second: &Dataset<Q>,
        columns: &[&str],
    ) -> Result<NearDuplicatesAcross> {
        let (encoded, without) = encode(columns, first, Some(second))?;
        if let Some(name) = without.first() {
            let found = first.column(name)?.data_type().clone();
            return Err(Error::column_type(name, "flat", found));
        }
        self.of_encoded(&encoded, first, second)
    }

    pub(crate) fn of_encoded<P: Partition, Q: Partition>(
        &self,
        encoded: &[Encoded],
        first: &Dataset<P>,
        second: &Dataset<Q>,
    ) -> Result<NearDuplicatesAcross> {
        let name = "NearDuplicates";
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(Error::invalid_parameter(name, "tolerance", self.tolerance, "above 0 and finite"));
        }
        let p = encoded.len();
        let most = self.differing_cells.unwrap_or(p / 15);
        if most >= p {
            let expected = format!("below the number of columns, {p}");
            return Err(Error::invalid_parameter(name, "differing_cells", most, expected));
        }
        let names: Vec<&str> = encoded.iter().map(|column| column.name.as_str()).collect();
        let equal = [keys(first, &names)?, keys(second, &names)?];
        let (own, other) = self.cells(encoded, first, second)?;
        let bands = bands(&own.codes, (most + 1).max(LEAST_BANDS).min(p));
        let hash = HammingHash::new(bands);
        let refs = |cells: &'_ Cells| -> Result<Buckets> {
            let columns: Vec<&[u32]> = cells.codes.iter().map(Vec::as_slice).collect();
            hash.buckets(&columns)
        };
        let (own_keys, other_keys) = (refs(&own)?, refs(&other)?);
        let index: Vec<Vec<(u64, u32)>> =
            (0..own_keys.n_bands()).into_par_iter().map(|band| sorted(&own_keys, band)).collect();
        let search = Search {
            own: &own,
            equal: &equal[0],
            index: &index,
            p,
            most,
            tolerance: self.tolerance.min(MOST_TOLERANCE) as f32,
        };
        let found: Vec<Option<(usize, usize)>> = (0..other.rows)
            .into_par_iter()
            .with_min_len(256)
            .map(|row| search.nearest(&other, &other_keys, (row, equal[1][row]), None))
            .collect();
        let step = own.rows.div_ceil(WITHIN).max(1);
        let asked: Vec<usize> = (0..own.rows).step_by(step).collect();
        let within = asked
            .par_iter()
            .with_min_len(256)
            .filter(|&&row| search.nearest(&own, &own_keys, (row, equal[0][row]), Some(row)).is_some());
        let share_within = within.count() as f64 / asked.len().max(1) as f64;
        let near = found.iter().enumerate().filter_map(|(row, found)| found.map(|found| (row, found)));
        let near: Vec<(usize, (usize, usize))> = near.collect();
        Ok(NearDuplicatesAcross {
            rows: near.iter().map(|(row, _)| *row).collect(),
            twins: near.iter().map(|(_, (twin, _))| *twin).collect(),
            differing: near.iter().map(|(_, (_, differing))| *differing).collect(),
            share_within,
        })
    }

    /// The cells of both parts, numbers in standard deviations of the first.
    fn cells<P: Partition, Q: Partition>(
        &self,
        encoded: &[Encoded],
        first: &Dataset<P>,
        second: &Dataset<Q>,
    ) -> Result<(Cells, Cells)> {
        let width = 5.0 * self.tolerance;
        let one = |column: &Encoded| -> Result<[Column; 2]> {
            let kind = first.layout().kind(&column.name)?;
            let few =
                kind != Kind::Float && column.levels.is_exact() && column.levels.n_values() < FEW_VALUES;
            if few || !kind.is_number() {
                // A value that only test rows have agrees with none: its code is that of new ones.
                let as_is = |levels: &[u32]| {
                    (levels.iter().map(|&level| level as f32 * APART).collect(), levels.to_vec())
                };
                if column.levels.is_exact() || kind != Kind::Text {
                    return Ok([as_is(&column.train), as_is(&column.test)]);
                }
                // Too many texts to have levels: their hashes, of as many bits as a cell holds.
                let name = column.name.as_str();
                let hashes = |array: &dyn Array| -> Result<Vec<u32>> {
                    let hashes = hash_rows(&[(name, array)], 0)?;
                    Ok(hashes.into_iter().map(|hash| (hash >> 40) as u32).collect())
                };
                let (a, b) = (first.column(name)?, second.column(name)?);
                return Ok([as_is(&hashes(a.as_ref())?), as_is(&hashes(b.as_ref())?)]);
            }
            let a = mlsys_core::column::floats(&column.name, first.column(&column.name)?.as_ref())?;
            let b = mlsys_core::column::floats(&column.name, second.column(&column.name)?.as_ref())?;
            let (mean, scale) = moments(&a);
            let cells = |values: &[f64]| {
                let scaled = |&x: &f64| {
                    if x.is_nan() { MISSING } else { ((x - mean) / scale).clamp(-1e9, 1e9) as f32 }
                };
                let cells: Vec<f32> = values.iter().map(scaled).collect();
                let code = |x: &f32| (f64::from(*x) / width).floor().clamp(-2e9, 2e9) as i32 as u32;
                let codes = cells.iter().map(code).collect();
                (cells, codes)
            };
            Ok([cells(&a), cells(&b)])
        };
        let columns: Vec<[Column; 2]> = first_error(encoded.par_iter().map(one).collect())?;
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for [a, b] in columns {
            own.push(a);
            other.push(b);
        }
        Ok((row_by_row(own, first.n_rows()), row_by_row(other, second.n_rows())))
    }
}

fn row_by_row(columns: Vec<Column>, rows: usize) -> Cells {
    let p = columns.len();
    let mut cells = vec![0f32; rows * p];
    let block = 1_024;
    cells.par_chunks_mut((block * p).max(1)).enumerate().for_each(|(place, cells)| {
        for (at, (values, _)) in columns.iter().enumerate() {
            let values = &values[place * block..];
            cells.iter_mut().skip(at).step_by(p).zip(values).for_each(|(cell, &x)| *cell = x);
        }
    });
    Cells { cells, codes: columns.into_iter().map(|(_, codes)| codes).collect(), rows }
}

/// Mean and standard deviation of what is finite; 1 where nothing varies.
fn moments(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().filter(|x| x.is_finite());
    let n = finite().count().max(1) as f64;
    let mean = finite().map(|x| x / n).sum::<f64>();
    let deviation = finite().map(|x| (x - mean) * ((x - mean) / n)).sum::<f64>().sqrt();
    (mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
}

/// Columns in `n` bands of about equal entropy: the one with the most goes to the band with the least.
fn bands(codes: &[Vec<u32>], n: usize) -> Vec<Vec<usize>> {
    let entropy = |codes: &Vec<u32>| {
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        let rows = codes.len() as f64;
        let share = |run: &[u32]| run.len() as f64 / rows;
        sorted.chunk_by(|a, b| a == b).map(|run| -share(run) * share(run).ln()).sum::<f64>()
    };
    let entropies: Vec<f64> = codes.par_iter().map(entropy).collect();
    let mut order: Vec<usize> = (0..codes.len()).collect();
    order.sort_by(|&a, &b| entropies[b].total_cmp(&entropies[a]).then(a.cmp(&b)));
    let mut bands = vec![(0.0f64, Vec::new()); n];
    for column in order {
        // Empty bands first, so that none stays empty.
        let least = (0..n).min_by(|&a, &b| {
            (!bands[a].1.is_empty(), bands[a].0)
                .partial_cmp(&(!bands[b].1.is_empty(), bands[b].0))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Some(band) = least.and_then(|least| bands.get_mut(least)) {
            band.0 += entropies[column];
            band.1.push(column);
        }
    }
    bands.into_iter().map(|(_, columns)| columns).collect()
}

fn sorted(keys: &Buckets, band: usize) -> Vec<(u64, u32)> {
    let mut order: Vec<(u64, u32)> =
        (0..keys.n_rows()).filter_map(|row| Some((*keys.of(row)?.get(band)?, row as u32))).collect();
    order.par_sort_unstable();
    order
}

struct Search<'a> {
    own: &'a Cells,
    /// A key a row: rows with equal ones are equal, which cells, being rounded, cannot say.
    equal: &'a [u128],
    index: &'a [Vec<(u64, u32)>],
    p: usize,
    most: usize,
    tolerance: f32,
}

impl Search<'_> {
    /// The nearest row of the first part and in how many cells it differs; nothing when one is equal.
    fn nearest(
        &self,
        of: &Cells,
        keys: &Buckets,
        (row, key_of_row): (usize, u128),
        but: Option<usize>,
    ) -> Option<(usize, usize)> {
        let own = &of.cells[row * self.p..(row + 1) * self.p];
        let mut best: Option<(usize, usize)> = None;
        for (index, &key) in self.index.iter().zip(keys.of(row)?) {
            let start = index.partition_point(|(other, _)| *other < key);
            let run = &index[start..];
            let run = &run[..run.partition_point(|(other, _)| *other == key)];
            // Rows of large buckets that stand near each other in the table are the likelier ones.
            let from = if run.len() > MOST_CANDIDATES {
                let place = run.partition_point(|(_, other)| (*other as usize) < row);
                place.saturating_sub(MOST_CANDIDATES / 2).min(run.len() - MOST_CANDIDATES)
            } else {
                0
            };
            for &(_, other) in run[from..].iter().take(MOST_CANDIDATES) {
                let other = other as usize;
                if Some(other) == but {
                    continue;
                }
                let cells = &self.own.cells[other * self.p..(other + 1) * self.p];
                let most = best.map_or(self.most, |(_, differing)| differing);
                let mut differing = 0;
                for (a, b) in own.iter().zip(cells) {
                    differing += usize::from((a - b).abs() > self.tolerance);
                    if differing > most {
                        break;
                    }
                }
                if differing > most {
                    continue;
                }
                if self.equal[other] == key_of_row {
                    return None;
                }
                if best.is_none_or(|(known, fewest)| (differing, other) < (fewest, known)) {
                    best = Some((other, differing));
                }
            }
        }
        best
    }
}
