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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlsys_core::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
    use mlsys_core::{Dataset, Fit, Train};

    use crate::{MdlpBinner, WoeBinner};

    fn train(flipped: Option<usize>) -> Dataset<Train> {
        let x = (0..60).map(|i| (i % 13 != 5).then_some(f64::from(i * 7 % 60)));
        let y = (0..60).map(|i| ((i * 7 % 60) > 25) != (Some(i) == flipped));
        let columns: [(&str, ArrayRef); 2] = [
            ("x", Arc::new(Float64Array::from_iter(x))),
            ("y", Arc::new(BooleanArray::from_iter(y.map(Some)))),
        ];
        let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        data.target("y").unwrap().into_train_all()
    }

    /// What out-of-fold transforms rest on.
    #[test]
    fn some_rows_alone_are_those_rows_taken() {
        let rows: Vec<usize> = (0..60).filter(|row| row % 4 != 1).collect();
        let (all, taken, flipped) = (train(None), train(None).take(&rows).unwrap(), train(Some(9)));
        let mdlp = |data: &Dataset<Train>| MdlpBinner::new().fit_rows(data, &rows).unwrap();
        assert_eq!(mdlp(&all), MdlpBinner::new().fit(&taken).unwrap());
        assert_eq!(mdlp(&all), mdlp(&flipped), "a row that is left out has no say");
        let woe = |data: &Dataset<Train>| WoeBinner::new().fit_rows(data, &rows).unwrap();
        assert_eq!(woe(&all), WoeBinner::new().fit(&taken).unwrap());
        assert_eq!(woe(&all), woe(&flipped), "a row that is left out has no say");
    }
}
