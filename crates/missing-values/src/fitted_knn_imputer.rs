//! Filling from the nearest of the rows that were kept.

use std::sync::{Arc, OnceLock};

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::buffer::{BooleanBuffer, NullBuffer};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Category, Error, InputColumn, Result, Transform, first_error};
use mlsys_neighbors::{Donors, Neighbor, NeighborIndex, PointReader, Points, Search};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::{filled_classes, indicator, output_fields, output_type};
use crate::{KnnMetric, KnnWeights};

/// Rows that are filled one after the other on one thread.
const PART: usize = 64;

/// A fitted [`KnnImputer`](crate::KnnImputer): the training rows, and what to put where none is near.
///
/// Transforms a batch of any length. Columns that were never missing while fitting are filled, too.
#[derive(Debug, Serialize, Deserialize)]
pub struct FittedKnnImputer {
    k_neighbors: usize,
    weights: KnnWeights,
    metric: KnnMetric,
    reader: PointReader,
    donors: Points,
    /// A mean, or the code of a category, for each column.
    fallbacks: Vec<f64>,
    indicators: Vec<bool>,
    /// Built on first use, so that it is neither stored nor paid for before.
    #[serde(skip)]
    index: OnceLock<Arc<NeighborIndex>>,
}

impl Clone for FittedKnnImputer {
    fn clone(&self) -> Self {
        Self {
            reader: self.reader.clone(),
            donors: self.donors.clone(),
            fallbacks: self.fallbacks.clone(),
            indicators: self.indicators.clone(),
            index: self.index.clone(),
            ..*self
        }
    }
}

impl PartialEq for FittedKnnImputer {
    fn eq(&self, other: &Self) -> bool {
        let parameters = |f: &Self| (f.k_neighbors, f.weights, f.metric);
        // Gaps are NaN, which equals nothing.
        let same = |a: &[f64], b: &[f64]| a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()));
        parameters(self) == parameters(other)
            && self.reader == other.reader
            && self.indicators == other.indicators
            && same(&self.fallbacks, &other.fallbacks)
            && self.donors.n_columns() == other.donors.n_columns()
            && (0..self.donors.n_columns()).all(|c| same(self.donors.column(c), other.donors.column(c)))
    }
}

impl FittedKnnImputer {
    pub(crate) fn new(
        (k_neighbors, weights, metric): (usize, KnnWeights, KnnMetric),
        reader: PointReader,
        donors: Points,
        fallbacks: Vec<f64>,
        indicators: Vec<bool>,
    ) -> Self {
        Self { k_neighbors, weights, metric, reader, donors, fallbacks, indicators, index: OnceLock::new() }
    }

    /// How many training rows are kept.
    pub fn n_donors(&self) -> usize {
        self.donors.n_rows()
    }

    /// What a column gets where no training row is near: its mean, or its most frequent category.
    pub fn fallback(&self, column: &str) -> Option<Category> {
        let at = self.reader.input_columns().position(|input| input.name() == column)?;
        let value = *self.fallbacks.get(at)?;
        match self.reader.categories(at) {
            None => Some(Category::Float(value)),
            Some(known) => known.get(value as usize).cloned(),
        }
    }

    fn validate(&self) -> Result<()> {
        self.reader.validate()?;
        let columns = self.reader.input_columns().count();
        let lengths = [self.donors.n_columns(), self.fallbacks.len(), self.indicators.len()];
        if self.k_neighbors == 0 || lengths != [columns; 3] {
            return Err(Error::artifact("has no neighbours, or not one value for each column"));
        }
        for (column, input) in self.reader.input_columns().enumerate() {
            let known = self.reader.categories(column);
            let fine = match known {
                None => self.fallbacks[column].is_finite(),
                Some(known) => {
                    let is_code = |x: &f64| x.is_nan() || *x < known.len() as f64;
                    let fallback = self.fallbacks[column];
                    let codes = fallback >= 0.0 && fallback.fract() == 0.0 && is_code(&fallback);
                    codes && self.donors.column(column).iter().all(is_code)
                }
            };
            let mixed = known.is_none() || self.metric == KnnMetric::Gower;
            if !fine || !mixed || self.donors.is_categorical(column) != known.is_some() {
                return Err(Error::artifact(format!("has values of `{}` that are none", input.name())));
            }
        }
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.reader.input_columns().cloned().collect()
    }

