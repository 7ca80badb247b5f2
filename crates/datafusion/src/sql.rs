//! The functions under their SQL names.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;
use datafusion::prelude::lit;
use mlsys_core::portable::{AnyStatistic, PortableStatistic};
use mlsys_core::{
    Catalogue, Error, ErrorKind, Layout, Predict, PredictProba, Statistic, Transform, artifact, column,
    hash::hash_rows,
};
use mlsys_stats::Profile;

use crate::aggregate::{Finish, StateAccumulator, state_fields};
use crate::error::outward;
use crate::row_function::{RowFunction, Step};

/// The aggregates that SQL can call.
pub(crate) fn aggregates(catalogue: &Arc<Catalogue>) -> Vec<AggregateUDF> {
    [Gathers::Profile, Gathers::Fit]
        .map(|gathers| {
            let signature = Signature::variadic_any(Volatility::Immutable);
            AggregateUDF::from(SqlAggregate { gathers, catalogue: Arc::clone(catalogue), signature })
        })
        .into()
}

/// The scalar functions that SQL can call.
pub(crate) fn scalars(models: &Arc<BTreeMap<String, Model>>) -> Vec<ScalarUDF> {
    let named = [Verb::Transform, Verb::Predict, Verb::PredictProba].map(|verb| {
        let signature = Signature::variadic_any(Volatility::Immutable);
        ScalarUDF::from(NamedModel { verb, models: Arc::clone(models), signature })
    });
    let mut functions = Vec::from(named);
    functions.push(ScalarUDF::from(FieldOf { signature: Signature::any(2, Volatility::Immutable) }));
    functions.push(ScalarUDF::from(HashShare { signature: Signature::variadic_any(Volatility::Immutable) }));
    functions
}

/// The text of a literal argument.
fn text(function: &str, value: Option<&ScalarValue>, expected: &str) -> Result<String> {
    match value {
        Some(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
        ) => Ok(text.clone()),
        found => {
            let found = found.map_or_else(|| "an expression".to_owned(), ToString::to_string);
            Err(outward(Error::invalid_parameter(
                function,
                "argument",
                found,
                format!("{expected}, as a literal"),
            )))
        }
    }
}

/// As JSON, in which numbers that are not finite are text.
fn json(value: &impl serde::Serialize) -> mlsys_core::Result<serde_json::Value> {
    fn convert(value: ciborium::Value) -> mlsys_core::Result<serde_json::Value> {
        use ciborium::Value;
        Ok(match value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => b.into(),
            Value::Float(x) if !x.is_finite() => x.to_string().into(),
            Value::Float(x) => x.into(),
            Value::Integer(i) => match (u64::try_from(i), i64::try_from(i)) {
                (Ok(i), _) => i.into(),
                (_, Ok(i)) => i.into(),
                _ => i128::from(i).to_string().into(),
            },
            Value::Text(text) => text.into(),
            Value::Bytes(bytes) => bytes.into(),
            Value::Array(items) => {
                items.into_iter().map(convert).collect::<mlsys_core::Result<Vec<_>>>()?.into()
            }
            Value::Map(entries) => {
                let entry = |(key, value): (Value, Value)| match key {
                    Value::Text(key) => Ok((key, convert(value)?)),
                    key => Err(Error::artifact(format!("{key:?} as a key of JSON"))),
                };
                serde_json::Value::Object(entries.into_iter().map(entry).collect::<mlsys_core::Result<_>>()?)
            }
            other => return Err(Error::artifact(format!("{other:?} as JSON"))),
        })
    }
    convert(ciborium::Value::serialized(value).map_err(|e| Error::artifact(e.to_string()))?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Gathers {
    /// `mlsys_profile(x, ..)`: JSON.
    Profile,
    /// `mlsys_fit('recipe', '{parameters}', x, ..)`: an artefact.
    Fit,
}

/// An aggregate whose parameters are literal arguments, so that it travels by its name.
#[derive(Debug)]
struct SqlAggregate {
    gathers: Gathers,
    catalogue: Arc<Catalogue>,
    signature: Signature,
}

impl PartialEq for SqlAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.gathers == other.gathers
    }
}

