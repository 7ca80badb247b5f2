//! Text as counts of its tokens.

use mlsys_core::{FitByStatistic, Layout, Result};
use mlsys_stats::PerColumn;
use serde::{Deserialize, Serialize};

use super::fitted_vectorizer::{Choice, Frequency, count_tokens, vocabulary_setters};
use super::{Analyzer, FittedVectorizer, Norm, TokenCounts, TokenCountsSummary};
use crate::MinFrequency;

/// Counts the tokens of each text: one column of [sparse rows](mlsys_core::sparse), an index per token.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `analyzer` | words in lower case | [`Analyzer`] | how text is cut |
/// | `min_texts` | 1 | a count or a share | tokens in fewer texts are left out |
/// | `max_texts` | 1.0 | a count or a share | tokens in more texts are left out |
/// | `max_tokens` | none | 1 or more | at most that many, those that occur most often; the first of equals |
/// | `times_as` | `Times` | | how often a token occurs, or 1 if it does |
///
/// **Input**: the text features, or with `.on(..)` exactly those; missing texts have no token. Rows of weight zero do not count, others
/// count once. **Output**: sparse rows in place of the column; the tokens ascend.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when no token is left, or past four million.
///
/// One pass, mergeable; state about 80 bytes per token.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, sparse::SparseRows, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::text::CountVectorizer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["late again", "again and again"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("note", x as _)])?)?.into_train_all();
/// let fitted = CountVectorizer::new().fit(&train)?;
/// assert_eq!(fitted.tokens("note").unwrap(), ["again", "and", "late"]);
/// let counted = fitted.transform(train.batch())?;
/// let rows = SparseRows::read(counted.schema().field(0), counted.column(0))?;
/// assert_eq!(rows.row(1), ([0, 1].as_slice(), [2.0, 1.0].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where long texts meet short ones: counts grow with length. **Instead**: [`TfidfVectorizer`](super::TfidfVectorizer).
/// As scikit-learn's `CountVectorizer`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CountVectorizer {
    analyzer: Analyzer,
    choice: Choice,
    times_as: TimesAs,
}

/// What a token in a text counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimesAs {
    /// How often it occurs.
    #[default]
    Times,
    /// One.
    Once,
}

impl Default for CountVectorizer {
    fn default() -> Self {
        Self { analyzer: Analyzer::default(), choice: Choice::default(), times_as: TimesAs::Times }
    }
}

impl CountVectorizer {
    /// A vectorizer by words.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a token in a text counts.
    pub fn times_as(mut self, times_as: TimesAs) -> Self {
        self.times_as = times_as;
        self
    }
}

vocabulary_setters!(CountVectorizer);

impl FitByStatistic for CountVectorizer {
    type Statistic = PerColumn<TokenCounts>;
    type Fitted = FittedVectorizer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.choice.check("CountVectorizer")?;
        count_tokens("CountVectorizer", self.analyzer, layout)
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, TokenCountsSummary)>) -> Result<FittedVectorizer> {
        let frequency = match self.times_as {
            TimesAs::Times => Frequency::Count,
            TimesAs::Once => Frequency::Binary,
        };
        FittedVectorizer::new(layout, found, (self.analyzer, self.choice), (frequency, Norm::None), None)
    }
}
