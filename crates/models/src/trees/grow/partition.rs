//! Rows go left and right.

use rayon::prelude::*;

use crate::trees::bins::{LANES, Lanes};

/// The rows of a tree, leaf by leaf; within a leaf they ascend.
#[derive(Default)]
pub(super) struct Rows {
    pub rows: Vec<u32>,
    spare: Vec<Side>,
}

/// What one thread found to go left and right.
#[derive(Default)]
struct Side {
    left_rows: Vec<u32>,
    right_rows: Vec<u32>,
    left: usize,
}

/// Rows from which on it pays to ask other threads.
const PARALLEL: usize = 1 << 14;

impl Rows {
    /// Sorts the rows of a leaf into left and right, in their old order, and gives how many went left. They stay as they are until
    /// [`commit`](Self::commit).
    pub fn split(
        &mut self,
        leaf: std::ops::Range<usize>,
        block: &[Lanes],
        lane: usize,
        goes_left: &[bool; 256],
        threads: usize,
    ) -> usize {
        let threads = if leaf.len() < PARALLEL { 1 } else { threads };
        let share = leaf.len().div_ceil(threads).max(1);
        let rows = &self.rows[leaf];
        let used = rows.len().div_ceil(share).max(1);
        self.spare.resize_with(used, Side::default);
        match self.spare.as_mut_slice() {
            [side] => side.sort(rows, block, lane, goes_left),
            sides => {
                let shares = sides.par_iter_mut().zip(rows.par_chunks(share));
                shares.for_each(|(side, rows)| side.sort(rows, block, lane, goes_left));
            }
        }
        self.spare.iter().map(|side| side.left).sum()
    }

    /// Puts the rows of the leaf in the order that was found.
    pub fn commit(&mut self, leaf: std::ops::Range<usize>, left: usize) {
        let share = leaf.len().div_ceil(self.spare.len().max(1)).max(1);
        let n = leaf.len();
        let (left_rows, right_rows) = self.rows[leaf].split_at_mut(left);
        let (mut l, mut r, mut taken) = (0, 0, 0);
        for side in &self.spare {
            let n = share.min(n - taken);
            let right = n - side.left;
            left_rows[l..l + side.left].copy_from_slice(&side.left_rows[..side.left]);
            right_rows[r..r + right].copy_from_slice(&side.right_rows[..right]);
            (l, r, taken) = (l + side.left, r + right, taken + n);
        }
    }
}

impl Side {
    /// Writes each row to both sides and moves on at the one where it belongs: no branch to guess wrong.
    fn sort(&mut self, rows: &[u32], block: &[Lanes], lane: usize, goes_left: &[bool; 256]) {
        let n = rows.len();
        for buffer in [&mut self.left_rows, &mut self.right_rows] {
            if buffer.len() < n {
                buffer.resize(n, 0);
            }
        }
        let (left_rows, right_rows) = (&mut self.left_rows[..n], &mut self.right_rows[..n]);
        let lane = lane % LANES;
        let mut left = 0;
        for (place, &row) in rows.iter().enumerate() {
            let goes = goes_left[block[row as usize][lane] as usize];
            left_rows[left] = row;
            right_rows[place - left] = row;
            left += usize::from(goes);
        }
        self.left = left;
    }
}
