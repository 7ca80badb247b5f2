//! Columns as trees see them: numbers in order, categories by code, missing values apart.

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use mlsys_core::{Category, Coded, Error, ErrorKind, InputColumn, Kind, Result, column};
use serde::{Deserialize, Serialize};

/// A column that trees ask about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeFeature {
    column: InputColumn,
    categories: Option<Vec<Category>>,
}

/// What becomes of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// Each split learns where missing values go; where there were none in training, they go with most rows.
    #[default]
    Learn,
    /// It is an error, in training and later.
    Refuse,
}

/// What becomes of a category that was not there in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnseen {
    /// It goes where missing values go.
    #[default]
    AsMissing,
    /// It goes where categories go that a split does not name, to the right: only in models of other libraries.
    AsOther,
    /// It is an error.
    Refuse,
}

/// What becomes of nulls, of NaN, and of categories that were not there in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingPolicy {
    /// Arrow nulls.
    pub null: OnMissing,
    /// Floating NaN.
    pub nan: OnMissing,
    /// Unseen categories.
    pub unseen: OnUnseen,
}

impl TreeFeature {
    /// A column whose values are ordered: numbers, booleans, dates and times.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) for text and what is nested.
    pub fn number(column: InputColumn) -> Result<Self> {
        if matches!(column.kind(), Kind::Text | Kind::Other) {
            let expected = "numbers, booleans, dates or times to be ordered";
            return Err(Error::column_type(column.name(), expected, column.kind().describe()));
        }
        Ok(Self { column, categories: None })
    }

    /// A column of these categories, whose codes are their places.
    ///
    /// # Errors
    ///
    /// [`Artifact`](ErrorKind::Artifact) when one stands there twice.
    pub fn category(column: InputColumn, categories: Vec<Category>) -> Result<Self> {
        let feature = Self { column, categories: Some(categories) };
        feature.validate()?;
        Ok(feature)
    }

    pub(super) fn validate(&self) -> Result<()> {
        let Some(categories) = &self.categories else { return Ok(()) };
        let mut sorted: Vec<&Category> = categories.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let (name, twice) = (self.column.name(), pair[0]);
            return Err(Error::artifact(format!("the category `{twice}` of `{name}` stands there twice")));
        }
        Ok(())
    }

    /// The column.
    pub fn column(&self) -> &InputColumn {
        &self.column
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.column.name()
    }

    /// The categories by code; `None` for a column of ordered values.
    pub fn categories(&self) -> Option<&[Category]> {
        self.categories.as_deref()
    }

    /// The column of a batch as trees read it: NaN where missing, codes for categories.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn) and [`ColumnType`](ErrorKind::ColumnType);
    /// [`MissingValues`](ErrorKind::MissingValues) and [`UnseenCategory`](ErrorKind::UnseenCategory) where the policy refuses them.
    pub fn read(&self, batch: &RecordBatch, policy: &MissingPolicy) -> Result<ScalarBuffer<f64>> {
        self.column_of(batch, policy, &self.by_category())?.part(0, batch.num_rows())
    }

    /// The column of a batch, found and checked; `by_category` is [`by_category`](Self::by_category)'s.
    pub(super) fn column_of<'a>(
        &'a self,
        batch: &'a RecordBatch,
        policy: &MissingPolicy,
        by_category: &[u32],
    ) -> Result<Column<'a>> {
        let array = self.column.find(batch)?;
        policy.check(self.name(), array)?;
        if self.categories.is_none() {
            let by_row = array.data_type().is_numeric() || array.data_type() == &DataType::Boolean;
            return Ok(if by_row {
                Column::Parts(self.name(), array)
            } else {
                Column::Read(ordered(self.name(), array)?)
            });
        }
        let coded = Coded::new(self.name(), array)?;
        let codes = self.codes_by(by_category, &coded, policy)?;
        let code = |&code: &u32| codes.get(code as usize).copied().flatten().map_or(f64::NAN, f64::from);
        Ok(Column::Read(coded.codes.iter().map(code).collect()))
    }

    /// The codes in the order of their categories; none for a column of ordered values.
    pub(super) fn by_category(&self) -> Vec<u32> {
        let categories = self.categories.as_deref().unwrap_or_default();
        let mut codes: Vec<u32> = (0..categories.len() as u32).collect();
        codes.sort_unstable_by_key(|&code| &categories[code as usize]);
        codes
    }

    /// The code of each distinct value of a column of categories, where it has one.
    pub(crate) fn codes(&self, coded: &Coded, policy: &MissingPolicy) -> Result<Vec<Option<u32>>> {
        self.codes_by(&self.by_category(), coded, policy)
    }

    fn codes_by(
        &self,
        by_category: &[u32],
        coded: &Coded,
        policy: &MissingPolicy,
    ) -> Result<Vec<Option<u32>>> {
        let categories = self.categories.as_deref().unwrap_or_default();
        let mut codes = Vec::with_capacity(coded.distinct.len());
        for (code, value) in coded.distinct.iter().enumerate() {
            codes.push(match by_category.binary_search_by(|&code| categories[code as usize].cmp(value)) {
                Ok(place) => Some(by_category[place]),
                Err(_) if policy.unseen == OnUnseen::AsMissing => None,
                // The first code that no category has.
                Err(_) if policy.unseen == OnUnseen::AsOther => Some(categories.len() as u32),
                Err(_) => {
                    let (column, value) = (self.name().into(), value.to_string());
                    let row = coded.codes.iter().position(|&c| c as usize == code).unwrap_or(0);
                    let hint = "let unseen categories go where missing values go, or train with it".into();
                    return Err(ErrorKind::UnseenCategory { column, row, value, hint }.into());
                }
            });
        }
        Ok(codes)
    }
}

