//! Columns in bins: at most 255 per feature, and one for what is missing.

mod edges;
mod table;

pub(crate) use edges::{FeatureBins, MAX_BINS, MISSING};
pub(crate) use table::{BinnedTable, LANES, Lanes};

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::arrow::datatypes::Field;
use mlsys_core::{Category, Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result};
use mlsys_stats::{
    Column, ColumnStatistic, Counts, CountsSummary, PerColumn, Quantiles, QuantilesState, QuantilesSummary,
};
use serde::{Deserialize, Serialize};

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
    type Statistic = (PerColumn<OrderedValues>, PerColumn<Counts>);
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
        Ok((
            OrderedValues(Quantiles::new()).over(of(false)),
            Counts::new().cap(MAX_CATEGORIES).over(of(true)),
        ))
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

/// [`Quantiles`] of whatever has an order: dates and times too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OrderedValues(Quantiles);

impl OrderedValues {
    /// The column as numbers, if it is not one of numbers.
    fn numbers(name: &str, array: &ArrayRef) -> Result<Option<ArrayRef>> {
        if !Kind::of(array.data_type()).is_temporal() {
            return Ok(None);
        }
        let values = mlsys_core::arrow::array::Float64Array::new(ordered(name, array)?, None);
        Ok(Some(std::sync::Arc::new(values)))
    }
}

impl ColumnStatistic for OrderedValues {
    const NAME: &'static str = "mlsys.OrderedValues";

    type State = QuantilesState;
    type Output = QuantilesSummary;

    fn init(&self, field: &Field) -> Result<QuantilesState> {
        match Kind::of(field.data_type()).is_temporal() {
            true => {
                self.0.init(&Field::new(field.name(), mlsys_core::arrow::datatypes::DataType::Float64, true))
            }
            false => self.0.init(field),
        }
    }

    fn update(&self, state: &mut QuantilesState, column: &Column<'_>) -> Result<()> {
        match Self::numbers(column.name(), column.array())? {
            Some(numbers) => self.0.update(state, &Column::new(column.name(), &numbers, column.weights())?),
            None => self.0.update(state, column),
        }
    }

    fn merge(&self, into: &mut QuantilesState, from: QuantilesState) -> Result<()> {
        self.0.merge(into, from)
    }

    fn finish(&self, state: &QuantilesState) -> Result<QuantilesSummary> {
        self.0.finish(state)
    }

    fn check_state(&self, state: &QuantilesState) -> Result<()> {
        self.0.check_state(state)
    }
}
