//! Checks and sizes that several splitters share.

use mlsys_core::{Coded, Dataset, Error, ErrorKind, Fold, Partition, Result};

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

/// The folds that validate on the rows of each number in turn and train on all others.
pub(crate) fn folds_of(fold_of_row: &[usize], n_folds: usize) -> Result<Vec<Fold>> {
    let rows = |keep: &dyn Fn(usize) -> bool| {
        let kept = fold_of_row.iter().enumerate().filter(|(_, fold)| keep(**fold));
        kept.map(|(row, _)| row).collect::<Vec<_>>()
    };
    (0..n_folds).map(|fold| Fold::new(rows(&|other| other != fold), rows(&|other| other == fold))).collect()
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
