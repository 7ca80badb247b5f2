//! A tenth of each of 229 strata of three million rows, as indices.

use mlsys::arrow::array::ArrayRef;
use mlsys::core::{Coded, Result, column};
use mlsys::sampling::sample::{Allocation, stratified_sample};

use crate::{Job, Outcome, data};

pub struct Stratified {
    origin: ArrayRef,
    rows: Vec<usize>,
    seed: u64,
}

impl Stratified {
    pub fn load(directory: &str) -> Result<Self> {
        let batch = data::flights_3m(directory)?;
        Ok(Self { origin: column::find(&batch, "origin")?.clone(), rows: Vec::new(), seed: 0 })
    }
}

impl Job for Stratified {
    fn run(&mut self) -> Result<()> {
        self.seed += 1;
        let strata = Coded::new("origin", &self.origin)?;
        let size = self.origin.len() / 10;
        self.rows = stratified_sample(&strata, size, &Allocation::Proportional, None, self.seed)?.rows;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let strata = Coded::new("origin", &self.origin)?;
        let mut counts = vec![0.0; strata.distinct.len()];
        self.rows.iter().for_each(|&row| counts[strata.codes[row] as usize] += 1.0);
        let names = strata.distinct.iter().map(ToString::to_string);
        Ok(Outcome { digest: names.zip(counts).collect(), quality: None })
    }

    fn rows(&self) -> usize {
        self.origin.len()
    }
}
