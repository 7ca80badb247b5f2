//! Dirty categories as numbers: what is spelt alike is encoded alike.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::hash::hash_bytes;
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Category, Coded, Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, first_error, seed,
};
use mlsys_neighbors::lsh::MinHash;
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;
use crate::text::{Analyzer, Unit};

/// Replaces text by the least hashes of its runs of letters: `Boeing`, `BOEING CO` and `Boing` share many.
///
/// ```text
/// x_k = min over the runs g of h_k(g),  h_k uniform on [0, 1)         P(x_k = x'_k) = |G ∩ G'| / |G ∪ G'|
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `components` | 30 | 1 to 4,096 | how many hashes |
/// | `analyzer` | runs of 2 to 4 letters in lower case | [`Analyzer`] | how text is cut |
/// | `seed` | 0 | | of the hashes |
///
/// **Input**: the text features, or with `.on(..)` exactly those. Missing values are missing in every column; a text without a run is 1
/// everywhere. Nothing is learned, so that nothing is unseen and weights play no part. **Output**: Float64 columns
/// `<column>#0`, `<column>#1`, .. in place of the column.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::MinHashEncoder;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec!["boeing", "BOEING CO", "airbus"]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("maker", x as _)])?)?.into_train_all();
/// let out = MinHashEncoder::new().fit(&train)?.transform(train.batch())?;
/// let alike = |a: usize, b: usize| {
///     out.columns().iter().map(|c| c.as_primitive::<Float64Type>()).filter(|c| c.value(a) == c.value(b)).count()
/// };
/// assert!(alike(0, 1) > 10 && alike(0, 2) == 0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** linear models: the numbers have no direction. Trees find shared hashes by cutting near zero.
///
/// Patricio Cerda and Gaël Varoquaux, *Encoding high-cardinality string categorical variables*, 2020, section 4.2, with its own hashes: skrub's
/// `MinHashEncoder` has others. Andrei Broder, *On the resemblance and containment of documents*, 1997.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MinHashEncoder {
    components: usize,
    analyzer: Analyzer,
    seed: u64,
}

impl Default for MinHashEncoder {
    fn default() -> Self {
        let analyzer = Analyzer::new().unit(Unit::Characters).n_grams(2, 4);
        Self { components: 30, analyzer, seed: seed::DEFAULT_SEED }
    }
}

impl MinHashEncoder {
    /// An encoder of 30 hashes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many hashes.
    pub fn components(mut self, components: usize) -> Self {
        self.components = components;
        self
    }

    /// How text is cut.
    pub fn analyzer(mut self, analyzer: Analyzer) -> Self {
        self.analyzer = analyzer;
        self
    }

    /// The seed of the hashes.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn check(&self) -> Result<()> {
        self.analyzer.check("MinHashEncoder")?;
        if (1..=4_096).contains(&self.components) {
            return Ok(());
        }
        Err(Error::invalid_parameter("MinHashEncoder", "components", self.components, "1 to 4096"))
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        self.check()?;
        let text = |kind| kind == Kind::Text;
        layout.features_for("MinHashEncoder", text, text, "text")
    }

    fn values(&self, value: &Category) -> Result<Vec<f64>> {
        let mut grams = Vec::new();
        self.analyzer.tokens(&value.to_string(), |gram| grams.push(hash_bytes(gram.as_bytes(), 0)));
        let signature = MinHash::new(self.components, 1).seed(self.seed).signature(&grams)?;
        let unit = |hash: u64| (hash >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        Ok(signature.map_or(vec![1.0; self.components], |hashes| hashes.into_iter().map(unit).collect()))
    }
}

/// The fitted [`MinHashEncoder`]: the columns that it encodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedMinHashEncoder {
    columns: Vec<InputColumn>,
    encoder: MinHashEncoder,
}

impl FittedMinHashEncoder {
    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let made = |column: &&InputColumn| self.names(column).iter().any(|name| name == output);
        self.columns.iter().find(made).map(InputColumn::name)
    }

    fn names(&self, column: &InputColumn) -> Vec<String> {
        numbered(column.name(), self.encoder.components)
    }

    fn validate(&self) -> Result<()> {
        self.encoder.check().map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self, column: &InputColumn) -> impl Iterator<Item = FieldRef> {
        let field = |name| Arc::new(Field::new(name, DataType::Float64, true));
        self.names(column).into_iter().map(field)
    }

    fn encode(&self, column: &InputColumn, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let coded = Coded::new(column.name(), column.find(batch)?)?;
        let values = |value: &Category| self.encoder.values(value);
        let vectors: Vec<Vec<f64>> = first_error(coded.distinct.par_iter().map(values).collect())?;
        let output = |i: usize| -> ArrayRef {
            let rows = coded.codes.iter().map(|&code| vectors.get(code as usize).map(|vector| vector[i]));
            Arc::new(Float64Array::from_iter(rows))
        };
        Ok((0..self.encoder.components).into_par_iter().map(output).collect())
    }
}

impl Transform for FittedMinHashEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .iter()
            .map(|c| Ok((c.name(), self.fields(c).zip(self.encode(c, batch)?).collect())))
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for column in &self.columns {
            column.check(input)?;
            with.insert(column.name(), self.fields(column).collect());
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedMinHashEncoder, "mlsys.FittedMinHashEncoder", 1);

impl FitByStatistic for MinHashEncoder {
    /// Nothing is learned: no column is looked at.
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedMinHashEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.columns(layout)?;
        Ok(Missing::new().over([""; 0]))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MissingSummary)>) -> Result<FittedMinHashEncoder> {
        Ok(FittedMinHashEncoder { columns: InputColumn::all(layout, self.columns(layout)?)?, encoder: *self })
    }
}
