//! Random numbers.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Category, hash, seed};

/// The generator of a unit of work of a class. By the class's name, so that no two classes draw the same, and a class
/// draws the same whatever other classes there are.
pub(crate) fn stream(seed: u64, class: &Category, unit: u64) -> ChaCha8Rng {
    seed::stream(hash::hash_bytes(class.to_string().as_bytes(), seed), unit)
}

/// A draw from the standard normal distribution, by Box and Muller.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // Of a number above 0: 1 − u.
    let radius = (-2.0 * libm::log(1.0 - seed::uniform(rng))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * seed::uniform(rng))
}
