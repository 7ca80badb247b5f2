//! How a target is spread within each category of other columns.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{DataType, Schema};
use mlsys_core::metric::batch_weights;
use mlsys_core::{
    Category, Coded, Error, ErrorKind, Kind, NamedStatistic, Result, Statistic, column, first_error,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use mlsys_core::statistic::GRID;

use crate::column::refuse_repeated;

/// The mean and the spread of a target within each category of several columns, or the weight of each class there;
/// mergeable. Target encoders are made of it.
///
/// ```text
/// numbers: W = Σ w,  ȳ = Σ w y / W,  M₂ = Σ w (y − ȳ)²          classes: W_c = Σ w over the rows of class c
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `target_as` | `Numbers` | | whether the target is a number or a class |
/// | `weight` | none | a column | adds the row's weight instead of 1; zero is no row |
/// | `cap` | 4,194,304 | 1 or more | cells kept per column: categories, times classes; more are an error when the result is read |
///
/// **Input**: columns of text, booleans, numbers, dates and times in any encoding; missing values are a category of
/// their own, which stands first. A target that is not missing, and finite where it is a number. **Merging** is exact for classes
/// without weights, otherwise associative to rounding.
///
/// ```
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch, StringArray};
/// use mlsys_core::{Dataset, statistic::summarize};
/// use mlsys_stats::TargetByCategory;
/// use std::sync::Arc;
///
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("origin", Arc::new(StringArray::from(vec!["JFK", "EWR", "JFK", "JFK"])) as _),
///     ("delay", Arc::new(Float64Array::from(vec![1.0, 5.0, 2.0, 6.0])) as _),
/// ])?)?;
/// let found = summarize(&TargetByCategory::new(["origin"], "delay"), &data)?;
/// let (value, spread) = &found.columns[0].1[1];
/// assert_eq!(value.as_ref().map(ToString::to_string), Some("JFK".into()));
/// assert_eq!((spread[0].weight, spread[0].mean, spread[0].m2), (3.0, 3.0, 14.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Tony Chan, Gene Golub, Randall LeVeque, *Updating formulae and a pairwise algorithm for computing sample
/// variances*, 1979.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct TargetByCategory {
    columns: Vec<String>,
    target: String,
    #[serde(default)]
    target_as: TargetAs,
    #[serde(default)]
    weight: Option<String>,
    #[serde(default = "default_cap")]
    cap: usize,
}

fn default_cap() -> usize {
    1 << 22
}

/// What a target is taken for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetAs {
    /// A number; booleans are 0 and 1.
    #[default]
    Numbers,
    /// Classes.
    Classes,
}

impl TargetByCategory {
    /// Of this target within each of these columns.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>, target: impl Into<String>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self {
            columns,
            target: target.into(),
            target_as: TargetAs::default(),
            weight: None,
            cap: default_cap(),
        }
    }

    /// Whether the target is a number or a class.
    pub fn target_as(mut self, target_as: TargetAs) -> Self {
        self.target_as = target_as;
        self
    }

    /// Weights the rows by a column; it must be in every batch.
    pub fn weight(mut self, column: Option<&str>) -> Self {
        self.weight = column.map(str::to_owned);
        self
    }

    /// How many cells are kept per column.
    pub fn cap(mut self, cells: usize) -> Self {
        self.cap = cells;
        self
    }

    /// Whether the target is classes.
    pub fn is_of_classes(&self) -> bool {
        self.target_as == TargetAs::Classes
    }

    /// The numbers kept per category.
    fn width(&self, classes: usize) -> usize {
        match self.target_as {
            TargetAs::Numbers => NUMBERS,
            TargetAs::Classes => 1 + classes,
        }
    }
}

/// How a number is spread over some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many rows, those of weight zero not counted.
    pub rows: u64,
    /// Their weight: their number without weights.
    pub weight: f64,
    /// The mean.
    pub mean: f64,
    /// The sum of squared distances from the mean.
    pub m2: f64,
}

impl Spread {
    /// Adds the rows of another spread.
    pub fn merge(&mut self, from: &Self) {
        if from.rows == 0 {
            return;
        }
        if self.rows == 0 {
            *self = *from;
            return;
        }
        let weight = self.weight + from.weight;
        let delta = from.mean - self.mean;
        self.mean += delta * (from.weight / weight);
        self.m2 += from.m2 + delta * delta * (self.weight * (from.weight / weight));
        self.weight = weight;
        self.rows = self.rows.saturating_add(from.rows);
    }

