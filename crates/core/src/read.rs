//! Readers of files into tables, each behind a feature of its own: Parquet, CSV, Arrow IPC.

#[cfg(feature = "csv")]
pub use csv::{CsvReader, read_csv};
#[cfg(feature = "ipc")]
pub use ipc::read_ipc;
#[cfg(feature = "parquet")]
pub use parquet::{ParquetReader, read_parquet};

#[cfg(any(feature = "parquet", feature = "csv", feature = "ipc"))]
fn open(path: &std::path::Path) -> crate::Result<std::fs::File> {
    std::fs::File::open(path)
        .map_err(|e| crate::Error::from(e).context(format!("reading {}", path.display())))
}

#[cfg(feature = "parquet")]
mod parquet {
    use std::collections::VecDeque;
    use std::path::{Path, PathBuf};

    use arrow::array::RecordBatch;
    use arrow::compute::concat_batches;
    use arrow::datatypes::SchemaRef;
    use parquet::arrow::ProjectionMask;
    use parquet::arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    };

    use crate::{Batches, Error, Result, column};

    /// Reads a whole Parquet file.
    ///
    /// # Errors
    ///
    /// Those of the file system, and of Parquet when the file is cut off or damaged.
    pub fn read_parquet(path: impl AsRef<Path>) -> Result<RecordBatch> {
        ParquetReader::new(path)?.read()
    }

    /// Reads a Parquet file, whole or as a stream, all columns or some.
    ///
    /// ```no_run
    /// use mlsys_core::read::ParquetReader;
    ///
    /// let stream = ParquetReader::new("flights.parquet")?.columns(["carrier", "arr_delay"])?.batches()?;
    /// for batch in stream {
    ///     println!("{} rows", batch?.num_rows());
    /// }
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    #[derive(Debug, Clone)]
    pub struct ParquetReader {
        path: PathBuf,
        metadata: ArrowReaderMetadata,
        columns: Option<Vec<usize>>,
        batch_size: usize,
    }

    impl ParquetReader {
        /// Opens a file and reads its metadata.
        ///
        /// # Errors
        ///
        /// As [`read_parquet`].
        pub fn new(path: impl AsRef<Path>) -> Result<Self> {
            let path = path.as_ref().to_path_buf();
            let file = super::open(&path)?;
            let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
                .map_err(|e| Error::external(e).context(format!("reading {}", path.display())))?;
            Ok(Self { path, metadata, columns: None, batch_size: 65_536 })
        }

        /// Reads only these columns, in the file's order.
        ///
        /// # Errors
        ///
        /// [`MissingColumn`](crate::ErrorKind::MissingColumn).
        pub fn columns<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
            let schema = self.metadata.schema();
            let index = |name: S| {
                schema.index_of(name.as_ref()).map_err(|_| column::missing_column(schema, name.as_ref()))
            };
            self.columns = Some(names.into_iter().map(index).collect::<Result<_>>()?);
            Ok(self)
        }

        /// Rows of a streamed batch at most: 65,536 unless said otherwise. Row groups that are decoded ahead end a batch.
        pub fn batch_size(mut self, rows: usize) -> Self {
            self.batch_size = rows.max(1);
            self
        }

        /// The number of rows that the file says it has.
        pub fn n_rows(&self) -> usize {
            usize::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
        }

        /// The schema of the columns that are read.
        ///
        /// # Errors
        ///
        /// An Arrow error when the selection does not fit the file.
        pub fn schema(&self) -> Result<SchemaRef> {
            let schema = self.metadata.schema();
            match &self.columns {
                None => Ok(schema.clone()),
                Some(columns) => {
                    let mut sorted = columns.clone();
                    sorted.sort_unstable();
                    sorted.dedup();
                    Ok(schema.project(&sorted)?.into())
                }
            }
        }

        fn builder(&self) -> Result<ParquetRecordBatchReaderBuilder<std::fs::File>> {
            let file = super::open(&self.path)?;
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            if let Some(columns) = &self.columns {
                let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
                builder = builder.with_projection(mask);
            }
            Ok(builder.with_batch_size(self.batch_size))
        }

        /// The rows as a stream, in order. As many row groups are decoded at once as the current pool has threads,
        /// unless they are long (more than 262,144 rows): then they go by batch by batch, so that memory stays
        /// bounded.
        ///
        /// # Errors
        ///
        /// As [`read_parquet`]; the stream's items carry those that arise later.
        pub fn batches(&self) -> Result<Batches> {
            let place = format!("reading {}", self.path.display());
            let groups = self.metadata.metadata().row_groups();
            let short = groups.iter().all(|group| group.num_rows() <= LONG_GROUP);
            if short && groups.len() > 1 && rayon::current_num_threads() > 1 {
                let ahead = Ahead { reader: self.clone(), next: 0, ready: VecDeque::new() };
                return Batches::new(
                    self.schema()?,
                    ahead.map(move |batch| batch.map_err(|e| e.context(&place))),
                );
            }
            let reader = self.builder()?.build().map_err(|e| Error::external(e).context(&place))?;
            let stream = reader.map(move |batch| batch.map_err(|e| Error::from(e).context(&place)));
            Batches::new(self.schema()?, stream)
        }

        /// The whole table. Row groups are read in parallel.
        ///
        /// # Errors
        ///
        /// As [`read_parquet`].
        pub fn read(&self) -> Result<RecordBatch> {
            use rayon::prelude::*;
            let groups: Vec<Vec<RecordBatch>> = (0..self.metadata.metadata().num_row_groups())
                .into_par_iter()
                .map(|group| self.group(group))
                .collect::<Result<_>>()
                .map_err(|e| e.context(format!("reading {}", self.path.display())))?;
            Ok(concat_batches(&self.schema()?, groups.iter().flatten())?)
        }

        fn group(&self, group: usize) -> Result<Vec<RecordBatch>> {
            let reader = self.builder()?.with_row_groups(vec![group]).build().map_err(Error::external)?;
            reader.map(|batch| batch.map_err(Error::from)).collect()
        }
    }

    /// Rows of a row group that is not decoded as a whole.
    const LONG_GROUP: i64 = 262_144;

    /// A stream that decodes a row group per thread at a time.
    struct Ahead {
        reader: ParquetReader,
        next: usize,
        ready: VecDeque<Result<RecordBatch>>,
    }

    impl Iterator for Ahead {
        type Item = Result<RecordBatch>;

        fn next(&mut self) -> Option<Self::Item> {
            use rayon::prelude::*;
            let groups = self.reader.metadata.metadata().num_row_groups();
            while self.ready.is_empty() && self.next < groups {
                let end = groups.min(self.next + rayon::current_num_threads());
                let decoded: Vec<Result<Vec<RecordBatch>>> =
                    (self.next..end).into_par_iter().map(|group| self.reader.group(group)).collect();
                self.next = end;
                for group in decoded {
                    match group {
                        Ok(batches) => self.ready.extend(batches.into_iter().map(Ok)),
                        Err(error) => {
                            self.ready.push_back(Err(error));
                            self.next = groups;
                            break;
                        }
                    }
                }
            }
            self.ready.pop_front()
        }
    }
}

