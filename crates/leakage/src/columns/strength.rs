//! Columns that tell more of the target than a column should: nearly the label, or far more than all weaker ones together.

use mlsys_core::column::{self, order_key};
use mlsys_core::{Dataset, Partition, Result};
use rayon::prelude::*;

use super::auc::Grouped;
use super::encoded::{Encoded, FOLDS, take};
use super::label::Label;
use super::power::{ClassCounts, NumberSums};
use super::questions::Question;
use crate::{Finding, LeakKind, Severity};

/// A column that leaves this share of the errors of always saying the most frequent class, or less, is nearly the label.
const NEARLY: f64 = 0.05;
/// Of a target of numbers: the share of squares that is left.
const NEARLY_SQUARES: f64 = 0.005;
/// An area from which on a column may be too strong ..
const STRONG: f64 = 0.75;
/// .. and from which on it is an error, ..
const VERY_STRONG: f64 = 0.85;
/// .. if by itself it leaves this share, or less, of what all weaker columns together leave below 1: a suspect, ..
pub(crate) const LEAVES_LITTLE: f64 = 0.6;
/// .. or an error.
const LEAVES_HALF: f64 = 0.5;
/// Standard errors of its area by which it must be ahead of them, and for an error.
const AHEAD: f64 = 2.0;
const AHEAD_ERROR: f64 = 4.0;
/// The same for a target of numbers, where one column that rules is more common.
const STRONG_R2: f64 = 0.75;
const VERY_STRONG_R2: f64 = 0.9;
const LEAVES_LITTLE_R2: f64 = 0.5;
const LEAVES_HALF_R2: f64 = 0.2;
/// With fewer other columns, there is nothing to say what is implausible.
const LEAST_OTHERS: usize = 4;
/// Standard deviations by which an area must differ from saying nothing.
pub(crate) const LEAST_Z: f64 = 6.0;

/// What the columns are worth for a question.
pub(crate) struct Standing {
    /// The strength of each, in the order of the columns: AUC, or R².
    pub(crate) own: Vec<f64>,
    /// Whether each was found too strong.
    pub(crate) flagged: Vec<bool>,
    /// What those together tell that were not.
    pub(crate) together: f64,
    pub(crate) findings: Vec<Finding>,
}

/// The log odds of each fold and level, against those of all.
fn log_odds(counts: &ClassCounts) -> Vec<Vec<f32>> {
    let odds = |p: f64| (p / (1.0 - p)).ln() as f32;
    let of = |fold| counts.rates(1, Some(fold)).into_iter().map(odds).collect();
    (0..FOLDS).map(of).collect()
}

/// The area of scores, rows of a fold with each other.
pub(crate) fn auc_of_scores(scores: &[f32], yes: &[u32], folds: &[u8]) -> Option<f64> {
    let mut keys: Vec<u64> = scores
        .iter()
        .zip(yes)
        .zip(folds)
        .map(|((&score, &yes), &fold)| {
            // The fold, then the score, then the answer.
            let key = order_key(f64::from(score)) >> 4;
            u64::from(fold) << 61 | (key & !(1 << 60 | 1)) | u64::from(yes)
        })
        .collect();
    keys.par_sort_unstable();
    let mut grouped = Grouped::default();
    for fold in keys.chunk_by(|a, b| a >> 61 == b >> 61) {
        let ties = fold.chunk_by(|a, b| a >> 1 == b >> 1);
        grouped.add(ties.map(|tie| {
            let above = tie.iter().map(|key| key & 1).sum::<u64>();
            [tie.len() as u64 - above, above]
        }));
    }
    grouped.value()
}

