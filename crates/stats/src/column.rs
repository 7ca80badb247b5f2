//! Statistics of one column, and the adapter that runs one over many columns of a table.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use mlsys_core::arrow::buffer::{NullBuffer, ScalarBuffer};
use mlsys_core::arrow::datatypes::{Field, Float64Type, Schema};
use mlsys_core::metric::batch_weights;
use mlsys_core::{
    Coded, Error, ErrorKind, Kind, Layout, NamedStatistic, Result, Statistic, column, first_error,
};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Rows that [`Column::blocks`] gives at once: they fit the nearest cache.
pub(crate) const BLOCK: usize = 1024;

/// A column of a batch as statistics read it. Conversions are made once and shared by all that ask.
pub struct Column<'a> {
    name: &'a str,
    array: &'a ArrayRef,
    weights: Option<&'a [f64]>,
    floats: OnceCell<ScalarBuffer<f64>>,
    coded: OnceCell<Coded>,
}

impl<'a> Column<'a> {
    /// A column, with the weight of each row if there are weights.
    ///
    /// # Errors
    ///
    /// [`Shape`](ErrorKind::Shape) when the lengths differ.
    pub fn new(name: &'a str, array: &'a ArrayRef, weights: Option<&'a [f64]>) -> Result<Self> {
        match weights {
            Some(w) if w.len() != array.len() => {
                Err(Error::shape("weights", format!("{} rows", array.len()), w.len()))
            }
            _ => Ok(Self { name, array, weights, floats: OnceCell::new(), coded: OnceCell::new() }),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The Arrow array.
    pub fn array(&self) -> &ArrayRef {
        self.array
    }

    /// The weight of each row, if there are weights.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights
    }

    /// The weight of a row: 1 without weights.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    /// The values as doubles, missing ones as NaN.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) unless the column is numeric.
    pub fn floats(&self) -> Result<&ScalarBuffer<f64>> {
        if self.floats.get().is_none() {
            let values = column::floats(self.name, self.array)?;
            return Ok(self.floats.get_or_init(|| values));
        }
        Ok(self.floats.get_or_init(|| Vec::new().into()))
    }

    /// Calls `visit` with the values of [`floats`](Self::floats) a block of rows at a time until it says `false`;
    /// gives what it said last. A column with gaps is not copied as a whole for it: its blocks are, into the
    /// nearest cache.
    ///
    /// # Errors
    ///
    /// As [`floats`](Self::floats).
    pub(crate) fn blocks(&self, mut visit: impl FnMut(&[f64]) -> bool) -> Result<bool> {
        let raw = self.array.as_primitive_opt::<Float64Type>();
        let gaps = raw.and_then(|raw| Some((raw.values(), raw.nulls()?)));
        let Some((values, nulls)) = gaps.filter(|_| self.floats.get().is_none()) else {
            return Ok(self.floats()?.chunks(BLOCK).all(visit));
        };
        let mut filled = [0.0; BLOCK];
        for (block, values) in values.chunks(BLOCK).enumerate() {
            let valid = nulls.inner().slice(block * BLOCK, values.len());
            let go_on = if valid.count_set_bits() == values.len() {
                visit(values)
            } else {
                let filled = &mut filled[..values.len()];
                filled.copy_from_slice(values);
                column::fill_nulls(filled, &NullBuffer::new(valid), f64::NAN);
                visit(filled)
            };
            if !go_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The values as codes of categories.
    ///
    /// # Errors
    ///
    /// [`ColumnType`](ErrorKind::ColumnType) when the column has no categories.
    pub fn coded(&self) -> Result<&Coded> {
        if self.coded.get().is_none() {
            let coded = Coded::new(self.name, self.array)?;
            return Ok(self.coded.get_or_init(|| coded));
        }
        Ok(self.coded.get_or_init(|| Coded { codes: Vec::new(), distinct: Vec::new() }))
    }

    pub(crate) fn refuse_infinite(&self, policy: Infinite) -> Result<()> {
        if policy == Infinite::Count || Kind::of(self.array.data_type()) != Kind::Float {
            return Ok(());
        }
        let values = self.floats()?;
        match column::first_infinite(values) {
            Some(row) => {
                Err(ErrorKind::NonFinite { column: self.name.into(), row, value: values[row] }.into())
            }
            None => Ok(()),
        }
    }
}

/// What a statistic does with infinite values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Infinite {
    /// Counts them; they enter nothing that an infinity would spoil.
    #[default]
    Count,
    /// An error naming column and row.
    Refuse,
}

/// A one-pass statistic of one column. [`over`](Self::over) makes it a [`Statistic`] of a table.
pub trait ColumnStatistic: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The stable name, with the crate's name before it: `mlsys.Moments`.
    const NAME: &'static str;
    /// Counts changes of the recipe or the state that older programs cannot read.
    const VERSION: u32 = 1;

    /// What is kept while rows go by.
    type State: Clone + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// What [`finish`](Self::finish) makes of the state.
    type Output: Send;

    /// The state of no rows.
    ///
    /// # Errors
    ///
    /// When a parameter is out of range, or the column's type does not suit.
    fn init(&self, field: &Field) -> Result<Self::State>;

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// When a value does not suit.
    fn update(&self, state: &mut Self::State, column: &Column<'_>) -> Result<()>;

    /// Adds the rows of another state, which come after those of `into`.
    ///
    /// # Errors
    ///
    /// [`State`](ErrorKind::State) when the states do not belong together.
    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()>;

    /// The result; callable any number of times.
    ///
    /// # Errors
    ///
    /// When the rows did not suit.
    fn finish(&self, state: &Self::State) -> Result<Self::Output>;

    /// As [`NamedStatistic::check_state`]: refuses a state that the other methods could not bear. States are read from
    /// bytes that may come from anyone, and pass this before anything else.
    ///
    /// # Errors
    ///
    /// [`State`](ErrorKind::State), which says what was expected and what was found.
    fn check_state(&self, state: &Self::State) -> Result<()> {
        let _ = state;
        Ok(())
    }

    /// The statistic of each of these columns of a table.
    fn over<S: Into<String>>(self, columns: impl IntoIterator<Item = S>) -> PerColumn<Self> {
        PerColumn { columns: columns.into_iter().map(Into::into).collect(), weight: None, each: self }
    }

    /// The result over one array.
    ///
    /// # Errors
    ///
    /// As the other methods.
    fn of(&self, name: &str, array: &ArrayRef, weights: Option<&[f64]>) -> Result<Self::Output> {
        let field = Field::new(name, array.data_type().clone(), true);
        if let Some(row) = weights.unwrap_or_default().iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let weight = weights.unwrap_or_default()[row];
            return Err(Error::invalid_value("weights", Some(row), weight, "finite and not negative"));
        }
        let mut state = self.init(&field)?;
        self.update(&mut state, &Column::new(name, array, weights)?)?;
        self.finish(&state)
    }
}

/// Statistics whose states can be taken out again, exactly: a window that slides over time needs no second scan.
pub trait Retract: ColumnStatistic {
    /// Takes the rows of `part` out, which had been merged into `from`.
    ///
    /// # Errors
    ///
    /// [`State`](ErrorKind::State) when `part` cannot have been merged in.
    fn retract(&self, from: &mut Self::State, part: &Self::State) -> Result<()>;
}

/// A column that is named again would cost its state again, which a recipe from elsewhere could use to fill the memory.
pub(crate) fn refuse_repeated(statistic: &str, columns: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match columns.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(Error::invalid_parameter(statistic, "columns", name, "each column once")),
        None => Ok(()),
    }
}

