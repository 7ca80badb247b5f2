//! Long work tells how far it is, and can be cancelled.

use std::ops::ControlFlow;

use crate::{ErrorKind, Result};

/// How far long work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Units that are done.
    pub done: usize,
    /// Units in all, at most: what converges ends before.
    pub total: usize,
    /// What is counted, in the plural.
    pub unit: &'static str,
}

impl Step {
    /// A step of work.
    pub fn new(done: usize, total: usize, unit: &'static str) -> Self {
        Self { done, total, unit }
    }

    /// Tells of the step, for a recipe that works on unless it is cancelled. `stage` is what is being done: `fitting X`.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](ErrorKind::Cancelled), with how far the work was.
    pub fn tell(self, progress: &mut dyn Progress, stage: &str) -> Result<()> {
        match progress.step(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(self.cancelled(stage)),
        }
    }

    /// The error that the work was cancelled here.
    pub fn cancelled(self, stage: &str) -> crate::Error {
        let Self { done, total, unit } = self;
        ErrorKind::Cancelled { stage: format!("{stage}, after {done} of {total} {unit}") }.into()
    }
}

/// Is told how far long work is, and may cancel it: the `progress` of every `fit_with`.
///
/// A closure is one. Whoever cancels gets [`ErrorKind::Cancelled`]; recipe and rows are as before. What is fitted does not depend
/// on whether anybody was told. It is `Send`, since the work may go on in other threads; it is called by one at a time.
///
/// ```
/// use std::ops::ControlFlow;
/// use mlsys_core::{ErrorKind, Progress, Result, Step, silent};
///
/// /// Adds up slowly.
/// fn sum(values: &[u32], progress: &mut dyn Progress) -> Result<u32> {
///     let mut sum = 0;
///     for (i, value) in values.iter().enumerate() {
///         sum += value;
///         Step::new(i + 1, values.len(), "values").tell(progress, "adding")?;
///     }
///     Ok(sum)
/// }
///
/// assert_eq!(sum(&[1, 2, 3], &mut silent)?, 6);
/// let error = sum(&[1, 2, 3], &mut |step: Step| {
///     if step.done < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// });
/// assert_eq!(error.unwrap_err().to_string(), "cancelled while adding, after 2 of 3 values");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub trait Progress: Send {
    /// Is told of a step; [`ControlFlow::Break`] cancels the work.
    fn step(&mut self, step: Step) -> ControlFlow<()>;
}

impl<F: FnMut(Step) -> ControlFlow<()> + Send> Progress for F {
    fn step(&mut self, step: Step) -> ControlFlow<()> {
        self(step)
    }
}

/// The progress of work that nobody watches.
pub fn silent(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
