//! Making gaps in complete data.

use std::sync::Arc;

use mlsys_core::arrow::array::{RecordBatch, make_array};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_core::input::{Replacements, replace_columns};
use mlsys_core::{Dataset, Error, Partition, Result, column, hash, seed};
use serde::{Deserialize, Serialize};

/// What decides where [`Ampute`] makes gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmputeBy {
    /// Chance alone: missing completely at random.
    Mcar,
    /// A weighted sum of other, numeric columns: missing at random given these. Rows with high sums miss more.
    Mar(Vec<(String, f64)>),
    /// The column's own value: missing not at random. Rows with high values miss more.
    Mnar,
}

/// Makes gaps in complete columns, with a known reason: for trying diagnoses and imputers where the truth is known.
///
/// ```text
/// P(row is missing) = share                                        MCAR
/// P(row is missing) = 1 / (1 + exp(-(s z + b)))                    MAR, MNAR
/// ```
/// z is the standardised score of the row: Σ wₖ (xₖ - x̄ₖ) / sₖ over the other columns, or the column's own value; s is the strength, and b
/// makes the mean probability the share (the right-tailed logistic function of `ampute` in R's mice, each column on its own).
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `columns` | required | | the columns to make gaps in |
/// | `share` | 0.2 | above 0, below 1 | the expected share of gaps in each |
/// | `by` | `Mcar` | | what decides |
/// | `strength` | 2 | above 0 | how steeply the chance rises with the score |
/// | `seed` | 0 | | by row id and column name |
///
/// **Input**: columns of any type; MNAR needs numeric ones, and MAR numeric others without gaps; a column that
/// decides must vary. Gaps that are there stay, and the share is of the others. **Output**: the dataset with nulls; dictionaries become plain.
/// A row's draw depends on its id, the column's name and the seed alone. Two passes.
/// It works on a whole table, and is no transform: the score is standardised and b found over all rows, and nobody serves gaps.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`NonFinite`](mlsys_core::ErrorKind::NonFinite),
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) and [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for
/// the columns that decide.
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{Array, Float64Array, RecordBatch}};
/// use mlsys_missing_values::{Ampute, AmputeBy};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from_iter_values((0..1000).map(f64::from)));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?;
/// let gaps = Ampute::new(["x"]).share(0.3).by(AmputeBy::Mnar).apply(&data)?;
/// let missing = gaps.column("x")?;
/// let low = (0..500).filter(|&row| missing.is_null(row)).count();
/// assert!(missing.null_count().abs_diff(300) < 60 && low * 3 < missing.null_count());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Rianne Schouten, Peter Lugtig, Gerko Vink, *Generating missing values for simulation purposes: a multivariate amputation
/// procedure*, 2018.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "it does nothing until it is applied"]
pub struct Ampute {
    columns: Vec<String>,
    share: f64,
    by: AmputeBy,
    strength: f64,
    seed: u64,
}

