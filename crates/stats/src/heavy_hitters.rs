//! The values that occur most, in bounded memory.

use mlsys_core::arrow::datatypes::Field;
use mlsys_core::{Category, Error, Result};
use serde::{Deserialize, Serialize};

use crate::counts::{ascend, counted, merged};
use crate::{Column, ColumnStatistic, Count, Counts};

/// The values that occur most, in bounded memory, each with bounds of its weight (Misra-Gries).
///
/// ```text
/// estimate <= weight of the value <= estimate + error,      error <= W / (capacity + 1)
/// ```
/// where `W` is the weight of all values. Every value with a weight above `error` is among them. With at most
/// `capacity` distinct values the weights are exact and the error is 0.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `capacity` | 256 | 1 or more | values kept |
///
/// **Input** as for [`Counts`]; missing values and rows of weight zero do not count. **Merging** keeps the bound; which of the rare
/// values survive depends on how the rows were divided.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Int64Array};
/// use mlsys_stats::{ColumnStatistic, HeavyHitters};
/// use std::sync::Arc;
///
/// // A third of the rows are zeros, the others all differ.
/// let x: ArrayRef = Arc::new((0..9_000).map(|i| if i % 3 == 0 { 0 } else { i }).collect::<Int64Array>());
/// let hitters = HeavyHitters::new(50).of("x", &x, None)?;
/// let top = &hitters.values[0];
/// assert!(top.weight <= 3_000.0 && 3_000.0 <= top.weight + hitters.error && hitters.error <= 9_000.0 / 51.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Jayadev Misra, David Gries, *Finding repeated elements*, 1982; merged as in Pankaj Agarwal et al., *Mergeable
/// summaries*, PODS 2012, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct HeavyHitters {
    capacity: usize,
}

impl Default for HeavyHitters {
    fn default() -> Self {
        Self::new(256)
    }
}

impl HeavyHitters {
    /// Keeps that many values.
    pub fn new(capacity: usize) -> Self {
        Self { capacity }
    }

    /// The state of values that are counted already, ascending.
    pub(crate) fn state_of(&self, counts: &[Count]) -> HeavyHittersState {
        let weight = counts.iter().map(|count| count.weight).sum();
        let mut state = HeavyHittersState { values: counts.to_vec(), error: 0.0, weight };
        self.prune(&mut state);
        state
    }

    /// Takes the weight of the heaviest value that has no room from all, which leaves room.
    fn prune(&self, state: &mut HeavyHittersState) {
        if state.values.len() <= self.capacity {
            return;
        }
        let mut weights: Vec<f64> = state.values.iter().map(|count| count.weight).collect();
        let (_, &mut cut, _) = weights.select_nth_unstable_by(self.capacity, |a, b| b.total_cmp(a));
        state.error += cut;
        state.values.retain_mut(|count| {
            count.weight -= cut;
            count.weight > 0.0
        });
    }
}

/// The state of [`HeavyHitters`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeavyHittersState {
    /// Ascending by value; weights are lower bounds, rows how often the value was seen since it was last let go.
    values: Vec<Count>,
    error: f64,
    weight: f64,
}

/// What [`HeavyHitters`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HeavyHittersSummary {
    /// The values and lower bounds of their weights, heaviest first, equals in ascending order.
    pub values: Vec<Count>,
    /// What a weight may be short of at most: 0 where all is exact.
    pub error: f64,
    /// The weight of all values.
    pub weight: f64,
}

impl ColumnStatistic for HeavyHitters {
    const NAME: &'static str = "mlsys.HeavyHitters";

    type State = HeavyHittersState;
    type Output = HeavyHittersSummary;

    fn init(&self, field: &Field) -> Result<HeavyHittersState> {
        if self.capacity == 0 {
            return Err(Error::invalid_parameter("HeavyHitters", "capacity", 0, "1 or more"));
        }
        Counts::new().init(field)?;
        Ok(HeavyHittersState { values: Vec::new(), error: 0.0, weight: 0.0 })
    }

    fn update(&self, state: &mut HeavyHittersState, column: &Column<'_>) -> Result<()> {
        let counts = counted(column.coded()?, column.weights());
        state.weight += counts.iter().map(|count| count.weight).sum::<f64>();
        state.values = merged(std::mem::take(&mut state.values), counts);
        self.prune(state);
        Ok(())
    }

    fn merge(&self, into: &mut HeavyHittersState, from: HeavyHittersState) -> Result<()> {
        into.weight += from.weight;
        into.error += from.error;
        into.values = merged(std::mem::take(&mut into.values), from.values);
        self.prune(into);
        Ok(())
    }

    fn finish(&self, state: &HeavyHittersState) -> Result<HeavyHittersSummary> {
        let mut values = state.values.clone();
        values.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.value.cmp(&b.value)));
        Ok(HeavyHittersSummary { values, error: state.error, weight: state.weight })
    }

    fn check_state(&self, state: &HeavyHittersState) -> Result<()> {
        if state.values.len() > self.capacity {
            let found = format!("{}", state.values.len());
            return Err(Error::state(format!("{} values at most", self.capacity), found));
        }
        let weighed = state.values.iter().all(|count| count.weight > 0.0);
        let ascending = ascend(state.values.iter().map(|count| &count.value));
        if ascending && weighed && state.error >= 0.0 && state.weight >= 0.0 {
            return Ok(());
        }
        Err(Error::state("ascending values of positive weight", "others"))
    }
}

impl HeavyHittersSummary {
    /// The bounds of a value's weight.
    pub fn bounds(&self, value: &Category) -> (f64, f64) {
        let found = self.values.iter().find(|count| count.value == *value);
        let low = found.map_or(0.0, |count| count.weight);
        (low, low + self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{ArrayRef, Int64Array};
    use mlsys_core::hash::hash_u64;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn bounds_hold_for_every_value_however_the_rows_are_divided() {
        let draw = |row: u64| (f64::from(hash_u64(row, 5) as u32) / 4.3e9).powi(5) * 2_000.0;
        let values: Vec<i64> = (0..40_000).map(|row| draw(row) as i64).collect();
        let mut truth = BTreeMap::new();
        values.iter().for_each(|&x| *truth.entry(x).or_insert(0.0) += 1.0);
        let field = Field::new("x", mlsys_core::arrow::datatypes::DataType::Int64, true);
        for parts in [1, 2, 16, 100] {
            let recipe = HeavyHitters::new(40);
            let mut all = recipe.init(&field).unwrap();
            for part in values.chunks(values.len() / parts) {
                let array: ArrayRef = Arc::new(Int64Array::from(part.to_vec()));
                let mut state = recipe.init(&field).unwrap();
                recipe.update(&mut state, &Column::new("x", &array, None).unwrap()).unwrap();
                recipe.merge(&mut all, state).unwrap();
            }
            let summary = recipe.finish(&all).unwrap();
            assert_eq!(summary.weight, 40_000.0);
            assert!(summary.error <= 40_000.0 / 41.0, "{}", summary.error);
            for (&value, &weight) in &truth {
                let (low, high) = summary.bounds(&Category::Int(value));
                assert!(low <= weight && weight <= high, "{value}: {low} {weight} {high}");
            }
        }
    }
}
