//! Categories as the mean of the target in all other rows there.

use mlsys_core::{Batches, Dataset, Fit, FitTransform, Layout, Result, Train};
use mlsys_stats::{Spread, TargetAs, TargetByCategory, TargetByCategorySummary};
use serde::{Deserialize, Serialize};

use crate::target_encoding::{self, Options, Order, Others, Rows, TargetValue, target_recipe};
use crate::{FittedTargetEncoder, MissingTarget, UnseenTarget};

/// Replaces a category by the mean of the target there; each training row by that of the other rows.
///
/// ```text
/// x = ȳ_c, or ȳ in a category of one row;  for training row i: Σ_{j ≠ i} w_j y_j / Σ_{j ≠ i} w_j over the rows j of its category
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `alone` | `OtherRows` | what a training row becomes that is alone in its category |
/// | `target_as` | by the column's type | numbers are numbers, all else are classes |
/// | `unseen` | `Prior` | what becomes of a value that was not there when fitting |
/// | `missing` | `Category` | what becomes of missing values |
///
/// **Input**, **output** and **errors**: as [`TargetEncoder`](crate::TargetEncoder). Copies of a row, of one row id, are not other rows
/// to each other. One pass, mergeable; training rows take two more.
///
/// ```
/// use mlsys_core::{Dataset, FitTransform, arrow::array::{AsArray, Float64Array, RecordBatch, StringArray}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::LeaveOneOutEncoder;
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("dest", Arc::new(StringArray::from(vec!["a", "a", "a", "b"])) as _),
///     ("delay", Arc::new(Float64Array::from(vec![1.0, 2.0, 6.0, 4.0])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("delay")?.into_train_all();
/// let (_, train) = LeaveOneOutEncoder::new().fit_transform(train)?;
/// assert_eq!(train.column("dest")?.as_primitive::<Float64Type>().values(), &[4.0, 3.5, 1.5, 3.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads, and badly**: a row's own target is not in its value, but the value says what it is. In a category of three rows of
/// which two are late, each late row has the value 1/2 and the third has 1: within a category the lower value always has the higher
/// target. Models that compare rows of a category, such as trees, read the target off it, on pure noise too. It is here because others have it.
/// **Instead**: [`TargetEncoder`](crate::TargetEncoder), or [`OrderedTargetEncoder`](crate::OrderedTargetEncoder).
///
/// Owen Zhang, *Tips for data science competitions*, 2015; category_encoders' `LeaveOneOutEncoder`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct LeaveOneOutEncoder {
    alone: Alone,
    target_as: Option<TargetAs>,
    unseen: UnseenTarget,
    missing: MissingTarget,
}

/// What a training row becomes that is alone in its category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alone {
    /// The mean over the other rows.
    #[default]
    OtherRows,
    /// The mean over all rows, its own target among them, as category_encoders has it.
    AllRows,
}

impl LeaveOneOutEncoder {
    /// An encoder by the other rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a training row becomes that is alone in its category.
    pub fn alone(mut self, alone: Alone) -> Self {
        self.alone = alone;
        self
    }

    /// Whether the target is a number or a class.
    pub fn target_as(mut self, target_as: TargetAs) -> Self {
        self.target_as = Some(target_as);
        self
    }
}

impl TargetValue for LeaveOneOutEncoder {
    const NAME: &'static str = "LeaveOneOutEncoder";

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn options(&self) -> Options {
        Options { target_as: self.target_as, unseen: self.unseen, missing: self.missing, binary: false }
    }

    fn value(&self, own: &Spread, all: &Spread, _: usize) -> f64 {
        // Its one row was encoded by others too.
        if target_encoding::fewer_than(own, 2) { all.mean } else { own.mean }
    }
}

target_recipe!(LeaveOneOutEncoder);

impl Fit for LeaveOneOutEncoder {
    type Fitted = FittedTargetEncoder;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedTargetEncoder> {
        target_encoding::fit(self, &Rows::new(self, train)?)
    }
}

impl FitTransform for LeaveOneOutEncoder {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedTargetEncoder, Dataset<Train>)> {
        let rows = Rows::new(self, &train)?;
        let fitted = target_encoding::fit(self, &rows)?;
        let order = Order::by(train.row_ids());
        let prior = (self.alone == Alone::AllRows).then(|| fitted.prior());
        let others = Others::All(&order);
        let encoded = target_encoding::encode_by_others(self, &others, 0.0, prior, &rows)?;
        Ok((fitted, encoded))
    }
}
