//! Cramér-von Mises tests.

use std::f64::consts::PI;

use libm::{lgamma, tgamma};
use mlsys_core::column::from_order_key;
use mlsys_core::{Error, Result};

use super::input::{Ordered, enough, ordered, pooled};
use super::kolmogorov::gcd;
use super::special::bessel_k_scaled;
use super::{Method, PValueFrom, TestReport};

/// The Cramér-von Mises test that a sample comes from a distribution that is known without looking at the sample.
///
/// ```text
/// T = 1/12n + Σ ((2i - 1)/2n - F(xᵢ))²      (x in ascending order)
/// ```
///
/// * `cdf`: the distribution function `F`, from 0 to 1.
///
/// The p-value is that of Csörgő and Faraway's expansion for `n` rows (their equation 1.8), as in scipy, which
/// leaves its series at terms below 1e-7 where this one goes to the end; p-values below about 1e-10 are not
/// resolved. Missing values are left out and counted; infinities are ordered like other values. Effect: `T/n`, the
/// mean squared distance of the distribution functions.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with fewer than two values;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) where `cdf` is not from 0 to 1.
///
/// ```
/// use mlsys_stats::hypothesis::cramer_von_mises_one_sample;
///
/// let report = cramer_von_mises_one_sample(&[0.1, 0.3, 0.35, 0.8], |x| x.clamp(0.0, 1.0))?;
/// assert!((report.statistic - 0.10833333333333334).abs() < 1e-12);
/// assert!((report.p_value - 0.5665538).abs() < 1e-7);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when parameters of `F` were estimated from the same rows: p-values are then far too large. More sensitive
/// than Kolmogorov-Smirnov to many small differences, less to the tails:
/// [`anderson_darling_k_sample`](super::anderson_darling_k_sample).
///
/// S. Csörgő, J. Faraway, *The Exact and Asymptotic Distributions of Cramér-von Mises Statistics*, 1996.
pub fn cramer_von_mises_one_sample(values: &[f64], cdf: impl Fn(f64) -> f64) -> Result<TestReport> {
    const NAME: &str = "one-sample Cramér-von Mises test";
    let sorted = Ordered::of(values)?;
    let rows = sorted.len();
    enough(NAME, "a", rows, 2)?;
    let n = rows as f64;
    let (mut sum, mut before, mut outside) = (0.0, 0u64, None);
    sorted.groups().for_each(|(key, count)| {
        let x = from_order_key(key);
        let f = cdf(x);
        if !(0.0..=1.0).contains(&f) {
            outside = outside.or(Some((x, f)));
        }
        for i in before..before + count {
            let distance = (2 * i + 1) as f64 / (2.0 * n) - f;
            sum += distance * distance;
        }
        before += count;
    });
    if let Some((x, f)) = outside {
        return Err(Error::invalid_value("cdf", None, format!("{f} at {x}"), "from 0 to 1"));
    }
    let t = 1.0 / (12.0 * n) + sum;
    Ok(TestReport::new(NAME, "T", t)
        .p(finite_sf(t, n), PValueFrom::Asymptotic)
        .with_effect("mean squared distance", t / n)
        .rows(&[rows], values.len() - rows))
}