    /// Of a class: 1 in the rows of a weight, 0 in the others.
    pub fn of_class(rows: u64, weight: f64, of_class: f64) -> Self {
        if rows == 0 {
            return Self::default();
        }
        let mean = of_class / weight;
        Self { rows, weight, mean, m2: of_class * (1.0 - mean) }
    }

    /// The spread of `values` within each slot; rows of weight zero are left out.
    ///
    /// The mean is corrected by what is left of it, so that a large offset costs no digits.
    ///
    /// # Panics
    ///
    /// When a slot is not below `n_slots`, or lengths differ.
    pub fn by_slot(slots: &[u32], n_slots: usize, values: &[f64], weights: Option<&[f64]>) -> Vec<Self> {
        let mut spreads = vec![Self::default(); n_slots];
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        for (row, (&slot, &y)) in slots.iter().zip(values).enumerate() {
            let (spread, w) = (&mut spreads[slot as usize], weight(row));
            spread.rows += u64::from(w > 0.0);
            spread.weight += w;
            spread.mean += w * y;
        }
        spreads.iter_mut().filter(|s| s.rows > 0).for_each(|s| s.mean /= s.weight);
        let mut left = vec![0.0; n_slots];
        for (row, (&slot, &y)) in slots.iter().zip(values).enumerate() {
            let (spread, w) = (&mut spreads[slot as usize], weight(row));
            let distance = y - spread.mean;
            left[slot as usize] += w * distance;
            spread.m2 += w * (distance * distance);
        }
        for (spread, left) in spreads.iter_mut().zip(left).filter(|(s, _)| s.rows > 0) {
            spread.mean += left / spread.weight;
            spread.m2 = (spread.m2 - left * (left / spread.weight)).max(0.0);
        }
        spreads
    }
}

/// Rows, weight, mean and sum of squares.
const NUMBERS: usize = 4;

/// The values of a target, a row each.
#[derive(Debug, Clone, Copy)]
pub enum TargetValues<'a> {
    /// Finite numbers.
    Numbers(&'a [f64]),
    /// The index of each row's class, and how many classes there are.
    Classes(&'a [u32], usize),
}

/// What is kept of a target's values in each of many slots, such as the categories of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetCells {
    target_as: TargetAs,
    width: usize,
    cells: Vec<f64>,
}

impl TargetCells {
    /// Adds up the rows of each slot; those of weight zero do not count.
    ///
    /// # Panics
    ///
    /// When a slot is not below `n_slots`, a class is none, or lengths differ.
    pub fn by_slot(slots: &[u32], n_slots: usize, target: TargetValues<'_>, weights: Option<&[f64]>) -> Self {
        match target {
            TargetValues::Numbers(values) => {
                let spreads = Spread::by_slot(slots, n_slots, values, weights);
                let cells = spreads.iter().flat_map(|s| [s.rows as f64, s.weight, s.mean, s.m2]).collect();
                Self { target_as: TargetAs::Numbers, width: NUMBERS, cells }
            }
            TargetValues::Classes(classes, n_classes) => {
                let width = 1 + n_classes;
                let mut cells = vec![0.0; n_slots * width];
                for (row, (&slot, &class)) in slots.iter().zip(classes).enumerate() {
                    let weight = weights.map_or(1.0, |w| w[row]);
                    let cell = &mut cells[slot as usize * width..][..width];
                    cell[0] += f64::from(u8::from(weight > 0.0));
                    cell[1 + class as usize] += weight;
                }
                Self { target_as: TargetAs::Classes, width, cells }
            }
        }
    }

