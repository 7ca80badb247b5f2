//! Columns whose values differ between the parts, and values that only test rows have.

use mlsys_core::ndarray::Array2;
use mlsys_stats::association::{Bias, cramers_v};

use crate::columns::encoded::Encoded;

/// How a column's values differ between two parts.
pub(crate) struct Difference {
    /// The largest difference of the cumulative shares (Kolmogorov and Smirnov) of an ordered column, Cramér's V of another; 0 to 1.
    pub(crate) distance: f64,
    pub(crate) ordered: bool,
    /// Test rows whose value no training row has.
    pub(crate) unseen: Vec<usize>,
}

/// Compares the training and the test rows of a column by its levels.
pub(crate) fn difference(column: &Encoded) -> Difference {
    let levels = &column.levels;
    let mut counts = Array2::<f64>::zeros((levels.n_levels(), 2));
    column.train.iter().for_each(|&level| counts[[level as usize, 0]] += 1.0);
    column.test.iter().for_each(|&level| counts[[level as usize, 1]] += 1.0);
    let ordered = levels.is_ordered();
    let unseen = if levels.is_exact() {
        (0..column.test.len()).filter(|&row| column.test[row] == levels.unseen()).collect()
    } else {
        Vec::new()
    };
    let sizes = [column.train.len() as f64, column.test.len() as f64];
    let distance = if ordered {
        // New numbers have no place among the levels: they count as their share alone, as gaps do.
        let (mut sums, mut largest) = ([0.0, 0.0], 0.0f64);
        for level in 0..levels.n_values() {
            for part in 0..2 {
                sums[part] += counts[[level, part]] / sizes[part];
            }
            largest = largest.max((sums[0] - sums[1]).abs());
        }
        let apart = [levels.missing(), levels.unseen()].map(|level| {
            let level = level as usize;
            (counts[[level, 0]] / sizes[0] - counts[[level, 1]] / sizes[1]).abs()
        });
        largest.max(apart[0]).max(apart[1])
    } else {
        cramers_v(counts.view(), Bias::Corrected).unwrap_or_default()
    };
    Difference { distance, ordered, unseen }
}
