//! Any fitted step or model as a scalar function: one adapter for all.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use mlsys_core::hash::hash_bytes;
use mlsys_core::{Artifact, Error, Predict, PredictProba, Registry, Transform, artifact};
use mlsys_sampling::SplitByRow;
use mlsys_sampling::sample::BottomKSample;

use crate::error::outward;
use crate::wire;

/// The name under which the function travels.
pub(crate) const NAME: &str = "mlsys_apply";

/// What a function does with each row.
#[derive(Clone)]
pub(crate) enum Step {
    /// All columns that a step makes, as a struct.
    Transform(Arc<dyn Transform>),
    /// A prediction.
    Predict(Arc<dyn Predict>),
    /// A probability per class, as a struct.
    Probabilities(Arc<dyn PredictProba>),
    /// The probability of the positive class.
    Positive(Arc<dyn PredictProba>),
    /// Whether the row is for training (`false`) or testing (`true`), or on neither side (null).
    Side(SplitByRow),
    /// Whether the row's key was drawn.
    Drawn(BottomKSample),
}

impl Step {
    fn what(&self) -> &'static str {
        match self {
            Self::Transform(_) => "transform",
            Self::Predict(_) => "predict",
            Self::Probabilities(_) => "probabilities",
            Self::Positive(_) => "positive",
            Self::Side(_) => "side",
            Self::Drawn(_) => "drawn",
        }
    }

    fn address(&self) -> usize {
        match self {
            Self::Transform(step) => Arc::as_ptr(step).cast::<()>().addr(),
            Self::Predict(model) => Arc::as_ptr(model).cast::<()>().addr(),
            Self::Probabilities(model) | Self::Positive(model) => Arc::as_ptr(model).cast::<()>().addr(),
            Self::Side(_) | Self::Drawn(_) => 0,
        }
    }

    fn load(what: &str, bytes: &[u8], registry: &Registry) -> mlsys_core::Result<Self> {
        Ok(match what {
            "transform" => Self::Transform(artifact::load_transform(bytes, registry)?.into()),
            "predict" => Self::Predict(artifact::load_predictor(bytes, registry)?.into()),
            "probabilities" => Self::Probabilities(artifact::load_model(bytes, registry)?.into()),
            "positive" => Self::Positive(artifact::load_model(bytes, registry)?.into()),
            "side" => Self::Side(artifact::from_bytes(bytes)?),
            "drawn" => Self::Drawn(artifact::from_bytes(bytes)?),
            other => {
                return Err(Error::artifact(format!("does `{other}`, which this version does not know")));
            }
        })
    }

    fn artefact(&self) -> mlsys_core::Result<Vec<u8>> {
        match self {
            Self::Transform(step) => artifact::to_bytes(step.as_ref()),
            Self::Predict(model) => artifact::to_bytes(model.as_ref()),
            Self::Probabilities(model) | Self::Positive(model) => artifact::to_bytes(model.as_ref()),
            Self::Side(split) => artifact::to_bytes(split),
            Self::Drawn(sample) => artifact::to_bytes(sample),
        }
    }

    /// The names of the columns that it reads, if it says.
    pub fn inputs(&self) -> Option<BTreeSet<String>> {
        let inputs = match self {
            Self::Transform(step) => step.inputs(),
            Self::Predict(model) => model.inputs(),
            Self::Probabilities(model) | Self::Positive(model) => model.inputs(),
            Self::Side(split) => split.inputs(),
            Self::Drawn(sample) => return Some(sample.columns().iter().cloned().collect()),
        };
        Some(inputs?.into_iter().map(|input| input.name().to_owned()).collect())
    }

    /// The columns of a table that it reads. A chain lists columns that its own steps make, too.
    pub fn columns(&self, schema: &Schema) -> Vec<String> {
        let inputs = self.inputs();
        // What holds code may read any column.
        let read = |name: &String| inputs.as_ref().is_none_or(|inputs| inputs.contains(name));
        schema.fields().iter().map(|field| field.name().clone()).filter(read).collect()
    }

    /// The type of what it gives for columns of this schema.
    pub fn output(&self, input: &Schema) -> mlsys_core::Result<DataType> {
        Ok(match self {
            Self::Transform(step) => DataType::Struct(step.output_schema(input)?.fields().clone()),
            // A model does not say its type, but the prediction for no rows has it.
            Self::Predict(model) => {
                model.predict(&RecordBatch::new_empty(Arc::new(input.clone())))?.data_type().clone()
            }
            Self::Probabilities(model) => {
                let fields = model.classes().values().iter();
                DataType::Struct(
                    fields.map(|c| Field::new(c.to_string(), DataType::Float64, false)).collect(),
                )
            }
            Self::Positive(_) => DataType::Float64,
            Self::Side(_) | Self::Drawn(_) => DataType::Boolean,
        })
    }

    fn run(&self, batch: &RecordBatch) -> mlsys_core::Result<ArrayRef> {
        Ok(match self {
            Self::Transform(step) => {
                let out = step.transform(batch)?;
                let (schema, columns, _) = out.into_parts();
                Arc::new(StructArray::try_new_with_length(
                    schema.fields().clone(),
                    columns,
                    None,
                    batch.num_rows(),
                )?)
            }
            Self::Predict(model) => model.predict(batch)?,
            Self::Probabilities(model) => {
                let probabilities = model.predict_proba(batch)?;
                let DataType::Struct(fields) = self.output(batch.schema_ref())? else {
                    return Err(Error::unsupported("a model without classes"));
                };
                let columns = (0..probabilities.n_classes())
                    .map(|class| {
                        Ok(Arc::new(Float64Array::from(probabilities.class(class)?.to_vec())) as ArrayRef)
                    })
                    .collect::<mlsys_core::Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new_with_length(fields, columns, None, batch.num_rows())?)
            }
            Self::Positive(model) => Arc::new(Float64Array::from(model.predict_proba(batch)?.positive())),
            Self::Side(split) => Arc::new(BooleanArray::from(split.sides(batch)?)),
            Self::Drawn(sample) => {
                let mut drawn = vec![false; batch.num_rows()];
                sample.rows(batch)?.into_iter().for_each(|row| drawn[row] = true);
                Arc::new(BooleanArray::from(drawn))
            }
        })
    }
}