    /// As [`by_slot`](Self::by_slot), on the drivers' grid and merged as they merge, so that a category has the bits that
    /// [`TargetByCategory`] gives it.
    ///
    /// # Panics
    ///
    /// As [`by_slot`](Self::by_slot).
    pub fn on_grid(slots: &[u32], n_slots: usize, target: TargetValues<'_>, weights: Option<&[f64]>) -> Self {
        if slots.len() <= GRID {
            return Self::by_slot(slots, n_slots, target, weights);
        }
        // The largest power of two of chunks below their number.
        let chunks = slots.len().div_ceil(GRID);
        let left = GRID << (usize::BITS - 1 - (chunks - 1).leading_zeros());
        let part = |rows: std::ops::Range<usize>| {
            let target = match target {
                TargetValues::Numbers(values) => TargetValues::Numbers(&values[rows.clone()]),
                TargetValues::Classes(classes, n) => TargetValues::Classes(&classes[rows.clone()], n),
            };
            Self::on_grid(&slots[rows.clone()], n_slots, target, weights.map(|w| &w[rows]))
        };
        let (mut all, right) = rayon::join(|| part(0..left), || part(left..slots.len()));
        let (width, target_as) = (all.width, all.target_as);
        let cells = all.cells.chunks_mut(width).zip(right.cells.chunks(width));
        cells.for_each(|(into, from)| merge_cells(target_as, into, from));
        all
    }

    fn cell(&self, slot: usize) -> &[f64] {
        &self.cells[slot * self.width..][..self.width]
    }

    /// The rows of several slots together, as a slot of its own: those of `from`, in their order.
    ///
    /// # Panics
    ///
    /// When there is no such slot.
    pub fn merged(&self, from: impl IntoIterator<Item = usize>) -> Self {
        let mut cells = vec![0.0; self.width];
        from.into_iter().for_each(|slot| merge_cells(self.target_as, &mut cells, self.cell(slot)));
        Self { target_as: self.target_as, width: self.width, cells }
    }

    /// How the target is spread in a slot: one spread for numbers, one per class else.
    ///
    /// # Panics
    ///
    /// When there is no such slot.
    pub fn spreads(&self, slot: usize) -> Vec<Spread> {
        spreads_of(self.target_as, self.cell(slot))
    }
}

fn merge_cells(target_as: TargetAs, into: &mut [f64], from: &[f64]) {
    match target_as {
        TargetAs::Numbers => {
            let (mut spread, from) = (spread_of(into), spread_of(from));
            spread.merge(&from);
            into.copy_from_slice(&[spread.rows as f64, spread.weight, spread.mean, spread.m2]);
        }
        TargetAs::Classes => into.iter_mut().zip(from).for_each(|(into, from)| *into += from),
    }
}

fn spread_of(cells: &[f64]) -> Spread {
    Spread { rows: cells[0] as u64, weight: cells[1], mean: cells[2], m2: cells[3] }
}

fn spreads_of(target_as: TargetAs, cells: &[f64]) -> Vec<Spread> {
    match target_as {
        TargetAs::Numbers => vec![spread_of(cells)],
        TargetAs::Classes => {
            let weight = cells[1..].iter().sum();
            cells[1..].iter().map(|&own| Spread::of_class(cells[0] as u64, weight, own)).collect()
        }
    }
}

/// The state of [`TargetByCategory`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetByCategoryState {
    /// The classes, ascending; none for numbers. `None` once there were too many.
    classes: Option<Vec<Category>>,
    /// All rows as one group; it has no values.
    total: Groups,
    columns: Vec<Groups>,
}

/// The groups of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Groups {
    /// Ascending, the missing one first; `None` once there were more cells than the cap.
    values: Option<Vec<Option<Category>>>,
    /// For numbers the rows, the weight, the mean and the sum of squares of each group, for classes the rows and the weight
    /// of each class.
    cells: Vec<f64>,
}

impl Groups {
    fn given_up() -> Self {
        Self { values: None, cells: Vec::new() }
    }

    /// The groups of one batch: those of a slot without rows are left out.
    fn of(coded: &Coded, cells: &TargetCells) -> Self {
        let (missing, width, cells) = (coded.distinct.len(), cells.width, &cells.cells);
        let value = |slot: usize| coded.distinct.get(slot);
        let mut order: Vec<usize> = (0..=missing).filter(|slot| cells[slot * width] > 0.0).collect();
        order.sort_by(|&a, &b| value(a).cmp(&value(b)));
        let sorted = order.iter().flat_map(|&slot| &cells[slot * width..(slot + 1) * width]);
        Self {
            cells: sorted.copied().collect(),
            values: Some(order.iter().map(|&slot| value(slot).cloned()).collect()),
        }
    }

