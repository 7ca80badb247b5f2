//! Draws of new rows between two of a class.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Category, Error, Result, seed};
use mlsys_neighbors::{Neighbor, NeighborIndex, Neighbors};
use rayon::prelude::*;

use crate::Synthetic;
use crate::draws::stream;

/// New rows that draw from one generator.
const PART: usize = 1024;

/// A new row of each base, in their order.
pub(crate) fn draw<B: Sync, T: Send>(
    seed: u64,
    class: &Category,
    bases: &[B],
    make: impl Fn(&B, &mut ChaCha8Rng) -> T + Sync,
) -> Vec<T> {
    let parts = bases.par_chunks(PART).enumerate().map(|(part, bases)| {
        let mut rng = stream(seed, class, part as u64 + 1);
        bases.iter().map(|base| make(base, &mut rng)).collect::<Vec<_>>()
    });
    let parts: Vec<Vec<T>> = parts.collect();
    parts.into_iter().flatten().collect()
}

/// Between a row and one of its neighbours. Without any it is its own, which makes a copy.
pub(crate) fn between(rows: &[usize], base: usize, near: &[Neighbor], rng: &mut ChaCha8Rng) -> Synthetic {
    let drawn = seed::below(near.len() as u64, rng) as usize;
    let gap = seed::uniform(rng);
    let neighbor = near.get(drawn).map_or(base, |n| n.row);
    Synthetic { base: rows[base] as u32, neighbor: rows[neighbor] as u32, gap }
}

/// Each of `size` bases as often as any other; which ones come once more is drawn.
pub(crate) fn even(seed: u64, class: &Category, size: usize, new: usize) -> Vec<usize> {
    let order = seed::permutation(size, &mut stream(seed, class, 0));
    order.iter().copied().cycle().take(new).collect()
}

/// The neighbours of the rows that are started from, and where in them each row's are.
pub(crate) fn neighbors(index: &NeighborIndex, bases: &[usize], k: usize) -> Result<(Neighbors, Vec<usize>)> {
    let mut place = vec![usize::MAX; index.n_rows()];
    bases.iter().for_each(|&base| place[base] = 0);
    let asked: Vec<usize> = (0..index.n_rows()).filter(|&row| place[row] == 0).collect();
    if asked.len() == index.n_rows() {
        return Ok((index.nearest_others(k)?, asked));
    }
    asked.iter().enumerate().for_each(|(at, &row)| place[row] = at);
    Ok((index.nearest_others_of(&asked, k)?, place))
}

/// Refuses a class whose rows have too few others.
pub(crate) fn check_size(estimator: &str, k: usize, class: &Category, size: usize) -> Result<()> {
    if size > k {
        return Ok(());
    }
    let why = format!("{estimator} with k_neighbors = {k} in class `{class}`");
    Err(Error::too_few_rows(k.saturating_add(1), size, why))
}

/// `total` in whole parts, proportional to weights that are not all 0.
pub(crate) fn parts(total: usize, weights: &[f64]) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| total as f64 * (weight / sum)).collect();
    let mut parts: Vec<usize> = exact.iter().map(|&x| x as usize).collect();
    let left = total.saturating_sub(parts.iter().sum());
    let mut order: Vec<usize> = (0..exact.len()).filter(|&at| weights[at] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    order.into_iter().take(left).for_each(|at| parts[at] += 1);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_and_complete() {
        assert_eq!(parts(10, &[1.0, 0.0, 1.0, 1.0]), [4, 0, 3, 3]);
        assert_eq!(parts(3, &[0.2, 0.8, 0.6]), [0, 2, 1]);
        assert_eq!(parts(0, &[0.5, 0.5]), [0, 0]);
        assert_eq!(parts(1_000_003, &[0.1; 7]).iter().sum::<usize>(), 1_000_003);
    }
}
