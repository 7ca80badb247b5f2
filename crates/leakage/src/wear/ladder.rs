//! A leaderboard that answers only when it is better by more than chance.

use mlsys_core::{Direction, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

const NAME: &str = "Ladder";

/// Releases a score only when it is better than the best before by more than chance, and else the best before: what cannot be read off
/// the answers cannot be fitted to.
///
/// With a step η: `R_t = round(r_t; η)` if `r_t < R_(t−1) − η`, else `R_(t−1)`. Without: `R_t = round(r_t; 1/n)` if
/// `r_t < R_(t−1) − s/√n`, where s is the standard deviation of the losses of the n rows minus those of the best before; else
/// `R_(t−1)`. `round(x; η)` is the multiple of η nearest to x.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `step` | by the rows' losses | above 0 | by how much a score must be better |
/// | `direction` | `Minimize` | | what is better |
///
/// **Input**: a score ([`ask`](Self::ask), with a step only), or the loss of each row ([`ask_losses`](Self::ask_losses)): always of the
/// same rows in the same order; finite. With `Maximize` it is what each row gains. **Output**: what may be told, and whether it is new.
/// The first score is always released. It is plain data: keep it between runs, or it forgets what it has told. **Complexity**: O(n) a
/// question; n numbers are kept. **Errors**: a step that is not above 0; a score or a loss that is not finite; losses of another number
/// of rows; a score without a step.
///
/// ```
/// use mlsys_leakage::Ladder;
///
/// let mut ladder = Ladder::new().step(0.01);
/// assert_eq!(ladder.ask(0.3)?.value, 0.3);
/// // Not better by the step: it says what it said before.
/// assert_eq!(ladder.ask(0.295)?.value, 0.3);
/// assert_eq!(ladder.ask(0.2849)?.value, 0.28);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when people see the test labels in another way, or may submit under several names. Answers are rounded: do not compare
/// them with scores that are not.
///
/// Blum and Hardt, *The Ladder: a reliable leaderboard for machine learning competitions*, 2015, algorithm 1 and, without a step,
/// algorithm 2; the deviation is the sample's, over n − 1. **Instead**: [`TestLedger`](crate::TestLedger) where people are to see all
/// scores, and how far they can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ladder {
    step: Option<f64>,
    better: Better,
    /// As told, and so rounded.
    best: Option<f64>,
    /// The losses of the best, where they were given.
    losses: Vec<f64>,
    asked: usize,
}

/// [`Direction`] as plain data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Better {
    #[default]
    Lower,
    Higher,
}

impl Better {
    pub(super) fn of(direction: Direction) -> Self {
        match direction {
            Direction::Minimize => Self::Lower,
            Direction::Maximize => Self::Higher,
        }
    }

    /// Whether the first is better than the second by more than this: written as the paper has it, for equal bits at the border.
    fn beats(self, a: f64, b: f64, by: f64) -> bool {
        match self {
            Self::Lower => a < b - by,
            Self::Higher => a > b + by,
        }
    }

    /// By how much the first is better than the second.
    pub(super) fn lead(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Lower => b - a,
            Self::Higher => a - b,
        }
    }
}

/// What a [`Ladder`] tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Released {
    /// The best score so far, as far as it may be told.
    pub value: f64,
    /// Whether it is that of this question.
    pub improved: bool,
}

impl Ladder {
    /// A ladder that goes by the losses of rows, where less is better.
    pub fn new() -> Self {
        Self::default()
    }

    /// By how much a score must be better.
    #[must_use]
    pub fn step(mut self, step: f64) -> Self {
        self.step = Some(step);
        self
    }

    /// What is better.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.better = Better::of(direction);
        self
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// What it told last.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Asks with a score.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn ask(&mut self, score: f64) -> Result<Released> {
        let Some(step) = self.step else {
            let what =
                format!("{NAME} without a step goes by the losses of rows: use `ask_losses`, or set `step`");
            return Err(Error::unsupported(what));
        };
        if !score.is_finite() {
            return Err(Error::invalid_value("score", None, score, "finite"));
        }
        check_step(step)?;
        self.asked += 1;
        let new = match self.best {
            None => true,
            Some(best) => self.better.beats(score, best, step),
        };
        let rounded = (score / step).round() * step;
        // A step below what doubles tell apart rounds nothing.
        Ok(self.release(new, if rounded.is_finite() { rounded } else { score }))
    }

    /// Asks with the loss of each row.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn ask_losses(&mut self, losses: &[f64]) -> Result<Released> {
        if losses.is_empty() {
            return Err(Error::too_few_rows(1, 0, NAME));
        }
        if let Some(row) = losses.iter().position(|loss| !loss.is_finite()) {
            let value = losses.get(row).copied().unwrap_or(f64::NAN);
            return Err(ErrorKind::NonFinite { column: "losses".into(), row, value }.into());
        }
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        if !mean.is_finite() {
            return Err(Error::invalid_value("losses", None, "a mean beyond all numbers", "a finite one"));
        }
        if self.step.is_some() {
            return self.ask(mean);
        }
        let new = match self.best {
            None => true,
            Some(_) if self.losses.len() != losses.len() => {
                return Err(Error::shape("losses", format!("{} rows", self.losses.len()), losses.len()));
            }
            Some(best) => {
                let differences: Vec<f64> = losses.iter().zip(&self.losses).map(|(a, b)| a - b).collect();
                self.better.beats(mean, best, deviation(&differences) / n.sqrt())
            }
        };
        self.asked += 1;
        if new {
            self.losses = losses.to_vec();
        }
        let rounded = (mean * n).round() / n;
        Ok(self.release(new, if rounded.is_finite() { rounded } else { mean }))
    }

    fn release(&mut self, new: bool, rounded: f64) -> Released {
        match (new, self.best) {
            (false, Some(value)) => Released { value, improved: false },
            _ => {
                self.best = Some(rounded);
                Released { value: rounded, improved: true }
            }
        }
    }
}

fn check_step(step: f64) -> Result<()> {
    if step.is_finite() && step > 0.0 {
        return Ok(());
    }
    Err(Error::invalid_parameter(NAME, "step", step, "finite and above 0"))
}

/// The sample's standard deviation; 0 of one value.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt()
}
