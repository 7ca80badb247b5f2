//! A gradient and a Hessian in one integer.

/// How the gradient and the Hessian of a row become one 64-bit integer: `(g << shift) + h`, in units that let every sum over the rows fit.
///
/// Integers add up exactly, in any order: histograms have the same bits on any number of threads, and what is left when one child is taken
/// from its parent is the other child, to the last bit. As `h` is not negative, it never borrows from `g`.
///
/// For n rows, `g` and `h` have `(63 - 2 log₂ n) / 2` bits each: 13 for 250,000 rows, 11 for a million. Where the Hessian is the same for
/// all rows it counts them, exactly, and `g` has `62 - 2 log₂ n` bits, 30 at most. Units of few bits are rounded up or down by
/// turns that are spread evenly over the rows, so that errors do not add up and small gradients beside huge ones are not lost. Up to 2^30 rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Packing {
    shift: u32,
    g_scale: f64,
    h_scale: f64,
    /// The gradient of one unit, and the Hessian of one.
    pub g_unit: f64,
    pub h_unit: f64,
    /// What is added before rounding: the turn of a row, from -2^31 on, times this.
    turns: f64,
    turn: u32,
    constant: bool,
}

/// Units of this many bits are rounded to the nearest.
const NEAREST: u32 = 20;
/// As many as there are up to 250,000 rows.
const NEAREST_OF_CONSTANT: u32 = 26;

/// The golden ratio of 2^32: multiples of it are spread evenly.
const GOLDEN: u32 = 0x9e37_79b9;

impl Packing {
    /// For so many rows, whose gradients are up to `max_g` in magnitude and whose Hessians up to `max_h`; or all of them `max_h`, if
    /// `constant`.
    pub fn new(rows: usize, max_g: f64, max_h: f64, constant: bool, turn: u32) -> Self {
        // 2^log is not below the number of rows.
        let log = rows.max(2).next_power_of_two().ilog2();
        let (shift, bits) = if constant {
            (log + 1, (62 - 2 * log).min(30))
        } else {
            let bits = ((63 - 2 * log.min(31)) / 2).clamp(1, 30);
            (log + bits, bits)
        };
        let most = f64::from((1u32 << bits) - 1);
        let scale = |max: f64, most: f64| if max > 0.0 { most / max } else { 0.0 };
        let unit = |max: f64, most: f64| if max > 0.0 { max / most } else { 0.0 };
        let h_most = if constant { 1.0 } else { most };
        Self {
            shift,
            g_scale: scale(max_g, most),
            h_scale: scale(max_h, h_most),
            g_unit: unit(max_g, most),
            h_unit: unit(max_h, h_most),
            turns: if bits < if constant { NEAREST_OF_CONSTANT } else { NEAREST } { UNIT } else { 0.0 },
            turn,
            constant,
        }
    }

    /// The integer of a row.
    #[inline]
    pub fn pack(&self, row: u32, [g, h]: [f64; 2]) -> i64 {
        // Two numbers from -1/2 to 1/2, nothing where units are fine enough.
        let place = row.wrapping_add(self.turn).wrapping_mul(GOLDEN);
        let turn = |place: u32| f64::from(place as i32) * self.turns;
        let g = nearest(g * self.g_scale + turn(place));
        let h = if self.constant { 1 } else { nearest(h * self.h_scale + turn(place.rotate_left(16))) };
        (g << self.shift) + h
    }

    /// The gradient part of a sum, in units.
    #[inline]
    pub fn g(&self, sum: i64) -> i64 {
        sum >> self.shift
    }

    /// The Hessian part of a sum, in units.
    #[inline]
    pub fn h(&self, sum: i64) -> i64 {
        sum & ((1 << self.shift) - 1)
    }

    /// Where the gradient begins.
    pub fn shift(&self) -> u32 {
        self.shift
    }
}

const UNIT: f64 = 1.0 / 4_294_967_296.0;

/// The nearest integer, below 2^51, the even one of two: what is left of the digits when there are none for a fraction. The compiler does
/// several at once, which it cannot do with the conversion to 64-bit integers.
#[inline]
fn nearest(x: f64) -> i64 {
    const DIGITS: f64 = 6_755_399_441_055_744.0;
    // What is not a number counts as nothing; it is found elsewhere.
    let x = if x.abs() < 2_251_799_813_685_248.0 { x } else { 0.0 };
    (x + DIGITS).to_bits() as i64 - DIGITS.to_bits() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_and_never_overflow() {
        for rows in [1_usize, 2, 3, 100, 4096, 1 << 20] {
            for constant in [true, false] {
                let packing = Packing::new(rows, 2.0, 0.25, constant, 7);
                // The extremes: all rows at one end.
                for (g, h) in [(2.0, 0.25), (-2.0, 0.25), (2.0, if constant { 0.25 } else { 0.0 })] {
                    let one = packing.pack(0, [g, h]);
                    let (mut sum, mut g_sum, mut h_sum) = (0i64, 0i64, 0i64);
                    for row in 0..rows as u32 {
                        let cell = packing.pack(row, [g, h]);
                        sum = sum.checked_add(cell).unwrap();
                        g_sum += packing.g(cell);
                        h_sum += packing.h(cell);
                    }
                    assert_eq!((packing.g(sum), packing.h(sum)), (g_sum, h_sum), "{rows} rows, {one}");
                    let error = (g_sum as f64 * packing.g_unit / rows as f64 - g).abs();
                    assert!(error <= packing.g_unit, "{error} of {rows} rows");
                    if constant {
                        assert_eq!(h_sum, rows as i64);
                    }
                }
            }
        }
    }

    #[test]
    fn turns_even_out() {
        let n = 1 << 18;
        let packing = Packing::new(n, 1.0, 1.0, false, 3);
        let g = 0.1234 * packing.g_unit;
        let sum: i64 = (0..n as u32).map(|row| packing.pack(row, [g, 0.0])).sum();
        let mean = packing.g(sum) as f64 / n as f64;
        assert!((mean - 0.1234).abs() < 1e-4, "{mean}");
    }
}
