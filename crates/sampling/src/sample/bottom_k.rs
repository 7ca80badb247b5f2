//! The same keys whatever the order or the shards.

use mlsys_core::arrow::array::{Array, RecordBatch};
use mlsys_core::arrow::datatypes::Schema;
use mlsys_core::{
    Dataset, Error, InputColumn, NamedStatistic, Partition, Result, Statistic, column, hash::hash_rows, seed,
};
use serde::{Deserialize, Serialize};

use super::{Draw, Sample, check_size};

/// All rows of the `size` keys with the smallest hashes: a uniform sample of the distinct keys.
///
/// It depends on the set of keys and the seed alone: not on the order of rows, how they are divided, or how often a
/// key occurs. Samples merge exactly, and those of two tables under one seed overlap as their keys do.
///
/// | parameter | default | range |
/// |---|---|---|
/// | `column` | required | one or more key columns, of any type that has categories; missing is a key |
/// | `size` | required | 1 or more keys; all rows when there are fewer |
/// | `seed` | 0 | any |
///
/// As a [`Statistic`], one pass over a table, a stream or shards, with 8 bytes a key of state.
///
/// ```
/// use mlsys_core::arrow::array::{Array, StringArray};
/// use mlsys_sampling::sample::bottom_k;
/// let planes = StringArray::from(vec!["N1", "N2", "N1", "N3", "N2"]);
/// let sample = bottom_k(&[("plane", &planes as &dyn Array)], 1, 0)?;
/// assert!([vec![0, 2], vec![1, 4], vec![3]].contains(&sample.rows));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Edith Cohen, Haim Kaplan, *Summarizing data using bottom-k sketches*, 2007.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a sampler does nothing until it draws"]
pub struct BottomK {
    columns: Vec<String>,
    size: usize,
    #[serde(default)]
    seed: u64,
}

impl BottomK {
    /// Takes the rows of that many keys.
    pub fn new(column: impl Into<String>, size: usize) -> Self {
        Self { columns: vec![column.into()], size, seed: seed::DEFAULT_SEED }
    }

    /// One more column of the key.
    pub fn and(mut self, column: impl Into<String>) -> Self {
        self.columns.push(column.into());
        self
    }

    /// The seed of the hash.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn hashes(&self, batch: &RecordBatch) -> Result<Vec<u64>> {
        let columns =
            self.columns.iter().map(|name| Ok((name.as_str(), column::find(batch, name)?.as_ref())));
        hash_rows(&columns.collect::<Result<Vec<(&str, &dyn Array)>>>()?, self.seed)
    }

    fn keep(&self, state: &mut BottomKState, hashes: impl IntoIterator<Item = u64>) {
        let limit = (state.hashes.len() >= self.size).then(|| state.hashes.last().copied()).flatten();
        state.hashes.extend(hashes.into_iter().filter(|hash| limit.is_none_or(|limit| *hash < limit)));
        state.hashes.sort_unstable();
        state.hashes.dedup();
        state.hashes.truncate(self.size);
    }
}

/// The state of [`BottomK`].
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// let columns = RecordBatch::try_from_iter([
///     ("key", Arc::new(Int64Array::from(vec![4, 4, 5, 6])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
/// use mlsys_core::Statistic;
/// use mlsys_core::statistic::state_of;
/// use mlsys_sampling::sample::BottomK;
/// let (recipe, batch) = (BottomK::new("key", 2), data.batch());
/// let mut state = state_of(&recipe, &batch.slice(0, 2))?;
/// recipe.merge(&mut state, state_of(&recipe, &batch.slice(2, 2))?)?;
/// assert_eq!(state, state_of(&recipe, batch)?);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BottomKState {
    /// Ascending.
    hashes: Vec<u64>,
}

/// Which keys [`BottomK`] took.
///
/// ```
/// # use std::sync::Arc;
/// # use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// let columns = RecordBatch::try_from_iter([
///     ("key", Arc::new(Int64Array::from(vec![4, 4, 5, 6])) as _),
/// ])?;
/// let data = Dataset::new(columns)?;
/// use mlsys_core::Statistic;
/// use mlsys_core::statistic::state_of;
/// use mlsys_sampling::sample::BottomK;
/// let recipe = BottomK::new("key", 9);
/// let sample = recipe.finish(&state_of(&recipe, data.batch())?)?;
/// assert_eq!((sample.n_keys(), sample.distinct()), (3, 3.0));
/// assert_eq!(sample.rows(data.batch())?, [0, 1, 2, 3]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BottomKSample {
    recipe: BottomK,
    hashes: Vec<u64>,
}

