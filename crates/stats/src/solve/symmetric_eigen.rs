//! The eigenvalues and eigenvectors of a symmetric matrix.

use mlsys_core::{Error, Result};

use super::tridiagonal;

/// Sweeps after which what is left off the diagonal is rounding error; ten are rarely needed.
const MAX_SWEEPS: usize = 40;
/// Rows up to which rotations are taken; beyond, they take ten times as long as the tridiagonal way.
const MAX_ROTATED: usize = 32;

/// `A = Σᵢ λᵢ vᵢ vᵢ'` of a symmetric matrix `A`.
///
/// Up to 32 rows by Jacobi's rotations: small eigenvalues of a positive definite matrix keep their digits, also where its rows have very
/// different scales. Beyond by Householder's reflections and QL steps, about 10 n³ multiplications, where an eigenvalue may be off by
/// rounding errors of the largest one.
///
/// ```
/// use mlsys_stats::solve::SymmetricEigen;
///
/// let eigen = SymmetricEigen::new(&[2.0, 1.0, 1.0, 2.0], 2)?;
/// assert!((eigen.values()[0] - 3.0).abs() < 1e-15 && (eigen.values()[1] - 1.0).abs() < 1e-15);
/// assert!((eigen.vector(0)[0] - eigen.vector(0)[1]).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// J. Demmel and K. Veselić, Jacobi's method is more accurate than QR, 1992; B. Smith et al., Matrix Eigensystem Routines:
/// EISPACK Guide, 1976, `tred2` and `tql2`.
#[derive(Debug, Clone, PartialEq)]
pub struct SymmetricEigen {
    n: usize,
    values: Vec<f64>,
    /// An eigenvector after the other.
    vectors: Vec<f64>,
}

impl SymmetricEigen {
    /// Takes apart a matrix of `n` rows, given row by row. Only its upper triangle is read.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless there are n² values;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for values that are not finite, or whose rotations overflow.
    pub fn new(matrix: &[f64], n: usize) -> Result<Self> {
        if n.checked_mul(n) != Some(matrix.len()) {
            return Err(Error::shape("matrix", format!("{n} x {n} values"), matrix.len()));
        }
        let (values, vectors) = if n <= MAX_ROTATED { rotated(matrix, n) } else { reduced(matrix, n) };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
        let vectors: Vec<f64> =
            order.iter().flat_map(|&i| vectors[i * n..(i + 1) * n].iter().copied()).collect();
        let values: Vec<f64> = order.iter().map(|&i| values[i]).collect();
        if let Some(x) = values.iter().chain(&vectors).find(|x| !x.is_finite()) {
            let found = format!("an eigenvalue or vector of {x}");
            return Err(Error::invalid_value("matrix", None, found, "finite values of a smaller scale"));
        }
        Ok(Self { n, values, vectors })
    }

    /// The eigenvalues, the largest first.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvector of the eigenvalue `i`, of length one; its sign is open.
    ///
    /// # Panics
    ///
    /// When there is no eigenvalue `i`.
    pub fn vector(&self, i: usize) -> &[f64] {
        &self.vectors[i * self.n..(i + 1) * self.n]
    }
}

/// The eigenvalues and vectors by rotations.
fn rotated(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut v = vec![0.0; n * n];
    for i in 0..n {
        v[i * n + i] = 1.0;
        (0..i).for_each(|j| a[i * n + j] = a[j * n + i]);
    }
    for _ in 0..MAX_SWEEPS {
        if !sweep(&mut a, &mut v, n) {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), v)
}

/// By way of a tridiagonal matrix, small rows first.
fn reduced(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| matrix[i * n + i].abs().total_cmp(&matrix[j * n + j].abs()));
    let sorted = order.iter().flat_map(|&i| order.iter().map(move |&j| matrix[i.min(j) * n + i.max(j)]));
    let (values, vectors) = tridiagonal::eigen(sorted.collect(), n);
    let mut back = vec![0.0; n * n];
    for (from, into) in vectors.chunks_exact(n.max(1)).zip(back.chunks_exact_mut(n.max(1))) {
        order.iter().zip(from).for_each(|(&at, x)| into[at] = *x);
    }
    (values, back)
}

/// Rotates each pair of rows once; whether there was anything to rotate.
fn sweep(a: &mut [f64], v: &mut [f64], n: usize) -> bool {
    let mut rotated = false;
    for p in 0..n {
        for q in p + 1..n {
            let (app, aqq, apq) = (a[p * n + p], a[q * n + q], a[p * n + q]);
            // Relative to both diagonal entries: that is what keeps small eigenvalues accurate.
            if apq == 0.0 || apq.abs() <= f64::EPSILON * (app.abs().sqrt() * aqq.abs().sqrt()) {
                continue;
            }
            rotated = true;
            let theta = (aqq - app) / (2.0 * apq);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let c = 1.0 / t.hypot(1.0);
            let s = t * c;
            rotate(a, n, p, q, c, s);
            rotate(v, n, p, q, c, s);
            for k in 0..n {
                a[k * n + p] = a[p * n + k];
                a[k * n + q] = a[q * n + k];
            }
            a[p * n + p] = app - t * apq;
            a[q * n + q] = aqq + t * apq;
            a[p * n + q] = 0.0;
            a[q * n + p] = 0.0;
        }
    }
    rotated
}

