//! Tails of distributions, each computed from its own side, so that small p-values keep their digits.

use std::f64::consts::{PI, SQRT_2, TAU};

use libm::{erfc, lgamma as ln_gamma};

/// `P(Z > z)` of the standard normal distribution.
pub(crate) fn normal_sf(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// The value that a standard normal exceeds with this probability, which is between 0 and 1.
pub(crate) fn normal_isf(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_isf(1.0 - p);
    }
    bisect(0.0, 40.0, |z| normal_sf(z) <= p)
}

/// The smallest double from `low` (at least 0) to `high` that `reached` holds for, if it holds from there on.
pub(crate) fn bisect(low: f64, high: f64, reached: impl Fn(f64) -> bool) -> f64 {
    // The bits are in the order of the doubles: as exact near 0 as elsewhere.
    let (mut low, mut high) = (low.to_bits(), high.to_bits());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if reached(f64::from_bits(middle)) { high = middle } else { low = middle }
    }
    f64::from_bits(high)
}

/// What Stirling's formula lacks: `ln Γ(x + 1) - (x + 1/2) ln x + x - ln √(2π)`.
fn stirling_error(x: f64) -> f64 {
    if x < 15.0 {
        return ln_gamma(x + 1.0) - (x + 0.5) * x.ln() + x - 0.5 * TAU.ln();
    }
    let s = 1.0 / (x * x);
    let series = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    series.iter().rev().fold(1.0 / 156.0, |sum, c| sum * s + c) / x
}

/// `x ln(x / m) + m - x` without cancellation (Loader).
fn deviance(x: f64, m: f64) -> f64 {
    let d = x - m;
    if d.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - d;
    }
    let v = d / (x + m);
    let (mut sum, mut term) = (d * v, 2.0 * x * v);
    for j in 1..1000 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// `Γ(n+1) / (Γ(k+1) Γ(n-k+1)) p^k q^(n-k)`, for real `k` between 0 and `n` too; `q` is `1 - p`.
///
/// Catherine Loader, *Fast and Accurate Computation of Binomial Probabilities*, 2000.
pub(crate) fn binomial_term(k: f64, n: f64, p: f64, q: f64) -> f64 {
    if p == 0.0 {
        return f64::from(u8::from(k == 0.0));
    }
    if q == 0.0 {
        return f64::from(u8::from(k == n));
    }
    if k == 0.0 {
        return (n * if p < 0.5 { (-p).ln_1p() } else { q.ln() }).exp();
    }
    if k == n {
        return (n * if q < 0.5 { (-q).ln_1p() } else { p.ln() }).exp();
    }
    if k < 0.0 || k > n {
        return 0.0;
    }
    binomial_term_at(k, n, n * p, n * q)
}

/// [`binomial_term`] from the expected numbers `n p` and `n q`, both above 0, and `0 < k < n`, or one of the ends.
pub(crate) fn binomial_term_at(k: f64, n: f64, np: f64, nq: f64) -> f64 {
    let rest = n - k;
    if rest <= 0.0 {
        return (n * (np / n).ln()).exp();
    }
    if k <= 0.0 {
        return (n * (-np / n).ln_1p()).exp();
    }
    if nq <= 0.0 {
        return 0.0;
    }
    let error = stirling_error(n) - stirling_error(k) - stirling_error(rest);
    let exponent = error - deviance(k, np) - deviance(rest, nq);
    exponent.exp() * (n / (TAU * k * rest)).sqrt()
}

/// `m^x e^-m / Γ(x + 1)`.
fn poisson_term(x: f64, m: f64) -> f64 {
    (-stirling_error(x) - deviance(x, m)).exp() / (TAU * x).sqrt()
}

/// The continued fraction of Lentz's method, with the terms `a(i) / (b(i) + ..)` from `i = 1`.
fn lentz(start: f64, terms: impl Fn(f64) -> (f64, f64)) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut value = guard(start);
    let (mut c, mut d) = (value, 0.0);
    for i in 1..50_000_000 {
        let (a, b) = terms(f64::from(i));
        d = 1.0 / guard(b + a * d);
        c = guard(b + a / c);
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() < 3e-16 {
            break;
        }
    }
    value
}

/// `P(X > x)` of a chi-square variable of `df` degrees of freedom, to 1e-12 relative; 1 up to zero.
///
/// ```
/// # use mlsys_stats::hypothesis::chi_square_sf;
/// assert!((chi_square_sf(3.841458820694124, 1.0) - 0.05).abs() < 1e-15);
/// ```
pub fn chi_square_sf(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let (a, x) = (df / 2.0, x / 2.0);
    // x^a e^-x / Γ(a + 1)
    let front = poisson_term(a, x);
    if x < a + 1.0 {
        let (mut sum, mut term, mut at) = (1.0, 1.0, a);
        while term > sum * 1e-17 {
            at += 1.0;
            term *= x / at;
            sum += term;
        }
        return (1.0 - front * sum).max(0.0);
    }
    let fraction = lentz(x + 1.0 - a, |i| (-i * (i - a), x + 2.0 * i + 1.0 - a));
    front * a / fraction
}

