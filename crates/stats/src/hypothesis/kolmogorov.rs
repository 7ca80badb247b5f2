//! Distributions of the Kolmogorov-Smirnov statistics.
//!
//! Richard Simard, Pierre L'Ecuyer, *Computing the Two-Sided Kolmogorov-Smirnov Distribution*, Journal of
//! Statistical Software 39(11), 2011, with the choice of algorithm of scipy.

use std::f64::consts::{PI, TAU};

use super::special::binomial_term_at;

/// Powers of two that keep intermediate results in range.
const LARGE: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

/// `P(D⁺ ≥ d)` of `n` rows: the sum of Smirnov, Birnbaum and Tingey, of positive terms only.
pub(crate) fn smirnov_sf(n: f64, d: f64) -> f64 {
    if d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let nd = n * d;
    let last = (n - nd).floor();
    let term = |j: f64| d / (d + j / n) * binomial_term_at(j, n, nd + j, (n - j - nd).max(0.0));
    let middle = term((last / 2.0).floor());
    // Terms of a long sum lie on a smooth curve that vanishes at both ends, where the trapezoidal rule is exact to all
    // digits with far fewer of them.
    let smooth = last > 8192.0 && term(0.0).max(term(last)) < middle * 1e-22;
    if !smooth && n > 1e6 {
        // Here d is below about 50/n, and p so near to 1 that Smirnov's corrected limit has it to 1e-6.
        return (-(6.0 * nd + 1.0).powi(2) / (18.0 * n)).exp();
    }
    let step = if smooth { (last / 4096.0).floor() } else { 1.0 };
    let (mut sum, mut j) = (0.0, 0.0);
    while j <= last {
        sum += term(j);
        j += step;
    }
    (sum * step).min(1.0)
}

/// `P(D ≥ d)` of `n` rows.
pub(crate) fn kolmogorov_exact_sf(n: f64, d: f64) -> f64 {
    if d >= 1.0 {
        return 0.0;
    }
    let t = n * d;
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        // n! / n^n (2t - 1)^n, which is below the last digit of 1 for more rows.
        if n > 140.0 {
            return 1.0;
        }
        let log: f64 = (1..=n as u64).map(|i| (i as f64 / n * (2.0 * t - 1.0)).ln()).sum();
        return -log.exp_m1();
    }
    if t >= n - 1.0 {
        return 2.0 * (1.0 - d).powf(n);
    }
    let square = t * d;
    if d >= 0.5 || square > if n <= 140.0 { 4.0 } else { 2.2 } {
        return if square >= 370.0 && n > 140.0 { 0.0 } else { (2.0 * smirnov_sf(n, d)).min(1.0) };
    }
    let cdf = if n <= 140.0 {
        if square <= 0.754_693 { durbin(n, d) } else { pomeranz(n as i64, d) }
    } else if n <= 100_000.0 && n * d.powf(1.5) <= 1.4 {
        durbin(n, d)
    } else {
        pelz_good(n, d)
    };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// A value and the power of [`LARGE`] that it is to be multiplied with.
fn rescale(mut value: f64, mut power: i32) -> f64 {
    while power > 0 {
        value *= LARGE;
        power -= 1;
    }
    while power < 0 {
        value /= LARGE;
        power += 1;
    }
    value
}

fn product(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * m];
    for i in 0..m {
        for k in 0..m {
            let x = a[i * m + k];
            if x != 0.0 {
                (0..m).for_each(|j| c[i * m + j] += x * b[k * m + j]);
            }
        }
    }
    c
}

