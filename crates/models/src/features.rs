//! The features of a model: unlike a step, a model cannot let a column pass, so each must suit it.

use mlsys_core::{Dataset, Error, InputColumn, Kind, Result, Train, sparse};

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

/// The numeric features and those of sparse rows, each by name.
pub(crate) fn dense_and_sparse(
    train: &Dataset<Train>,
    estimator: &str,
    expected: &str,
) -> Result<(Vec<InputColumn>, Vec<InputColumn>)> {
    let schema = train.layout().schema();
    let accepts = |kind: Kind| kind.is_numeric() || kind == Kind::Other;
    let all = features(train, estimator, accepts, expected)?;
    let (dense, sparse): (Vec<_>, Vec<_>) = all.into_iter().partition(|input| input.kind().is_numeric());
    for input in &sparse {
        let field = schema.field_with_name(input.name())?;
        if sparse::width_of(field).is_none() {
            let expected = format!("{expected} for {estimator}");
            return Err(Error::column_type(input.name(), expected, field.data_type()));
        }
    }
    Ok((dense, sparse))
}
