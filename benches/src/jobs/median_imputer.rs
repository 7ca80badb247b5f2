//! Fits the median of 16 columns and fills them.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Dataset, Fit, Result, Train, Transform};
use mlsys::missing_values::MedianImputer;

use crate::{Job, Outcome, data, jobs::column_sums};

pub struct Imputing {
    train: Dataset<Train>,
    output: Option<RecordBatch>,
}

impl Imputing {
    pub fn load(directory: &str) -> Result<Self> {
        Ok(Self { train: Dataset::new(data::numeric(directory)?)?.into_train_all(), output: None })
    }
}

impl Job for Imputing {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        self.output = Some(MedianImputer::new().fit(&self.train)?.transform(self.train.batch())?);
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
