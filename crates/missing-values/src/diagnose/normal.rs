//! The maximum likelihood mean and covariance of a normal distribution from patterns of observed values, by EM.

use mlsys_core::Result;
use mlsys_stats::solve::Cholesky;

/// The rows that observe the same columns, by their moments; nothing else is needed of them.
#[derive(Debug, Clone)]
pub struct Part {
    pub rows: f64,
    pub observed: Vec<usize>,
    pub gaps: Vec<usize>,
    pub mean: Vec<f64>,
    /// The sums of products about the mean, row by row.
    pub products: Vec<f64>,
}

/// A mean and a covariance, row by row.
#[derive(Debug, Clone)]
pub struct Normal {
    pub mean: Vec<f64>,
    pub covariance: Vec<f64>,
}

impl Normal {
    /// The covariance of some columns, row by row.
    pub fn among(&self, columns: &[usize]) -> Vec<f64> {
        let p = self.mean.len();
        columns.iter().flat_map(|&i| columns.iter().map(move |&j| self.covariance[i * p + j])).collect()
    }

    /// One step of EM, and how far it moved. Dempster, Laird and Rubin, 1977; Little and Rubin, 2019, section 11.2.1.
    pub fn step(&self, parts: &[Part]) -> Result<(Self, f64)> {
        let p = self.mean.len();
        let mut total = 0.0;
        let (mut shift, mut spread) = (vec![0.0; p], vec![0.0; p * p]);
        for part in parts {
            part.expect(self, &mut shift, &mut spread)?;
            total += part.rows;
        }
        shift.iter_mut().for_each(|d| *d /= total);
        let mean: Vec<f64> = self.mean.iter().zip(&shift).map(|(mean, d)| mean + d).collect();
        let mut moved = shift.iter().fold(0.0, |most: f64, d| most.max(d.abs()));
        let mut covariance = vec![0.0; p * p];
        for i in 0..p {
            for j in 0..=i {
                let value = spread[i * p + j] / total - shift[i] * shift[j];
                moved = moved.max((value - self.covariance[i * p + j]).abs());
                covariance[i * p + j] = value;
                covariance[j * p + i] = value;
            }
        }
        Ok((Self { mean, covariance }, moved))
    }
}

impl Part {
    /// Adds the expected sums of deviations from the mean, and of their products (the lower triangle).
    fn expect(&self, under: &Normal, shift: &mut [f64], spread: &mut [f64]) -> Result<()> {
        let (p, o) = (under.mean.len(), self.observed.len());
        let away: Vec<f64> =
            self.observed.iter().zip(&self.mean).map(|(&i, mean)| mean - under.mean[i]).collect();
        let mut about = self.products.clone();
        for a in 0..o {
            for b in 0..o {
                about[a * o + b] += self.rows * away[a] * away[b];
            }
        }
        let mut add = |i: usize, j: usize, value: f64| spread[i.max(j) * p + i.min(j)] += value;
        for (a, &i) in self.observed.iter().enumerate() {
            shift[i] += self.rows * away[a];
            self.observed[..=a].iter().enumerate().for_each(|(b, &j)| add(i, j, about[a * o + b]));
        }
        if self.gaps.is_empty() {
            return Ok(());
        }
        let factor = Cholesky::new(&under.among(&self.observed), o)?;
        let mut slopes: Vec<Vec<f64>> = Vec::with_capacity(self.gaps.len());
        for &g in &self.gaps {
            let with: Vec<f64> = self.observed.iter().map(|&i| under.covariance[g * p + i]).collect();
            let mut slope = with.clone();
            factor.solve(&mut slope)?;
            shift[g] += self.rows * dot(&slope, &away);
            let along: Vec<f64> = about.chunks_exact(o).map(|row| dot(row, &slope)).collect();
            self.observed.iter().zip(&along).for_each(|(&i, &value)| add(g, i, value));
            slopes.push(slope);
            for (&h, other) in self.gaps.iter().zip(&slopes) {
                let left = under.covariance[g * p + h] - dot(other, &with);
                add(g, h, dot(other, &along) + self.rows * left);
            }
        }
        Ok(())
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
