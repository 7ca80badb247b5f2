//! New rows taken through the regressions of a chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use mlsys_core::hash::hash_u64;
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, InputColumn, Result, Transform, column, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::draws::Visit;
use crate::equation::Equation;
use crate::fitted_imputer::{indicator, output_fields, output_type};

/// Rows that are filled together on one thread.
const PART: usize = 256;

/// The values that a round put into a column's gaps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImputedColumn {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

/// How one round of the chain went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImputationRound {
    /// By how much a filled value changed at most.
    pub largest_change: f64,
    /// What was filled, for each column with gaps.
    pub columns: BTreeMap<String, ImputedColumn>,
}

/// A fitted [`IterativeImputer`](crate::IterativeImputer): the regressions of every round, and how the chain went.
///
/// Transforms a batch of any length. Columns that were never missing while fitting are filled, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedIterativeImputer {
    columns: Vec<InputColumn>,
    indicators: Vec<bool>,
    centers: Vec<f64>,
    /// For each round, or for the last one alone, the equations in the order of the columns visited.
    equations: Vec<Vec<Equation>>,
    rounds: Vec<ImputationRound>,
    converged: bool,
    seed: u64,
}

impl FittedIterativeImputer {
    pub(crate) fn new(
        columns: Vec<InputColumn>,
        indicators: Vec<bool>,
        centers: Vec<f64>,
        (equations, rounds, converged): (Vec<Vec<Equation>>, Vec<ImputationRound>, bool),
        seed: u64,
    ) -> Self {
        Self { columns, indicators, centers, equations, rounds, converged, seed }
    }

    /// How each round went, of the training rows.
    pub fn rounds(&self) -> &[ImputationRound] {
        &self.rounds
    }

    /// Whether the filled values had settled when the last round was over; draws never do.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The mean of a column, with which the chain starts.
    pub fn mean(&self, column: &str) -> Option<f64> {
        let at = self.columns.iter().position(|input| input.name() == column)?;
        self.centers.get(at).copied()
    }