#[cfg(feature = "csv")]
mod csv {
    use std::io::{Seek, SeekFrom};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use arrow::array::RecordBatch;
    use arrow::compute::concat_batches;
    use arrow::csv::ReaderBuilder;
    use arrow::csv::reader::Format;
    use arrow::datatypes::SchemaRef;

    use crate::{Error, Result};

    /// Reads a CSV file with a header; types are inferred from the whole file, and `NA`, `NaN`, `null` and nothing
    /// are null.
    ///
    /// # Errors
    ///
    /// Those of the file system, and of the CSV reader, which names the line.
    pub fn read_csv(path: impl AsRef<Path>) -> Result<RecordBatch> {
        CsvReader::new(path).read()
    }

    /// Reads a CSV file with a header.
    #[derive(Debug, Clone)]
    pub struct CsvReader {
        path: PathBuf,
        delimiter: u8,
        nulls: Vec<String>,
        infer_rows: Option<usize>,
    }

    impl CsvReader {
        /// A reader with comma, and `NA`, `NaN`, `null` and nothing as null.
        pub fn new(path: impl AsRef<Path>) -> Self {
            let nulls = ["", "NA", "NaN", "nan", "null", "NULL"].map(str::to_owned).to_vec();
            Self { path: path.as_ref().to_path_buf(), delimiter: b',', nulls, infer_rows: None }
        }

