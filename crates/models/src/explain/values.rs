//! What [`TreeShap`](crate::TreeShap) gives.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::ndarray::{Array3, ArrayView2, ArrayView3, Axis};
use mlsys_core::{Error, Result};

/// What each feature contributes to each output of each row: `base + Σ values = output`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapValues {
    features: Vec<String>,
    /// By output, feature and row, so that columns lie together.
    values: Array3<f64>,
    base: Vec<f64>,
}

impl ShapValues {
    pub(super) fn new(features: Vec<String>, values: Array3<f64>, base: Vec<f64>) -> Self {
        Self { features, values, base }
    }

    /// The names of the features.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// What is expected of each output when nothing is known of a row.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The contributions, by row, feature and output.
    pub fn values(&self) -> ArrayView3<'_, f64> {
        self.values.view().permuted_axes([2, 1, 0])
    }

    /// The contributions to one output, by row and feature.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) when there is no such output.
    pub fn output(&self, output: usize) -> Result<ArrayView2<'_, f64>> {
        self.check(output)?;
        Ok(self.values.index_axis(Axis(0), output).reversed_axes())
    }

    /// The mean of the absolute contributions to an output, in the order of the features: how much each matters there. 0 without rows.
    ///
    /// # Errors
    ///
    /// As [`output`](Self::output).
    pub fn mean_absolute(&self, output: usize) -> Result<Vec<f64>> {
        let values = self.output(output)?;
        let n = values.nrows().max(1) as f64;
        Ok(values
            .columns()
            .into_iter()
            .map(|column| column.iter().map(|x| x.abs()).sum::<f64>() / n)
            .collect())
    }

    /// The contributions to an output as a table: a column for each feature, named as it is, and at last `base_value`, which says the same
    /// in each row (with a `_` more for as long as a feature is called so).
    ///
    /// # Errors
    ///
    /// As [`output`](Self::output).
    pub fn to_batch(&self, output: usize) -> Result<RecordBatch> {
        let values = self.output(output)?;
        let n = values.nrows();
        let column = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
        let mut columns: Vec<ArrayRef> =
            values.columns().into_iter().map(|values| column(values.to_vec())).collect();
        columns.push(column(vec![self.base.get(output).copied().unwrap_or(0.0); n]));
        let mut base = "base_value".to_owned();
        while self.features.contains(&base) {
            base.push('_');
        }
        let names = self.features.iter().chain([&base]);
        let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Float64, false)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(n));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
    }

    fn check(&self, output: usize) -> Result<()> {
        if output < self.base.len() {
            return Ok(());
        }
        let expected = format!("below {}, the number of outputs", self.base.len());
        Err(Error::invalid_parameter("ShapValues", "output", output.to_string(), expected))
    }
}
