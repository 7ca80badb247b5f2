//! Locality-sensitive hashing of rows of categories: rows that agree in most cells.

use mlsys_core::hash::hash_u64;
use mlsys_core::{Error, Result, seed};
use rayon::prelude::*;

use super::Buckets;

/// Bands of columns: rows that agree in every column of a band share its bucket.
///
/// With b bands of different columns, rows that differ in fewer than b cells share a bucket for certain, since some band has none of these
/// cells; there are no misses, unlike with hashes that are drawn. Numbers are cut into bins first: two that are near are in one bin but
/// for a border between them.
///
/// | parameter | range |
/// |---|---|
/// | `bands` | 1 or more lists of 1 or more columns each, by place; put columns of many values into different bands, so that buckets are small |
///
/// **Input**: a code a row of each column. **Output**: [`Buckets`]. **Complexity**: O(n) a column of a band; 8 bytes a row and band.
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for no bands, an empty one, or a column that is not there;
/// [`Shape`](mlsys_core::ErrorKind::Shape) for columns of different lengths.
///
/// ```
/// use mlsys_neighbors::lsh::HammingHash;
///
/// // Rows 0 and 1 differ in the last column, rows 0 and 2 in two.
/// let columns = [[7, 7, 7], [1, 1, 5], [0, 0, 0], [2, 3, 9]];
/// let columns: Vec<&[u32]> = columns.iter().map(|c| c.as_slice()).collect();
/// let buckets = HammingHash::new(vec![vec![0, 1], vec![2, 3]]).buckets(&columns)?;
/// assert_eq!(buckets.pairs(10)?, [(0, 1)]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Piotr Indyk and Rajeev Motwani, *Approximate nearest neighbors: towards removing the curse of dimensionality*, 1998, section 4.2, with
/// bands that share no column in place of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HammingHash {
    bands: Vec<Vec<usize>>,
    seed: u64,
}

impl HammingHash {
    /// Bands of these columns.
    pub fn new(bands: Vec<Vec<usize>>) -> Self {
        Self { bands, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the keys. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The keys of rows, given by columns.
    ///
    /// # Errors
    ///
    /// See [`HammingHash`].
    pub fn buckets(&self, columns: &[&[u32]]) -> Result<Buckets> {
        let name = "HammingHash";
        if self.bands.is_empty() || self.bands.iter().any(Vec::is_empty) {
            return Err(Error::invalid_parameter(name, "bands", "an empty list", "lists of columns"));
        }
        let rows = columns.first().map_or(0, |column| column.len());
        if let Some(at) = columns.iter().position(|column| column.len() != rows) {
            return Err(Error::shape(format!("column {at}"), format!("{rows} rows"), columns[at].len()));
        }
        if let Some(at) = self.bands.iter().flatten().find(|at| **at >= columns.len()) {
            let expected = format!("columns below {}", columns.len());
            return Err(Error::invalid_parameter(name, "bands", at, expected));
        }
        let n_bands = self.bands.len();
        let mut keys = vec![0u64; rows * n_bands];
        let block = 4_096;
        keys.par_chunks_mut(block * n_bands).enumerate().for_each(|(place, keys)| {
            for (band, columns_of) in self.bands.iter().enumerate() {
                let start = hash_u64(band as u64, self.seed);
                keys.iter_mut().skip(band).step_by(n_bands).for_each(|key| *key = start);
                for &column in columns_of {
                    let codes = &columns[column][place * block..];
                    for (key, &code) in keys.iter_mut().skip(band).step_by(n_bands).zip(codes) {
                        *key = hash_u64(u64::from(code), *key);
                    }
                }
            }
        });
        Buckets::of_keys(n_bands, keys)
    }
}
