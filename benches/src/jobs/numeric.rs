//! Fits a step to 16 columns of numbers and transforms them.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Dataset, Fit, Result, Train, Transform};

use crate::{Job, Outcome, data, jobs::column_sums};

pub struct Numeric<R> {
    recipe: R,
    train: Dataset<Train>,
    output: Option<RecordBatch>,
}

impl<R> Numeric<R> {
    pub fn load(recipe: R, directory: &str) -> Result<Self> {
        Self::of(recipe, data::numeric(directory)?)
    }

    pub fn of(recipe: R, batch: RecordBatch) -> Result<Self> {
        let train = Dataset::new(batch)?.into_train_all();
        Ok(Self { recipe, train, output: None })
    }
}

impl<R: Fit<Fitted: Transform>> Job for Numeric<R> {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        self.output = Some(self.recipe.fit(&self.train)?.transform(self.train.batch())?);
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
