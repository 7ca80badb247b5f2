//! The features of a model: unlike a step, a model cannot let a column pass, so each must suit it.

use mlsys_core::{Dataset, InputColumn, Kind, Result, Train};

/// The features by name, so that sums have one order whatever the order in the table.
pub(crate) fn features(
    train: &Dataset<Train>,
    estimator: &str,
    accepts: impl Fn(Kind) -> bool,
    expected: &str,
) -> Result<Vec<InputColumn>> {
    let mut names = train.layout().features_where(estimator, accepts, expected)?;
    names.sort();
    InputColumn::all(train.layout(), &names)
}
