//! What vectorizers with a vocabulary fit: a place and a weight for each token.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, AsArray, RecordBatch};
use mlsys_core::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::sparse::{self, SparseBuilder};
use mlsys_core::{Error, InputColumn, Kind, Layout, Result, Transform, first_error};
use mlsys_stats::{ColumnStatistic, PerColumn};
use serde::{Deserialize, Serialize};

use super::token_counts::texts;
use super::{Analyzer, TokenCount, TokenCounts, TokenCountsSummary};
use crate::MinFrequency;
use crate::feature_hasher::write_rows;

/// What a row of counts or weights is divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing.
    None,
    /// The sum of its magnitudes.
    L1,
    /// The root of the sum of its squares.
    #[default]
    L2,
}

impl Norm {
    /// Divides a row; one of zeros stays.
    pub(super) fn apply(self, row: &mut [(u32, f64)]) {
        let length = match self {
            Self::None => return,
            Self::L1 => row.iter().map(|(_, x)| x.abs()).sum::<f64>(),
            Self::L2 => row.iter().map(|(_, x)| x * x).sum::<f64>().sqrt(),
        };
        if length > 0.0 {
            row.iter_mut().for_each(|(_, x)| *x /= length);
        }
    }
}

/// What a count becomes before it is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frequency {
    Count,
    Binary,
    /// 1 + ln of the count.
    Sublinear,
}

/// Which tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Choice {
    pub min_texts: MinFrequency,
    pub max_texts: MinFrequency,
    pub max_tokens: Option<usize>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { min_texts: MinFrequency::Count(1), max_texts: MinFrequency::Share(1.0), max_tokens: None }
    }
}

/// The setters of recipes with a vocabulary.
macro_rules! vocabulary_setters {
    ($recipe:ident) => {
        impl $recipe {
            /// How text is cut.
            pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
                self.analyzer = analyzer;
                self
            }

            /// In how many texts a token must be: a count (`5`) or a share (`0.01`).
            pub fn min_texts(mut self, texts: impl Into<MinFrequency>) -> Self {
                self.choice.min_texts = texts.into();
                self
            }

            /// In how many texts a token may be: a count (`500`) or a share (`0.5`).
            pub fn max_texts(mut self, texts: impl Into<MinFrequency>) -> Self {
                self.choice.max_texts = texts.into();
                self
            }

            /// How many tokens are kept.
            pub fn max_tokens(mut self, tokens: usize) -> Self {
                self.choice.max_tokens = Some(tokens);
                self
            }
        }
    };
}
pub(super) use vocabulary_setters;

impl Choice {
    pub fn check(&self, estimator: &str) -> Result<()> {
        for (name, limit) in [("min_texts", self.min_texts), ("max_texts", self.max_texts)] {
            if let MinFrequency::Share(share) = limit
                && !(0.0..=1.0).contains(&share)
            {
                return Err(Error::invalid_parameter(estimator, name, share, "a share of 0 to 1"));
            }
        }
        if self.max_tokens == Some(0) {
            return Err(Error::invalid_parameter(estimator, "max_tokens", 0, "1 or more"));
        }
        Ok(())
    }

    /// The tokens that stay, ascending, with the number of texts of each.
    fn tokens(&self, column: &str, found: TokenCountsSummary) -> Result<Vec<(String, u64)>> {
        let Some(tokens) = found.tokens else {
            let expected = "text of fewer (hash it: HashingVectorizer)";
            return Err(Error::invalid_value(column, None, "more than 4194304 tokens", expected));
        };
        let limit = |limit| match limit {
            MinFrequency::Count(count) => count as f64,
            MinFrequency::Share(share) => share * found.rows as f64,
        };
        let (least, most) = (limit(self.min_texts), limit(self.max_texts));
        let mut kept: Vec<(String, TokenCount)> =
            tokens.into_iter().filter(|(_, c)| (least..=most).contains(&(c.texts as f64))).collect();
        if let Some(max) = self.max_tokens
            && kept.len() > max
        {
            // Stable: of tokens that occur equally often the first stay.
            kept.sort_by_key(|(_, count)| std::cmp::Reverse(count.times));
            kept.truncate(max);
            kept.sort_by(|a, b| a.0.cmp(&b.0));
        }
        if kept.is_empty() {
            let expected = "tokens in enough texts and in few enough (loosen `min_texts` and `max_texts`, or leave it out)";
            return Err(Error::invalid_value(column, None, "no such token", expected));
        }
        Ok(kept.into_iter().map(|(token, count)| (token, count.texts)).collect())
    }
}

/// The text columns of a layout, counted by an analyzer.
pub(super) fn count_tokens(
    estimator: &str,
    analyzer: Analyzer,
    layout: &Layout,
) -> Result<PerColumn<TokenCounts>> {
    analyzer.check(estimator)?;
    let text = |kind| kind == Kind::Text;
    let columns = layout.features_for(estimator, text, text, "text")?;
    Ok(TokenCounts::new().analyzer(analyzer).over(columns).weighted_as(layout))
}

