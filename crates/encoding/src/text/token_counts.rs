//! How often each token occurs, and in how many texts.

use std::collections::BTreeMap;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_core::{Error, Kind, Result};
use mlsys_stats::{Column, ColumnStatistic};
use serde::{Deserialize, Serialize};

use super::Analyzer;

/// How often each token of a text column occurs, and in how many texts; exact up to a number of tokens.
///
/// Past `cap` tokens the counts are given up, so that memory stays bounded;
/// [`tokens`](TokenCountsSummary::tokens) is then `None`. Merging is exact.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `analyzer` | words | [`Analyzer`] | how text is cut |
/// | `cap` | 4,194,304 | 1 or more | tokens kept |
///
/// **Input**: text in any encoding; missing values are texts without tokens. Rows of weight zero do not count, others count once.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, StringArray};
/// use mlsys_encoding::text::TokenCounts;
/// use mlsys_stats::ColumnStatistic;
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(StringArray::from(vec!["late again", "again and again"]));
/// let found = TokenCounts::new().of("note", &x, None)?;
/// let again = &found.tokens.as_ref().unwrap()["again"];
/// assert_eq!((again.texts, again.times), (2, 3));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct TokenCounts {
    analyzer: Analyzer,
    cap: usize,
}

impl Default for TokenCounts {
    fn default() -> Self {
        Self { analyzer: Analyzer::default(), cap: 1 << 22 }
    }
}

impl TokenCounts {
    /// Of words.
    pub fn new() -> Self {
        Self::default()
    }

    /// How text is cut.
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = analyzer;
        self
    }

    /// How many tokens are kept.
    pub fn cap(mut self, tokens: usize) -> Self {
        self.cap = tokens;
        self
    }
}

/// How often a token occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// In how many texts.
    pub texts: u64,
    /// How many times in all.
    pub times: u64,
}

/// The state of [`TokenCounts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCountsState {
    rows: u64,
    /// `None` once there were more than the cap.
    tokens: Option<BTreeMap<String, TokenCount>>,
}

/// What [`TokenCounts`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCountsSummary {
    /// Texts in all, missing ones included.
    pub rows: u64,
    /// The tokens; `None` when there are more than the cap.
    pub tokens: Option<BTreeMap<String, TokenCount>>,
}

/// The texts of a column, whatever its encoding.
pub(super) fn texts(name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    if Kind::of(array.data_type()) != Kind::Text {
        return Err(Error::column_type(name, "text", array.data_type()));
    }
    Ok(if array.data_type() == &DataType::Utf8View {
        array.clone()
    } else {
        cast(array, &DataType::Utf8View)?
    })
}

impl ColumnStatistic for TokenCounts {
    const NAME: &'static str = "mlsys.TokenCounts";

    type State = TokenCountsState;
    type Output = TokenCountsSummary;

    fn init(&self, field: &Field) -> Result<TokenCountsState> {
        self.analyzer.check("TokenCounts")?;
        if self.cap == 0 {
            return Err(Error::invalid_parameter("TokenCounts", "cap", 0, "1 or more"));
        }
        if Kind::of(field.data_type()) != Kind::Text {
            return Err(Error::column_type(field.name(), "text", field.data_type()));
        }
        Ok(TokenCountsState { rows: 0, tokens: Some(BTreeMap::new()) })
    }

    fn update(&self, state: &mut TokenCountsState, column: &Column<'_>) -> Result<()> {
        let texts = texts(column.name(), column.array())?;
        let counted = (0..texts.len()).filter(|&row| column.weight(row) > 0.0);
        state.rows = state.rows.saturating_add(counted.clone().count() as u64);
        let Some(tokens) = &mut state.tokens else { return Ok(()) };
        let texts = texts.as_string_view();
        let mut of_text: BTreeMap<String, u64> = BTreeMap::new();
        for row in counted.filter(|&row| texts.is_valid(row)) {
            self.analyzer.tokens(texts.value(row), |token| match of_text.get_mut(token) {
                Some(times) => *times += 1,
                None => drop(of_text.insert(token.to_owned(), 1)),
            });
            for (token, times) in std::mem::take(&mut of_text) {
                let count = tokens.entry(token).or_default();
                count.texts = count.texts.saturating_add(1);
                count.times = count.times.saturating_add(times);
            }
            if tokens.len() > self.cap {
                state.tokens = None;
                return Ok(());
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut TokenCountsState, from: TokenCountsState) -> Result<()> {
        into.rows = into.rows.saturating_add(from.rows);
        let (Some(tokens), Some(others)) = (&mut into.tokens, from.tokens) else {
            into.tokens = None;
            return Ok(());
        };
        for (token, other) in others {
            let count = tokens.entry(token).or_default();
            count.texts = count.texts.saturating_add(other.texts);
            count.times = count.times.saturating_add(other.times);
        }
        if tokens.len() > self.cap {
            into.tokens = None;
        }
        Ok(())
    }

    fn finish(&self, state: &TokenCountsState) -> Result<TokenCountsSummary> {
        Ok(TokenCountsSummary { rows: state.rows, tokens: state.tokens.clone() })
    }

    fn check_state(&self, state: &TokenCountsState) -> Result<()> {
        let tokens = state.tokens.iter().flatten();
        let fits = |count: &TokenCount| (1..=count.times.min(state.rows)).contains(&count.texts);
        if state.tokens.as_ref().is_some_and(|tokens| tokens.len() > self.cap)
            || !tokens.map(|(_, c)| c).all(fits)
        {
            let expected = format!("{} tokens at most, each in texts that there are", self.cap);
            return Err(Error::state(expected, "others"));
        }
        Ok(())
    }
}
