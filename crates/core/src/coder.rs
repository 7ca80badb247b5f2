//! Codes for keys in the order in which they first appear: what [`Coded`] is made with.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use crate::hash::StableHasher;
use crate::{Category, Coded};

/// Slots of a [`Recent`]: 64 kB of words, or of texts.
const SLOTS: usize = 1 << 12;

/// Columns of fewer rows are coded without a [`Recent`].
const LONG: usize = 1 << 14;

/// The hash of the coder's keys. Its seed differs from process to process, so that nobody can prepare a column
/// whose keys collide; codes follow the first appearance, so that the seed reaches no result.
#[derive(Debug, Clone, Copy)]
struct Guarded(u64);

impl Default for Guarded {
    fn default() -> Self {
        static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
        Self(*SEED.get_or_init(|| std::hash::RandomState::new().hash_one(0)))
    }
}

impl BuildHasher for Guarded {
    type Hasher = StableHasher;

    fn build_hasher(&self) -> Self::Hasher {
        StableHasher::seeded(self.0)
    }
}

/// Gives each new key the next code.
pub(crate) struct Coder<K> {
    seen: HashMap<K, u32, Guarded>,
    coded: Coded,
}

impl<K: Hash + Eq + Copy> Coder<K> {
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            seen: HashMap::default(),
            coded: Coded { codes: Vec::with_capacity(rows), distinct: Vec::new() },
        }
    }

    pub fn push(&mut self, key: Option<K>, value: impl FnOnce(K) -> Category) {
        let code = match key {
            None => Coded::MISSING,
            Some(key) => {
                let next = self.coded.distinct.len() as u32;
                let code = *self.seen.entry(key).or_insert(next);
                if code == next {
                    self.coded.distinct.push(value(key));
                }
                code
            }
        };
        self.coded.codes.push(code);
    }

    pub fn finish(self) -> Coded {
        self.coded
    }
}

/// The codes of keys that were met lately, each in the one slot that a cheap hash gives it: most rows of most columns are
/// found here, for a fraction of what the table of all keys costs. Keys that share a slot turn each other out, and no more.
struct Recent<K> {
    slots: Vec<(K, u32)>,
}

impl<K: Copy + Eq> Recent<K> {
    fn new(rows: usize, any: K) -> Self {
        Self { slots: vec![(any, Coded::MISSING); if rows < LONG { 0 } else { SLOTS }] }
    }

    /// The key's code, from here or else from `all`.
    #[inline]
    fn code(&mut self, key: K, mixed: u64, all: impl FnOnce() -> u32) -> u32 {
        let place = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS.trailing_zeros());
        match self.slots.get_mut(place as usize) {
            Some((known, code)) if *code != Coded::MISSING && *known == key => *code,
            Some(slot) => {
                *slot = (key, all());
                slot.1
            }
            None => all(),
        }
    }
}

/// Codes texts.
pub(crate) fn code_text<'a>(values: impl ExactSizeIterator<Item = Option<&'a str>>) -> Coded {
    let rows = values.len();
    let mut coded = Coded { codes: Vec::with_capacity(rows), distinct: Vec::new() };
    let mut short: HashMap<u64, u32, Guarded> = HashMap::default();
    let mut long: HashMap<&str, u32, Guarded> = HashMap::default();
    let (mut recent_short, mut recent_long) = (Recent::new(rows, 0), Recent::new(rows, ""));
    for value in values {
        let Some(text) = value else {
            coded.codes.push(Coded::MISSING);
            continue;
        };
        let next = coded.distinct.len() as u32;
        let code = match packed(text.as_bytes()) {
            Ok(word) => recent_short.code(word, word, || *short.entry(word).or_insert(next)),
            Err(ends) => recent_long.code(text, ends, || *long.entry(text).or_insert(next)),
        };
        if code == next {
            coded.distinct.push(text.into());
        }
        coded.codes.push(code);
    }
    coded
}

/// Up to seven bytes and their number in one word, which hashes and compares much faster than text; of more bytes a word made
/// of both ends and the length, which only tells some of them apart.
#[inline]
fn packed(bytes: &[u8]) -> Result<u64, u64> {
    let n = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return Err(u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23) ^ n as u64);
    }
    let word = match (bytes.first_chunk(), bytes.last_chunk(), bytes) {
        // What both ends share is the same in both.
        (Some(first), Some(last), _) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (n - 4))
        }
        (_, _, [first, .., last]) => {
            u64::from(*first) | u64::from(bytes[n / 2]) << (8 * (n / 2)) | u64::from(*last) << (8 * (n - 1))
        }
        (_, _, [only]) => u64::from(*only),
        _ => 0,
    };
    Ok(word | (n as u64) << 56)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up to seven bytes, one by one.
    fn naive(bytes: &[u8]) -> u64 {
        let words = bytes.iter().enumerate().map(|(i, &byte)| u64::from(byte) << (8 * i));
        words.sum::<u64>() | (bytes.len() as u64) << 56
    }

    #[test]
    fn short_texts_are_packed_whole() {
        let text: Vec<u8> = (1..=7).map(|i| 0x80 | i).collect();
        for n in 0..=7 {
            assert_eq!(packed(&text[..n]), Ok(naive(&text[..n])), "{n} bytes");
        }
        assert!(packed(b"12345678").is_err());
    }

    #[test]
    fn columns_long_enough_for_the_recent_are_coded_as_by_a_table() {
        // Long texts that only differ in the middle share a slot, and 9,001 short ones share slots, too.
        let text = |i: usize| match i % 3 {
            0 => format!("12345678{:03}12345678", i % 7),
            1 => format!("{}", i % 9_001),
            _ => String::new(),
        };
        let rows: Vec<Option<String>> =
            (0..3 * LONG).map(|i| (i % 11 > 0).then(|| text(i.wrapping_mul(7919)))).collect();
        let coded = code_text(rows.iter().map(Option::as_deref));
        let mut known: Vec<&str> = Vec::new();
        let mut places: HashMap<&str, u32> = HashMap::new();
        for (row, &code) in rows.iter().zip(&coded.codes) {
            let expected = row.as_deref().map_or(Coded::MISSING, |text| {
                *places.entry(text).or_insert_with(|| {
                    known.push(text);
                    known.len() as u32 - 1
                })
            });
            assert_eq!(code, expected);
        }
        let known: Vec<Category> = known.into_iter().map(Category::from).collect();
        assert_eq!(coded.distinct, known);
        assert!(known.len() > 8_000);
    }
}
