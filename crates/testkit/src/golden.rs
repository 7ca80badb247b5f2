//! Golden numbers: cases that a reference implementation computed, stored as JSON.

use std::path::Path;

use serde::de::DeserializeOwned;

/// Reads a file of golden cases: a JSON list of objects. Fails when it is empty, so that no test passes on nothing.
///
/// # Panics
///
/// When the file cannot be read, is not a list of `T`, or is empty.
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>) -> Vec<T> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases: Vec<T> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(!cases.is_empty(), "{}: no cases", path.display());
    cases
}

/// Asserts that a value is within a relative tolerance of the reference (absolute where the reference is below 1e-300).
///
/// # Panics
///
/// When it is not, with both values.
#[track_caller]
pub fn assert_close(what: &str, found: f64, expected: f64, relative: f64) {
    let close = found == expected
        || found.is_nan() && expected.is_nan()
        || (found - expected).abs() <= relative * expected.abs().max(1e-300);
    assert!(close, "{what}: {found} is not within {relative} of {expected}");
}
