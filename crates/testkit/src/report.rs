//! Which checks ran and which were skipped.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlsys_core::Result;

/// What a contract did: the checks that ran, and the ones that were skipped with the reason given.
#[derive(Debug, Clone, Default)]
pub struct Report {
    name: String,
    exercised: BTreeMap<&'static str, usize>,
    skipped: BTreeMap<&'static str, String>,
}

impl Report {
    pub(crate) fn new(name: &str, skipped: BTreeMap<&'static str, String>) -> Self {
        Self { name: name.into(), skipped, exercised: BTreeMap::new() }
    }

    /// Whether a check shall run; counts it if so.
    pub(crate) fn runs(&mut self, check: &'static str) -> bool {
        if self.skipped.contains_key(check) {
            return false;
        }
        *self.exercised.entry(check).or_default() += 1;
        true
    }

    /// How often each check ran.
    pub fn exercised(&self) -> &BTreeMap<&'static str, usize> {
        &self.exercised
    }

    /// The checks that were skipped, and why.
    pub fn skipped(&self) -> &BTreeMap<&'static str, String> {
        &self.skipped
    }

    /// Fails when nothing was exercised, or a skip names no check.
    pub(crate) fn close(self, known: &[&str]) -> Self {
        assert!(!self.exercised.is_empty(), "{}: no check ran", self.name);
        for skip in self.skipped.keys() {
            assert!(
                known.contains(skip),
                "{}: skips `{skip}`, which is no check; there are {known:?}",
                self.name
            );
        }
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        self.exercised.iter().try_for_each(|(check, times)| writeln!(f, "  ran      {check} ({times})"))?;
        self.skipped.iter().try_for_each(|(check, why)| writeln!(f, "  skipped  {check}: {why}"))
    }
}

/// Runs what may fail but must not panic.
pub(crate) fn no_panic<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => {
            if let Err(error) = &result {
                let text = error.to_string();
                assert!(!text.trim().is_empty(), "{what}: the error says nothing");
            }
            result
        }
        Err(_) => panic!("{what}: panicked; input must give an error or a documented value"),
    }
}
