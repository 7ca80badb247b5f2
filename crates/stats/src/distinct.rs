//! How many distinct values there are: exact while few, then HyperLogLog.

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::{DataType, Field, Int64Type};
use mlsys_core::hash::{hash_bytes, hash_u64};
use mlsys_core::{Category, Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::{Column, ColumnStatistic, ascending};

/// The number of distinct values of a column, mergeable: exact up to a number of values, then HyperLogLog.
///
/// ```text
/// estimate = m² / (2 ln 2 · (m σ(C₀/m) + Σ_{k=1..q} C_k 2^-k + m τ(1 − C_{q+1}/m) 2^-q))
/// ```
/// where `C_k` is the number of the `m = 2^precision` registers that hold `k`, and q = 64 − precision. The relative
/// standard error is 1.04/√m: 0.8 % by default.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `exact_up_to` | 16,384 | any | distinct values counted exactly, by 64-bit hashes: 8 bytes each |
/// | `precision` | 14 | 4 to 18 | `2^precision` registers of a byte |
///
/// **Input**: numbers, text, booleans, dates and times in any encoding. Missing values and rows of weight zero do not count;
/// 0.0 and -0.0 are one value. **Merging** is exact: the state depends on the set of values alone.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Int64Array};
/// use mlsys_stats::{ColumnStatistic, Distinct};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new((0..100_000).map(|i| i % 50_000).collect::<Int64Array>());
/// let distinct = Distinct::new().of("id", &x, None)?;
/// assert!((distinct.estimate() / 50_000.0 - 1.0).abs() < 0.02);
/// assert_eq!(Distinct::new().exact_up_to(50_000).of("id", &x, None)?.exact(), Some(50_000));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Philippe Flajolet et al., *HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm*, AofA
/// 2007; the estimator is Otmar Ertl's, *New cardinality estimation algorithms for HyperLogLog sketches*, 2017,
/// algorithm 6, which needs no table of biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Distinct {
    exact_up_to: usize,
    precision: u8,
}

impl Default for Distinct {
    fn default() -> Self {
        Self { exact_up_to: 16_384, precision: 14 }
    }
}

impl Distinct {
    /// The statistic with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many distinct values are counted exactly.
    pub fn exact_up_to(mut self, distinct: usize) -> Self {
        self.exact_up_to = distinct;
        self
    }

    /// The binary logarithm of the number of registers.
    pub fn precision(mut self, precision: u8) -> Self {
        self.precision = precision;
        self
    }

    /// The state of values that each occur; NaN is none.
    pub(crate) fn state_of_floats(&self, values: &[f64]) -> DistinctState {
        let mut state = DistinctState::default();
        self.add_floats(&mut state, values);
        state
    }

    /// The state of values that each occur.
    pub(crate) fn state_of_values<'a>(
        &self,
        values: impl IntoIterator<Item = &'a Category>,
    ) -> DistinctState {
        let mut state = DistinctState::default();
        self.add_values(&mut state, values);
        state
    }

    /// Adds values; NaN is none.
    pub(crate) fn add_floats(&self, state: &mut DistinctState, values: &[f64]) {
        self.add(state, values.iter().filter(|x| !x.is_nan()).map(|&x| of_float(x)));
    }

    /// Adds values.
    pub(crate) fn add_values<'a>(
        &self,
        state: &mut DistinctState,
        values: impl IntoIterator<Item = &'a Category>,
    ) {
        self.add(state, values.into_iter().map(of_category));
    }

    /// Checks a state that was loaded.
    fn check(&self, state: &DistinctState) -> Result<()> {
        let fine = match state {
            // First, as nothing can be shifted by more.
            _ if !(4..=18).contains(&self.precision) => false,
            DistinctState::Exact(hashes) => hashes.windows(2).all(|pair| pair[0] < pair[1]),
            DistinctState::Registers(registers) => registers.len() == 1 << self.precision,
        };
        if fine {
            return Ok(());
        }
        let expected = format!("ascending hashes, or 2^{} registers", self.precision);
        Err(Error::state(expected, "something else"))
    }

    fn add(&self, state: &mut DistinctState, hashes: impl IntoIterator<Item = u64>) {
        match state {
            DistinctState::Exact(own) => {
                let mut hashes: Vec<u64> = hashes.into_iter().collect();
                hashes.sort_unstable();
                hashes.dedup();
                let missing = ascending::find(own, &hashes, |_, _| ());
                ascending::insert(own, &hashes, &missing);
                if own.len() > self.exact_up_to {
                    let mut registers = vec![0; 1 << self.precision];
                    own.iter().for_each(|&hash| register(&mut registers, self.precision, hash));
                    *state = DistinctState::Registers(registers);
                }
            }
            DistinctState::Registers(registers) => {
                hashes.into_iter().for_each(|hash| register(registers, self.precision, hash));
            }
        }
    }
}

