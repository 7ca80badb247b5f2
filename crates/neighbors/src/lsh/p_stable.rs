//! Hashes by p-stable distributions: points at a small Euclidean distance.

use mlsys_core::{Error, Result, first_error, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Buckets;
use super::bands::{check, direction, dot, key, rows, some_band};

/// Finds pairs of points at a small Euclidean distance `c` (E2LSH).
///
/// ```text
/// hᵢ(v) = ⌊(aᵢ · v + bᵢ) / w⌋,   aᵢ normal, bᵢ uniform in [0, w)
/// p(c) = 1 − 2 Φ(−w / c) − 2 c / (√(2π) w) · (1 − exp(−w² / 2c²))
/// P(candidate) = 1 − (1 − p(c)ʳ)ᵇ
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `bands` | required | more of them find more pairs |
/// | `rows` | required | hashes a band; more of them find fewer pairs |
/// | `width` | required | the width `w` of a bucket, in units of the data |
/// | `seed` | 0 | of the directions |
///
/// **Input**: a matrix in row order, finite; scale its columns first. **Output**: [`Buckets`]. **Complexity**: `b r` products a
/// value. **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`Shape`](mlsys_core::ErrorKind::Shape), [`NonFinite`](mlsys_core::ErrorKind::NonFinite),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for values whose products overflow.
///
/// ```
/// use mlsys_neighbors::lsh::PStableHash;
///
/// let rows = [1.0, 2.0, 1.1, 2.1, 50.0, -30.0];
/// let hash = PStableHash::new(8, 3, 4.0);
/// assert_eq!(hash.buckets(&rows, 2)?.pairs(10)?, [(0, 1)]);
/// assert!(hash.candidate_probability(0.2) > 0.99 && hash.candidate_probability(50.0) < 0.01);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: buckets of one width do not suit groups of different density.
///
/// Datar, Immorlica, Indyk and Mirrokni, *Locality-sensitive hashing scheme based on p-stable distributions*, 2004.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PStableHash {
    bands: usize,
    rows: usize,
    width: f64,
    #[serde(default)]
    seed: u64,
}

impl PStableHash {
    /// So many bands of so many hashes, into buckets of this width.
    pub fn new(bands: usize, rows: usize, width: f64) -> Self {
        Self { bands, rows, width, seed: seed::DEFAULT_SEED }
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

    /// The number of hashes a band.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The probability that points at this distance share a bucket.
    pub fn candidate_probability(&self, distance: f64) -> f64 {
        if distance == 0.0 {
            return 1.0;
        }
        let t = self.width / distance;
        // 2 Φ(−t) = erfc(t / √2)
        let apart = libm::erfc(t * std::f64::consts::FRAC_1_SQRT_2);
        let edge = (2.0 / std::f64::consts::PI).sqrt() / t * -libm::expm1(-t * t / 2.0);
        some_band(1.0 - apart - edge, self.bands, self.rows)
    }

    /// The bucket keys of the rows of a matrix.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for no bands, no rows, or a width that is not
    /// finite and above 0; [`Shape`](mlsys_core::ErrorKind::Shape) when the values do not fill whole rows;
    /// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for gaps and infinities;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for values whose products overflow.
    pub fn buckets(&self, values: &[f64], columns: usize) -> Result<Buckets> {
        check("PStableHash", self.bands, self.rows)?;
        if !(self.width.is_finite() && self.width > 0.0) {
            return Err(Error::invalid_parameter("PStableHash", "width", self.width, "finite and above 0"));
        }
        let vectors = rows(values, columns)?;
        let hashes = (0..self.bands * self.rows).map(|i| direction(self.seed, i, columns));
        let hashes: Vec<(Vec<f64>, f64)> = hashes.collect();
        let keys = |(row, vector): (usize, &&[f64])| {
            let bands = hashes.chunks_exact(self.rows).enumerate();
            let keys = bands.map(|(band, hashes)| {
                let places = hashes.iter().map(|(a, b)| (dot(vector, a) / self.width + b).floor());
                let places: Vec<f64> = places.collect();
                if places.iter().any(|place| !place.is_finite()) {
                    let expected = "points within 1e300 widths of the origin";
                    return Err(Error::invalid_value(
                        "values",
                        Some(row),
                        "products that overflow",
                        expected,
                    ));
                }
                // Adding zero makes one of both zeros.
                Ok(key(band, self.seed, places.iter().map(|place| (place + 0.0).to_bits())))
            });
            keys.collect::<Result<Vec<u64>>>().map(Some)
        };
        let keys: Vec<Result<_>> = vectors.par_iter().enumerate().map(keys).collect();
        Buckets::new(self.bands, first_error(keys)?)
    }
}
