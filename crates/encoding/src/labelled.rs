//! The values of a column with the class and the weight of their rows. Shared by binners that look at a target.

use mlsys_core::{Coded, Dataset, ErrorKind, Result, Train, column};

/// A row: its value, class and weight.
pub(crate) type Labelled = (f64, u32, f64);

/// The target's classes and the rows' weights, read once for all columns.
pub(crate) struct Labels {
    pub coded: Coded,
    weights: Option<Vec<f64>>,
}

impl Labels {
    pub fn new(train: &Dataset<Train>, needed_by: &str) -> Result<Self> {
        let weights = train.weights()?.map(|w| w.to_vec());
        Ok(Self { coded: train.labels(needed_by)?, weights })
    }

    /// The rows of a column that count, with NaN where the value is missing.
    pub fn of(&self, train: &Dataset<Train>, name: &str, rows: &[usize]) -> Result<Vec<Labelled>> {
        let values = column::finite_or_missing(name, train.column(name)?)?;
        let weight = |row: usize| self.weights.as_ref().map_or(1.0, |w| w[row]);
        let labelled = rows.iter().map(|&row| (values[row], self.coded.codes[row], weight(row)));
        let labelled: Vec<Labelled> = labelled.filter(|(_, _, w)| *w > 0.0).collect();
        if labelled.iter().all(|(x, _, _)| x.is_nan()) {
            let hint = "ignore it, or impute it first".into();
            return Err(ErrorKind::AllMissing { column: name.into(), hint }.into());
        }
        Ok(labelled)
    }
}
