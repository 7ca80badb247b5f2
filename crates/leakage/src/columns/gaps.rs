//! Gaps that tell: values that are missing where the answer is yes, or where the answer is missing too.

use super::encoded::{Encoded, take};
use super::label::Label;
use super::questions::Question;
use crate::{Finding, LeakKind, OffendingRows, Severity};

/// Standard deviations by which the shares must differ.
const LEAST_Z: f64 = 4.0;
/// Fewer gaps than this tell nothing.
const LEAST_GAPS: usize = 10;
/// How much more often a value must be missing for one answer than for the other.
const SUSPECT: f64 = 0.15;
/// Gaps that leave this share of the errors, or less, are an error.
const ERROR: f64 = 0.2;
/// Gaps of which this share has no label, or more, come with it.
const COMES_WITH: f64 = 0.9;

/// Columns whose gaps tell the answer.
pub(crate) fn tell(encoded: &[Encoded], known: &[u32], question: &Question) -> Vec<Finding> {
    let mut findings = Vec::new();
    for column in encoded {
        let levels = take(&column.train, known);
        let mut gaps = [0usize; 2];
        for (&level, &yes) in levels.iter().zip(&question.yes) {
            gaps[yes as usize] += usize::from(level == column.levels.missing());
        }
        let [no, yes] = question.sizes;
        let shares = [gaps[0] as f64 / no as f64, gaps[1] as f64 / yes as f64];
        let difference = shares[1] - shares[0];
        if gaps[0] + gaps[1] < LEAST_GAPS || difference.abs() < SUSPECT {
            continue;
        }
        let auc = 0.5 + difference.abs() / 2.0;
        // Says yes where the gap speaks for it: what is left of the errors of the more frequent answer.
        let wrong = if difference > 0.0 { gaps[0] + yes - gaps[1] } else { gaps[1] + no - gaps[0] };
        let left = wrong as f64 / no.min(yes) as f64;
        if question.z(auc) < LEAST_Z {
            continue;
        }
        let severity = if left <= ERROR { Severity::Error } else { Severity::Suspect };
        let message = format!(
            "`{}` is missing in {:.1} % of the rows with `{}` and in {:.1} % of the others",
            column.name,
            100.0 * shares[1],
            question.text,
            100.0 * shares[0]
        );
        let advice =
            "find out why it is missing: a value that is only noted after the answer tells it by being there";
        findings.push(
            Finding::new(LeakKind::MissingnessTells, severity, message, advice)
                .column(&column.name)
                .number("share_missing_yes", shares[1])
                .number("share_missing_no", shares[0])
                .number("errors_left", left),
        );
    }
    findings
}

/// Columns that are missing where the label is: they come from the same source, or after it.
pub(crate) fn come_with_label(
    encoded: &[Encoded],
    label: &Label,
    target: &str,
    ids: &[u64],
    part: &str,
) -> Vec<Finding> {
    let unknown = (0..label.len()).filter(|&row| label.is_missing(row)).count();
    if unknown < LEAST_GAPS || unknown == label.len() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for column in encoded {
        let gaps = column.missing();
        let gap = |row: &usize| column.train[*row] == column.levels.missing();
        let both = (0..label.len()).filter(|row| gap(row) && label.is_missing(*row)).count();
        let (of_gaps, of_label) = (both as f64 / gaps.max(1) as f64, both as f64 / unknown as f64);
        // Much more often than in rows without a gap.
        let elsewhere = (unknown - both) as f64 / (label.len() - gaps).max(1) as f64;
        if gaps < LEAST_GAPS || of_gaps < COMES_WITH || of_gaps < 2.0 * elsewhere {
            continue;
        }
        let severity = if of_label >= 0.5 { Severity::Suspect } else { Severity::Note };
        let message = format!(
            "where `{}` is missing, `{target}` is too in {:.1} % of {gaps} rows, and the other way round in {:.1} %",
            column.name,
            100.0 * of_gaps,
            100.0 * of_label
        );
        let advice = format!(
            "ask whether it is noted together with `{target}`, or after it: then it is not known when it is predicted"
        );
        let rows = (0..label.len()).filter(|row| gap(row) && label.is_missing(*row)).map(|row| ids[row]);
        findings.push(
            Finding::new(LeakKind::MissingWithLabel, severity, message, advice)
                .column(&column.name)
                .rows(OffendingRows::new(part, rows))
                .number("share_of_gaps_without_label", of_gaps)
                .number("share_of_missing_labels", of_label),
        );
    }
    findings
}
