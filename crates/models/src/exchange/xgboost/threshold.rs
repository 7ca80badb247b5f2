//! Below a float, as at most a double.

/// The largest double that, rounded to a float, is below `t`; `t` is finite.
///
/// With `p` the float before `t`, these are the doubles up to the middle of the two; the middle itself goes to the one of an even
/// mantissa.
pub(super) fn at_most(t: f32) -> f64 {
    let before = t.next_down();
    // What would be the float after the largest, were there one, is where rounding to infinity begins.
    let p = if before.is_finite() { f64::from(before) } else { -f64::from(f32::MAX) - 2f64.powi(104) };
    let middle = (p + f64::from(t)) / 2.0;
    if before.to_bits() & 1 == 0 { middle } else { middle.next_down() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(t: f32) {
        let most = at_most(t);
        for x in [most, most.next_down(), f64::NEG_INFINITY] {
            assert!((x as f32) < t, "{x:e} is not below {t:e}");
        }
        for x in [most.next_up(), f64::from(t), f64::INFINITY] {
            assert!(x as f32 >= t, "{x:e} is below {t:e}");
        }
    }

    #[test]
    fn thresholds_at_the_limits() {
        let tiny = f32::from_bits(1);
        let normal = f32::MIN_POSITIVE;
        for t in
            [0.0, -0.0, tiny, normal, normal.next_down(), normal.next_up(), 1.0, 2.0, f32::MAX, 0.1, 1e-35]
        {
            for t in [t, -t] {
                holds(t);
            }
        }
    }

    proptest! {
        #[test]
        fn thresholds_take_the_same_doubles(bits in any::<u32>()) {
            let t = f32::from_bits(bits);
            prop_assume!(t.is_finite());
            holds(t);
        }
    }
}
