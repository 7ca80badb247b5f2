//! One-pass statistics whose states merge, and the drivers that run them.
//!
//! A driver cuts its rows on one global grid of [`GRID`] rows and merges the states in a fixed tree, so that
//! the result has the same bits for any number of threads and any batch size.

use std::collections::BTreeMap;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Category, Coded, Dataset, Error, Partition, Result, column};

/// Rows of one chunk of the global grid.
pub const GRID: usize = 65_536;

/// A one-pass statistic: the value is the recipe, the state is plain data that merges.
///
/// `merge` is associative and `init()` is its neutral element: exactly for integer states, else within a
/// tolerance that the statistic states. States made by different recipes must refuse to merge.
///
/// Two statistics in a tuple are a statistic: one scan, two results.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a one-pass statistic",
    label = "expected a `Statistic`, such as `Moments` or a tuple of statistics"
)]
pub trait Statistic: Clone + Send + Sync {
    /// What is kept while rows go by; it travels between threads and machines.
    type State: Clone + Send + Serialize + DeserializeOwned;
    /// What [`finish`](Self::finish) makes of the state.
    type Output;

    /// The state of no rows.
    ///
    /// # Errors
    ///
    /// When the schema lacks a column, or has one of a wrong type.
    fn init(&self, schema: &Schema) -> Result<Self::State>;

    /// Adds the rows of a batch.
    ///
    /// # Errors
    ///
    /// When the batch does not fit the schema that `init` saw.
    fn update(&self, state: &mut Self::State, batch: &RecordBatch) -> Result<()>;

    /// Adds the rows of another state, which come after those of `into`.
    ///
    /// # Errors
    ///
    /// [`State`](crate::ErrorKind::State) when the states do not belong to one statistic.
    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()>;

    /// The result; callable any number of times.
    ///
    /// # Errors
    ///
    /// When the rows were too few, or a value does not fit its type.
    fn finish(&self, state: &Self::State) -> Result<Self::Output>;
}

macro_rules! tuple_statistic {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Statistic),+> Statistic for ($($name,)+) {
            type State = ($($name::State,)+);
            type Output = ($($name::Output,)+);

            fn init(&self, schema: &Schema) -> Result<Self::State> {
                Ok(($(self.$index.init(schema)?,)+))
            }

            fn update(&self, state: &mut Self::State, batch: &RecordBatch) -> Result<()> {
                $(self.$index.update(&mut state.$index, batch)?;)+
                Ok(())
            }

            fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
                $(self.$index.merge(&mut into.$index, from.$index)?;)+
                Ok(())
            }

            fn finish(&self, state: &Self::State) -> Result<Self::Output> {
                Ok(($(self.$index.finish(&state.$index)?,)+))
            }
        }
    };
}

tuple_statistic!(A 0, B 1);
tuple_statistic!(A 0, B 1, C 2);
tuple_statistic!(A 0, B 1, C 2, D 3);
tuple_statistic!(A 0, B 1, C 2, D 3, E 4);

/// Runs a statistic over the rows of a dataset, in parallel on rayon's current pool.
///
/// # Errors
///
/// The statistic's own.
pub fn summarize<S: Statistic, P: Partition>(statistic: &S, data: &Dataset<P>) -> Result<S::Output> {
    statistic.finish(&state_of(statistic, data.batch())?)
}

/// The state over one table, merged on the grid.
///
/// # Errors
///
/// The statistic's own.
pub fn state_of<S: Statistic>(statistic: &S, batch: &RecordBatch) -> Result<S::State> {
    let chunks = batch.num_rows().div_ceil(GRID).max(1);
    state_of_chunks(statistic, batch, 0, chunks)
}

fn state_of_chunks<S: Statistic>(
    statistic: &S,
    batch: &RecordBatch,
    from: usize,
    chunks: usize,
) -> Result<S::State> {
    if chunks == 1 {
        let start = from * GRID;
        let mut state = statistic.init(batch.schema_ref())?;
        let chunk = batch.slice(start, GRID.min(batch.num_rows() - start));
        statistic.update(&mut state, &chunk).map_err(|e| e.offset_rows(start))?;
        return Ok(state);
    }
    // The largest power of two below the total: the tree that a stream's binary counter builds.
    let left = 1 << (usize::BITS - 1 - (chunks - 1).leading_zeros());
    let (a, b) = rayon::join(
        || state_of_chunks(statistic, batch, from, left),
        || state_of_chunks(statistic, batch, from + left, chunks - left),
    );
    let mut state = a?;
    statistic.merge(&mut state, b?)?;
    Ok(state)
}

