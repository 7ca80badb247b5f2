//! Ids and groups that are in both parts.

use mlsys_core::arrow::array::Array;
use mlsys_core::hash::hash_rows_128;
use mlsys_core::{Dataset, Partition, Result};

use super::twins::twins;

/// Values of some columns that are in both parts; rows where all are missing have none.
pub(crate) struct Shared {
    /// How many different values are in both.
    pub(crate) values: usize,
    /// Rows of the second part that have one of them.
    pub(crate) rows: Vec<usize>,
}

/// The values that two parts share.
pub(crate) fn shared<P: Partition, Q: Partition>(
    first: &Dataset<P>,
    second: &Dataset<Q>,
    column: &str,
) -> Result<Shared> {
    let (a, b) = (first.column(column)?, second.column(column)?);
    let keys = |array: &dyn Array| hash_rows_128(&[(column, array)], 0);
    let found = twins(&keys(a.as_ref())?, &keys(b.as_ref())?);
    let gaps = mlsys_core::column::missing(column, b.as_ref())?;
    let there = |row: &usize| gaps.as_ref().is_none_or(|gaps| gaps.is_valid(*row));
    let rows: Vec<usize> = found.rows_across().filter(there).collect();
    let mut values: Vec<u32> = rows.iter().map(|&row| found.across[row]).collect();
    values.sort_unstable();
    values.dedup();
    Ok(Shared { values: values.len(), rows })
}