/// Any columns; none for a model that reads none.
fn signature() -> Signature {
    Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Immutable)
}

/// A [`Step`] over named columns. Equal when their bytes are.
pub(crate) struct RowFunction {
    step: Step,
    columns: Vec<String>,
    /// Artefacts are large: they are written when asked for, and once.
    bytes: OnceLock<mlsys_core::Result<Vec<u8>>>,
    fingerprint: OnceLock<u64>,
    signature: Signature,
}

impl RowFunction {
    /// The function over these columns.
    pub fn function(step: Step, columns: Vec<String>) -> ScalarUDF {
        let (bytes, fingerprint) = (OnceLock::new(), OnceLock::new());
        ScalarUDF::from(Self { step, columns, bytes, fingerprint, signature: signature() })
    }

    fn fingerprint(&self) -> u64 {
        // What cannot be written is told apart by where it is, since it stays in this process.
        let of = || self.to_bytes().map_or_else(|_| self.step.address() as u64, |bytes| hash_bytes(bytes, 0));
        *self.fingerprint.get_or_init(of)
    }

    /// Models are told apart by name, since an engine takes expressions of one name for one.
    fn label(&self) -> String {
        format!("{NAME}[{} {:016x}]({})", self.step.what(), self.fingerprint(), self.columns.join(", "))
    }

    pub fn to_bytes(&self) -> Result<&[u8], &Error> {
        let write = || wire::write(self.step.what(), &self.columns, &self.step.artefact()?);
        self.bytes.get_or_init(write).as_ref().map(Vec::as_slice)
    }

    pub fn from_bytes(bytes: &[u8], registry: &Registry) -> mlsys_core::Result<ScalarUDF> {
        let (header, artefact) = wire::read(NAME, bytes)?;
        let step = Step::load(&header.what, artefact, registry)
            .map_err(|e| e.context(format!("the function `{NAME}` of mlsys {}", header.mlsys)))?;
        let (bytes, fingerprint) = (OnceLock::from(Ok(bytes.to_vec())), OnceLock::new());
        let columns = header.columns;
        Ok(ScalarUDF::from(Self { step, columns, bytes, fingerprint, signature: signature() }))
    }

    fn schema(&self, fields: &[FieldRef]) -> Result<Schema> {
        if fields.len() != self.columns.len() {
            let (need, found) = (self.columns.join(", "), fields.len());
            return Err(outward(Error::shape(format!("arguments of {NAME}"), need, found)));
        }
        let named = self.columns.iter().zip(fields);
        let fields: Fields =
            named.map(|(name, field)| Field::new(name, field.data_type().clone(), true)).collect();
        Ok(Schema::new(fields))
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        NAME
    }

    fn display_name(&self, _: &[Expr]) -> Result<String> {
        Ok(self.label())
    }

    fn schema_name(&self, _: &[Expr]) -> Result<String> {
        Ok(self.label())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> = types.iter().map(|t| Arc::new(Field::new("", t.clone(), true))).collect();
        self.step.output(&self.schema(&fields)?).map_err(outward)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let output = self.step.output(&self.schema(args.arg_fields)?).map_err(outward)?;
        Ok(Arc::new(Field::new(NAME, output, matches!(self.step, Step::Predict(_) | Step::Side(_)))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let schema = Arc::new(self.schema(&args.arg_fields)?);
        let columns =
            args.args.into_iter().map(|arg| arg.into_array(args.number_rows)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(args.number_rows));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok(ColumnarValue::Array(self.step.run(&batch).map_err(outward)?))
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.step, &other.step) {
            (Step::Transform(a), Step::Transform(b)) => Arc::ptr_eq(a, b),
            (Step::Predict(a), Step::Predict(b)) => Arc::ptr_eq(a, b),
            (Step::Probabilities(a), Step::Probabilities(b)) | (Step::Positive(a), Step::Positive(b)) => {
                Arc::ptr_eq(a, b)
            }
            _ => false,
        };
        let equal = || matches!((self.to_bytes(), other.to_bytes()), (Ok(a), Ok(b)) if a == b);
        self.columns == other.columns && (same || self.step.what() == other.step.what() && equal())
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // All of it: the engine's search for common expressions looks at the hash alone.
        (self.step.what(), &self.columns, self.fingerprint()).hash(state);
    }
}

impl fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowFunction({} of {})", self.step.what(), self.columns.join(", "))
    }
}
