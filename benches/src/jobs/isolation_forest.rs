//! An isolation forest of 100,000 flights as 16 numbers, and the scores of all of them.

use mlsys::arrow::array::RecordBatch;
use mlsys::core::{Dataset, Fit, Result, Train};
use mlsys::models::IsolationForest;

use crate::{Job, Outcome, data};

pub struct Isolating {
    train: Dataset<Train>,
    scores: Vec<f64>,
}

impl Isolating {
    pub fn load(directory: &str) -> Result<Self> {
        let all: RecordBatch = data::resampling(directory)?;
        let data = Dataset::new(all.slice(0, 100_000))?.ignore(["carrier", "origin", "dest", "late"])?;
        Ok(Self { train: data.into_train_all(), scores: Vec::new() })
    }
}

impl Job for Isolating {
    fn run(&mut self) -> Result<()> {
        self.scores = IsolationForest::new().fit(&self.train)?.scores(self.train.batch())?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let mut sorted = self.scores.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let place = q * (sorted.len() - 1) as f64;
            let low = sorted[place as usize];
            low + (sorted[place.ceil() as usize] - low) * place.fract()
        };
        let shares = [0.01, 0.1, 0.5, 0.9, 0.99];
        let mut digest: Vec<(String, f64)> =
            shares.iter().map(|&q| (format!("quantile {q}"), at(q))).collect();
        digest.push(("mean".into(), sorted.iter().sum::<f64>() / sorted.len() as f64));
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}
