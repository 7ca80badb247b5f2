//! Rare categories as one.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Category, Coded, Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, first_error,
};
use mlsys_stats::{ColumnStatistic, Counts, CountsSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::MinFrequency;
use crate::min_frequency::infrequent;
use crate::vocabulary::{Vocabulary, too_many};

/// Replaces rare categories of a text column, and those that were not there when fitting, by one word.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `min_frequency` | 0.05 | see [`MinFrequency`] | rarer categories are grouped |
/// | `max_categories` | none | 2 or more | at most that many are left, the group included |
/// | `label` | `<infrequent>` | | the word of the group |
/// | `unseen` | `Group` | | what becomes of a value that was not there when fitting |
/// | `max_distinct` | 1,048,576 | 1 or more | a column with more categories is an error |
///
/// **Input**: the text features, or with `.on(..)` exactly those; missing values stay missing. Weights, if there are any, count.
/// **Output**: text in place of the column; dictionaries become plain.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, if said so.
///
/// One pass, mergeable; state about 48 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_encoding::RareGrouper;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK", "JFK"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("origin", x as _)])?)?.into_train_all();
/// let grouped = RareGrouper::new().min_frequency(2).fit(&train)?.transform(train.batch())?;
/// assert_eq!(grouped["origin"].as_string::<i32>().value(1), "<infrequent>");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where rare categories are rare for different reasons: the group has nothing in common but that. Which are rare follows
/// [`OneHotEncoder`](crate::OneHotEncoder), which groups by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct RareGrouper {
    min_frequency: MinFrequency,
    max_categories: Option<usize>,
    label: String,
    unseen: UnseenGroup,
    max_distinct: usize,
}

/// What becomes of a value that was not there when fitting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenGroup {
    /// It belongs to the group.
    #[default]
    Group,
    /// An error naming column, row and value.
    Error,
}

impl Default for RareGrouper {
    fn default() -> Self {
        Self {
            min_frequency: MinFrequency::Share(0.05),
            max_categories: None,
            label: "<infrequent>".into(),
            unseen: UnseenGroup::Group,
            max_distinct: 1 << 20,
        }
    }
}

impl RareGrouper {
    /// A grouper of categories below a twentieth of the rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often a category must occur to stay: a count (`100`) or a share (`0.01`).
    pub fn min_frequency(mut self, min_frequency: impl Into<MinFrequency>) -> Self {
        self.min_frequency = min_frequency.into();
        self
    }

    /// How many categories are left, the group included.
    pub fn max_categories(mut self, max_categories: usize) -> Self {
        self.max_categories = Some(max_categories);
        self
    }

    /// The word of the group.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What becomes of unseen values.
    pub fn unseen(mut self, unseen: UnseenGroup) -> Self {
        self.unseen = unseen;
        self
    }

    /// How many categories a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }
}

/// The fitted [`RareGrouper`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedRareGrouper {
    columns: Vec<Vocabulary>,
    /// For each column which of its categories stay.
    stays: Vec<Vec<bool>>,
    label: String,
    unseen: UnseenGroup,
}

impl FittedRareGrouper {
    /// The categories of a column that are grouped.
    pub fn infrequent(&self, column: &str) -> Vec<&Category> {
        let found = self.columns.iter().zip(&self.stays).filter(|(v, _)| v.column.name() == column);
        let categories = found.flat_map(|(v, stays)| v.categories.iter().zip(stays));
        categories.filter(|(_, stays)| !**stays).map(|(category, _)| category).collect()
    }

    fn validate(&self) -> Result<()> {
        let fits = self.columns.iter().zip(&self.stays).all(|(v, stays)| v.categories.len() == stays.len());
        if !fits || self.columns.len() != self.stays.len() {
            return Err(Error::artifact("does not say of each category whether it stays"));
        }
        self.columns.iter().try_for_each(Vocabulary::validate)
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|v| v.column.clone()).collect()
    }

    fn group(&self, v: &Vocabulary, stays: &[bool], batch: &RecordBatch) -> Result<ArrayRef> {
        let coded = Coded::new(v.column.name(), v.column.find(batch)?)?;
        let known = coded.places_in(&v.categories);
        if self.unseen == UnseenGroup::Error
            && let Some(row) = coded.codes.iter().position(|&code| known.get(code as usize) == Some(&None))
        {
            return Err(v.unseen(row, &coded));
        }
        let word = |(value, place): (&Category, &Option<u32>)| match place {
            Some(place) if stays[*place as usize] => value.to_string(),
            _ => self.label.clone(),
        };
        let words: Vec<String> = coded.distinct.iter().zip(&known).map(word).collect();
        let rows = coded.codes.iter().map(|&code| words.get(code as usize).map(String::as_str));
        Ok(Arc::new(StringArray::from_iter(rows)))
    }
}

fn field(input: &Field) -> FieldRef {
    let field = Field::new(input.name(), DataType::Utf8, input.is_nullable());
    Arc::new(field.with_metadata(input.metadata().clone()))
}

impl Transform for FittedRareGrouper {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .zip(&self.stays)
            .map(|(v, stays)| {
                let field = field(v.column.check(batch.schema_ref())?);
                Ok((v.column.name(), vec![(field, self.group(v, stays, batch)?)]))
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

mlsys_core::artifact!(FittedRareGrouper, "mlsys.FittedRareGrouper", 1);

impl FitByStatistic for RareGrouper {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedRareGrouper;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter("RareGrouper", name, value, expected))
        };
        match self.min_frequency {
            MinFrequency::Share(share) if !(share > 0.0 && share < 1.0) => {
                return invalid("min_frequency", share.to_string(), "a share above 0 and below 1");
            }
            MinFrequency::Count(0) => return invalid("min_frequency", "0".into(), "1 or more"),
            _ if self.max_categories.is_some_and(|max| max < 2) => {
                return invalid("max_categories", "fewer".into(), "2 or more");
            }
            _ if self.max_distinct == 0 => return invalid("max_distinct", "0".into(), "1 or more"),
            _ => (),
        }
        let text = |kind| kind == Kind::Text;
        let columns = layout.features_for("RareGrouper", text, text, "text")?;
        Ok(Counts::new().cap(self.max_distinct).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, CountsSummary)>) -> Result<FittedRareGrouper> {
        let (mut columns, mut stays) = (Vec::new(), Vec::new());
        for (name, counts) in found {
            let values = counts.values.ok_or_else(|| too_many(&name, self.max_distinct))?;
            let weights: Vec<f64> = values.iter().map(|count| count.weight).collect();
            let total = weights.iter().sum::<f64>() + counts.missing_weight;
            let rare = infrequent(Some(self.min_frequency), self.max_categories, &weights, total);
            stays.push(rare.into_iter().map(|rare| !rare).collect());
            let categories = values.iter().map(|count| count.value.clone()).collect();
            columns.push(Vocabulary::new(layout, &name, categories)?);
        }
        Ok(FittedRareGrouper { columns, stays, label: self.label.clone(), unseen: self.unseen })
    }
}
