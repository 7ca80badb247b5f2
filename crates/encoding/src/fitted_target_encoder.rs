//! What encoders of the target fit: a number per category, or one per category and class.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Category, Coded, Error, ErrorKind, InputColumn, Result, Transform, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vocabulary::Vocabulary;

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

/// A column, and what each of its categories is encoded as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encoded {
    pub vocabulary: Vocabulary,
    /// For each category a value per output.
    pub values: Vec<f64>,
    /// The values of missing ones, where they are a category.
    pub missing: Option<Vec<f64>>,
    /// The outputs' names.
    pub names: Vec<String>,
}

/// The fitted encoders of the target. Made by [`TargetEncoder`](crate::TargetEncoder),
/// [`LeaveOneOutEncoder`](crate::LeaveOneOutEncoder), [`OrderedTargetEncoder`](crate::OrderedTargetEncoder) and
/// [`WoeEncoder`](crate::WoeEncoder).
///
/// Transforms a batch of any length, for serving and for rows that were not fitted. What the next step sees of the training rows
/// comes from `fit_transform`, as in a chain: transforming them with this would tell each row its own target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedTargetEncoder {
    columns: Vec<Encoded>,
    /// The values of a row whose category says nothing, one per output.
    prior: Vec<f64>,
    unseen: UnseenTarget,
    missing: MissingTarget,
}

impl FittedTargetEncoder {
    pub(crate) fn new(
        columns: Vec<Encoded>,
        prior: Vec<f64>,
        unseen: UnseenTarget,
        missing: MissingTarget,
    ) -> Result<Self> {
        let fitted = Self { columns, prior, unseen, missing };
        let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
        let overflown = fitted
            .columns
            .iter()
            .find(|c| !finite(&c.values) || !finite(c.missing.as_deref().unwrap_or_default()));
        match overflown {
            Some(c) => {
                let what = "a target whose mean overflows";
                Err(Error::invalid_value(
                    c.vocabulary.column.name(),
                    None,
                    what,
                    "a target of a smaller scale",
                ))
            }
            None => Ok(fitted),
        }
    }

    /// What a category of a column is encoded as: a value, or one per class.
    pub fn value(&self, column: &str, category: &Category) -> Option<&[f64]> {
        let encoded = self.find(column)?;
        let place = encoded.vocabulary.categories.binary_search(category).ok()?;
        let width = self.prior.len();
        encoded.values.get(place * width..(place + 1) * width)
    }

    /// What a row is encoded as whose category says nothing: a value, or one per class.
    pub fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// The names of the columns that a column becomes.
    pub fn output_names(&self, column: &str) -> Option<&[String]> {
        self.find(column).map(|c| c.names.as_slice())
    }

    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let found = self.columns.iter().find(|c| c.names.iter().any(|name| name == output));
        found.map(|c| c.vocabulary.column.name())
    }

    fn find(&self, column: &str) -> Option<&Encoded> {
        self.columns.iter().find(|c| c.vocabulary.column.name() == column)
    }

    fn validate(&self) -> Result<()> {
        let width = self.prior.len();
        for c in &self.columns {
            c.vocabulary.validate()?;
            let missing = c.missing.as_deref().unwrap_or(&self.prior);
            let fits = c.vocabulary.categories.len().checked_mul(width) == Some(c.values.len())
                && missing.len() == width
                && c.names.len() == width;
            if !fits
                || width == 0
                || c.values.iter().chain(missing).chain(&self.prior).any(|x| !x.is_finite())
            {
                let column = c.vocabulary.column.name();
                return Err(Error::artifact(format!("`{column}` has no finite value for each category")));
            }
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.vocabulary.column.clone()).collect()
    }

    fn encode(&self, c: &Encoded, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let name = c.vocabulary.column.name();
        let coded = Coded::new(name, c.vocabulary.column.find(batch)?)?;
        let known = coded.places_in(&c.vocabulary.categories);
        if self.unseen == UnseenTarget::Error && known.contains(&None) {
            let row = coded.codes.iter().position(|&code| known.get(code as usize) == Some(&None));
            return Err(c.vocabulary.unseen(row.unwrap_or_default(), &coded));
        }
        if self.missing == MissingTarget::Error {
            refuse_missing(name, &coded)?;
        }
        let width = self.prior.len();
        let output = |output: usize| {
            let missing = c.missing.as_ref().map_or(self.prior[output], |values| values[output]);
            let value = |place: &Option<u32>| {
                place.map_or(self.prior[output], |place| c.values[place as usize * width + output])
            };
            let table: Vec<f64> = known.iter().map(value).chain([missing]).collect();
            look_up(&coded, &table)
        };
        Ok((0..width).map(output).collect())
    }
}

/// The value of each row's code; that of missing ones stands last.
fn look_up(coded: &Coded, table: &[f64]) -> ArrayRef {
    let last = table.len() - 1;
    let values = coded.codes.iter().map(|&code| table[(code as usize).min(last)]);
    Arc::new(Float64Array::from_iter_values(values))
}

/// The error that a column has missing values, if it has.
pub(crate) fn refuse_missing(name: &str, coded: &Coded) -> Result<()> {
    let count = coded.missing();
    if count == 0 {
        return Ok(());
    }
    let hint = "impute them first, or set `missing`".into();
    Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
}

/// The fields of these names.
pub(crate) fn fields(names: &[String]) -> impl Iterator<Item = FieldRef> {
    names.iter().map(|name| Arc::new(Field::new(name, DataType::Float64, false)))
}

impl Transform for FittedTargetEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|c| {
                let columns = fields(&c.names).zip(self.encode(c, batch)?).collect();
                Ok((c.vocabulary.column.name(), columns))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for c in &self.columns {
            c.vocabulary.column.check(input)?;
            with.insert(c.vocabulary.column.name(), fields(&c.names).collect());
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedTargetEncoder, "mlsys.FittedTargetEncoder", 1);