/// The Cramér-von Mises test that two samples come from one distribution.
///
/// ```text
/// U = n Σ (rᵢ - i)² + m Σ (sⱼ - j)²      T = U / (nm (n+m)) - (4nm - 1) / (6 (n+m))
/// ```
/// with the ranks `r` of `a` and `s` of `b` among all values (the mean of their ranks for equal ones).
///
/// * `method`: `Auto` is exact when both samples have at most 20 rows, as in scipy. The exact distribution is that without
///   ties. `Asymptotic` is the limiting distribution of `T`, shifted and scaled to its mean and variance.
///
/// Missing values are left out and counted; infinities are ordered like other values. Effect: `T (n+m)/nm`, the
/// mean squared difference of the distribution functions.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a sample has fewer than two values;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for an exact p-value of samples that are too
/// large.
///
/// ```
/// use mlsys_stats::hypothesis::{Method, cramer_von_mises_two_sample};
///
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [3.5, 5.0, 6.0, 7.0]);
/// let report = cramer_von_mises_two_sample(&a, &b, Method::Auto)?;
/// assert!((report.statistic - 0.5).abs() < 1e-12);
/// assert!((report.p_value - 4.0 / 70.0).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for rows that depend on each other; with many ties the p-value is rough.
///
/// T. W. Anderson, *On the Distribution of the Two-Sample Cramér-von Mises Criterion*, 1962; Y. Xiao, A. Gordon, A.
/// Yakovlev,
/// *A C++ Program for the Cramér-von Mises Two-Sample Test*, 2006.
pub fn cramer_von_mises_two_sample(a: &[f64], b: &[f64], method: Method) -> Result<TestReport> {
    const NAME: &str = "two-sample Cramér-von Mises test";
    let (samples, missing) = ordered(NAME, &[a, b], 2)?;
    let (n, m) = (samples[0].len(), samples[1].len());
    // Four times the sums of squares, which are whole.
    let mut sums = [0i128; 2];
    let mut before = [0i128; 2];
    pooled(&samples, |_, counts| {
        let counts = [counts[0], counts[1]].map(i128::from);
        let rank = 2 * (before[0] + before[1]) + counts[0] + counts[1] + 1;
        for sample in 0..2 {
            // Σ (rank - 2i)² for i from 1 to c, beyond those before.
            let (c, e) = (counts[sample], rank - 2 * before[sample]);
            sums[sample] += c * e * e - 2 * e * c * (c + 1) + 2 * c * (c + 1) * (2 * c + 1) / 3;
            before[sample] += c;
        }
    });
    let (rows_a, rows_b) = (n as i128, m as i128);
    let (product, total) = (rows_a * rows_b, rows_a + rows_b);
    let u = rows_a * sums[0] + rows_b * sums[1];
    // One fraction of whole numbers, since the two terms of T cancel.
    let t = (6 * u - 4 * product * (4 * product - 1)) as f64 / (24 * product * total) as f64;
    let exact = match method {
        Method::Auto => n.max(m) <= 20,
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let counted = if exact { exact_sf(u, n as u64, m as u64) } else { None };
    let (p, from) = if let Some(p) = counted {
        (p, PValueFrom::Exact)
    } else if method == Method::Exact {
        let expected = format!("Auto or Asymptotic for {n} and {m} rows");
        return Err(Error::invalid_parameter(NAME, "method", "Exact", expected));
    } else {
        let (n, m) = (n as f64, m as f64);
        let (k, all) = (n * m, n + m);
        let mean = (1.0 + 1.0 / all) / 6.0;
        let variance =
            (all + 1.0) * (4.0 * k * all - 3.0 * (n * n + m * m) - 2.0 * k) / (45.0 * all * all * 4.0 * k);
        (limit_sf(1.0 / 6.0 + (t - mean) / (45.0 * variance).sqrt()), PValueFrom::Asymptotic)
    };
    Ok(TestReport::new(NAME, "T", t)
        .p(p, from)
        .with_effect("mean squared difference", t * total as f64 / product as f64)
        .rows(&[n, m], missing))
}

/// Pairs of a value of `ζ` and the number of paths to it, ascending.
type Paths = Vec<(i64, f64)>;
/// Such pairs that are kept at once: a share of a gigabyte.
const MOST_PATHS: usize = 10_000_000;

/// `P(U ≥ u)` without ties, `u` four times the statistic, by counting lattice paths by their `ζ` (Xiao, Gordon and
/// Yakovlev); `None` when there are too many values of it.
fn exact_sf(u: i128, n: u64, m: u64) -> Option<f64> {
    if n + m > 60 {
        return None;
    }
    let lcm = (n / gcd(n, m) * m) as i64;
    let (a, b) = (lcm / n as i64, lcm / m as i64);
    let product = i128::from(n) * i128::from(m);
    let scale = i128::from(lcm) * i128::from(lcm) * i128::from(n + m);
    // In fourths, as u is.
    let zeta = (scale * (6 * u - 4 * product * (4 * product - 1))).div_euclid(24 * product * product);
    let zeta = i64::try_from(zeta).ok()?;
    let mut column: Vec<Paths> = vec![Vec::new(); n as usize + 1];
    for y in 0..=m as i64 {
        let mut kept = 0;
        for x in 0..=n as usize {
            let mut here = if x == 0 { column[0].clone() } else { merged(&column[x - 1], &column[x]) };
            if x == 0 && y == 0 {
                here.push((0, 1.0));
            }
            let step = (a * x as i64 - b * y).pow(2);
            here.iter_mut().for_each(|(zeta, _)| *zeta += step);
            kept += here.len();
            if kept > MOST_PATHS {
                return None;
            }
            column[x] = here;
        }
    }
    let last = column.last()?;
    let sum = |paths: &[(i64, f64)]| paths.iter().map(|(_, paths)| paths).sum::<f64>();
    Some(sum(&last[last.partition_point(|(z, _)| *z < zeta)..]) / sum(last))
}

fn merged(a: &Paths, b: &Paths) -> Paths {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let (x, y) = (a[i], b[j]);
        all.push((x.0.min(y.0), if x.0 <= y.0 { x.1 } else { 0.0 } + if y.0 <= x.0 { y.1 } else { 0.0 }));
        i += usize::from(x.0 <= y.0);
        j += usize::from(y.0 <= x.0);
    }
    all.extend_from_slice(&a[i..]);
    all.extend_from_slice(&b[j..]);
    all
}