/// Which columns are too strong for a yes-or-no question. `known` are the rows of the columns that it is asked about.
pub(crate) fn for_question(
    encoded: &[Encoded],
    known: &[u32],
    question: &Question,
    folds: &[u8],
) -> Standing {
    let of = |column: &Encoded| {
        let levels = take(&column.train, known);
        let counts = ClassCounts::new(&levels, column.levels.n_levels(), &question.yes, 2, folds, FOLDS);
        (counts.auc(1).unwrap_or(0.5), counts.score().1, log_odds(&counts))
    };
    let each: Vec<(f64, f64, Vec<Vec<f32>>)> = encoded.par_iter().map(of).collect();
    let own: Vec<f64> = each.iter().map(|(auc, ..)| *auc).collect();
    let mut standing = Standing { flagged: vec![false; own.len()], own, together: 0.5, findings: Vec::new() };
    let mut sums = vec![0f32; known.len()];
    let mut best = 0.5f64;
    for (others, &at) in weakest_first(&standing.own).iter().enumerate() {
        let (column, (auc, left, odds)) = (&encoded[at], &each[at]);
        let significant = question.z(*auc) >= LEAST_Z;
        if significant && *left <= NEARLY {
            let message = format!(
                "`{}` gives `{}` away: it leaves {:.1} % of the errors of always saying the most frequent answer",
                column.name,
                question.text,
                100.0 * left
            );
            let finding = Finding::new(LeakKind::NearlyTheLabel, Severity::Error, message, REMOVE);
            let finding = finding.column(&column.name).number("errors_left", *left).number("auc", *auc);
            standing.findings.push(finding);
            standing.flagged[at] = true;
            continue;
        }
        if significant && *auc >= STRONG {
            // Log odds of columns that say the same are counted too often: together they tell no less than the best of them.
            let weaker = auc_of_scores(&sums, &question.yes, folds).unwrap_or(0.5).max(best);
            let remains = (1.0 - auc) / (1.0 - weaker).max(1e-9);
            let ahead = (auc - weaker) / question.standard_error(*auc).max(1e-9);
            let error = *auc >= VERY_STRONG && remains <= LEAVES_HALF && ahead >= AHEAD_ERROR;
            let severity = if error { Severity::Error } else { Severity::Suspect };
            if remains <= LEAVES_LITTLE && ahead >= AHEAD {
                standing.findings.push(too_strong(
                    column,
                    &question.text,
                    "AUC",
                    [*auc, weaker, remains],
                    others,
                    severity,
                ));
                standing.flagged[at] = true;
                continue;
            }
        }
        best = best.max(*auc);
        for ((sum, &row), &fold) in sums.iter_mut().zip(known).zip(folds) {
            *sum += odds[usize::from(fold)][column.train[row as usize] as usize];
        }
    }
    standing.together = auc_of_scores(&sums, &question.yes, folds).unwrap_or(0.5).max(best);
    standing
}

const REMOVE: &str =
    "ask when its value is known: if only after the answer, ignore it; if before, no model is needed";

fn too_strong(
    column: &Encoded,
    what: &str,
    measure: &str,
    [own, weaker, remains]: [f64; 3],
    others: usize,
    severity: Severity,
) -> Finding {
    let severity = if others < LEAST_OTHERS { Severity::Suspect } else { severity };
    let message = format!(
        "`{}` alone tells more of `{what}` ({measure} {own:.3}) than the {others} weaker columns together ({weaker:.3})",
        column.name
    );
    let advice = "ask how it is made and when: a value noted after the answer, or from it, must be ignored";
    Finding::new(LeakKind::ImplausibleStrength, severity, message, advice)
        .column(&column.name)
        .number(&measure.to_lowercase(), own)
        .number("weaker_together", weaker)
        .number("share_left", remains)
}

/// Places by strength, ascending; equal ones by name, which is the order of the columns.
fn weakest_first(own: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| own[a].total_cmp(&own[b]).then(a.cmp(&b)));
    order
}

/// The share of squares that a column of numbers leaves when each row is said by its neighbours in the column's order: by the others of its
/// number, or along the line between the next numbers on both sides. Nothing is drawn to a mean, so that a copy leaves nothing in however few
/// rows; the lowest and the highest row have no neighbour on one side and are left out. `None` where a column has no numbers.
fn left_by_neighbours<P: Partition>(
    data: &Dataset<P>,
    name: &str,
    known: &[u32],
    values: &[f64],
    mean: f64,
) -> Result<Option<f64>> {
    if !data.layout().kind(name)?.is_number() {
        return Ok(None);
    }
    let x = take(&column::floats(name, data.column(name)?.as_ref())?, known);
    let mut rows: Vec<usize> = (0..x.len()).filter(|&row| x[row].is_finite()).collect();
    rows.sort_unstable_by(|&a, &b| x[a].total_cmp(&x[b]).then(a.cmp(&b)));
    // Of each number its rows and the sum of their targets.
    let groups: Vec<(&[usize], f64)> = rows
        .chunk_by(|&a, &b| x[a] == x[b])
        .map(|group| (group, group.iter().map(|&row| values[row]).sum()))
        .collect();
    let of_group = |at: usize| groups.get(at).map(|(group, sum)| (x[group[0]], sum / group.len() as f64));
    let squared = |row: usize, said: f64| (values[row] - said).powi(2);
    // A row without a number is said by the mean of all.
    let gaps = (0..x.len()).filter(|&row| !x[row].is_finite());
    let (mut left, mut all) =
        gaps.fold((0.0, 0.0), |(a, b), row| (a + squared(row, mean), b + squared(row, mean)));
    for (at, (group, sum)) in groups.iter().enumerate() {
        let between = match (at.checked_sub(1).and_then(of_group), of_group(at + 1)) {
            (Some(below), Some(above)) => Some((below, above)),
            _ => None,
        };
        for &row in *group {
            let said = match between {
                _ if group.len() > 1 => (sum - values[row]) / (group.len() - 1) as f64,
                Some(((x0, y0), (x1, y1))) => y0 + (y1 - y0) * ((x[row] - x0) / (x1 - x0)),
                None => continue,
            };
            left += squared(row, said);
            all += squared(row, mean);
        }
    }
    Ok((all > 0.0).then(|| left / all))
}

