//! The fitted chain of models.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::compute::{interleave, take};
use mlsys_core::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use mlsys_core::artifact::{StepReader, Steps};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Artifact, Dataset, Error, Fit, InputColumn, LoadArtifact, NamedArtifact, Predict, Result, Train,
    Transform,
};
use serde::{Deserialize, Serialize};

use super::rows::{Rows, gaps};
use crate::FittedImputer;
use crate::fitted_imputer::{indicator, output_fields, output_type};

/// In the place of a model that a [`ModelImputer`](super::ModelImputer) does not have. It has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoModel {}

impl Fit for NoModel {
    type Fitted = Self;

    fn fit(&self, _: &Dataset<Train>) -> Result<Self> {
        Ok(*self)
    }
}

impl Predict for NoModel {
    fn predict(&self, _: &RecordBatch) -> Result<ArrayRef> {
        match *self {}
    }
}

impl Artifact for NoModel {
    fn save_steps(&self, _: &mut Steps) -> Result<()> {
        match *self {}
    }
}

impl LoadArtifact for NoModel {
    fn load_steps(_: &mut StepReader<'_>) -> Result<Self> {
        Err(Error::artifact("has a model where there is none"))
    }
}

/// The model of a column.
#[derive(Debug, Clone)]
pub(super) enum Model<P, Q> {
    Number(P),
    Category(Q),
}

impl<P: Predict, Q: Predict> Model<P, Q> {
    pub fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        match self {
            Self::Number(model) => model.predict(batch),
            Self::Category(model) => model.predict(batch),
        }
    }
}

/// How a round of a [`ModelImputer`](super::ModelImputer) went, of the training rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelRound {
    /// The largest change of a number that was filled in, in the unit of its column.
    pub largest_change: f64,
    /// The share of the categories filled in that changed.
    pub changed: f64,
}

/// What is kept besides the models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chain {
    /// What models read, by name.
    pub inputs: Vec<InputColumn>,
    /// Which of them are filled.
    pub fills: Vec<bool>,
    /// What the chain starts with.
    pub numbers: Option<FittedImputer>,
    pub categories: Option<FittedImputer>,
    pub indicators: Vec<bool>,
    pub rounds: Vec<ModelRound>,
    pub converged: bool,
}

/// What fitting a [`ModelImputer`](super::ModelImputer) returns: the models of every round.
#[derive(Debug, Clone)]
pub struct FittedModelImputer<P, Q> {
    chain: Chain,
    /// Models in their order: a pass per round, and one of the columns that had no gaps.
    passes: Vec<Vec<(usize, Model<P, Q>)>>,
}

const STORED_AS: &str = "mlsys.FittedModelImputer";
const VERSION: u32 = 1;

/// What is stored ahead of the models, which follow as steps of their own.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    chain: Chain,
    /// The columns of each pass.
    passes: Vec<Vec<u32>>,
}

impl<P, Q> FittedModelImputer<P, Q> {
    pub(super) fn new(chain: Chain, passes: Vec<Vec<(usize, Model<P, Q>)>>) -> Self {
        Self { chain, passes }
    }

    /// How each round went, of the training rows.
    pub fn rounds(&self) -> &[ModelRound] {
        &self.chain.rounds
    }

    /// Whether the filled values had settled when the last round was over.
    pub fn converged(&self) -> bool {
        self.chain.converged
    }

    fn fields(&self, at: usize, input: &Field) -> Vec<FieldRef> {
        let widen = self.chain.inputs[at].kind().is_number();
        output_fields(input, output_type(input.data_type(), widen), false, self.chain.indicators[at])
    }
}

