//! A seeded bootstrap.
