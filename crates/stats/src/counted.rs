//! Counting values before sorting them: measured columns mostly repeat.

use mlsys_core::Result;
use mlsys_core::column::order_key;

/// The keys of the distinct values, ascending, with their counts, if there are few: counting beats sorting then.
/// `None` when there are many. `blocks` calls what it is given with the values, a block at a time, until it says
/// `false`, and gives what it said last.
pub(crate) fn few_distinct(
    rows: usize,
    blocks: impl FnOnce(&mut dyn FnMut(&[f64]) -> bool) -> Result<bool>,
) -> Result<Option<Vec<(u64, u64)>>> {
    if rows < 256 || u32::try_from(rows).is_err() {
        return Ok(None);
    }
    // A quarter full, a table finds most values at once; with more of them than the large one takes, sorting is quicker.
    let mut small = CountTable::<4096>::new();
    let mut large: Option<CountTable<16_384>> = None;
    let few = blocks(&mut |values| {
        let mut rest = values;
        if large.is_none() {
            rest = &values[small.add(values)..];
            if !rest.is_empty() {
                large = Some(small.grown());
            }
        }
        large.as_mut().is_none_or(|large| large.add(rest) == rest.len())
    })?;
    Ok(few.then(|| large.map_or_else(|| small.sorted(), |large| large.sorted())))
}

/// Counts of distinct values, NaN among them, in a table of `N` slots of which a quarter may be taken.
struct CountTable<const N: usize> {
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    bits: u64,
    /// Rows take turns, since adding to the count that was just written waits for it.
    counts: [u32; 2],
}

impl Slot {
    fn is_free(&self) -> bool {
        self.counts == [0; 2]
    }
}

impl<const N: usize> CountTable<N> {
    fn new() -> Self {
        Self { slots: vec![Slot { bits: 0, counts: [0; 2] }; N], taken: 0 }
    }

    /// Counts values until the table is full; gives how many it dealt with.
    fn add(&mut self, values: &[f64]) -> usize {
        // Of a known length, so that a slot's place needs no check.
        let Some(slots) = self.slots.first_chunk_mut::<N>() else { return 0 };
        let (pairs, rest) = values.as_chunks::<2>();
        for (pair, &[even, odd]) in pairs.iter().enumerate() {
            if !Self::count(slots, &mut self.taken, even, 0) {
                return 2 * pair;
            }
            if !Self::count(slots, &mut self.taken, odd, 1) {
                return 2 * pair + 1;
            }
        }
        match rest.iter().all(|&last| Self::count(slots, &mut self.taken, last, 0)) {
            true => values.len(),
            false => values.len() - rest.len(),
        }
    }

    /// Counts a value in its turn, unless it is new and the table full.
    #[inline(always)]
    fn count(slots: &mut [Slot; N], taken: &mut usize, x: f64, turn: usize) -> bool {
        let bits = x.to_bits();
        let mut place = Self::place(bits);
        while slots[place].bits != bits {
            if slots[place].is_free() {
                if *taken == N / 4 {
                    return false;
                }
                *taken += 1;
                slots[place].bits = bits;
                break;
            }
            place = (place + 1) % N;
        }
        slots[place].counts[turn] += 1;
        true
    }

    #[inline]
    fn place(bits: u64) -> usize {
        (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - N.ilog2())) as usize % N
    }

    fn grown<const M: usize>(&self) -> CountTable<M> {
        let mut grown = CountTable::new();
        for slot in self.slots.iter().filter(|slot| !slot.is_free()) {
            let mut place = CountTable::<M>::place(slot.bits);
            while !grown.slots[place].is_free() {
                place = (place + 1) % M;
            }
            grown.slots[place] = *slot;
        }
        grown.taken = self.taken;
        grown
    }

    /// The keys that order the values, ascending, with their counts; that of 0.0 twice if there was -0.0.
    fn sorted(&self) -> Vec<(u64, u64)> {
        let found = self.slots.iter().filter(|slot| !slot.is_free() && !f64::from_bits(slot.bits).is_nan());
        let key = |slot: &Slot| order_key(f64::from_bits(slot.bits) + 0.0);
        let count = |[a, b]: [u32; 2]| u64::from(a) + u64::from(b);
        let mut found: Vec<(u64, u64)> = found.map(|slot| (key(slot), count(slot.counts))).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn counted(values: &[f64]) -> Option<Vec<(u64, u64)>> {
        few_distinct(values.len(), |visit| Ok(values.chunks(1000).all(visit))).unwrap()
    }

    #[test]
    fn counts_agree_with_a_map_in_both_tables_and_at_their_ends() {
        for distinct in [1, 7, 1021, 1022, 1023, 1024, 4000, 5000] {
            // Of any length, so that pairs do not come out even; NaN of two kinds are no values.
            let values: Vec<f64> = (0..9_999)
                .map(|row| match row % 11 {
                    0 => f64::NAN,
                    1 => -f64::NAN,
                    _ => f64::from((row * 7919) % distinct) - 3.0,
                })
                .collect();
            let mut expected = BTreeMap::new();
            let there = values.iter().filter(|x| !x.is_nan());
            there.for_each(|&x| *expected.entry(order_key(x + 0.0)).or_insert(0) += 1);
            let expected = (distinct <= 4000).then(|| expected.into_iter().collect());
            assert!(counted(&values) == expected, "{distinct} values");
        }
    }

    #[test]
    fn zeros_of_both_signs_have_one_key() {
        let values: Vec<f64> = (0..512).map(|row| [0.0, -0.0, 1.0][row % 3]).collect();
        assert_eq!(
            counted(&values),
            Some(vec![(order_key(0.0), 171), (order_key(0.0), 171), (order_key(1.0), 170)])
        );
    }
}
