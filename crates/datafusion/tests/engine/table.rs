//! One table, in memory and as Parquet files that an engine divides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::{Dataset, Result, Unsplit};
use mlsys_datafusion::Frame;
use mlsys_datafusion::datafusion::parquet::arrow::ArrowWriter;
use mlsys_datafusion::datafusion::parquet::file::properties::WriterProperties;
use mlsys_datafusion::datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use mlsys_testkit::table::mixed;

pub const PARTITIONS: [usize; 3] = [1, 3, 8];
const ROWS: usize = 20_011;
const ROW_GROUP: usize = 1_500;

/// A folder that goes away with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("mlsys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn write(path: &Path, batch: &RecordBatch, row_group: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The table in memory, and in three files of several row groups and a fourth without rows.
pub struct Table {
    pub batch: RecordBatch,
    pub folder: Folder,
}

impl Table {
    pub fn new() -> Self {
        let batch = mixed(ROWS, true);
        let folder = Folder::new();
        for (i, (from, rows)) in
            [(0, 9_000), (9_000, 11_000), (20_000, 11), (ROWS, 0)].into_iter().enumerate()
        {
            write(&folder.0.join(format!("{i}.parquet")), &batch.slice(from, rows), ROW_GROUP);
        }
        Self { batch, folder }
    }

    pub fn data(&self) -> Dataset<Unsplit> {
        Dataset::new(self.batch.clone()).unwrap()
    }

    pub async fn frame(&self, partitions: usize) -> Result<Frame> {
        let ctx = context(partitions);
        Frame::new(ctx.read_parquet(self.folder.path(), ParquetReadOptions::default()).await.unwrap())
    }
}

impl Table {
    /// The rows in partitions that no thread can take from another; of several, the first has none.
    pub fn dealt(&self, partitions: usize) -> Frame {
        let mut parts = vec![vec![self.batch.slice(0, 0)]; partitions];
        let to = partitions.max(2) - 1;
        for at in (0..ROWS).step_by(ROW_GROUP) {
            let place = (1 + at / ROW_GROUP % to) % partitions;
            parts[place].push(self.batch.slice(at, ROW_GROUP.min(ROWS - at)));
        }
        memory(&context(partitions), parts)
    }
}

/// A session that divides small files, too.
pub fn context(partitions: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(700)
        .set_u64("datafusion.optimizer.repartition_file_min_size", 1);
    SessionContext::new_with_config(config)
}

pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub fn one_column(name: &str, array: mlsys_core::arrow::array::ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([(name, array)]).unwrap()
}

pub fn memory(ctx: &SessionContext, batches: Vec<Vec<RecordBatch>>) -> Frame {
    let table =
        mlsys_datafusion::datafusion::datasource::MemTable::try_new(batches[0][0].schema(), batches).unwrap();
    Frame::new(ctx.read_table(Arc::new(table)).unwrap()).unwrap()
}
