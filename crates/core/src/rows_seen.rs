//! Which rows were seen: a fingerprint that merges and travels with what was fitted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::hash::hash_u64;
use crate::row_ids::SYNTHETIC;
use crate::row_keys::RowSource;
use crate::row_set::{EncodedRows, RowSet};
use crate::{Dataset, Error, Partition, Result, RowTracking};

/// The rows that something was fitted on, as a fingerprint of some KB that says which of other rows are among them.
///
/// A row is known by two keys that [`Dataset::track_rows`] gives it, each a hash of 64 bits of which 50 are kept: which row
/// of which table it is, and what it holds. [`RowTracking`] says how many rows are kept. States of parts merge to the state
/// of the whole, exactly: the order of the rows, threads and batches do not matter.
///
/// Input: rows that are tracked, any number. A row that is there twice counts twice in [`n_rows`](Self::n_rows) and is kept
/// once. Rows that a resampler made are no rows of the table: they are counted in [`synthetic`](Self::synthetic) and not
/// kept. One pass; 84 bits a row for all rows, 4 KB for the default sketch.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, RowTracking, RowsSeen, arrow::array::{Int64Array, RecordBatch}};
///
/// let column = Int64Array::from_iter_values((0..1_000).map(|row| row / 2)); // each row has a twin
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(column) as _)])?;
/// let data = Dataset::new(batch)?.track_rows()?;
///
/// let mut seen = RowsSeen::of(&data.slice(0, 300)?, RowTracking::EveryRow)?;
/// seen.merge(&RowsSeen::of(&data.slice(300, 301)?, RowTracking::EveryRow)?);
/// let found = seen.overlap(&data.slice(600, 400)?)?;
/// assert_eq!(found.same, [0]); // row 600 was seen
/// assert_eq!(found.alike, [1]); // row 601 is its twin
/// assert_eq!(found.share_same.value, 1.0 / 601.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// It misleads where rows were changed before they were tracked: a row that was rounded or filled in is another row, unless
/// an id column names it.
///
/// The sketch is the bottom-k sketch of E. Cohen and H. Kaplan, *Summarizing data using bottom-k sketches* (2007).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct RowsSeen {
    rows: u64,
    synthetic: u64,
    sum: u128,
    sources: BTreeSet<RowSource>,
    columns: BTreeSet<u64>,
    set: RowSet,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    rows: u64,
    #[serde(default)]
    synthetic: u64,
    sum: u128,
    sources: BTreeSet<RowSource>,
    columns: BTreeSet<u64>,
    set: EncodedRows,
}

impl From<RowsSeen> for Stored {
    fn from(seen: RowsSeen) -> Self {
        let RowsSeen { rows, synthetic, sum, sources, columns, set } = seen;
        Self { rows, synthetic, sum, sources, columns, set: set.encode() }
    }
}

impl TryFrom<Stored> for RowsSeen {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { rows, synthetic, sum, sources, columns, set } = stored;
        let set = RowSet::decode(&set)?;
        let held = set.rows().len() as u64;
        if held > rows || (held == 0) != (rows == 0) {
            return Err(Error::state(format!("rows seen that keep some of {rows} rows"), format!("{held}")));
        }
        if rows > 0 && (sources.is_empty() || columns.is_empty()) {
            return Err(Error::state("rows seen of a table", "rows of none"));
        }
        Ok(Self { rows, synthetic, sum, sources, columns, set })
    }
}

impl RowsSeen {
    /// No rows: what merges with any other without a change, where that is no larger sketch.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for a sketch of no rows.
    pub fn none(tracking: RowTracking) -> Result<Self> {
        tracking.validate()?;
        let (sources, columns) = (BTreeSet::new(), BTreeSet::new());
        let set = RowSet::new(tracking, std::iter::empty());
        Ok(Self { rows: 0, synthetic: 0, sum: 0, sources, columns, set })
    }

    /// The rows of a dataset.
    ///
    /// # Errors
    ///
    /// As [`none`](Self::none); [`Unsupported`](crate::ErrorKind::Unsupported) when the rows are not tracked.
    pub fn of<P: Partition>(data: &Dataset<P>, tracking: RowTracking) -> Result<Self> {
        let mut seen = Self::none(tracking)?;
        let keys = data.row_keys("telling which rows are seen")?;
        let own = |row: &usize| data.row_id(*row) < SYNTHETIC;
        let rows: Vec<(u64, u64)> = (0..data.n_rows()).filter(own).map(|row| keys.get(row)).collect();
        seen.synthetic = (data.n_rows() - rows.len()) as u64;
        if rows.is_empty() {
            return Ok(seen);
        }
        seen.rows = rows.len() as u64;
        seen.sum = rows.iter().fold(0, |sum, &(identity, content)| {
            sum.wrapping_add(
                u128::from(hash_u64(identity, 0)) << 64 | u128::from(hash_u64(content, identity)),
            )
        });
        seen.sources = keys.origin().sources.clone();
        seen.columns = keys.origin().columns.clone();
        seen.set = RowSet::new(tracking, rows.into_iter());
        Ok(seen)
    }

    /// Adds the rows of another state. A sketch and all rows give a sketch, two sketches the smaller one.
    pub fn merge(&mut self, from: &Self) {
        self.rows = self.rows.saturating_add(from.rows);
        self.synthetic = self.synthetic.saturating_add(from.synthetic);
        self.sum = self.sum.wrapping_add(from.sum);
        self.sources.extend(from.sources.iter().cloned());
        self.columns.extend(&from.columns);
        self.set = self.set.union(&from.set);
    }

    /// How many rows were seen; one that was seen twice counts twice.
    pub fn n_rows(&self) -> u64 {
        self.rows
    }

    /// How many rows were seen that a resampler had made.
    pub fn synthetic(&self) -> u64 {
        self.synthetic
    }

    /// The sum of the hashes of the rows seen: equal for equal rows, in any order.
    pub fn fingerprint(&self) -> u128 {
        self.sum
    }

    /// What says which row a row is.
    pub fn sources(&self) -> &BTreeSet<RowSource> {
        &self.sources
    }

    /// How much is kept of the rows.
    pub fn tracking(&self) -> RowTracking {
        self.set.tracking()
    }

    /// How many rows are kept.
    pub fn n_kept(&self) -> usize {
        self.set.rows().len()
    }

    /// The smallest share of the rows seen whose overlap with other rows is found with a probability of 99%: 1-0.01^(1/k)
    /// of a sketch of k rows, and a single row when all are kept.
    pub fn smallest_share(&self) -> f64 {
        let kept = self.n_kept() as f64;
        match kept {
            0.0 => 0.0,
            _ if self.set.is_complete() => 1.0 / kept,
            _ => -(0.01f64.ln() / kept).exp_m1(),
        }
    }

    pub(crate) fn columns(&self) -> &BTreeSet<u64> {
        &self.columns
    }

    pub(crate) fn set(&self) -> &RowSet {
        &self.set
    }
}
