//! Columns that tell the answer in the training rows and not in the test rows, or the other way round.

use rayon::prelude::*;

use super::encoded::{Encoded, FOLDS, take};
use super::power::ClassCounts;
use super::questions::Question;
use crate::{Finding, LeakKind, Severity};

/// By how much the areas must differ, ..
const SUSPECT: f64 = 0.1;
/// .. and by how many standard deviations.
const LEAST_Z: f64 = 4.0;
/// A column of which more of the test rows have new values is new, not changed.
const MOST_UNSEEN: f64 = 0.5;

/// Compares each column's area out of fold with what it has on the test rows, by what all training rows say.
pub(crate) fn between_parts(
    encoded: &[Encoded],
    known: [&[u32]; 2],
    questions: [&Question; 2],
    folds: &[u8],
) -> Vec<Finding> {
    let [train, test] = questions;
    let zeros = vec![0u8; known[1].len()];
    let one = |column: &Encoded| {
        let n_levels = column.levels.n_levels();
        let levels = take(&column.test, known[1]);
        let unseen = levels.iter().filter(|&&level| level == column.levels.unseen()).count();
        if unseen as f64 > MOST_UNSEEN * levels.len() as f64 {
            return None;
        }
        let here = ClassCounts::new(&take(&column.train, known[0]), n_levels, &train.yes, 2, folds, FOLDS);
        let there = ClassCounts::new(&levels, n_levels, &test.yes, 2, &zeros, 1);
        let (own, other) = (here.auc(1)?, here.auc_on(1, &there)?);
        let deviation = |q: &Question| super::auc::deviation(q.sizes[0], q.sizes[1]);
        let spread = deviation(train).hypot(deviation(test));
        if (own - other).abs() < SUSPECT || (own - other).abs() < LEAST_Z * spread {
            return None;
        }
        let message = format!(
            "`{}` tells `{}` with AUC {own:.3} in the training rows and {other:.3} in the test rows",
            column.name, train.text
        );
        let advice = if own > other {
            "it may be made from the labels of the training rows (an encoding that was not done out of fold), or have changed its meaning"
        } else {
            "it may be made from the labels of the test rows, or have changed its meaning"
        };
        let finding = Finding::new(LeakKind::StrengthChanges, Severity::Suspect, message, advice);
        Some(finding.column(&column.name).number("auc_train", own).number("auc_test", other))
    };
    encoded.par_iter().filter_map(one).collect()
}
