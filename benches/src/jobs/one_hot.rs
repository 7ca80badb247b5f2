//! Carrier, origin and destination as dense UInt8 columns.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Columns, Dataset, Fit, Result, Train, Transform};
use mlsys::encoding::OneHotEncoder;

use crate::{Job, Outcome, data, jobs::column_sums};

pub struct OneHot {
    train: Dataset<Train>,
    output: Option<RecordBatch>,
}

impl OneHot {
    pub fn load(directory: &str) -> Result<Self> {
        let flights = Dataset::new(data::flights(directory)?)?.select(["carrier", "origin", "dest"])?;
        Ok(Self { train: flights.into_train_all(), output: None })
    }
}

impl Job for OneHot {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        let fitted = OneHotEncoder::new().on(Columns::all()).fit(&self.train)?;
        self.output = Some(fitted.transform(self.train.batch())?);
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
