//! Chi-square tests and the G test.

use mlsys_core::{Error, Result};

use super::cross_table::check_counts;
use super::input::same_length;
use super::special::chi_square_sf;
use super::{Continuity, CrossTable, PValueFrom, TestReport};

/// The chi-square test that counts come from given shares.
///
/// ```text
/// X² = Σ (O - E)² / E      df = k - 1 - ddof
/// ```
///
/// * `observed`: how often each of `k` categories occurred; weighted counts too.
/// * `expected`: how often each should have; all equal for `None`. Its sum must be that of `observed`.
/// * `ddof`: parameters of the expected shares that were estimated from the same rows.
///
/// Effect: Cohen's w, `√(X² / N)`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with no degree of freedom left, or no count above 0;
/// [`Shape`](mlsys_core::ErrorKind::Shape); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for counts that
/// are negative or not finite, an expected one of 0, or sums that differ by more than 1e-8 of them.
///
/// ```
/// use mlsys_stats::hypothesis::chi_square_goodness_of_fit;
///
/// let report = chi_square_goodness_of_fit(&[16.0, 18.0, 16.0, 14.0, 12.0, 12.0], None, 0)?;
/// assert!((report.statistic - 2.0).abs() < 1e-12);
/// assert!((report.p_value - 0.8491450360846096).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when expected counts are below about 5, and for rows that depend on each other.
///
/// K. Pearson, *On the Criterion that a Given System of Deviations ..*, 1900.
pub fn chi_square_goodness_of_fit(
    observed: &[f64],
    expected: Option<&[f64]>,
    ddof: usize,
) -> Result<TestReport> {
    const NAME: &str = "chi-square test of goodness of fit";
    check_counts("observed", observed)?;
    let need = ddof.saturating_add(2);
    if observed.len() < need {
        return Err(Error::too_few_rows(need, observed.len(), format!("{NAME} (categories)")));
    }
    let total: f64 = observed.iter().sum();
    if total <= 0.0 {
        return Err(Error::too_few_rows(1, 0, NAME));
    }
    let equal = vec![total / observed.len() as f64; observed.len()];
    let expected = expected.unwrap_or(&equal);
    same_length("expected counts", observed.len(), expected.len())?;
    check_counts("expected", expected)?;
    if let Some(row) = expected.iter().position(|e| *e == 0.0) {
        return Err(Error::invalid_value("expected", Some(row), 0, "counts above 0; merge categories"));
    }
    let sum: f64 = expected.iter().sum();
    if (sum - total).abs() > 1e-8 * sum.min(total) {
        let wanted = format!("counts that sum to {total}, as the observed ones do");
        return Err(Error::invalid_value("expected", None, format!("a sum of {sum}"), wanted));
    }
    let square: f64 = observed.iter().zip(expected).map(|(o, e)| (o - e) * (o - e) / e).sum();
    let df = (observed.len() - 1 - ddof) as f64;
    let mut report = TestReport::new(NAME, "X²", square)
        .p(chi_square_sf(square, df), PValueFrom::Asymptotic)
        .df(df)
        .with_effect("Cohen's w", (square / total).sqrt());
    report.samples = vec![total];
    Ok(report)
}

/// Pearson's chi-square test that two columns are independent.
///
/// ```text
/// X² = Σ (O - E)² / E      E = row sum × column sum / N      df = (r - 1) (c - 1)
/// ```
///
/// * `table`: of two columns, weighted or not ([`CrossTable::of`]), or of counts ([`CrossTable::from_counts`]).
/// * `continuity`: `Corrected` moves each count of a table with one degree of freedom towards its expectation by at most a
///   half (Yates); other tables have no correction.
///
/// Pairs with a missing value are left out of the table and counted. Effect: Cramér's V of the uncorrected
/// statistic, `√(X² / (N min(r - 1, c - 1)))`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a column has fewer than two values;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when a row or a column of the table is all 0.
///
/// ```
/// use mlsys_stats::hypothesis::{Continuity, CrossTable, chi_square_independence};
///
/// let table = CrossTable::from_counts(&[[10.0, 10.0, 20.0], [20.0, 20.0, 20.0]])?;
/// let report = chi_square_independence(&table, Continuity::Corrected)?;
/// assert!((report.statistic - 2.7777777777777777).abs() < 1e-12);
/// assert_eq!(report.degrees_of_freedom, Some(2.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when expected counts are below about 5 ([`fisher_exact`](super::fisher_exact) for small tables), for
/// paired rows ([`mcnemar`](super::mcnemar)), and with weights that do not count rows: they must sum to the number
/// of rows.
///
/// K. Pearson, 1900; F. Yates, *Contingency Tables Involving Small Numbers and the χ² Test*, 1934.
pub fn chi_square_independence(table: &CrossTable, continuity: Continuity) -> Result<TestReport> {
    independence("chi-square test of independence", "X²", table, continuity, |o, e| (o - e) * (o - e) / e)
}

