//! What is found across the parts, in words, and how bad it is.

use mlsys_core::arrow::array::UInt64Array;
use mlsys_core::arrow::compute::take;
use mlsys_core::{Coded, Dataset, Kind, Partition, Result};

use super::drift::Difference;
use super::duplicates::Conflicts;
use super::near_duplicates::NearDuplicatesAcross;
use super::shared::Shared;
use super::twins::Twins;
use crate::columns::encoded::Encoded;
use crate::{Finding, LeakKind, OffendingRows, Severity};

/// Times as many as chance gives, for an error.
const TIMES_CHANCE: f64 = 3.0;
/// Fewer equal rows than this are no error.
const LEAST_ROWS: usize = 3;
/// From this share of the test rows on, somebody must look: rows that were copied before the split are equal as often among the training
/// rows as across, and chance looks the same.
const MANY: f64 = 0.1;
/// Columns that a finding of drift names.
const NAMED: usize = 10;

fn offending(ids: &[u64], rows: impl IntoIterator<Item = usize>) -> OffendingRows {
    OffendingRows::new("test", rows.into_iter().map(|row| ids[row]))
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.3} %", 100.0 * part as f64 / whole.max(1) as f64)
}

pub(crate) fn duplicates(twins: &Twins, ids: &[u64], labelled: bool) -> Option<Finding> {
    let rows: Vec<usize> = twins.rows_across().collect();
    if rows.is_empty() {
        return None;
    }
    let within = twins.has_twin_within().into_iter().filter(|has| *has).count();
    let expected = within as f64 / twins.within.len() as f64 * ids.len() as f64;
    let count = rows.len() as f64;
    // Equal rows come in twos and more, which doubles the variance at least.
    let by_chance = expected + 4.0 * (2.0 * expected).sqrt();
    let severity = if rows.len() >= LEAST_ROWS && count > TIMES_CHANCE * (expected + expected.sqrt()) {
        Severity::Error
    } else if count > by_chance || count >= MANY * ids.len() as f64 {
        Severity::Suspect
    } else {
        Severity::Note
    };
    let what = if labelled { "every feature and the target" } else { "every feature" };
    let message = format!(
        "{} of {} test rows ({}) equal a training row in {what}; rows equal by nature would be about {expected:.1}",
        rows.len(),
        ids.len(),
        percent(rows.len(), ids.len())
    );
    let advice = if count > by_chance {
        "drop repeated rows before splitting, or split so that equal rows stay together"
    } else {
        "as many are equal among the training rows: equal by nature, or copied before the split (oversampling, exports that overlap)"
    };
    Some(
        Finding::new(LeakKind::DuplicateRows, severity, message, advice)
            .number("test_rows", rows.len() as f64)
            .number("train_rows_with_twin", within as f64)
            .number("expected", expected)
            .rows(offending(ids, rows)),
    )
}

pub(crate) fn conflicts(found: &Conflicts, ids: &[u64]) -> Option<Finding> {
    if found.across.is_empty() && found.within == 0 {
        return None;
    }
    let share = found.across.len() as f64 / ids.len() as f64;
    let severity = if share >= 0.005 { Severity::Suspect } else { Severity::Note };
    let message = format!(
        "{} test rows equal a training row in every feature and have another label; so do {} training rows with an earlier one",
        found.across.len(),
        found.within
    );
    let advice = "find out which label is right, and whether a column is missing that tells the rows apart";
    Some(
        Finding::new(LeakKind::ConflictingLabels, severity, message, advice)
            .number("test_rows", found.across.len() as f64)
            .number("train_rows", found.within as f64)
            .rows(offending(ids, found.across.iter().copied())),
    )
}

pub(crate) fn near_duplicates(
    found: &NearDuplicatesAcross,
    train_rows: usize,
    ids: &[u64],
) -> Option<Finding> {
    let count = found.rows.len();
    if count == 0 {
        return None;
    }
    let expected = found.share_within * ids.len() as f64;
    // What is expected was judged on a sample of the training rows.
    let spread = (expected + 1.0).sqrt() * (1.0 + ids.len() as f64 / train_rows.min(20_000) as f64).sqrt();
    let share = count as f64 / ids.len() as f64;
    let severity = if share >= 0.01 && count >= 5 && count as f64 > TIMES_CHANCE * (expected + spread) {
        Severity::Error
    } else if count >= 5 && count as f64 > 1.25 * expected + 4.0 * spread {
        Severity::Suspect
    } else {
        Severity::Note
    };
    let message = format!(
        "{count} of {} test rows ({}) are almost a training row; rows that are alike by nature would be about {expected:.1}",
        ids.len(),
        percent(count, ids.len())
    );
    let advice = "look at some of them: copies that were edited, or measured twice, belong on one side";
    let mut kinds = [0usize; 2];
    found.differing.iter().for_each(|&differing| kinds[usize::from(differing > 0)] += 1);
    Some(
        Finding::new(LeakKind::NearDuplicateRows, severity, message, advice)
            .number("test_rows", count as f64)
            .number("expected", expected)
            .number("all_cells_near", kinds[0] as f64)
            .rows(offending(ids, found.rows.iter().copied())),
    )
}

pub(crate) fn shared_ids(name: &str, found: &Shared, ids: &[u64]) -> Option<Finding> {
    if found.values == 0 {
        return None;
    }
    let message = format!(
        "{} values of the id `{name}` are in both parts; {} test rows ({}) have one",
        found.values,
        found.rows.len(),
        percent(found.rows.len(), ids.len())
    );
    let advice = "drop repeated rows before splitting, or make it a group and split by it";
    Some(
        Finding::new(LeakKind::SharedIds, Severity::Error, message, advice)
            .column(name)
            .number("values", found.values as f64)
            .number("test_rows", found.rows.len() as f64)
            .rows(offending(ids, found.rows.iter().copied())),
    )
}

