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
    pub(crate) fn groups(&self) -> Groups<'_> {
        match self {
            Self::Counts(counts) => Groups::Counts(counts.iter()),
            Self::Keys(keys) => Groups::Keys(keys),
        }
    }
}

/// See [`Ordered::groups`].
pub(crate) enum Groups<'a> {
    Counts(std::slice::Iter<'a, (u64, u64)>),
    Keys(&'a [u64]),
}

impl Iterator for Groups<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        match self {
            Self::Counts(counts) => counts.next().copied(),
            Self::Keys(keys) => {
                let key = *keys.first()?;
                let run = keys.iter().take_while(|k| **k == key).count();
                *keys = &keys[run..];
                Some((key, run as u64))
            }
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
    if let [a, b] = samples {
        return pooled_two(a, b, |key, counts| visit(key, &counts));
    }
    let mut all: Vec<(u64, u32, u64)> = Vec::new();
    for (sample, values) in samples.iter().enumerate() {
        all.extend(values.groups().map(|(key, n)| (key, sample as u32, n)));
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

/// [`pooled`] of two samples.
pub(crate) fn pooled_two(a: &Ordered, b: &Ordered, mut visit: impl FnMut(u64, [u64; 2])) {
    if let (Ordered::Keys(a), Ordered::Keys(b)) = (a, b) {
        return merged_keys(a, b, visit);
    }
    let (mut a, mut b) = (a.groups(), b.groups());
    let (mut next_a, mut next_b) = (a.next(), b.next());
    while let Some(key) = [next_a, next_b].into_iter().flatten().map(|(key, _)| key).min() {
        let mut counts = [0; 2];
        // A key may come twice in a row, for 0.0 and -0.0.
        while let Some((_, n)) = next_a.filter(|(x, _)| *x == key) {
            counts[0] += n;
            next_a = a.next();
        }
        while let Some((_, n)) = next_b.filter(|(y, _)| *y == key) {
            counts[1] += n;
            next_b = b.next();
        }
        visit(key, counts);
    }
}

/// [`pooled`] of two samples that are not counted. Which sample is next cannot be foreseen, so that nothing
/// branches on it.
fn merged_keys(a: &[u64], b: &[u64], mut visit: impl FnMut(u64, [u64; 2])) {
    /// Above the keys of all numbers.
    const END: u64 = u64::MAX;
    let at = |keys: &[u64], i: usize| keys.get(i).copied().unwrap_or(END);
    let (mut i, mut j) = (0, 0);
    let (mut x, mut y) = (at(a, 0), at(b, 0));
    let mut counts = [0; 2];
    while i < a.len() || j < b.len() {
        let key = x.min(y);
        let (from_a, from_b) = (usize::from(x == key), usize::from(y == key));
        (i, j) = (i + from_a, j + from_b);
        counts = [counts[0] + from_a as u64, counts[1] + from_b as u64];
        (x, y) = (at(a, i), at(b, j));
        if x.min(y) != key {
            visit(key, std::mem::take(&mut counts));
        }
    }
}