/// The first bits choose the register, which keeps the longest run of leading zeros of the others, plus one.
fn register(registers: &mut [u8], precision: u8, hash: u64) {
    let index = (hash >> (64 - precision)) as usize;
    let rank = ((hash << precision) | (1 << (precision - 1))).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(index) {
        *register = rank.max(*register);
    }
}

/// The state of [`Distinct`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistinctState {
    /// The hashes of the values, ascending.
    Exact(Vec<u64>),
    /// HyperLogLog's registers.
    Registers(Vec<u8>),
}

impl Default for DistinctState {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

/// What [`Distinct`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistinctSummary {
    estimate: f64,
    standard_error: Option<f64>,
}

impl DistinctSummary {
    /// The number of distinct values, or its estimate.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// The number of distinct values, where it is exact.
    pub fn exact(&self) -> Option<u64> {
        self.standard_error.is_none().then_some(self.estimate as u64)
    }

    /// The relative standard error of the estimate: 0 where it is exact.
    pub fn standard_error(&self) -> f64 {
        self.standard_error.unwrap_or(0.0)
    }
}

/// Calls `visit` with a hash of each value that is there; values that repeat may come once or more often.
pub(crate) fn hashes(column: &Column<'_>, mut visit: impl FnMut(u64)) -> Result<()> {
    let counts = |row: usize| column.weights().is_none_or(|weights| weights[row] > 0.0);
    // Decimals have more digits than doubles: they go by their categories, which are refused where they would collide.
    if column.array().data_type().is_floating() {
        let mut row = 0;
        column.blocks(|values| {
            for &x in values {
                if !x.is_nan() && counts(row) {
                    visit(of_float(x));
                }
                row += 1;
            }
            true
        })?;
        return Ok(());
    }
    if let Some(integers) = integers(column.array())? {
        let integers = integers.as_primitive::<Int64Type>();
        for (row, value) in integers.iter().enumerate() {
            if let Some(value) = value.filter(|_| counts(row)) {
                visit(of_integer(value));
            }
        }
        return Ok(());
    }
    let coded = column.coded()?;
    let of_distinct: Vec<u64> = coded.distinct.iter().map(of_category).collect();
    match column.weights() {
        None => of_distinct.into_iter().for_each(visit),
        Some(weights) => {
            for (&code, _) in coded.codes.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
                of_distinct.get(code as usize).into_iter().for_each(|&hash| visit(hash));
            }
        }
    }
    Ok(())
}

/// Integers, dates and times as they are stored; `None` for other types, and for integers beyond 64 bits with a
/// sign.
fn integers(array: &ArrayRef) -> Result<Option<ArrayRef>> {
    Ok(match array.data_type() {
        DataType::Int64 => Some(array.clone()),
        DataType::Dictionary(_, values) if Kind::of(values) != Kind::Text => integers(&cast(array, values)?)?,
        DataType::Time32(_) => integers(&cast(array, &DataType::Int32)?)?,
        t if t.is_integer() || matches!(Kind::of(t), Kind::Date | Kind::Time) => {
            let wide = cast(array, &DataType::Int64)?;
            (wide.null_count() == array.logical_null_count()).then_some(wide)
        }
        _ => None,
    })
}

const SEED: u64 = 0x6469_7374_696e_6374;

fn of_integer(value: i64) -> u64 {
    hash_u64(value as u64, SEED)
}

/// Whole numbers have the hash of the integer, so that the type does not matter.
fn of_float(x: f64) -> u64 {
    let integer = x as i64;
    if integer as f64 == x { of_integer(integer) } else { hash_u64(x.to_bits(), SEED ^ 1) }
}

fn of_category(value: &Category) -> u64 {
    match value {
        Category::Bool(b) => of_integer(i64::from(*b)),
        Category::Int(i) => of_integer(*i),
        Category::Float(x) => of_float(*x),
        Category::Text(s) => hash_bytes(s.as_bytes(), SEED ^ 2),
    }
}

/// Ertl's σ: what the empty registers say.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// Ertl's τ: what the full registers say.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