    /// Spreads the class weights over more classes.
    fn widen(&mut self, places: &[usize], classes: usize) {
        let width = 1 + classes;
        let groups = self.cells.chunks(1 + places.len());
        let mut wide = vec![0.0; groups.len() * width];
        for (wide, cells) in wide.chunks_mut(width).zip(groups) {
            wide[0] = cells[0];
            places.iter().zip(&cells[1..]).for_each(|(&place, &weight)| wide[1 + place] = weight);
        }
        self.cells = wide;
    }

    fn merge(&mut self, from: Self, width: usize, target_as: TargetAs) {
        let merge = |into: &mut [f64], from: &[f64]| merge_cells(target_as, into, from);
        let (Some(own), Some(others)) = (self.values.take(), from.values) else {
            *self = Self::given_up();
            return;
        };
        if own == others {
            self.cells
                .chunks_mut(width)
                .zip(from.cells.chunks(width))
                .for_each(|(into, from)| merge(into, from));
            self.values = Some(own);
            return;
        }
        let mut values = Vec::with_capacity(own.len() + others.len());
        let mut cells = Vec::with_capacity(self.cells.len() + from.cells.len());
        let mut own = own.into_iter().zip(self.cells.chunks(width)).peekable();
        let mut others = others.into_iter().zip(from.cells.chunks(width)).peekable();
        loop {
            let order = match (own.peek(), others.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let next = if order.is_le() { own.next() } else { others.next() };
            if let Some((value, group)) = next {
                values.push(value);
                cells.extend_from_slice(group);
            }
            if order.is_eq()
                && let Some((_, group)) = others.next()
            {
                let end = cells.len() - width;
                merge(&mut cells[end..], group);
            }
        }
        (self.values, self.cells) = (Some(values), cells);
    }
}

/// What [`TargetByCategory`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetByCategorySummary {
    /// The classes, ascending; none for numbers.
    pub classes: Vec<Category>,
    /// How the target is spread over all rows: one spread for numbers, one per class else; none without rows.
    pub total: Vec<Spread>,
    /// Each column with its categories, ascending, the missing one first as `None`; and for each category the spread of the
    /// target, or of being of each class.
    pub columns: Vec<(String, Vec<CategorySpread>)>,
}

/// A category, `None` for the missing one, and how the target is spread there: one spread for numbers, one per class else.
pub type CategorySpread = (Option<Category>, Vec<Spread>);

/// The classes of both lists, and where those of each stand.
fn union(a: &[Category], b: &[Category]) -> (Vec<Category>, Vec<usize>, Vec<usize>) {
    let mut all: Vec<Category> = a.iter().chain(b).cloned().collect();
    all.sort();
    all.dedup();
    let places = |of: &[Category]| of.iter().filter_map(|c| all.binary_search(c).ok()).collect();
    let (a, b) = (places(a), places(b));
    (all, a, b)
}

