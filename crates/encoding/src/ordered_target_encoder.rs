//! Categories as the mean of the target in the rows before.

use mlsys_core::hash::hash_u64;
use mlsys_core::{Batches, Dataset, Error, Fit, FitTransform, Layout, Result, Train, seed};
use mlsys_stats::{Spread, TargetAs, TargetByCategory, TargetByCategorySummary};
use serde::{Deserialize, Serialize};

use crate::target_encoding::{self, Options, Order, Others, Rows, TargetValue, target_recipe};
use crate::{FittedTargetEncoder, MissingTarget, UnseenTarget};

/// Replaces a category by the smoothed mean of the target there; each training row by that of the rows which come before it in
/// a random order, as CatBoost does.
///
/// ```text
/// x = (Σ w y + a ȳ) / (Σ w + a) over the rows of the category
/// training row i: over those before i, with the mean over all rows but i for ȳ, averaged over the permutations
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `prior_weight` | 1 | above 0 | a, in rows |
/// | `order` | `Permutations(4)` | 1 to 1,000 | the orders of the training rows |
/// | `seed` | 0 | | the permutations, by row id |
/// | `target_as` | by the column's type | | numbers are numbers, all else are classes |
/// | `unseen` | `Prior` | | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | | what becomes of missing values |
///
/// **Input**, **output** and **errors**: as [`TargetEncoder`](crate::TargetEncoder). Copies of a row, of one row id, do not come before
/// each other. One pass, mergeable; training rows take a pass per permutation.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch, StringArray}};
/// use mlsys_encoding::OrderedTargetEncoder;
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("dest", Arc::new(StringArray::from(vec!["a", "a", "a", "b"])) as _),
///     ("delay", Arc::new(Float64Array::from(vec![1.0, 2.0, 6.0, 3.0])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("delay")?.into_train_all();
/// let encoder = OrderedTargetEncoder::new().fit(&train)?;
/// assert_eq!(encoder.value("dest", &"a".into()), Some([3.0].as_slice()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** in small categories: the first rows of an order know little, so that training rows are encoded with more noise than
/// rows to come. More permutations take some of it away.
///
/// Liudmila Prokhorenkova and others, *CatBoost: unbiased boosting with categorical features*, 2018, equation 5.
/// **Instead**: [`TargetEncoder`](crate::TargetEncoder), whose training rows are encoded by four fifths of the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct OrderedTargetEncoder {
    prior_weight: f64,
    order: RowOrder,
    seed: u64,
    target_as: Option<TargetAs>,
    unseen: UnseenTarget,
    missing: MissingTarget,
}

/// The order in which training rows come before each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// So many random ones, by row id and seed.
    Permutations(usize),
    /// As the rows stand; with the mean over all rows for every row, its own target among them, and for categories of a
    /// single row when serving: category_encoders' `CatBoostEncoder`.
    CatBoostCompat,
}

impl Default for OrderedTargetEncoder {
    fn default() -> Self {
        Self {
            prior_weight: 1.0,
            order: RowOrder::Permutations(4),
            seed: seed::DEFAULT_SEED,
            target_as: None,
            unseen: UnseenTarget::default(),
            missing: MissingTarget::default(),
        }
    }
}

impl OrderedTargetEncoder {
    /// An encoder with four permutations.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows the mean over all counts for.
    pub fn prior_weight(mut self, rows: f64) -> Self {
        self.prior_weight = rows;
        self
    }

    /// The orders of the training rows.
    pub fn order(mut self, order: RowOrder) -> Self {
        self.order = order;
        self
    }

    /// The seed of the permutations.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether the target is a number or a class.
    pub fn target_as(mut self, target_as: TargetAs) -> Self {
        self.target_as = Some(target_as);
        self
    }
}

impl TargetValue for OrderedTargetEncoder {
    const NAME: &'static str = "OrderedTargetEncoder";

    fn check(&self) -> Result<()> {
        let a = self.prior_weight;
        if !(a.is_finite() && a > 0.0) {
            return Err(Error::invalid_parameter(Self::NAME, "prior_weight", a, "finite and above 0"));
        }
        match self.order {
            RowOrder::Permutations(n) if !(1..=1_000).contains(&n) => {
                Err(Error::invalid_parameter(Self::NAME, "order", n, "1 to 1000 permutations"))
            }
            _ => Ok(()),
        }
    }

    fn options(&self) -> Options {
        Options { target_as: self.target_as, unseen: self.unseen, missing: self.missing, binary: false }
    }

    fn value(&self, own: &Spread, all: &Spread, _: usize) -> f64 {
        if self.order == RowOrder::CatBoostCompat && target_encoding::fewer_than(own, 2) {
            return all.mean;
        }
        let share = own.weight / (own.weight + self.prior_weight);
        share * own.mean + (1.0 - share) * all.mean
    }
}

target_recipe!(OrderedTargetEncoder);

impl Fit for OrderedTargetEncoder {
    type Fitted = FittedTargetEncoder;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedTargetEncoder> {
        target_encoding::fit(self, &Rows::new(self, train)?)
    }
}

impl FitTransform for OrderedTargetEncoder {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedTargetEncoder, Dataset<Train>)> {
        let rows = Rows::new(self, &train)?;
        let fitted = target_encoding::fit(self, &rows)?;
        let ids = train.row_ids();
        let (orders, prior) = match self.order {
            RowOrder::CatBoostCompat => {
                (vec![Order::by((0..ids.len() as u64).collect())], Some(fitted.prior()))
            }
            RowOrder::Permutations(n) => {
                let seeds = (0..n as u64).map(|i| hash_u64(i, self.seed));
                let by = |seed| Order::by(ids.iter().map(|&id| hash_u64(id, seed)).collect());
                (seeds.map(by).collect(), None)
            }
        };
        let others = Others::Before(&orders);
        let weight = self.prior_weight;
        let encoded = target_encoding::encode_by_others(self, &others, weight, prior, &rows)?;
        Ok((fitted, encoded))
    }
}
