//! Columns as a fitted value remembers them, and how it puts new ones in their place.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Kind, Layout, Result, column};

/// A column that a fitted value reads: its name and the kind it had when fitting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputColumn {
    name: String,
    kind: Kind,
}

impl InputColumn {
    /// The column of a name in a layout.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn new(layout: &Layout, name: &str) -> Result<Self> {
        Ok(Self { name: name.into(), kind: layout.kind(name)? })
    }

    /// Several columns of a layout.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn all<S: AsRef<str>>(layout: &Layout, names: impl IntoIterator<Item = S>) -> Result<Vec<Self>> {
        names.into_iter().map(|name| Self::new(layout, name.as_ref())).collect()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind it had when fitting.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The column in a batch. Widths, dictionaries and layouts may differ; integers and floats stand for each
    /// other.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn); [`ColumnType`](ErrorKind::ColumnType) for another kind.
    pub fn find<'a>(&self, batch: &'a RecordBatch) -> Result<&'a ArrayRef> {
        self.check(batch.schema_ref())?;
        column::find(batch, &self.name)
    }

    /// The field in a schema, checked as [`find`](Self::find) does.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn check<'a>(&self, schema: &'a Schema) -> Result<&'a Field> {
        let field =
            schema.field_with_name(&self.name).map_err(|_| column::missing_column(schema, &self.name))?;
        let found = Kind::of(field.data_type());
        let number = |kind| matches!(kind, Kind::Integer | Kind::Float);
        if found == self.kind || number(found) && number(self.kind) {
            return Ok(field);
        }
        let expected = format!("{} as when fitting", self.kind.describe());
        Err(Error::column_type(&self.name, expected, field.data_type()))
    }
}

/// A column that is put into a batch.
pub type NewColumn = (FieldRef, ArrayRef);

/// The name of a column, and what takes its place: nothing, one or several.
pub type Replacement<'a, T> = (&'a str, Vec<T>);

/// What takes the place of columns, by their names.
pub type Replacements<'a, T> = BTreeMap<&'a str, Vec<T>>;

/// The batch with columns replaced in place; all others pass through.
///
/// # Errors
///
/// [`DuplicateColumn`](ErrorKind::DuplicateColumn) when a new name is taken; an Arrow error when lengths differ.
pub fn replace_columns(batch: &RecordBatch, mut with: Replacements<'_, NewColumn>) -> Result<RecordBatch> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        match with.remove(field.name().as_str()) {
            None => {
                fields.push(Arc::clone(field));
                columns.push(Arc::clone(array));
            }
            Some(new) => new.into_iter().for_each(|(field, array)| {
                fields.push(field);
                columns.push(array);
            }),
        }
    }
    let schema = unique_schema(fields, batch.schema_ref())?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// The schema with fields replaced in place; all others pass through.
///
/// # Errors
///
/// [`DuplicateColumn`](ErrorKind::DuplicateColumn) when a new name is taken.
pub fn replace_fields(schema: &Schema, mut with: Replacements<'_, FieldRef>) -> Result<SchemaRef> {
    let mut fields = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        match with.remove(field.name().as_str()) {
            None => fields.push(Arc::clone(field)),
            Some(new) => fields.extend(new),
        }
    }
    unique_schema(fields, schema)
}

fn unique_schema(fields: Vec<FieldRef>, like: &Schema) -> Result<SchemaRef> {
    let mut seen = std::collections::BTreeSet::new();
    if let Some(field) = fields.iter().find(|f| !seen.insert(f.name().as_str())) {
        return Err(ErrorKind::DuplicateColumn { name: field.name().clone() }.into());
    }
    Ok(Arc::new(Schema::new_with_metadata(fields, like.metadata().clone())))
}
