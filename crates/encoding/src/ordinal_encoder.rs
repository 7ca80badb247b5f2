//! Categories as integers.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Int32Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Category, FitByStatistic, InputColumn, Layout, Result, Transform, first_error};
use mlsys_stats::{Counts, CountsSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{Place, Vocabulary, count_columns, values_of};

/// Replaces categories by their place in ascending order: 0, 1, 2, ..
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `unseen` | `Error` | | what becomes of a value that was not there when fitting |
/// | `max_distinct` | 1,048,576 | 1 or more | a column with more is an error |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times. Missing values
/// stay missing (null). **Output**: Int32, nullable, in place.
///
/// **Errors**: [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, unless said otherwise;
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`.
///
/// A category that only rows of weight zero have counts as unseen.
///
/// One pass, mergeable; state about 48 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_core::arrow::datatypes::Int32Type;
/// use mlsys_encoding::OrdinalEncoder;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["b", "a", "b"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let encoded = OrdinalEncoder::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(encoded.column(0).as_primitive::<Int32Type>().values().as_ref(), [1, 0, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: the order is alphabetical, not meaningful; a linear model will take it for a scale. Use
/// [`OneHotEncoder`](crate::OneHotEncoder) there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct OrdinalEncoder {
    unseen: UnseenCode,
    max_distinct: usize,
}

/// What [`OrdinalEncoder`] makes of a value that was not there when fitting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenCode {
    /// An error naming column, row and value.
    #[default]
    Error,
    /// Null, as if it were missing.
    Null,
    /// This number.
    Code(i32),
}

impl Default for OrdinalEncoder {
    fn default() -> Self {
        Self { unseen: UnseenCode::Error, max_distinct: 1 << 20 }
    }
}

impl OrdinalEncoder {
    /// An encoder that refuses unseen values.
    pub fn new() -> Self {
        Self::default()
    }

    /// What becomes of unseen values.
    pub fn unseen(mut self, unseen: UnseenCode) -> Self {
        self.unseen = unseen;
        self
    }

    /// How many categories a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }
}

/// The fitted [`OrdinalEncoder`]: the categories of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedOrdinalEncoder {
    columns: Vec<Vocabulary>,
    unseen: UnseenCode,
}

impl FittedOrdinalEncoder {
    /// The categories of a fitted column; each is encoded as its index.
    pub fn categories(&self, column: &str) -> Option<&[Category]> {
        self.columns.iter().find(|v| v.column.name() == column).map(|v| v.categories.as_slice())
    }

    fn validate(&self) -> Result<()> {
        self.columns.iter().try_for_each(Vocabulary::validate)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|v| v.column.clone()).collect()
    }

    fn encode(&self, vocabulary: &Vocabulary, batch: &RecordBatch) -> Result<ArrayRef> {
        let (places, coded) = vocabulary.places(vocabulary.column.find(batch)?)?;
        let code = |(row, place): (usize, &Place)| match (place, self.unseen) {
            (Place::Known(place), _) => Ok(Some(*place as i32)),
            (Place::Missing, _) | (Place::Unseen, UnseenCode::Null) => Ok(None),
            (Place::Unseen, UnseenCode::Code(code)) => Ok(Some(code)),
            (Place::Unseen, UnseenCode::Error) => Err(vocabulary.unseen(row, &coded)),
        };
        Ok(Arc::new(places.iter().enumerate().map(code).collect::<Result<Int32Array>>()?))
    }
}

fn field(input: &Field) -> FieldRef {
    Arc::new(Field::new(input.name(), DataType::Int32, true).with_metadata(input.metadata().clone()))
}

impl Transform for FittedOrdinalEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|v| {
                Ok((
                    v.column.name(),
                    vec![(field(v.column.check(batch.schema_ref())?), self.encode(v, batch)?)],
                ))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for v in &self.columns {
            with.insert(v.column.name(), vec![field(v.column.check(input)?)]);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedOrdinalEncoder, "mlsys.FittedOrdinalEncoder", 1);

impl FitByStatistic for OrdinalEncoder {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedOrdinalEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        count_columns("OrdinalEncoder", layout, self.max_distinct)
    }

    fn fitted(&self, layout: &Layout, counts: Vec<(String, CountsSummary)>) -> Result<FittedOrdinalEncoder> {
        let one = |(name, counts): &(String, CountsSummary)| {
            Vocabulary::new(layout, name, values_of(name, counts, self.max_distinct)?)
        };
        Ok(FittedOrdinalEncoder {
            columns: counts.iter().map(one).collect::<Result<_>>()?,
            unseen: self.unseen,
        })
    }
}
