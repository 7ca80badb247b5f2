//! A vector of numbers for each category of a column: what most encoders fit, however they find the numbers.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Category, Coded, Error, InputColumn, Layout, Result, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{Vocabulary, refuse_missing};

/// What becomes of values that have no vector of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Otherwise {
    /// These numbers.
    Values(Vec<f64>),
    /// An error.
    Refuse,
}

/// A column, and the numbers of each of its categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CategoryTable {
    pub vocabulary: Vocabulary,
    /// Category by category, a number per output.
    pub values: Vec<f64>,
    pub missing: Otherwise,
    pub unseen: Otherwise,
    /// The names of the outputs.
    pub names: Vec<String>,
}

impl CategoryTable {
    pub fn new(
        layout: &Layout,
        column: &str,
        names: Vec<String>,
        missing: Otherwise,
        unseen: Otherwise,
    ) -> Result<Self> {
        let vocabulary = Vocabulary::new(layout, column, Vec::new())?;
        Ok(Self { vocabulary, values: Vec::new(), missing, unseen, names })
    }

    /// Adds a category, which comes after those that are there.
    pub fn push(&mut self, category: Category, values: impl IntoIterator<Item = f64>) {
        self.vocabulary.categories.push(category);
        self.values.extend(values);
    }

    pub fn column(&self) -> &str {
        self.vocabulary.column.name()
    }

    /// The numbers of a category.
    pub fn value(&self, category: &Category) -> Option<&[f64]> {
        let place = self.vocabulary.categories.binary_search(category).ok()?;
        let width = self.names.len();
        self.values.get(place * width..(place + 1) * width)
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let finite = |otherwise: &Otherwise| match otherwise {
            Otherwise::Values(values) => values.iter().all(|x| x.is_finite()),
            Otherwise::Refuse => true,
        };
        self.values.iter().all(|x| x.is_finite()) && finite(&self.missing) && finite(&self.unseen)
    }

    /// Checks a table that was loaded.
    pub fn validate(&self) -> Result<()> {
        self.vocabulary.validate()?;
        let width = self.names.len();
        let fits = |otherwise: &Otherwise| match otherwise {
            Otherwise::Values(values) => values.len() == width,
            Otherwise::Refuse => true,
        };
        let cells = self.vocabulary.categories.len().checked_mul(width);
        if cells != Some(self.values.len()) || !fits(&self.missing) || !fits(&self.unseen) {
            return Err(Error::artifact(format!("`{}` has no number for each category", self.column())));
        }
        if self.is_finite() {
            return Ok(());
        }
        Err(Error::artifact(format!("`{}` is encoded as a number that is not finite", self.column())))
    }

    fn encode(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let coded = Coded::new(self.column(), self.vocabulary.column.find(batch)?)?;
        let known = coded.places_in(&self.vocabulary.categories);
        if self.unseen == Otherwise::Refuse
            && let Some(row) = coded.codes.iter().position(|&code| known.get(code as usize) == Some(&None))
        {
            return Err(self.vocabulary.unseen(row, &coded));
        }
        if self.missing == Otherwise::Refuse {
            refuse_missing(self.column(), &coded)?;
        }
        let width = self.names.len();
        // What is refused is in no row by now.
        let of = |otherwise: &Otherwise, output: usize| match otherwise {
            Otherwise::Values(values) => values[output],
            Otherwise::Refuse => f64::NAN,
        };
        let output = |output: usize| {
            let value = |place: &Option<u32>| match place {
                Some(place) => self.values[*place as usize * width + output],
                None => of(&self.unseen, output),
            };
            let table: Vec<f64> = known.iter().map(value).chain([of(&self.missing, output)]).collect();
            look_up(&coded, &table)
        };
        Ok((0..width).map(output).collect())
    }
}

/// The number of each row's code; that of missing ones stands last.
fn look_up(coded: &Coded, table: &[f64]) -> ArrayRef {
    let last = table.len() - 1;
    let values = coded.codes.iter().map(|&code| table[(code as usize).min(last)]);
    Arc::new(Float64Array::from_iter_values(values))
}

/// The fields of these names.
pub(crate) fn fields(names: &[String]) -> impl Iterator<Item = FieldRef> {
    names.iter().map(|name| Arc::new(Field::new(name, DataType::Float64, false)))
}

/// Tables in a batch.
pub(crate) fn encode_all(tables: &[CategoryTable], batch: &RecordBatch) -> Result<RecordBatch> {
    let done: Vec<Result<Replacement<'_, NewColumn>>> = tables
        .par_iter()
        .map(|table| Ok((table.column(), fields(&table.names).zip(table.encode(batch)?).collect())))
        .collect();
    replace_columns(batch, first_error(done)?)
}

pub(crate) fn schema_of(tables: &[CategoryTable], input: &Schema) -> Result<SchemaRef> {
    let mut with = Replacements::new();
    for table in tables {
        table.vocabulary.column.check(input)?;
        with.insert(table.column(), fields(&table.names).collect());
    }
    replace_fields(input, with)
}

pub(crate) fn input_columns(tables: &[CategoryTable]) -> Vec<InputColumn> {
    tables.iter().map(|table| table.vocabulary.column.clone()).collect()
}

/// The table of a column, and of an output.
pub(crate) fn find<'a>(tables: &'a [CategoryTable], column: &str) -> Option<&'a CategoryTable> {
    tables.iter().find(|table| table.column() == column)
}

pub(crate) fn source<'a>(tables: &'a [CategoryTable], output: &str) -> Option<&'a str> {
    tables.iter().find(|table| table.names.iter().any(|name| name == output)).map(CategoryTable::column)
}
