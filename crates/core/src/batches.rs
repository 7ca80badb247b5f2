//! A stream of batches that is typed by what its rows may be used for.

use std::marker::PhantomData;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::{Layout, Partition, Result, Role, Statistic, Test, Train, Unsplit, statistic};

/// A stream of batches and the role of each column: a [`Dataset`](crate::Dataset) that need not fit into memory.
///
/// ```
/// use mlsys_core::{Batches, Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![1, 2])) as _)])?;
/// let train = Batches::new(batch.schema(), [Ok(batch)])?.into_train_all();
/// assert_eq!(train.layout().features(), ["x"]);
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from(vec![3])) as _)])?;
/// let mut test = Batches::new(batch.schema(), [Ok(batch)])?.into_test_all();
/// assert_eq!(test.next().transpose()?.map(|batch| batch.num_rows()), Some(1));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub struct Batches<P: Partition = Unsplit> {
    layout: Layout,
    source: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
    partition: PhantomData<P>,
}

impl Batches<Unsplit> {
    /// A stream in which every column is a feature.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](crate::ErrorKind::DuplicateColumn).
    pub fn new<I>(schema: SchemaRef, batches: I) -> Result<Self>
    where
        I: IntoIterator<Item = Result<RecordBatch>>,
        I::IntoIter: Send + 'static,
    {
        Ok(Self {
            layout: Layout::new(schema)?,
            source: Box::new(batches.into_iter()),
            partition: PhantomData,
        })
    }

    /// All rows for training: see [`Dataset::into_train_all`](crate::Dataset::into_train_all).
    pub fn into_train_all(self) -> Batches<Train> {
        Batches { layout: self.layout, source: self.source, partition: PhantomData }
    }

    /// All rows as test rows: see [`Dataset::into_test_all`](crate::Dataset::into_test_all).
    pub fn into_test_all(self) -> Batches<Test> {
        Batches { layout: self.layout, source: self.source, partition: PhantomData }
    }
}

impl<P: Partition> Batches<P> {
    /// Gives a column a main role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](crate::ErrorKind::MissingColumn).
    pub fn with_role(mut self, name: &str, role: Role) -> Result<Self> {
        self.layout = self.layout.with_role(name, role)?;
        Ok(self)
    }

    /// The schema and the roles.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Runs a statistic over the stream, with the bits that it has over the whole table.
    ///
    /// # Errors
    ///
    /// As [`summarize_batches`](statistic::summarize_batches).
    pub fn summarize<S: Statistic>(self, recipe: &S) -> Result<S::Output> {
        statistic::summarize_batches(recipe, self.layout.schema(), self.source)
    }
}

impl<P: Partition> Iterator for Batches<P> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.source.next()
    }
}