/// Turns the rows `p < q` by an angle.
fn rotate(a: &mut [f64], n: usize, p: usize, q: usize, c: f64, s: f64) {
    let (above, below) = a.split_at_mut(q * n);
    for (x, y) in above[p * n..(p + 1) * n].iter_mut().zip(&mut below[..n]) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remade(eigen: &SymmetricEigen, n: usize) -> Vec<f64> {
        let entry = |i: usize, j: usize| {
            (0..n).map(|k| eigen.values()[k] * eigen.vector(k)[i] * eigen.vector(k)[j]).sum()
        };
        (0..n * n).map(|at| entry(at / n, at % n)).collect()
    }

    #[test]
    fn the_parts_make_the_whole() {
        let n = 7;
        let matrix: Vec<f64> =
            (0..n * n).map(|at| ((at / n + 1) * (at % n + 1)) as f64 % 5.0 - 2.0).collect();
        let eigen = SymmetricEigen::new(&matrix, n).unwrap();
        for (found, expected) in remade(&eigen, n).iter().zip(&matrix) {
            assert!((found - expected).abs() < 1e-13, "{found} {expected}");
        }
        for i in 0..n {
            for j in 0..n {
                let dot: f64 = eigen.vector(i).iter().zip(eigen.vector(j)).map(|(a, b)| a * b).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
    }

    /// Beyond 32 rows: full, of low rank, diagonal, and blocks that never meet.
    #[test]
    fn many_rows() {
        for n in [33, 34, 75] {
            let full =
                |i: usize, j: usize| ((i * j + i + j) % 17) as f64 - 8.0 + if i == j { 20.0 } else { 0.0 };
            let low = |i: usize, j: usize| ((i % 3 + 1) * (j % 3 + 1)) as f64;
            let diagonal = |i: usize, j: usize| if i == j { (i % 5) as f64 } else { 0.0 };
            let blocks = |i: usize, j: usize| if i % 2 == j % 2 { 1.0 / (i + j + 1) as f64 } else { 0.0 };
            let kinds: [&dyn Fn(usize, usize) -> f64; 4] = [&full, &low, &diagonal, &blocks];
            for kind in kinds {
                let matrix: Vec<f64> = (0..n * n).map(|at| kind(at / n, at % n)).collect();
                let eigen = SymmetricEigen::new(&matrix, n).unwrap();
                assert!(eigen.values().is_sorted_by(|a, b| a >= b));
                for (found, expected) in remade(&eigen, n).iter().zip(&matrix) {
                    assert!((found - expected).abs() < 1e-11, "{n}: {found} {expected}");
                }
                let (values, _) = rotated(&matrix, n);
                let mut values: Vec<f64> = values;
                values.sort_by(|a, b| b.total_cmp(a));
                for (found, expected) in eigen.values().iter().zip(&values) {
                    assert!((found - expected).abs() < 1e-11, "{n}: {found} {expected}");
                }
            }
            let mut bad = vec![1.0; n * n];
            bad[3] = f64::NAN;
            assert!(SymmetricEigen::new(&bad, n).is_err());
            assert!(SymmetricEigen::new(&vec![f64::MAX; n * n], n).is_err());
        }
    }

    #[test]
    fn rows_of_different_scales_keep_small_eigenvalues() {
        // D [1 .5; .5 1] D with D = (1e8, 1e-8): the determinant, 0.75, is the product of the eigenvalues.
        let eigen = SymmetricEigen::new(&[1e16, 0.5, 0.5, 1e-16], 2).unwrap();
        assert!((eigen.values()[1] / 0.75e-16 - 1.0).abs() < 1e-14, "{:?}", eigen.values());
    }

    #[test]
    fn edges() {
        assert!(SymmetricEigen::new(&[], 0).unwrap().values().is_empty());
        assert_eq!(SymmetricEigen::new(&[0.0, 1.0, 9.0, 0.0], 2).unwrap().values(), [1.0, -1.0]);
        assert_eq!(SymmetricEigen::new(&[0.0; 9], 3).unwrap().values(), [0.0; 3]);
        assert!(SymmetricEigen::new(&[f64::NAN], 1).is_err());
        assert!(SymmetricEigen::new(&[1.0, f64::INFINITY, 0.0, 1.0], 2).is_err());
        assert!(SymmetricEigen::new(&[1.0], 2).is_err());
    }
}