/// Runs a statistic over a stream of batches of any size, such as a Parquet file larger than memory.
///
/// # Errors
///
/// The statistic's own, the stream's own, and an Arrow error when a batch has another schema.
pub fn summarize_batches<S: Statistic>(
    statistic: &S,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<S::Output> {
    statistic.finish(&state_of_batches(statistic, schema, batches)?)
}

/// The state over a stream of batches, with the bits that [`state_of`] gives for the whole table.
///
/// # Errors
///
/// As [`summarize_batches`].
pub fn state_of_batches<S: Statistic>(
    statistic: &S,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<S::State> {
    let mut counter = BinaryCounter { statistic, levels: Vec::new() };
    let wave = rayon::current_num_threads().max(1);
    let mut ready: Vec<RecordBatch> = Vec::with_capacity(wave);
    let mut chunks_done = 0;
    let mut flush = |ready: &mut Vec<RecordBatch>, counter: &mut BinaryCounter<'_, S>| -> Result<()> {
        let start = chunks_done;
        chunks_done += ready.len();
        let states: Vec<Result<S::State>> = std::mem::take(ready)
            .into_par_iter()
            .enumerate()
            .map(|(i, chunk)| {
                let mut state = statistic.init(schema)?;
                statistic.update(&mut state, &chunk).map_err(|e| e.offset_rows((start + i) * GRID))?;
                Ok(state)
            })
            .collect();
        states.into_iter().try_for_each(|state| counter.push(state?))
    };
    for chunk in Rechunk::new(schema.clone(), batches.into_iter()) {
        ready.push(chunk?);
        if ready.len() == wave {
            flush(&mut ready, &mut counter)?;
        }
    }
    flush(&mut ready, &mut counter)?;
    counter.finish(schema)
}

/// Runs a statistic once per value of a column; missing values are a group of their own, `None`.
///
/// # Errors
///
/// The statistic's own; [`MissingColumn`](crate::ErrorKind::MissingColumn);
/// [`ColumnType`](crate::ErrorKind::ColumnType) when the column has no categories.
pub fn summarize_by<S: Statistic, P: Partition>(
    statistic: &S,
    data: &Dataset<P>,
    by: &str,
) -> Result<BTreeMap<Option<Category>, S::Output>>
where
    S::Output: Send,
{
    let groups = rows_by(data.batch(), by)?;
    let outputs: Vec<_> = groups
        .into_par_iter()
        .map(|(value, rows)| {
            let part = take_record_batch(data.batch(), &UInt32Array::from(rows))?;
            Ok((value, statistic.finish(&state_of(statistic, &part)?)?))
        })
        .collect::<Result<_>>()?;
    Ok(outputs.into_iter().collect())
}

/// The rows of each value of a column, ascending, missing ones first.
///
/// # Errors
///
/// [`MissingColumn`](crate::ErrorKind::MissingColumn); [`ColumnType`](crate::ErrorKind::ColumnType) when the column
/// has no categories.
pub fn rows_by(batch: &RecordBatch, by: &str) -> Result<Vec<(Option<Category>, Vec<u32>)>> {
    if u32::try_from(batch.num_rows()).is_err() {
        return Err(Error::shape("rows to group", "at most 4294967295", batch.num_rows()));
    }
    let coded = Coded::new(by, column::find(batch, by)?)?.sorted();
    let mut groups: Vec<(Option<Category>, Vec<u32>)> = vec![(None, Vec::new())];
    groups.extend(coded.distinct.iter().map(|value| (Some(value.clone()), Vec::new())));
    for (row, &code) in coded.codes.iter().enumerate() {
        groups[code.wrapping_add(1) as usize].1.push(row as u32);
    }
    groups.retain(|(_, rows)| !rows.is_empty());
    Ok(groups)
}

/// Merges states of consecutive chunks as a binary counter adds ones.
struct BinaryCounter<'a, S: Statistic> {
    statistic: &'a S,
    levels: Vec<(u32, S::State)>,
}

impl<S: Statistic> BinaryCounter<'_, S> {
    fn push(&mut self, state: S::State) -> Result<()> {
        self.levels.push((0, state));
        while let [.., (a, _), (b, _)] = self.levels.as_slice()
            && a == b
        {
            self.carry()?;
        }
        Ok(())
    }

    fn carry(&mut self) -> Result<()> {
        if let (Some((_, from)), Some((level, mut into))) = (self.levels.pop(), self.levels.pop()) {
            self.statistic.merge(&mut into, from)?;
            self.levels.push((level + 1, into));
        }
        Ok(())
    }

    fn finish(mut self, schema: &Schema) -> Result<S::State> {
        while self.levels.len() > 1 {
            self.carry()?;
        }
        match self.levels.pop() {
            Some((_, state)) => Ok(state),
            None => {
                let mut state = self.statistic.init(schema)?;
                self.statistic.update(&mut state, &RecordBatch::new_empty(schema.clone().into()))?;
                Ok(state)
            }
        }
    }
}