        /// What stands between values; a comma unless said otherwise.
        pub fn delimiter(mut self, delimiter: u8) -> Self {
            self.delimiter = delimiter;
            self
        }

        /// What stands for null, in place of the default list.
        pub fn null_markers<S: Into<String>>(mut self, markers: impl IntoIterator<Item = S>) -> Self {
            self.nulls = markers.into_iter().map(Into::into).collect();
            self
        }

        /// Infers types from the first rows only; from all of them unless said otherwise.
        pub fn infer_from(mut self, rows: usize) -> Self {
            self.infer_rows = Some(rows);
            self
        }

        /// The whole table.
        ///
        /// # Errors
        ///
        /// As [`read_csv`].
        pub fn read(&self) -> Result<RecordBatch> {
            let place = || format!("reading {}", self.path.display());
            let mut file = super::open(&self.path)?;
            let nulls = regex(&self.nulls)?;
            let format = Format::default()
                .with_header(true)
                .with_delimiter(self.delimiter)
                .with_null_regex(nulls.clone());
            let (schema, _) = format
                .infer_schema(std::io::BufReader::new(&mut file), self.infer_rows)
                .map_err(|e| Error::from(e).context(place()))?;
            file.seek(SeekFrom::Start(0))?;
            let schema: SchemaRef = Arc::new(schema);
            let reader = ReaderBuilder::new(schema.clone())
                .with_format(format)
                .build(std::io::BufReader::new(file))
                .map_err(|e| Error::from(e).context(place()))?;
            let batches = reader.collect::<std::result::Result<Vec<_>, _>>();
            let batches = batches.map_err(|e| Error::from(e).context(place()))?;
            Ok(concat_batches(&schema, &batches)?)
        }
    }

    /// A pattern that matches exactly the markers.
    fn regex(markers: &[String]) -> Result<regex::Regex> {
        if markers.is_empty() {
            // Matches nothing.
            return regex::Regex::new("[a&&b]").map_err(Error::external);
        }
        let escaped: Vec<String> = markers.iter().map(|m| regex::escape(m)).collect();
        regex::Regex::new(&format!("^(?:{})$", escaped.join("|"))).map_err(Error::external)
    }
}

#[cfg(feature = "ipc")]
mod ipc {
    use std::path::Path;

    use arrow::array::RecordBatch;
    use arrow::compute::concat_batches;
    use arrow::ipc::reader::FileReader;

    use crate::{Error, Result};

    /// Reads a whole Arrow IPC file (Feather 2). Only for files that you trust: Arrow's reader may allocate what a
    /// hostile file asks for.
    ///
    /// # Errors
    ///
    /// Those of the file system, and of Arrow when the file is cut off or damaged.
    pub fn read_ipc(path: impl AsRef<Path>) -> Result<RecordBatch> {
        let path = path.as_ref();
        let place = || format!("reading {}", path.display());
        let reader = FileReader::try_new_buffered(super::open(path)?, None);
        let reader = reader.map_err(|e| Error::from(e).context(place()))?;
        let schema = reader.schema();
        let batches = reader.collect::<std::result::Result<Vec<_>, _>>();
        let batches = batches.map_err(|e| Error::from(e).context(place()))?;
        Ok(concat_batches(&schema, &batches)?)
    }
}