impl Eq for SqlAggregate {}

impl Hash for SqlAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.gathers.hash(state);
    }
}

impl SqlAggregate {
    /// Literal arguments before the columns.
    fn literals(&self) -> usize {
        match self.gathers {
            Gathers::Profile => 0,
            Gathers::Fit => 2,
        }
    }
}

impl AggregateUDFImpl for SqlAggregate {
    fn name(&self) -> &str {
        match self.gathers {
            Gathers::Profile => "mlsys_profile",
            Gathers::Fit => "mlsys_fit",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Where the names are still at hand, refuses what would lose them, and what the planner would take apart.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let (name, literals) = (self.name().to_owned(), self.literals());
        Some(Box::new(move |call, _| {
            if call.params.distinct {
                let what = format!("DISTINCT in {name}: select distinct rows in a query below it");
                return Err(outward(Error::unsupported(what)));
            }
            if let Some(other) =
                call.params.args.iter().skip(literals).find(|a| !matches!(a, Expr::Column(_)))
            {
                let what = format!(
                    "{name} of `{other}`, which has no name: name it in a query below it, as a column"
                );
                return Err(outward(Error::unsupported(what)));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if types.len() <= self.literals() {
            let expected = match self.gathers {
                Gathers::Profile => "one or more columns",
                Gathers::Fit => "a recipe's name, its parameters as JSON, and one or more columns",
            };
            return Err(outward(Error::shape(
                format!("arguments of {}", self.name()),
                expected,
                types.len(),
            )));
        }
        Ok(match self.gathers {
            Gathers::Profile => DataType::Utf8,
            Gathers::Fit => DataType::LargeBinary,
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let fields = args.expr_fields.iter().skip(self.literals());
        let fields = fields.map(|field| Field::new(field.name(), field.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let layout = Layout::new(Arc::clone(&schema)).map_err(outward)?;
        let (statistic, finish) = match self.gathers {
            Gathers::Profile => {
                let finish = |bytes: &[u8]| {
                    let profile = Profile::new();
                    let report = profile.finish(&profile.state_from_bytes(bytes)?)?;
                    Ok(ScalarValue::Utf8(Some(json(&report)?.to_string())))
                };
                let finish: Finish = Finish::Then(Arc::new(finish));
                (AnyStatistic::of(&Profile::new()).map_err(outward)?, finish)
            }
            Gathers::Fit => {
                let literal = |at: usize| {
                    let literal = args.exprs.get(at).and_then(|expr| expr.downcast_ref::<Literal>());
                    literal.map(Literal::value)
                };
                let name = text(self.name(), literal(0), "the recipe's name")?;
                let json = text(self.name(), literal(1), "its parameters as JSON, such as '{}'")?;
                let parameters: serde_json::Value = serde_json::from_str(&json).map_err(|e| {
                    outward(Error::invalid_parameter(&name, "parameters", &json, format!("JSON ({e})")))
                })?;
                let recipe = self.catalogue.load_recipe(&name, &parameters).map_err(outward)?;
                let statistic = recipe.statistic(&layout).map_err(outward)?;
                let finish = move |bytes: &[u8]| {
                    let fitted = recipe.fitted(&layout, bytes)?;
                    Ok(ScalarValue::LargeBinary(Some(artifact::to_bytes(fitted.as_ref())?)))
                };
                (statistic, Finish::Then(Arc::new(finish)))
            }
        };
        Ok(Box::new(StateAccumulator::new(statistic, schema, finish, &args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(state_fields(&args))
    }
}

/// A fitted value that SQL calls by a name.
#[derive(Clone)]
pub(crate) enum Model {
    Transform(Arc<dyn Transform>),
    Predict(Arc<dyn Predict>),
    PredictProba(Arc<dyn PredictProba>),
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transform(_) => "a step",
            Self::Predict(_) => "a model",
            Self::PredictProba(_) => "a classifier",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Verb {
    Transform,
    Predict,
    PredictProba,
}

/// `mlsys_predict('name', x, ..)`: looks the model up, and becomes a function that carries it before the query leaves
/// this process. Arguments are the columns by their names, in any order; further columns may be among them.
#[derive(Debug)]
struct NamedModel {
    verb: Verb,
    models: Arc<BTreeMap<String, Model>>,
    signature: Signature,
}

impl PartialEq for NamedModel {
    fn eq(&self, other: &Self) -> bool {
        self.verb == other.verb && Arc::ptr_eq(&self.models, &other.models)
    }
}

impl Eq for NamedModel {}

impl Hash for NamedModel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.verb.hash(state);
    }
}

impl NamedModel {
    fn step(&self, name: Option<&ScalarValue>) -> Result<Step> {
        let name = text(self.name(), name, "the model's name")?;
        let Some(model) = self.models.get(&name) else {
            let known: Vec<&str> = self.models.keys().map(String::as_str).collect();
            let expected = match known.as_slice() {
                [] => "a model that was given to `Functions` before registering; there are none".to_owned(),
                known => format!("one of {}", known.join(", ")),
            };
            return Err(outward(Error::invalid_parameter(self.name(), "model", name, expected)));
        };
        match (self.verb, model) {
            (Verb::Transform, Model::Transform(step)) => Ok(Step::Transform(Arc::clone(step))),
            (Verb::Predict, Model::Predict(model)) => Ok(Step::Predict(Arc::clone(model))),
            (Verb::Predict, Model::PredictProba(model)) => Ok(Step::Predict(Arc::clone(model) as _)),
            (Verb::PredictProba, Model::PredictProba(model)) => Ok(Step::Positive(Arc::clone(model))),
            (_, model) => {
                let message = format!("{} of `{name}`, which is {model:?}", self.name());
                Err(outward(Error::unsupported(message)))
            }
        }
    }

    /// The function that carries the model, over those of these columns that it reads.
    fn bound(
        step: Step,
        names: &[String],
        types: impl Fn(usize) -> DataType,
    ) -> Result<(ScalarUDF, Vec<usize>)> {
        // A cast column comes with its table's name, which the model does not know.
        let inputs = step.inputs().unwrap_or_default();
        let known = |name: &String| match name.split_once('.') {
            Some((_, column)) if !inputs.contains(name) && inputs.contains(column) => column.to_owned(),
            _ => name.clone(),
        };
        let names: Vec<String> = names.iter().map(known).collect();
        if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return Err(outward(ErrorKind::DuplicateColumn { name: twice.1.clone() }.into()));
        }
        let schema: Vec<Field> =
            names.iter().enumerate().map(|(i, name)| Field::new(name, types(i), true)).collect();
        let columns = match &step {
            // A step makes a struct of all its columns: those that it does not read are passed on.
            Step::Transform(_) => names.clone(),
            step => step.columns(&Schema::new(schema)),
        };
        let at = columns.iter().filter_map(|column| names.iter().position(|name| name == column)).collect();
        Ok((RowFunction::function(step, columns), at))
    }
}

/// The name of an argument, as the planner has it.
fn column_name(argument: &Expr) -> String {
    match argument {
        Expr::Column(column) => column.name.clone(),
        Expr::Alias(alias) => alias.name.clone(),
        other => other.schema_name().to_string(),
    }
}

impl ScalarUDFImpl for NamedModel {
    fn name(&self) -> &str {
        match self.verb {
            Verb::Transform => "mlsys_transform",
            Verb::Predict => "mlsys_predict",
            Verb::PredictProba => "mlsys_predict_proba",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(outward(Error::unsupported(format!("the type of {} without its model", self.name()))))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let step = self.step(args.scalar_arguments.first().copied().flatten())?;
        let columns = &args.arg_fields[1..];
        let names: Vec<String> = columns.iter().map(|field| field.name().clone()).collect();
        let (bound, at) = Self::bound(step, &names, |i| columns[i].data_type().clone())?;
        let fields: Vec<FieldRef> = at.iter().map(|&i| Arc::clone(&columns[i])).collect();
        let scalars = vec![None; fields.len()];
        bound.return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &scalars })
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let name = match args.first() {
            Some(Expr::Literal(value, _)) => Some(value),
            _ => None,
        };
        let step = self.step(name)?;
        let names: Vec<String> = args[1..].iter().map(column_name).collect();
        // Which columns a model reads does not depend on their types.
        let (bound, at) = Self::bound(step, &names, |_| DataType::Null)?;
        let arguments = at.into_iter().map(|i| args[i + 1].clone()).collect();
        Ok(ExprSimplifyResult::Simplified(bound.call(arguments)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let why = format!(
            "{} without its model: the query was sent or run without being optimised, which is when the model is put in",
            self.name()
        );
        Err(outward(Error::unsupported(why)))
    }
}

/// `mlsys_field(struct, 'name')`: a column out of what a step makes. Unlike the engine's own `get_field` it stays where it
/// is: an optimiser that moves it into the step below would have the step run once for each column.
pub(crate) fn field(of: Expr, name: &str) -> Expr {
    ScalarUDF::from(FieldOf { signature: Signature::any(2, Volatility::Immutable) }).call(vec![of, lit(name)])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldOf {
    signature: Signature,
}

impl ScalarUDFImpl for FieldOf {
    fn name(&self) -> &str {
        "mlsys_field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(outward(Error::unsupported("the type of mlsys_field without its name")))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let name = text(self.name(), args.scalar_arguments.get(1).copied().flatten(), "a column's name")?;
        let fields = match args.arg_fields.first().map(|field| field.data_type()) {
            Some(DataType::Struct(fields)) => fields.clone(),
            _ => Fields::empty(),
        };
        match fields.iter().find(|field| *field.name() == name) {
            Some(field) => {
                let nullable = field.is_nullable() || args.arg_fields[0].is_nullable();
                Ok(Arc::new(field.as_ref().clone().with_nullable(nullable)))
            }
            None => Err(outward(column::missing_column(&Schema::new(fields), &name))),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = match args.args.get(1) {
            Some(ColumnarValue::Scalar(name)) => text(self.name(), Some(name), "a column's name")?,
            _ => text(self.name(), None, "a column's name")?,
        };
        let made = args.args[0].to_array(args.number_rows)?;
        let column = made.as_struct_opt().and_then(|made| made.column_by_name(&name));
        let column = column.ok_or_else(|| {
            outward(Error::shape("mlsys_field", "a struct with the column", made.data_type().to_string()))
        })?;
        // Where there is no struct, such as after an outer join, there is no field of it.
        let Some(nulls) = made.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return Ok(ColumnarValue::Array(Arc::clone(column)));
        };
        let nulls = NullBuffer::union(Some(nulls), column.nulls());
        Ok(ColumnarValue::Array(make_array(column.to_data().into_builder().nulls(nulls).build()?)))
    }
}

/// `mlsys_hash_share(key, ..)`: the place of a row's key between 0 and 1, as `HashSplit` computes it under seed 0.
#[derive(Debug, PartialEq, Eq, Hash)]
struct HashShare {
    signature: Signature,
}

impl ScalarUDFImpl for HashShare {
    fn name(&self) -> &str {
        "mlsys_hash_share"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let keys = args
            .args
            .into_iter()
            .map(|arg| arg.into_array(args.number_rows))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let named = args.arg_fields.iter().zip(&keys);
        let named: Vec<(&str, &dyn Array)> =
            named.map(|(field, key)| (field.name().as_str(), key.as_ref())).collect();
        let hashes = hash_rows(&named, mlsys_core::seed::DEFAULT_SEED).map_err(outward)?;
        // Rounded down to 53 bits, so that the last hashes stay below 1.
        let share = |hash: u64| (hash >> 11) as f64 / (1u64 << 53) as f64;
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from_iter_values(hashes.into_iter().map(share)))))
    }
}
