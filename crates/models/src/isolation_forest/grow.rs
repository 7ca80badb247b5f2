//! Random trees on few rows.

use mlsys_core::Result;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::seed::{below, uniform};

use crate::trees::{Child, MissingGoes, Split, Test, Tree};

/// So many of n rows, ascending, without putting them back; in proportion to their weights, if they have any.
pub(super) fn sample(n: usize, size: usize, weights: Option<&[f64]>, rng: &mut ChaCha8Rng) -> Vec<u32> {
    if size >= n {
        return (0..n as u32).collect();
    }
    let mut rows: Vec<u32> = match weights {
        // The least of exponential waiting times (Efraimidis and Spirakis 2006).
        Some(weights) => {
            let time = |(row, w): (usize, &f64)| (-uniform(rng).ln() / w, row as u32);
            let mut times: Vec<(f64, u32)> = weights.iter().enumerate().map(time).collect();
            times.select_nth_unstable_by(size, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            times[..size].iter().map(|x| x.1).collect()
        }
        // Floyd's: one draw per row that is taken.
        None => {
            let mut taken = std::collections::BTreeSet::new();
            for last in n - size..n {
                let row = below(last as u64 + 1, rng) as u32;
                if !taken.insert(row) {
                    taken.insert(last as u32);
                }
            }
            taken.into_iter().collect()
        }
    };
    rows.sort_unstable();
    rows
}

/// Rows that are to be split, how deep they are, and below which split on which side.
struct Open {
    rows: Vec<u32>,
    depth: usize,
    above: Option<(usize, bool)>,
}

/// A tree of up to `limit` splits on the way to a leaf; its leaves have no values yet.
pub(super) fn tree(
    columns: &[ScalarBuffer<f64>],
    rows: Vec<u32>,
    limit: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Tree> {
    let (mut splits, mut leaves): (Vec<Split>, Vec<u64>) = (Vec::new(), Vec::new());
    let mut order: Vec<usize> = (0..columns.len()).collect();
    let mut open = vec![Open { rows, depth: 0, above: None }];
    while let Some(node) = open.pop() {
        let drawn = if node.depth < limit { draw(columns, &node.rows, &mut order, rng) } else { None };
        let n = node.rows.len() as u64;
        let own = match drawn {
            None => {
                leaves.push(n);
                Child::Leaf(leaves.len() as u32 - 1)
            }
            Some((feature, threshold)) => {
                let place = splits.len();
                let value = |row: u32| columns[feature][row as usize];
                let (left, right) = node.rows.iter().fold((0usize, 0usize), |(left, right), &row| {
                    (left + usize::from(value(row) <= threshold), right + usize::from(value(row) > threshold))
                });
                let split = Split {
                    feature: feature as u32,
                    test: Test::AtMost(threshold),
                    missing: MissingGoes::side(left >= right),
                    left: Child::Leaf(0),
                    right: Child::Leaf(0),
                    gain: 0.0,
                    value: 0.0,
                    cover: n as f64,
                    rows: n,
                };
                let (left, right) = node.rows.iter().partition(|&&row| split.goes_left(value(row)));
                splits.push(split);
                let below =
                    |rows, on_left| Open { rows, depth: node.depth + 1, above: Some((place, on_left)) };
                open.extend([below(right, false), below(left, true)]);
                Child::Split(place as u32)
            }
        };
        if let Some((above, on_left)) = node.above {
            let split: &mut Split = &mut splits[above];
            *(if on_left { &mut split.left } else { &mut split.right }) = own;
        }
    }
    let n = leaves.len();
    Tree::new(splits, 1, vec![0.0; n], leaves.iter().map(|&rows| rows as f64).collect(), leaves)
}

/// A feature at random of those that differ within the rows, and a threshold at random from its least value up, and below its greatest.
fn draw(
    columns: &[ScalarBuffer<f64>],
    rows: &[u32],
    order: &mut [usize],
    rng: &mut ChaCha8Rng,
) -> Option<(usize, f64)> {
    if rows.len() < 2 {
        return None;
    }
    for tried in 0..order.len() {
        let other = tried + below((order.len() - tried) as u64, rng) as usize;
        order.swap(tried, other);
        let values = &columns[order[tried]];
        // Not a number is neither less nor greater.
        let range = rows.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &row| {
            let x = values[row as usize];
            [if x < low { x } else { low }, if x > high { x } else { high }]
        });
        let [low, high] = range;
        if low < high {
            let share = uniform(rng);
            let threshold = low * (1.0 - share) + high * share;
            return Some((order[tried], if threshold >= low && threshold < high { threshold } else { low }));
        }
    }
    None
}
