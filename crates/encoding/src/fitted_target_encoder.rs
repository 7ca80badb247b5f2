//! What encoders of the target fit: a number per category, or one per category and class.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Category, Error, InputColumn, Result, Transform};
use serde::{Deserialize, Serialize};

use crate::category_table::{self, CategoryTable};

/// What an encoder of the target makes of a value that was not there when fitting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenTarget {
    /// What is known of a row without its category: the target's mean over all rows, or no evidence.
    #[default]
    Prior,
    /// An error naming column, row and value.
    Error,
}

/// What an encoder of the target makes of missing values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingTarget {
    /// A category of their own, if there were any when fitting; else as [`Prior`](Self::Prior).
    #[default]
    Category,
    /// As an unseen value under [`UnseenTarget::Prior`].
    Prior,
    /// An error, when fitting and when transforming.
    Error,
}

/// The fitted encoders of the target. Made by [`TargetEncoder`](crate::TargetEncoder),
/// [`LeaveOneOutEncoder`](crate::LeaveOneOutEncoder), [`OrderedTargetEncoder`](crate::OrderedTargetEncoder) and
/// [`WoeEncoder`](crate::WoeEncoder).
///
/// Transforms a batch of any length, for serving and for rows that were not fitted. What the next step sees of the training rows
/// comes from `fit_transform`, as in a chain: transforming them with this would tell each row its own target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedTargetEncoder {
    columns: Vec<CategoryTable>,
    /// The values of a row whose category says nothing, one per output.
    prior: Vec<f64>,
}

impl FittedTargetEncoder {
    pub(crate) fn new(columns: Vec<CategoryTable>, prior: Vec<f64>) -> Result<Self> {
        match columns.iter().find(|table| !table.is_finite()) {
            Some(table) => {
                let what = "a target whose mean overflows";
                Err(Error::invalid_value(table.column(), None, what, "a target of a smaller scale"))
            }
            None => Ok(Self { columns, prior }),
        }
    }

    /// What a category of a column is encoded as: a value, or one per class.
    pub fn value(&self, column: &str, category: &Category) -> Option<&[f64]> {
        category_table::find(&self.columns, column)?.value(category)
    }

    /// What a row is encoded as whose category says nothing: a value, or one per class.
    pub fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// The names of the columns that a column becomes.
    pub fn output_names(&self, column: &str) -> Option<&[String]> {
        category_table::find(&self.columns, column).map(|table| table.names.as_slice())
    }

    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        category_table::source(&self.columns, output)
    }

    fn validate(&self) -> Result<()> {
        self.columns.iter().try_for_each(CategoryTable::validate)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        category_table::input_columns(&self.columns)
    }
}

impl Transform for FittedTargetEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        category_table::encode_all(&self.columns, batch)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        category_table::schema_of(&self.columns, input)
    }
}

mlsys_core::artifact!(FittedTargetEncoder, "mlsys.FittedTargetEncoder", 1);
