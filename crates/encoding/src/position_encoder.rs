//! Positions as waves of many lengths.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;

/// Replaces a position by sines and cosines of lengths from 2π to 2π · 10,000: what attention models know places by.
///
/// ```text
/// x_2i = sin(position / base^(2i / d)),  x_2i+1 = cos(position / base^(2i / d))
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `dimensions` | 16 | even, 2 to 65,536 | d, the number of columns |
/// | `base` | 10,000 | above 1 | how much longer the longest wave is |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. A missing value is missing in every column. Nothing is
/// learned, so that weights play no part. **Output**: Float64 columns `<column>#0`, `<column>#1`, .. in place of the column.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Int32Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::PositionEncoder;
/// use std::sync::Arc;
///
/// let x = Arc::new(Int32Array::from(vec![1]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("at", x as _)])?)?.into_train_all();
/// let out = PositionEncoder::new().dimensions(4).fit(&train)?.transform(train.batch())?;
/// assert!((out["at#2"].as_primitive::<Float64Type>().value(0) - 0.01f64.sin()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for what comes round with a period of its own. **Instead**: [`CyclicalEncoder`](crate::CyclicalEncoder).
///
/// Ashish Vaswani and others, *Attention is all you need*, 2017, section 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct PositionEncoder {
    dimensions: usize,
    base: f64,
}

impl Default for PositionEncoder {
    fn default() -> Self {
        Self { dimensions: 16, base: 10_000.0 }
    }
}

impl PositionEncoder {
    /// An encoder of 16 columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of columns.
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions;
        self
    }

    /// How much longer the longest wave is.
    pub fn base(mut self, base: f64) -> Self {
        self.base = base;
        self
    }

    fn check(&self) -> Result<()> {
        if !(2..=65_536).contains(&self.dimensions) || !self.dimensions.is_multiple_of(2) {
            let expected = "even, 2 to 65536";
            return Err(Error::invalid_parameter("PositionEncoder", "dimensions", self.dimensions, expected));
        }
        if self.base.is_finite() && self.base > 1.0 {
            return Ok(());
        }
        Err(Error::invalid_parameter("PositionEncoder", "base", self.base, "finite and above 1"))
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        self.check()?;
        layout.features_for("PositionEncoder", Kind::is_number, Kind::is_numeric, "numeric")
    }
}

/// The fitted [`PositionEncoder`]: the columns that it encodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPositionEncoder {
    columns: Vec<InputColumn>,
    encoder: PositionEncoder,
}

impl FittedPositionEncoder {
    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let made = |column: &&InputColumn| {
            numbered(column.name(), self.encoder.dimensions).iter().any(|name| name == output)
        };
        self.columns.iter().find(made).map(InputColumn::name)
    }

    fn validate(&self) -> Result<()> {
        self.encoder.check().map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self, column: &InputColumn) -> impl Iterator<Item = FieldRef> {
        let names = numbered(column.name(), self.encoder.dimensions);
        names.into_iter().map(|name| Arc::new(Field::new(name, DataType::Float64, true)))
    }

    fn encode(&self, column: &InputColumn, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let values = column::floats(column.name(), column.find(batch)?)?;
        let PositionEncoder { dimensions, base } = self.encoder;
        let output = |i: usize| -> ArrayRef {
            let length = base.powf((i - i % 2) as f64 / dimensions as f64);
            let wave = if i.is_multiple_of(2) { f64::sin } else { f64::cos };
            Arc::new(Float64Array::from_iter_values(values.iter().map(|x| wave(x / length))))
        };
        Ok((0..dimensions).into_par_iter().map(output).collect())
    }
}

impl Transform for FittedPositionEncoder {
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

mlsys_core::artifact!(FittedPositionEncoder, "mlsys.FittedPositionEncoder", 1);

impl FitByStatistic for PositionEncoder {
    /// Nothing is learned; infinite values are refused.
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedPositionEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        Ok(MinMax::new().infinite(Infinite::Refuse).over(self.columns(layout)?))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MinMaxSummary)>) -> Result<FittedPositionEncoder> {
        let columns = InputColumn::all(layout, self.columns(layout)?)?;
        Ok(FittedPositionEncoder { columns, encoder: *self })
    }
}
