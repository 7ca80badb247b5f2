//! Rows go left and right.

use rayon::prelude::*;

use crate::trees::bins::Lanes;

/// The rows of a tree and their packed gradients, leaf by leaf; within a leaf rows ascend.
#[derive(Default)]
pub(super) struct Rows {
    pub rows: Vec<u32>,
    pub cells: Vec<i64>,
    spare: Vec<Side>,
}

/// What one thread found to go left and right.
#[derive(Default)]
struct Side {
    left_rows: Vec<u32>,
    left_cells: Vec<i64>,
    right_rows: Vec<u32>,
    right_cells: Vec<i64>,
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
        self.spare.resize_with(threads, Side::default);
        let (rows, cells) = (&self.rows[leaf.clone()], &self.cells[leaf]);
        let work = |(side, (rows, cells)): (&mut Side, (&[u32], &[i64]))| {
            side.sort(rows, cells, block, lane, goes_left);
        };
        if threads == 1 {
            work((&mut self.spare[0], (rows, cells)));
        } else {
            let shares = rows.par_chunks(share).zip(cells.par_chunks(share));
            self.spare.par_iter_mut().zip(shares).for_each(work);
        }
        let used = leaf_shares(rows.len(), share);
        self.spare.truncate(used);
        self.spare.iter().map(|side| side.left).sum()
    }

    /// Puts the rows of the leaf in the order that was found.
    pub fn commit(&mut self, leaf: std::ops::Range<usize>, left: usize) {
        let (left_rows, right_rows) = self.rows[leaf.clone()].split_at_mut(left);
        let (left_cells, right_cells) = self.cells[leaf.clone()].split_at_mut(left);
        let share = leaf.len().div_ceil(self.spare.len().max(1)).max(1);
        let (mut l, mut r, mut taken) = (0, 0, 0);
        for side in &self.spare {
            let n = share.min(leaf.len() - taken);
            let right = n - side.left;
            left_rows[l..l + side.left].copy_from_slice(&side.left_rows[..side.left]);
            left_cells[l..l + side.left].copy_from_slice(&side.left_cells[..side.left]);
            right_rows[r..r + right].copy_from_slice(&side.right_rows[..right]);
            right_cells[r..r + right].copy_from_slice(&side.right_cells[..right]);
            (l, r, taken) = (l + side.left, r + right, taken + n);
        }
    }
}

fn leaf_shares(rows: usize, share: usize) -> usize {
    rows.div_ceil(share).max(1)
}

impl Side {
    /// Writes each row to both sides and moves on at the one where it belongs: no branch to guess wrong.
    fn sort(&mut self, rows: &[u32], cells: &[i64], block: &[Lanes], lane: usize, goes_left: &[bool; 256]) {
        let n = rows.len();
        for buffer in [&mut self.left_rows, &mut self.right_rows] {
            if buffer.len() < n {
                buffer.resize(n, 0);
            }
        }
        for buffer in [&mut self.left_cells, &mut self.right_cells] {
            if buffer.len() < n {
                buffer.resize(n, 0);
            }
        }
        let (left_rows, right_rows) = (&mut self.left_rows[..n], &mut self.right_rows[..n]);
        let (left_cells, right_cells) = (&mut self.left_cells[..n], &mut self.right_cells[..n]);
        let lane = lane % 8;
        let mut left = 0;
        for (place, (&row, &cell)) in rows.iter().zip(cells).enumerate() {
            let goes = goes_left[block[row as usize][lane] as usize];
            let right = place - left;
            left_rows[left] = row;
            left_cells[left] = cell;
            right_rows[right] = row;
            right_cells[right] = cell;
            left += usize::from(goes);
        }
        self.left = left;
    }
}
