//! The zero of a function of one variable.

/// A zero of `f` between two places where its signs differ, to the last digits; the end nearer to zero where they do not.
/// Stops at NaN.
///
/// ```
/// let root = mlsys_stats::solve::brent_root(|x| x * x - 2.0, 0.0, 2.0);
/// assert!((root - 2f64.sqrt()).abs() < 1e-15);
/// ```
///
/// Richard Brent, *Algorithms for Minimization without Derivatives*, 1973, chapter 4: inverse quadratic interpolation, and
/// bisection where that is slow; some ten calls for smooth functions, at most 202.
pub fn brent_root(mut f: impl FnMut(f64) -> f64, low: f64, high: f64) -> f64 {
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (f(a), f(b));
    if fa * fb > 0.0 || fa.is_nan() || fb.is_nan() {
        return if fa.abs() < fb.abs() || fb.is_nan() { a } else { b };
    }
    // A zero at 0 has no last digit.
    let floor = 1e-18 * (high - low).abs();
    // `b` is the best place so far, `c` is on the other side of the zero.
    let (mut c, mut fc) = (a, fa);
    let (mut step, mut before) = (b - a, b - a);
    for _ in 0..200 {
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = 2.0 * f64::EPSILON * b.abs() + floor;
        let half = (c - b) / 2.0;
        if half.abs() <= tolerance || fb == 0.0 || fb.is_nan() {
            break;
        }
        if before.abs() < tolerance || fa.abs() <= fb.abs() {
            (step, before) = (half, half);
        } else {
            let s = fb / fa;
            let (mut p, mut q) = if a == c {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (fa / fc, fb / fc);
                (s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
            };
            if p > 0.0 {
                q = -q
            } else {
                p = -p
            }
            if 2.0 * p < (3.0 * half * q - (tolerance * q).abs()).min((before * q).abs()) {
                (step, before) = (p / q, step);
            } else {
                (step, before) = (half, half);
            }
        }
        (a, fa) = (b, fb);
        b += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        fb = f(b);
        if fb > 0.0 && fc > 0.0 || fb < 0.0 && fc < 0.0 {
            (c, fc) = (a, fa);
            (step, before) = (b - a, b - a);
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use super::brent_root;

    #[test]
    fn finds_zeros_to_the_last_digits() {
        let count = |f: &dyn Fn(f64) -> f64, low: f64, high: f64| {
            let mut calls = 0;
            let root = brent_root(
                |x| {
                    calls += 1;
                    f(x)
                },
                low,
                high,
            );
            assert!(calls <= 202, "{calls}");
            root
        };
        assert!((count(&|x| x.cos() - x, 0.0, 1.0) - 0.739_085_133_215_160_6).abs() < 1e-15);
        assert!((count(&|x| x.exp() - 1e-200, -1e6, 1e3) + 460.517_018_598_809_1).abs() < 1e-10);
        assert!(count(&|x| x.powi(9), -1.0, 3.0).abs() < 1e-15);
        assert_eq!(count(&|x| x, -1.0, 1.0), 0.0);
        assert_eq!((count(&|x| x, 1.0, 2.0), count(&|x| x, -2.0, -1.0)), (1.0, -1.0));
        assert_eq!(count(&|_| f64::NAN, 1.0, 2.0), 1.0);
    }
}
