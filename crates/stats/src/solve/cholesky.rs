//! The Cholesky factor of a symmetric positive definite matrix.

use mlsys_core::{Error, Result};

/// The lower triangular `L` with `A = L L'` of a symmetric positive definite matrix `A`.
///
/// n³/3 multiplications to factor, n² to solve, n² doubles of memory.
///
/// ```
/// use mlsys_stats::solve::Cholesky;
///
/// // [4 2; 2 3] x = [2; 5] has the solution [-0.5; 2].
/// let factor = Cholesky::new(&[4.0, 2.0, 2.0, 3.0], 2)?;
/// let mut x = [2.0, 5.0];
/// factor.solve(&mut x)?;
/// assert!((x[0] + 0.5).abs() < 1e-15 && (x[1] - 2.0).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// See G. Golub and C. Van Loan, Matrix Computations, 2013, section 4.2.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    n: usize,
    /// Row by row; what is above the diagonal is not read.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors a matrix of `n` rows, given row by row. Only its lower triangle is read.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless there are n² values;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) naming the row at which the matrix turns out not to be
    /// positive definite (or not finite).
    pub fn new(matrix: &[f64], n: usize) -> Result<Self> {
        if n.checked_mul(n) != Some(matrix.len()) {
            return Err(Error::shape("matrix", format!("{n} x {n} values"), matrix.len()));
        }
        let mut lower = matrix.to_vec();
        for i in 0..n {
            let (above, row) = lower.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j + 1];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let pivot = row[i] - dot(&row[..i], &row[..i]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return Err(Error::invalid_value(
                    "matrix",
                    Some(i),
                    format!("the pivot {pivot}"),
                    "a positive definite matrix",
                ));
            }
            row[i] = pivot.sqrt();
        }
        Ok(Self { n, lower })
    }

    /// The number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Solves `A x = b` in place.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) unless `b` has n values.
    pub fn solve(&self, b: &mut [f64]) -> Result<()> {
        self.solve_lower(b)?;
        self.solve_upper(b)
    }

    /// Solves `L x = b` in place.
    ///
    /// # Errors
    ///
    /// As [`Cholesky::solve`].
    pub fn solve_lower(&self, b: &mut [f64]) -> Result<()> {
        self.check(b)?;
        for (i, row) in self.lower.chunks_exact(self.n.max(1)).enumerate() {
            b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
        }
        Ok(())
    }

    /// Solves `L' x = b` in place.
    ///
    /// # Errors
    ///
    /// As [`Cholesky::solve`].
    pub fn solve_upper(&self, b: &mut [f64]) -> Result<()> {
        self.check(b)?;
        for (i, row) in self.lower.chunks_exact(self.n.max(1)).enumerate().rev() {
            let x = b[i] / row[i];
            b[i] = x;
            b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= x * l);
        }
        Ok(())
    }

    fn check(&self, b: &[f64]) -> Result<()> {
        if b.len() == self.n { Ok(()) } else { Err(Error::shape("right-hand side", self.n, b.len())) }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_hilbert_matrix() {
        let n = 5;
        let matrix: Vec<f64> = (0..n * n).map(|k| 1.0 / ((k / n + k % n + 1) as f64)).collect();
        let mut b: Vec<f64> = (0..n).map(|i| matrix[i * n..(i + 1) * n].iter().sum()).collect();
        Cholesky::new(&matrix, n).unwrap().solve(&mut b).unwrap();
        assert!(b.iter().all(|x| (x - 1.0).abs() < 1e-10), "{b:?}");
    }

    #[test]
    fn both_halves_make_the_whole() {
        let factor = Cholesky::new(&[4.0, f64::NAN, 2.0, 3.0], 2).unwrap();
        let mut x = [2.0, 5.0];
        factor.solve_lower(&mut x).unwrap();
        assert_eq!(x, [1.0, 4.0 / 2.0_f64.sqrt()]);
        assert_eq!(factor.n(), 2);
        Cholesky::new(&[], 0).unwrap().solve(&mut []).unwrap();
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        for matrix in [[1.0, 2.0, 2.0, 1.0], [0.0; 4], [f64::NAN; 4], [f64::INFINITY; 4]] {
            assert!(Cholesky::new(&matrix, 2).unwrap_err().to_string().contains("positive definite"));
        }
        assert!(Cholesky::new(&[1.0], 2).is_err());
        assert!(Cholesky::new(&[], usize::MAX).is_err());
        assert!(Cholesky::new(&[1.0], 1).unwrap().solve(&mut [1.0, 2.0]).is_err());
    }
}
