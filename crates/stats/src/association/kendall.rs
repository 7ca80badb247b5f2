//! Kendall's rank correlation.

use mlsys_core::Result;
use mlsys_core::column::order_key;

use super::{complete, constant, enough};

/// Kendall's tau-b, `(C − D) / √((P − T_x)(P − T_y))`: concordant less discordant pairs, of the `P` pairs those
/// tied in a column left out under the root.
///
/// Pairs with a missing value are left out. O(n log n) time.
///
/// # Errors
///
/// As [`pearson`](super::pearson).
///
/// ```
/// let tau = mlsys_stats::association::kendall(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0])?;
/// assert!((tau + 0.471_404_520_791_031_73).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Maurice Kendall, *The treatment of ties in ranking problems*, 1945; counted as in William Knight, *A computer
/// method for calculating Kendall's tau with ungrouped data*, 1966.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<f64> {
    let (x, y) = complete(x, y)?;
    enough(x.len(), 2, "Kendall's correlation")?;
    let mut pairs: Vec<(u64, u64)> =
        x.iter().zip(&y).map(|(&x, &y)| (order_key(x + 0.0), order_key(y + 0.0))).collect();
    pairs.sort_unstable();
    let tied_x = tied(pairs.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len));
    let tied_both = tied(pairs.chunk_by(|a, b| a == b).map(<[_]>::len));
    let mut second: Vec<u64> = pairs.into_iter().map(|pair| pair.1).collect();
    let mut room = second.clone();
    let discordant = sort_counting(&mut second, &mut room);
    let tied_y = tied(second.chunk_by(|a, b| a == b).map(<[_]>::len));
    let n = x.len() as u128;
    let all = n * (n - 1) / 2;
    if tied_x == all || tied_y == all {
        return Err(constant(if tied_x == all { "first" } else { "second" }, "a correlation"));
    }
    let difference = (all + tied_both) as f64 - (tied_x + tied_y + 2 * discordant) as f64;
    Ok((difference / ((all - tied_x) as f64).sqrt() / ((all - tied_y) as f64).sqrt()).clamp(-1.0, 1.0))
}

/// Pairs within runs.
fn tied(runs: impl Iterator<Item = usize>) -> u128 {
    runs.map(|run| run as u128 * (run as u128 - 1) / 2).sum()
}

/// Sorts, and counts the pairs that stood in the wrong order.
fn sort_counting(values: &mut [u64], room: &mut [u64]) -> u128 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let (room_left, room_right) = room.split_at_mut(n / 2);
    let mut swaps = sort_counting(left, room_left) + sort_counting(right, room_right);
    let (mut i, mut j) = (0, 0);
    for slot in room.iter_mut() {
        let from_left = j == right.len() || i < left.len() && left[i] <= right[j];
        if from_left {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            swaps += (left.len() - i) as u128;
        }
    }
    values.copy_from_slice(room);
    swaps
}
