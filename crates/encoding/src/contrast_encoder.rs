//! Categories as contrasts: what a linear model's coefficients shall compare.

use mlsys_core::{FitByStatistic, Layout, Result};
use mlsys_stats::{Counts, CountsSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::{check_max_distinct, numbered};
use crate::vocabulary::count_columns;
use crate::{FittedCategoryEncoder, MissingAs, UnseenAs};

/// Replaces a column of K categories by K − 1 contrasts between them.
///
/// ```text
/// Helmert, column j:              −1 before level j + 1, j + 1 there, 0 after: a level with the mean of those before
/// sum:                            1 at level j, −1 at the last, 0 elsewhere: a level with the mean of all
/// backward difference, column j:  −(K − j − 1) / K to level j, (j + 1) / K after: a level with the one before
/// polynomial, column j:           the orthonormal polynomial of degree j + 1 in the level: linear, quadratic, ..
/// treatment:                      1 at level j + 1, 0 elsewhere: a level with the first
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `contrast` | required | | what is compared |
/// | `unseen` | `Error` | | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | | what becomes of missing values; as a category they come last |
/// | `max_distinct` | 128 | 1 to 1,024 | a column with more categories is an error |
///
/// **Input**: the text features, or with `.on(..)` exactly those, of text, booleans, numbers or times; categories in ascending order.
/// Rows of weight zero do not count. **Output**: Float64 columns `<column>#0`, `<column>#1`, .. in place of the column; none
/// where there is a single category.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without any category,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, unless said otherwise.
///
/// One pass, mergeable; K numbers per category.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::{Contrast, ContrastEncoder};
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let encoder = ContrastEncoder::new(Contrast::Helmert).fit(&train)?;
/// assert_eq!(encoder.value("x", &"c".into()), Some([0.0, 2.0, -1.0].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where coefficients are penalised: a penalty treats contrasts of different sizes differently. Differences and polynomials are
/// for categories whose order means something.
///
/// As category_encoders' contrasts without their intercept, whose levels come as they appear. William Venables and Brian Ripley, *Modern Applied Statistics with S*, 4th edition, 2002, section 6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ContrastEncoder {
    contrast: Contrast,
    #[serde(default)]
    unseen: UnseenAs,
    #[serde(default)]
    missing: MissingAs,
    #[serde(default = "default_max_distinct")]
    max_distinct: usize,
}

fn default_max_distinct() -> usize {
    128
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contrast {
    /// A level with the mean of those before it.
    Helmert,
    /// A level with the mean of all.
    Sum,
    /// A level with the one before it.
    BackwardDifference,
    /// Orthonormal polynomials of the level.
    Polynomial,
    /// A level with the first.
    Treatment,
}

impl ContrastEncoder {
    /// An encoder that refuses unseen values.
    pub fn new(contrast: Contrast) -> Self {
        Self {
            contrast,
            unseen: UnseenAs::Error,
            missing: MissingAs::Category,
            max_distinct: default_max_distinct(),
        }
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

/// The contrasts of each of `k` levels.
fn contrasts(contrast: Contrast, k: usize) -> Vec<Vec<f64>> {
    let of = |number: &dyn Fn(usize, usize) -> f64| {
        (0..k).map(|level| (0..k - 1).map(|j| number(level, j)).collect()).collect()
    };
    let one = |yes: bool| f64::from(u8::from(yes));
    match contrast {
        Contrast::Helmert => of(&|level, j| match level.cmp(&(j + 1)) {
            std::cmp::Ordering::Less => -1.0,
            std::cmp::Ordering::Equal => (j + 1) as f64,
            std::cmp::Ordering::Greater => 0.0,
        }),
        Contrast::Sum => of(&|level, j| if level + 1 == k { -1.0 } else { one(level == j) }),
        Contrast::BackwardDifference => {
            of(&|level, j| if level <= j { -((k - j - 1) as f64) } else { (j + 1) as f64 } / k as f64)
        }
        Contrast::Treatment => of(&|level, j| one(level == j + 1)),
        Contrast::Polynomial => {
            let by_degree = polynomials(k);
            of(&|level, j| by_degree[j][level])
        }
    }
}

/// The orthonormal polynomials of degrees 1 to k − 1 over k points, by their three-term recurrence; made orthogonal once more to all
/// before them, since the recurrence alone loses it with the degree.
fn polynomials(k: usize) -> Vec<Vec<f64>> {
    let centre = (k as f64 - 1.0) / 2.0;
    let mut found: Vec<Vec<f64>> = vec![vec![1.0 / (k as f64).sqrt(); k]];
    for degree in 1..k {
        let mut next: Vec<f64> =
            found[degree - 1].iter().enumerate().map(|(i, x)| (i as f64 - centre) * x).collect();
        for _ in 0..2 {
            for before in &found {
                let along: f64 = next.iter().zip(before).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(before).for_each(|(x, b)| *x -= along * b);
            }
        }
        let length = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        next.iter_mut().for_each(|x| *x /= length);
        found.push(next);
    }
    found.split_off(1)
}

impl FitByStatistic for ContrastEncoder {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedCategoryEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        check_max_distinct("ContrastEncoder", self.max_distinct, 1_024)?;
        count_columns("ContrastEncoder", layout, self.max_distinct)
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, CountsSummary)>) -> Result<FittedCategoryEncoder> {
        FittedCategoryEncoder::of_counts(
            layout,
            found,
            (self.missing, self.unseen),
            self.max_distinct,
            |column, levels| numbered(column, levels.n - 1),
            |levels| contrasts(self.contrast, levels.n),
        )
    }
}
