//! Locality-sensitive hashing: rows that are near share a bucket with a known probability.

mod bands;
mod buckets;
mod hamming;
mod min_hash;
mod p_stable;
mod sim_hash;

pub use buckets::Buckets;
pub use hamming::HammingHash;
pub use min_hash::{MinHash, shingles};
pub use p_stable::PStableHash;
pub use sim_hash::SimHash;
