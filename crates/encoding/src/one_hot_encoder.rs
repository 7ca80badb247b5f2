//! Categories as columns of zeros and ones.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch, UInt8Array};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::sparse::SparseRows;
use mlsys_core::{
    Category, Coded, Error, ErrorKind, FitByStatistic, InputColumn, Layout, Result, Transform, first_error,
    sparse,
};
use mlsys_stats::{Counts, CountsSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::MinFrequency;
use crate::min_frequency::infrequent;
use crate::vocabulary::{Vocabulary, count_columns, refuse_missing, too_many};

/// Replaces a column by one column of zeros and ones per category.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `unseen` | `Error` | | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | | what becomes of missing values |
/// | `min_frequency` | none | see [`MinFrequency`] | rarer categories share the column `<column>=<infrequent>` |
/// | `max_categories` | none | 1 or more | at most that many columns, the infrequent one included |
/// | `max_distinct` | 65,536 | 1 or more | a column with more categories is an error |
/// | `output` | `Dense` | | a column each, or one column of sparse rows |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times. Weights, if
/// there are any, count in `min_frequency` and `max_categories`. **Output**: UInt8 columns in place of the column,
/// in ascending order of category, then `<column>=<infrequent>` and `<column>=<missing>` where they apply; a
/// category's column is called `<column>=<category>`.
///
/// **Errors**: [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, unless said otherwise;
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter);
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`;
/// [`DuplicateColumn`](mlsys_core::ErrorKind::DuplicateColumn) when a new name is taken.
///
/// A category that only rows of weight zero have counts as unseen.
///
/// One pass, mergeable; state about 48 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_core::arrow::datatypes::UInt8Type;
/// use mlsys_encoding::OneHotEncoder;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("origin", x as _)])?)?.into_train_all();
/// let encoded = OneHotEncoder::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(encoded.schema().field(1).name(), "origin=JFK");
/// assert_eq!(encoded.column(1).as_primitive::<UInt8Type>().values().as_ref(), [1, 0, 1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with many categories: wide, slow, and each column rests on a handful of rows. Group the rare ones.
///
/// Which categories are infrequent follows scikit-learn's `OneHotEncoder`: `max_categories` keeps the most
/// frequent, the later of equals, and leaves room for the infrequent column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct OneHotEncoder {
    unseen: Unseen,
    missing: MissingAs,
    min_frequency: Option<MinFrequency>,
    max_categories: Option<usize>,
    max_distinct: usize,
    output: OneHotOutput,
}

/// How the columns of a category are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OneHotOutput {
    /// A UInt8 column per category.
    #[default]
    Dense,
    /// One column of [sparse rows](mlsys_core::sparse), called as the column that was encoded; index i is the i-th of
    /// [`output_names`](FittedOneHotEncoder::output_names).
    Sparse,
}

/// What becomes of a value that was not there when fitting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// An error naming column, row and value.
    #[default]
    Error,
    /// Zero in every column.
    Ignore,
    /// The infrequent column where there is one, else zero in every column.
    Infrequent,
}

/// What becomes of missing values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingAs {
    /// A category of their own, if there were any when fitting; else they count as unseen.
    #[default]
    Category,
    /// Zero in every column.
    Zeros,
    /// An error, when fitting and when transforming.
    Error,
}

impl Default for OneHotEncoder {
    fn default() -> Self {
        Self {
            unseen: Unseen::Error,
            missing: MissingAs::Category,
            min_frequency: None,
            max_categories: None,
            max_distinct: 65_536,
            output: OneHotOutput::Dense,
        }
    }
}

impl OneHotEncoder {
    /// An encoder with a column per category that refuses unseen values.
    pub fn new() -> Self {
        Self::default()
    }

    /// What becomes of unseen values.
    pub fn unseen(mut self, unseen: Unseen) -> Self {
        self.unseen = unseen;
        self
    }

    /// What becomes of missing values.
    pub fn missing(mut self, missing: MissingAs) -> Self {
        self.missing = missing;
        self
    }

    /// How often a category must occur to have its own column: a count (`100`) or a share (`0.01`).
    pub fn min_frequency(mut self, min_frequency: impl Into<MinFrequency>) -> Self {
        self.min_frequency = Some(min_frequency.into());
        self
    }

    /// How many columns a column may become.
    pub fn max_categories(mut self, max_categories: usize) -> Self {
        self.max_categories = Some(max_categories);
        self
    }

    /// How many categories a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }

    /// How the columns are laid out.
    pub fn output(mut self, output: OneHotOutput) -> Self {
        self.output = output;
        self
    }

    fn check(&self) -> Result<()> {
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter("OneHotEncoder", name, value, expected))
        };
        match self.min_frequency {
            Some(MinFrequency::Share(share)) if !(share > 0.0 && share < 1.0) => {
                invalid("min_frequency", share.to_string(), "a share above 0 and below 1")
            }
            Some(MinFrequency::Count(0)) => invalid("min_frequency", "0".into(), "1 or more"),
            _ if self.max_categories == Some(0) => invalid("max_categories", "0".into(), "1 or more"),
            _ => Ok(()),
        }
    }
}

/// The columns that a column becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Expansion {
    vocabulary: Vocabulary,
    /// For each category its output column, or none when it is infrequent.
    slots: Vec<Option<u32>>,
    /// Whether missing values are a category.
    with_missing: bool,
    /// The slot of missing values, if they are a category that is not infrequent.
    missing: Option<u32>,
    /// The slot of infrequent values, if there are any.
    infrequent: Option<u32>,
    names: Vec<String>,
}

/// The fitted [`OneHotEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedOneHotEncoder {
    columns: Vec<Expansion>,
    unseen: Unseen,
    missing: MissingAs,
    #[serde(default)]
    output: OneHotOutput,
}

