//! Points as the buckets of a locality-sensitive hash.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::{Error, FitByStatistic, InputColumn, Layout, Result, Transform};
use mlsys_neighbors::lsh::{Buckets, PStableHash, SimHash};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;
use crate::joint_numbers::{self, Inputs};

/// Adds text columns that name a row's buckets under a locality-sensitive hash of its numbers: rows that are near share some of them.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `hash` | required | [`LshFamily`] | by angle or by distance, and how finely |
/// | `name` | `bucket` | | what the new columns are called: `bucket#0`, `bucket#1`, .. |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included; scale them first. A row with a missing or infinite
/// value, and by angle one of zeros, has no bucket. Nothing is learned, so that weights play no part. **Output**: the columns stay; behind
/// the last of them comes a text column per band, of 16 hexadecimal digits, for an encoder of categories to take on.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`DuplicateColumn`](mlsys_core::ErrorKind::DuplicateColumn) when a name is taken.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_encoding::{LshFamily, LshEncoder};
/// use mlsys_neighbors::lsh::PStableHash;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 1e-9, 1e9]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let recipe = LshEncoder::new(LshFamily::Distance(PStableHash::new(1, 2, 1.0)));
/// let out = recipe.fit(&train)?.transform(train.batch())?;
/// let bucket = out["bucket#0"].as_string::<i32>();
/// assert!(bucket.value(0) == bucket.value(1) && bucket.value(0) != bucket.value(2));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with many hashes a band: then hardly two rows share a bucket. [`SimHash::candidate_probability`] and
/// [`PStableHash::candidate_probability`] say how many do; `mlsys_neighbors::lsh` finds the pairs themselves.
///
/// Moses Charikar, *Similarity estimation techniques from rounding algorithms*, 2002. Mayur Datar and others, *Locality-sensitive hashing scheme
/// based on p-stable distributions*, 2004.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct LshEncoder {
    hash: LshFamily,
    #[serde(default = "default_name")]
    name: String,
}

fn default_name() -> String {
    "bucket".into()
}

/// Which hash.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LshFamily {
    /// Near is at a small angle.
    Angle(SimHash),
    /// Near is at a small Euclidean distance.
    Distance(PStableHash),
}

impl LshFamily {
    fn buckets(&self, points: &[f64], columns: usize) -> Result<Buckets> {
        match self {
            Self::Angle(hash) => hash.buckets(points, columns),
            Self::Distance(hash) => hash.buckets(points, columns),
        }
    }

    fn bands(&self) -> usize {
        match self {
            Self::Angle(hash) => hash.bands(),
            Self::Distance(hash) => hash.bands(),
        }
    }

    fn hashes(&self) -> usize {
        match self {
            Self::Angle(hash) => hash.bands().saturating_mul(hash.rows()),
            Self::Distance(hash) => hash.bands().saturating_mul(hash.rows()),
        }
    }
}

impl LshEncoder {
    /// An encoder by this hash.
    pub fn new(hash: LshFamily) -> Self {
        Self { hash, name: default_name() }
    }

    /// What the new columns are called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    fn check(&self) -> Result<()> {
        if self.hash.hashes() > 65_536 {
            let found = self.hash.hashes();
            return Err(Error::invalid_parameter("LshEncoder", "hash", found, "65536 hashes at most"));
        }
        // The hash says what is wrong with itself.
        self.hash.buckets(&[], 1).map(drop)
    }
}

/// The fitted [`LshEncoder`]: the columns that it hashes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLshEncoder {
    /// By name.
    columns: Vec<InputColumn>,
    encoder: LshEncoder,
}

impl FittedLshEncoder {
    /// The names of the new columns.
    pub fn output_names(&self) -> Vec<String> {
        numbered(&self.encoder.name, self.encoder.hash.bands())
    }

    fn validate(&self) -> Result<()> {
        self.encoder.check().map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self) -> Vec<FieldRef> {
        let field = |name| Arc::new(Field::new(name, DataType::Utf8, true));
        self.output_names().into_iter().map(field).collect()
    }
}

impl Transform for FittedLshEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let width = self.columns.len().max(1);
        let mut points = joint_numbers::points(&self.columns, batch)?;
        // Rows that have no bucket are hashed as zeros, and left out.
        let whole: Vec<bool> = points
            .chunks_exact_mut(width)
            .map(|point| {
                let whole = point.iter().all(|x| x.is_finite());
                if !whole {
                    point.fill(0.0);
                }
                whole
            })
            .collect();
        let buckets = self.encoder.hash.buckets(&points, width)?;
        let band = |band: usize| -> ArrayRef {
            let name = |row: usize| {
                let keys = whole[row].then(|| buckets.of(row)).flatten()?;
                keys.get(band).map(|key| format!("{key:016x}"))
            };
            Arc::new((0..whole.len()).map(name).collect::<StringArray>())
        };
        let new = self.fields().into_iter().zip((0..self.encoder.hash.bands()).map(band)).collect();
        joint_numbers::put(&self.columns, batch, Inputs::Stay, new)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        joint_numbers::schema(&self.columns, input, Inputs::Stay, self.fields())
    }
}

mlsys_core::artifact!(FittedLshEncoder, "mlsys.FittedLshEncoder", 1);

impl FitByStatistic for LshEncoder {
    /// Nothing is learned; infinite values are refused.
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedLshEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        let columns = joint_numbers::columns("LshEncoder", layout)?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MinMaxSummary)>) -> Result<FittedLshEncoder> {
        let columns = InputColumn::all(layout, joint_numbers::columns("LshEncoder", layout)?)?;
        Ok(FittedLshEncoder { columns, encoder: self.clone() })
    }
}
