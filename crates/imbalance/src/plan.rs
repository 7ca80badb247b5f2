//! What a resampler will do, before any row is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{RecordBatch, RecordBatchOptions, UInt32Array};
use mlsys_core::arrow::compute::{concat, take};
use mlsys_core::{Dataset, Error, Result, Train, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::blend::{Change, change};

/// A resampler that says what it will do before it makes rows. [`Resample`](mlsys_core::Resample) follows from it.
pub trait PlanResample {
    /// Which rows stay, and which are made of which two.
    ///
    /// # Errors
    ///
    /// When the rows do not suit the resampler.
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan>;

    /// Whether it does nothing but draw rows of a class at random, so that
    /// [`PriorCorrection`](crate::PriorCorrection) can undo it.
    fn draws_at_random(&self) -> bool {
        false
    }
}

/// Resamplers resample as they plan.
macro_rules! resample_as_planned {
    ($resampler:ty) => {
        impl mlsys_core::Resample for $resampler {
            fn resample(
                &self,
                train: mlsys_core::Dataset<mlsys_core::Train>,
            ) -> mlsys_core::Result<mlsys_core::Dataset<mlsys_core::Train>> {
                crate::PlanResample::plan(self, &train)?.apply(&train)
            }
        }
    };
}
pub(crate) use resample_as_planned;

/// A row that will be made: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Synthetic {
    /// The row that it starts from.
    pub base: u32,
    /// The row that it goes towards.
    pub neighbor: u32,
    /// How far it goes: 0 is the base, 1 the neighbour.
    pub gap: f64,
}

/// Where a row of the result comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// It is the training row of this id.
    Row(u64),
    /// It is synthetic.
    Between {
        /// The id of the row that it starts from.
        base: u64,
        /// The id of the row that it goes towards.
        neighbor: u64,
        /// How far it goes: 0 is the base, 1 the neighbour.
        gap: f64,
    },
    /// It is synthetic, and a row with numbers added to some of its values: not towards another row.
    Around {
        /// The id of the row.
        base: u64,
    },
}

/// What a resampler will do: the rows that it keeps, in their order, and then the rows that it makes. 4 bytes a kept row,
/// 16 a synthetic one, and 4 more for each column of categories that comes from a row of its own, 8 for each that is shifted.
///
/// A synthetic row has `a + gap (b − a)` in each column that is blended, `a` of its base row and `b` of its neighbour:
/// rounded to a whole number in columns of integers (halves away from `a`), no further than its type goes, missing where `a` is, and
/// `a` where `b` is missing. A column with [`donors`](Self::donors) has the donor's value, and one with a [`shift`](Self::shift) `a + shift`, rounded
/// in the same way; every other column, weights and as a rule the target among them, has the base row's. A shift may be part of the
/// way to the neighbour, where a column has a gap of its own: a target by distances, say.
///
/// It is plain data, can be stored and applied later to the same rows, and refuses rows of other ids. For a resampler of your own
/// start with [`keep`](Self::keep).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, Float64Array, Int32Array, RecordBatch}, arrow::datatypes::{Float64Type, Int32Type}};
/// use mlsys_imbalance::{Origin, Plan, Synthetic};
/// use std::sync::Arc;
///
/// let batch = RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0])) as _),
///     ("y", Arc::new(Int32Array::from(vec![0, 1, 1])) as _),
/// ])?;
/// let train = Dataset::new(batch)?.target("y")?.into_train_all();
/// let halfway = Synthetic { base: 1, neighbor: 2, gap: 0.5 };
/// let plan = Plan::keep(&train, &[0, 1, 2])?.synthesize(&train, ["x"], vec![halfway])?;
/// assert_eq!(plan.origin(3), Some(Origin::Between { base: 1, neighbor: 2, gap: 0.5 }));
/// let made = plan.apply(&train)?;
/// assert_eq!(made.column("x")?.as_primitive::<Float64Type>().value(3), 3.0);
/// assert_eq!(made.column("y")?.as_primitive::<Int32Type>().value(3), 1);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
#[must_use = "a plan does nothing until it is applied"]
pub struct Plan {
    rows: Rows,
    kept: Vec<u32>,
    blended: Vec<String>,
    synthetic: Vec<Synthetic>,
    donors: BTreeMap<String, Vec<u32>>,
    shifts: BTreeMap<String, Vec<f64>>,
}

