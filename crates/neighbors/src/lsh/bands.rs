//! What the families share: bands of hashes, random directions, and their checks.

use mlsys_core::hash::hash_u64;
use mlsys_core::{Error, ErrorKind, Result, seed};

/// More hashes than this are a mistake.
const MAX_HASHES: usize = 1 << 20;

/// Refuses a number of bands or of hashes a band that is zero or absurd.
pub(super) fn check(family: &str, bands: usize, rows: usize) -> Result<()> {
    for (name, value) in [("bands", bands), ("rows", rows)] {
        let most = MAX_HASHES / if name == "rows" { bands.max(1) } else { 1 };
        if value == 0 || value > most {
            let expected = "1 or more, and at most 1,048,576 hashes in all";
            return Err(Error::invalid_parameter(family, name, value, expected));
        }
    }
    Ok(())
}

/// 1 − (1 − pʳ)ᵇ: some band of `b` agrees in all of its `r` hashes, each of which agrees with probability `p`.
pub(super) fn some_band(p: f64, bands: usize, rows: usize) -> f64 {
    -libm::expm1(bands as f64 * libm::log1p(-libm::pow(p.clamp(0.0, 1.0), rows as f64)))
}

/// The key of a band from its hashes.
pub(super) fn key(band: usize, seed: u64, hashes: impl Iterator<Item = u64>) -> u64 {
    hashes.fold(hash_u64(band as u64, seed), |key, hash| hash_u64(hash, key))
}

/// The rows of a matrix in row order, all finite.
pub(super) fn rows(values: &[f64], columns: usize) -> Result<Vec<&[f64]>> {
    if columns == 0 || !values.len().is_multiple_of(columns) {
        return Err(Error::shape("the values", format!("whole rows of {columns}"), values.len()));
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => {
            let column = (at % columns).to_string();
            Err(ErrorKind::NonFinite { column, row: at / columns, value: values[at] }.into())
        }
        None => Ok(values.chunks_exact(columns).collect()),
    }
}

/// The direction of a hash: independent standard normal numbers, by Box and Muller, and a uniform number.
pub(super) fn direction(seed: u64, hash: usize, columns: usize) -> (Vec<f64>, f64) {
    let mut rng = seed::stream(seed, hash as u64);
    let offset = seed::uniform(&mut rng);
    let mut normal = Vec::with_capacity(columns + 1);
    while normal.len() < columns {
        // 1 − u is never 0.
        let radius = (-2.0 * libm::log(1.0 - seed::uniform(&mut rng))).sqrt();
        let angle = std::f64::consts::TAU * seed::uniform(&mut rng);
        normal.extend([radius * libm::cos(angle), radius * libm::sin(angle)]);
    }
    normal.truncate(columns);
    (normal, offset)
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
