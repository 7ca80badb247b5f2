//! Across the parts: rows, ids, groups, times and values that are in both, or in one only.

pub(crate) mod drift;
pub(crate) mod duplicates;
pub(crate) mod findings;
pub(crate) mod near_duplicates;
pub(crate) mod shared;
pub(crate) mod times;
pub(crate) mod twins;
