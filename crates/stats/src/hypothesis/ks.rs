//! Kolmogorov-Smirnov tests.

use mlsys_core::column::from_order_key;
use mlsys_core::{Error, Result};

use super::input::{Ordered, enough, ordered, pooled_two};
use super::kolmogorov::{gcd, kolmogorov_exact_sf, paths_outside, smirnov_sf};
use super::special::kolmogorov_sf;
use super::{Alternative, Method, PValueFrom, TestReport};

/// Up to here `Auto` is exact for two samples, as in scipy.
const AUTO_EXACT: usize = 10_000;
/// Lattice points that an exact p-value may visit: about a second.
const EXACT_CELLS: u128 = 400_000_000;

/// The Kolmogorov-Smirnov test that a sample comes from a distribution that is known without looking at the sample.
///
/// ```text
/// D⁺ = max (i/n - F(xᵢ))      D⁻ = max (F(xᵢ) - (i-1)/n)      D = max(D⁺, D⁻)      (x in ascending order)
/// ```
///
/// * `cdf`: the distribution function `F`, from 0 to 1.
/// * `alternative`: `Greater` tests `D⁺` (the sample's distribution function lies above `F`), `Less` tests `D⁻`.
/// * `method`: `Auto` and `Exact` are the distribution of `n` rows (Simard and L'Ecuyer's choice of algorithm, as scipy);
///   `Asymptotic` is Kolmogorov's limit, or `exp(-2 n D²)` one-sided.
///
/// Missing values are left out and counted; infinities are ordered like other values. One sort.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without values;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) where `cdf` is not from 0 to 1.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, Method, ks_one_sample};
///
/// let uniform = |x: f64| x.clamp(0.0, 1.0);
/// let report = ks_one_sample(&[0.1, 0.3, 0.35, 0.8], uniform, Alternative::TwoSided, Method::Auto)?;
/// assert!((report.statistic - 0.4).abs() < 1e-12);
/// assert!((report.p_value - 0.4374).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when parameters of `F` were estimated from the same rows (p-values are then far too large: Lilliefors),
/// and for values with ties, where it is conservative. With very many rows any `F` is rejected: look at `D`.
///
/// A. Kolmogorov, *Sulla determinazione empirica di una legge di distribuzione*, 1933; R. Simard, P. L'Ecuyer,
/// *Computing the Two-Sided Kolmogorov-Smirnov Distribution*, 2011.
pub fn ks_one_sample(
    values: &[f64],
    cdf: impl Fn(f64) -> f64,
    alternative: Alternative,
    method: Method,
) -> Result<TestReport> {
    const NAME: &str = "one-sample Kolmogorov-Smirnov test";
    let sorted = Ordered::of(values)?;
    let rows = sorted.len();
    enough(NAME, "a", rows, 1)?;
    let n = rows as f64;
    let (mut plus, mut minus, mut below) = ((0.0, f64::NAN), (0.0, f64::NAN), 0u64);
    let mut outside = None;
    sorted.groups().for_each(|(key, count)| {
        let x = from_order_key(key);
        let f = cdf(x);
        if !(0.0..=1.0).contains(&f) {
            outside = outside.or(Some((x, f)));
        }
        let gap = f - below as f64 / n;
        if gap > minus.0 {
            minus = (gap, x);
        }
        below += count;
        let gap = below as f64 / n - f;
        if gap > plus.0 {
            plus = (gap, x);
        }
    });
    if let Some((x, f)) = outside {
        return Err(Error::invalid_value("cdf", None, format!("{f} at {x}"), "from 0 to 1"));
    }
    let (d, location) = match alternative {
        Alternative::Greater => plus,
        Alternative::Less => minus,
        Alternative::TwoSided if plus.0 > minus.0 => plus,
        Alternative::TwoSided => minus,
    };
    let two_sided = alternative == Alternative::TwoSided;
    let (p, from) = match (method, two_sided) {
        (Method::Asymptotic, true) => (kolmogorov_sf(d * n.sqrt()), PValueFrom::Asymptotic),
        (Method::Asymptotic, false) => ((-2.0 * n * d * d).exp(), PValueFrom::Asymptotic),
        (_, true) => (kolmogorov_exact_sf(n, d), PValueFrom::Exact),
        (_, false) => (smirnov_sf(n, d), PValueFrom::Exact),
    };
    let mut report = TestReport::new(NAME, "D", d)
        .p(p, from)
        .alternative(alternative)
        .with_effect("Kolmogorov distance", d)
        .rows(&[rows], values.len() - rows);
    report.location = (!location.is_nan()).then_some(location);
    Ok(report)
}

