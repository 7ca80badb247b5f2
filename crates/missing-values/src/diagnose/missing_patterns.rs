//! Which cells are missing together.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::Schema;
use mlsys_core::hash::StableHasher;
use mlsys_core::{Error, Kind, NamedStatistic, Result, Statistic, column};
use serde::{Deserialize, Serialize};

use super::co_moments::CoMoments;
use super::missing_patterns_summary::{MissingPattern, MissingPatternsSummary};

/// Which moments [`MissingPatterns`] keeps of each pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternMoments {
    /// The means and the sums of products of the numeric columns, which [`LittleMcar`](crate::LittleMcar) needs.
    #[default]
    Numeric,
    /// None: only counts.
    None,
}

/// How many values are missing per column, per row and per pattern, and what the rows of each pattern look like;
/// mergeable, in one pass.
///
/// A pattern is a set of columns that are missing in the same row. What follows from the patterns is read from the
/// summary: correlations of missingness, influx and outflux, the table of patterns, and Little's test.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `moments` | `Numeric` | | n, means and sums of products per pattern, over the observed numbers |
/// | `max_patterns` | 10,000 | 1 or more | past it the patterns are given up; counts per column and row stay |
///
/// **Input**: any columns; null and NaN are missing. Numbers may not be infinite where moments are kept. Rows are not
/// weighted. **Cost**: p(p + 1)/2 numbers of state per pattern for p numeric columns. **Merging** is exact for counts,
/// and associative to rounding for moments. **Errors**: [`NonFinite`](mlsys_core::ErrorKind::NonFinite),
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch, StringArray};
/// use mlsys_core::{Dataset, statistic::summarize};
/// use mlsys_missing_values::MissingPatterns;
/// use std::sync::Arc;
///
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("gust", Arc::new(Float64Array::from(vec![Some(20.0), None, None, Some(30.0)])) as _),
///     ("plane", Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("c")])) as _),
/// ])?)?;
/// let found = summarize(&MissingPatterns::of(["gust", "plane"]), &data)?;
/// assert_eq!((found.missing.as_slice(), found.rows_by_gaps.as_slice()), ([2, 1].as_slice(), [2, 1, 1].as_slice()));
/// let complete = &found.patterns()?[0];
/// assert_eq!((complete.rows, complete.means[0], complete.products[[0, 0]]), (2, 25.0, 50.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where nearly every row has a pattern of its own: look at a few columns at a time.
///
/// Stef van Buuren, *Flexible Imputation of Missing Data*, 2nd edition, 2018, section 4.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct MissingPatterns {
    columns: Vec<String>,
    #[serde(default)]
    moments: PatternMoments,
    #[serde(default = "max_patterns")]
    max_patterns: usize,
}

fn max_patterns() -> usize {
    10_000
}

impl MissingPatterns {
    /// Of these columns.
    pub fn of<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, moments: PatternMoments::Numeric, max_patterns: max_patterns() }
    }

    /// Which moments are kept of each pattern.
    pub fn moments(mut self, moments: PatternMoments) -> Self {
        self.moments = moments;
        self
    }

    /// How many patterns are kept.
    pub fn max_patterns(mut self, max_patterns: usize) -> Self {
        self.max_patterns = max_patterns;
        self
    }

    fn words(&self) -> usize {
        self.columns.len().div_ceil(64)
    }

    /// The numeric columns that a pattern observes.
    fn observed(mask: &[u64], numeric: &[u32]) -> Vec<usize> {
        numeric.iter().map(|&j| j as usize).filter(|&j| !is_set(mask, j)).collect()
    }

    fn check(&self, state: &MissingPatternsState) -> Result<()> {
        if state.columns != self.columns {
            return Err(Error::state(self.columns.join(", "), state.columns.join(", ")));
        }
        let p = self.columns.len();
        let numeric = &state.numeric;
        let places = numeric.is_sorted_by(|a, b| a < b) && numeric.iter().all(|&j| (j as usize) < p);
        if !places || self.moments == PatternMoments::None && !numeric.is_empty() {
            return Err(Error::state("numeric columns in order", format!("{numeric:?}")));
        }
        if state.missing.len() != p || state.rows_by_gaps.len() != p + 1 {
            let found = format!("{} and {}", state.missing.len(), state.rows_by_gaps.len());
            return Err(Error::state(format!("counts of {p} columns"), found));
        }
        Ok(())
    }
}

