//! The order of rows, and ids, that tell the answer: tables that were sorted by it, or put together class by class.

use super::encoded::FOLDS;
use super::power::ClassCounts;
use super::questions::Question;
use super::strength::{LEAST_Z, LEAVES_LITTLE};
use crate::{Finding, LeakKind, Severity};

/// The order is cut into this many pieces of equal length: few, so that weather and seasons do not count as an order by class.
const PIECES: usize = 32;
const SUSPECT: f64 = 0.65;
const ERROR: f64 = 0.85;

/// Whether a rank a row (its place in the table, or that of its id) tells the answer.
pub(crate) fn tells(
    kind: LeakKind,
    what: &str,
    ranks: &[u64],
    question: &Question,
    together: f64,
    folds: &[u8],
) -> Option<Finding> {
    let mut order: Vec<u32> = (0..ranks.len() as u32).collect();
    order.sort_unstable_by_key(|&row| (ranks[row as usize], row));
    let mut pieces = vec![0u32; ranks.len()];
    let n_pieces = PIECES.min(ranks.len() / 20).max(1);
    for (place, &row) in order.iter().enumerate() {
        pieces[row as usize] = (place * n_pieces / ranks.len()) as u32;
    }
    let counts = ClassCounts::new(&pieces, n_pieces, &question.yes, 2, folds, FOLDS);
    let auc = counts.auc(1)?;
    if auc < SUSPECT || question.z(auc) < LEAST_Z {
        return None;
    }
    let implausible = 1.0 - auc <= LEAVES_LITTLE * (1.0 - together);
    let severity = if auc >= ERROR && implausible { Severity::Error } else { Severity::Suspect };
    let message = format!("{what} tells `{}`: AUC {auc:.3} by {n_pieces} pieces of it", question.text);
    let advice =
        "find out how the table was put together; shuffle before splitting, and keep ids out of the features";
    let finding = Finding::new(kind, severity, message, advice);
    Some(finding.number("auc", auc).number("all_together", together))
}
