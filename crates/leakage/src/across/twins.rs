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

/// Rows by the highest bits of their keys, in their order.
fn shared_out(keys: &[u128]) -> Vec<Vec<(u128, u32)>> {
    let share = |key: u128| (key >> (128 - SHARE_BITS)) as usize;
    let mut shares: Vec<Vec<(u128, u32)>> =
        (0..SHARES).map(|_| Vec::with_capacity(keys.len() / SHARES * 5 / 4 + 8)).collect();
    for (row, &key) in keys.iter().enumerate() {
        shares[share(key)].push((key, row as u32));
    }
    shares
}

/// Finds them. Keys are uniform, being hashes: their low bits say where in a table of open addresses they are.
pub(crate) fn twins(first: &[u128], second: &[u128]) -> Twins {
    let (own, other) = rayon::join(|| shared_out(first), || shared_out(second));
    let found: Vec<(Vec<u32>, Vec<u32>)> =
        own.par_iter().zip(&other).map(|(own, other)| share(own, other)).collect();
    let mut twins = Twins { within: vec![NONE; first.len()], across: vec![NONE; second.len()] };
    for ((own, other), (within, across)) in own.iter().zip(&other).zip(found) {
        own.iter().zip(within).for_each(|((_, row), twin)| twins.within[*row as usize] = twin);
        other.iter().zip(across).for_each(|((_, row), twin)| twins.across[*row as usize] = twin);
    }
    twins
}

fn share(own: &[(u128, u32)], other: &[(u128, u32)]) -> (Vec<u32>, Vec<u32>) {
    let slots = (own.len() * 2).next_power_of_two();
    let mask = slots - 1;
    let mut table = vec![NONE; slots];
    let mut within = Vec::with_capacity(own.len());
    for (place, &(key, row)) in own.iter().enumerate() {
        let mut slot = key as usize & mask;
        within.push(loop {
            match table[slot] {
                NONE => {
                    table[slot] = place as u32;
                    break row;
                }
                taken if own[taken as usize].0 == key => break own[taken as usize].1,
                _ => slot = (slot + 1) & mask,
            }
        });
    }
    let find = |&(key, _): &(u128, u32)| {
        let mut slot = key as usize & mask;
        loop {
            match table[slot] {
                NONE => return NONE,
                taken if own[taken as usize].0 == key => return own[taken as usize].1,
                _ => slot = (slot + 1) & mask,
            }
        }
    };
    (within, other.iter().map(find).collect())
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
