//! Which rows of two parts are equal, by 128-bit keys.

use rayon::prelude::*;

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// Equal rows of two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Twins {
    /// For each row of the first part, the first row of it with an equal key: itself, unless an earlier one is its twin.
    pub(crate) within: Vec<u32>,
    /// For each row of the second part, the first row of the first part with an equal key, or [`NONE`].
    pub(crate) across: Vec<u32>,
}

/// Shares by the highest bits of a key: each fits the cache.
const SHARE_BITS: u32 = 6;
const SHARES: usize = 1 << SHARE_BITS;

/// Rows that one thread shares out.
const BLOCK: usize = 1 << 15;

/// A row and half of its key: the other half is looked up where these are equal, which is hardly ever in vain.
type Entry = (u64, u32);

/// Rows by the highest bits of their keys, block by block, in their order.
fn shared_out(keys: &[u128]) -> Vec<Vec<Vec<Entry>>> {
    let share = |key: u128| (key >> (128 - SHARE_BITS)) as usize;
    let block = |(block, keys): (usize, &[u128])| {
        let mut shares: Vec<Vec<Entry>> =
            (0..SHARES).map(|_| Vec::with_capacity(keys.len() / SHARES * 5 / 4 + 8)).collect();
        for (row, &key) in (block * BLOCK..).zip(keys) {
            shares[share(key)].push((key as u64, row as u32));
        }
        shares
    };
    keys.par_chunks(BLOCK).enumerate().map(block).collect()
}

/// Finds them. Keys are uniform, being hashes: their low bits say where in a table of open addresses they are.
pub(crate) fn twins(first: &[u128], second: &[u128]) -> Twins {
    let (own, other) = rayon::join(|| shared_out(first), || shared_out(second));
    let found: Vec<[Vec<(u32, u32)>; 2]> =
        (0..SHARES).into_par_iter().map(|at| share([&own, &other], [first, second], at)).collect();
    let mut twins = Twins { within: (0..first.len() as u32).collect(), across: vec![NONE; second.len()] };
    for [within, across] in found {
        within.into_iter().for_each(|(row, twin)| twins.within[row as usize] = twin);
        across.into_iter().for_each(|(row, twin)| twins.across[row as usize] = twin);
    }
    twins
}

/// Of one share, the rows of either part that have an earlier twin in the first, and it.
fn share(parts: [&Vec<Vec<Vec<Entry>>>; 2], keys: [&[u128]; 2], at: usize) -> [Vec<(u32, u32)>; 2] {
    let entries = |part: usize| parts[part].iter().flat_map(|block| &block[at]);
    let n: usize = parts[0].iter().map(|block| block[at].len()).sum();
    let mask = (n * 2).next_power_of_two() - 1;
    let mut table: Vec<Entry> = vec![(0, NONE); mask + 1];
    // The slot of an equal key, or the empty one where it would be.
    let find = |table: &[Entry], half: u64, own: &[u128], row: u32| {
        let mut slot = half as usize & mask;
        loop {
            let (other, twin) = table[slot];
            if twin == NONE || (other == half && keys[0][twin as usize] == own[row as usize]) {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    };
    let [mut within, mut across] = [Vec::new(), Vec::new()];
    for &(half, row) in entries(0) {
        let slot = find(&table, half, keys[0], row);
        match table[slot].1 {
            NONE => table[slot] = (half, row),
            twin => within.push((row, twin)),
        }
    }
    for &(half, row) in entries(1) {
        let twin = table[find(&table, half, keys[1], row)].1;
        if twin != NONE {
            across.push((row, twin));
        }
    }
    [within, across]
}

impl Twins {
    /// Whether each row of the first part has a twin in it.
    pub(crate) fn has_twin_within(&self) -> Vec<bool> {
        let mut has = vec![false; self.within.len()];
        for (row, &twin) in self.within.iter().enumerate() {
            if twin as usize != row {
                has[row] = true;
                has[twin as usize] = true;
            }
        }
        has
    }

    /// Rows of either part that have a twin in either, but for those of the second part alone; ascending.
    pub(crate) fn candidates(&self) -> (Vec<usize>, Vec<usize>) {
        let mut own = self.has_twin_within();
        let other: Vec<usize> = self.rows_across().collect();
        other.iter().for_each(|&row| own[self.across[row] as usize] = true);
        (own.iter().enumerate().filter(|(_, has)| **has).map(|(row, _)| row).collect(), other)
    }

    /// Rows of the second part that have a twin in the first.
    pub(crate) fn rows_across(&self) -> impl Iterator<Item = usize> {
        self.across.iter().enumerate().filter(|(_, twin)| **twin != NONE).map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// As a search through all rows finds them.
        #[test]
        fn as_by_hand(first in prop::collection::vec(0u8..40, 0..80), second in prop::collection::vec(0u8..40, 0..80)) {
            // Some keys differ in their high bits alone, some in their low bits.
            let key = |x: &u8| u128::from(*x % 5) << 125 | u128::from(*x / 5) << (x % 3 * 30);
            let (a, b): (Vec<u128>, Vec<u128>) = (first.iter().map(key).collect(), second.iter().map(key).collect());
            let place = |key: &u128| a.iter().position(|other| other == key).map_or(NONE, |row| row as u32);
            let found = twins(&a, &b);
            prop_assert_eq!(&found.within, &a.iter().map(place).collect::<Vec<_>>());
            prop_assert_eq!(&found.across, &b.iter().map(place).collect::<Vec<_>>());
            let has: Vec<bool> = a.iter().map(|key| a.iter().filter(|other| *other == key).count() > 1).collect();
            prop_assert_eq!(found.has_twin_within(), has);
        }
    }
}
