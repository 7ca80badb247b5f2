//! Checks and sizes that several splitters share.

use mlsys_core::{Coded, Dataset, Error, ErrorKind, Partition, Result};

/// Test rows of `n`: ⌈share · n⌉, with at least one row on each side.
pub(crate) fn test_rows(estimator: &str, test_share: f64, n: usize) -> Result<usize> {
    check_share(estimator, test_share)?;
    let test = (test_share * n as f64).ceil() as usize;
    if n < 2 || test == 0 || test >= n {
        return Err(Error::too_few_rows(2, n, format!("{estimator} with test_share {test_share}")));
    }
    Ok(test)
}

pub(crate) fn check_share(estimator: &str, test_share: f64) -> Result<()> {
    if test_share > 0.0 && test_share < 1.0 {
        Ok(())
    } else {
        Err(Error::invalid_parameter(
            estimator,
            "test_share",
            test_share,
            "between 0 and 1, neither included",
        ))
    }
}

/// Checks the number of folds.
pub(crate) fn check_folds(estimator: &str, n_folds: usize, n: usize) -> Result<()> {
    if n_folds < 2 {
        return Err(Error::invalid_parameter(estimator, "n_folds", n_folds, "2 or more"));
    }
    if n < n_folds {
        return Err(Error::too_few_rows(n_folds, n, format!("{estimator} with {n_folds} folds")));
    }
    Ok(())
}

/// Training and test rows, ascending, of rows that are one or the other.
pub(crate) fn sides(is_test: &[bool]) -> (Vec<usize>, Vec<usize>) {
    let n_test = is_test.iter().filter(|&&test| test).count();
    // Each row is written to both sides and kept on one, so that there is no branch to predict.
    let mut train = vec![0; is_test.len() - n_test + 1];
    let mut test = vec![0; n_test + 1];
    let (mut to_train, mut to_test) = (0, 0);
    for (row, &is_test) in is_test.iter().enumerate() {
        train[to_train] = row;
        test[to_test] = row;
        to_train += usize::from(!is_test);
        to_test += usize::from(is_test);
    }
    train.truncate(to_train);
    test.truncate(to_test);
    (train, test)
}

/// The strata: a named column, or the single target.
pub(crate) fn strata<P: Partition>(
    data: &Dataset<P>,
    column: Option<&str>,
    estimator: &str,
) -> Result<Coded> {
    let name = match column {
        Some(name) => name,
        None => data.layout().target(estimator)?,
    };
    let coded = Coded::new(name, data.column(name)?)?;
    match coded.missing() {
        0 => Ok(coded),
        count => {
            let hint = "fill them, so that they are a stratum of their own, or drop the rows".into();
            Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
        }
    }
}

/// Rows of each code, ascending.
pub(crate) fn rows_by_code(codes: &[u32]) -> Vec<Vec<usize>> {
    let n_codes = codes.iter().map(|&code| code as usize + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); n_codes];
    codes.iter().enumerate().for_each(|(row, &code)| rows[code as usize].push(row));
    rows
}

/// Adds the class's name to errors about a stratum that is too small.
pub(crate) fn too_small(estimator: &str, stratum: &str, need: usize, found: usize) -> Error {
    let why = format!("{estimator}: class `{stratum}`");
    let why = if stratum.parse::<f64>().is_ok() { why + " (bin a continuous target first)" } else { why };
    Error::too_few_rows(need, found, why)
}
