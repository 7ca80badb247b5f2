//! Columns in bins: at most 255 per feature, and one for what is missing.

mod edges;
mod table;

pub(crate) use edges::{FeatureBins, MAX_BINS, MISSING};
pub(crate) use table::{BinnedTable, Block, LANES};

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use mlsys_core::{Category, Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Statistic};
use mlsys_stats::{
    ColumnStatistic, Counts, CountsState, CountsSummary, PerColumn, Quantiles, QuantilesState,
    QuantilesSummary,
};

use super::feature::{TreeFeature, ordered};

/// Finds the bins of every feature in one pass: of text, and of columns that are named so, by category; of all others by value.
///
/// Values are counted exactly up to 131,072 distinct ones; beyond, by a sketch whose ranks are off by 0.15 %.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binner {
    /// For errors.
    pub estimator: &'static str,
    pub max_bins: usize,
    pub min_rows_in_bin: u64,
    /// Columns that hold categories though they are no text.
    pub categorical: Vec<String>,
}

/// The features, by name, and the bins of each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeaturesInBins {
    pub features: Vec<TreeFeature>,
    pub bins: Vec<FeatureBins>,
}

/// Categories of a column at most.
const MAX_CATEGORIES: usize = 1 << 20;

impl Binner {
    /// The features in order of their names, and whether each is one of categories.
    fn columns(&self, layout: &Layout) -> Result<Vec<(String, bool)>> {
        let accepts = |kind: Kind| kind != Kind::Other;
        let mut names =
            layout.features_where(self.estimator, accepts, "numbers, booleans, dates, times or text")?;
        names.sort_unstable();
        if let Some(name) = self.categorical.iter().find(|name| !names.contains(name)) {
            let available = names.clone();
            return Err(ErrorKind::MissingColumn { name: name.clone(), available }.into());
        }
        let by_category = |name: String| {
            let named = self.categorical.contains(&name);
            Ok((layout.kind(&name)? == Kind::Text || named, name)).map(|(category, name)| (name, category))
        };
        names.into_iter().map(by_category).collect()
    }
}

impl FitByStatistic for Binner {
    type Statistic = ValueCounts;
    type Fitted = FeaturesInBins;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if !(2..=MAX_BINS).contains(&self.max_bins) {
            let expected = format!("2 to {MAX_BINS}");
            return Err(Error::invalid_parameter(self.estimator, "max_bins", self.max_bins, expected));
        }
        let columns = self.columns(layout)?;
        let of = |category: bool| {
            columns.iter().filter(move |column| column.1 == category).map(|column| column.0.clone())
        };
        let counts = (Quantiles::new().over(of(false)), Counts::new().cap(MAX_CATEGORIES).over(of(true)));
        let mut temporal = Vec::new();
        for name in of(false) {
            if layout.kind(&name)?.is_temporal() {
                temporal.push(name);
            }
        }
        Ok(ValueCounts { of: counts, temporal })
    }

    fn fitted(
        &self,
        layout: &Layout,
        (ordered, counted): (Vec<(String, QuantilesSummary)>, Vec<(String, CountsSummary)>),
    ) -> Result<FeaturesInBins> {
        let (mut ordered, mut counted) = (ordered.into_iter(), counted.into_iter());
        let mut fitted = FeaturesInBins { features: Vec::new(), bins: Vec::new() };
        for (name, category) in self.columns(layout)? {
            let column = InputColumn::new(layout, &name)?;
            let (feature, bins) = if category {
                let summary = counted.next().and_then(|(_, summary)| summary.values);
                let counts = summary.ok_or_else(|| {
                    let expected = format!("at most {MAX_CATEGORIES} categories (hash or group them first)");
                    Error::invalid_value(&name, None, "more", expected)
                })?;
                let counts: Vec<(Category, u64)> = counts.iter().map(|c| (c.value.clone(), c.rows)).collect();
                let bins = FeatureBins::Categories(edges::category_bins(&counts, self.max_bins));
                (TreeFeature::category(column, counts.into_iter().map(|c| c.0).collect())?, bins)
            } else {
                let cuts = ordered.next().map_or_else(Vec::new, |(_, summary)| {
                    let values = summary.distribution();
                    let counts: Vec<u64> = values.weights().map(|w| w as u64).collect();
                    edges::cuts(values.values(), &counts, self.max_bins, self.min_rows_in_bin)
                });
                (TreeFeature::number(column)?, FeatureBins::Ordered(cuts))
            };
            fitted.features.push(feature);
            fitted.bins.push(bins);
        }
        Ok(fitted)
    }
}

/// Quantiles of whatever has an order, dates and times too, and counts of categories.
#[derive(Debug, Clone)]
pub(crate) struct ValueCounts {
    of: (PerColumn<Quantiles>, PerColumn<Counts>),
    /// Columns that are read as numbers first.
    temporal: Vec<String>,
}

impl ValueCounts {
    fn schema(&self, schema: &Schema) -> Schema {
        let field = |field: &FieldRef| match self.temporal.contains(field.name()) {
            true => Arc::new(Field::new(field.name(), DataType::Float64, true)),
            false => Arc::clone(field),
        };
        Schema::new(schema.fields().iter().map(field).collect::<Vec<FieldRef>>())
    }
}

impl Statistic for ValueCounts {
    type State = (Vec<QuantilesState>, Vec<CountsState>);
    type Output = (Vec<(String, QuantilesSummary)>, Vec<(String, CountsSummary)>);

    fn init(&self, schema: &Schema) -> Result<Self::State> {
        self.of.init(&self.schema(schema))
    }

    fn update(&self, state: &mut Self::State, batch: &RecordBatch) -> Result<()> {
        if self.temporal.is_empty() {
            return self.of.update(state, batch);
        }
        let schema = Arc::new(self.schema(batch.schema_ref()));
        let column = |(field, array): (&FieldRef, &ArrayRef)| match self.temporal.contains(field.name()) {
            true => Ok(Arc::new(Float64Array::new(ordered(field.name(), array)?, None)) as ArrayRef),
            false => Ok(Arc::clone(array)),
        };
        let columns = schema.fields().iter().zip(batch.columns()).map(column).collect::<Result<_>>()?;
        self.of.update(state, &RecordBatch::try_new(schema, columns)?)
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        self.of.merge(into, from)
    }

    fn finish(&self, state: &Self::State) -> Result<Self::Output> {
        self.of.finish(state)
    }
}
