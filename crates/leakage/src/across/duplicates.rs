//! Rows that are in both parts, and equal rows with different labels.

use mlsys_core::arrow::array::Array;
use mlsys_core::hash::{hash_rows, hash_rows_128};
use mlsys_core::{Batches, Dataset, Error, ErrorKind, Partition, Result, Test, Train};

use super::twins::{Twins, twins};

/// Rows of a part that are in another one too. Made by [`duplicates_across`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicatesAcross {
    /// The rows of the second part that equal a row of the first, ascending.
    pub rows: Vec<usize>,
    /// For each of them, the first row of the first part that it equals.
    pub twins: Vec<usize>,
    /// How many rows of the first part have an equal one in it: what chance gives.
    pub within_first: usize,
}

/// Which rows of one part are rows of another too, equal in all of these columns: all rows of both, none sampled.
///
/// Rows are compared by a hash of 128 bits: two different rows of a billion have one hash with a chance below 10^-20. Missing values are
/// equal; so are equal values of other Arrow types (1 and 1.0, a text and its dictionary).
///
/// **Input**: two parts that have these columns. **Complexity**: O(n); 24 bytes a row. **Errors**:
/// [`MissingColumn`](ErrorKind::MissingColumn), [`ColumnType`](ErrorKind::ColumnType) for nested columns,
/// [`Shape`](ErrorKind::Shape) without columns.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_leakage::duplicates_across;
///
/// let table = |x: Vec<Option<i64>>| {
///     Dataset::new(RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(x)) as _)])?)
/// };
/// let train = table(vec![Some(1), None, Some(3), Some(3)])?;
/// let test = table(vec![Some(2), Some(3), None])?;
/// let found = duplicates_across(&train, &test, &["x"])?;
/// assert_eq!((found.rows, found.twins, found.within_first), (vec![1, 2], vec![2, 1], 2));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with few columns of few values, where rows are equal by chance: `within_first` says how often. **Instead**, for rows
/// that were changed a little: [`NearDuplicates`](crate::NearDuplicates).
///
/// # Errors
///
/// See above.
pub fn duplicates_across<P: Partition, Q: Partition>(
    first: &Dataset<P>,
    second: &Dataset<Q>,
    columns: &[&str],
) -> Result<DuplicatesAcross> {
    if let Some(few) = telling(first, columns)? {
        // Rows that are equal in all columns are equal in these: the others need no look.
        let by_few = twins(&keys(first, &few)?, &keys(second, &few)?);
        let (own, other) = by_few.candidates();
        if (own.len() + other.len()) * 4 < first.n_rows() + second.n_rows() {
            let found = twins(&keys(&first.take(&own)?, columns)?, &keys(&second.take(&other)?, columns)?);
            let some = DuplicatesAcross::of(&found);
            return Ok(DuplicatesAcross {
                rows: some.rows.into_iter().map(|row| other[row]).collect(),
                twins: some.twins.into_iter().map(|row| own[row]).collect(),
                within_first: some.within_first,
            });
        }
    }
    let found = twins(&keys(first, columns)?, &keys(second, columns)?);
    Ok(DuplicatesAcross::of(&found))
}

/// Rows by which columns are chosen, evenly taken.
const LOOKED_AT: usize = 2_048;
/// So many columns tell most rows apart.
const FEW: usize = 4;

/// The few columns that tell most rows apart, of those that are quickly hashed; `None` where that would save little.
fn telling<'a, P: Partition>(data: &Dataset<P>, columns: &[&'a str]) -> Result<Option<Vec<&'a str>>> {
    let rows: Vec<usize> = (0..data.n_rows()).step_by(data.n_rows().div_ceil(LOOKED_AT).max(1)).collect();
    let mut quick: Vec<&str> = columns.to_vec();
    quick.sort_unstable();
    quick.dedup();
    let mut kept = Vec::with_capacity(quick.len());
    for name in quick {
        if data.column(name)?.data_type().primitive_width().is_some() {
            kept.push(name);
        }
    }
    if columns.len() < 2 * FEW || kept.len() < FEW || rows.len() < LOOKED_AT / 2 {
        return Ok(None);
    }
    let sample = data.select(kept.iter())?.take(&rows)?;
    let mut counted: Vec<(usize, &str)> = Vec::with_capacity(kept.len());
    for name in kept {
        let mut hashes = hash_rows(&[(name, sample.column(name)?.as_ref())], 0)?;
        hashes.sort_unstable();
        hashes.dedup();
        counted.push((hashes.len(), name));
    }
    counted.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    Ok(Some(counted.into_iter().take(FEW).map(|(_, name)| name).collect()))
}

