//! SimHash: vectors that point the same way.

use mlsys_core::{Result, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Buckets;
use super::bands::{check, direction, dot, key, rows, some_band};

/// Finds pairs of vectors with a small angle `θ` between them, whatever their lengths.
///
/// ```text
/// hᵢ(v) = [aᵢ · v ≥ 0],   aᵢ normal      P(hᵢ(u) = hᵢ(v)) = 1 − θ / π
/// P(candidate) = 1 − (1 − (1 − θ / π)ʳ)ᵇ
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `bands` | required | more of them find more pairs |
/// | `rows` | required | bits a band; more of them find fewer pairs |
/// | `seed` | 0 | of the directions |
///
/// **Input**: a matrix in row order, finite. A row of zeros points nowhere and is like none. **Output**: [`Buckets`].
/// **Complexity**: `b r` products a value. **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`Shape`](mlsys_core::ErrorKind::Shape), [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_neighbors::lsh::SimHash;
///
/// let rows = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, -1.0, -2.0, -3.0];
/// let hash = SimHash::new(4, 8);
/// assert_eq!(hash.buckets(&rows, 3)?.pairs(10)?, [(0, 1)]);
/// assert!((hash.candidate_probability(0.3) - 0.9).abs() < 0.1);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: vectors far from the origin all point the same way: centre the columns first.
///
/// Charikar, *Similarity estimation techniques from rounding algorithms*, 2002.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimHash {
    bands: usize,
    rows: usize,
    #[serde(default)]
    seed: u64,
}

impl SimHash {
    /// So many bands of so many bits.
    pub fn new(bands: usize, rows: usize) -> Self {
        Self { bands, rows, seed: seed::DEFAULT_SEED }
    }

    /// The seed of the directions.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The number of bands.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// The number of bits a band.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The probability that vectors with this angle between them, in radians, share a bucket.
    pub fn candidate_probability(&self, angle: f64) -> f64 {
        some_band(1.0 - angle / std::f64::consts::PI, self.bands, self.rows)
    }

    /// The bucket keys of the rows of a matrix.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for no bands or no rows;
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when the values do not fill whole rows;
    /// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for gaps and infinities.
    pub fn buckets(&self, values: &[f64], columns: usize) -> Result<Buckets> {
        check("SimHash", self.bands, self.rows)?;
        let vectors = rows(values, columns)?;
        let planes = (0..self.bands * self.rows).map(|i| direction(self.seed, i, columns).0);
        let planes: Vec<Vec<f64>> = planes.collect();
        let keys = |vector: &&[f64]| {
            let largest = vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            if largest == 0.0 {
                return None;
            }
            // Only the direction counts, and products of what is within 1 do not overflow.
            let unit: Vec<f64> = vector.iter().map(|x| x / largest).collect();
            let bit = |plane: &Vec<f64>| u64::from(dot(&unit, plane) >= 0.0);
            let bands = planes.chunks_exact(self.rows).enumerate();
            Some(bands.map(|(band, planes)| key(band, self.seed, planes.iter().map(bit))).collect())
        };
        Buckets::new(self.bands, vectors.par_iter().map(keys).collect())
    }
}