/// `P(D < d)` by Durbin's matrix (Marsaglia, Tsang, Wang, 2003).
fn durbin(n: f64, d: f64) -> f64 {
    let nd = n * d;
    let k = nd.ceil();
    let h = k - nd;
    let (k, m) = (k as usize, 2 * k as usize - 1);
    let mut base = vec![0.0; m * m];
    let mut factorial = 1.0;
    let mut edge = Vec::with_capacity(m);
    for j in 0..m {
        // 1 / j! along the diagonals
        (j..m).for_each(|i| {
            if i - j + 1 < m {
                base[i * m + i - j + 1] = factorial
            }
        });
        factorial /= (j + 1) as f64;
        edge.push((1.0 - h.powi(j as i32 + 1)) * factorial);
    }
    for (j, &v) in edge.iter().enumerate() {
        base[j * m] = v;
        base[(m - 1) * m + (m - 1 - j)] = v;
    }
    let corner = 1.0 + (2.0 * h - 1.0).max(0.0).powi(m as i32) - 2.0 * h.powi(m as i32);
    base[(m - 1) * m] = corner * factorial;
    let mut power: Vec<f64> = (0..m * m).map(|i| f64::from(u8::from(i / m == i % m))).collect();
    let (mut scale, mut base_scale) = (0, 0);
    let mut left = n as u64;
    while left > 0 {
        if left % 2 == 1 {
            power = product(&power, &base, m);
            scale += base_scale;
        }
        base = product(&base, &base, m);
        base_scale *= 2;
        if base[(k - 1) * m + k - 1].abs() > LARGE {
            base.iter_mut().for_each(|x| *x /= LARGE);
            base_scale += 1;
        }
        left /= 2;
    }
    let mut p = power[(k - 1) * m + k - 1];
    for i in 1..=n as u64 {
        p *= i as f64 / n;
        if p.abs() < 1.0 / LARGE {
            p *= LARGE;
            scale -= 1;
        }
    }
    rescale(p, scale)
}

/// `P(D < d)` by Pomeranz's recursion (1974).
fn pomeranz(n: i64, d: f64) -> f64 {
    let t = n as f64 * d;
    let whole = t.floor() as i64;
    let f = t - whole as f64;
    let g = f.min(1.0 - f);
    let (up, round) = (i64::from(f > 0.0), i64::from(f > 0.5));
    let ends = |i: i64| {
        let (half, odd) = ((i + 1) / 2, (i + 1) % 2 == 1);
        let (j1, j2) = if i == 0 {
            (-whole - up - 1, whole + up - 1)
        } else if odd {
            (half - 1 - whole - 1, half + whole + round - 1)
        } else if half == n + 1 {
            (n - whole - up - 1, n + whole + up - 1)
        } else {
            (half - 1 - whole - round - 1, half + whole - 1 + up - 1)
        };
        ((j1 + 2).max(0), j2.min(n))
    };
    let powers = |x: f64| {
        let mut power = vec![1.0; 2 * (whole as usize + 1)];
        (1..power.len()).for_each(|m| power[m] = power[m - 1] * x / n as f64 / m as f64);
        power
    };
    let [outer, double, rest] = [g, 2.0 * g, 1.0 - 2.0 * g].map(powers);
    // Columns from..=to of the row before.
    let (mut row, mut from, mut scale) = (vec![1.0], 0i64, 0);
    for i in 1..2 * n + 2 {
        let power = if i == 1 || i == 2 * n + 1 {
            &outer
        } else if i % 2 == 1 {
            &double
        } else {
            &rest
        };
        let (j1, j2) = ends(i);
        let next = |j: i64| -> f64 {
            let terms = row.iter().enumerate().map(|(at, v)| (j - from - at as i64, v));
            let inside = terms.filter(|(m, _)| (0..power.len() as i64).contains(m));
            inside.map(|(m, v)| v * power[m as usize]).sum()
        };
        let mut values: Vec<f64> = (j1..=j2).map(next).collect();
        let largest = values.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 && largest < 1.0 / LARGE {
            values.iter_mut().for_each(|v| *v *= LARGE);
            scale -= 1;
        }
        (row, from) = (values, j1);
    }
    let mut p = usize::try_from(n - from).ok().and_then(|at| row.get(at).copied()).unwrap_or(0.0);
    for m in 1..=n {
        if p > LARGE {
            p /= LARGE;
            scale += 1;
        }
        p *= m as f64;
    }
    rescale(p, scale)
}

