//! Any statistic as an aggregate function: one adapter for all.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use mlsys_core::portable::{AnyState, AnyStatistic};
use mlsys_core::{Catalogue, Error};

use crate::error::outward;
use crate::wire;

/// The name under which the aggregate travels.
pub(crate) const NAME: &str = "mlsys_state";

/// Gathers a statistic; gives its state as bytes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct StateAggregate {
    statistic: AnyStatistic,
    columns: Vec<String>,
    signature: Signature,
}

impl StateAggregate {
    /// The function over these columns.
    pub fn function(statistic: AnyStatistic, columns: Vec<String>) -> AggregateUDF {
        let signature = Signature::variadic_any(Volatility::Immutable);
        AggregateUDF::from(Self { statistic, columns, signature })
    }

    pub fn to_bytes(&self) -> mlsys_core::Result<Vec<u8>> {
        wire::write("state", &self.columns, self.statistic.to_bytes())
    }

    pub fn from_bytes(bytes: &[u8], catalogue: &Catalogue) -> mlsys_core::Result<AggregateUDF> {
        let (header, recipe) = wire::read(NAME, bytes)?;
        if header.what != "state" {
            return Err(Error::artifact(format!("the function `{NAME}` came as `{}`", header.what)));
        }
        let statistic = AnyStatistic::from_bytes(recipe, catalogue)
            .map_err(|e| e.context(format!("the function `{NAME}` of mlsys {}", header.mlsys)))?;
        Ok(Self::function(statistic, header.columns))
    }
}

impl AggregateUDFImpl for StateAggregate {
    fn name(&self) -> &str {
        NAME
    }

    // Statistics are told apart by name, since an engine takes expressions of one name for one.
    fn schema_name(&self, _: &AggregateFunctionParams) -> Result<String> {
        Ok(format!("{NAME}[{:016x}]({})", self.statistic.fingerprint(), self.columns.join(", ")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let types = args.expr_fields.iter().map(|field| field.data_type());
        let fields =
            self.columns.iter().zip(types).map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        Ok(Box::new(StateAccumulator::new(self.statistic.clone(), schema.into(), Finish::State, &args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::LargeBinary(None))
    }
}

/// What every aggregate of this crate keeps: one column of bytes.
pub(crate) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    vec![Arc::new(Field::new(format!("{}[state]", args.name), DataType::LargeBinary, true))]
}

/// What an aggregate makes of the state at the end.
#[derive(Clone)]
pub(crate) enum Finish {
    /// The bytes themselves.
    State,
    /// Something else, from the bytes.
    Then(Arc<Made>),
}

/// What is made of a state's bytes.
type Made = dyn Fn(&[u8]) -> mlsys_core::Result<ScalarValue> + Send + Sync;

/// The rows of one partition, or of one group of it, as they go by.
pub(crate) struct StateAccumulator {
    statistic: AnyStatistic,
    schema: SchemaRef,
    state: AnyState,
    finish: Finish,
    /// Of this partition or group, for errors.
    rows: usize,
    /// Measuring a state costs a pass over it, so that it is done after 1, 2, 4, 8, .. changes.
    changes: u64,
    size: usize,
}

impl StateAccumulator {
    pub fn new(
        statistic: AnyStatistic,
        schema: SchemaRef,
        finish: Finish,
        args: &AccumulatorArgs,
    ) -> Result<Self> {
        if args.is_distinct || !args.order_bys.is_empty() {
            let what = "DISTINCT and ORDER BY inside an aggregate of mlsys: apply them in a query below it";
            return Err(outward(Error::unsupported(what)));
        }
        let state = statistic.init(&schema).map_err(outward)?;
        Ok(Self { statistic, schema, state, finish, rows: 0, changes: 0, size: 0 })
    }

    fn changed(&mut self) {
        self.changes += 1;
        if self.changes.is_power_of_two() {
            self.size = self.statistic.state_size(&self.state);
        }
    }
}

impl Accumulator for StateAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // Literal arguments come before the columns.
        let columns = values[values.len() - self.schema.fields().len()..].to_vec();
        let rows = values.first().map_or(0, |array| array.len());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        self.statistic.update(&mut self.state, &batch).map_err(|e| {
            outward(
                e.offset_rows(self.rows)
                    .context("in one partition of the engine, whose rows are counted from 0"),
            )
        })?;
        self.rows += rows;
        self.changed();
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let missing = || outward(Error::state("a column of states, LargeBinary", "something else"));
        let states = states.first().and_then(|array| array.as_binary_opt::<i64>()).ok_or_else(missing)?;
        for bytes in states.iter().flatten() {
            let from = self.statistic.state_from_bytes(bytes).map_err(outward)?;
            self.statistic.merge(&mut self.state, from).map_err(outward)?;
        }
        self.changed();
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let bytes = self.statistic.state_bytes(&self.state).map_err(outward)?;
        Ok(vec![ScalarValue::LargeBinary(Some(bytes))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let bytes = self.statistic.state_bytes(&self.state).map_err(outward)?;
        match &self.finish {
            Finish::State => Ok(ScalarValue::LargeBinary(Some(bytes))),
            Finish::Then(finish) => finish(&bytes).map_err(outward),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.size
    }
}

impl fmt::Debug for StateAccumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateAccumulator({:?}, {} rows)", self.statistic, self.rows)
    }
}
