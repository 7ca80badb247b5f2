//! Deleting columns with many gaps.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::{Dataset, Error, Fit, FitByStatistic, InputColumn, Layout, Result, Train, Transform};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use serde::{Deserialize, Serialize};

use super::deletion_report::DeletionReport;

/// Drops features of which more than a share of the values is missing.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `max_share` | required | 0 or more, below 1 | a column with a larger share missing is dropped |
///
/// **Input**: features of any type, or with `.on(..)` exactly those; null and NaN are missing. A row of weight zero is no row, any other
/// counts once. Without rows nothing is dropped. **Output**: the other columns, as they are. When applied, a column that is dropped must
/// be there. **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// One pass, mergeable.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_missing_values::MissingThreshold;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
/// let y = Arc::new(Float64Array::from(vec![None, None, Some(4.0)]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("y", y as _)])?)?.into_train_all();
/// let fitted = MissingThreshold::new(0.5).fit(&train)?;
/// assert_eq!(fitted.dropped().collect::<Vec<_>>(), ["y"]);
/// assert_eq!(fitted.transform(train.batch())?.num_columns(), 1);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the gaps themselves say something: [`report`](Self::report) tells what they say about the target; keep an
/// indicator of such a column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MissingThreshold {
    max_share: f64,
}

impl MissingThreshold {
    /// Columns may miss this share of their values.
    pub fn new(max_share: f64) -> Self {
        Self { max_share }
    }

    /// What the deletion does: which columns go, how many rows are complete then, and what the gaps said about the targets.
    ///
    /// # Errors
    ///
    /// As [`Fit::fit`]; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights.
    pub fn report(&self, train: &Dataset<Train>) -> Result<DeletionReport> {
        train.refuse_weights("DeletionReport")?;
        let fitted = self.fit(train)?;
        DeletionReport::of_columns(train, &fitted.dropped().collect::<Vec<_>>())
    }
}

impl FitByStatistic for MissingThreshold {
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedMissingThreshold;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if !(self.max_share >= 0.0 && self.max_share < 1.0) {
            let expected = "0 or more, and below 1";
            return Err(Error::invalid_parameter("MissingThreshold", "max_share", self.max_share, expected));
        }
        let columns = layout.features_for("MissingThreshold", |_| true, |_| true, "of any type")?;
        Ok(Missing::new().over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        missing: Vec<(String, MissingSummary)>,
    ) -> Result<FittedMissingThreshold> {
        let dropped = missing.iter().filter(|(_, found)| found.share() > self.max_share);
        Ok(FittedMissingThreshold { dropped: InputColumn::all(layout, dropped.map(|(name, _)| name))? })
    }
}

/// What [`MissingThreshold`] fits: the columns to drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedMissingThreshold {
    dropped: Vec<InputColumn>,
}

impl FittedMissingThreshold {
    /// The columns that are dropped, in the table's order.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        self.dropped.iter().map(InputColumn::name)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.dropped.clone()
    }
}

impl Transform for FittedMissingThreshold {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut with = Replacements::new();
        for column in &self.dropped {
            column.find(batch)?;
            with.insert(column.name(), Vec::new());
        }
        replace_columns(batch, with)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for column in &self.dropped {
            column.check(input)?;
            with.insert(column.name(), Vec::new());
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedMissingThreshold, "mlsys.FittedMissingThreshold", 1);
