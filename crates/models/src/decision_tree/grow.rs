//! Growing a tree on the values themselves, which are sorted once.

use mlsys_core::arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::measure::Measure;

/// What a tree is grown by.
pub(super) struct Growing<'a> {
    pub columns: &'a [ScalarBuffer<f64>],
    /// Codes of classes, or numbers.
    pub y: &'a [f64],
    pub weights: Option<&'a [f64]>,
    pub measure: Measure,
    pub max_depth: usize,
    pub min_rows: f64,
    pub min_split: usize,
    pub min_gain: f64,
}

/// A question, and where it leads; the children's places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub feature: usize,
    pub threshold: f64,
    pub missing_left: bool,
    pub children: [usize; 2],
}

/// A node: its sums, and a question unless it is a leaf. Nodes are in the order of a walk, left before right.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub cell: Vec<f64>,
    pub question: Option<Question>,
}

struct Candidate {
    score: f64,
    feature: usize,
    threshold: f64,
    missing_left: bool,
}

/// Rows from which on it pays to ask other threads.
const PARALLEL: usize = 1 << 12;

/// Of scores that are equal but for rounding, the first counts.
const CLEARLY: f64 = 1e-12;

impl Growing<'_> {
    fn cell(&self, rows: &[u32]) -> Vec<f64> {
        let mut cell = vec![0.0; self.measure.width()];
        rows.iter().for_each(|&row| self.add(&mut cell, row));
        cell
    }

    fn add(&self, cell: &mut [f64], row: u32) {
        let w = self.weights.map_or(1.0, |weights| weights[row as usize]);
        self.measure.add(cell, self.y[row as usize], w);
    }

    pub fn tree(&self) -> Vec<Node> {
        let n = self.y.len();
        let sorted = |values: &ScalarBuffer<f64>| {
            let mut rows: Vec<u32> = (0..n as u32).collect();
            // What is missing comes last.
            rows.sort_by(|&a, &b| {
                let (a, b) = (values[a as usize], values[b as usize]);
                a.is_nan().cmp(&b.is_nan()).then(a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal))
            });
            rows
        };
        // The rows in the order of each feature, and in their own at the end.
        let mut orders: Vec<Vec<u32>> = self.columns.par_iter().map(sorted).collect();
        orders.push((0..n as u32).collect());
        let own = orders.len() - 1;
        let all = self.measure.weight(&self.cell(&orders[own]));
        let mut goes_left = vec![false; n];
        let mut nodes: Vec<Node> = Vec::new();
        let mut open = vec![(0..n, 0usize, None::<(usize, usize)>)];
        while let Some((rows, depth, above)) = open.pop() {
            let of_node = &orders[own][rows.clone()];
            let cell = self.cell(of_node);
            let place = nodes.len();
            if let Some((above, side)) = above
                && let Some(question) = &mut nodes[above].question
            {
                question.children[side] = place;
            }
            let is_pure = of_node.windows(2).all(|two| self.y[two[0] as usize] == self.y[two[1] as usize]);
            let may = depth < self.max_depth
                && rows.len() >= self.min_split.max(2)
                && rows.len() as f64 >= 2.0 * self.min_rows
                && !is_pure;
            let best = if may {
                let of_feature =
                    |feature: usize| self.of_feature(feature, &orders[feature][rows.clone()], &cell);
                let found: Vec<Option<Candidate>> = match rows.len() < PARALLEL {
                    true => (0..own).map(of_feature).collect(),
                    false => (0..own).into_par_iter().map(of_feature).collect(),
                };
                found.into_iter().flatten().reduce(|a, b| if clearly_more(b.score, a.score) { b } else { a })
            } else {
                None
            };
            let enough = |best: &Candidate| {
                (best.score - self.measure.score(&cell)) / all + f64::EPSILON >= self.min_gain
            };
            let Some(best) = best.filter(enough) else {
                nodes.push(Node { cell, question: None });
                continue;
            };
            let values = &self.columns[best.feature];
            let mut left = 0;
            for &row in of_node {
                let x = values[row as usize];
                let goes = if x.is_nan() { best.missing_left } else { x <= best.threshold };
                goes_left[row as usize] = goes;
                left += usize::from(goes);
            }
            let divide = |order: &mut Vec<u32>| {
                let order = &mut order[rows.clone()];
                let right: Vec<u32> = order.iter().copied().filter(|row| !goes_left[*row as usize]).collect();
                let mut to = 0;
                for place in 0..order.len() {
                    let row = order[place];
                    if goes_left[row as usize] {
                        order[to] = row;
                        to += 1;
                    }
                }
                order[to..].copy_from_slice(&right);
            };
            match rows.len() < PARALLEL {
                true => orders.iter_mut().for_each(divide),
                false => orders.par_iter_mut().for_each(divide),
            }
            let Candidate { feature, threshold, missing_left, .. } = best;
            let question = Some(Question { feature, threshold, missing_left, children: [0; 2] });
            nodes.push(Node { cell, question });
            let middle = rows.start + left;
            open.push((middle..rows.end, depth + 1, Some((place, 1))));
            open.push((rows.start..middle, depth + 1, Some((place, 0))));
        }
        nodes
    }

    /// The best threshold of a feature, halfway between two values.
    fn of_feature(&self, feature: usize, rows: &[u32], total: &[f64]) -> Option<Candidate> {
        let value = |row: u32| self.columns[feature][row as usize];
        let present = rows.partition_point(|&row| !value(row).is_nan());
        let (rows, missing) = rows.split_at(present);
        let last = total.len() - 1;
        let mut right = vec![0.0; total.len()];
        let mut best: Option<Candidate> = None;
        for missing_left in [false, true] {
            if missing_left && missing.is_empty() {
                break;
            }
            let mut left = if missing_left { self.cell(missing) } else { vec![0.0; total.len()] };
            for (place, &row) in rows.iter().enumerate() {
                self.add(&mut left, row);
                let next = rows.get(place + 1).map(|&next| value(next));
                let threshold = match next {
                    Some(next) if value(row) < next => halfway(value(row), next),
                    // All others on one side, and what is missing on the other.
                    None if !missing.is_empty() && !missing_left => f64::INFINITY,
                    _ => continue,
                };
                right.iter_mut().zip(total.iter().zip(&left)).for_each(|(to, (all, left))| *to = all - left);
                if left[last] < self.min_rows || right[last] < self.min_rows {
                    continue;
                }
                let score = self.measure.score(&left) + self.measure.score(&right);
                if best.as_ref().is_none_or(|best| clearly_more(score, best.score)) {
                    let missing_left = match missing.is_empty() {
                        true => left[last] > right[last],
                        false => missing_left,
                    };
                    best = Some(Candidate { score, feature, threshold, missing_left });
                }
            }
        }
        best
    }
}

fn clearly_more(score: f64, than: f64) -> bool {
    score > than + CLEARLY * than.abs()
}

/// Halfway between two values, and below the upper one.
fn halfway(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}
