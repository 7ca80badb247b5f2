//! Five text columns as a sparse matrix of 4,196 columns.

use mlsys::core::sparse::SparseRows;
use mlsys::core::{Columns, Dataset, Fit, Result, Train, Transform};
use mlsys::encoding::{OneHotEncoder, OneHotOutput};

use super::feature_hasher::sparse_sums;
use super::target_encoder::COLUMNS;
use crate::{Job, Outcome, data};

pub struct OneHotSparse {
    train: Dataset<Train>,
    output: Vec<(String, SparseRows)>,
}

impl OneHotSparse {
    pub fn load(directory: &str) -> Result<Self> {
        let flights = Dataset::new(data::flights(directory)?)?.select(COLUMNS)?;
        Ok(Self { train: flights.into_train_all(), output: Vec::new() })
    }
}

impl Job for OneHotSparse {
    fn run(&mut self) -> Result<()> {
        self.output = Vec::new();
        let recipe = OneHotEncoder::new().output(OneHotOutput::Sparse).on(Columns::all());
        let encoded = recipe.fit(&self.train)?.transform(self.train.batch())?;
        for name in COLUMNS {
            let rows = SparseRows::read(encoded.schema_ref().field_with_name(name)?, &encoded[name])?;
            self.output.push((name.to_owned(), rows));
        }
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let mut digest = Vec::new();
        for (name, rows) in &self.output {
            digest.extend(sparse_sums(rows).into_iter().map(|(what, sum)| (format!("{name}, {what}"), sum)));
        }
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}