impl TargetByCategory {
    fn state_of(&self, batch: &RecordBatch, weights: Option<&[f64]>) -> Result<TargetByCategoryState> {
        let array = column::find(batch, &self.target)?;
        if self.target_as == TargetAs::Numbers {
            let y = column::finite_or_missing(&self.target, array)?;
            refuse_missing(&self.target, y.iter().filter(|x| x.is_nan()).count())?;
            return self.groups(batch, TargetValues::Numbers(&y), Vec::new(), weights);
        }
        let target = Coded::new(&self.target, array)?.sorted();
        refuse_missing(&self.target, target.missing())?;
        // A class that only rows of weight zero have is none.
        let mut kept = vec![weights.is_none(); target.distinct.len()];
        for (&code, _) in target.codes.iter().zip(weights.unwrap_or_default()).filter(|(_, w)| **w > 0.0) {
            kept[code as usize] = true;
        }
        let place: Vec<u32> = kept
            .iter()
            .scan(0, |next, &kept| Some(std::mem::replace(next, *next + u32::from(kept))))
            .collect();
        let classes: Vec<Category> = target
            .distinct
            .into_iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(class, _)| class)
            .collect();
        if classes.len() > self.cap {
            return Ok(self.too_many_classes());
        }
        // Rows of weight zero count nowhere: any class does for them.
        let last = (classes.len() as u32).saturating_sub(1);
        let codes: Vec<u32> = target.codes.iter().map(|&code| place[code as usize].min(last)).collect();
        self.groups(batch, TargetValues::Classes(&codes, classes.len().max(1)), classes, weights)
    }

    fn groups(
        &self,
        batch: &RecordBatch,
        target: TargetValues<'_>,
        classes: Vec<Category>,
        weights: Option<&[f64]>,
    ) -> Result<TargetByCategoryState> {
        let width = self.width(classes.len());
        let group = |coded: &Coded| {
            let missing = coded.distinct.len();
            if (missing + 1).saturating_mul(width) > self.cap.saturating_mul(4).max(1 << 22) {
                return Groups::given_up();
            }
            let slots: Vec<u32> = coded.codes.iter().map(|&code| code.min(missing as u32)).collect();
            Groups::of(coded, &TargetCells::by_slot(&slots, missing + 1, target, weights))
        };
        let everything = Coded { codes: vec![Coded::MISSING; batch.num_rows()], distinct: Vec::new() };
        let column = |name: &String| Ok(group(&Coded::new(name, column::find(batch, name)?)?));
        let columns = first_error(self.columns.par_iter().map(column).collect())?;
        Ok(TargetByCategoryState { total: group(&everything), classes: Some(classes), columns })
    }

    fn too_many_classes(&self) -> TargetByCategoryState {
        let columns = vec![Groups::given_up(); self.columns.len()];
        TargetByCategoryState { classes: None, total: Groups::given_up(), columns }
    }

    fn check_columns(&self, state: &TargetByCategoryState) -> Result<()> {
        if state.columns.len() == self.columns.len() {
            return Ok(());
        }
        Err(Error::state(format!("{} columns", self.columns.len()), format!("{}", state.columns.len())))
    }
}

fn refuse_missing(target: &str, count: usize) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let hint = "a target must be known: drop these rows first".into();
    Err(ErrorKind::MissingValues { column: target.into(), count, hint }.into())
}

impl NamedStatistic for TargetByCategory {
    const NAME: &'static str = "mlsys.TargetByCategory";

    fn check_state(&self, state: &TargetByCategoryState) -> Result<()> {
        self.check_columns(state)?;
        let classes = state.classes.as_deref().unwrap_or_default();
        let ascend = |values: &[Option<Category>]| {
            values.windows(2).all(|pair| pair[0] < pair[1])
                && !values.iter().flatten().any(|v| matches!(v, Category::Float(x) if x.is_nan()))
        };
        let of_classes: Vec<_> = classes.iter().cloned().map(Some).collect();
        if !ascend(&of_classes) || self.target_as == TargetAs::Numbers && !classes.is_empty() {
            return Err(Error::state("ascending classes, and none for numbers", "others"));
        }
        let width = self.width(classes.len());
        for groups in state.columns.iter().chain([&state.total]) {
            let values = groups.values.as_deref().unwrap_or_default();
            let cells = values.len().checked_mul(width);
            if cells != Some(groups.cells.len()) || groups.cells.len() > self.cap.saturating_mul(NUMBERS) {
                let expected = format!("{width} numbers a category, below the cap");
                return Err(Error::state(expected, format!("{} for {}", groups.cells.len(), values.len())));
            }
            let whole = |rows: f64| rows >= 1.0 && rows.fract() == 0.0 && rows <= u64::MAX as f64;
            let fine = |group: &[f64]| match self.target_as {
                TargetAs::Numbers => group[1] > 0.0 && !group.iter().any(|x| x.is_nan()) && group[3] >= 0.0,
                TargetAs::Classes => {
                    group[1..].iter().all(|w| *w >= 0.0) && group[1..].iter().any(|w| *w > 0.0)
                }
            };
            if !ascend(values) || !groups.cells.chunks(width).all(|group| whole(group[0]) && fine(group)) {
                return Err(Error::state("ascending categories that have rows and weights", "others"));
            }
        }
        Ok(())
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        self.columns.iter().chain([&self.target]).chain(&self.weight).cloned().collect()
    }
}

impl Statistic for TargetByCategory {
    type State = TargetByCategoryState;
    type Output = TargetByCategorySummary;