/// A column statistic over many columns of a table. Made by [`ColumnStatistic::over`].
///
/// The output lists the columns in the order given, each with its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerColumn<S> {
    columns: Vec<String>,
    weight: Option<String>,
    each: S,
}

impl<S> PerColumn<S> {
    /// Weights the rows by a column; it must be in every batch.
    pub fn weight(mut self, column: Option<&str>) -> Self {
        self.weight = column.map(str::to_owned);
        self
    }

    /// Takes the weight column from a table's layout, if it has one.
    pub fn weighted_as(self, layout: &Layout) -> Self {
        self.weight(layout.weight())
    }
}

impl<S: ColumnStatistic> NamedStatistic for PerColumn<S> {
    const NAME: &'static str = S::NAME;
    const VERSION: u32 = S::VERSION;

    fn check_state(&self, state: &Vec<S::State>) -> Result<()> {
        self.check(state)?;
        let each = |(name, state): (&String, &S::State)| {
            self.each.check_state(state).map_err(|e| e.context(format!("column `{name}`")))
        };
        self.columns.iter().zip(state).try_for_each(each)
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        self.columns.iter().chain(&self.weight).cloned().collect()
    }
}

impl<S: ColumnStatistic> Statistic for PerColumn<S> {
    type State = Vec<S::State>;
    type Output = Vec<(String, S::Output)>;

    fn init(&self, schema: &Schema) -> Result<Self::State> {
        refuse_repeated(S::NAME, &self.columns)?;
        let field = |name: &String| {
            schema
                .field_with_name(name)
                .map_err(|_| column::missing_column(schema, name))
                .and_then(|f| self.each.init(f))
        };
        self.columns.iter().map(field).collect()
    }

    fn update(&self, state: &mut Self::State, batch: &RecordBatch) -> Result<()> {
        self.check(state)?;
        let weights = batch_weights(batch, self.weight.as_deref())?;
        let updated = state.par_iter_mut().zip(&self.columns).map(|(state, name)| {
            let array = column::find(batch, name)?;
            self.each.update(state, &Column::new(name, array, weights.as_deref())?)
        });
        first_error(updated.collect())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        self.check(into)?;
        self.check(&from)?;
        into.iter_mut().zip(from).try_for_each(|(into, from)| self.each.merge(into, from))
    }

    fn finish(&self, state: &Self::State) -> Result<Self::Output> {
        self.check(state)?;
        let each = |(name, state): (&String, &S::State)| Ok((name.clone(), self.each.finish(state)?));
        self.columns.iter().zip(state).map(each).collect()
    }
}

impl<S: Retract> PerColumn<S> {
    /// Takes the rows of `part` out, which had been merged into `from`.
    ///
    /// # Errors
    ///
    /// As [`Retract::retract`].
    pub fn retract(&self, from: &mut [S::State], part: &[S::State]) -> Result<()> {
        if from.len() != part.len() {
            return Err(Error::state(format!("{} columns", from.len()), format!("{}", part.len())));
        }
        from.iter_mut().zip(part).try_for_each(|(from, part)| self.each.retract(from, part))
    }
}

impl<S: ColumnStatistic> PerColumn<S> {
    fn check(&self, state: &[S::State]) -> Result<()> {
        if state.len() == self.columns.len() {
            return Ok(());
        }
        Err(Error::state(format!("{} columns", self.columns.len()), format!("{}", state.len())))
    }
}
