//! The profile of a Parquet file of three million rows, from the file.

use mlsys::core::Result;
use mlsys::core::read::ParquetReader;
use mlsys::stats::{Profile, ProfileReport};

use super::profile::digest;
use crate::{Job, Outcome};

pub struct ProfilingFile {
    path: String,
    rows: usize,
    report: Option<ProfileReport>,
}

impl ProfilingFile {
    pub fn load(directory: &str) -> Result<Self> {
        let path = format!("{directory}/flights_3m.parquet");
        let rows = ParquetReader::new(&path)?.n_rows();
        Ok(Self { path, rows, report: None })
    }
}

impl Job for ProfilingFile {
    fn run(&mut self) -> Result<()> {
        self.report = Some(ParquetReader::new(&self.path)?.batches()?.summarize(&Profile::new())?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { digest: digest(self.report.as_ref()), quality: None })
    }

    fn rows(&self) -> usize {
        self.rows
    }
}
