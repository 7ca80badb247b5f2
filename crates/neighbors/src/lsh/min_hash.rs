//! MinHash: sets that have much in common.

use mlsys_core::hash::{hash_bytes, hash_u64};
use mlsys_core::{Error, Result, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Buckets;
use super::bands::{check, key, some_band};

/// Finds pairs of sets with much in common, by their Jaccard similarity `s = |A ∩ B| / |A ∪ B|`.
///
/// ```text
/// P(hᵢ(A) = hᵢ(B)) = s           hᵢ(A) the least hash of A's elements
/// P(candidate) = 1 − (1 − sʳ)ᵇ   b bands of r hashes
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `bands` | required | more of them find more pairs |
/// | `rows` | required | hashes a band; more of them find fewer pairs |
/// | `seed` | 0 | of the hashes |
///
/// **Input**: a slice of elements a row, as 64-bit hashes (see [`shingles`]); repeated elements count once. An empty set
/// is like none. **Output**: [`Buckets`]. **Complexity**: `b r` hashes an element. **Errors**:
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_neighbors::lsh::{MinHash, shingles};
///
/// let names = ["Acme Corporation Ltd", "ACME corporation ltd", "Globex"].map(|name| shingles(&name.to_lowercase(), 3));
/// let hash = MinHash::for_threshold(0.5, 128)?;
/// assert_eq!((hash.bands(), hash.rows()), (25, 5));
/// assert_eq!(hash.buckets(&names)?.pairs(10)?, [(0, 1)]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: a candidate is only probably similar: check it, for example by the signature's agreement, which estimates `s`.
///
/// Broder, *On the resemblance and containment of documents*, 1997; bands: Leskovec, Rajaraman and Ullman, *Mining of
/// Massive Datasets*, section 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinHash {
    bands: usize,
    rows: usize,
    #[serde(default)]
    seed: u64,
}

impl MinHash {
    /// So many bands of so many hashes.
    pub fn new(bands: usize, rows: usize) -> Self {
        Self { bands, rows, seed: seed::DEFAULT_SEED }
    }

    /// The bands, of at most `hashes` in all, that part pairs above and below a similarity best: with the least area
    /// below the curve of P before the threshold and above it after.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless the threshold is within 0 and 1, and
    /// `hashes` within 1 and 65,536.
    pub fn for_threshold(threshold: f64, hashes: usize) -> Result<Self> {
        if !(threshold > 0.0 && threshold < 1.0) {
            return Err(Error::invalid_parameter("MinHash", "threshold", threshold, "between 0 and 1"));
        }
        if hashes == 0 || hashes > 1 << 16 {
            return Err(Error::invalid_parameter("MinHash", "hashes", hashes, "1 to 65,536"));
        }
        const STEPS: usize = 500;
        let area = |from: f64, to: f64, of: &dyn Fn(f64) -> f64| {
            let step = (to - from) / STEPS as f64;
            (0..STEPS).map(|i| of(from + (i as f64 + 0.5) * step)).sum::<f64>() * step
        };
        let mut best = (f64::INFINITY, Self::new(1, 1));
        for rows in 1..=hashes {
            // More bands find more on both sides of the threshold: the sum falls, and then it rises.
            let error = |bands: usize| {
                let p = |s: f64| some_band(s, bands, rows);
                area(0.0, threshold, &p) + area(threshold, 1.0, &|s| 1.0 - p(s))
            };
            let (mut low, mut high) = (1, hashes / rows);
            while low < high {
                let middle = (low + high) / 2;
                if error(middle) <= error(middle + 1) { high = middle } else { low = middle + 1 }
            }
            let found = error(low);
            if found < best.0 {
                best = (found, Self::new(low, rows));
            }
            // No band is left that could find what is above the threshold.
            if libm::pow(threshold, rows as f64) * (hashes as f64) < 1e-3 {
                break;
            }
        }
        Ok(best.1)
    }

    /// The seed of the hashes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The number of bands.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// The number of hashes a band.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The probability that sets of this similarity share a bucket.
    pub fn candidate_probability(&self, similarity: f64) -> f64 {
        some_band(similarity, self.bands, self.rows)
    }

    /// The least hash of the elements under each of the hashes; `None` for an empty set. The share of places in which
    /// two signatures agree estimates the similarity.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for no bands or no rows.
    pub fn signature(&self, set: &[u64]) -> Result<Option<Vec<u64>>> {
        check("MinHash", self.bands, self.rows)?;
        Ok(self.least(set, &self.seeds()))
    }

    fn seeds(&self) -> Vec<u64> {
        (0..(self.bands * self.rows) as u64).map(|i| hash_u64(i, self.seed)).collect()
    }

    fn least(&self, set: &[u64], seeds: &[u64]) -> Option<Vec<u64>> {
        let least = |seed: &u64| set.iter().map(|&element| hash_u64(element, *seed)).min();
        seeds.iter().map(least).collect()
    }

    /// The bucket keys of sets.
    ///
    /// # Errors
    ///
    /// As [`signature`](Self::signature).
    pub fn buckets<S: AsRef<[u64]> + Sync>(&self, sets: &[S]) -> Result<Buckets> {
        check("MinHash", self.bands, self.rows)?;
        let seeds = self.seeds();
        let keys = |set: &S| {
            let signature = self.least(set.as_ref(), &seeds)?;
            let bands = signature.chunks_exact(self.rows).enumerate();
            Some(bands.map(|(band, rows)| key(band, self.seed, rows.iter().copied())).collect())
        };
        Buckets::new(self.bands, sets.par_iter().map(keys).collect())
    }
}

/// The hashes of a text's runs of `n` characters, ascending and each once; of the whole text when it is shorter.
pub fn shingles(text: &str, n: usize) -> Vec<u64> {
    let n = n.max(1);
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let hash = |from: usize, to: usize| hash_bytes(&text.as_bytes()[from..to], 0);
    let mut hashes: Vec<u64> = match starts.len() - 1 {
        0 => Vec::new(),
        length if length < n => vec![hash(0, text.len())],
        _ => starts.iter().zip(&starts[n..]).map(|(&from, &to)| hash(from, to)).collect(),
    };
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
