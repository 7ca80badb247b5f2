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
    // The small table fits the nearest cache; with more than half of the large one, sorting is quicker.
    let mut small = CountTable::<2048>::new();
    let mut large: Option<CountTable<8192>> = None;
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

/// Counts of distinct values, in a table of `N` slots of which half may be taken.
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

impl<const N: usize> CountTable<N> {
    /// No value has these bits, since NaN is passed over: they mark a free slot.
    const FREE: Slot = Slot { bits: f64::NAN.to_bits(), counts: [0; 2] };

    fn new() -> Self {
        Self { slots: vec![Self::FREE; N], taken: 0 }
    }

    /// Counts values, passing over NaN, until the table is full; gives how many it dealt with.
    fn add(&mut self, values: &[f64]) -> usize {
        // Of a known length, so that a slot's place needs no check.
        let Some(slots) = self.slots.first_chunk_mut::<N>() else { return 0 };
        for (row, &x) in values.iter().enumerate() {
            if x.is_nan() {
                continue;
            }
            let bits = x.to_bits();
            let mut place = Self::place(bits);
            while slots[place].bits != bits {
                if slots[place].bits == Self::FREE.bits {
                    if self.taken == N / 2 {
                        return row;
                    }
                    self.taken += 1;
                    slots[place].bits = bits;
                    break;
                }
                place = (place + 1) % N;
            }
            slots[place].counts[row % 2] += 1;
        }
        values.len()
    }

    #[inline]
    fn place(bits: u64) -> usize {
        (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - N.ilog2())) as usize % N
    }

    fn grown<const M: usize>(&self) -> CountTable<M> {
        let mut grown = CountTable::new();
        for slot in self.slots.iter().filter(|slot| slot.bits != Self::FREE.bits) {
            let mut place = CountTable::<M>::place(slot.bits);
            while grown.slots[place].bits != Self::FREE.bits {
                place = (place + 1) % M;
            }
            grown.slots[place] = *slot;
        }
        grown.taken = self.taken;
        grown
    }

    /// The keys that order the values, ascending, with their counts; that of 0.0 twice if there was -0.0.
    fn sorted(&self) -> Vec<(u64, u64)> {
        let found = self.slots.iter().filter(|slot| slot.bits != Self::FREE.bits);
        let key = |slot: &Slot| order_key(f64::from_bits(slot.bits) + 0.0);
        let count = |[a, b]: [u32; 2]| u64::from(a) + u64::from(b);
        let mut found: Vec<(u64, u64)> = found.map(|slot| (key(slot), count(slot.counts))).collect();
        found.sort_unstable();
        found
    }
}
