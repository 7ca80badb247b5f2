//! Five text columns hashed to 2^18 columns.

use mlsys::core::sparse::SparseRows;
use mlsys::core::{Columns, Dataset, Fit, Result, Train, Transform};
use mlsys::encoding::FeatureHasher;

use super::target_encoder::COLUMNS;
use crate::{Job, Outcome, data};

pub struct Hashing {
    train: Dataset<Train>,
    output: Option<SparseRows>,
}

impl Hashing {
    pub fn load(directory: &str) -> Result<Self> {
        let flights = Dataset::new(data::flights(directory)?)?.select(COLUMNS)?;
        Ok(Self { train: flights.into_train_all(), output: None })
    }
}

impl Job for Hashing {
    fn run(&mut self) -> Result<()> {
        self.output = None;
        let fitted = FeatureHasher::new().n_features(1 << 18).on(Columns::all()).fit(&self.train)?;
        let hashed = fitted.transform(self.train.batch())?;
        self.output = Some(SparseRows::read(hashed.schema_ref().field(0), hashed.column(0))?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { digest: self.output.as_ref().map(sparse_sums).unwrap_or_default(), quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}

/// Sums over a matrix that no other order of rows or columns would give.
pub fn sparse_sums(rows: &SparseRows) -> Vec<(String, f64)> {
    let mut sums = [0.0; 3];
    for row in 0..rows.n_rows() {
        let (indices, values) = rows.row(row);
        for (&index, &value) in indices.iter().zip(values).filter(|(_, value)| **value != 0.0) {
            sums[0] += 1.0;
            sums[1] += value * (row % 7 + 1) as f64;
            sums[2] += value * f64::from(index % 1_009);
        }
    }
    ["entries", "by row", "by column"].map(String::from).into_iter().zip(sums).collect()
}