/// Which columns are too strong for a number.
pub(crate) fn for_numbers<P: Partition>(
    data: &Dataset<P>,
    encoded: &[Encoded],
    known: &[u32],
    (target, values): (&str, &[f64]),
    folds: &[u8],
) -> Result<Vec<Finding>> {
    let r2 = |column: &Encoded| {
        let levels = take(&column.train, known);
        let sums = NumberSums::new(&levels, column.levels.n_levels(), values, folds, FOLDS);
        sums.r2(&levels, values, folds).unwrap_or_default()
    };
    let own: Vec<f64> = encoded.par_iter().map(r2).collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let all: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let mut residuals: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let by_neighbours = |column: &Encoded| left_by_neighbours(data, &column.name, known, values, mean);
    let by_neighbours: Vec<Result<Option<f64>>> = encoded.par_iter().map(by_neighbours).collect();
    let by_neighbours: Vec<Option<f64>> = by_neighbours.into_iter().collect::<Result<_>>()?;
    // Bins blur a number, neighbours in few rows do not.
    let own: Vec<f64> = own
        .into_iter()
        .zip(&by_neighbours)
        .map(|(r2, left)| left.map_or(r2, |left| r2.max(1.0 - left)))
        .collect();
    let mut findings = Vec::new();
    let mut best = 0.0f64;
    for (others, &at) in weakest_first(&own).iter().enumerate() {
        let (column, r2) = (&encoded[at], own[at]);
        let left = 1.0 - r2;
        if left <= NEARLY_SQUARES {
            let message = format!(
                "`{}` gives `{target}` away: it leaves {:.2} % of its squares",
                column.name,
                100.0 * left
            );
            let finding = Finding::new(LeakKind::NearlyTheLabel, Severity::Error, message, REMOVE);
            findings.push(finding.column(&column.name).number("squares_left", left).number("r2", r2));
            continue;
        }
        if r2 >= STRONG_R2 && values.len() >= 50 {
            let weaker = 1.0 - residuals.iter().map(|r| r * r).sum::<f64>() / all;
            let weaker = weaker.max(best);
            let remains = (1.0 - r2) / (1.0 - weaker).max(1e-9);
            let error = r2 >= VERY_STRONG_R2 && remains <= LEAVES_HALF_R2;
            if remains <= LEAVES_LITTLE_R2 {
                let severity = if error { Severity::Error } else { Severity::Suspect };
                findings.push(too_strong(column, target, "R2", [r2, weaker, remains], others, severity));
                continue;
            }
        }
        best = best.max(r2);
        let levels = take(&column.train, known);
        let sums = NumberSums::new(&levels, column.levels.n_levels(), &residuals, folds, FOLDS);
        let said: Vec<Vec<f64>> = (0..FOLDS).map(|fold| sums.means(Some(fold)).0).collect();
        for ((residual, &level), &fold) in residuals.iter_mut().zip(&levels).zip(folds) {
            *residual -= said[usize::from(fold)][level as usize];
        }
    }
    Ok(findings)
}

/// What is found of a label in either form.
pub(crate) fn of_label<P: Partition>(
    data: &Dataset<P>,
    encoded: &[Encoded],
    known: &[u32],
    (target, label): (&str, &Label),
    questions: &[Question],
    folds: &[u8],
) -> Result<(Vec<Standing>, Vec<Finding>)> {
    let mut standings: Vec<Standing> =
        questions.iter().map(|question| for_question(encoded, known, question, folds)).collect();
    let mut findings = Vec::new();
    match label {
        Label::Numbers(values) => findings = for_numbers(data, encoded, known, (target, values), folds)?,
        Label::Classes { .. } => {}
    }
    // A column is named once, by what it tells most of. Of a number, its squares count first, and then whether it is large.
    for finding in standings.iter_mut().flat_map(|standing| std::mem::take(&mut standing.findings)) {
        if matches!(label, Label::Numbers(_)) && finding.kind != LeakKind::NearlyTheLabel {
            continue;
        }
        match findings.iter_mut().find(|known: &&mut Finding| known.columns == finding.columns) {
            Some(known) if known.severity >= finding.severity => {}
            Some(known) => *known = finding,
            None => findings.push(finding),
        }
    }
    Ok((standings, findings))
}