/// A plan that somebody else may have written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    rows: Rows,
    kept: Vec<u32>,
    blended: Vec<String>,
    synthetic: Vec<Synthetic>,
    donors: BTreeMap<String, Vec<u32>>,
    #[serde(default)]
    shifts: BTreeMap<String, Vec<f64>>,
}

impl TryFrom<Stored> for Plan {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored { rows, kept, blended, synthetic, donors, shifts } = stored;
        let plan = Self { rows, kept, blended, synthetic, donors, shifts };
        plan.check()?;
        Ok(plan)
    }
}

/// The ids of the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rows {
    /// So many, from an id on.
    From(u64, usize),
    Listed(Vec<u64>),
}

impl Rows {
    fn of(train: &Dataset<Train>) -> Self {
        let ids = train.row_ids();
        match ids.first() {
            Some(&first) if ids.iter().zip(0..).all(|(&id, i)| id.checked_sub(first) == Some(i)) => {
                Self::From(first, ids.len())
            }
            _ => Self::Listed(ids),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::From(_, rows) => *rows,
            Self::Listed(ids) => ids.len(),
        }
    }

    fn get(&self, row: u32) -> Option<u64> {
        match self {
            Self::From(first, rows) if (row as usize) < *rows => first.checked_add(u64::from(row)),
            Self::From(..) => None,
            Self::Listed(ids) => ids.get(row as usize).copied(),
        }
    }
}

impl Plan {
    /// Keeps these rows, in this order; a row may be there several times.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a row that is not there.
    pub fn keep(train: &Dataset<Train>, kept: &[usize]) -> Result<Self> {
        let rows = Rows::of(train);
        let narrow = |&row: &usize| u32::try_from(row).map_err(|_| not_there(rows.len(), row));
        let kept = first_error(kept.iter().map(narrow).collect::<Vec<_>>())?;
        let (donors, shifts) = (BTreeMap::new(), BTreeMap::new());
        let plan = Self { rows, kept, blended: Vec::new(), synthetic: Vec::new(), donors, shifts };
        plan.check()?;
        Ok(plan)
    }

