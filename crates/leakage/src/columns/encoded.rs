//! The features of an audit as levels, those of the test rows by what the training rows have.

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, ErrorKind, Partition, Result};
use rayon::prelude::*;

use super::levels::Levels;

/// Folds in which strength is judged.
pub(crate) const FOLDS: usize = 4;

/// A feature as levels.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) name: String,
    pub(crate) levels: Levels,
    /// The level of each training row.
    pub(crate) train: Vec<u32>,
    /// The level of each test row, when there are test rows.
    pub(crate) test: Vec<u32>,
}

impl Encoded {
    /// How many training rows have no value.
    pub(crate) fn missing(&self) -> usize {
        let missing = self.levels.missing();
        self.train.iter().filter(|&&level| level == missing).count()
    }
}

/// Columns as levels, in ascending order of their names; and the names of those that have none (nested columns).
pub(crate) fn encode<P: Partition, Q: Partition>(
    names: &[&str],
    train: &Dataset<P>,
    test: Option<&Dataset<Q>>,
) -> Result<(Vec<Encoded>, Vec<String>)> {
    let mut names: Vec<&str> = names.to_vec();
    names.sort_unstable();
    let one = |name: &&str| -> Result<(String, Option<Encoded>)> {
        let array: &ArrayRef = train.column(name)?;
        let Some((levels, codes)) = Levels::new(name, array.as_ref())? else {
            return Ok(((*name).to_owned(), None));
        };
        let of_test = test.map(|test| levels.codes(name, test.column(name)?.as_ref())).transpose()?;
        let encoded =
            Encoded { name: (*name).to_owned(), levels, train: codes, test: of_test.unwrap_or_default() };
        Ok(((*name).to_owned(), Some(encoded)))
    };
    let all: Vec<Result<(String, Option<Encoded>)>> = names.par_iter().map(one).collect();
    let (mut encoded, mut without) = (Vec::new(), Vec::new());
    for column in all {
        match column? {
            (_, Some(column)) => encoded.push(column),
            (name, None) => without.push(name),
        }
    }
    Ok((encoded, without))
}

/// The features as levels; one at least must have some.
pub(crate) fn encode_features<P: Partition, Q: Partition>(
    train: &Dataset<P>,
    test: Option<&Dataset<Q>>,
    needed_by: &str,
) -> Result<Vec<Encoded>> {
    let features = train.features();
    let (encoded, without) = encode(&features, train, test)?;
    if encoded.is_empty() {
        let hint = match without.first() {
            None => "every column has another role or is ignored".into(),
            Some(name) => format!("`{name}` and all others are nested or binary: flatten or parse them"),
        };
        return Err(ErrorKind::MissingRole { role: "feature", needed_by: needed_by.into(), hint }.into());
    }
    Ok(encoded)
}

/// The fold of each row, by its place.
pub(crate) fn folds(rows: usize) -> Vec<u8> {
    (0..rows as u64).map(|row| (hash_u64(row, 0x666f_6c64) >> 32) as u8 % FOLDS as u8).collect()
}

/// These rows' values.
pub(crate) fn take<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}
