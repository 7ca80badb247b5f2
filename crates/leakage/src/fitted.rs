//! Whether what is fitted has seen test rows, by the fingerprint that it carries.

use std::sync::Arc;

use mlsys_core::{
    Artifact, Comparable, Dataset, ErrorKind, Partition, Result, RowOverlap, RowsSeen, RowsUsed, artifact,
};

use crate::point_in_time::part;
use crate::{Finding, LeakKind, LeakageReport, OffendingRows, Severity};

/// Whether test rows fed what is fitted: by the fingerprints that [tracked](mlsys_core::Fit::tracked) recipes leave in it.
///
/// Rows that were seen are errors; rows that only look like one that was seen (equal values, another row) are suspects, and so are rows
/// that a model was chosen by, or stopped early. Test rows that a resampler made are an error as well: they were made before the split. The evidence says how small an overlap would have been seen with 99 % probability
/// (`smallest_share`: of a sketch of k rows 1 − 0.01^(1/k); of every row a single one) and how likely a false hit is.
///
/// **Input**: a fitted value, such as a chain, with a tracked part, and rows with [keys](Dataset::track_rows): of the same table, or both with
/// ids, or there is no telling which row is which. **Complexity**: O(rows). **Errors**: [`Unsupported`](ErrorKind::Unsupported) when nothing in it
/// is tracked, or the rows are not.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Fit, Identity, RowTracking, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_leakage::audit_fitted;
///
/// let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..1000)) as _)])?;
/// let data = Dataset::new(batch)?.track_rows()?;
/// let rows: Vec<usize> = (0..1000).collect();
/// let (train, test) = data.split_at_rows(&rows[..800], &rows[800..])?;
///
/// let recipe = Identity::new().tracked(RowTracking::EveryRow);
/// audit_fitted(&recipe.fit(&train)?, &test)?.require_clean()?;
/// // All rows were fitted on.
/// let report = audit_fitted(&recipe.fit(&data.into_train_all())?, &test)?;
/// assert_eq!(report.findings()[0].rows.as_ref().map(|rows| rows.count), Some(200));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where rows were changed before they got their keys: a row that was scaled or filled is another one, unless an id names it.
///
/// # Errors
///
/// See above.
pub fn audit_fitted<T: Artifact + ?Sized, P: Partition>(
    fitted: &T,
    test: &Dataset<P>,
) -> Result<LeakageReport> {
    of_parts(&fitted.rows_used(), test)
}

/// The same of a saved artefact, whose type need not be known.
///
/// # Errors
///
/// As [`audit_fitted`]; [`Artifact`](ErrorKind::Artifact) for bytes that are none.
pub fn audit_artifact<P: Partition>(bytes: &[u8], test: &Dataset<P>) -> Result<LeakageReport> {
    of_parts(&artifact::describe(bytes)?.rows_used, test)
}

fn of_parts<P: Partition>(parts: &[Arc<RowsUsed>], test: &Dataset<P>) -> Result<LeakageReport> {
    if parts.is_empty() {
        let what =
            "auditing what is fitted on rows that nobody noted: fit `recipe.tracked(RowTracking::default())`";
        return Err(ErrorKind::Unsupported { what: what.into() }.into());
    }
    let ids = test.row_ids();
    let mut report = LeakageReport::new();
    report.ran(LeakKind::FittedOnTestRows);
    for part in parts {
        add(&mut report, &part.train, test, &ids, "was fitted on", Severity::Error)?;
        if let Some(validation) = &part.validation {
            add(&mut report, validation, test, &ids, "was chosen by", Severity::Suspect)?;
        }
    }
    Ok(report)
}

fn add<P: Partition>(
    report: &mut LeakageReport,
    seen: &RowsSeen,
    test: &Dataset<P>,
    ids: &[u64],
    how: &str,
    severity: Severity,
) -> Result<()> {
    let found = seen.overlap(test)?;
    let advice = "fit on the training rows alone: nothing may be learned from rows that judge it";
    let listed = |rows: &[usize]| OffendingRows::new(&part::<P>(), rows.iter().map(|&row| ids[row]));
    if !found.same.is_empty() {
        let message = format!("it {how} {} of the {} test rows at least", found.same.len(), found.n_rows);
        // Ids that begin anew in each table name other rows: none of them holds what was seen.
        let restarted = found.changed.len() == found.same.len() && found.same.len() > 1;
        let (severity, message) = match restarted {
            true => (
                Severity::Suspect,
                format!("{message}, by their ids; none of them holds what it held: do ids begin anew?"),
            ),
            false => (severity, message),
        };
        let finding = Finding::new(LeakKind::FittedOnTestRows, severity, message, advice);
        let finding = finding.number("rows_changed_since", found.changed.len() as f64);
        let finding = finding.rows(listed(&found.same)).number("share_of_rows_seen", found.share_same.value);
        report.push(evidence(finding, seen, &found).number("false_hit", found.false_same));
    }
    if !found.alike.is_empty() {
        let message = format!(
            "{} of the {} test rows look like a row that it {how}, and are another one or may be",
            found.alike.len(),
            found.n_rows
        );
        let advice = "equal rows by nature, or copies: see what an audit of the split says of duplicates";
        let finding = Finding::new(LeakKind::FittedOnTestRows, Severity::Suspect, message, advice);
        let finding =
            finding.rows(listed(&found.alike)).number("share_of_rows_seen", found.share_alike.value);
        report.push(evidence(finding, seen, &found).number("false_hit", found.false_alike));
    }
    // Of what is chosen by, and of what is fitted on: once.
    if found.synthetic > 0 && severity == Severity::Error {
        let message = format!(
            "{} of the {} test rows were made by a resampler, of rows that it may have been fitted on",
            found.synthetic,
            found.n_rows + found.synthetic
        );
        let advice =
            "split first, and resample the training rows alone: what is judged by must be rows as they come";
        let finding = Finding::new(LeakKind::FittedOnTestRows, Severity::Error, message, advice);
        report.push(evidence(finding, seen, &found).number("synthetic_test_rows", found.synthetic as f64));
    }
    if found.identities == Comparable::No {
        let message =
            format!("whether it {how} test rows cannot be told: they are of another table, without ids");
        let advice = "give both tables an id column (`Dataset::id`) before `track_rows`, or split after it";
        report.push(evidence(
            Finding::new(LeakKind::FittedOnTestRows, Severity::Note, message, advice),
            seen,
            &found,
        ));
    }
    Ok(())
}

fn evidence(finding: Finding, seen: &RowsSeen, found: &RowOverlap) -> Finding {
    finding
        .number("rows_seen", seen.n_rows() as f64)
        .number("rows_kept", seen.n_kept() as f64)
        .number("smallest_share", found.smallest_share)
}