impl FittedOneHotEncoder {
    /// The names of the columns that a column becomes.
    pub fn output_names(&self, column: &str) -> Option<&[String]> {
        self.columns.iter().find(|e| e.vocabulary.column.name() == column).map(|e| e.names.as_slice())
    }

    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        self.columns.iter().find(|e| e.names.iter().any(|n| n == output)).map(|e| e.vocabulary.column.name())
    }

    /// The categories of a column that have no output column of their own.
    pub fn infrequent(&self, column: &str) -> Vec<&Category> {
        let found = self.columns.iter().filter(|e| e.vocabulary.column.name() == column);
        let rare = found.flat_map(|e| e.vocabulary.categories.iter().zip(&e.slots));
        rare.filter(|(_, slot)| slot.is_none()).map(|(category, _)| category).collect()
    }

    fn validate(&self) -> Result<()> {
        for e in &self.columns {
            e.vocabulary.validate()?;
            let name = e.vocabulary.column.name();
            let mut slots = e.slots.iter().chain([&e.infrequent, &e.missing]).flatten();
            if e.slots.len() != e.vocabulary.categories.len() || slots.any(|&s| s as usize >= e.names.len()) {
                return Err(Error::artifact(format!("columns and categories of `{name}` do not fit")));
            }
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|e| e.vocabulary.column.clone()).collect()
    }

    /// The slot of each distinct value of a column, that of missing ones last.
    fn slots(&self, e: &Expansion, coded: &Coded) -> Result<Vec<Option<u32>>> {
        let unseen = |code: usize| match self.unseen {
            Unseen::Ignore => Ok(None),
            Unseen::Infrequent => Ok(e.infrequent),
            Unseen::Error => {
                let row =
                    coded.codes.iter().position(|&own| (own as usize).min(coded.distinct.len()) == code);
                row.map_or(Ok(None), |row| Err(e.vocabulary.unseen(row, coded)))
            }
        };
        let known = coded.places_in(&e.vocabulary.categories);
        let slot = |(code, place): (usize, &Option<u32>)| match place {
            Some(place) => Ok(e.slots[*place as usize].or(e.infrequent)),
            None => unseen(code),
        };
        let mut slots = known.iter().enumerate().map(slot).collect::<Result<Vec<_>>>()?;
        slots.push(match self.missing {
            MissingAs::Zeros => None,
            MissingAs::Error => refuse_missing(e.vocabulary.column.name(), coded).map(|()| None)?,
            MissingAs::Category if e.with_missing => e.missing.or(e.infrequent),
            MissingAs::Category => unseen(coded.distinct.len())?,
        });
        Ok(slots)
    }

    fn encode(&self, e: &Expansion, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let coded = Coded::new(e.vocabulary.column.name(), e.vocabulary.column.find(batch)?)?;
        let slots = self.slots(e, &coded)?;
        let of_row = coded.codes.iter().map(|&code| slots[(code as usize).min(slots.len() - 1)]);
        if self.output == OneHotOutput::Sparse {
            let (mut indices, mut offsets) = (Vec::with_capacity(coded.len()), vec![0; coded.len() + 1]);
            for (end, slot) in offsets[1..].iter_mut().zip(of_row) {
                indices.extend(slot);
                *end = indices.len() as i32;
            }
            let ones = vec![1.0; indices.len()];
            return Ok(vec![SparseRows::new(e.names.len(), offsets, indices, ones)?.to_array()?]);
        }
        let mut columns = vec![vec![0u8; coded.len()]; e.names.len()];
        for (row, slot) in of_row.enumerate() {
            if let Some(slot) = slot {
                columns[slot as usize][row] = 1;
            }
        }
        Ok(columns.into_iter().map(|ones| Arc::new(UInt8Array::from(ones)) as ArrayRef).collect())
    }

    fn fields(&self, e: &Expansion) -> Vec<FieldRef> {
        match self.output {
            OneHotOutput::Sparse => vec![Arc::new(sparse::field(e.vocabulary.column.name(), e.names.len()))],
            OneHotOutput::Dense => {
                e.names.iter().map(|name| Arc::new(Field::new(name, DataType::UInt8, false))).collect()
            }
        }
    }
}

