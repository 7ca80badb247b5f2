//! Categories as the digits of their place.

use mlsys_core::{Error, FitByStatistic, Layout, Result};
use mlsys_stats::{Counts, CountsSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;
use crate::vocabulary::count_columns;
use crate::{FittedCategoryEncoder, MissingAs, UnseenAs};

/// Replaces a category by the digits of its place in ascending order, counted from 1: few columns for many categories.
///
/// ```text
/// binary: 1 = 001, 2 = 010, 3 = 011, 4 = 100     Gray: 001, 011, 010, 110     rank: 1000, 1100, 1110, 1111
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `code` | `Binary` | see [`Code`] | how a place is written |
/// | `unseen` | `Error` | | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | | what becomes of missing values; as a category they come last |
/// | `max_distinct` | 65,536 | 1 or more | a column with more categories is an error |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times. Rows of weight zero do not
/// count. **Output**: Float64 columns `<column>#0`, `<column>#1`, .. in place of the column, the highest digit first.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`, or past 1,024 for ranks,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without any category,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, unless said otherwise.
///
/// One pass, mergeable; state about 48 bytes per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::BinaryEncoder;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["d", "a", "c", "b"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let encoder = BinaryEncoder::new().fit(&train)?;
/// assert_eq!(encoder.value("x", &"c".into()), Some([0.0, 1.0, 1.0].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** linear models and trees alike: categories that share a digit have nothing in common but their spelling. Ranks are for
/// categories whose order means something. As category_encoders' `BinaryEncoder`, `BaseNEncoder`, `GrayEncoder` and
/// `RankHotEncoder`, which count categories as they appear. **Instead**: [`TargetEncoder`](crate::TargetEncoder).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct BinaryEncoder {
    code: Code,
    unseen: UnseenAs,
    missing: MissingAs,
    max_distinct: usize,
}

/// How a place is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// In base 2.
    #[default]
    Binary,
    /// In a base of 2 to 65,536.
    Base(u32),
    /// In Gray's code: neighbours differ in one digit.
    Gray,
    /// As many ones as the place, and zeros after them: a column per category.
    Rank,
}

impl Default for BinaryEncoder {
    fn default() -> Self {
        Self {
            code: Code::Binary,
            unseen: UnseenAs::Error,
            missing: MissingAs::Category,
            max_distinct: 65_536,
        }
    }
}

impl BinaryEncoder {
    /// An encoder in base 2.
    pub fn new() -> Self {
        Self::default()
    }

    /// How a place is written.
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
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

    fn base(&self) -> usize {
        if let Code::Base(base) = self.code { base as usize } else { 2 }
    }

    /// The digits of so many places.
    fn width(&self, levels: usize) -> usize {
        match self.code {
            Code::Rank => levels,
            _ => std::iter::successors(Some(levels), |left| Some(left / self.base()))
                .take_while(|left| *left > 0)
                .count(),
        }
    }

    fn digits(&self, level: usize, levels: usize) -> Vec<f64> {
        let place = level + 1;
        let width = self.width(levels);
        if self.code == Code::Rank {
            return (0..width).map(|i| f64::from(u8::from(i < place))).collect();
        }
        let mut left = if self.code == Code::Gray { place ^ (place >> 1) } else { place };
        let mut digits = vec![0.0; width];
        for digit in digits.iter_mut().rev() {
            *digit = (left % self.base()) as f64;
            left /= self.base();
        }
        digits
    }
}

/// A column per category is wide: more are an error.
const MOST_RANKS: usize = 1_024;

impl FitByStatistic for BinaryEncoder {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedCategoryEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if !(2..=65_536).contains(&self.base()) {
            return Err(Error::invalid_parameter(
                "BinaryEncoder",
                "code",
                self.base(),
                "a base of 2 to 65536",
            ));
        }
        count_columns("BinaryEncoder", layout, self.max_distinct)
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, CountsSummary)>) -> Result<FittedCategoryEncoder> {
        if self.code == Code::Rank
            && let Some((name, _)) = found.iter().find(|(_, c)| c.distinct().is_some_and(|n| n > MOST_RANKS))
        {
            return Err(crate::vocabulary::too_many(name, MOST_RANKS));
        }
        FittedCategoryEncoder::of_counts(
            layout,
            found,
            (self.missing, self.unseen),
            self.max_distinct,
            |column, levels| numbered(column, self.width(levels.n)),
            |levels| (0..levels.n).map(|level| self.digits(level, levels.n)).collect(),
        )
    }
}
