//! Several tables, each filled by draws of its own.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use mlsys_core::hash::hash_u64;
use mlsys_core::{Columns, Dataset, Error, Progress, Result, Step, Train, first_error, silent};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{FittedIterativeImputer, ImputationMethod, IterativeImputer};

/// Fills a table several times, by draws that differ, so that what is computed from each shows how much the gaps leave open.
///
/// Runs `tables` chains of an [`IterativeImputer`] side by side, each with a seed of its own; [`pool`](crate::pool) puts the results
/// together.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `tables` | 5 | 2 or more | completed tables, m |
/// | `imputer` | `IterativeImputer` with [`ImputationMethod::pmm`] | methods that draw | one chain |
/// | `on` | the numeric features | | which columns are filled and looked at |
///
/// **Input** and **errors**: those of the imputer (categories take part where `on` chooses them), and [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for fewer than 2 tables and for
/// a method that does not draw: its tables would all be the same. **Output**: for each chain the completed training rows, and the fitted imputer, which fills new
/// rows. The i-th chain does not depend on how many there are.
///
/// Time and memory are m times those of the imputer; the chains run on all threads.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
/// use mlsys_missing_values::{MultipleImputer, pool};
/// use std::sync::Arc;
///
/// let x = Float64Array::from_iter_values((0..40).map(f64::from));
/// let y = Float64Array::from_iter((0..40).map(|i| (i % 4 > 0).then_some(f64::from(i * 2 + i * i % 7))));
/// let rows = RecordBatch::try_from_iter([("x", Arc::new(x) as _), ("y", Arc::new(y) as _)])?;
/// let completed = MultipleImputer::new().tables(10).impute(&Dataset::new(rows)?.into_train_all())?;
/// let (mut means, mut variances) = (Vec::new(), Vec::new());
/// for table in &completed {
///     let y = table.data.batch()["y"].as_primitive::<Float64Type>().values();
///     let mean = y.iter().sum::<f64>() / 40.0;
///     means.push(mean);
///     variances.push(y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 39.0 / 40.0);
/// }
/// let pooled = pool(&means, &variances, 39.0)?;
/// assert!(pooled.interval.0 < 41.0 && 41.0 < pooled.interval.1);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when whether a value is missing depends on the value itself: no method sees that from the table.
///
/// D. Rubin, *Multiple Imputation for Nonresponse in Surveys*, 1987; van Buuren and Groothuis-Oudshoorn, *mice: Multivariate Imputation by
/// Chained Equations in R*, 2011.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is used"]
pub struct MultipleImputer {
    tables: usize,
    imputer: IterativeImputer,
    columns: Option<Columns>,
}

impl Default for MultipleImputer {
    fn default() -> Self {
        Self { tables: 5, imputer: IterativeImputer::new().method(ImputationMethod::pmm()), columns: None }
    }
}

/// One of the tables of a [`MultipleImputer`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompletedTable {
    /// The training rows, filled.
    pub data: Dataset<Train>,
    /// What fills new rows the same way, and tells how the chain went.
    pub fitted: FittedIterativeImputer,
}

impl MultipleImputer {
    /// Five tables by predictive mean matching.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tables.
    pub fn tables(mut self, tables: usize) -> Self {
        self.tables = tables;
        self
    }

    /// The imputer that each is filled by; its seed is the one that those of the tables come from.
    pub fn imputer(mut self, imputer: IterativeImputer) -> Self {
        self.imputer = imputer;
        self
    }

    /// Which features the chains fill and look at, as [`Fit::on`](mlsys_core::Fit::on) chooses them for a recipe.
    pub fn on(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// Fills the training rows as often as there are tables.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn impute(&self, train: &Dataset<Train>) -> Result<Vec<CompletedTable>> {
        self.impute_with(train, &mut silent)
    }

    /// As [`impute`](Self::impute), and tells of each column that a chain visited, of all chains together: `tables` ·
    /// `max_iter` times as many as there are columns. It is told so on the threads that impute, and must not start parallel work there.
    ///
    /// # Errors
    ///
    /// As [`impute`](Self::impute), and [`Cancelled`](mlsys_core::ErrorKind::Cancelled).
    pub fn impute_with(
        &self,
        train: &Dataset<Train>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<CompletedTable>> {
        let name = "MultipleImputer";
        if self.tables < 2 {
            return Err(Error::invalid_parameter(name, "tables", self.tables, "2 or more"));
        }
        if !self.imputer.draws() {
            return Err(Error::invalid_parameter(name, "method", "BayesianRidge", "one that draws"));
        }
        let chosen = match &self.columns {
            None => train.clone(),
            Some(columns) => train.on(columns.clone())?,
        };
        let told = Mutex::new(Told { progress, done: 0, cancelled: None });
        let table = |table: usize| {
            let imputer = self.imputer.seed(hash_u64(table as u64, self.imputer.seeded()));
            let mut tell = |step: Step| {
                told.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .step(step.total.saturating_mul(self.tables))
            };
            let (fitted, data) = imputer.fit_transform_with(chosen.clone(), &mut tell)?;
            // Features that were not chosen are features again.
            Ok(CompletedTable { data: train.with_batch(data.batch().clone())?, fitted })
        };
        let completed = first_error((0..self.tables).into_par_iter().map(table).collect());
        match told.into_inner().unwrap_or_else(PoisonError::into_inner).cancelled {
            Some(step) => Err(step.cancelled("imputing several tables")),
            None => completed,
        }
    }
}

/// What the chains tell, one at a time.
struct Told<'a> {
    progress: &'a mut dyn Progress,
    done: usize,
    cancelled: Option<Step>,
}

impl Told<'_> {
    fn step(&mut self, total: usize) -> ControlFlow<()> {
        if self.cancelled.is_some() {
            return ControlFlow::Break(());
        }
        self.done += 1;
        let step = Step::new(self.done, total, "columns");
        let flow = self.progress.step(step);
        self.cancelled = flow.is_break().then_some(step);
        flow
    }
}
