//! Stand-in for the crate documentation.

#[cfg(feature = "ballista")]
pub mod cluster;
#[cfg(feature = "ballista")]
mod codec;
mod functions;

#[cfg(feature = "ballista")]
pub use codec::Codec;
pub use functions::{Functions, WIRE_VERSION, apply, state};