impl Transform for FittedOneHotEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|e| {
                Ok((
                    e.vocabulary.column.name(),
                    self.fields(e).into_iter().zip(self.encode(e, batch)?).collect(),
                ))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for e in &self.columns {
            e.vocabulary.column.check(input)?;
            with.insert(e.vocabulary.column.name(), self.fields(e));
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedOneHotEncoder, "mlsys.FittedOneHotEncoder", 1);

impl OneHotEncoder {
    fn expand(&self, layout: &Layout, name: &str, counts: CountsSummary) -> Result<Expansion> {
        let values = counts.values.ok_or_else(|| too_many(name, self.max_distinct))?;
        if self.missing == MissingAs::Error && counts.missing > 0 {
            let hint = "impute them first, or set `missing`".into();
            let count = counts.missing as usize;
            return Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into());
        }
        let with_missing = self.missing == MissingAs::Category && counts.missing > 0;
        let mut weights: Vec<f64> = values.iter().map(|v| v.weight).collect();
        let total = weights.iter().sum::<f64>() + counts.missing_weight;
        if with_missing {
            weights.push(counts.missing_weight);
        }
        let rare = infrequent(self.min_frequency, self.max_categories, &weights, total);
        let mut names = Vec::new();
        let mut slot = |label: String| {
            names.push(format!("{name}={label}"));
            names.len() as u32 - 1
        };
        let own =
            |(value, rare): (&mlsys_stats::Count, &bool)| (!rare).then(|| slot(value.value.to_string()));
        let slots: Vec<Option<u32>> = values.iter().zip(&rare).map(own).collect();
        let infrequent = rare.contains(&true).then(|| slot("<infrequent>".into()));
        let missing = (with_missing && rare.last() == Some(&false)).then(|| slot("<missing>".into()));
        let categories = values.iter().map(|v| v.value.clone()).collect();
        let vocabulary = Vocabulary::new(layout, name, categories)?;
        Ok(Expansion { vocabulary, slots, with_missing, missing, infrequent, names })
    }
}

impl FitByStatistic for OneHotEncoder {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedOneHotEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        count_columns("OneHotEncoder", layout, self.max_distinct)
    }

    fn fitted(&self, layout: &Layout, counts: Vec<(String, CountsSummary)>) -> Result<FittedOneHotEncoder> {
        let columns = counts
            .into_iter()
            .map(|(name, counts)| self.expand(layout, &name, counts))
            .collect::<Result<_>>()?;
        Ok(FittedOneHotEncoder { columns, unseen: self.unseen, missing: self.missing, output: self.output })
    }
}