/// `P(W² > x)` of the limiting distribution, from its own side for large `x` (Smirnov's integrals).
fn limit_sf(x: f64) -> f64 {
    if x < 0.003 {
        return 1.0;
    }
    if x < 0.25 {
        return 1.0 - limit_cdf(x);
    }
    // (2/π) Σ (-1)^(j+1) ∫ from (2j-1)π to 2jπ of √(1 / (-u sin u)) e^(-x u² / 2) du; the substitution by a cosine takes the
    // singular ends away, and the trapezoidal rule then converges exponentially.
    const POINTS: i32 = 200;
    let mut sum = 0.0;
    for j in 1..20 {
        let middle = (2.0 * f64::from(j) - 0.5) * PI;
        let mut integral = 0.0;
        for i in 0..POINTS {
            let angle = (f64::from(i) + 0.5) * PI / f64::from(POINTS);
            let offset = PI / 2.0 * angle.cos();
            let u = middle - offset;
            // -sin u = cos(offset), and that as the sine of its distance from the end.
            let sine = (PI / 2.0 * (1.0 - angle.cos().abs())).sin();
            integral += angle.sin() * (1.0 / (u * sine)).sqrt() * (-x * u * u / 2.0).exp();
        }
        integral *= PI / 2.0 * PI / f64::from(POINTS);
        sum += if j % 2 == 1 { integral } else { -integral };
        if integral < sum * 1e-17 {
            break;
        }
    }
    (2.0 / PI * sum).clamp(0.0, 1.0)
}

/// The limiting distribution function (Csörgő and Faraway, 1.3).
fn limit_cdf(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..100 {
        let k = f64::from(k);
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let front = (lgamma(k + 0.5) - lgamma(k + 1.0)).exp() / (PI.powf(1.5) * x.sqrt());
        let term = front * y.sqrt() * (-2.0 * q).exp() * bessel_k_scaled(0.25, q);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// `P(T > x)` for `n` rows: Csörgő and Faraway, 1.8.
fn finite_sf(x: f64, n: f64) -> f64 {
    if x <= 1.0 / (12.0 * n) {
        return 1.0;
    }
    if x >= n / 3.0 {
        return 0.0;
    }
    let above = limit_sf(x);
    // 1 - (1 - above) (1 + 1/12n) - ψ/n
    let p = above - ((1.0 - above) / 12.0 + first_correction(x)) / n;
    p.clamp(0.0, 1.0)
}

/// Csörgő and Faraway's ψ₁ (1.10) without its term `V(x) / 12`.
fn first_correction(x: f64) -> f64 {
    // e^-z K(z), the exponential being in the scaled Bessel function already.
    let bessel = |order: f64, z: f64| bessel_k_scaled(order, z) * (-2.0 * z).exp();
    let second = |y: f64| {
        let z = y * y / 4.0;
        (y / 2.0).powf(1.5) * (bessel(0.25, z) + bessel(0.75, z)) / PI.sqrt()
    };
    let third = |y: f64| {
        let z = y * y / 4.0;
        let terms = 2.0 * bessel(0.25, z) + 3.0 * bessel(0.75, z) - bessel(1.25, z);
        (y / 2.0).powf(2.5) * terms / PI.sqrt()
    };
    let (root, y1, y2) = (2.0 * x.sqrt(), x.powf(0.75), x.powf(1.25));
    let mut sum = 0.0;
    for k in 0..100 {
        let k = f64::from(k);
        let m = 2.0 * k + 1.0;
        let (low, high) = (tgamma(k + 0.5), tgamma(k + 1.5));
        let at = |c: f64| (4.0 * k + c) / root;
        let term = m * low * second(at(3.0)) / (9.0 * y1)
            + low * third(at(1.0)) / (72.0 * y2)
            + 2.0 * (m + 2.0) * high * third(at(5.0)) / (12.0 * y2)
            + 7.0 * m * low * (second(at(1.0)) + second(at(5.0))) / (144.0 * y1);
        let term = term / (PI * tgamma(k + 1.0));
        sum -= term;
        if term.abs() < 1e-18 * sum.abs() || tgamma(k + 2.5).is_infinite() {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_limit_agree() {
        for x in [0.26, 0.3, 0.46, 0.6, 0.9] {
            assert!((limit_sf(x) - (1.0 - limit_cdf(x))).abs() < 1e-14, "{x}");
        }
        // The critical values of Anderson and Darling, 1952.
        for (x, p) in [(0.34730, 0.1), (0.46136, 0.05), (0.74346, 0.01), (1.16786, 0.001)] {
            assert!((limit_sf(x) / p - 1.0).abs() < 2e-4, "{x}: {}", limit_sf(x));
        }
    }
}