/// Cuts a stream into chunks of exactly [`GRID`] rows, but for the last.
struct Rechunk<I> {
    schema: SchemaRef,
    source: I,
    held: Vec<RecordBatch>,
    rows: usize,
    done: bool,
}

impl<I: Iterator<Item = Result<RecordBatch>>> Rechunk<I> {
    fn new(schema: SchemaRef, source: I) -> Self {
        Self { schema, source, held: Vec::new(), rows: 0, done: false }
    }

    fn emit(&mut self) -> Result<RecordBatch> {
        let whole = match self.held.as_slice() {
            [only] => only.clone(),
            several => concat_batches(&self.schema, several)?,
        };
        let chunk = whole.slice(0, GRID.min(whole.num_rows()));
        let rest = whole.num_rows() - chunk.num_rows();
        self.held = if rest > 0 { vec![whole.slice(chunk.num_rows(), rest)] } else { Vec::new() };
        self.rows = rest;
        Ok(chunk)
    }
}

impl<I: Iterator<Item = Result<RecordBatch>>> Iterator for Rechunk<I> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done && self.rows < GRID {
            match self.source.next() {
                None => self.done = true,
                Some(Err(error)) => {
                    self.done = true;
                    self.rows = 0;
                    return Some(Err(error));
                }
                Some(Ok(batch)) => {
                    if batch.schema_ref().fields() != self.schema.fields() {
                        self.done = true;
                        self.rows = 0;
                        return Some(Err(Error::shape("batch of a stream", &self.schema, batch.schema())));
                    }
                    self.rows += batch.num_rows();
                    if batch.num_rows() > 0 {
                        self.held.push(batch);
                    }
                }
            }
        }
        (self.rows > 0).then(|| self.emit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    /// Writes down how it was merged, so that two drivers can be compared.
    #[derive(Clone)]
    struct Trace;

    impl Statistic for Trace {
        type State = String;
        type Output = String;

        fn init(&self, _: &Schema) -> Result<String> {
            Ok(String::new())
        }

        fn update(&self, state: &mut String, batch: &RecordBatch) -> Result<()> {
            let first = batch.column(0).as_primitive::<Int64Type>().values().first().copied();
            state.push_str(&format!("{first:?}x{}", batch.num_rows()));
            Ok(())
        }

        fn merge(&self, into: &mut String, from: String) -> Result<()> {
            *into = format!("({into}+{from})");
            Ok(())
        }

        fn finish(&self, state: &String) -> Result<String> {
            Ok(state.clone())
        }
    }

    fn table(rows: usize) -> RecordBatch {
        let ids = Arc::new(Int64Array::from_iter_values(0..rows as i64));
        RecordBatch::try_from_iter([("id", ids as _)]).unwrap()
    }

    #[test]
    fn streams_and_tables_build_the_same_tree() {
        for rows in [0, 1, GRID, GRID + 1, 3 * GRID, 5 * GRID + 7, 8 * GRID] {
            let batch = table(rows);
            let whole = state_of(&Trace, &batch).unwrap();
            for size in [1_000, 8_192, GRID, 2 * GRID + 1] {
                let parts =
                    (0..rows.div_ceil(size)).map(|i| Ok(batch.slice(i * size, size.min(rows - i * size))));
                assert_eq!(
                    state_of_batches(&Trace, &batch.schema(), parts).unwrap(),
                    whole,
                    "{rows} by {size}"
                );
            }
        }
    }

    #[test]
    fn a_failing_stream_fails() {
        let batch = table(10);
        let stream = [Ok(batch.clone()), Err(Error::unsupported("broken"))];
        assert_eq!(state_of_batches(&Trace, &batch.schema(), stream).unwrap_err().to_string(), "broken");
        let other = RecordBatch::try_from_iter([("other", batch.column(0).clone())]).unwrap();
        assert!(state_of_batches(&Trace, &batch.schema(), [Ok(other)]).is_err());
    }

    #[test]
    fn groups_keep_missing_apart() {
        let by = Arc::new(Int64Array::from(vec![Some(2), None, Some(1), Some(2)]));
        let batch =
            RecordBatch::try_from_iter([("id", table(4).column(0).clone()), ("by", by as _)]).unwrap();
        let groups = summarize_by(&Trace, &Dataset::new(batch).unwrap(), "by").unwrap();
        let groups: Vec<_> = groups.into_iter().collect();
        assert_eq!(groups[0], (None, "Some(1)x1".into()));
        assert_eq!(groups[1], (Some(Category::Int(1)), "Some(2)x1".into()));
        assert_eq!(groups[2], (Some(Category::Int(2)), "Some(0)x2".into()));
    }
}
