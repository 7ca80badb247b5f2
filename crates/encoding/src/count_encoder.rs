//! Categories as how often they occur.

use mlsys_core::{FitByStatistic, Layout, Result};
use mlsys_stats::{Counts, CountsSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::vocabulary::count_columns;
use crate::{FittedCategoryEncoder, MissingAs, UnseenAs};

/// Replaces a category by how often it occurred when fitting.
///
/// ```text
/// x = Σ w over the rows of the category,  as a share: divided by Σ w over all rows
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `count_as` | `Rows` | | rows, or a share of all rows |
/// | `unseen` | `Zeros` | | what becomes of a value that was not there when fitting: it occurred 0 times |
/// | `missing` | `Category` | | what becomes of missing values |
/// | `max_distinct` | 1,048,576 | 1 or more | a column with more categories is an error |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times. Weights, if there are any, are
/// added up. **Output**: Float64 in place of the column.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without any category,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, if said so.
///
/// One pass, mergeable; state about 48 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::{CountAs, CountEncoder};
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK", "JFK"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("origin", x as _)])?)?.into_train_all();
/// let encoder = CountEncoder::new().count_as(CountAs::Share).fit(&train)?;
/// assert_eq!(encoder.value("origin", &"JFK".into()), Some([0.75].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when two categories occur equally often: they become one. Counts grow with the table: use shares when tables of
/// different sizes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CountEncoder {
    count_as: CountAs,
    unseen: UnseenAs,
    missing: MissingAs,
    max_distinct: usize,
}

/// What a count is given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountAs {
    /// Rows, or their weight.
    #[default]
    Rows,
    /// The share of all rows, missing ones included, between 0 and 1.
    Share,
}

impl Default for CountEncoder {
    fn default() -> Self {
        Self {
            count_as: CountAs::Rows,
            unseen: UnseenAs::Zeros,
            missing: MissingAs::Category,
            max_distinct: 1 << 20,
        }
    }
}

impl CountEncoder {
    /// An encoder by the number of rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows, or a share of them.
    pub fn count_as(mut self, count_as: CountAs) -> Self {
        self.count_as = count_as;
        self
    }

    /// What becomes of unseen values.
    pub fn unseen(mut self, unseen: UnseenAs) -> Self {
        self.unseen = unseen;
        self
    }

    /// What becomes of missing values.
    pub fn missing(mut self, missing: MissingAs) -> Self {
        self.missing = missing;
        self
    }

    /// How many categories a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }
}

impl FitByStatistic for CountEncoder {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedCategoryEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        count_columns("CountEncoder", layout, self.max_distinct)
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, CountsSummary)>) -> Result<FittedCategoryEncoder> {
        let policies = (self.missing, self.unseen);
        FittedCategoryEncoder::of_counts(
            layout,
            found,
            policies,
            self.max_distinct,
            |column, _| vec![column.to_owned()],
            |levels| {
                let values = levels.counts.values.as_deref().map_or(&[][..], Vec::as_slice);
                let missing = levels.counts.missing_weight;
                let weights = values.iter().map(|count| count.weight).chain([missing]);
                let whole = match self.count_as {
                    CountAs::Rows => 1.0,
                    CountAs::Share => weights.clone().sum(),
                };
                weights.take(levels.n).map(|weight| vec![weight / whole]).collect()
            },
        )
    }
}
