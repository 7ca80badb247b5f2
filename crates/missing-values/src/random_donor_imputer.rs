//! Imputation by a value that another row has.

use mlsys_core::arrow::array::{Array, ArrayRef, RecordBatch};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use mlsys_core::hash::{hash_bytes, hash_rows, hash_u64};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Category, Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error, seed,
};
use mlsys_stats::{ColumnStatistic, Counts, CountsSummary, Infinite, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Indicators;
use crate::fitted_imputer::{all_missing, indicator, output_fields, output_type, put_picked, without_nulls};

/// Fills missing values with values drawn from those that the column had when fitting, so that its distribution stays.
///
/// ```text
/// P(x̂ = v) = Σ w over the rows with v / Σ w over the rows with a value
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `seed_by` | all features but nested ones, two or more | columns, not the target | a row's draw follows from its values there: rows that are equal there are filled alike |
/// | `seed` | 0 | | of the draws |
/// | `max_distinct` | 1,048,576 | 1 or more | a column with more distinct values is an error |
/// | `indicators` | `None` | | adds `<column>_missing` columns |
///
/// **Input**: features of text, booleans, numbers, dates and times; null and NaN are missing; weights are used.
/// **Output**: columns keep their type; dictionaries become plain.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities, [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn),
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`.
///
/// One pass, mergeable; state about 48 bytes per distinct value of a column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Int32Array, RecordBatch, StringArray}};
/// use mlsys_missing_values::RandomDonorImputer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec![Some("b"), None, Some("b")]));
/// let id = Arc::new(Int32Array::from(vec![1, 2, 3]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("id", id as _)])?)?.into_train_all();
/// let filled = RandomDonorImputer::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(filled["x"].as_string::<i32>().value(1), "b");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where few values tell rows apart (under `.on(..)` only the chosen columns count, unless `seed_by` names others): many rows then
/// share a draw. And where other columns tell about the gap: the draw knows nothing of them. As feature-engine's `RandomSampleImputer` with
/// a seed per row, and with weights. **Instead**: [`IterativeImputer`](crate::IterativeImputer) by
/// [`ImputationMethod::pmm`](crate::ImputationMethod::pmm), whose donors are rows alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct RandomDonorImputer {
    seed_by: Option<Vec<String>>,
    seed: u64,
    max_distinct: usize,
    indicators: Indicators,
}

impl Default for RandomDonorImputer {
    fn default() -> Self {
        Self { seed_by: None, seed: seed::DEFAULT_SEED, max_distinct: 1 << 20, indicators: Indicators::None }
    }
}

impl RandomDonorImputer {
    /// An imputer whose draws follow from all features of a row.
    pub fn new() -> Self {
        Self::default()
    }

    /// The columns that a row's draw follows from, such as a key.
    pub fn seed_by<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.seed_by = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many distinct values a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    /// The columns that say which draw a row gets, by name.
    fn seeds(&self, layout: &Layout) -> Result<Vec<String>> {
        let invalid = |found: &str, expected: &str| {
            Err(Error::invalid_parameter("RandomDonorImputer", "seed_by", found, expected))
        };
        let mut names = match &self.seed_by {
            Some(names) => names.clone(),
            None => {
                let mut all = Vec::new();
                for name in layout.features() {
                    if layout.kind(name)? != Kind::Other {
                        all.push(name.to_owned());
                    }
                }
                if let [only] = all.as_slice() {
                    // Where it is missing, every row looks alike, and would get the same value.
                    let found = format!("the column `{only}` alone, which is filled");
                    return invalid(&found, "other columns that tell rows apart, such as a key");
                }
                all
            }
        };
        if let Some(name) = names.iter().find(|name| layout.targets().contains(name)) {
            return invalid(&format!("the target `{name}`"), "columns that are there when serving");
        }
        names.sort();
        names.dedup();
        if names.is_empty() {
            return invalid("none", "one column or more");
        }
        Ok(names)
    }
}

/// A column and the values that it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Donors {
    column: InputColumn,
    /// Ascending.
    values: Vec<Category>,
    /// The weight of each value together with those before it.
    upto: Vec<f64>,
    indicator: bool,
}

/// The fitted [`RandomDonorImputer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedRandomDonorImputer {
    columns: Vec<Donors>,
    seed_by: Vec<InputColumn>,
    seed: u64,
}

impl FittedRandomDonorImputer {
    fn validate(&self) -> Result<()> {
        let fits = |d: &Donors| {
            let ascend = d.upto.windows(2).all(|pair| pair[0] <= pair[1]);
            d.values.len() == d.upto.len()
                && ascend
                && d.upto.first().is_some_and(|w| *w > 0.0)
                && d.upto.last().is_some_and(|w| w.is_finite())
        };
        match self.columns.iter().find(|d| !fits(d)) {
            Some(d) => Err(Error::artifact(format!("`{}` has no values with weights", d.column.name()))),
            None if self.seed_by.is_empty() => Err(Error::artifact("has no columns that rows are drawn by")),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        let mut columns: Vec<InputColumn> = self.columns.iter().map(|d| d.column.clone()).collect();
        columns
            .extend(self.seed_by.iter().filter(|by| !self.columns.iter().any(|d| d.column == **by)).cloned());
        columns
    }

    fn fields(d: &Donors, schema: &Schema) -> Result<Vec<FieldRef>> {
        let input = d.column.check(schema)?;
        let nullable = d.column.kind() == Kind::Other;
        Ok(output_fields(input, output_type(input.data_type(), false), nullable, d.indicator))
    }

    fn fill(&self, d: &Donors, batch: &RecordBatch, rows: &[u64]) -> Result<Vec<ArrayRef>> {
        let name = d.column.name();
        let array = d.column.find(batch)?;
        let target = output_type(array.data_type(), false);
        let plain = cast(array, &target)?;
        let there = column::missing(name, array)?;
        let filled = match &there {
            None => plain,
            Some(there) => {
                let total = d.upto.last().copied().unwrap_or_default();
                let own = hash_bytes(name.as_bytes(), self.seed);
                let draw = |row: usize| {
                    let share = (hash_u64(rows[row], own) >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
                    d.upto.partition_point(|&upto| upto <= share * total).min(d.upto.len() - 1)
                };
                let picks: Vec<Option<usize>> =
                    (0..there.len()).map(|row| (!there.is_valid(row)).then(|| draw(row))).collect();
                put_picked(name, &plain, &picks, |pick| d.values.get(pick))?
            }
        };
        let mut columns = vec![without_nulls(&filled)];
        if d.indicator {
            columns.push(indicator(there, array.len()));
        }
        Ok(columns)
    }
}

impl Transform for FittedRandomDonorImputer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut seeds: Vec<(&str, &dyn Array)> = Vec::with_capacity(self.seed_by.len());
        for by in &self.seed_by {
            seeds.push((by.name(), by.find(batch)?.as_ref()));
        }
        let rows = hash_rows(&seeds, self.seed)?;
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|d| {
                let fields = Self::fields(d, batch.schema_ref())?;
                Ok((d.column.name(), fields.into_iter().zip(self.fill(d, batch, &rows)?).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for by in &self.seed_by {
            by.check(input)?;
        }
        for d in &self.columns {
            with.insert(d.column.name(), Self::fields(d, input)?);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedRandomDonorImputer, "mlsys.FittedRandomDonorImputer", 1);

impl FitByStatistic for RandomDonorImputer {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedRandomDonorImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if self.max_distinct == 0 {
            return Err(Error::invalid_parameter("RandomDonorImputer", "max_distinct", 0, "1 or more"));
        }
        for by in InputColumn::all(layout, self.seeds(layout)?)? {
            if by.kind() == Kind::Other {
                let found = layout.schema().field_with_name(by.name())?.data_type().clone();
                return Err(Error::column_type(
                    by.name(),
                    "text, a boolean, a number or a time, to draw by",
                    found,
                ));
            }
        }
        let accepts = |kind| kind != Kind::Other;
        let expected = "text, booleans, numbers or times";
        let columns = layout.features_for("RandomDonorImputer", accepts, accepts, expected)?;
        Ok(Counts::new().cap(self.max_distinct).infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        found: Vec<(String, CountsSummary)>,
    ) -> Result<FittedRandomDonorImputer> {
        let one = |(name, counts): (String, CountsSummary)| {
            let Some(values) = &counts.values else {
                let found = format!("more than {} distinct values", self.max_distinct);
                let expected = "a column with fewer (or raise `max_distinct`)";
                return Err(Error::invalid_value(&name, None, found, expected));
            };
            if values.is_empty() {
                return Err(all_missing(&name));
            }
            let mut upto = 0.0;
            let weights = values.iter().map(|count| {
                upto += count.weight;
                upto
            });
            let weights: Vec<f64> = weights.collect();
            if !upto.is_finite() {
                let expected = "weights whose sum a double can hold";
                return Err(Error::invalid_value(&name, None, "a total weight that overflows", expected));
            }
            let indicator = self.indicators.marks(counts.missing > 0);
            Ok(Donors {
                column: InputColumn::new(layout, &name)?,
                upto: weights,
                values: values.iter().map(|count| count.value.clone()).collect(),
                indicator,
            })
        };
        let columns = found.into_iter().map(one).collect::<Result<_>>()?;
        Ok(FittedRandomDonorImputer {
            columns,
            seed_by: InputColumn::all(layout, self.seeds(layout)?)?,
            seed: self.seed,
        })
    }
}