/// The Kolmogorov-Smirnov test that two samples come from one distribution.
///
/// ```text
/// D⁺ = max (Fₐ(x) - F_b(x))      D⁻ = max (F_b(x) - Fₐ(x))      D = max(D⁺, D⁻)
/// ```
///
/// * `alternative`: `Greater` tests `D⁺` (the distribution function of `a` lies above, so that its values are smaller),
///   `Less` tests `D⁻`.
/// * `method`: `Auto` is exact up to 10,000 rows in the larger sample, as in scipy. `Asymptotic` is the distribution of
///   one sample of `nm/(n+m)` rows, rounded; one-sided, Hodges' formula 5.3.
///
/// Missing values are left out and counted; infinities are ordered like other values. Each sample is sorted once,
/// or counted if its values mostly repeat; the two are done in parallel.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a sample has no values;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for an exact p-value of samples that are too
/// large.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, Method, ks_two_sample};
///
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [3.5, 5.0, 6.0, 7.0]);
/// let report = ks_two_sample(&a, &b, Alternative::TwoSided, Method::Auto)?;
/// assert_eq!((report.statistic, report.location), (0.75, Some(3.0)));
/// assert!((report.p_value - 16.0 / 70.0).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for rows that depend on each other; with ties it is conservative; with very many rows every small
/// difference is significant: look at `D`.
///
/// J. L. Hodges, *The Significance Probability of the Smirnov Two-Sample Test*, 1958.
pub fn ks_two_sample(a: &[f64], b: &[f64], alternative: Alternative, method: Method) -> Result<TestReport> {
    const NAME: &str = "two-sample Kolmogorov-Smirnov test";
    let (samples, missing) = ordered(NAME, &[a, b], 1)?;
    let (n, m) = (samples[0].len(), samples[1].len());
    let gaps = Gaps::of(&samples[0], &samples[1], n, m);
    let (gap, key) = match alternative {
        Alternative::Greater => gaps.plus,
        Alternative::Less => gaps.minus,
        Alternative::TwoSided if gaps.minus.0 > gaps.plus.0 => gaps.minus,
        Alternative::TwoSided => gaps.plus,
    };
    let (large, small) = (n.max(m) as u64, n.min(m) as u64);
    let d = gap as f64 / (n as f64 * m as f64);
    let exact = match method {
        // The limit is far off when one sample is small, and counting paths is quick then.
        Method::Auto => large <= AUTO_EXACT as u64 || u128::from(large) * u128::from(small) <= 100_000_000,
        Method::Exact => true,
        Method::Asymptotic => false,
    };
    let two_sided = alternative == Alternative::TwoSided;
    if exact && u128::from(large) * u128::from(small) > EXACT_CELLS {
        let expected = format!("Auto or Asymptotic for {n} and {m} rows");
        return Err(Error::invalid_parameter(NAME, "method", "Exact", expected));
    }
    let (p, from) = if exact {
        // In units of 1 / lcm(n, m), which divide the gap.
        let h = gap / u128::from(gcd(large, small));
        let p = if h == 0 { 1.0 } else { paths_outside(large, small, h as u64, two_sided) };
        (p, PValueFrom::Exact)
    } else {
        let (m, n) = (large as f64, small as f64);
        let rows = m * n / (m + n);
        let p = if two_sided {
            kolmogorov_exact_sf(rows.round_ties_even().max(1.0), d)
        } else {
            let z = rows.sqrt() * d;
            (-2.0 * z * z - 2.0 * z * (m + 2.0 * n) / (m * n * (m + n)).sqrt() / 3.0).exp()
        };
        (p, PValueFrom::Asymptotic)
    };
    let mut report = TestReport::new(NAME, "D", d)
        .p(p, from)
        .alternative(alternative)
        .with_effect("Kolmogorov distance", d)
        .rows(&[n, m], missing);
    report.location = key.map(from_order_key);
    Ok(report)
}

/// The largest differences of two distribution functions, in units of `1 / nm`, and where they are.
struct Gaps {
    plus: (u128, Option<u64>),
    minus: (u128, Option<u64>),
}

impl Gaps {
    fn of(a: &Ordered, b: &Ordered, n: usize, m: usize) -> Self {
        let (n, m) = (n as i128, m as i128);
        // Half as wide where it fits, which is quicker.
        match (i64::try_from(n * m), i64::try_from(n), i64::try_from(m)) {
            (Ok(_), Ok(n), Ok(m)) => {
                let (mut gap, mut plus, mut minus) = (0, (0, None), (0, None));
                pooled_two(a, b, |key, [in_a, in_b]| {
                    gap += in_a as i64 * m - in_b as i64 * n;
                    if gap > plus.0 {
                        plus = (gap, Some(key));
                    }
                    if gap < minus.0 {
                        minus = (gap, Some(key));
                    }
                });
                let wide = |(gap, key): (i64, Option<u64>)| (u128::from(gap.unsigned_abs()), key);
                Self { plus: wide(plus), minus: wide(minus) }
            }
            _ => {
                let (mut gap, mut plus, mut minus) = (0, (0, None), (0, None));
                pooled_two(a, b, |key, [in_a, in_b]| {
                    gap += i128::from(in_a) * m - i128::from(in_b) * n;
                    if gap > plus.0 {
                        plus = (gap, Some(key));
                    }
                    if gap < minus.0 {
                        minus = (gap, Some(key));
                    }
                });
                let wide = |(gap, key): (i128, Option<u64>)| (gap.unsigned_abs(), key);
                Self { plus: wide(plus), minus: wide(minus) }
            }
        }
    }
}