/// The regularised incomplete beta function `I_x(a, b)` and what it lacks of 1; `y` is `1 - x`.
pub(crate) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        let (upper, lower) = beta_tails(b, a, y, x);
        return (lower, upper);
    }
    // x^a y^b / (a B(a, b))
    let front = b / (a + b) * binomial_term(a, a + b, x, y);
    let fraction = lentz(1.0, |i| {
        let m = (i / 2.0).floor();
        let numerator = if i % 2.0 == 0.0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        (numerator, 1.0)
    });
    let lower = (front / fraction).min(1.0);
    (lower, 1.0 - lower)
}

/// `P(T > t)` of Student's t.
pub(crate) fn t_sf(t: f64, df: f64) -> f64 {
    // Beyond this they differ by less than rounding does, and the fraction would take long.
    if df > 1e14 {
        return normal_sf(t);
    }
    let square = t * t;
    let (x, y) = if square.is_infinite() { (0.0, 1.0) } else { (df / (df + square), square / (df + square)) };
    let tail = 0.5 * beta_tails(df / 2.0, 0.5, x, y).0;
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// `P(X <= k)` and `P(X > k)` of `n` trials.
pub(crate) fn binomial_tails(k: f64, n: f64, p: f64) -> (f64, f64) {
    if k < 0.0 {
        return (0.0, 1.0);
    }
    if k >= n {
        return (1.0, 0.0);
    }
    let (above, below) = beta_tails(k + 1.0, n - k, p, 1.0 - p);
    (below, above)
}

/// The `x` at which `I_x(a, b)` is `p`, to the last digits.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_tails(a, b, x, 1.0 - x).0 >= p)
}

/// `P(K > z)` of Kolmogorov's limiting distribution.
pub(crate) fn kolmogorov_sf(z: f64) -> f64 {
    if z <= 0.0 {
        return 1.0;
    }
    if z > 0.82 {
        let term = |k: f64| (-2.0 * k * k * z * z).exp();
        return 2.0 * (term(1.0) - (term(2.0) - (term(3.0) - term(4.0))));
    }
    let term = |k: f64| (-(2.0 * k - 1.0).powi(2) * PI * PI / (8.0 * z * z)).exp();
    1.0 - TAU.sqrt() / z * (term(1.0) + (term(2.0) + (term(3.0) + term(4.0))))
}