fn is_set(mask: &[u64], j: usize) -> bool {
    mask[j / 64] >> (j % 64) & 1 == 1
}

/// The state of [`MissingPatterns`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MissingPatternsState {
    columns: Vec<String>,
    /// The places of the columns with moments, ascending.
    numeric: Vec<u32>,
    rows: u64,
    missing: Vec<u64>,
    rows_by_gaps: Vec<u64>,
    /// Ascending by mask: bit j of the words is set where column j is missing. `None` past the cap.
    patterns: Option<Vec<(Vec<u64>, CoMoments)>>,
}

impl MissingPatternsState {
    fn add(&mut self, from: Self, cap: usize) {
        self.rows = self.rows.saturating_add(from.rows);
        let add = |into: &mut Vec<u64>, from: &[u64]| {
            into.iter_mut().zip(from).for_each(|(into, from)| *into = into.saturating_add(*from));
        };
        add(&mut self.missing, &from.missing);
        add(&mut self.rows_by_gaps, &from.rows_by_gaps);
        self.patterns = match (self.patterns.take(), from.patterns) {
            (Some(own), Some(others)) => merged(own, others, cap),
            _ => None,
        };
    }
}

/// Two ascending lists as one.
fn merged(
    own: Vec<(Vec<u64>, CoMoments)>,
    others: Vec<(Vec<u64>, CoMoments)>,
    cap: usize,
) -> Option<Vec<(Vec<u64>, CoMoments)>> {
    let mut all = Vec::with_capacity(own.len().max(others.len()));
    let mut own = own.into_iter().peekable();
    for (mask, other) in others {
        while let Some(before) = own.next_if(|(known, _)| *known < mask) {
            all.push(before);
        }
        match own.next_if(|(known, _)| *known == mask) {
            Some((_, mut known)) => {
                known.combine(&other);
                all.push((mask, known));
            }
            None => all.push((mask, other)),
        }
    }
    all.extend(own);
    (all.len() <= cap).then_some(all)
}

impl NamedStatistic for MissingPatterns {
    const NAME: &'static str = "mlsys.MissingPatterns";

    fn check_state(&self, state: &MissingPatternsState) -> Result<()> {
        self.check(state)?;
        let Some(patterns) = &state.patterns else { return Ok(()) };
        let past = self.columns.len() % 64;
        let whole = |(mask, moments): &(Vec<u64>, CoMoments)| {
            mask.len() == self.words()
                && mask.last().is_none_or(|&last| past == 0 || last >> past == 0)
                && moments.rows > 0
                && moments.fits(Self::observed(mask, &state.numeric).len())
        };
        if patterns.len() > self.max_patterns {
            return Err(Error::state(
                format!("at most {} patterns", self.max_patterns),
                patterns.len().to_string(),
            ));
        }
        match patterns.iter().all(whole) && patterns.is_sorted_by(|(a, _), (b, _)| a < b) {
            true => Ok(()),
            false => Err(Error::state("patterns in order, each of its own columns", "others")),
        }
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        self.columns.clone()
    }
}

impl Statistic for MissingPatterns {
    type State = MissingPatternsState;
    type Output = MissingPatternsSummary;

    fn init(&self, schema: &Schema) -> Result<MissingPatternsState> {
        let bad =
            |name, value: &str| Err(Error::invalid_parameter("MissingPatterns", name, value, "1 or more"));
        if self.columns.is_empty() {
            return bad("columns", "none");
        }
        if self.max_patterns == 0 {
            return bad("max_patterns", "0");
        }
        let mut numeric = Vec::new();
        for (j, name) in self.columns.iter().enumerate() {
            if self.columns[..j].contains(name) {
                return Err(Error::invalid_parameter("MissingPatterns", "columns", name, "each column once"));
            }
            let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
            if self.moments == PatternMoments::Numeric && Kind::of(field.data_type()).is_number() {
                numeric.push(j as u32);
            }
        }
        let p = self.columns.len();
        Ok(MissingPatternsState {
            columns: self.columns.clone(),
            numeric,
            rows: 0,
            missing: vec![0; p],
            rows_by_gaps: vec![0; p + 1],
            patterns: Some(Vec::new()),
        })
    }