    fn validate(&self) -> Result<()> {
        let p = self.columns.len();
        let (rounds, kept) = (self.rounds.len(), self.equations.len());
        let of_rounds = kept == rounds || kept == 1;
        if [self.indicators.len(), self.centers.len()] != [p; 2] || kept == 0 || !of_rounds {
            return Err(Error::artifact("has not one value for each column and round"));
        }
        let fits = |equation: &Equation| {
            let numbers = equation.coefficients.iter().chain([&equation.intercept]);
            equation.column < p
                && equation.coefficients.len() == p
                && numbers.into_iter().all(|b| b.is_finite())
                && equation.finish.is_valid()
        };
        let ascending = self.columns.windows(2).all(|pair| pair[0].name() < pair[1].name());
        let complete = |round: &Vec<Equation>| round.len() == p && round.iter().all(fits);
        if !ascending || !self.centers.iter().all(|x| x.is_finite()) || !self.equations.iter().all(complete) {
            return Err(Error::artifact(
                "has regressions of other columns, or of values that are not finite",
            ));
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self, at: usize, input: &Field) -> Vec<FieldRef> {
        output_fields(input, output_type(input.data_type(), true), false, self.indicators[at])
    }

    /// The columns, NaN where they are missing.
    pub(crate) fn read(&self, batch: &RecordBatch) -> Result<Vec<ScalarBuffer<f64>>> {
        let read = |input: &InputColumn| column::finite_or_missing(input.name(), input.find(batch)?);
        first_error(self.columns.par_iter().map(read).collect())
    }

    /// The batch with its columns filled by these rows and values.
    pub(crate) fn fill(
        &self,
        batch: &RecordBatch,
        values: &[ScalarBuffer<f64>],
        fills: &[Vec<(usize, f64)>],
    ) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .enumerate()
            .map(|(at, input)| {
                let fields = self.fields(at, input.check(batch.schema_ref())?);
                let target = output_type(input.find(batch)?.data_type(), true);
                let filled: ScalarBuffer<f64> = if fills[at].is_empty() {
                    values[at].clone()
                } else {
                    let mut filled = values[at].to_vec();
                    fills[at].iter().for_each(|&(row, value)| filled[row] = value);
                    filled.into()
                };
                let filled: ArrayRef = Arc::new(Float64Array::new(filled, None));
                let mut arrays = vec![cast(&filled, &target)?];
                if self.indicators[at] {
                    let there =
                        BooleanBuffer::collect_bool(batch.num_rows(), |row| !values[at][row].is_nan());
                    arrays.push(indicator(Some(NullBuffer::new(there)), batch.num_rows()));
                }
                Ok((input.name(), fields.into_iter().zip(arrays).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    /// What is put into the gaps of a few rows, by column.
    fn fills(&self, values: &[ScalarBuffer<f64>], rows: &[usize]) -> Vec<Vec<(usize, f64)>> {
        // The places of the rows with a gap in each column.
        let gaps: Vec<Vec<usize>> = values
            .iter()
            .map(|values| (0..rows.len()).filter(|&i| values[rows[i]].is_nan()).collect())
            .collect();
        let centred = |(values, center): (&ScalarBuffer<f64>, &f64)| -> Vec<f64> {
            rows.iter().map(|&row| if values[row].is_nan() { 0.0 } else { values[row] - center }).collect()
        };
        let mut filled: Vec<Vec<f64>> = values.iter().zip(&self.centers).map(centred).collect();
        let keys: Vec<u64> = rows.iter().map(|&row| content(values, row)).collect();
        let mut exact: Vec<Option<Vec<f64>>> = vec![None; values.len()];
        let mut predicted = Vec::with_capacity(rows.len());
        let last = self.equations.len().saturating_sub(1);
        for round in 0..self.rounds.len() {
            for equation in &self.equations[round.min(last)] {
                let at = equation.column;
                let gaps = &gaps[at];
                if gaps.is_empty() {
                    continue;
                }
                let visit = Visit::new(self.seed, round, self.columns[at].name());
                predicted.resize(gaps.len(), 0.0);
                let value = |k: usize, i: usize| filled[k][gaps[i]];
                exact[at] =
                    equation.fill(&mut predicted, self.centers[at], value, |i| visit.cell(keys[gaps[i]]));
                gaps.iter().zip(&predicted).for_each(|(&gap, &x)| filled[at][gap] = x);
            }
        }
        let back = |at: usize| match &exact[at] {
            Some(exact) => gaps[at].iter().zip(exact).map(|(&gap, &x)| (rows[gap], x)).collect(),
            None => gaps[at].iter().map(|&gap| (rows[gap], filled[at][gap] + self.centers[at])).collect(),
        };
        (0..values.len()).map(back).collect()
    }
}

/// What stands for a row where it has no id: a hash of its values.
fn content(values: &[ScalarBuffer<f64>], row: usize) -> u64 {
    values.iter().fold(0, |hash, values| {
        let x = values[row];
        // One NaN for all, and one zero.
        hash_u64(if x.is_nan() { u64::MAX } else { (x + 0.0).to_bits() }, hash)
    })
}

impl Transform for FittedIterativeImputer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let values = self.read(batch)?;
        let mut gap = vec![false; batch.num_rows()];
        for values in &values {
            gap.iter_mut().zip(values.iter()).for_each(|(gap, x)| *gap |= x.is_nan());
        }
        let rows: Vec<usize> = (0..gap.len()).filter(|&row| gap[row]).collect();
        let parts: Vec<Vec<Vec<(usize, f64)>>> =
            rows.par_chunks(PART).map(|rows| self.fills(&values, rows)).collect();
        let mut fills: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.columns.len()];
        for part in parts {
            fills.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
        }
        self.fill(batch, &values, &fills)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for (at, fitted) in self.columns.iter().enumerate() {
            with.insert(fitted.name(), self.fields(at, fitted.check(input)?));
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedIterativeImputer, "mlsys.FittedIterativeImputer", 1);