impl<P: Predict, Q: Predict> Transform for FittedModelImputer<P, Q> {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Chain { inputs, fills, numbers, categories, indicators, .. } = &self.chain;
        let missing = gaps(inputs, fills, batch)?;
        let started = Rows::filled(inputs, [numbers, categories], batch)?;
        // Only rows with a gap go through the chain.
        let mut place = vec![usize::MAX; batch.num_rows()];
        missing.iter().flatten().for_each(|&row| place[row] = 0);
        let rows: Vec<usize> = (0..place.len()).filter(|&row| place[row] == 0).collect();
        rows.iter().enumerate().for_each(|(at, &row)| place[row] = at);
        let some = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let taken = started.0.iter().map(|array| Ok(take(array, &some, None)?)).collect::<Result<_>>()?;
        let mut under_way = Rows(taken);
        let own: Vec<Vec<usize>> =
            missing.iter().map(|gaps| gaps.iter().map(|&row| place[row]).collect()).collect();
        for (column, model) in self.passes.iter().flatten() {
            under_way.fill(inputs, *column, &own[*column], model)?;
        }
        let mut with = Replacements::new();
        for (at, input) in inputs.iter().enumerate().filter(|(at, _)| fills[*at]) {
            let filled = if missing[at].is_empty() {
                Arc::clone(&started.0[at])
            } else {
                let source: Vec<(usize, usize)> = place
                    .iter()
                    .enumerate()
                    .map(|(row, &at)| if at == usize::MAX { (0, row) } else { (1, at) })
                    .collect();
                interleave(&[started.0[at].as_ref(), under_way.0[at].as_ref()], &source)?
            };
            let mut arrays = vec![filled];
            if indicators[at] {
                let mut there = vec![true; batch.num_rows()];
                missing[at].iter().for_each(|&row| there[row] = false);
                let there = NullBuffer::new(BooleanBuffer::from(there));
                arrays.push(indicator(Some(there), batch.num_rows()));
            }
            let fields = self.fields(at, input.check(batch.schema_ref())?);
            with.insert(input.name(), fields.into_iter().zip(arrays).collect());
        }
        replace_columns(batch, with)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for (at, fitted) in self.chain.inputs.iter().enumerate() {
            let field = fitted.check(input)?;
            if self.chain.fills[at] {
                with.insert(fitted.name(), self.fields(at, field));
            }
        }
        replace_fields(input, with)
    }
}

impl<P: Artifact, Q: Artifact> Artifact for FittedModelImputer<P, Q> {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        let columns =
            |pass: &Vec<(usize, Model<P, Q>)>| pass.iter().map(|(column, _)| *column as u32).collect();
        let stored = Stored { chain: self.chain.clone(), passes: self.passes.iter().map(columns).collect() };
        steps.push(STORED_AS, VERSION, &stored)?;
        for (_, model) in self.passes.iter().flatten() {
            match model {
                Model::Number(model) => model.save_steps(steps)?,
                Model::Category(model) => model.save_steps(steps)?,
            }
        }
        Ok(())
    }

    fn inputs(&self) -> Option<Vec<InputColumn>> {
        Some(self.chain.inputs.clone())
    }
}

impl<P: LoadArtifact, Q: LoadArtifact> LoadArtifact for FittedModelImputer<P, Q> {
    fn load_steps(steps: &mut StepReader<'_>) -> Result<Self> {
        let Stored { chain, passes } = steps.next(STORED_AS, VERSION)?;
        chain.validate().map_err(|e| e.context(format!("loading {STORED_AS}")))?;
        let mut loaded = Vec::new();
        for pass in passes {
            let mut models = Vec::new();
            for column in pass {
                let column = column as usize;
                let Some((input, true)) = chain.inputs.get(column).zip(chain.fills.get(column).copied())
                else {
                    return Err(Error::artifact("has a model of a column that is not filled"));
                };
                let model = match input.kind().is_number() {
                    true => Model::Number(P::load_steps(steps)?),
                    false => Model::Category(Q::load_steps(steps)?),
                };
                models.push((column, model));
            }
            loaded.push(models);
        }
        Ok(Self { chain, passes: loaded })
    }
}

impl<P: LoadArtifact, Q: LoadArtifact> NamedArtifact for FittedModelImputer<P, Q> {
    const NAME: &'static str = STORED_AS;
}

impl Chain {
    fn validate(&self) -> Result<()> {
        let ascending = self.inputs.windows(2).all(|pair| pair[0].name() < pair[1].name());
        if !ascending || [self.indicators.len(), self.fills.len()] != [self.inputs.len(); 2] {
            return Err(Error::artifact("has not one value for each column, by name"));
        }
        let mut filled: Vec<&str> = Vec::new();
        for (imputer, number) in [(&self.numbers, true), (&self.categories, false)] {
            let Some(imputer) = imputer else { continue };
            imputer.validate()?;
            let own = imputer.values().map(|(name, _)| name);
            let of_kind =
                |name: &&str| self.inputs.iter().any(|i| i.name() == *name && i.kind().is_number() == number);
            filled.extend(own.filter(of_kind));
        }
        filled.sort_unstable();
        let own = self.inputs.iter().zip(&self.fills).filter(|(_, fills)| **fills);
        if !filled.into_iter().eq(own.map(|(input, _)| input.name())) {
            return Err(Error::artifact("does not start with a value for each column"));
        }
        Ok(())
    }
}