/// The same of two streams, of which only 16 bytes a row are kept. Columns are all features and the target.
///
/// # Errors
///
/// As [`duplicates_across`], and the streams' own.
pub fn duplicates_across_batches(first: Batches<Train>, second: Batches<Test>) -> Result<DuplicatesAcross> {
    let mut names: Vec<String> = first
        .layout()
        .features()
        .into_iter()
        .chain(first.layout().targets().iter().map(String::as_str))
        .map(Into::into)
        .collect();
    names.sort_unstable();
    names.dedup();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for batch in first {
        one.extend(batch_keys(&batch?, &names)?);
    }
    for batch in second {
        two.extend(batch_keys(&batch?, &names)?);
    }
    for rows in [&one, &two] {
        if u32::try_from(rows.len()).is_err() {
            return Err(Error::unsupported("comparing 4,294,967,296 rows or more"));
        }
    }
    Ok(DuplicatesAcross::of(&twins(&one, &two)))
}

fn batch_keys(batch: &mlsys_core::arrow::array::RecordBatch, names: &[String]) -> Result<Vec<u128>> {
    let mut columns: Vec<(&str, &dyn Array)> = Vec::with_capacity(names.len());
    for name in names {
        columns.push((name, mlsys_core::column::find(batch, name)?.as_ref()));
    }
    hash_rows_128(&columns, 0)
}

impl DuplicatesAcross {
    fn of(twins: &Twins) -> Self {
        let rows: Vec<usize> = twins.rows_across().collect();
        let first = rows.iter().map(|&row| twins.across[row] as usize).collect();
        let within_first = twins.has_twin_within().into_iter().filter(|has| *has).count();
        Self { rows, twins: first, within_first }
    }
}

/// A key a row, of these columns in ascending order of their names.
pub(crate) fn keys<P: Partition>(data: &Dataset<P>, columns: &[&str]) -> Result<Vec<u128>> {
    let mut names = columns.to_vec();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ErrorKind::DuplicateColumn { name: pair[0].into() }.into());
    }
    if u32::try_from(data.n_rows()).is_err() {
        return Err(Error::unsupported("comparing 4,294,967,296 rows or more"));
    }
    let mut arrays: Vec<(&str, &dyn Array)> = Vec::with_capacity(names.len());
    for name in names {
        arrays.push((name, data.column(name)?.as_ref()));
    }
    hash_rows_128(&arrays, 0)
}

/// Rows with equal features and different labels.
pub(crate) struct Conflicts {
    /// Rows of the second part that equal a row of the first in the features, but not in the label.
    pub(crate) across: Vec<usize>,
    /// Rows of the first part that equal an earlier one in the features, but not in the label.
    pub(crate) within: usize,
}

/// Whether each row has all of these columns: a label that is missing is no other label.
pub(crate) fn known<P: Partition>(data: &Dataset<P>, columns: &[&str]) -> Result<Vec<bool>> {
    let mut known = vec![true; data.n_rows()];
    for name in columns {
        if let Some(gaps) = mlsys_core::column::missing(name, data.column(name)?.as_ref())? {
            known.iter_mut().zip(gaps.iter()).for_each(|(known, there)| *known &= there);
        }
    }
    Ok(known)
}

/// `twins` are those by features; labels are keys too, of those rows of either part that have one. A row conflicts when a training row that
/// equals it has another label, whichever of them comes first.
pub(crate) fn conflicts(twins: &Twins, labels: [&[u128]; 2], known: &[Vec<bool>; 2]) -> Conflicts {
    // Of equal training rows, by the first of them: a label that is known, and whether there is another.
    let mut groups: Vec<Option<(u128, bool)>> = vec![None; labels[0].len()];
    let mut within = 0;
    for (row, &first) in twins.within.iter().enumerate().filter(|(row, _)| known[0][*row]) {
        match &mut groups[first as usize] {
            group @ None => *group = Some((labels[0][row], false)),
            Some((label, mixed)) => {
                let other = *label != labels[0][row];
                within += usize::from(other || *mixed);
                *mixed |= other;
            }
        }
    }
    let across = (0..labels[1].len()).filter(|&row| {
        let group = groups.get(twins.across[row] as usize).copied().flatten();
        known[1][row] && group.is_some_and(|(label, mixed)| mixed || label != labels[1][row])
    });
    Conflicts { across: across.collect(), within }
}
