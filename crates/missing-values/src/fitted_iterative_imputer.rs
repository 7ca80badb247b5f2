//! New rows taken through the regressions of a chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::hash::hash_u64;
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Category, Error, InputColumn, Result, Transform, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::draws::Visit;
use crate::equation::Regression;
use crate::fitted_imputer::{filled_classes, indicator, output_fields, output_type};
use crate::variable::{Variable, places};

/// Values from here on become infinite in 16 bits.
const F16_END: f64 = 65_520.0;

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

/// The classes that a round put into a category's gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImputedCategory {
    /// The share of the gaps that each class has, classes ascending.
    pub shares: Vec<(Category, f64)>,
    /// The share of the gaps whose class the round changed.
    pub changed: f64,
}

/// How one round of the chain went. With weights, a row counts as often as its weight says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImputationRound {
    /// By how much a filled number changed at most.
    pub largest_change: f64,
    /// The share of all gaps in categories whose class changed; 0 without such gaps.
    pub changed: f64,
    /// What was filled, for each number with gaps.
    pub columns: BTreeMap<String, ImputedColumn>,
    /// What was filled, for each category with gaps.
    pub categories: BTreeMap<String, ImputedCategory>,
}

/// A fitted [`IterativeImputer`](crate::IterativeImputer): the regressions of every round, and how the chain went.
///
/// Transforms a batch of any length. Columns that were never missing while fitting are filled, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedIterativeImputer {
    columns: Vec<InputColumn>,
    indicators: Vec<bool>,
    variables: Vec<Variable>,
    /// For each round, or for the last one alone, the regressions in the order of the columns visited.
    equations: Vec<Vec<Regression>>,
    rounds: Vec<ImputationRound>,
    converged: bool,
    seed: u64,
}

impl FittedIterativeImputer {
    pub(crate) fn new(
        columns: Vec<InputColumn>,
        indicators: Vec<bool>,
        variables: Vec<Variable>,
        (equations, rounds, converged): (Vec<Vec<Regression>>, Vec<ImputationRound>, bool),
        seed: u64,
    ) -> Self {
        Self { columns, indicators, variables, equations, rounds, converged, seed }
    }

    /// How each round went, of the training rows.
    pub fn rounds(&self) -> &[ImputationRound] {
        &self.rounds
    }

    /// Whether the filled values had settled when the last round was over; draws never do.
    pub fn converged(&self) -> bool {
        self.converged
    }

    fn variable(&self, column: &str) -> Option<&Variable> {
        self.variables.get(self.columns.iter().position(|input| input.name() == column)?)
    }

    /// The mean of a number, with which the chain starts.
    pub fn mean(&self, column: &str) -> Option<f64> {
        match self.variable(column)? {
            Variable::Number { center } => Some(*center),
            Variable::Classes { .. } => None,
        }
    }

    /// The most frequent class of a category, with which the chain starts.
    pub fn most_frequent(&self, column: &str) -> Option<&Category> {
        let variable = self.variable(column)?;
        match variable {
            Variable::Number { .. } => None,
            Variable::Classes { known, .. } => known.get(variable.most_frequent() as usize),
        }
    }

    /// The classes of a category that were there, ascending.
    pub fn classes(&self, column: &str) -> Option<&[Category]> {
        match self.variable(column)? {
            Variable::Number { .. } => None,
            Variable::Classes { known, .. } => Some(known),
        }
    }

