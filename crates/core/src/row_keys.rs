//! Keys of rows: which row of which table a row is, and what is in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::hash::{hash_bytes, hash_rows_128, hash_u64};
use crate::{Error, ErrorKind, Layout, Result};

/// Two keys per row, of 64 bits each, which follow the rows of a table wherever they go.
#[derive(Debug, Clone)]
pub(crate) struct RowKeys {
    identity: ScalarBuffer<u64>,
    content: ScalarBuffer<u64>,
    origin: Arc<Origin>,
}

/// What the keys of some rows mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) sources: BTreeSet<RowSource>,
    /// A hash of the names of the columns whose contents are in the keys.
    pub(crate) columns: BTreeSet<u64>,
}

/// What says which row a row is. Rows are compared by identity only under the same source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowSource {
    /// The place in a table, which is known by the sum of the hashes of its rows and their places: the same rows in another
    /// order are another table.
    Table(u128),
    /// The value in an id column of this name.
    Id(String),
}

/// Seeds, so that keys of one kind are none of another.
const IDENTITY: u64 = 0x6964;
const CONTENT: u64 = 0x726f_7773;

impl RowKeys {
    /// The keys of a table whose rows have these ids: one pass over all columns.
    pub(crate) fn new(
        layout: &Layout,
        batch: &RecordBatch,
        id: impl Fn(usize) -> u64 + Sync,
    ) -> Result<Self> {
        let schema = batch.schema_ref();
        let mut columns: Vec<(&str, &dyn Array)> = schema
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .zip(batch.columns().iter().map(AsRef::as_ref))
            .collect();
        columns.sort_unstable_by_key(|(name, _)| *name);
        let named = layout.roles().id.as_deref();
        let named = columns.iter().find(|(name, _)| Some(*name) == named).copied();
        if columns.len() > 1 {
            // Rows under two ids may hold the same: the id is no part of what they hold.
            columns.retain(|(name, _)| Some(*name) != named.map(|(name, _)| name));
        }
        let names = columns.iter().fold(CONTENT, |all, (name, _)| hash_bytes(name.as_bytes(), all));
        let hashes = hash_rows_128(&columns, names)?;
        let (source, identity) = match named {
            Some((name, array)) => (RowSource::Id(name.into()), of_ids(name, array)?),
            None => {
                let placed = |(row, &hash): (usize, &u128)| {
                    let (high, low) = ((hash >> 64) as u64, hash as u64);
                    u128::from(hash_u64(high, id(row))) << 64 | u128::from(hash_u64(low, id(row)))
                };
                let sum = hashes.par_iter().enumerate().map(placed).reduce(|| 0, u128::wrapping_add);
                let table = sum.wrapping_add(u128::from(names));
                let seed = hash_u64(table as u64, hash_u64((table >> 64) as u64, IDENTITY));
                let identity = (0..hashes.len()).into_par_iter().map(|row| hash_u64(id(row), seed));
                (RowSource::Table(table), identity.collect())
            }
        };
        Ok(Self {
            identity: identity.into(),
            content: hashes.par_iter().map(|&hash| hash as u64).collect::<Vec<_>>().into(),
            origin: Arc::new(Origin { sources: [source].into(), columns: [names].into() }),
        })
    }

    /// The identity and the content of a row.
    pub(crate) fn get(&self, row: usize) -> (u64, u64) {
        (self.identity[row], self.content[row])
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn slice(&self, offset: usize, rows: usize) -> Self {
        Self {
            identity: self.identity.slice(offset, rows),
            content: self.content.slice(offset, rows),
            origin: Arc::clone(&self.origin),
        }
    }

    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        Self {
            identity: rows.iter().map(|&row| self.identity[row]).collect(),
            content: rows.iter().map(|&row| self.content[row]).collect(),
            origin: Arc::clone(&self.origin),
        }
    }

    pub(crate) fn concat(&self, other: &Self) -> Self {
        let both = |own: &[u64], others: &[u64]| own.iter().chain(others).copied().collect();
        let origin = if self.origin == other.origin {
            Arc::clone(&self.origin)
        } else {
            let (a, b) = (&self.origin, &other.origin);
            Arc::new(Origin {
                sources: a.sources.union(&b.sources).cloned().collect(),
                columns: a.columns.union(&b.columns).copied().collect(),
            })
        };
        Self {
            identity: both(&self.identity, &other.identity),
            content: both(&self.content, &other.content),
            origin,
        }
    }

    /// The keys of the rows with these ids, of which `own` lists those that there are, and of rows without a key.
    pub(crate) fn resampled(&self, own: Vec<u64>, ids: &[u64], fresh: usize) -> Result<Self> {
        let mut places: Vec<(u64, usize)> = own.into_iter().zip(0..).collect();
        // One pass where ids ascend already.
        places.sort_unstable();
        let place = |id: &u64| match places.binary_search_by_key(id, |(id, _)| *id) {
            Ok(at) => Ok(places[at].1),
            Err(_) => Err(Error::shape("ids of resampled rows", "ids of the rows that were resampled", id)),
        };
        let kept = self.take(&ids.iter().map(place).collect::<Result<Vec<_>>>()?);
        let padded = |keys: &[u64]| keys.iter().copied().chain(std::iter::repeat_n(0, fresh)).collect();
        Ok(Self { identity: padded(&kept.identity), content: padded(&kept.content), origin: kept.origin })
    }
}

/// The keys of ids, none of which may be missing.
fn of_ids(name: &str, array: &dyn Array) -> Result<Vec<u64>> {
    let count = array.logical_null_count();
    if count > 0 {
        let hint = "an id names its row: fill these in, or do not give the column the role of an id".into();
        return Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into());
    }
    let hashes = hash_rows_128(&[(name, array)], hash_bytes(name.as_bytes(), IDENTITY))?;
    Ok(hashes.into_par_iter().map(|hash| hash as u64).collect())
}
