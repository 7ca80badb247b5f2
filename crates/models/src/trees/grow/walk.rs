//! Rows of a table in bins come to the leaves of a tree that grew: those that were not drawn, and those of validation.

use rayon::prelude::*;

use super::grower::Grown;
use super::scan::goes_left;
use crate::trees::bins::BinnedTable;
use crate::trees::tree::Child;

/// A tree by bins, ready to be walked.
pub(crate) struct BinWalk {
    splits: Vec<Step>,
}

struct Step {
    block: usize,
    lane: usize,
    left: [bool; 256],
    children: [Child; 2],
}

/// Rows that are walked together.
const CHUNK: usize = 4096;

impl BinWalk {
    pub fn new(grown: &Grown, table: &BinnedTable) -> Self {
        let step = |split: &super::grower::GrownSplit| Step {
            block: table.place(split.feature as usize).0,
            lane: table.place(split.feature as usize).1,
            left: goes_left(split.test, split.missing_left),
            children: [split.left, split.right],
        };
        Self { splits: grown.splits.iter().map(step).collect() }
    }

    /// The leaf of a row.
    pub fn leaf(&self, table: &BinnedTable, row: usize) -> usize {
        let mut at = if self.splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) };
        loop {
            match at {
                Child::Leaf(leaf) => return leaf as usize,
                Child::Split(split) => {
                    let step = &self.splits[split as usize];
                    let bin = table.block(step.block).bin(row as u32, step.lane);
                    at = step.children[usize::from(!step.left[bin as usize])];
                }
            }
        }
    }

    /// Adds the value of its leaf to one of the scores of each row, of `width`; only of rows that are not `skipped`.
    pub fn add_to(
        &self,
        table: &BinnedTable,
        values: &(impl Fn(usize) -> f64 + Sync),
        scores: &mut [f64],
        (width, output): (usize, usize),
        skipped: Option<&[bool]>,
    ) {
        scores.par_chunks_mut(CHUNK * width).enumerate().for_each(|(chunk, scores)| {
            for (place, score) in scores.iter_mut().skip(output).step_by(width).enumerate() {
                let row = chunk * CHUNK + place;
                if skipped.is_none_or(|skipped| !skipped[row]) {
                    *score += values(self.leaf(table, row));
                }
            }
        });
    }
}
