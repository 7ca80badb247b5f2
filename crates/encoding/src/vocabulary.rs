//! The categories of a column, and the place of each row's value among them. Shared by the encoders.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Coded, Error, ErrorKind, InputColumn, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Counts, CountsSummary, Infinite, PerColumn};
use serde::{Deserialize, Serialize};

/// Where a row's value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Known(u32),
    Missing,
    Unseen,
}

/// A column and its categories, ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vocabulary {
    pub column: InputColumn,
    pub categories: Vec<Category>,
}

impl Vocabulary {
    pub fn new(layout: &Layout, name: &str, categories: Vec<Category>) -> Result<Self> {
        Ok(Self { column: InputColumn::new(layout, name)?, categories })
    }

    /// Checks a vocabulary that was loaded.
    pub fn validate(&self) -> Result<()> {
        if self.categories.windows(2).any(|pair| pair[0] >= pair[1])
            || u32::try_from(self.categories.len()).is_err()
        {
            return Err(Error::artifact(format!("categories of `{}` do not ascend", self.column.name())));
        }
        Ok(())
    }

    /// The place of each row, and the column's codes for messages.
    pub fn places(&self, array: &dyn Array) -> Result<(Vec<Place>, Coded)> {
        let coded = Coded::new(self.column.name(), array)?;
        let known = coded.places_in(&self.categories);
        let place = |&code: &u32| match known.get(code as usize) {
            None => Place::Missing,
            Some(None) => Place::Unseen,
            Some(Some(place)) => Place::Known(*place),
        };
        Ok((coded.codes.iter().map(place).collect(), coded))
    }

    /// The error for the first unseen row.
    pub fn unseen(&self, row: usize, coded: &Coded) -> Error {
        let value = coded.value(row).map_or_else(|| "a missing value".into(), ToString::to_string);
        let hint = "set `unseen` to say what becomes of such values".into();
        ErrorKind::UnseenCategory { column: self.column.name().into(), row, value, hint }.into()
    }
}

/// Counts of the columns to encode: text by default, anything with categories where it was chosen.
pub(crate) fn count_columns(
    estimator: &str,
    layout: &Layout,
    max_distinct: usize,
) -> Result<PerColumn<Counts>> {
    if max_distinct == 0 {
        return Err(Error::invalid_parameter(estimator, "max_distinct", 0, "1 or more"));
    }
    let meant_for = |kind| kind == Kind::Text;
    let accepts = |kind| kind != Kind::Other;
    let columns = layout.features_for(estimator, meant_for, accepts, "text, booleans, numbers or times")?;
    Ok(Counts::new().cap(max_distinct).infinite(Infinite::Refuse).over(columns).weighted_as(layout))
}

/// The error that a column has too many distinct values to encode.
pub(crate) fn too_many(name: &str, max_distinct: usize) -> Error {
    let found = format!("a column with more than {max_distinct} distinct values");
    Error::invalid_value(
        name,
        None,
        found,
        "a column with fewer (leave it out, group it, or raise `max_distinct`)",
    )
}

/// The values of a column's counts.
pub(crate) fn values_of(name: &str, counts: &CountsSummary, max_distinct: usize) -> Result<Vec<Category>> {
    let values = counts.values.as_ref().ok_or_else(|| too_many(name, max_distinct))?;
    Ok(values.iter().map(|count| count.value.clone()).collect())
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
