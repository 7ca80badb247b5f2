//! Deleting rows with gaps.

use mlsys_core::arrow::array::BooleanArray;
use mlsys_core::{Columns, Dataset, Error, Resample, Result, Train, column};
use serde::{Deserialize, Serialize};

use super::deletion_report::DeletionReport;

/// Keeps the training rows that miss nothing, or no more than a number of values: listwise deletion.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `columns` | all features | | gaps in other columns do not count |
/// | `max_gaps` | 0 | | rows that miss more values are deleted |
///
/// **Input**: columns of any type; null and NaN are missing. **Output**: the rows that are left, in their order, with their ids.
/// It is a resampler and no transform, because a transform may not change the number of rows: what is served has an answer for
/// every row, so that the chain needs an imputer, too. One pass. **Errors**: [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when no
/// row is left; those of [`Columns::resolve`].
///
/// ```
/// use mlsys_core::{Dataset, Resample, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_missing_values::CompleteCases;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let report = CompleteCases::new().report(&train)?;
/// assert_eq!((report.rows_before, report.rows_after), (3, 2));
/// assert_eq!(CompleteCases::new().resample(train)?.row_ids(), [0, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** unless values are missing completely at random: the rows left are another population. Look at
/// [`report`](Self::report).
///
/// Roderick Little, Donald Rubin, *Statistical Analysis with Missing Data*, 3rd edition, 2019, section 3.2.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct CompleteCases {
    columns: Option<Columns>,
    max_gaps: usize,
}

impl CompleteCases {
    /// Rows without a gap in any feature.
    pub fn new() -> Self {
        Self::default()
    }

    /// The features whose gaps count.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// How many values a row may miss.
    pub fn max_gaps(mut self, max_gaps: usize) -> Self {
        self.max_gaps = max_gaps;
        self
    }

    /// What the deletion does to the other columns and to the targets.
    ///
    /// # Errors
    ///
    /// As [`Resample::resample`]; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights.
    pub fn report(&self, train: &Dataset<Train>) -> Result<DeletionReport> {
        train.refuse_weights("DeletionReport")?;
        DeletionReport::of_rows(train, &self.resample(train.clone())?)
    }
}

impl Resample for CompleteCases {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        let columns = self.columns.clone().unwrap_or_else(Columns::all).resolve(train.layout())?;
        let mut gaps = vec![0usize; train.n_rows()];
        for name in &columns {
            if let Some(valid) = column::missing(name, train.column(name)?)? {
                gaps.iter_mut().zip(valid.iter()).for_each(|(gaps, valid)| *gaps += usize::from(!valid));
            }
        }
        let kept: BooleanArray = gaps.iter().map(|&gaps| Some(gaps <= self.max_gaps)).collect();
        match kept.true_count() {
            0 => {
                let why = format!("CompleteCases, with at most {} gaps in a row,", self.max_gaps);
                Err(Error::too_few_rows(1, 0, why))
            }
            all if all == train.n_rows() => Ok(train),
            _ => train.filter(&kept),
        }
    }
}