/// `K_ν(x) e^x` by the trapezoidal rule, which converges exponentially here.
pub(crate) fn bessel_k_scaled(order: f64, x: f64) -> f64 {
    const STEP: f64 = 1.0 / 32.0;
    let mut sum = 0.5;
    for i in 1..10_000 {
        let t = f64::from(i) * STEP;
        // cosh t - 1 without cancellation
        let term = (-2.0 * x * (t / 2.0).sinh().powi(2)).exp() * (order * t).cosh();
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    sum * STEP
}

/// `P(Q > q)` of the range of `k` standard normal values: the studentized range with infinite degrees of freedom.
///
/// ```text
/// k ∫ φ(z) (Φ(z)^(k-1) - (Φ(z) - Φ(z - q))^(k-1)) dz
/// ```
pub(crate) fn range_sf(q: f64, k: f64) -> f64 {
    if q <= 0.0 {
        return 1.0;
    }
    // The integrand is smooth and vanishes at both ends: the trapezoidal rule converges exponentially.
    const STEP: f64 = 1.0 / 64.0;
    let term = |i: i32| {
        let z = f64::from(i) * STEP;
        let (upto, below) = (normal_sf(-z), normal_sf(q - z));
        // (1 - b/a)^m as exp(m ln(1 - b/a)), so that a small difference is not lost.
        let lost = -((k - 1.0) * (-below / upto).ln_1p()).exp_m1();
        let density = (-0.5 * z * z).exp() / TAU.sqrt();
        if upto > 0.0 { density * upto.powf(k - 1.0) * lost } else { 0.0 }
    };
    (k * STEP * (-64 * 38..=64 * 38).map(term).sum::<f64>()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64, relative: f64) {
        assert!((found - expected).abs() <= relative * expected.abs(), "{found} against {expected}");
    }

    /// scipy 1.17.1: `norm.sf`, `chi2.sf`, `t.sf`, `binom.sf`, `studentized_range.sf`, `kv`, `kstwobign.sf`.
    #[test]
    fn tails_keep_their_digits() {
        close(normal_sf(-3.0), 0.9986501019683699, 5e-13);
        close(normal_sf(0.3), 0.3820885778110474, 5e-13);
        close(normal_sf(1.0), 0.15865525393145707, 5e-13);
        close(normal_sf(2.5), 0.006209665325776132, 5e-13);
        close(normal_sf(8.0), 6.22096057427174e-16, 5e-13);
        close(normal_sf(21.3), 5.6760561621352516e-101, 5e-13);
        close(normal_sf(37.0), 5.7255712225239266e-300, 5e-13);
        close(normal_isf(1e-30), 11.464024688443613, 1e-14);
        close(normal_isf(0.001), 3.090232306167813, 1e-14);
        close(normal_isf(0.025), 1.9599639845400545, 1e-14);
        close(normal_isf(0.4), 0.2533471031357997, 1e-14);
        close(normal_isf(0.9), -1.2815515655446004, 1e-14);
        close(chi_square_sf(0.5, 1.0), 0.47950012218695337, 1e-12);
        close(chi_square_sf(3.84, 1.0), 0.05004352124870519, 1e-12);
        close(chi_square_sf(460.0, 1.0), 4.8071897649703165e-102, 1e-12);
        close(chi_square_sf(2.0, 4.0), 0.7357588823428847, 1e-12);
        close(chi_square_sf(1200.0, 1000.0), 1.2255942330622893e-5, 1e-12);
        close(chi_square_sf(900.0, 1000.0), 0.9892827619087102, 1e-12);
        close(chi_square_sf(1.5, 2.0), 0.4723665527410149, 1e-12);
        close(chi_square_sf(1300.0, 10.0), 3.825653538395905e-273, 1e-12);
        close(chi_square_sf(110000.0, 100000.0), 2.5841772471794118e-104, 1e-12);
        close(chi_square_sf(0.001, 3.0), 0.9999915920809419, 1e-12);
        close(t_sf(0.1, 1.0), 0.4682744825694465, 1e-12);
        close(t_sf(2.0, 1.5), 0.11209416517802556, 1e-12);
        close(t_sf(-1.0, 7.0), 0.8246916685898963, 1e-12);
        close(t_sf(2.5, 30.7), 0.008988720929681499, 1e-12);
        close(t_sf(21.5, 10000.0), 1.4186381446669373e-100, 1e-12);
        close(t_sf(21.5, 327000.0), 9.170880123628285e-103, 1e-12);
        close(t_sf(40.0, 20.0), 7.287348277155374e-21, 1e-12);
        close(t_sf(100000.0, 3.0), 1.1026577904466273e-15, 1e-12);
        close(t_sf(0.001, 12.0), 0.4996092737653247, 1e-12);
        close(binomial_tails(3.0, 10.0, 0.2).1, 0.12087388160000007, 1e-12);
        close(binomial_tails(60.0, 100.0, 0.5).1, 0.017600100108852428, 1e-12);
        close(binomial_tails(900.0, 1000.0, 0.5).1, 7.427818096436323e-163, 1e-12);
        close(binomial_tails(10.0, 100000.0, 1e-05).1, 1.0043205225497775e-8, 1e-12);
        close(binomial_tails(50500.0, 100000.0, 0.5).1, 0.0007741798154225831, 1e-12);
        close(beta_quantile(1.0, 10.0, 0.025), 0.0025285785444617848, 1e-12);
        close(beta_quantile(5.0, 3.0, 0.975), 0.9010117215574921, 1e-12);
        close(beta_quantile(200.0, 1.0, 1e-09), 0.9015711376059569, 1e-12);
        close(beta_quantile(30.5, 40.5, 0.5), 0.42891255739345246, 1e-12);
        close(kolmogorov_sf(0.3), 0.9999906941986655, 1e-12);
        close(kolmogorov_sf(0.5), 0.9639452436648751, 1e-12);
        close(kolmogorov_sf(0.81), 0.5279614323123148, 1e-12);
        close(kolmogorov_sf(0.83), 0.4961909953505036, 1e-12);
        close(kolmogorov_sf(1.36), 0.049485876755377876, 1e-12);
        close(kolmogorov_sf(5.0), 3.8574996959278356e-22, 1e-12);
        close(bessel_k_scaled(0.25, 0.001), 11.768238628404424, 1e-13);
        close(bessel_k_scaled(0.25, 0.5), 1.5832939515157707, 1e-13);
        close(bessel_k_scaled(0.75, 3.0), 0.7571529041918584, 1e-13);
        close(bessel_k_scaled(1.25, 40.0), 0.2014038260843011, 1e-13);
        close(range_sf(0.5, 2.0), 0.7236736098317631, 1e-9);
        close(range_sf(2.0, 3.0), 0.33349932504015, 1e-9);
        close(range_sf(3.3, 5.0), 0.134321477410152, 1e-9);
        close(range_sf(5.0, 10.0), 0.014857437887783598, 1e-9);
        // scipy takes this one from 1.
        close(range_sf(8.0, 4.0), 9.235490139314351e-8, 1e-7);
        // Two normal values: the range is the absolute value of a normal of variance 2.
        close(range_sf(30.0, 2.0), 2.0 * normal_sf(30.0 / SQRT_2), 1e-12);
    }
}