impl Ampute {
    /// Gaps in these columns, completely at random.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, share: 0.2, by: AmputeBy::Mcar, strength: 2.0, seed: seed::DEFAULT_SEED }
    }

    /// The expected share of gaps in each column.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// What decides where the gaps are.
    pub fn by(mut self, by: AmputeBy) -> Self {
        self.by = by;
        self
    }

    /// How steeply the chance rises with the score.
    pub fn strength(mut self, strength: f64) -> Self {
        self.strength = strength;
        self
    }

    /// The seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The dataset with gaps.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn apply<P: Partition>(&self, data: &Dataset<P>) -> Result<Dataset<P>> {
        let bad = |name, value: String, range| Err(Error::invalid_parameter("Ampute", name, value, range));
        if !(self.share > 0.0 && self.share < 1.0) {
            return bad("share", self.share.to_string(), "above 0 and below 1");
        }
        if !(self.strength > 0.0 && self.strength.is_finite()) {
            return bad("strength", self.strength.to_string(), "above 0");
        }
        if self.columns.is_empty() {
            return bad("columns", "none".into(), "one or more");
        }
        let ids = data.row_ids();
        let mut with = Replacements::new();
        for name in &self.columns {
            let array = data.column(name)?;
            let chances = self.chances(data.batch(), name)?;
            let stream = hash::hash_bytes(name.as_bytes(), self.seed);
            let gap = |row: usize| {
                let draw = (hash::hash_u64(ids[row], stream) >> 11) as f64 / (1u64 << 53) as f64;
                draw < chances.get(row).copied().unwrap_or(self.share)
            };
            let plain = match array.data_type() {
                DataType::Dictionary(_, values) => cast(array, values)?,
                _ => Arc::clone(array),
            };
            if plain.data_type().is_null() {
                return Err(Error::column_type(name, "of a type that has values", "Null"));
            }
            let kept = NullBuffer::new(BooleanBuffer::collect_bool(plain.len(), |row| !gap(row)));
            let nulls = NullBuffer::union(plain.logical_nulls().as_ref(), Some(&kept));
            let field = data.batch().schema_ref().field_with_name(name)?;
            let field =
                Field::new(name, plain.data_type().clone(), true).with_metadata(field.metadata().clone());
            let holes = make_array(plain.to_data().into_builder().nulls(nulls).build()?);
            with.insert(name.as_str(), vec![(Arc::new(field), holes)]);
        }
        let batch = replace_columns(data.batch(), with)?;
        data.with_batch(batch)
    }

    /// The chance of a gap per row; empty when it is the same everywhere.
    fn chances(&self, batch: &RecordBatch, name: &str) -> Result<Vec<f64>> {
        let score = match &self.by {
            AmputeBy::Mcar => return Ok(Vec::new()),
            AmputeBy::Mnar => {
                // Gaps that are there stay whatever chance they get.
                let values = column::finite_or_missing(name, column::find(batch, name)?)?;
                standardise(name, values.to_vec())?
            }
            AmputeBy::Mar(weights) => {
                if weights.is_empty() || weights.iter().any(|(other, w)| other == name || !w.is_finite()) {
                    let expected = "other columns than the one with gaps, with finite weights";
                    return Err(Error::invalid_parameter("Ampute", "by", format!("{weights:?}"), expected));
                }
                let mut sum = vec![0.0; batch.num_rows()];
                for (other, weight) in weights {
                    let values = standardised(batch, other)?;
                    sum.iter_mut().zip(values).for_each(|(sum, z)| *sum += weight * z);
                }
                standardise("the weighted sum", sum)?
            }
        };
        let chance = |z: f64, b: f64| 1.0 / (1.0 + (-(self.strength * z + b)).exp());
        // The mean chance rises with b from 0 to 1.
        let n = known(&score).count() as f64;
        let far = known(&score).fold(1.0, |far: f64, z| far.max(z.abs())) * self.strength + 800.0;
        let (mut low, mut high) = (-far, far);
        for _ in 0..200 {
            let middle = low + (high - low) / 2.0;
            let mean = known(&score).map(|z| chance(z, middle)).sum::<f64>() / n;
            if mean < self.share { low = middle } else { high = middle }
        }
        Ok(score.into_iter().map(|z| chance(z, high)).collect())
    }
}

fn standardised(batch: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let values = column::finite(name, column::find(batch, name)?)?;
    standardise(name, values.to_vec())
}

/// The values that are not missing.
fn known(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().copied().filter(|x| !x.is_nan())
}

fn standardise(name: &str, mut values: Vec<f64>) -> Result<Vec<f64>> {
    if values.is_empty() {
        return Ok(values);
    }
    // Scaled first, so that squares do not overflow.
    let most = known(&values).fold(0.0, |most: f64, x| most.max(x.abs()));
    let scale = if most > 0.0 { most } else { 1.0 };
    let n = known(&values).count() as f64;
    let mean = known(&values).map(|x| x / scale).sum::<f64>() / n;
    values.iter_mut().for_each(|x| *x = *x / scale - mean);
    let deviation = (known(&values).map(|x| x * x).sum::<f64>() / n).sqrt();
    if !(deviation > f64::EPSILON * mean.abs() && deviation.is_finite()) {
        return Err(Error::invalid_value(
            name,
            None,
            "one value in every row",
            "values that vary, to decide by",
        ));
    }
    values.iter_mut().for_each(|x| *x /= deviation);
    Ok(values)
}
