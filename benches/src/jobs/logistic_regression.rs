//! Logistic regression with an L2 penalty on 17 numbers and the one-hot columns of three categories.

use mlsys::core::{Dataset, Fit, Result, Train};
use mlsys::models::{FittedLogisticRegression, LogisticRegression};

use crate::{Job, Outcome, data};

pub struct Logistic {
    train: Dataset<Train>,
    model: Option<FittedLogisticRegression>,
}

impl Logistic {
    pub fn load(directory: &str) -> Result<Self> {
        Ok(Self {
            train: Dataset::new(data::encoded(directory)?)?.target("late")?.into_train_all(),
            model: None,
        })
    }
}

impl Job for Logistic {
    fn run(&mut self) -> Result<()> {
        self.model = None;
        self.model = Some(LogisticRegression::new().l2(1.0).fit(&self.train)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let quality = self.model.as_ref().map(FittedLogisticRegression::objective);
        Ok(Outcome { digest: Vec::new(), quality })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}
