//! Eigenvalues by way of a tridiagonal matrix: a tenth of the work of rotations where there are many rows.

/// Steps for one eigenvalue; two are usual.
const MAX_STEPS: usize = 60;

/// The eigenvalues of a symmetric matrix of `n` rows, and their vectors, one after the other. The digits of small eigenvalues are kept
/// best where small rows come first. EISPACK's `tred2` and `tql2`, over the transposed matrix, whose rows are contiguous.
pub(super) fn eigen(mut w: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut d, mut e) = (vec![0.0; n], vec![0.0; n]);
    if n > 0 {
        reduce(&mut w, &mut d, &mut e, n);
        accumulate(&mut w, &mut d, n);
        e.rotate_left(1);
        e[n - 1] = 0.0;
        diagonalize(&mut w, &mut d, &mut e, n);
    }
    (d, w)
}

/// Householder's reflections, from the last row up.
fn reduce(w: &mut [f64], d: &mut [f64], e: &mut [f64], n: usize) {
    (0..n).for_each(|j| d[j] = w[j * n + n - 1]);
    for i in (1..n).rev() {
        let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
        if scale == 0.0 {
            e[i] = d[i - 1];
            for j in 0..i {
                d[j] = w[j * n + i - 1];
                w[j * n + i] = 0.0;
                w[i * n + j] = 0.0;
            }
            d[i] = 0.0;
            continue;
        }
        d[..i].iter_mut().for_each(|x| *x /= scale);
        let mut h: f64 = d[..i].iter().map(|x| x * x).sum();
        let f = d[i - 1];
        let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
        e[i] = scale * g;
        h -= f * g;
        d[i - 1] = f - g;
        e[..i].fill(0.0);
        for j in 0..i {
            let f = d[j];
            w[i * n + j] = f;
            let row = &w[j * n..j * n + i];
            let mut g = e[j] + row[j] * f;
            for k in j + 1..i {
                g += row[k] * d[k];
                e[k] += row[k] * f;
            }
            e[j] = g;
        }
        e[..i].iter_mut().for_each(|x| *x /= h);
        let f: f64 = e[..i].iter().zip(&d[..i]).map(|(e, d)| e * d).sum();
        let half = f / (h + h);
        (0..i).for_each(|j| e[j] -= half * d[j]);
        for j in 0..i {
            let (f, g) = (d[j], e[j]);
            for k in j..i {
                w[j * n + k] -= f * e[k] + g * d[k];
            }
            d[j] = w[j * n + i - 1];
            w[j * n + i] = 0.0;
        }
        d[i] = h;
    }
}

/// Multiplies the reflections out.
fn accumulate(w: &mut [f64], d: &mut [f64], n: usize) {
    for i in 0..n - 1 {
        w[i * n + n - 1] = w[i * n + i];
        w[i * n + i] = 1.0;
        let h = d[i + 1];
        let (done, next) = w.split_at_mut((i + 1) * n);
        let next = &mut next[..=i];
        if h != 0.0 {
            (0..=i).for_each(|k| d[k] = next[k] / h);
            for row in done.chunks_exact_mut(n) {
                let g: f64 = next.iter().zip(&row[..=i]).map(|(a, b)| a * b).sum();
                row[..=i].iter_mut().zip(&d[..=i]).for_each(|(x, d)| *x -= g * d);
            }
        }
        next.fill(0.0);
    }
    for j in 0..n {
        d[j] = w[j * n + n - 1];
        w[j * n + n - 1] = 0.0;
    }
    w[n * n - 1] = 1.0;
}

/// The QL steps with implicit shifts.
fn diagonalize(w: &mut [f64], d: &mut [f64], e: &mut [f64], n: usize) {
    let (mut shift, mut size): (f64, f64) = (0.0, 0.0);
    for l in 0..n {
        size = size.max(d[l].abs() + e[l].abs());
        let small = |x: f64| x.abs() <= f64::EPSILON * size;
        let m = (l..n - 1).find(|&m| small(e[m])).unwrap_or(n - 1);
        for _ in 0..MAX_STEPS {
            if m == l {
                break;
            }
            let g = d[l];
            let mut p = (d[l + 1] - g) / (2.0 * e[l]);
            let r = p.hypot(1.0).copysign(p);
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            let next = d[l + 1];
            let h = g - d[l];
            d[l + 2..].iter_mut().for_each(|x| *x -= h);
            shift += h;
            p = d[m];
            let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
            let (mut s, mut s2) = (0.0, 0.0);
            let beside = e[l + 1];
            for i in (l..m).rev() {
                (c3, c2, s2) = (c2, c, s);
                let (g, h) = (c * e[i], c * p);
                let r = p.hypot(e[i]);
                e[i + 1] = s * r;
                s = e[i] / r;
                c = p / r;
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                let (above, below) = w.split_at_mut((i + 1) * n);
                for (x, y) in above[i * n..].iter_mut().zip(&mut below[..n]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
            p = -s * s2 * c3 * beside * e[l] / next;
            e[l] = s * p;
            d[l] = c * p;
            if small(e[l]) {
                break;
            }
        }
        d[l] += shift;
        e[l] = 0.0;
    }
}