    fn update(&self, state: &mut MissingPatternsState, batch: &RecordBatch) -> Result<()> {
        self.check(state)?;
        let (n, p, words) = (batch.num_rows(), self.columns.len(), self.words());
        let mut masks = vec![0u64; n * words];
        let mut missing = vec![0; p];
        for (j, name) in self.columns.iter().enumerate() {
            if let Some(valid) = column::missing(name, column::find(batch, name)?)? {
                missing[j] = valid.null_count() as u64;
                for row in (!valid.inner()).set_indices() {
                    masks[row * words + j / 64] |= 1 << (j % 64);
                }
            }
        }
        let mut values = Vec::with_capacity(state.numeric.len());
        for &j in &state.numeric {
            let name = &self.columns[j as usize];
            values.push((j as usize, column::finite_or_missing(name, column::find(batch, name)?)?));
        }
        let mut rows_by_gaps = vec![0; p + 1];
        for mask in masks.chunks_exact(words) {
            rows_by_gaps[mask.iter().map(|word| word.count_ones() as usize).sum::<usize>()] += 1;
        }
        let patterns = state.patterns.is_some().then(|| grouped(&masks, words, self.max_patterns)).flatten();
        let patterns = patterns.map(|groups| {
            let of = |(mask, rows): (&[u64], Vec<u32>)| {
                let observed = values.iter().filter(|(j, _)| !is_set(mask, *j));
                let columns: Vec<&[f64]> = observed.map(|(_, values)| values.as_ref()).collect();
                (mask.to_vec(), CoMoments::of(&columns, &rows))
            };
            groups.into_iter().map(of).collect()
        });
        let columns = Vec::new();
        let from = MissingPatternsState {
            columns,
            numeric: Vec::new(),
            rows: n as u64,
            missing,
            rows_by_gaps,
            patterns,
        };
        state.add(from, self.max_patterns);
        Ok(())
    }

    fn merge(&self, into: &mut MissingPatternsState, from: MissingPatternsState) -> Result<()> {
        self.check(into)?;
        self.check(&from)?;
        if into.numeric != from.numeric {
            return Err(Error::state("states of one schema", "states of different ones"));
        }
        into.add(from, self.max_patterns);
        Ok(())
    }

    fn finish(&self, state: &MissingPatternsState) -> Result<MissingPatternsSummary> {
        self.check(state)?;
        let p = self.columns.len();
        let pattern = |(mask, moments): &(Vec<u64>, CoMoments)| {
            let missing = (0..p).map(|j| is_set(mask, j)).collect();
            MissingPattern::new(missing, Self::observed(mask, &state.numeric), moments)
        };
        let patterns = state.patterns.as_ref().map(|patterns| patterns.iter().map(pattern).collect());
        Ok(MissingPatternsSummary::new(
            self.columns.clone(),
            state.numeric.iter().map(|&j| j as usize).collect(),
            state.rows,
            (state.missing.clone(), state.rows_by_gaps.clone()),
            patterns,
            self.max_patterns,
        ))
    }
}

/// The rows of each mask, ascending by mask; `None` when there are more than `cap`.
fn grouped(masks: &[u64], words: usize, cap: usize) -> Option<Vec<(&[u64], Vec<u32>)>> {
    let mut known: HashMap<&[u64], usize, BuildHasherDefault<StableHasher>> = HashMap::default();
    let mut groups: Vec<(&[u64], Vec<u32>)> = Vec::new();
    let mut last = 0;
    for (row, mask) in masks.chunks_exact(words).enumerate() {
        // Rows often come in runs of one pattern.
        if groups.get(last).is_none_or(|(other, _)| *other != mask) {
            last = *known.entry(mask).or_insert(groups.len());
            if last == groups.len() {
                if groups.len() == cap {
                    return None;
                }
                groups.push((mask, Vec::new()));
            }
        }
        groups[last].1.push(row as u32);
    }
    groups.sort_unstable_by_key(|(mask, _)| *mask);
    Some(groups)
}
