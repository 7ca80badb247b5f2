//! Rows in an order in which those of a leaf are near each other.

/// A part of this many rows is worth another thread.
const PARALLEL: usize = 16_384;
/// Rows that are looked at to choose the column to split by.
const SAMPLE: usize = 256;

/// The rows of a matrix without gaps, one after the other, so that each `leaf` of them are near each other.
pub(crate) fn leaf_order(matrix: &[f32], columns: usize, leaf: usize) -> Vec<u32> {
    let rows = matrix.len().checked_div(columns).unwrap_or_default();
    let mut order: Vec<u64> = (0..rows as u64).collect();
    split(matrix, columns, leaf, &mut order);
    order.into_iter().map(row_of).collect()
}

/// An entry is a key above a row.
fn row_of(entry: u64) -> u32 {
    entry as u32
}

/// Keys are ordered like the numbers.
fn key(x: f32) -> u64 {
    let bits = x.to_bits();
    u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
}

fn split(matrix: &[f32], columns: usize, leaf: usize, order: &mut [u64]) {
    if order.len() <= leaf {
        return;
    }
    let column = widest(matrix, columns, order);
    for entry in order.iter_mut() {
        let row = row_of(*entry);
        *entry = key(matrix[row as usize * columns + column]) << 32 | u64::from(row);
    }
    // Whole leaves to the left, so that few places are pads.
    let left = (order.len() / 2).next_multiple_of(leaf).min(order.len() - 1);
    order.select_nth_unstable(left);
    let (first, second) = order.split_at_mut(left);
    if first.len().min(second.len()) > PARALLEL {
        rayon::join(|| split(matrix, columns, leaf, first), || split(matrix, columns, leaf, second));
    } else {
        split(matrix, columns, leaf, first);
        split(matrix, columns, leaf, second);
    }
}

/// The column in which rows of a sample are furthest apart.
fn widest(matrix: &[f32], columns: usize, order: &[u64]) -> usize {
    let step = order.len().div_ceil(SAMPLE);
    let count = order.len().div_ceil(step) as f64;
    let mut best = (0, f64::NEG_INFINITY);
    for column in 0..columns {
        let sampled = order.iter().step_by(step);
        let values = sampled.map(|&entry| f64::from(matrix[row_of(entry) as usize * columns + column]));
        let (sum, squares) = values.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
        let spread = squares - sum * sum / count;
        if spread > best.1 {
            best = (column, spread);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_like_numbers() {
        let values = [f32::NEG_INFINITY, -3e38, -2.0, -1e-40, 0.0, 1e-40, 2.0, 3e38, f32::INFINITY];
        assert!(values.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
    }

    #[test]
    fn leaves_are_near_and_hold_every_row_once() {
        // Two columns, of which the second is wide: rows with near numbers there share a leaf.
        let matrix: Vec<f32> = (0..1000_u32).flat_map(|row| [0.5, (row * 7919 % 1000) as f32]).collect();
        let order = leaf_order(&matrix, 2, 8);
        let mut rows = order.clone();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..1000));
        let value = |row: &u32| matrix[*row as usize * 2 + 1];
        for leaf in order.chunks(8) {
            let (low, high) =
                leaf.iter().map(value).fold((f32::MAX, 0.0_f32), |(low, high), x| (low.min(x), high.max(x)));
            assert_eq!(high - low, 7.0);
        }
        assert!(leaf_order(&[], 2, 8).is_empty() && leaf_order(&[], 0, 8).is_empty());
    }
}
