//! Which features of a way to a leaf the rows of a block pass: few different patterns, and the pattern of each row.

use std::collections::BTreeMap;

use super::walk::Factor;
use crate::trees::{Split, Test};

/// Features to a word of a pattern.
pub(super) const WORD: usize = 16;
const NONE: u16 = u16::MAX;
/// Rows of a block at most, so that patterns are numbered below [`NONE`].
pub(super) const MOST_ROWS: usize = 2048;

/// A block of rows and the patterns by which they pass.
pub(super) struct Patterns<'a> {
    /// The features of the rows.
    columns: Vec<&'a [f64]>,
    rows: usize,
    /// By level and row, all bits where the splits by the level's feature, down to this level, are passed.
    masks: Vec<u16>,
    /// By word and row.
    words: Vec<u16>,
    /// The pattern of each row, by its number.
    pub(super) numbers: Vec<u16>,
    /// A row of each pattern.
    first: Vec<usize>,
    number_of: Vec<u16>,
}

impl<'a> Patterns<'a> {
    /// Of at most [`MOST_ROWS`] rows.
    pub(super) fn new(columns: Vec<&'a [f64]>, rows: usize) -> Self {
        let rows = rows.min(MOST_ROWS);
        Self {
            columns,
            rows,
            masks: Vec::new(),
            words: Vec::new(),
            numbers: vec![0; rows],
            first: Vec::new(),
            number_of: vec![NONE; 1 << WORD],
        }
    }

    pub(super) fn enter(&mut self, level: usize, split: &Split, before: Option<usize>) {
        let n = self.rows;
        if self.masks.len() < (level + 1) * n {
            self.masks.resize((level + 1) * n, 0);
        }
        let (above, here) = self.masks.split_at_mut(level * n);
        let here = &mut here[..n];
        let values = &self.columns[split.feature as usize][..n];
        let mask = |left: bool| u16::from(left).wrapping_neg();
        match split.test {
            // NaN is neither above nor at most.
            Test::AtMost(t) if !split.missing.has_zero() => {
                if split.missing.is_left() {
                    here.iter_mut().zip(values).for_each(|(m, &x)| *m = !mask(x > t));
                } else {
                    here.iter_mut().zip(values).for_each(|(m, &x)| *m = mask(x <= t));
                }
            }
            _ => here.iter_mut().zip(values).for_each(|(m, &x)| *m = mask(split.goes_left(x))),
        }
        if let Some(before) = before {
            here.iter_mut().zip(&above[before * n..][..n]).for_each(|(m, up)| *m &= up);
        }
    }

    pub(super) fn turn(&mut self, level: usize, before: Option<usize>) {
        let n = self.rows;
        let (above, here) = self.masks.split_at_mut(level * n);
        let here = &mut here[..n];
        match before {
            Some(before) => here.iter_mut().zip(&above[before * n..][..n]).for_each(|(m, up)| *m = up & !*m),
            None => here.iter_mut().for_each(|m| *m = !*m),
        }
    }

    /// Numbers the patterns of the rows for the features of a path; how many there are.
    pub(super) fn number(&mut self, path: &[Factor]) -> usize {
        let n = self.rows;
        self.first.clear();
        if path.is_empty() && n > 0 {
            self.numbers.fill(0);
            self.first.push(0);
        }
        self.words.resize(path.len().div_ceil(WORD) * n, 0);
        for (place, (factors, words)) in
            path.chunks(WORD).zip(self.words.chunks_exact_mut(n.max(1))).enumerate()
        {
            words.fill(0);
            for (bit, factor) in factors.iter().enumerate() {
                let mask = &self.masks[factor.level * n..][..n];
                words.iter_mut().zip(mask).for_each(|(word, mask)| *word |= mask & 1 << bit);
            }
            if place > 0 {
                refine(words, &mut self.numbers, &mut self.first);
                continue;
            }
            for (row, (number, &word)) in self.numbers.iter_mut().zip(&*words).enumerate() {
                let known = &mut self.number_of[word as usize];
                if *known == NONE {
                    *known = self.first.len() as u16;
                    self.first.push(row);
                }
                *number = *known;
            }
            for &row in &self.first {
                self.number_of[words[row] as usize] = NONE;
            }
        }
        self.first.len()
    }

    /// A word of a pattern.
    pub(super) fn word(&self, pattern: usize, place: usize) -> u16 {
        self.words[place * self.rows + self.first[pattern]]
    }
}

/// Numbers rows apart that had one number and have different words.
fn refine(words: &[u16], numbers: &mut [u16], first: &mut Vec<usize>) {
    let mut known = BTreeMap::new();
    first.clear();
    for (row, (number, &word)) in numbers.iter_mut().zip(words).enumerate() {
        *number = *known.entry((*number, word)).or_insert_with(|| {
            first.push(row);
            (first.len() - 1) as u16
        });
    }
}