    /// Makes these rows after those that are kept, and no others; numbers in `blended` are between those of the two rows.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a row that is not there;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a gap that is not finite;
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn).
    pub fn synthesize<S: Into<String>>(
        mut self,
        train: &Dataset<Train>,
        blended: impl IntoIterator<Item = S>,
        synthetic: Vec<Synthetic>,
    ) -> Result<Self> {
        self.blended = blended.into_iter().map(Into::into).collect();
        self.blended.iter().try_for_each(|name| train.column(name).map(drop))?;
        self.synthetic = synthetic;
        self.donors.clear();
        self.shifts.clear();
        self.check()?;
        Ok(self)
    }

    /// Takes the values of a column of the synthetic rows from these rows, one for each.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a row that is not there, or another number of rows than are made;
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn).
    pub fn donors(mut self, train: &Dataset<Train>, column: &str, rows: Vec<u32>) -> Result<Self> {
        train.column(column)?;
        self.blended.retain(|name| name != column);
        self.shifts.remove(column);
        self.donors.insert(column.into(), rows);
        self.check()?;
        Ok(self)
    }

    /// Adds these numbers to the base rows' values in a column of the synthetic rows, one for each: noise, say.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for another number of them than rows are made;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for one that is not finite;
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn).
    pub fn shift(mut self, train: &Dataset<Train>, column: &str, by: Vec<f64>) -> Result<Self> {
        train.column(column)?;
        self.blended.retain(|name| name != column);
        self.donors.remove(column);
        self.shifts.insert(column.into(), by);
        self.check()?;
        Ok(self)
    }

    /// This plan and then one that keeps some of the rows that it makes: cleaning after over-sampling. Those that are training rows
    /// come first again, and then the synthetic ones, both in the order of `next`.
    ///
    /// ```
    /// use mlsys_core::{Dataset, arrow::array::{Float64Array, Int32Array, RecordBatch}};
    /// use mlsys_imbalance::{Plan, Synthetic};
    /// use std::sync::Arc;
    ///
    /// let batch = RecordBatch::try_from_iter([
    ///     ("x", Arc::new(Float64Array::from(vec![1.0, 2.0, 4.0])) as _),
    ///     ("y", Arc::new(Int32Array::from(vec![0, 1, 1])) as _),
    /// ])?;
    /// let train = Dataset::new(batch)?.target("y")?.into_train_all();
    /// let new = |gap| Synthetic { base: 1, neighbor: 2, gap };
    /// let plan = Plan::keep(&train, &[0, 1, 2])?.synthesize(&train, ["x"], vec![new(0.1), new(0.9)])?;
    /// let next = Plan::keep(&plan.apply(&train)?, &[1, 2, 4])?;
    /// let both = plan.then(&next)?;
    /// assert_eq!((both.kept(), both.synthetic()), (&[1, 2][..], &[new(0.9)][..]));
    /// # Ok::<(), mlsys_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) for a plan of other rows than this one makes;
    /// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for one that makes rows itself.
    pub fn then(mut self, next: &Self) -> Result<Self> {
        if next.rows.len() != self.n_rows() {
            let expected = format!("a plan of {} rows", self.n_rows());
            return Err(Error::shape("the next plan", expected, format!("one of {}", next.rows.len())));
        }
        let same = |(row, &kept): (u32, &u32)| next.rows.get(row) == self.rows.get(kept);
        if !(0..).zip(&self.kept).all(same) {
            return Err(Error::shape("the next plan", "a plan of the rows that this one makes", "others"));
        }
        if !next.synthetic.is_empty() {
            return Err(Error::unsupported("rows made of synthetic ones"));
        }
        let before = self.kept.len();
        let (kept, made): (Vec<usize>, Vec<usize>) =
            next.kept.iter().map(|&row| row as usize).partition(|&row| row < before);
        let made: Vec<usize> = made.into_iter().map(|row| row - before).collect();
        self.kept = kept.into_iter().map(|row| self.kept[row]).collect();
        self.synthetic = made.iter().map(|&at| self.synthetic[at]).collect();
        for donors in self.donors.values_mut() {
            *donors = made.iter().map(|&at| donors[at]).collect();
        }
        for shifts in self.shifts.values_mut() {
            *shifts = made.iter().map(|&at| shifts[at]).collect();
        }
        Ok(self)
    }

    /// The number of rows of the result.
    pub fn n_rows(&self) -> usize {
        self.kept.len() + self.synthetic.len()
    }

    /// The training rows that are kept, in the order of the result.
    pub fn kept(&self) -> &[u32] {
        &self.kept
    }

    /// The training rows that are not kept, ascending.
    pub fn removed(&self) -> Vec<u32> {
        let mut there = vec![false; self.rows.len()];
        self.kept.iter().for_each(|&row| there[row as usize] = true);
        (0..).zip(there).filter(|(_, there)| !there).map(|(row, _)| row).collect()
    }

    /// The rows that are made: those of the result after the ones that are kept.
    pub fn synthetic(&self) -> &[Synthetic] {
        &self.synthetic
    }

    /// The columns of numbers between those of two rows.
    pub fn blended(&self) -> &[String] {
        &self.blended
    }

    /// What is added to the base rows' values in a column of the synthetic rows; nothing where that is not how it is made.
    pub fn shifts(&self, column: &str) -> &[f64] {
        self.shifts.get(column).map_or(&[], Vec::as_slice)
    }

    /// Where a row of the result comes from; `None` past its end.
    pub fn origin(&self, row: usize) -> Option<Origin> {
        match self.kept.get(row) {
            Some(&kept) => self.rows.get(kept).map(Origin::Row),
            None => {
                let made = self.synthetic.get(row - self.kept.len())?;
                let (base, neighbor) = (self.rows.get(made.base)?, self.rows.get(made.neighbor)?);
                Some(match made.base == made.neighbor && !self.shifts.is_empty() {
                    true => Origin::Around { base },
                    false => Origin::Between { base, neighbor, gap: made.gap },
                })
            }
        }
    }

    /// Makes the rows.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when these are not the rows that were planned with, by their ids;
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn); [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a blended column that is no number;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a decimal beyond its precision, which only shifts and
    /// gaps outside 0 to 1 make.
    pub fn apply(&self, train: &Dataset<Train>) -> Result<Dataset<Train>> {
        if self.rows != Rows::of(train) {
            let expected = format!("the {} rows that were planned with", self.rows.len());
            return Err(Error::shape("the rows of a plan", expected, format!("{} others", train.n_rows())));
        }
        if self.synthetic.is_empty() {
            return train.take(&self.kept.iter().map(|&row| row as usize).collect::<Vec<_>>());
        }
        let named = self.blended.iter().chain(self.donors.keys()).chain(self.shifts.keys());
        named.into_iter().try_for_each(|name| train.column(name).map(drop))?;
        let whole =
            self.kept.len() == train.n_rows() && self.kept.iter().zip(0..).all(|(&row, at)| row == at);
        let kept = UInt32Array::from_iter_values(self.kept.iter().copied());
        let bases = UInt32Array::from_iter_values(self.synthetic.iter().map(|made| made.base));
        // A column after the other, so that what is kept is not there twice for long.
        let columns = train.batch().schema_ref().fields().iter().zip(train.batch().columns());
        let columns = columns.collect::<Vec<_>>().into_par_iter().map(|(field, array)| {
            let name = field.name();
            let made = match self.donors.get(name) {
                Some(donors) => take(array, &UInt32Array::from_iter_values(donors.iter().copied()), None)?,
                None if self.blended.contains(name) || self.shifts.contains_key(name) => {
                    let shifts = self.shifts.get(name).map(Vec::as_slice);
                    change(name, array, Change { synthetic: &self.synthetic, shifts })?
                }
                None => take(array, &bases, None)?,
            };
            let kept = if whole { Arc::clone(array) } else { take(array, &kept, None)? };
            Ok(concat(&[kept.as_ref(), made.as_ref()])?)
        });
        let columns = first_error(columns.collect())?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.n_rows()));
        let batch = RecordBatch::try_new_with_options(train.schema(), columns, &options)?;
        let ids = train.row_ids();
        train.resampled(batch, self.kept.iter().map(|&row| ids[row as usize]).collect())
    }

    /// Refuses what could not be applied.
    fn check(&self) -> Result<()> {
        let rows = self.rows.len();
        if u32::try_from(rows).is_err() {
            return Err(Error::unsupported("a plan for 4,294,967,296 rows or more"));
        }
        let made = self.synthetic.iter().flat_map(|made| [made.base, made.neighbor]);
        let donors = self.donors.values().flatten().copied();
        if let Some(row) =
            self.kept.iter().copied().chain(made).chain(donors).find(|&row| row as usize >= rows)
        {
            return Err(not_there(rows, row));
        }
        if let Some(at) = self.synthetic.iter().position(|made| !made.gap.is_finite()) {
            return Err(Error::invalid_value("gap", Some(at), self.synthetic[at].gap, "finite"));
        }
        let donors = self.donors.iter().map(|(name, donors)| ("donors", name, donors.len()));
        let shifts = self.shifts.iter().map(|(name, shifts)| ("shifts", name, shifts.len()));
        if let Some((what, name, found)) = donors.chain(shifts).find(|&(.., n)| n != self.synthetic.len()) {
            let expected = format!("{} rows", self.synthetic.len());
            return Err(Error::shape(format!("the {what} of `{name}`"), expected, found));
        }
        for (name, shifts) in &self.shifts {
            if let Some(at) = shifts.iter().position(|by| !by.is_finite()) {
                return Err(Error::invalid_value(name.as_str(), Some(at), shifts[at], "a finite shift"));
            }
        }
        Ok(())
    }
}

fn not_there(rows: usize, row: impl std::fmt::Display) -> Error {
    Error::shape("the rows of a plan", format!("rows below {rows}"), row)
}
