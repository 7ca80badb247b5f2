//! What ensembles share: members in parallel, and members in artefacts.

use std::sync::{Mutex, PoisonError};

use mlsys_core::artifact::{StepReader, Steps};
use mlsys_core::{Artifact, Error, InputColumn, LoadArtifact, Progress, Result, Step, first_error, seed};
use rayon::prelude::*;

use crate::labelled::Labelled;

/// As many models as an ensemble may have: fewer than an artefact has steps.
pub(crate) const MOST: usize = 9_999;

/// How many results are held at once. Not by the number of threads: sums are in the order of the members anyway.
const BLOCK: usize = 16;

/// Refuses no models, and too many.
pub(crate) fn check_size(estimator: &str, name: &str, size: usize) -> Result<()> {
    if (1..=MOST).contains(&size) {
        return Ok(());
    }
    Err(Error::invalid_parameter(estimator, name, size, format!("1 to {MOST}")))
}

/// Each resample has two classes by a chance of a half or more, unless it is far smaller than the table.
const ATTEMPTS: usize = 1_000;

/// So many of the rows that count, drawn with replacement for a member, ascending; of two classes at least.
pub(crate) fn bootstrap(
    labelled: &Labelled,
    rows: usize,
    seed: u64,
    member: u64,
    estimator: &str,
) -> Result<Vec<usize>> {
    let n = labelled.all.len();
    let mut rng = seed::stream(seed, member);
    for _ in 0..ATTEMPTS {
        let mut drawn: Vec<usize> = (0..rows).map(|_| seed::below(n as u64, &mut rng) as usize).collect();
        drawn.sort_unstable();
        let class = |place: &usize| labelled.classes[*place];
        if drawn.windows(2).any(|pair| class(&pair[0]) != class(&pair[1])) {
            return Ok(drawn.into_iter().map(|place| labelled.all[place]).collect());
        }
    }
    let why = format!("{estimator}: resamples of {rows} rows have one class only");
    Err(Error::too_few_rows(rows.saturating_add(1), rows, why))
}

/// Tells of models from any thread, one at a time.
pub(crate) struct Told<'a> {
    progress: Mutex<(&'a mut dyn Progress, usize, bool)>,
    total: usize,
    estimator: &'static str,
}

impl<'a> Told<'a> {
    pub fn new(progress: &'a mut dyn Progress, total: usize, estimator: &'static str) -> Self {
        Self { progress: Mutex::new((progress, 0, false)), total, estimator }
    }

    /// One more model. Whoever has cancelled is not asked again.
    pub fn model(&self) -> Result<()> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = format!("fitting {}", self.estimator);
        let (told, done, cancelled) = &mut *progress;
        let step = |done: usize| Step::new(done, self.total, "models");
        if *cancelled {
            return Err(step(*done).cancelled(&stage));
        }
        *done += 1;
        step(*done).tell(*told, &stage).inspect_err(|_| *cancelled = true)
    }
}

/// Does something for each of `n` in parallel, and takes what it gives in order, some at a time.
pub(crate) fn in_order<T: Send>(
    n: usize,
    make: impl Fn(usize) -> Result<T> + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    for first in (0..n).step_by(BLOCK) {
        let made: Vec<Result<T>> = (first..n.min(first + BLOCK)).into_par_iter().map(&make).collect();
        let made: Vec<T> = first_error(made)?;
        made.into_iter().enumerate().try_for_each(|(at, made)| take(first + at, made))?;
    }
    Ok(())
}

/// The steps of the members, one after another.
pub(crate) fn save_members<'a, M: Artifact + 'a>(
    members: impl IntoIterator<Item = &'a M>,
    steps: &mut Steps,
) -> Result<()> {
    members.into_iter().try_for_each(|member| member.save_steps(steps))
}

/// So many members; the count may be anything.
pub(crate) fn load_members<M: LoadArtifact>(members: u32, steps: &mut StepReader<'_>) -> Result<Vec<M>> {
    if members == 0 || members as usize > MOST {
        return Err(Error::artifact(format!("has {members} members, and not 1 to {MOST}")));
    }
    // Not by the count: each takes a step at least, and those are as many as there are.
    let mut loaded = Vec::new();
    for _ in 0..members {
        loaded.push(M::load_steps(steps)?);
    }
    Ok(loaded)
}

/// What any of the members reads.
pub(crate) fn inputs_of<'a, M: Artifact + 'a>(
    members: impl IntoIterator<Item = &'a M>,
) -> Option<Vec<InputColumn>> {
    let mut inputs: Vec<InputColumn> = Vec::new();
    for member in members {
        for input in member.inputs()? {
            if !inputs.iter().any(|known| known.name() == input.name()) {
                inputs.push(input);
            }
        }
    }
    Some(inputs)
}
