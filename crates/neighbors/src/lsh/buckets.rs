//! Bucket keys, and the pairs of rows that share one.

use std::sync::atomic::{AtomicUsize, Ordering};

use mlsys_core::{Error, Result};
use rayon::prelude::*;

/// A key for each band of each row. Rows with equal keys in some band are candidates.
///
/// Made by [`MinHash`](super::MinHash), [`SimHash`](super::SimHash), [`PStableHash`](super::PStableHash) and [`HammingHash`](super::HammingHash). Keys of
/// two tables can be compared when family, parameters and seed are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    bands: usize,
    /// Row by row.
    keys: Vec<u64>,
    /// Rows without content, such as an empty set: they are like nothing.
    empty: Vec<bool>,
}

impl Buckets {
    /// The keys of rows, `None` for a row without content.
    pub(super) fn new(bands: usize, rows: Vec<Option<Vec<u64>>>) -> Result<Self> {
        if u32::try_from(rows.len()).is_err() {
            return Err(Error::unsupported("hashing 4,294,967,296 rows or more"));
        }
        let empty = rows.iter().map(Option::is_none).collect();
        let mut keys = Vec::with_capacity(rows.len() * bands);
        for row in rows {
            keys.extend(row.unwrap_or_else(|| vec![0; bands]));
        }
        Ok(Self { bands, keys, empty })
    }

    /// Keys of rows that all have content, row by row.
    pub(super) fn of_keys(bands: usize, keys: Vec<u64>) -> Result<Self> {
        let rows = keys.len() / bands;
        if u32::try_from(rows).is_err() {
            return Err(Error::unsupported("hashing 4,294,967,296 rows or more"));
        }
        Ok(Self { bands, keys, empty: vec![false; rows] })
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.empty.len()
    }

    /// The number of bands.
    pub fn n_bands(&self) -> usize {
        self.bands
    }

    /// The keys of a row, one a band; `None` for a row without content, and for one that is not there.
    pub fn of(&self, row: usize) -> Option<&[u64]> {
        self.empty.get(row).filter(|empty| !**empty)?;
        self.keys.get(row * self.bands..(row + 1) * self.bands)
    }

    fn key(&self, row: u32, band: usize) -> u64 {
        self.keys[row as usize * self.bands + band]
    }

    /// Pairs of rows that share a bucket: each once, the lower row first, ascending.
    ///
    /// Memory is 16 bytes a pair and 4 bytes a row and thread; no pair is dropped.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) when there are more than `max_pairs`.
    pub fn pairs(&self, max_pairs: usize) -> Result<Vec<(u32, u32)>> {
        let count = AtomicUsize::new(0);
        let of_band = |band: usize| {
            let order = self.order(band);
            let mut found = Vec::new();
            for run in order.chunk_by(|a, b| self.key(*a, band) == self.key(*b, band)) {
                for (i, &a) in run.iter().enumerate() {
                    for &b in &run[i + 1..] {
                        self.push(&mut found, (a, b), self, band, &count, max_pairs)?;
                    }
                }
            }
            Some(found)
        };
        collect(self.bands, of_band, max_pairs)
    }

    /// Pairs of a row here and a row of `other` that share a bucket: each once, ascending.
    ///
    /// # Errors
    ///
    /// As [`pairs`](Self::pairs); [`Shape`](mlsys_core::ErrorKind::Shape) for another number of bands.
    pub fn pairs_with(&self, other: &Self, max_pairs: usize) -> Result<Vec<(u32, u32)>> {
        if self.bands != other.bands {
            return Err(Error::shape("the bands", self.bands, other.bands));
        }
        let count = AtomicUsize::new(0);
        let of_band = |band: usize| {
            let (left, right) = (self.order(band), other.order(band));
            let mut rest = right.as_slice();
            let mut found = Vec::new();
            for run in left.chunk_by(|a, b| self.key(*a, band) == self.key(*b, band)) {
                let key = self.key(run[0], band);
                rest = &rest[rest.partition_point(|&row| other.key(row, band) < key)..];
                let equal = &rest[..rest.partition_point(|&row| other.key(row, band) == key)];
                for &a in run {
                    for &b in equal {
                        self.push(&mut found, (a, b), other, band, &count, max_pairs)?;
                    }
                }
            }
            Some(found)
        };
        collect(self.bands, of_band, max_pairs)
    }

    /// The rows with content by their key in a band, and then by row.
    fn order(&self, band: usize) -> Vec<u32> {
        let rows = 0..self.n_rows() as u32;
        let mut order: Vec<u32> = rows.filter(|&row| !self.empty[row as usize]).collect();
        order.sort_unstable_by_key(|&row| (self.key(row, band), row));
        order
    }

    /// Keeps a pair in the first band that has it, so that it is counted once and nothing is kept to find out;
    /// `None` when there are too many.
    fn push(
        &self,
        found: &mut Vec<(u32, u32)>,
        (a, b): (u32, u32),
        other: &Self,
        band: usize,
        count: &AtomicUsize,
        most: usize,
    ) -> Option<()> {
        if (0..band).any(|before| self.key(a, before) == other.key(b, before)) {
            return Some(());
        }
        if count.fetch_add(1, Ordering::Relaxed) >= most {
            return None;
        }
        found.push((a, b));
        Some(())
    }
}

/// Whether there are too many does not depend on which band finds it out.
fn collect(
    bands: usize,
    of_band: impl Fn(usize) -> Option<Vec<(u32, u32)>> + Send + Sync,
    max_pairs: usize,
) -> Result<Vec<(u32, u32)>> {
    let parts: Option<Vec<Vec<(u32, u32)>>> = (0..bands).into_par_iter().map(of_band).collect();
    let Some(parts) = parts else {
        let expected = "the number of pairs that share a bucket, or more: raise it, or make buckets smaller";
        return Err(Error::invalid_parameter("Buckets", "max_pairs", max_pairs, expected));
    };
    let mut pairs = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.into_iter().for_each(|part| pairs.extend(part));
    pairs.par_sort_unstable();
    Ok(pairs)
}