    fn init(&self, schema: &Schema) -> Result<TargetByCategoryState> {
        if self.cap == 0 {
            return Err(Error::invalid_parameter("TargetByCategory", "cap", 0, "1 or more"));
        }
        refuse_repeated("TargetByCategory", &self.columns)?;
        let field =
            |name: &String| schema.field_with_name(name).map_err(|_| column::missing_column(schema, name));
        let has_categories =
            |data_type: &DataType| Kind::of(data_type) != Kind::Other || data_type == &DataType::Null;
        for name in &self.columns {
            let data_type = field(name)?.data_type();
            if !has_categories(data_type) {
                let expected = "text, booleans, numbers or dates to have categories";
                return Err(Error::column_type(name, expected, data_type));
            }
        }
        let target = field(&self.target)?.data_type();
        let (fits, expected) = match self.target_as {
            TargetAs::Numbers => (Kind::of(target).is_numeric(), "numeric, or a target of classes"),
            TargetAs::Classes => (has_categories(target), "text, booleans, numbers or dates to have classes"),
        };
        if !fits {
            return Err(Error::column_type(&self.target, expected, target));
        }
        let none = Groups { values: Some(Vec::new()), cells: Vec::new() };
        let columns = vec![none.clone(); self.columns.len()];
        Ok(TargetByCategoryState { classes: Some(Vec::new()), total: none, columns })
    }

    fn update(&self, state: &mut TargetByCategoryState, batch: &RecordBatch) -> Result<()> {
        let weights = batch_weights(batch, self.weight.as_deref())?;
        self.merge(state, self.state_of(batch, weights.as_deref())?)
    }

    fn merge(&self, into: &mut TargetByCategoryState, mut from: TargetByCategoryState) -> Result<()> {
        self.check_columns(into)?;
        self.check_columns(&from)?;
        let (Some(own), Some(others)) = (&into.classes, &from.classes) else {
            *into = self.too_many_classes();
            return Ok(());
        };
        let mut width = self.width(own.len());
        if own != others {
            let (all, own, others) = union(own, others);
            if all.len() > self.cap {
                *into = self.too_many_classes();
                return Ok(());
            }
            width = self.width(all.len());
            let every = |state: &mut TargetByCategoryState, places: &[usize]| {
                let groups = state.columns.iter_mut().chain([&mut state.total]);
                groups.for_each(|groups| groups.widen(places, all.len()));
            };
            every(into, &own);
            every(&mut from, &others);
            into.classes = Some(all);
        }
        let per_category = if self.target_as == TargetAs::Numbers { 1 } else { width - 1 };
        let groups = into.columns.iter_mut().chain([&mut into.total]);
        for (into, from) in groups.zip(from.columns.into_iter().chain([from.total])) {
            into.merge(from, width, self.target_as);
            if into.values.as_ref().is_some_and(|v| v.len().saturating_mul(per_category) > self.cap) {
                *into = Groups::given_up();
            }
        }
        Ok(())
    }

    fn finish(&self, state: &TargetByCategoryState) -> Result<TargetByCategorySummary> {
        self.check_columns(state)?;
        let Some(classes) = &state.classes else {
            let found = format!("more than {} classes", self.cap);
            let expected = "a target of fewer (is it a number? else raise `cap`)";
            return Err(Error::invalid_value(&self.target, None, found, expected));
        };
        let width = self.width(classes.len());
        let spreads = |group: &[f64]| spreads_of(self.target_as, group);
        let mut columns = Vec::with_capacity(self.columns.len());
        for (name, groups) in self.columns.iter().zip(&state.columns) {
            let Some(values) = &groups.values else {
                let found = format!("more than {} cells (categories, times classes)", self.cap);
                let expected = "a column with fewer (group the rare ones, hash it, or raise `cap`)";
                return Err(Error::invalid_value(name, None, found, expected));
            };
            let groups = values.iter().cloned().zip(groups.cells.chunks(width).map(spreads));
            columns.push((name.clone(), groups.collect()));
        }
        let total = state.total.cells.chunks(width).next().map(spreads).unwrap_or_default();
        Ok(TargetByCategorySummary { classes: classes.clone(), total, columns })
    }
}