/// `P(D < d)` by the expansion of Pelz and Good (1976).
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let zz = z * z;
    let (z4, z6, z8) = (zz * zz, zz * zz * zz, zz * zz * zz * zz);
    let pp = PI * PI;
    let log = -pp / 8.0 / zz;
    if log < -708.0 {
        return 0.0;
    }
    let q = log.exp();
    let last = (16.0 * z / PI).ceil() as i32;
    let mut sums = [0.0; 4];
    for k in (1..=last).rev() {
        let m2 = f64::from(2 * k - 1).powi(2);
        let (m4, m6) = (m2 * m2, m2 * m2 * m2);
        let power = q.powi(8 * k);
        let terms = [
            1.0,
            -zz + pp / 4.0 * m2,
            6.0 * z6
                + 2.0 * z4
                + (2.0 * z4 - 5.0 * zz) * pp / 4.0 * m2
                + pp * pp * (1.0 - 2.0 * zz) / 16.0 * m4,
            -30.0 * z6 - 90.0 * z8
                + pp * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pp * pp * (-60.0 * zz + 212.0 * z4) / 16.0 * m4
                + pp * pp * pp * (5.0 - 30.0 * zz) / 64.0 * m6,
        ];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum = *sum * power + term);
    }
    let divisors = [z, 6.0 * z4, 72.0 * z6 * z, 6480.0 * z8 * zz];
    sums.iter_mut().zip(divisors).for_each(|(sum, by)| *sum *= q * TAU.sqrt() / by);
    let q = (-pp / 2.0 / zz).exp();
    for k in 1..=last {
        let kk = f64::from(k).powi(2);
        let power = q.powf(kk);
        sums[2] -= pp * TAU.sqrt() / (36.0 * zz * z) * kk * power;
        sums[3] += pp * TAU.sqrt() / (216.0 * z6) * (3.0 * zz - pp * kk) * kk * power;
    }
    sums[0] + sums[1] / n.sqrt() + sums[2] / n + sums[3] / n.powf(1.5)
}

/// The share of lattice paths from `(0, 0)` to `(m, n)` that get as far as `h` from the diagonal, in units of `1 /
/// lcm`: `P(D ≥ h / lcm)` of two samples without ties. One-sided: below it only.
pub(crate) fn paths_outside(m: u64, n: u64, h: u64, two_sided: bool) -> f64 {
    let gcd = gcd(m, n);
    let (mg, ng, h) = ((m / gcd) as i128, (n / gcd) as i128, i128::from(h));
    // The share of the paths to (i, j) that have been outside; cells outside the band hold 1.
    let mut share = vec![1.0f64; n as usize + 1];
    let (mut from, mut to) = (0usize, 0usize);
    for i in 0..=m {
        let x = ng * i128::from(i);
        // Inside: x - mg j < h, and mg j - x < h.
        let low = (x - h).div_euclid(mg).saturating_add(1).clamp(0, i128::from(n) + 1) as usize;
        let high = if two_sided {
            (-(-(x + h)).div_euclid(mg)).clamp(0, i128::from(n) + 1) as usize
        } else {
            n as usize + 1
        };
        if low >= high {
            return 1.0;
        }
        share[from.min(low)..low].fill(1.0);
        share[to.min(n as usize + 1)..high.max(to)].fill(1.0);
        let mut left = if low == 0 { 0.0 } else { 1.0 };
        for (j, cell) in share.iter_mut().enumerate().take(high).skip(low) {
            if i == 0 && j == 0 {
                left = 0.0;
            } else {
                let (i, j) = (i as f64, j as f64);
                // At i = 0 only the cell to the left leads here, at j = 0 only the one below.
                left = (if i > 0.0 { *cell * i } else { 0.0 } + left * j) / (i + j);
            }
            *cell = left;
        }
        (from, to) = (low, high);
    }
    if to == n as usize + 1 { share[n as usize] } else { 1.0 }
}

