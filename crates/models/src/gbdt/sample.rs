//! Which rows a tree sees.

use mlsys_core::hash::hash_u64;
use serde::{Deserialize, Serialize};

use super::loss::Derivatives;

/// Which rows each tree of a [`Gbdt`](crate::Gbdt) grows on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSample {
    /// All.
    #[default]
    All,
    /// This share of them, drawn anew for each tree, without replacement.
    Share(f64),
    /// Gradient-based one-side sampling: the share `top` of the rows with the largest `|g h|`, and the share `other` of all, drawn from
    /// the rest, which count `(1 - top) / other` times. Trees of the first `1 / learning_rate` iterations see all rows.
    ///
    /// Guolin Ke and others, *LightGBM: a highly efficient gradient boosting decision tree*, 2017, algorithm 2.
    Goss {
        /// The share that is kept; 0.2 as a rule.
        top: f64,
        /// The share that is drawn; 0.1 as a rule.
        other: f64,
    },
}

/// The rows of an iteration, ascending; `None` for all.
pub(super) struct Drawn {
    pub rows: Option<Vec<u32>>,
    /// Whether derivatives were changed.
    pub weighted: bool,
}

impl RowSample {
    /// Draws the rows of an iteration; `derivatives` of rows that stand for others grow.
    pub(super) fn draw(
        self,
        iteration: usize,
        warm_up: usize,
        seed: u64,
        width: usize,
        derivatives: &mut [Derivatives],
    ) -> Drawn {
        let n = derivatives.len() / width;
        let all = Drawn { rows: None, weighted: false };
        let seed = hash_u64(iteration as u64, seed);
        match self {
            Self::All => all,
            Self::Share(share) if share >= 1.0 => all,
            Self::Share(share) => {
                let n_drawn = ((n as f64 * share).round() as usize).clamp(1, n);
                let mut rows = lowest_hashes((0..n as u32).collect(), n_drawn, seed);
                rows.sort_unstable();
                Drawn { rows: Some(rows), weighted: false }
            }
            Self::Goss { .. } if iteration < warm_up => all,
            Self::Goss { top, other } => {
                let n_top = ((n as f64 * top) as usize).clamp(1, n);
                let n_other = ((n as f64 * other) as usize).clamp(1, n).min(n - n_top);
                let key = |row: u32| -> f64 {
                    let own = &derivatives[row as usize * width..][..width];
                    own.iter().map(|[g, h]| (g * h).abs()).sum()
                };
                let keys: Vec<f64> = (0..n as u32).map(key).collect();
                let mut order: Vec<u32> = (0..n as u32).collect();
                // Of equal ones the first rows.
                let by_key =
                    |a: &u32, b: &u32| keys[*b as usize].total_cmp(&keys[*a as usize]).then(a.cmp(b));
                if n_top < n {
                    order.select_nth_unstable_by(n_top, by_key);
                }
                let rest = order.split_off(n_top);
                let factor = (n - n_top) as f64 / n_other.max(1) as f64;
                let drawn = lowest_hashes(rest, n_other, seed);
                for &row in &drawn {
                    derivatives[row as usize * width..][..width]
                        .iter_mut()
                        .for_each(|own| *own = own.map(|x| x * factor));
                }
                order.extend(drawn);
                order.sort_unstable();
                Drawn { rows: Some(order), weighted: true }
            }
        }
    }
}

/// So many of the rows, as if drawn by lot; in no order.
fn lowest_hashes(rows: Vec<u32>, n: usize, seed: u64) -> Vec<u32> {
    if n >= rows.len() {
        return rows;
    }
    let mut lots: Vec<(u64, u32)> =
        rows.into_iter().map(|row| (hash_u64(u64::from(row), seed), row)).collect();
    lots.select_nth_unstable(n);
    lots.truncate(n);
    lots.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goss_counts_the_rest_for_all_of_it() {
        // n = 10, a = 0.2, b = 0.1: one row stands for eight.
        let mut derivatives: Vec<Derivatives> = (0..10).map(|i| [f64::from(i), 1.0]).collect();
        let goss = RowSample::Goss { top: 0.2, other: 0.1 };
        let drawn = goss.draw(10, 10, 3, 1, &mut derivatives);
        let rows = drawn.rows.unwrap();
        assert!(rows.len() == 3 && rows.ends_with(&[8, 9]) && drawn.weighted);
        assert_eq!(derivatives[rows[0] as usize], [8.0 * f64::from(rows[0]), 8.0]);
        assert_eq!(derivatives[9], [9.0, 1.0]);
        assert!(goss.draw(9, 10, 3, 1, &mut derivatives).rows.is_none());
    }

    #[test]
    fn shares_are_exact_and_differ_by_iteration() {
        let mut derivatives = vec![[0.0; 2]; 1000];
        let mut draw =
            |iteration| RowSample::Share(0.3).draw(iteration, 0, 1, 1, &mut derivatives).rows.unwrap();
        let (first, second) = (draw(0), draw(1));
        assert_eq!((first.len(), second.len()), (300, 300));
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]) && first != second);
        assert_eq!(first, draw(0));
    }
}