pub(crate) fn shared_groups(name: &str, found: &Shared, ids: &[u64], ordered: bool) -> Option<Finding> {
    if found.values == 0 {
        return None;
    }
    // The future of groups that are known is a fair question.
    let severity = if ordered { Severity::Note } else { Severity::Error };
    let message = format!(
        "{} groups of `{name}` are in both parts; {} test rows ({}) belong to one",
        found.values,
        found.rows.len(),
        percent(found.rows.len(), ids.len())
    );
    let advice = if ordered {
        "the parts are in order of time: fine if the groups of the future are known, else split by group and time"
    } else {
        "split by group, or the scores say how well rows of known groups are predicted"
    };
    Some(
        Finding::new(LeakKind::SharedGroups, severity, message, advice)
            .column(name)
            .number("groups", found.values as f64)
            .number("test_rows", found.rows.len() as f64)
            .rows(offending(ids, found.rows.iter().copied())),
    )
}

pub(crate) fn time_overlap(name: &str, train: Vec<u64>, test: Vec<u64>) -> Option<Finding> {
    let count = train.len() + test.len();
    if count == 0 {
        return None;
    }
    let message = format!(
        "{count} rows would have to go for every training row to be before every test row in `{name}`: {} training and {} test rows",
        train.len(),
        test.len()
    );
    let advice = "split by time, or the model learns from the future of what it is judged on";
    let rows = if train.len() >= test.len() {
        OffendingRows::new("train", train.iter().copied())
    } else {
        OffendingRows::new("test", test.iter().copied())
    };
    Some(
        Finding::new(LeakKind::TimeOverlap, Severity::Error, message, advice)
            .column(name)
            .number("train_rows", train.len() as f64)
            .number("test_rows", test.len() as f64)
            .rows(rows),
    )
}

pub(crate) fn label_intervals(name: &str, train: Vec<u64>) -> Option<Finding> {
    if train.is_empty() {
        return None;
    }
    let message = format!(
        "the labels of {} training rows were known only after the first test row (by `{name}`)",
        train.len()
    );
    let advice = "purge them: leave a gap before the test rows as long as labels take";
    Some(
        Finding::new(LeakKind::LabelIntervals, Severity::Error, message, advice)
            .column(name)
            .number("train_rows", train.len() as f64)
            .rows(OffendingRows::new("train", train)),
    )
}

pub(crate) fn drift(
    differences: &[(&Encoded, Difference)],
    sizes: [usize; 2],
    ordered: bool,
) -> Option<Finding> {
    let [n, m] = sizes.map(|rows| rows as f64);
    // The distance that two samples of one distribution exceed once in a thousand times (Kolmogorov).
    let by_chance = 1.95 * ((n + m) / (n * m)).sqrt();
    let least = 0.2f64.max(by_chance);
    let mut drifted: Vec<&(&Encoded, Difference)> =
        differences.iter().filter(|(_, difference)| difference.distance >= least).collect();
    drifted.sort_by(|a, b| b.1.distance.total_cmp(&a.1.distance).then_with(|| a.0.name.cmp(&b.0.name)));
    let (worst, difference) = drifted.first()?;
    let severity = if ordered { Severity::Note } else { Severity::Suspect };
    let measure = if difference.ordered { "Kolmogorov and Smirnov's distance" } else { "Cramér's V" };
    let message = format!(
        "{} columns differ between the parts, most of all `{}` ({measure} {:.3})",
        drifted.len(),
        worst.name,
        difference.distance
    );
    let advice = if ordered {
        "times differ, and what changes with them: see whether the test rows are like those to come"
    } else {
        "a split by chance leaves no such difference: find out how the parts were made"
    };
    let mut finding = Finding::new(LeakKind::Drift, severity, message, advice);
    for (column, difference) in drifted.iter().take(NAMED) {
        finding = finding.column(&column.name).number(&column.name, difference.distance);
    }
    Some(finding)
}

pub(crate) fn new_categories<P: Partition>(
    differences: &[(&Encoded, Difference)],
    test: &Dataset<P>,
    ids: &[u64],
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let layout = test.layout();
    for (column, difference) in differences {
        if difference.unseen.is_empty() || !matches!(layout.kind(&column.name)?, Kind::Text | Kind::Boolean) {
            continue;
        }
        let count = difference.unseen.len();
        let rows: Vec<u64> = difference.unseen.iter().map(|&row| row as u64).collect();
        let unseen = take(test.column(&column.name)?, &UInt64Array::from(rows), None)?;
        let values = Coded::new(&column.name, unseen.as_ref())?.distinct.len();
        let share = count as f64 / ids.len() as f64;
        let severity = if share >= 0.05 { Severity::Suspect } else { Severity::Note };
        let message = format!(
            "{count} test rows ({}) have a value of `{}` that no training row has: {values} different ones",
            percent(count, ids.len()),
            column.name
        );
        let advice = "see that encoders and models say what they do with new values";
        findings.push(
            Finding::new(LeakKind::NewCategories, severity, message, advice)
                .column(&column.name)
                .number("test_rows", count as f64)
                .number("values", values as f64)
                .rows(offending(ids, difference.unseen.iter().copied())),
        );
    }
    Ok(findings)
}
