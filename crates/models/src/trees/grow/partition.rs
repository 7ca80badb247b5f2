//! Rows of a leaf go left and right, in place; on both sides they stay in their order.

use rayon::prelude::*;

use crate::trees::bins::Block;

/// Rows from which on it pays to ask other threads.
const PARALLEL: usize = 1 << 11;

/// Which rows of a leaf go left.
pub(super) struct Rule<'a> {
    pub block: &'a Block,
    pub lane: usize,
    /// By bin.
    pub goes_left: [bool; 256],
}

/// Puts those that go left before the others, and gives how many they are. `spare` has as many places as there are rows.
pub(super) fn split(rows: &mut [u32], spare: &mut [u32], rule: &Rule<'_>, threads: usize) -> usize {
    let threads = if rows.len() < PARALLEL { 1 } else { threads };
    let share = rows.len().div_ceil(threads).max(1);
    let shares = rows.par_chunks_mut(share).zip(spare.par_chunks_mut(share));
    let lefts: Vec<usize> = match threads {
        1 => vec![rule.sort(rows, spare)],
        _ => shares.map(|(rows, spare)| rule.sort(rows, spare)).collect(),
    };
    let mut end = 0;
    for (place, &left) in lefts.iter().enumerate() {
        if place > 0 {
            rows.copy_within(place * share..place * share + left, end);
        }
        end += left;
    }
    let mut rest = &mut rows[end..];
    let copies = lefts.iter().zip(spare.chunks(share)).map(|(&left, spare)| {
        let right = &spare[..spare.len() - left];
        (rest.split_off_mut(..right.len()).unwrap_or_default(), right)
    });
    if threads == 1 {
        copies.for_each(|(to, right)| to.copy_from_slice(right));
    } else {
        let copies: Vec<_> = copies.collect();
        copies.into_par_iter().with_max_len(1).for_each(|(to, right)| to.copy_from_slice(right));
    }
    end
}

/// Undoes [`split`].
pub(super) fn join(rows: &mut [u32], spare: &mut [u32], left: usize) {
    let n = rows.len();
    spare[..n].copy_from_slice(rows);
    let (mut left, mut right) = spare[..n].split_at(left);
    for to in rows {
        let from = match (left.first(), right.first()) {
            (Some(l), Some(r)) if r < l => &mut right,
            (None, _) => &mut right,
            _ => &mut left,
        };
        if let Some((&row, others)) = from.split_first() {
            (*to, *from) = (row, others);
        }
    }
}

impl Rule<'_> {
    /// Those that go left come to the front, the others to `spare`: each is written to both, and only one place moves on, so that there
    /// is no branch to guess wrong.
    fn sort(&self, rows: &mut [u32], spare: &mut [u32]) -> usize {
        let mut left = 0;
        for place in 0..rows.len() {
            let row = rows[place];
            let goes = self.goes_left[self.block.bin(row, self.lane) as usize];
            rows[left] = row;
            spare[place - left] = row;
            left += usize::from(goes);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_keep_the_order_and_can_be_undone() {
        for n in [0, 1, 2, 1000, PARALLEL + 77] {
            let block = Block::of(2 * n, 5, |row, lane| (row * row % 251 + lane) as u8);
            let rule = Rule { block: &block, lane: 3, goes_left: std::array::from_fn(|bin| bin % 3 == 0) };
            let before: Vec<u32> = (0..n as u32).map(|row| 2 * row).collect();
            let goes = |row: &u32| rule.goes_left[block.bin(*row, 3) as usize];
            let (expected, right): (Vec<u32>, Vec<u32>) = before.iter().partition(|row| goes(row));
            for threads in [1, 2, 5] {
                let (mut rows, mut spare) = (before.clone(), vec![0; n]);
                let left = split(&mut rows, &mut spare, &rule, threads);
                assert_eq!((&rows[..left], &rows[left..]), (expected.as_slice(), right.as_slice()));
                join(&mut rows, &mut spare, left);
                assert_eq!(rows, before);
            }
        }
    }
}
