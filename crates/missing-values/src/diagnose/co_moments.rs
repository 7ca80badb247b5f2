//! Means and sums of products of complete rows of a few columns, which merge.

use mlsys_core::ndarray::Array2;
use serde::{Deserialize, Serialize};

/// About the first row, so that large offsets keep their digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CoMoments {
    pub rows: u64,
    /// The first row; empty before it.
    pub shift: Vec<f64>,
    /// The means, as distances from the shift.
    pub mean: Vec<f64>,
    /// The lower triangle of the sums of products about the means, row by row.
    pub products: Vec<f64>,
}

impl CoMoments {
    /// Of some rows of columns without gaps in them.
    pub fn of(columns: &[&[f64]], rows: &[u32]) -> Self {
        let Some(&first) = rows.first() else { return Self::default() };
        let p = columns.len();
        let shift: Vec<f64> = columns.iter().map(|column| column[first as usize]).collect();
        let mut mean = Vec::with_capacity(p);
        // Columns as rows, so that each is contiguous.
        let mut about =
            Array2::from_shape_fn((p, rows.len()), |(i, k)| columns[i][rows[k] as usize] - shift[i]);
        for mut row in about.rows_mut() {
            let own = row.sum() / rows.len() as f64;
            row -= own;
            mean.push(own);
        }
        let products = about.dot(&about.t());
        let triangle = (0..p).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let products = triangle.map(|(i, j)| products[[i, j]]).collect();
        Self { rows: rows.len() as u64, shift, mean, products }
    }

    /// Adds other rows of the same columns: Chan, Golub and LeVeque's pairwise update.
    pub fn combine(&mut self, from: &Self) {
        if from.rows == 0 {
            return;
        }
        if self.rows == 0 {
            self.clone_from(from);
            return;
        }
        let (own, others) = (self.rows as f64, from.rows as f64);
        let total = own + others;
        let distance = |i: usize| (from.shift[i] - self.shift[i]) + (from.mean[i] - self.mean[i]);
        let distances: Vec<f64> = (0..self.mean.len()).map(distance).collect();
        let factor = own / total * others;
        let mut place = 0;
        for i in 0..distances.len() {
            for j in 0..=i {
                self.products[place] += from.products[place] + distances[i] * distances[j] * factor;
                place += 1;
            }
        }
        for (mean, d) in self.mean.iter_mut().zip(&distances) {
            *mean += d * (others / total);
        }
        self.rows = self.rows.saturating_add(from.rows);
    }

    /// Whether the lists are as long as `columns` need.
    pub fn fits(&self, columns: usize) -> bool {
        let there = |list: &[f64]| list.len() == columns;
        there(&self.mean) && there(&self.shift) && self.products.len() == columns * (columns + 1) / 2
    }

    pub fn mean(&self, i: usize) -> f64 {
        self.shift[i] + self.mean[i]
    }

    pub fn product(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.max(j), i.min(j));
        self.products[i * (i + 1) / 2 + j]
    }
}
