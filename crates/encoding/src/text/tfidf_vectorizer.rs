//! Text as weights of its tokens: the rarer a token, the more it says.

use mlsys_core::{FitByStatistic, Layout, Result};
use mlsys_stats::PerColumn;
use serde::{Deserialize, Serialize};

use super::fitted_vectorizer::{Choice, Frequency, count_tokens, vocabulary_setters};
use super::{Analyzer, FittedVectorizer, Norm, TokenCounts, TokenCountsSummary};
use crate::MinFrequency;

/// Weighs the tokens of each text by how few texts have them: one column of [sparse rows](mlsys_core::sparse).
///
/// ```text
/// x = tf · (ln((1 + n) / (1 + n_t)) + 1), divided by the row's norm        n texts, of which n_t have the token
/// tf: how often the token occurs in the text, or 1 + ln of it
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `analyzer` | words in lower case | [`Analyzer`] | how text is cut |
/// | `min_texts` | 1 | a count or a share | tokens in fewer texts are left out |
/// | `max_texts` | 1.0 | a count or a share | tokens in more texts are left out |
/// | `max_tokens` | none | 1 or more | at most that many, those that occur most often; the first of equals |
/// | `sublinear` | no | | 1 + ln of a count instead of the count |
/// | `norm` | `L2` | | what each row is divided by |
///
/// **Input**, **output** and **errors**: as [`CountVectorizer`](super::CountVectorizer). One pass, mergeable.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::text::TfidfVectorizer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["late again", "again and again"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("note", x as _)])?)?.into_train_all();
/// let fitted = TfidfVectorizer::new().fit(&train)?;
/// assert_eq!(fitted.weights("note").unwrap(), [1.0, 1.5f64.ln() + 1.0, 1.5f64.ln() + 1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for texts of a few words: their norm makes each of them loud.
///
/// Karen Spärck Jones, *A statistical interpretation of term specificity*, 1972. As scikit-learn's `TfidfVectorizer`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct TfidfVectorizer {
    analyzer: Analyzer,
    choice: Choice,
    sublinear: bool,
    norm: Norm,
}

impl Default for TfidfVectorizer {
    fn default() -> Self {
        Self { analyzer: Analyzer::default(), choice: Choice::default(), sublinear: false, norm: Norm::L2 }
    }
}

impl TfidfVectorizer {
    /// A vectorizer by words, of rows of length 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a count becomes 1 + ln of it.
    pub fn sublinear(mut self, sublinear: bool) -> Self {
        self.sublinear = sublinear;
        self
    }

    /// What each row is divided by.
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }
}

vocabulary_setters!(TfidfVectorizer);

impl FitByStatistic for TfidfVectorizer {
    type Statistic = PerColumn<TokenCounts>;
    type Fitted = FittedVectorizer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.choice.check("TfidfVectorizer")?;
        count_tokens("TfidfVectorizer", self.analyzer, layout)
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, TokenCountsSummary)>) -> Result<FittedVectorizer> {
        let frequency = if self.sublinear { Frequency::Sublinear } else { Frequency::Count };
        let rarity = |texts: u64, rows: u64| ((1.0 + rows as f64) / (1.0 + texts as f64)).ln() + 1.0;
        let cut = (self.analyzer, self.choice);
        FittedVectorizer::new(layout, found, cut, (frequency, self.norm), Some(&rarity))
    }
}
