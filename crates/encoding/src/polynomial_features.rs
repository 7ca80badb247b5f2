//! Products and powers of columns.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Adds the products and powers of numeric columns up to a degree.
///
/// ```text
/// degree 2 of a and b:  a^2, a*b, b^2         interactions only:  a*b
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `degree` | 2 | 2 to 10 | the most factors of a product |
/// | `terms` | `All` | | products of different columns only, or powers as well |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included; at most 10,000 new columns. A product with
/// a missing factor is missing. Rows of any weight do alike. **Output**: the columns stay; behind the last of them come the new
/// ones, Float64, by degree and then by name: `a^2`, `a*b`, `a^2*b`. A product that overflows is infinite.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// also when there would be too many columns, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`DuplicateColumn`](mlsys_core::ErrorKind::DuplicateColumn) when a name is taken.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::PolynomialFeatures;
/// use std::sync::Arc;
///
/// let (a, b) = (Float64Array::from(vec![2.0]), Float64Array::from(vec![5.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("a", Arc::new(a) as _), ("b", Arc::new(b) as _)])?)?.into_train_all();
/// let out = PolynomialFeatures::new().fit(&train)?.transform(train.batch())?;
/// let names: Vec<String> = out.schema().fields().iter().map(|f| f.name().clone()).collect();
/// assert_eq!(names, ["a", "b", "a^2", "a*b", "b^2"]);
/// assert_eq!(out["a*b"].as_primitive::<Float64Type>().value(0), 10.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** on columns that are not scaled: powers of large numbers drown the rest, and are nearly multiples of each other. As
/// scikit-learn's `PolynomialFeatures` without its constant column. **Instead**: [`SplineTransformer`](crate::SplineTransformer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct PolynomialFeatures {
    degree: usize,
    terms: Terms,
}

/// Which products are added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Powers as well.
    #[default]
    All,
    /// Products of different columns only.
    Interactions,
}

impl Default for PolynomialFeatures {
    fn default() -> Self {
        Self { degree: 2, terms: Terms::All }
    }
}

/// More columns than this are a mistake.
const MOST_COLUMNS: usize = 10_000;

impl PolynomialFeatures {
    /// Squares and products of two.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most factors of a product.
    pub fn degree(mut self, degree: usize) -> Self {
        self.degree = degree;
        self
    }

    /// Which products are added.
    pub fn terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        if !(2..=10).contains(&self.degree) {
            return Err(Error::invalid_parameter("PolynomialFeatures", "degree", self.degree, "2 to 10"));
        }
        let mut names =
            layout.features_for("PolynomialFeatures", Kind::is_number, Kind::is_numeric, "numeric")?;
        names.sort();
        Ok(names)
    }

    /// The products of `n` columns: the factors of each, ascending.
    fn products(&self, n: usize) -> Result<Vec<Vec<u32>>> {
        let mut found: Vec<Vec<u32>> = Vec::new();
        let mut last: Vec<Vec<u32>> = (0..n as u32).map(|i| vec![i]).collect();
        for _ in 2..=self.degree {
            let mut next = Vec::new();
            for product in &last {
                let from = product.last().map_or(0, |&i| i + u32::from(self.terms == Terms::Interactions));
                next.extend((from..n as u32).map(|i| [product.as_slice(), &[i]].concat()));
                if found.len() + next.len() > MOST_COLUMNS {
                    let expected = format!("of {n} columns, at most {MOST_COLUMNS} products");
                    return Err(Error::invalid_parameter(
                        "PolynomialFeatures",
                        "degree",
                        self.degree,
                        expected,
                    ));
                }
            }
            // Sorted by the factors within a degree: it is made so.
            found.extend(next.iter().cloned());
            last = next;
        }
        Ok(found)
    }
}

/// The fitted [`PolynomialFeatures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedPolynomialFeatures {
    /// By name.
    columns: Vec<InputColumn>,
    products: Vec<Vec<u32>>,
}

impl FittedPolynomialFeatures {
    /// The names of the new columns.
    pub fn output_names(&self) -> Vec<String> {
        self.products.iter().map(|product| self.name(product)).collect()
    }

    /// The columns that a new column is a product of; a square has one of them twice.
    pub fn sources(&self, output: &str) -> Vec<&str> {
        let product = self.products.iter().find(|product| self.name(product) == output);
        product.into_iter().flatten().map(|&i| self.columns[i as usize].name()).collect()
    }

    fn name(&self, product: &[u32]) -> String {
        let factor = |run: &[u32]| match (self.columns[run[0] as usize].name(), run.len()) {
            (name, 1) => name.to_owned(),
            (name, power) => format!("{name}^{power}"),
        };
        product.chunk_by(|a, b| a == b).map(factor).collect::<Vec<_>>().join("*")
    }

    fn validate(&self) -> Result<()> {
        let factors = |product: &Vec<u32>| {
            (2..=10).contains(&product.len()) && product.iter().all(|&i| (i as usize) < self.columns.len())
        };
        if self.products.len() <= MOST_COLUMNS && self.products.iter().all(factors) {
            return Ok(());
        }
        Err(Error::artifact("has products of columns that are not there"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    /// The last of the columns in a schema, behind which the new ones stand.
    fn last<'a>(&self, schema: &'a Schema) -> Result<Option<&'a FieldRef>> {
        for column in &self.columns {
            column.check(schema)?;
        }
        let is_input = |field: &&FieldRef| self.columns.iter().any(|column| column.name() == field.name());
        Ok(schema.fields().iter().rev().find(is_input))
    }

    fn fields(&self) -> impl Iterator<Item = FieldRef> {
        self.products.iter().map(|p| Arc::new(Field::new(self.name(p), DataType::Float64, true)))
    }
}

impl Transform for FittedPolynomialFeatures {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let read = |column: &InputColumn| column::floats(column.name(), column.find(batch)?);
        let values: Vec<ScalarBuffer<f64>> = first_error(self.columns.par_iter().map(read).collect())?;
        let product = |product: &Vec<u32>| -> ArrayRef {
            let mut out = values[product[0] as usize].to_vec();
            for &factor in &product[1..] {
                out.iter_mut().zip(values[factor as usize].iter()).for_each(|(x, factor)| *x *= factor);
            }
            Arc::new(Float64Array::from(out))
        };
        let arrays: Vec<ArrayRef> = self.products.par_iter().map(product).collect();
        let mut with = Replacements::new();
        if let Some(last) = self.last(batch.schema_ref())? {
            let mut columns = vec![(Arc::clone(last), Arc::clone(&batch[last.name().as_str()]))];
            columns.extend(self.fields().zip(arrays));
            let replacement: Replacement<'_, _> = (last.name(), columns);
            with.extend([replacement]);
        }
        replace_columns(batch, with)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        if let Some(last) = self.last(input)? {
            with.insert(last.name(), [Arc::clone(last)].into_iter().chain(self.fields()).collect());
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedPolynomialFeatures, "mlsys.FittedPolynomialFeatures", 1);

impl FitByStatistic for PolynomialFeatures {
    /// Nothing is learned; infinite values are refused.
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedPolynomialFeatures;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = self.columns(layout)?;
        self.products(columns.len())?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MinMaxSummary)>) -> Result<FittedPolynomialFeatures> {
        let columns = InputColumn::all(layout, self.columns(layout)?)?;
        let products = self.products(columns.len())?;
        Ok(FittedPolynomialFeatures { columns, products })
    }
}