pub(crate) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64, relative: f64) {
        assert!((found - expected).abs() <= relative * expected.abs(), "{found} against {expected}");
    }

    /// scipy 1.17.1: `kstwo.sf`, `ksone.sf`.
    #[test]
    fn equal_scipys_in_every_region() {
        close(kolmogorov_exact_sf(5.0, 0.15), 0.9988, 1e-11);
        close(kolmogorov_exact_sf(5.0, 0.3), 0.664, 1e-11);
        close(kolmogorov_exact_sf(10.0, 0.62), 0.0003098012662193357, 1e-11);
        close(kolmogorov_exact_sf(10.0, 0.95), 1.9531250000000172e-13, 1e-11);
        close(kolmogorov_exact_sf(50.0, 0.08), 0.880839701941023, 1e-11);
        close(kolmogorov_exact_sf(50.0, 0.15), 0.19026366518248072, 1e-11);
        close(kolmogorov_exact_sf(100.0, 0.11), 0.16496264039321845, 1e-11);
        close(kolmogorov_exact_sf(120.0, 0.35), 1.2039168286560338e-13, 1e-11);
        close(kolmogorov_exact_sf(140.0, 0.05), 0.8576480297656114, 1e-11);
        close(kolmogorov_exact_sf(500.0, 0.03), 0.7473166700457021, 1e-11);
        close(kolmogorov_exact_sf(500.0, 0.05), 0.15866260223815387, 1e-11);
        close(kolmogorov_exact_sf(500.0, 0.1), 8.342293067263533e-5, 1e-11);
        close(kolmogorov_exact_sf(5000.0, 0.02), 0.03613941395325637, 1e-11);
        close(kolmogorov_exact_sf(5000.0, 0.012), 0.4639912166690192, 1e-11);
        close(kolmogorov_exact_sf(81000.0, 0.004), 0.14927903806378695, 1e-11);
        close(kolmogorov_exact_sf(81000.0, 0.005), 0.034728215428737386, 1e-11);
        close(kolmogorov_exact_sf(81000.0, 0.0065), 0.0021212882903930163, 1e-11);
        close(kolmogorov_exact_sf(81000.0, 0.02), 1.4142669397238618e-28, 1e-11);
        close(kolmogorov_exact_sf(81000.0, 0.05), 1.9948634929749295e-176, 1e-11);
        close(kolmogorov_exact_sf(90000.0, 0.0005), 1.0, 1e-11);
        close(kolmogorov_exact_sf(2000000.0, 0.0008), 0.15445575917381638, 1e-11);
        close(kolmogorov_exact_sf(200.0, 0.004), 1.0, 1e-11);
        close(kolmogorov_exact_sf(200.0, 0.0031), 1.0, 1e-11);
        close(smirnov_sf(1.0, 0.3), 0.7, 1e-11);
        close(smirnov_sf(7.0, 0.4), 0.07981061986077227, 1e-11);
        close(smirnov_sf(7.0, 0.14285714285714285), 0.681687537869911, 1e-11);
        close(smirnov_sf(1000.0, 0.07), 5.2471031429794395e-5, 1e-11);
        close(smirnov_sf(1000.0, 0.5), 5.32258645778891e-232, 1e-11);
        close(smirnov_sf(20000.0, 0.02), 1.1090635035024872e-7, 1e-11);
        close(smirnov_sf(300000.0, 0.01), 8.687121772487975e-27, 1e-11);
    }

    #[test]
    fn paths_agree_with_counting_them() {
        for (m, n) in [(1u64, 1u64), (3, 2), (4, 4), (5, 3), (6, 4)] {
            let lcm = (m / gcd(m, n)) * n;
            for h in 1..=lcm {
                let (mut two, mut one, mut all) = (0, 0, 0);
                for steps in 0u32..1 << (m + n) {
                    if u64::from(steps.count_ones()) != m {
                        continue;
                    }
                    let (mut x, mut most, mut least) = (0i64, 0i64, 0i64);
                    for step in 0..m + n {
                        x += if steps >> step & 1 == 1 { (lcm / m) as i64 } else { -((lcm / n) as i64) };
                        most = most.max(x);
                        least = least.min(x);
                    }
                    all += 1;
                    one += i32::from(most >= h as i64);
                    two += i32::from(most.max(-least) >= h as i64);
                }
                close(paths_outside(m, n, h, true), f64::from(two) / f64::from(all), 1e-13);
                close(paths_outside(m, n, h, false), f64::from(one) / f64::from(all), 1e-13);
            }
        }
    }
}
