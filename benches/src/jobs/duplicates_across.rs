//! Which of 84,194 test rows are among the other 252,582 flights, in all 20 columns.

use mlsys::core::{Dataset, Result, read::read_parquet};
use mlsys::leakage::{DuplicatesAcross, duplicates_across};

use crate::{Job, Outcome};

pub struct Duplicates {
    train: Dataset,
    test: Dataset,
    found: Option<DuplicatesAcross>,
}

impl Duplicates {
    pub fn load(directory: &str) -> Result<Self> {
        let part = |name: &str| Dataset::new(read_parquet(format!("{directory}/duplicates_{name}.parquet"))?);
        Ok(Self { train: part("train")?, test: part("test")?, found: None })
    }
}

impl Job for Duplicates {
    fn run(&mut self) -> Result<()> {
        let columns = self.train.features();
        self.found = Some(duplicates_across(&self.train, &self.test, &columns)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let rows = self.found.as_ref().map(|found| found.rows.as_slice()).unwrap_or_default();
        let digest =
            vec![("rows".into(), rows.len() as f64), ("positions".into(), rows.iter().sum::<usize>() as f64)];
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows() + self.test.n_rows()
    }
}
