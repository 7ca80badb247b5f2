//! Remembers what a function made of the values that came by: columns mostly repeat.

/// A function of a number that remembers its results, in a table of a slot per remainder of the value's hash.
pub(crate) struct Memo<F> {
    of: F,
    slots: Vec<(u64, f64)>,
}

const SLOTS: usize = 2048;
/// Looked up for NaN only, which is not.
const FREE: u64 = f64::NAN.to_bits();

impl<F: FnMut(f64) -> f64> Memo<F> {
    /// For so many rows: a table pays from some thousands on.
    pub fn new(rows: usize, of: F) -> Self {
        let slots = if rows < 2 * SLOTS { Vec::new() } else { vec![(FREE, f64::NAN); SLOTS] };
        Self { of, slots }
    }

    /// What the function makes of a value; NaN stays NaN.
    #[inline]
    pub fn at(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let Some(slots) = self.slots.first_chunk_mut::<SLOTS>() else { return (self.of)(x) };
        let bits = x.to_bits();
        let place = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS.ilog2())) as usize;
        let slot = &mut slots[place % SLOTS];
        if slot.0 != bits {
            *slot = (bits, (self.of)(x));
        }
        slot.1
    }
}