fn estimate(registers: &[u8], precision: u8) -> f64 {
    let m = registers.len() as f64;
    let q = 64 - usize::from(precision);
    let mut counts = vec![0.0; q + 2];
    registers.iter().for_each(|&rank| counts[usize::from(rank).min(q + 1)] += 1.0);
    let mut z = m * tau(1.0 - counts[q + 1] / m);
    for count in counts[1..=q].iter().rev() {
        z = 0.5 * (z + count);
    }
    z += m * sigma(counts[0] / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

impl ColumnStatistic for Distinct {
    const NAME: &'static str = "mlsys.Distinct";

    type State = DistinctState;
    type Output = DistinctSummary;

    fn init(&self, field: &Field) -> Result<DistinctState> {
        if !(4..=18).contains(&self.precision) {
            return Err(Error::invalid_parameter("Distinct", "precision", self.precision, "4 to 18"));
        }
        if Kind::of(field.data_type()) == Kind::Other && field.data_type() != &DataType::Null {
            let expected = "text, booleans, numbers or dates to have distinct values";
            return Err(Error::column_type(field.name(), expected, field.data_type()));
        }
        Ok(DistinctState::Exact(Vec::new()))
    }

    fn update(&self, state: &mut DistinctState, column: &Column<'_>) -> Result<()> {
        if let DistinctState::Registers(registers) = state {
            return hashes(column, |hash| register(registers, self.precision, hash));
        }
        let mut found = Vec::new();
        // Runs of one value are common, and cheap to leave out.
        hashes(column, |hash| {
            if found.last() != Some(&hash) {
                found.push(hash);
            }
        })?;
        self.add(state, found);
        Ok(())
    }

    fn merge(&self, into: &mut DistinctState, from: DistinctState) -> Result<()> {
        self.check(into)?;
        self.check(&from)?;
        match from {
            DistinctState::Exact(hashes) => self.add(into, hashes),
            DistinctState::Registers(registers) => {
                match std::mem::replace(into, DistinctState::Registers(registers)) {
                    DistinctState::Exact(hashes) => self.add(into, hashes),
                    DistinctState::Registers(own) => {
                        let DistinctState::Registers(registers) = into else { return Ok(()) };
                        registers.iter_mut().zip(own).for_each(|(a, b)| *a = b.max(*a));
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&self, state: &DistinctState) -> Result<DistinctSummary> {
        self.check(state)?;
        Ok(match state {
            DistinctState::Exact(hashes) => {
                DistinctSummary { estimate: hashes.len() as f64, standard_error: None }
            }
            DistinctState::Registers(registers) => DistinctSummary {
                estimate: estimate(registers, self.precision),
                standard_error: Some(1.04 / (registers.len() as f64).sqrt()),
            },
        })
    }

    fn check_state(&self, state: &DistinctState) -> Result<()> {
        self.check(state)?;
        let fits = match state {
            DistinctState::Exact(hashes) => hashes.len() <= self.exact_up_to,
            DistinctState::Registers(registers) => registers.iter().all(|rank| *rank <= 65 - self.precision),
        };
        if fits { Ok(()) } else { Err(Error::state("hashes or ranks up to their limit", "more")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn errors_are_as_stated_from_few_to_many() {
        for precision in [8, 12, 14] {
            let recipe = Distinct::new().exact_up_to(0).precision(precision);
            let bound = 1.04 / f64::from(1u32 << precision).sqrt();
            let mut squares = 0.0;
            let mut runs = 0.0;
            for n in [100usize, 1_000, 10_000, 200_000] {
                for start in 0..6 {
                    let values = (0..n as i64).map(|i| i * 7 + start * 1_000_000_007);
                    let x: ArrayRef = Arc::new(values.collect::<Int64Array>());
                    let error = recipe.of("x", &x, None).unwrap().estimate() / n as f64 - 1.0;
                    assert!(error.abs() < 5.0 * bound, "{n} at {precision}: {error}");
                    squares += error * error;
                    runs += 1.0;
                }
            }
            assert!((squares / runs).sqrt() < 1.5 * bound, "{precision}: {}", (squares / runs).sqrt());
        }
    }

    #[test]
    fn the_type_of_a_number_does_not_matter() {
        let integers: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), None, Some(5)]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 1.0, f64::NAN, 5.0]));
        let state = |array: &ArrayRef| {
            let mut state = DistinctState::Exact(Vec::new());
            Distinct::new().update(&mut state, &Column::new("x", array, None).unwrap()).unwrap();
            state
        };
        assert_eq!(state(&integers), state(&floats));
        let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
        let weighted = Distinct::new().of("x", &words, Some(&[1.0, 0.0, 2.0])).unwrap();
        assert_eq!(weighted.exact(), Some(1));
    }
}
