//! A weighted sample of 300,000 of three million rows without replacement, as indices.

use mlsys::core::{Result, column};
use mlsys::sampling::sample::weighted_sample;

use crate::{Job, Outcome, data};

pub struct Weighted {
    weights: Vec<f64>,
    rows: Vec<usize>,
    seed: u64,
}

impl Weighted {
    pub fn load(directory: &str) -> Result<Self> {
        let batch = data::flights_3m(directory)?;
        let weights = column::floats("distance", column::find(&batch, "distance")?)?.to_vec();
        Ok(Self { weights, rows: Vec::new(), seed: 0 })
    }
}

impl Job for Weighted {
    fn run(&mut self) -> Result<()> {
        self.seed += 1;
        self.rows = weighted_sample(&self.weights, 300_000, self.seed)?.rows;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let n = self.rows.len() as f64;
        let mean = self.rows.iter().map(|&row| self.weights[row]).sum::<f64>() / n;
        Ok(Outcome { digest: vec![("rows".into(), n), ("mean weight".into(), mean)], quality: Some(mean) })
    }

    fn rows(&self) -> usize {
        self.weights.len()
    }
}