/// A column as trees read it: NaN where missing, codes for categories.
#[derive(Debug)]
pub(super) enum Column<'a> {
    Read(ScalarBuffer<f64>),
    /// Numbers that are read when asked for, which spares a copy of the column.
    Parts(&'a str, &'a ArrayRef),
}

impl Column<'_> {
    /// The values of the rows from `first` on.
    pub fn part(&self, first: usize, rows: usize) -> Result<ScalarBuffer<f64>> {
        match self {
            Self::Read(values) => Ok(values.slice(first, rows)),
            Self::Parts(name, array) => ordered(name, &array.slice(first, rows)),
        }
    }
}

impl MissingPolicy {
    /// Refuses what is not to be there.
    pub(crate) fn check(&self, name: &str, array: &ArrayRef) -> Result<()> {
        let refused = |count: usize, hint: &str| {
            let hint = hint.to_owned();
            Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
        };
        let nulls = array.logical_null_count();
        if self.null == OnMissing::Refuse && nulls > 0 {
            return refused(nulls, "impute them first, or let splits learn where nulls go");
        }
        if self.nan == OnMissing::Refuse && Kind::of(array.data_type()) == Kind::Float {
            let missing = column::missing(name, array)?.map_or(0, |valid| valid.null_count());
            if missing > nulls {
                return refused(
                    missing - nulls,
                    "they are NaN: impute them first, or let splits learn where NaN goes",
                );
            }
        }
        Ok(())
    }
}

/// A column whose values are ordered, as doubles: NaN where missing; dates and times as instants, to 256 nanoseconds.
pub(crate) fn ordered(name: &str, array: &ArrayRef) -> Result<ScalarBuffer<f64>> {
    let kind = Kind::of(array.data_type());
    if !kind.is_temporal() {
        return column::floats(name, array);
    }
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        _ => array.clone(),
    };
    let instants = match plain.data_type() {
        // Of any unit, as nanoseconds.
        DataType::Time32(_) | DataType::Time64(_) => {
            cast(&cast(&plain, &DataType::Time64(TimeUnit::Nanosecond))?, &DataType::Int64)?
        }
        _ => {
            let instants = column::instants_or_missing(name, &plain)?;
            return Ok(instants.iter().map(|x| x.map_or(f64::NAN, |x| x as f64)).collect());
        }
    };
    let instants = instants.as_primitive::<Int64Type>();
    Ok(instants.iter().map(|x| x.map_or(f64::NAN, |x| x as f64)).collect())
}
