//! The area under the ROC curve of three million scores.

use mlsys::arrow::array::AsArray;
use mlsys::core::{Result, column};
use mlsys::eval::roc_auc;

use crate::{Job, Outcome, data};

pub struct Area {
    truth: Vec<bool>,
    score: Vec<f64>,
    area: f64,
}

impl Area {
    pub fn load(directory: &str) -> Result<Self> {
        let batch = data::scores(directory)?;
        let truth = column::find(&batch, "label")?.as_boolean().values().iter().collect();
        let score = column::floats("score", column::find(&batch, "score")?)?.to_vec();
        Ok(Self { truth, score, area: 0.0 })
    }
}

impl Job for Area {
    fn run(&mut self) -> Result<()> {
        self.area = roc_auc(&self.truth, &self.score, None)?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { digest: vec![("area".into(), self.area)], quality: Some(self.area) })
    }

    fn rows(&self) -> usize {
        self.truth.len()
    }
}