    fn validate(&self) -> Result<()> {
        let p = self.columns.len();
        let (rounds, kept) = (self.rounds.len(), self.equations.len());
        let of_rounds = kept == rounds || kept == 1;
        if [self.indicators.len(), self.variables.len()] != [p; 2] || kept.min(rounds) == 0 || !of_rounds {
            return Err(Error::artifact("has not one value for each column and round"));
        }
        let mut kinds = self.variables.iter().zip(&self.columns);
        if let Some((_, input)) = kinds.find(|(variable, input)| !variable.is_valid(input.kind())) {
            return Err(Error::artifact(format!(
                "has a mean or classes of `{}` that are none",
                input.name()
            )));
        }
        let all: usize = self.variables.iter().map(Variable::width).sum();
        let fits = |regression: &Regression| match (regression, self.variables.get(regression.column())) {
            (Regression::Number(equation), Some(Variable::Number { .. })) => {
                let numbers = equation.coefficients.iter().chain([&equation.intercept]);
                equation.coefficients.len() == all
                    && numbers.into_iter().all(|b| b.is_finite())
                    && equation.finish.is_valid()
            }
            (Regression::Classes(equation), Some(variable @ Variable::Classes { .. })) => {
                equation.is_valid(variable.width(), all)
            }
            _ => false,
        };
        let ascending = self.columns.windows(2).all(|pair| pair[0].name() < pair[1].name());
        let complete = |round: &Vec<Regression>| {
            let mut of: Vec<usize> = round.iter().map(Regression::column).collect();
            of.sort_unstable();
            of.into_iter().eq(0..p) && round.iter().all(fits)
        };
        if !ascending || !self.equations.iter().all(complete) {
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
        output_fields(input, self.output_type(at, input.data_type()), false, self.indicators[at])
    }

    fn output_type(&self, at: usize, input: &DataType) -> DataType {
        output_type(input, matches!(self.variables[at], Variable::Number { .. }))
    }

    /// The columns as numbers or codes of classes, NaN where they are missing.
    pub(crate) fn read(&self, batch: &RecordBatch) -> Result<Vec<ScalarBuffer<f64>>> {
        let read =
            |(input, variable): (&InputColumn, &Variable)| variable.read(input.name(), input.find(batch)?);
        first_error(self.columns.par_iter().zip(&self.variables).map(read).collect())
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
                let array = input.find(batch)?;
                let target = self.output_type(at, array.data_type());
                let mut arrays = vec![match &self.variables[at] {
                    Variable::Classes { known, .. } => filled_classes(array, &target, known, &fills[at])?,
                    Variable::Number { center } => {
                        // Where the column's own type cannot hold a fill, the mean stands.
                        let held = |value: f64| match &target {
                            DataType::Float32 => (value as f32).is_finite(),
                            DataType::Float16 => value.abs() < F16_END,
                            _ => true,
                        };
                        let filled: ScalarBuffer<f64> = if fills[at].is_empty() {
                            values[at].clone()
                        } else {
                            let mut filled = values[at].to_vec();
                            for &(row, value) in &fills[at] {
                                filled[row] = if held(value) { value } else { *center };
                            }
                            filled.into()
                        };
                        let filled: ArrayRef = Arc::new(Float64Array::new(filled, None));
                        cast(&filled, &target)?
                    }
                }];
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
        let places = places(&self.variables);
        let mut filled: Vec<Vec<f64>> = Vec::new();
        for (values, variable) in values.iter().zip(&self.variables) {
            // A gap starts with the mean or the most frequent class.
            let start = match variable {
                Variable::Number { center } => *center,
                Variable::Classes { .. } => f64::from(variable.most_frequent()),
            };
            let value = |place: usize, row: usize| {
                variable.value(if values[row].is_nan() { start } else { values[row] }, place)
            };
            let places = 0..variable.width();
            filled
                .extend(places.map(|place| rows.iter().map(|&row| value(place, row)).collect::<Vec<f64>>()));
        }
        let keys: Vec<u64> = rows.iter().map(|&row| content(values, row)).collect();
        let mut exact: Vec<Option<Vec<f64>>> = vec![None; values.len()];
        let mut predicted = Vec::with_capacity(rows.len());
        let last = self.equations.len().saturating_sub(1);
        for round in 0..self.rounds.len() {
            for regression in &self.equations[round.min(last)] {
                let at = regression.column();
                let (gaps, own, variable) = (&gaps[at], &places[at], &self.variables[at]);
                if gaps.is_empty() {
                    continue;
                }
                let visit = Visit::new(self.seed, round, self.columns[at].name());
                let value = |k: usize, i: usize| filled[k][gaps[i]];
                let cell = |i: usize| visit.cell(keys[gaps[i]]);
                match regression {
                    Regression::Number(equation) => {
                        predicted.resize(gaps.len(), 0.0);
                        exact[at] = equation.fill(own.start, &mut predicted, variable.center(), value, cell);
                        gaps.iter().zip(&predicted).for_each(|(&gap, &x)| filled[own.start][gap] = x);
                    }
                    Regression::Classes(equation) => {
                        let classes = equation.fill(gaps.len(), own, variable.most_frequent(), value, cell);
                        let codes: Vec<f64> = classes.into_iter().map(f64::from).collect();
                        for (place, k) in own.clone().enumerate() {
                            gaps.iter()
                                .zip(&codes)
                                .for_each(|(&gap, &code)| filled[k][gap] = variable.value(code, place));
                        }
                        exact[at] = Some(codes);
                    }
                }
            }
        }
        let back = |at: usize| match &exact[at] {
            Some(exact) => gaps[at].iter().zip(exact).map(|(&gap, &x)| (rows[gap], x)).collect(),
            None => {
                let (filled, center) = (&filled[places[at].start], self.variables[at].center());
                gaps[at].iter().map(|&gap| (rows[gap], filled[gap] + center)).collect()
            }
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