    fn index(&self) -> Result<&NeighborIndex> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let built = Arc::new(NeighborIndex::new(&self.donors, self.metric.metric())?);
        Ok(self.index.get_or_init(|| built))
    }

    fn fields(&self, column: usize, input: &Field) -> Vec<FieldRef> {
        let widen = self.reader.categories(column).is_none();
        output_fields(input, output_type(input.data_type(), widen), false, self.indicators[column])
    }

    /// What is put into the gaps of a part of the rows, by row and then by column.
    fn values(&self, search: &mut Search<'_>, points: &Points, rows: &[usize]) -> Result<Vec<f64>> {
        let mut values = Vec::new();
        let (mut point, mut gaps, mut donors) = (Vec::new(), Vec::new(), Vec::new());
        for &row in rows {
            points.row(row, &mut point);
            gaps.clear();
            gaps.extend((0..point.len()).filter(|&column| point[column].is_nan()));
            donors.clear();
            donors.extend(gaps.iter().map(|&column| Donors::Observed(column)));
            search.find(&point, &donors, self.k_neighbors, None)?;
            for (question, &column) in gaps.iter().enumerate() {
                let near = search.found(question);
                values.push(match self.donors.is_categorical(column) {
                    true => self.vote(column, near),
                    false => self.average(column, near),
                });
            }
        }
        Ok(values)
    }

    /// The weights, relative to the nearest row's, which cannot overflow.
    fn weight(&self, nearest: f64, distance: f64) -> f64 {
        match self.weights {
            KnnWeights::Uniform => 1.0,
            KnnWeights::Distance if nearest > 0.0 => nearest / distance,
            KnnWeights::Distance => f64::from(u8::from(distance == 0.0)),
        }
    }

    fn average(&self, column: usize, near: impl Iterator<Item = Neighbor>) -> f64 {
        let donors = self.donors.column(column);
        let (mut nearest, mut sum, mut total) = (None, 0.0, 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for Neighbor { row, distance } in near {
            let weight = self.weight(*nearest.get_or_insert(distance), distance);
            if weight > 0.0 {
                sum += weight * donors[row];
                total += weight;
                low = low.min(donors[row]);
                high = high.max(donors[row]);
            }
        }
        if nearest.is_none() {
            return self.fallbacks[column];
        }
        // A mean lies between its values, whatever rounding and overflow do.
        (sum / total).clamp(low, high)
    }

    fn vote(&self, column: usize, near: impl Iterator<Item = Neighbor>) -> f64 {
        let donors = self.donors.column(column);
        let mut nearest = None;
        let mut votes: std::collections::BTreeMap<u64, f64> = std::collections::BTreeMap::new();
        for Neighbor { row, distance } in near {
            let weight = self.weight(*nearest.get_or_insert(distance), distance);
            *votes.entry(donors[row] as u64).or_default() += weight;
        }
        let most = votes.values().copied().fold(0.0, f64::max);
        let winner = votes.iter().find(|(_, votes)| **votes == most);
        winner.map_or(self.fallbacks[column], |(code, _)| *code as f64)
    }

    /// A column with its gaps filled.
    fn filled(
        &self,
        column: usize,
        array: &ArrayRef,
        values: &[f64],
        fills: &[(usize, f64)],
    ) -> Result<ArrayRef> {
        let known = self.reader.categories(column);
        let target = output_type(array.data_type(), known.is_none());
        let Some(known) = known else {
            let mut values = values.to_vec();
            fills.iter().for_each(|&(row, value)| values[row] = value);
            return Ok(cast(&Float64Array::from(values), &target)?);
        };
        filled_classes(array, &target, known, fills)
    }
}

impl Transform for FittedKnnImputer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let points = self.reader.points(batch)?;
        let columns = points.n_columns();
        let mut gap = vec![false; batch.num_rows()];
        for column in 0..columns {
            gap.iter_mut().zip(points.column(column)).for_each(|(gap, x)| *gap |= x.is_nan());
        }
        let rows: Vec<usize> = (0..gap.len()).filter(|&row| gap[row]).collect();
        let mut fills: Vec<Vec<(usize, f64)>> = vec![Vec::new(); columns];
        if !rows.is_empty() {
            let index = self.index()?;
            let parts = rows.par_chunks(PART);
            let parts = parts.map_init(|| index.search(), |search, rows| self.values(search, &points, rows));
            let values = first_error::<_, Vec<Vec<f64>>>(parts.collect())?;
            let mut values = values.into_iter().flatten();
            for &row in &rows {
                for (column, fills) in fills.iter_mut().enumerate() {
                    if points.column(column)[row].is_nan() {
                        fills.extend(values.next().map(|value| (row, value)));
                    }
                }
            }
        }
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .reader
            .input_columns()
            .enumerate()
            .map(|(column, input)| {
                let fields = self.fields(column, input.check(batch.schema_ref())?);
                let values = points.column(column);
                let mut arrays = vec![self.filled(column, input.find(batch)?, values, &fills[column])?];
                if self.indicators[column] {
                    let there = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
                    arrays.push(indicator(Some(NullBuffer::new(there)), values.len()));
                }
                Ok((input.name(), fields.into_iter().zip(arrays).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for (column, fitted) in self.reader.input_columns().enumerate() {
            with.insert(fitted.name(), self.fields(column, fitted.check(input)?));
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedKnnImputer, "mlsys.FittedKnnImputer", 1);
