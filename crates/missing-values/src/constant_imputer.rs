//! Imputation by a given value.

use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Category, Error, FitByStatistic, Kind, Layout, Result, category};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::fill;
use crate::{FittedImputer, Indicators};

/// Fills missing values with a given value: a word for text, a number for numbers, `true` or `false` for booleans.
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `value` | required | the value; it must fit the type of every column |
/// | `indicators` | `None` | adds `<column>_missing` columns |
///
/// **Input**: the features whose kind can hold the value, or with `.on(..)` exactly those. Null and NaN are missing.
/// **Output**: columns keep their type; dictionaries become plain.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) when a chosen column is of another kind;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when its type cannot hold the value (2.5 in integers); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a value
/// that is not finite.
///
/// One pass, which only counts what is missing.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, StringArray}};
/// use mlsys_missing_values::ConstantImputer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec![Some("b"), None]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let imputer = ConstantImputer::new("unknown").fit(&train)?;
/// let filled = imputer.transform(train.batch())?;
/// assert_eq!(filled.column(0).as_string::<i32>().value(1), "unknown");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: a number such as -1 is a measurement to a linear model; there, use
/// [`MedianImputer`](crate::MedianImputer) with indicators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct ConstantImputer {
    value: Category,
    #[serde(default)]
    indicators: Indicators,
}

/// A value for [`ConstantImputer::new`]: text, a number or a boolean.
pub trait IntoFill {
    /// The value.
    fn into_fill(self) -> Category;
}

impl IntoFill for &str {
    fn into_fill(self) -> Category {
        self.into()
    }
}

impl IntoFill for f64 {
    fn into_fill(self) -> Category {
        Category::Float(self)
    }
}

impl IntoFill for i64 {
    fn into_fill(self) -> Category {
        Category::Int(self)
    }
}

impl IntoFill for i32 {
    fn into_fill(self) -> Category {
        Category::Int(self.into())
    }
}

impl IntoFill for bool {
    fn into_fill(self) -> Category {
        Category::Bool(self)
    }
}

impl IntoFill for Category {
    fn into_fill(self) -> Category {
        self
    }
}

impl ConstantImputer {
    /// An imputer with this value and without indicator columns.
    pub fn new(value: impl IntoFill) -> Self {
        Self { value: value.into_fill(), indicators: Indicators::None }
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }
}

impl FitByStatistic for ConstantImputer {
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if self.value.as_f64().is_some_and(|x| !x.is_finite()) {
            return Err(Error::invalid_parameter("ConstantImputer", "value", &self.value, "finite"));
        }
        let fits = |kind: Kind| match self.value {
            Category::Text(_) => kind == Kind::Text || kind.is_temporal(),
            Category::Bool(_) => kind == Kind::Boolean,
            Category::Int(_) | Category::Float(_) => kind.is_number(),
        };
        let expected = format!("of a type that can hold `{}`", self.value);
        let columns = layout.features_for("ConstantImputer", fits, fits, &expected)?;
        for name in &columns {
            let data_type = match layout.schema().field_with_name(name)?.data_type() {
                DataType::Dictionary(_, values) => values,
                other => other,
            };
            category::scalar_array(name, Some(&self.value), data_type)?;
        }
        Ok(Missing::new().over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, missing: Vec<(String, MissingSummary)>) -> Result<FittedImputer> {
        let one = |(name, missing): (String, MissingSummary)| {
            fill(layout, &name, self.value.clone(), self.indicators, missing.missing() > 0)
        };
        Ok(FittedImputer::new(missing.into_iter().map(one).collect::<Result<_>>()?, false))
    }
}
