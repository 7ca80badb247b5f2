//! What the tests ask of their samples, and the samples in order.

use mlsys_core::column::order_key;
use mlsys_core::{Error, ErrorKind, Result};

use crate::column::BLOCK;
use crate::counted::few_distinct;

/// The name of a sample in messages: `samples[2]`.
pub(crate) fn place(sample: usize) -> String {
    format!("samples[{sample}]")
}

/// The error that values do not vary.
pub(crate) fn constant(what: &str) -> Error {
    Error::invalid_value(what, None, "one value in all rows", "values that differ")
}

/// The values that are there, and how many are missing.
///
/// # Errors
///
/// [`TooFewRows`](ErrorKind::TooFewRows) with fewer than `need`.
pub(crate) fn present(test: &str, name: &str, values: &[f64], need: usize) -> Result<(Vec<f64>, usize)> {
    let kept: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    enough(test, name, kept.len(), need)?;
    let missing = values.len() - kept.len();
    Ok((kept, missing))
}

pub(crate) fn enough(test: &str, name: &str, found: usize, need: usize) -> Result<()> {
    if found >= need {
        return Ok(());
    }
    Err(Error::too_few_rows(need, found, format!("{test} on `{name}` (missing values left out)")))
}

/// The first infinite value, refused; the row is counted in the values given.
pub(crate) fn finite(name: &str, values: &[f64]) -> Result<()> {
    match mlsys_core::column::first_infinite(values) {
        Some(row) => Err(ErrorKind::NonFinite { column: name.into(), row, value: values[row] }.into()),
        None => Ok(()),
    }
}

/// Refuses samples of different lengths.
pub(crate) fn same_length(what: &str, a: usize, b: usize) -> Result<()> {
    if a == b { Ok(()) } else { Err(Error::shape(what, format!("{a} values"), b)) }
}

/// The pairs without a missing value, and how many pairs were left out.
pub(crate) fn pairs(a: &[f64], b: &[f64]) -> Result<(Vec<(f64, f64)>, usize)> {
    same_length("pairs", a.len(), b.len())?;
    let kept: Vec<(f64, f64)> =
        a.iter().copied().zip(b.iter().copied()).filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
    let missing = a.len() - kept.len();
    Ok((kept, missing))
}

/// Refuses a level that is not between 0 and 1.
pub(crate) fn check_level(test: &str, level: f64) -> Result<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Error::invalid_parameter(test, "level", level, "between 0 and 1, both excluded"))
}

/// A sample in order: distinct values with their counts if they repeat, else every value.
pub(crate) enum Ordered {
    Counts(Vec<(u64, u64)>),
    Keys(Vec<u64>),
}

impl Ordered {
    /// Missing values are left out.
    pub(crate) fn of(values: &[f64]) -> Result<Self> {
        if let Some(counts) = few_distinct(values.len(), |visit| Ok(values.chunks(BLOCK).all(visit)))? {
            return Ok(Self::Counts(counts));
        }
        let mut keys = Vec::with_capacity(values.len());
        keys.extend(values.iter().filter(|x| !x.is_nan()).map(|&x| order_key(x)));
        keys.sort_unstable();
        Ok(Self::Keys(keys))
    }

    /// Values that are there.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Counts(counts) => counts.iter().map(|(_, n)| *n as usize).sum(),
            Self::Keys(keys) => keys.len(),
        }
    }

    /// Keys ascending, each with how often it occurs; a key may come twice in a row.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u64, u64)) {
        match self {
            Self::Counts(counts) => counts.iter().for_each(|&(key, n)| visit(key, n)),
            Self::Keys(keys) => keys.chunk_by(|a, b| a == b).for_each(|run| visit(run[0], run.len() as u64)),
        }
    }
}

/// The samples in order, each with rows enough, and how many values are missing in all.
pub(crate) fn ordered(test: &str, samples: &[&[f64]], need: usize) -> Result<(Vec<Ordered>, usize)> {
    use rayon::prelude::*;
    let sorted: Vec<Result<Ordered>> = samples.par_iter().map(|values| Ordered::of(values)).collect();
    let sorted: Vec<Ordered> = mlsys_core::first_error(sorted)?;
    let mut missing = 0;
    for (i, (sample, values)) in sorted.iter().zip(samples).enumerate() {
        let name = match (samples.len(), i) {
            (1 | 2, 0) => "a".into(),
            (2, _) => "b".into(),
            _ => place(i),
        };
        enough(test, &name, sample.len(), need)?;
        missing += values.len() - sample.len();
    }
    Ok((sorted, missing))
}

/// Calls `visit` with each distinct value of all samples, ascending, and how often each sample has it.
pub(crate) fn pooled(samples: &[Ordered], mut visit: impl FnMut(u64, &[u64])) {
    let mut all: Vec<(u64, u32, u64)> = Vec::new();
    for (sample, values) in samples.iter().enumerate() {
        values.for_each(|key, n| all.push((key, sample as u32, n)));
    }
    // The stable sort finds the ascending runs and merges them.
    all.sort_by_key(|entry| entry.0);
    let mut counts = vec![0u64; samples.len()];
    for run in all.chunk_by(|a, b| a.0 == b.0) {
        run.iter().for_each(|&(_, sample, n)| counts[sample as usize] += n);
        visit(run[0].0, &counts);
        run.iter().for_each(|&(_, sample, _)| counts[sample as usize] = 0);
    }
}