/// A column, its tokens and their weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Vocabulary {
    column: InputColumn,
    /// Ascending.
    tokens: Vec<String>,
    /// A weight for each token, none where all are 1.
    weights: Vec<f64>,
}

/// The fitted vectorizers. Made by [`CountVectorizer`](super::CountVectorizer) and
/// [`TfidfVectorizer`](super::TfidfVectorizer).
///
/// Transforms a batch of any length: each text column becomes one column of [sparse rows](mlsys_core::sparse) of the same name.
/// Tokens that were not there when fitting are left out; missing texts have no token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedVectorizer {
    columns: Vec<Vocabulary>,
    analyzer: Analyzer,
    frequency: Frequency,
    norm: Norm,
}

impl FittedVectorizer {
    pub(super) fn new(
        layout: &Layout,
        found: Vec<(String, TokenCountsSummary)>,
        (analyzer, choice): (Analyzer, Choice),
        (frequency, norm): (Frequency, Norm),
        weight: Option<&dyn Fn(u64, u64) -> f64>,
    ) -> Result<Self> {
        let one = |(name, found): (String, TokenCountsSummary)| {
            let rows = found.rows;
            let tokens = choice.tokens(&name, found)?;
            let weights = tokens.iter().flat_map(|(_, texts)| weight.map(|weight| weight(*texts, rows)));
            let weights = weights.collect();
            let tokens = tokens.into_iter().map(|(token, _)| token).collect();
            Ok(Vocabulary { column: InputColumn::new(layout, &name)?, tokens, weights })
        };
        let columns = found.into_iter().map(one).collect::<Result<_>>()?;
        Ok(Self { columns, analyzer, frequency, norm })
    }

    /// The tokens of a column, ascending: index i of a row is the i-th.
    pub fn tokens(&self, column: &str) -> Option<&[String]> {
        self.columns.iter().find(|v| v.column.name() == column).map(|v| v.tokens.as_slice())
    }

    /// The weight of each token of a column; empty where all are 1.
    pub fn weights(&self, column: &str) -> Option<&[f64]> {
        self.columns.iter().find(|v| v.column.name() == column).map(|v| v.weights.as_slice())
    }

    fn validate(&self) -> Result<()> {
        self.analyzer.check("vectorizer").map_err(|e| Error::artifact(e.to_string()))?;
        for v in &self.columns {
            let name = v.column.name();
            let weighed = v.weights.is_empty() || v.weights.len() == v.tokens.len();
            if v.tokens.windows(2).any(|pair| pair[0] >= pair[1]) || v.tokens.len() > u32::MAX as usize {
                return Err(Error::artifact(format!("tokens of `{name}` do not ascend")));
            }
            if !weighed || v.weights.iter().any(|w| !w.is_finite()) {
                return Err(Error::artifact(format!("`{name}` has no finite weight for each token")));
            }
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|v| v.column.clone()).collect()
    }

    fn field(v: &Vocabulary) -> FieldRef {
        Arc::new(sparse::field(v.column.name(), v.tokens.len()))
    }

    fn row(&self, v: &Vocabulary, text: &str, builder: &mut SparseBuilder) {
        let mut places: Vec<u32> = Vec::new();
        self.analyzer.tokens(text, |token| {
            places.extend(
                v.tokens.binary_search_by(|own| own.as_str().cmp(token)).ok().map(|place| place as u32),
            );
        });
        places.sort_unstable();
        let mut row: Vec<(u32, f64)> = places
            .chunk_by(|a, b| a == b)
            .map(|run| {
                let frequency = match self.frequency {
                    Frequency::Count => run.len() as f64,
                    Frequency::Binary => 1.0,
                    Frequency::Sublinear => 1.0 + (run.len() as f64).ln(),
                };
                (run[0], frequency * v.weights.get(run[0] as usize).copied().unwrap_or(1.0))
            })
            .collect();
        self.norm.apply(&mut row);
        row.into_iter().for_each(|(place, value)| builder.add(place, value));
    }
}

impl Transform for FittedVectorizer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let one = |v: &Vocabulary| -> Result<Vec<NewColumn>> {
            let array = texts(v.column.name(), v.column.find(batch)?)?;
            let texts = array.as_string_view();
            let rows = write_rows(v.tokens.len(), batch.num_rows(), 4, |row, builder| {
                if texts.is_valid(row) {
                    self.row(v, texts.value(row), builder);
                }
            })?;
            Ok(vec![(Self::field(v), rows.to_array()?)])
        };
        let done: Vec<Result<Replacement<'_, NewColumn>>> =
            self.columns.iter().map(|v| Ok((v.column.name(), one(v)?))).collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for v in &self.columns {
            v.column.check(input)?;
            with.insert(v.column.name(), vec![Self::field(v)]);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedVectorizer, "mlsys.FittedVectorizer", 1);
