//! What a dataset knows of its rows besides their values: their ids, and their keys where they are tracked.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::ScalarBuffer;

use crate::row_keys::RowKeys;
use crate::{Layout, Result};

/// Ids from here on are of rows that a resampler made: no row of a table has one.
pub(crate) const SYNTHETIC: u64 = 1 << 63;

/// The ids and keys of a dataset's rows.
#[derive(Debug, Clone)]
pub(crate) struct RowIds {
    ids: Ids,
    keys: Option<Arc<RowKeys>>,
}

/// A range until rows are picked.
#[derive(Debug, Clone)]
enum Ids {
    From(u64),
    Listed(ScalarBuffer<u64>),
}

impl RowIds {
    /// The rows of a table as they stand.
    pub(crate) fn of_table() -> Self {
        Self { ids: Ids::From(0), keys: None }
    }

    pub(crate) fn get(&self, row: usize) -> u64 {
        match &self.ids {
            Ids::From(first) => first + row as u64,
            Ids::Listed(ids) => ids[row],
        }
    }

    pub(crate) fn keys(&self) -> Option<&RowKeys> {
        self.keys.as_deref()
    }

    fn listed(ids: impl IntoIterator<Item = u64>, keys: Option<RowKeys>) -> Self {
        Self { ids: Ids::Listed(ids.into_iter().collect()), keys: keys.map(Arc::new) }
    }

    /// The same ids with keys for the rows of this table.
    pub(crate) fn tracked(self, layout: &Layout, batch: &RecordBatch) -> Result<Self> {
        let keys = RowKeys::new(layout, batch, |row| self.get(row))?;
        Ok(Self { keys: Some(Arc::new(keys)), ..self })
    }

    pub(crate) fn slice(&self, offset: usize, rows: usize) -> Self {
        let ids = match &self.ids {
            Ids::From(first) => Ids::From(first + offset as u64),
            Ids::Listed(ids) => Ids::Listed(ids.slice(offset, rows)),
        };
        Self { ids, keys: self.keys().map(|keys| Arc::new(keys.slice(offset, rows))) }
    }

    /// Those of these rows, which the table has.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        Self::listed(rows.iter().map(|&row| self.get(row)), self.keys().map(|keys| keys.take(rows)))
    }

    /// Those of `n` rows and of `m` others below them. Rows are tracked when all are.
    pub(crate) fn concat(&self, n: usize, other: &Self, m: usize) -> Self {
        let ids = (0..n).map(|row| self.get(row)).chain((0..m).map(|row| other.get(row)));
        Self::listed(ids, self.keys().zip(other.keys()).map(|(own, others)| own.concat(others)))
    }

    /// Those of rows that a resampler chose from these `n`, and of `fresh` ones that it made.
    pub(crate) fn resampled(&self, n: usize, ids: &[u64], fresh: usize) -> Result<Self> {
        let highest = (0..n).map(|row| self.get(row)).max();
        let next = highest.map_or(SYNTHETIC, |id| id.saturating_add(1).max(SYNTHETIC));
        let keys = match self.keys() {
            Some(keys) => Some(keys.resampled((0..n).map(|row| self.get(row)).collect(), ids, fresh)?),
            None => None,
        };
        let made = (0..fresh as u64).map(|i| next.saturating_add(i));
        Ok(Self::listed(ids.iter().copied().chain(made), keys))
    }
}
