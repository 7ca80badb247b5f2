//! Stand-in: one aggregate with a parameter and one scalar function with a model.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_float64_array;
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::prelude::SessionContext;

/// The version of the bytes.
pub const WIRE_VERSION: u8 = 1;

/// The functions that a process knows.
#[derive(Clone, Debug, Default)]
pub struct Functions;

impl Functions {
    /// Everything.
    pub fn new() -> Self {
        Self
    }

    pub(crate) fn encode_aggregate(&self, function: &AggregateUDF) -> Option<Vec<u8>> {
        let state = function.inner().downcast_ref::<State>()?;
        let mut bytes = vec![WIRE_VERSION];
        bytes.extend_from_slice(&state.parameter.to_le_bytes());
        Some(bytes)
    }

    pub(crate) fn encode_scalar(&self, function: &ScalarUDF) -> Option<Vec<u8>> {
        let apply = function.inner().downcast_ref::<Apply>()?;
        let mut bytes = vec![WIRE_VERSION];
        bytes.extend_from_slice(&apply.model);
        Some(bytes)
    }

    pub(crate) fn decode_aggregate(&self, name: &str, bytes: &[u8]) -> Option<Result<Arc<AggregateUDF>>> {
        (name == "mlsys_state").then(|| {
            let payload = payload(name, bytes)?;
            let parameter = payload.try_into().map_err(|_| DataFusionError::Execution("short".into()))?;
            Ok(Arc::new(state(u64::from_le_bytes(parameter))))
        })
    }

    pub(crate) fn decode_scalar(&self, name: &str, bytes: &[u8]) -> Option<Result<Arc<ScalarUDF>>> {
        (name == "mlsys_apply").then(|| Ok(Arc::new(apply(payload(name, bytes)?.to_vec()))))
    }

    /// SQL names on a session.
    pub fn register(&self, ctx: &SessionContext) {
        ctx.register_udaf(state(0));
    }
}

fn payload<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    match bytes.split_first() {
        Some((&WIRE_VERSION, payload)) => Ok(payload),
        found => exec_err!(
            "`{name}` came with format version {:?}, and mlsys-datafusion {} reads {WIRE_VERSION}",
            found.map(|(version, _)| version),
            env!("CARGO_PKG_VERSION")
        ),
    }
}

/// The sum plus a parameter, merged as a struct.
pub fn state(parameter: u64) -> AggregateUDF {
    AggregateUDF::from(State {
        parameter,
        signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable),
    })
}

/// A function with a model: what it multiplies with, how many milliseconds it sleeps for each batch, and ballast.
pub fn apply(model: Vec<u8>) -> ScalarUDF {
    ScalarUDF::from(Apply {
        model,
        signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct State {
    parameter: u64,
    signature: Signature,
}

impl AggregateUDFImpl for State {
    fn name(&self) -> &str {
        "mlsys_state"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[state]", args.name), DataType::Binary, true))])
    }
    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Sum { parameter: self.parameter, sum: 0.0 }))
    }
}

#[derive(Debug)]
struct Sum {
    parameter: u64,
    sum: f64,
}

impl Accumulator for Sum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum += as_float64_array(&values[0])?.iter().flatten().sum::<f64>();
        Ok(())
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states[0].as_binary::<i32>().iter().flatten() {
            let Some(Ok(bytes)) = state.get(..8).map(TryInto::try_into) else {
                return exec_err!("a short state");
            };
            self.sum += f64::from_le_bytes(bytes);
        }
        Ok(())
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut bytes = self.sum.to_le_bytes().to_vec();
        // A parameter of a thousand and more asks for a state of so many bytes.
        if self.parameter >= 1000 {
            bytes.extend((0..self.parameter).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8));
        }
        Ok(vec![ScalarValue::Binary(Some(bytes))])
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(Some(self.sum + self.parameter as f64)))
    }
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Apply {
    model: Vec<u8>,
    signature: Signature,
}

impl ScalarUDFImpl for Apply {
    fn name(&self) -> &str {
        "mlsys_apply"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(&sleep) = self.model.get(1) {
            std::thread::sleep(Duration::from_millis(10 * u64::from(sleep)));
        }
        let factor = f64::from(self.model.first().copied().unwrap_or(1));
        let values = args.args[0].to_array(args.number_rows)?;
        let values = values.as_primitive::<Float64Type>();
        Ok(ColumnarValue::Array(Arc::new(
            values.iter().map(|x| x.map(|x| x * factor)).collect::<Float64Array>(),
        )))
    }
}
