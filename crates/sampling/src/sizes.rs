//! Checks and sizes that several splitters share.

use std::time::Duration;

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

/// A duration in the unit of instants; what is longer than time itself is all of it.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Folds that are listed at most: each lists its rows, so that more would fill the memory.
pub(crate) const MOST_FOLDS: usize = 10_000;

/// n over k; the largest number when that is larger.
pub(crate) fn binomial(n: usize, k: usize) -> usize {
    let ways = (1..=k.min(n.saturating_sub(k)) as u128).try_fold(1u128, |ways, i| {
        let ways = ways.checked_mul(n as u128 + 1 - i)? / i;
        (ways <= usize::MAX as u128).then_some(ways)
    });
    if k > n { 0 } else { ways.map_or(usize::MAX, |ways| ways as usize) }
}

/// The choices of k of n, ascending; refuses a number of them that no memory holds.
pub(crate) fn combinations(estimator: &str, parameter: &str, n: usize, k: usize) -> Result<Vec<Vec<usize>>> {
    let ways = binomial(n, k);
    if ways > MOST_FOLDS {
        let expected = format!("so that there are at most {MOST_FOLDS} folds, not {ways} ({k} of {n})");
        return Err(Error::invalid_parameter(estimator, parameter, k, expected));
    }
    let mut all = Vec::with_capacity(ways);
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        all.push(chosen.clone());
        let Some(place) = (0..k).rev().find(|&place| chosen[place] < n - k + place) else { return Ok(all) };
        chosen[place] += 1;
        (place + 1..k).for_each(|later| chosen[later] = chosen[later - 1] + 1);
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
    most_folds(estimator, n_folds)
}

/// Each fold lists its rows.
pub(crate) fn most_folds(estimator: &str, n_folds: usize) -> Result<()> {
    if n_folds > MOST_FOLDS {
        let expected = format!("at most {MOST_FOLDS}, since each fold lists its rows");
        return Err(Error::invalid_parameter(estimator, "n_folds", n_folds, expected));
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
    strata_in_bins(data, column, None, estimator)
}

/// As [`strata`], with the numbers of the column in this many bins.
pub(crate) fn strata_in_bins<P: Partition>(
    data: &Dataset<P>,
    column: Option<&str>,
    bins: Option<usize>,
    estimator: &str,
) -> Result<Coded> {
    let name = match column {
        Some(name) => name,
        None => data.layout().target(estimator)?,
    };
    if let Some(bins) = bins {
        let values = mlsys_core::column::finite(name, data.column(name)?)?;
        return quantile_bins(&values, bins).map_err(|e| e.context(format!("{estimator}, `{name}`")));
    }
    let coded = Coded::new(name, data.column(name)?)?;
    match coded.missing() {
        0 => Ok(coded),
        count => {
            let hint = "fill them, so that they are a stratum of their own, or drop the rows".into();
            Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into())
        }
    }
}

/// Numbers as the classes of a split: bins with nearly equally many rows, by rank. Equal numbers are in one bin.
///
/// The bin of x is ⌊(rows below x) · bins / n⌋; bins that equal numbers jump over are not there.
///
/// ```
/// let bins = mlsys_sampling::quantile_bins(&[5.0, 1.0, 2.0, 2.0, 9.0, 7.0], 3)?;
/// assert_eq!(bins.codes, [1, 0, 0, 0, 2, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// Fewer than two bins, or more than 2³² − 1; a number that is missing or infinite.
pub fn quantile_bins(values: &[f64], n_bins: usize) -> Result<Coded> {
    if n_bins < 2 || u32::try_from(n_bins).is_err() {
        return Err(Error::invalid_parameter("quantile_bins", "bins", n_bins, "2 to 4294967295"));
    }
    if let Some(row) = values.iter().position(|x| !x.is_finite()) {
        return Err(Error::invalid_value("values", Some(row), values[row], "finite numbers"));
    }
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut coded = Coded { codes: vec![0; n], distinct: Vec::new() };
    let mut last = None;
    let mut below = 0;
    for (place, &row) in order.iter().enumerate() {
        if place > 0 && values[row] != values[order[place - 1]] {
            below = place;
        }
        let bin = (below as u128 * n_bins as u128 / n as u128) as i64;
        if last != Some(bin) {
            coded.distinct.push(bin.into());
            last = Some(bin);
        }
        coded.codes[row] = coded.distinct.len() as u32 - 1;
    }
    Ok(coded)
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