impl BottomKSample {
    /// How many keys there are.
    pub fn n_keys(&self) -> usize {
        self.hashes.len()
    }

    /// An estimate of the number of distinct keys, `(k − 1) / (the k-th smallest hash as a share)`; exact below `size`.
    pub fn distinct(&self) -> f64 {
        match self.hashes.last() {
            Some(&last) if self.hashes.len() == self.recipe.size && self.hashes.len() > 1 => {
                (self.hashes.len() - 1) as f64 / (last as f64 / u64::MAX as f64)
            }
            _ => self.hashes.len() as f64,
        }
    }

    /// The rows of a batch whose keys are in the sample.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn), [`ColumnType`](mlsys_core::ErrorKind::ColumnType).
    pub fn rows(&self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let hashes = self.recipe.hashes(batch)?;
        Ok((0..hashes.len()).filter(|&row| self.hashes.binary_search(&hashes[row]).is_ok()).collect())
    }
}

impl NamedStatistic for BottomK {
    const NAME: &'static str = "mlsys.BottomK";

    fn check_state(&self, state: &BottomKState) -> Result<()> {
        if state.hashes.len() <= self.size && state.hashes.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        let found = format!("{}, or not ascending", state.hashes.len());
        Err(Error::state(format!("{} ascending hashes at most", self.size), found))
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        self.columns.clone()
    }
}

impl BottomKSample {
    fn validate(&self) -> Result<()> {
        check_size("BottomK", self.recipe.size, usize::MAX)?;
        match self.hashes.is_sorted() && self.hashes.len() <= self.recipe.size {
            true => Ok(()),
            false => Err(Error::artifact("holds keys that are not in order, or more than its size")),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }

    /// The key columns.
    pub fn columns(&self) -> &[String] {
        &self.recipe.columns
    }
}

mlsys_core::artifact!(BottomKSample, "mlsys.BottomKSample", 1);

impl Statistic for BottomK {
    type State = BottomKState;
    type Output = BottomKSample;

    fn init(&self, schema: &Schema) -> Result<BottomKState> {
        check_size("BottomK", self.size, usize::MAX)?;
        for (i, name) in self.columns.iter().enumerate() {
            if self.columns[..i].contains(name) {
                return Err(Error::invalid_parameter("BottomK", "columns", name, "each column once"));
            }
            schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
        }
        Ok(BottomKState::default())
    }

    fn update(&self, state: &mut BottomKState, batch: &RecordBatch) -> Result<()> {
        self.keep(state, self.hashes(batch)?);
        Ok(())
    }

    fn merge(&self, into: &mut BottomKState, from: BottomKState) -> Result<()> {
        if from.hashes.len() > self.size {
            return Err(Error::state(
                format!("{} keys at most", self.size),
                format!("{}", from.hashes.len()),
            ));
        }
        self.keep(into, from.hashes);
        Ok(())
    }

    fn finish(&self, state: &BottomKState) -> Result<BottomKSample> {
        Ok(BottomKSample { recipe: self.clone(), hashes: state.hashes.clone() })
    }
}

impl Draw for BottomK {
    fn draw<P: Partition>(&self, data: &Dataset<P>) -> Result<Sample> {
        self.init(&data.schema())?;
        Ok(taken(&self.hashes(data.batch())?, self.size))
    }
}

fn taken(hashes: &[u64], size: usize) -> Sample {
    let mut keys = hashes.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let all = keys.len();
    keys.truncate(size);
    let rows: Vec<usize> = match keys.last() {
        Some(&last) => (0..hashes.len()).filter(|&row| hashes[row] <= last).collect(),
        None => Vec::new(),
    };
    let weight = all as f64 / keys.len().max(1) as f64;
    let weights = Some(vec![weight; rows.len()]);
    Sample { rows, weights }
}

/// As [`BottomK`], of arrays.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a size of 0; as [`hash_rows`].
///
/// ```
/// use mlsys_core::arrow::array::{Array, Int64Array};
/// let keys = Int64Array::from(vec![4, 4, 5, 6]);
/// let sample = mlsys_sampling::sample::bottom_k(&[("key", &keys as &dyn Array)], 3, 0)?;
/// assert_eq!((sample.rows.len(), sample.weights.unwrap()[0]), (4, 1.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn bottom_k(keys: &[(&str, &dyn Array)], size: usize, seed: u64) -> Result<Sample> {
    check_size("BottomK", size, usize::MAX)?;
    Ok(taken(&hash_rows(keys, seed)?, size))
}
