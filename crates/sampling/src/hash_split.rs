//! A side for each key, by its hash.

use mlsys_core::arrow::array::Array;
use mlsys_core::hash::{hash_rows, hash_u64};
use mlsys_core::{Dataset, Error, Layout, Partition, Result, Split, Train, Unsplit, Validation, seed};
use serde::{Deserialize, Serialize};

use crate::by_row::{ByRow, Rule, SplitByRow};
use crate::sizes::{check_share, sides};

/// What a row does whose key is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// An error that says how many there are.
    #[default]
    Refuse,
    /// Missing is a key like another one: all such rows are on one side.
    Together,
}

/// A share of the keys for testing, by a hash of the key: a row is on the same side whatever else is in the table.
///
/// A row is for testing when h(key, seed) / 2⁶⁴ < `test_share`, with the [stable hash](hash_rows) of the key columns.
///
/// * `keys`, required: one or more columns that name the row, or what must not be torn apart.
/// * `test_share`: 0.25; between 0 and 1.
/// * `missing`: [`MissingKey::Refuse`]; or together.
/// * `seed`: 0.
///
/// **Input**: keys of text, numbers, booleans, bytes, dates or times, in any Arrow encoding: integers of any width,
/// dictionaries and slices give the same side. **Output**: both sides, rows in their old order. Rows that are
/// appended, reordered, or held in another file do not change the side of any row, and a larger share keeps the rows
/// of a smaller one. **Cost**: O(n), one pass per key column, on all threads. **Errors**: no key column, a share out
/// of range, a missing key, a side without rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_sampling::HashSplit;
///
/// let table = |ids: Vec<i64>| RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(ids)) as _)]);
/// let (_, today) = HashSplit::new("id").split(Dataset::new(table((0..1000).collect())?)?)?;
/// let (_, tomorrow) = HashSplit::new("id").split(Dataset::new(table((0..2000).collect())?)?)?;
/// assert_eq!(today.n_rows(), 239);
/// assert_eq!(today.row_ids(), tomorrow.row_ids()[..239]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// The rows for [validation](Split::split_validation) are chosen by another hash of the key, so that one value can
/// divide a table twice.
///
/// **Misleads** with few keys, where the share is met on average only: of 100 keys a quarter is 25 ± 4. It does not
/// look at classes or time. The hash is public, so a key's owner can choose a side. **Instead**:
/// [`GroupSplit`](crate::GroupSplit) for an exact share of a table that does not grow;
/// [`TimeSplit`](crate::TimeSplit) to predict the future.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct HashSplit {
    keys: Vec<String>,
    #[serde(default = "quarter")]
    test_share: f64,
    #[serde(default)]
    missing: MissingKey,
    #[serde(default)]
    seed: u64,
}

fn quarter() -> f64 {
    0.25
}

impl HashSplit {
    /// A quarter of the keys in this column for testing.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            keys: vec![key.into()],
            test_share: quarter(),
            missing: MissingKey::Refuse,
            seed: seed::DEFAULT_SEED,
        }
    }

    /// One more column of the key.
    pub fn and(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// The share of the keys for testing.
    pub fn test_share(mut self, test_share: f64) -> Self {
        self.test_share = test_share;
        self
    }

    /// What a row does whose key is missing.
    pub fn missing(mut self, missing: MissingKey) -> Self {
        self.missing = missing;
        self
    }

    /// Another seed, another split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn sides<P: Partition>(&self, data: &Dataset<P>, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
        let mut columns: Vec<(&str, &dyn Array)> = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let array = data.column(key)?;
            self.missing.check(key, array.as_ref())?;
            columns.push((key, array.as_ref()));
        }
        let (train, test) = hash_split(&columns, self.test_share, seed)?;
        if train.is_empty() || test.is_empty() {
            let why = format!(
                "{NAME} with test_share {} and seed {seed} (training rows {}, test rows {}: too few keys for this share; take \
                 another seed), for each side,",
                self.test_share,
                train.len(),
                test.len()
            );
            return Err(Error::too_few_rows(1, 0, why));
        }
        Ok((train, test))
    }
}

const NAME: &str = "HashSplit";

/// The training and the test rows, ascending, by the hash of these key columns: [`HashSplit`] without a dataset.
/// Missing keys are a key, and a side may be empty.
///
/// ```
/// use mlsys_core::arrow::array::{Array, StringArray};
///
/// let planes = StringArray::from(vec!["N14228", "N24211", "N14228", "N668DN"]);
/// let (train, test) = mlsys_sampling::hash_split(&[("tailnum", &planes as &dyn Array)], 0.5, 7)?;
/// assert_eq!((train, test), (vec![1, 3], vec![0, 2]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// A share out of range; as [`hash_rows`].
pub fn hash_split(
    keys: &[(&str, &dyn Array)],
    test_share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let bound = bound(test_share)?;
    let is_test: Vec<bool> = hash_rows(keys, seed)?.into_iter().map(|hash| hash < bound).collect();
    Ok(sides(&is_test))
}

/// Hashes below it are for testing.
fn bound(test_share: f64) -> Result<u64> {
    check_share(NAME, test_share)?;
    // Below 1, so that the product is below 2^64.
    Ok((test_share * 18_446_744_073_709_551_616.0) as u64)
}

impl ByRow for HashSplit {
    fn by_row(&self, layout: &Layout) -> Result<SplitByRow> {
        let rule = Rule::Hash { bound: bound(self.test_share)?, seed: self.seed, missing: self.missing };
        SplitByRow::new(layout, &self.keys, rule)
    }

    fn validation_by_row(&self, layout: &Layout) -> Result<SplitByRow> {
        self.clone().seed(hash_u64(self.seed, 1)).by_row(layout)
    }
}

impl Split for HashSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        self.sides(data, self.seed)
    }

    // Under the seed of the first division the rows that are left have large hashes only.
    fn split_validation(&self, train: Dataset<Train>) -> Result<(Dataset<Train>, Dataset<Validation>)> {
        let (rows, validation) = self.sides(&train, hash_u64(self.seed, 1))?;
        train.fold(&mlsys_core::Fold::new(rows, validation)?)
    }
}