/// The G test that two columns are independent: the likelihood ratio in place of Pearson's statistic.
///
/// ```text
/// G = 2 Σ O ln(O / E)      df = (r - 1) (c - 1)
/// ```
///
/// Parameters, missing values and effect as in [`chi_square_independence`], to which it is close for large counts.
///
/// # Errors
///
/// As [`chi_square_independence`].
///
/// ```
/// use mlsys_stats::hypothesis::{Continuity, CrossTable, g_test};
///
/// let table = CrossTable::from_counts(&[[10.0, 10.0, 20.0], [20.0, 20.0, 20.0]])?;
/// let report = g_test(&table, Continuity::Corrected)?;
/// assert!((report.statistic - 2.7688587616781313).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as [`chi_square_independence`] does, and sooner for small expected counts.
///
/// S. Wilks, *The Likelihood Test of Independence in Contingency Tables*, 1935.
pub fn g_test(table: &CrossTable, continuity: Continuity) -> Result<TestReport> {
    let term = |o: f64, e: f64| if o > 0.0 { 2.0 * o * (o / e).ln() } else { 0.0 };
    independence("G test of independence", "G", table, continuity, term)
}

fn independence(
    name: &'static str,
    symbol: &'static str,
    table: &CrossTable,
    continuity: Continuity,
    term: impl Fn(f64, f64) -> f64,
) -> Result<TestReport> {
    let (rows, columns, total) = table.sums();
    let smaller = rows.len().min(columns.len());
    if smaller < 2 {
        return Err(Error::too_few_rows(2, smaller, format!("{name} (values of each column)")));
    }
    for (what, sums) in [("rows of the table", &rows), ("columns of the table", &columns)] {
        if let Some(at) = sums.iter().position(|sum| *sum == 0.0) {
            let expected = "counts of which one is above 0; leave the value out";
            return Err(Error::invalid_value(what, Some(at), "zeros only", expected));
        }
    }
    let df = ((rows.len() - 1) * (columns.len() - 1)) as f64;
    let corrected = df == 1.0 && continuity == Continuity::Corrected;
    let (mut statistic, mut pearson) = (0.0, 0.0);
    for (i, row) in rows.iter().enumerate() {
        for (observed, column) in table.row(i).iter().zip(&columns) {
            let expected = row / total * column;
            let distance = expected - observed;
            pearson += distance * distance / expected;
            let step = if corrected { distance.clamp(-0.5, 0.5) } else { 0.0 };
            statistic += term(observed + step, expected);
        }
    }
    if !(statistic.is_finite() && pearson.is_finite()) {
        let what = format!("{name}: counts of sum {total}");
        return Err(Error::invalid_value(&what, None, "sums too large", "counts of a smaller scale"));
    }
    // Rounding may leave a sum of logarithms just below 0.
    let statistic = statistic.max(0.0);
    let mut report = TestReport::new(name, symbol, statistic)
        .p(chi_square_sf(statistic, df), PValueFrom::Asymptotic)
        .df(df)
        .with_effect("Cramér's V", (pearson / (total * (smaller - 1) as f64)).sqrt());
    report.samples = vec![total];
    report.missing = table.missing();
    Ok(report)
}
