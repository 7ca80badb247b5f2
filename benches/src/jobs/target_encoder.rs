//! Five text columns as what `late` is like there, training rows out of fold.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Columns, Dataset, Fit, FitTransform, Result, Train};
use mlsys::encoding::TargetEncoder;

use crate::{Job, Outcome, data, jobs::column_sums};

pub const COLUMNS: [&str; 5] = ["carrier", "origin", "dest", "tailnum", "manufacturer"];

pub struct OutOfFold {
    train: Dataset<Train>,
    output: Option<RecordBatch>,
}

impl OutOfFold {
    pub fn load(directory: &str) -> Result<Self> {
        let flights = Dataset::new(data::flights(directory)?)?.select(COLUMNS.into_iter().chain(["late"]))?;
        Ok(Self { train: flights.target("late")?.into_train_all(), output: None })
    }
}

impl Job for OutOfFold {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        let (_, encoded) = TargetEncoder::new().on(Columns::all()).fit_transform(self.train.clone())?;
        self.output = Some(encoded.select(COLUMNS)?.batch().clone());
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let digest = self.output.as_ref().map(column_sums).transpose()?.unwrap_or_default();
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}
