//! The exponential function, for loops over rows.

/// `e^x` to about a unit in the last place, of x within ±708; beyond, that of the bound.
///
/// Without a call, a table or a branch, so that the compiler computes several at once: `x = n ln 2 + r`, `e^r` by its series, and n added
/// to the exponent.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    // Added, a number below 2^51 has no digits left for a fraction.
    const DIGITS: f64 = 6_755_399_441_055_744.0;
    /// The first 32 bits of ln 2, and the rest.
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let x = if x > 708.0 { 708.0 } else { x };
    let x = if x < -708.0 { -708.0 } else { x };
    let digits = x * std::f64::consts::LOG2_E + DIGITS;
    let n = digits - DIGITS;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    // The series up to r^13 / 13!, in pairs of pairs so that few steps wait for others.
    let (r2, a) = (r * r, |i: usize| INVERSE_FACTORIALS[i]);
    let r4 = r2 * r2;
    let low = (a(2) + a(3) * r) + (a(4) + a(5) * r) * r2;
    let middle = (a(6) + a(7) * r) + (a(8) + a(9) * r) * r2;
    let high = (a(10) + a(11) * r) + (a(12) + a(13) * r) * r2;
    let e = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)));
    let scaled = f64::from_bits(e.to_bits().wrapping_add(digits.to_bits() << 52));
    if x.is_nan() { x } else { scaled }
}

const INVERSE_FACTORIALS: [f64; 14] = {
    let mut all = [1.0; 14];
    let mut i = 2;
    while i < 14 {
        all[i] = all[i - 1] / i as f64;
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) * 0.010_01;
            let (own, expected) = (exp(x), x.exp());
            assert!((own - expected).abs() <= 4e-16 * expected, "{x}: {own} for {expected}");
        }
        assert_eq!([exp(0.0), exp(-0.0)], [1.0; 2]);
        assert!(exp(f64::NAN).is_nan() && exp(f64::from_bits(f64::NAN.to_bits() | 0xfff)).is_nan());
        assert_eq!([exp(f64::INFINITY), exp(f64::NEG_INFINITY)], [exp(708.0), exp(-708.0)]);
    }
}
