//! The table that chained equations fill, and the sums of products that their regressions need.

use std::ops::Range;

use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Coded, Dataset, Error, Result, Train, column, first_error};
use mlsys_stats::solve::add_products;
use rayon::prelude::*;

use crate::class_equation::ClassEquation;
use crate::draws::Visit;
use crate::equation::Equation;
use crate::fitted_imputer::all_missing;
use crate::variable::{Variable, places};

/// Rows whose products are added while they are in the nearest cache.
const BLOCK: usize = 256;
/// Rows that one thread takes; fixed, so that sums are merged in the same order on any threads.
pub(crate) const CHUNK: usize = 8192;

/// What imputing a column once did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    pub largest: f64,
    pub mean: f64,
    pub deviation: f64,
}

/// What imputing a category once did: the weight of the gaps whose class changed, and of each class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassChange {
    pub changed: f64,
    pub classes: Vec<f64>,
}

/// The sums over some rows that imputing a column makes.
struct Part {
    largest: f64,
    weight: f64,
    sum: f64,
    squares: f64,
    /// By how much the column's products with every column, itself and one grow.
    growth: Vec<f64>,
}

/// A column of the table as it is read.
struct Read {
    variable: Variable,
    columns: Vec<Vec<f64>>,
    codes: Vec<u32>,
    scale: f64,
    gaps: Vec<usize>,
}

/// The columns of the regressions, their gaps filled as far as the chain has come.
#[derive(Debug, Clone)]
pub(crate) struct ChainTable {
    pub rows: usize,
    pub variables: Vec<Variable>,
    /// The columns of each variable: a centred number, or the indicators of classes.
    pub places: Vec<Range<usize>>,
    pub columns: Vec<Vec<f64>>,
    /// The class of each row, of categories.
    pub codes: Vec<Vec<u32>>,
    /// Where each variable is missing.
    pub gaps: Vec<Vec<usize>>,
    /// Where a variable has a value, if these are the fewer.
    observed: Vec<Option<Vec<usize>>>,
    pub weights: Option<Vec<f64>>,
    /// The total weight of each variable's gaps.
    pub missing: Vec<f64>,
    /// The largest magnitude observed.
    pub scale: f64,
    /// Σ w (z, 1)(z, 1)', the upper triangle.
    sums: Vec<f64>,
    /// The numbers as they were, if values are taken from them.
    pub raw: Vec<Option<ScalarBuffer<f64>>>,
    /// What was put into each variable's gaps, if that is a value that was there.
    exact: Vec<Vec<f64>>,
}

impl ChainTable {
    /// Columns whose gaps hold their means or most frequent classes. Rows of no weight are left out.
    pub fn new(train: &Dataset<Train>, names: &[String], keep_raw: bool, max_classes: usize) -> Result<Self> {
        let all = train.weights()?;
        let kept: Option<Vec<usize>> = all
            .as_ref()
            .filter(|w| w.contains(&0.0))
            .map(|w| (0..w.len()).filter(|&row| w[row] > 0.0).collect());
        let weights: Option<Vec<f64>> = all.map(|w| w.iter().copied().filter(|&w| w > 0.0).collect());
        let read = |name: &String| match train.layout().kind(name)?.is_number() {
            true => read_number(train, name, kept.as_deref(), weights.as_deref()),
            false => read_classes(train, name, kept.as_deref(), weights.as_deref(), max_classes),
        };
        let read: Vec<Read> = first_error(names.par_iter().map(read).collect())?;
        let rows = weights.as_ref().map_or(train.n_rows(), Vec::len);
        let mut table = Self {
            rows,
            variables: Vec::new(),
            places: Vec::new(),
            columns: Vec::new(),
            codes: Vec::new(),
            gaps: Vec::new(),
            observed: Vec::new(),
            missing: Vec::new(),
            scale: 0.0,
            sums: Vec::new(),
            raw: vec![None; names.len()],
            exact: vec![Vec::new(); names.len()],
            weights,
        };
        for Read { variable, columns, codes, scale, gaps } in read {
            table.missing.push(table.weight_of(&gaps));
            table.observed.push((gaps.len() > rows / 2).then(|| except(&gaps, rows)));
            table.variables.push(variable);
            table.columns.extend(columns);
            table.codes.push(codes);
            table.gaps.push(gaps);
            table.scale = table.scale.max(scale);
        }
        table.places = places(&table.variables);
        if keep_raw {
            let read = |(name, variable): (&String, &Variable)| match variable {
                Variable::Number { .. } => column::finite_or_missing(name, train.column(name)?).map(Some),
                Variable::Classes { .. } => Ok(None),
            };
            table.raw = first_error(names.iter().zip(&table.variables).map(read).collect())?;
        }
        table.refresh();
        let p = table.columns.len();
        let fine = |place: &Range<usize>| place.clone().all(|i| table.sums[i * (p + 1) + i].is_finite());
        match table.places.iter().position(|place| !fine(place)) {
            Some(variable) => Err(overflow(&names[variable])),
            None => Ok(table),
        }
    }

    fn weight_of(&self, rows: &[usize]) -> f64 {
        match &self.weights {
            None => rows.len() as f64,
            Some(weights) => rows.iter().map(|&row| weights[row]).sum(),
        }
    }

    /// The rows in which a variable has a value.
    pub fn observed_rows(&self, variable: usize) -> Vec<usize> {
        self.observed[variable].clone().unwrap_or_else(|| except(&self.gaps[variable], self.rows))
    }

    /// What is in the gaps of a variable: numbers, or the codes of classes.
    pub fn fills(&self, variable: usize) -> Vec<(usize, f64)> {
        let gaps = &self.gaps[variable];
        let Variable::Number { center } = &self.variables[variable] else {
            let codes = &self.codes[variable];
            return gaps.iter().map(|&row| (row, f64::from(codes[row]))).collect();
        };
        let filled = &self.columns[self.places[variable].start];
        if self.exact[variable].len() == gaps.len() {
            return gaps.iter().copied().zip(self.exact[variable].iter().copied()).collect();
        }
        gaps.iter().map(|&row| (row, filled[row] + center)).collect()
    }

    /// Adds all products anew: after many small updates their rounding errors would add up.
    pub fn refresh(&mut self) {
        self.sums = self.products(None);
    }

    /// Rows of a chunk: more where the sums themselves are large.
    pub fn chunk(&self) -> usize {
        CHUNK.max(BLOCK * self.columns.len().div_ceil(8))
    }

    /// Σ w (z, 1)(z, 1)' over some rows, or all.
    fn products(&self, rows: Option<&[usize]>) -> Vec<f64> {
        let p = self.columns.len();
        let n = rows.map_or(self.rows, <[usize]>::len);
        let chunk = self.chunk();
        let part = |at: usize| {
            let (start, end) = (at * chunk, n.min((at + 1) * chunk));
            let mut sums = vec![0.0; (p + 1) * (p + 1)];
            let mut gathered = vec![0.0; if rows.is_some() { p * BLOCK } else { 0 }];
            let mut weights = Vec::with_capacity(BLOCK);
            let mut weighted = Vec::with_capacity(BLOCK);
            for start in (start..end).step_by(BLOCK) {
                let length = BLOCK.min(end - start);
                let block: Vec<&[f64]> = match rows {
                    None => self.columns.iter().map(|c| &c[start..start + length]).collect(),
                    Some(rows) => {
                        let rows = &rows[start..start + length];
                        for (into, column) in gathered.chunks_exact_mut(BLOCK).zip(&self.columns) {
                            into.iter_mut().zip(rows).for_each(|(z, &row)| *z = column[row]);
                        }
                        gathered.chunks_exact(BLOCK).map(|z| &z[..length]).collect()
                    }
                };
                let weights = self.weights.as_ref().map(|all| {
                    weights.clear();
                    match rows {
                        None => weights.extend_from_slice(&all[start..start + length]),
                        Some(rows) => weights.extend(rows[start..start + length].iter().map(|&r| all[r])),
                    }
                    weights.as_slice()
                });
                add_products(&block, weights, length, &mut sums, &mut weighted);
            }
            sums
        };
        let parts: Vec<Vec<f64>> = (0..n.div_ceil(chunk)).into_par_iter().map(part).collect();
        let mut sums = vec![0.0; (p + 1) * (p + 1)];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
        sums
    }

    /// The sums over the rows in which a variable is not missing.
    pub fn observed_products(&self, variable: usize) -> Vec<f64> {
        if self.gaps[variable].is_empty() {
            return self.sums.clone();
        }
        if let Some(rows) = &self.observed[variable] {
            return self.products(Some(rows));
        }
        let mut sums = self.products(Some(&self.gaps[variable]));
        sums.iter_mut().zip(&self.sums).for_each(|(without, all)| *without = all - *without);
        sums
    }

    /// Fills the gaps of an equation's variable by it; `ids` are those of the rows.
    pub fn impute(&mut self, equation: &Equation, visit: Visit, ids: &[u64]) -> Change {
        let variable = equation.column;
        let (center, place) = (self.variables[variable].center(), self.places[variable].start);
        let fill = |rows: &[usize]| {
            let mut values = vec![0.0; rows.len()];
            let exact = equation.fill(
                place,
                &mut values,
                center,
                |k, i| self.columns[k][rows[i]],
                |i| visit.cell(ids.get(rows[i]).copied().unwrap_or_default()),
            );
            (values, exact.unwrap_or_default())
        };
        let filled: Vec<(Vec<f64>, Vec<f64>)> = self.gaps[variable].par_chunks(CHUNK).map(fill).collect();
        let (values, exact): (Vec<_>, Vec<_>) = filled.into_iter().unzip();
        self.exact[variable] = exact.concat();
        let Part { largest, weight, sum, squares, .. } = self.replace(variable, place, &values.concat());
        let mean = sum / weight;
        let deviation = (squares / weight - mean * mean).max(0.0).sqrt();
        Change { largest, mean: center + mean, deviation }
    }

    /// Fills the gaps of a category.
    pub fn impute_classes(&mut self, equation: &ClassEquation, visit: Visit, ids: &[u64]) -> ClassChange {
        let variable = equation.column;
        let place = self.places[variable].clone();
        let fallback = self.variables[variable].most_frequent();
        let fill = |rows: &[usize]| {
            equation.fill(
                rows.len(),
                &place,
                fallback,
                |k, i| self.columns[k][rows[i]],
                |i| visit.cell(ids.get(rows[i]).copied().unwrap_or_default()),
            )
        };
        let filled: Vec<Vec<u32>> = self.gaps[variable].par_chunks(CHUNK).map(fill).collect();
        let mut change = ClassChange { changed: 0.0, classes: vec![0.0; place.len() + 1] };
        for (&row, new) in self.gaps[variable].iter().zip(filled.into_iter().flatten()) {
            let weight = self.weights.as_ref().map_or(1.0, |w| w[row]);
            let old = std::mem::replace(&mut self.codes[variable][row], new);
            change.changed += if old == new { 0.0 } else { weight };
            change.classes[new as usize] += weight;
        }
        if change.changed > 0.0 {
            for (class, column) in place.enumerate() {
                let is = |&row: &usize| self.codes[variable][row] as usize == class + 1;
                let values: Vec<f64> =
                    self.gaps[variable].iter().map(|r| f64::from(u8::from(is(r)))).collect();
                self.replace(variable, column, &values);
            }
        }
        change
    }

    /// Puts values into the gaps of one of a variable's columns, and into the sums of products.
    fn replace(&mut self, variable: usize, j: usize, values: &[f64]) -> Part {
        let p = self.columns.len();
        let part = |(rows, values): (&[usize], &[f64])| {
            let old = &self.columns[j];
            let weight = |i: usize| self.weights.as_ref().map_or(1.0, |w| w[rows[i]]);
            let steps: Vec<f64> =
                values.iter().enumerate().map(|(i, new)| weight(i) * (new - old[rows[i]])).collect();
            let mut part =
                Part { largest: 0.0, weight: 0.0, sum: 0.0, squares: 0.0, growth: vec![0.0; p + 1] };
            for (i, (&new, &row)) in values.iter().zip(rows).enumerate() {
                let w = weight(i);
                part.largest = part.largest.max((new - old[row]).abs());
                part.weight += w;
                part.sum += w * new;
                part.squares += w * new * new;
                part.growth[j] += steps[i] * (new + old[row]);
                part.growth[p] += steps[i];
            }
            for (k, column) in self.columns.iter().enumerate().filter(|(k, _)| *k != j) {
                part.growth[k] = steps.iter().zip(rows).map(|(step, &row)| step * column[row]).sum();
            }
            part
        };
        let rows = &self.gaps[variable];
        let parts: Vec<Part> = rows.par_chunks(CHUNK).zip(values.par_chunks(CHUNK)).map(part).collect();
        let mut all = Part { largest: 0.0, weight: 0.0, sum: 0.0, squares: 0.0, growth: vec![0.0; p + 1] };
        for part in parts {
            all.largest = all.largest.max(part.largest);
            all.weight += part.weight;
            all.sum += part.sum;
            all.squares += part.squares;
            all.growth.iter_mut().zip(&part.growth).for_each(|(sum, x)| *sum += x);
        }
        let column = &mut self.columns[j];
        rows.iter().zip(values).for_each(|(&row, &new)| column[row] = new);
        for (k, growth) in all.growth.iter().enumerate() {
            self.sums[j.min(k) * (p + 1) + j.max(k)] += growth;
        }
        all
    }
}

/// The values of the rows that count.
fn kept_values<T: Copy>(all: &[T], kept: Option<&[usize]>) -> Vec<T> {
    match kept {
        Some(rows) => rows.iter().map(|&row| all[row]).collect(),
        None => all.to_vec(),
    }
}

fn read_number(
    train: &Dataset<Train>,
    name: &str,
    kept: Option<&[usize]>,
    weights: Option<&[f64]>,
) -> Result<Read> {
    let values = kept_values(&column::finite_or_missing(name, train.column(name)?)?, kept);
    let scale = values.iter().filter(|x| !x.is_nan()).fold(0.0, |most: f64, x| most.max(x.abs()));
    let center = mean(&values, weights).ok_or_else(|| all_missing(name))?;
    if !center.is_finite() {
        return Err(overflow(name));
    }
    let gaps = (0..values.len()).filter(|&row| values[row].is_nan()).collect();
    let centred = values.iter().map(|x| if x.is_nan() { 0.0 } else { x - center }).collect();
    Ok(Read { variable: Variable::Number { center }, columns: vec![centred], codes: Vec::new(), scale, gaps })
}

fn read_classes(
    train: &Dataset<Train>,
    name: &str,
    kept: Option<&[usize]>,
    weights: Option<&[f64]>,
    max_classes: usize,
) -> Result<Read> {
    let coded = Coded::new(name, train.column(name)?)?.sorted();
    let mut codes = kept_values(&coded.codes, kept);
    let mut totals = vec![0.0; coded.distinct.len()];
    for (row, &code) in codes.iter().enumerate() {
        if let Some(total) = totals.get_mut(code as usize) {
            *total += weights.map_or(1.0, |w| w[row]);
        }
    }
    // Classes of rows without weight are not known.
    let there: Vec<usize> = (0..totals.len()).filter(|&class| totals[class] > 0.0).collect();
    if there.is_empty() {
        return Err(all_missing(name));
    }
    if there.len() > max_classes {
        let expected = format!(
            "a column of at most {max_classes}: group rare ones, leave it out, or raise `max_classes`"
        );
        return Err(Error::invalid_value(name, None, format!("{} classes", there.len()), expected));
    }
    let total: f64 = there.iter().map(|&class| totals[class]).sum();
    if !total.is_finite() {
        return Err(overflow(name));
    }
    let known = there.iter().map(|&class| coded.distinct[class].clone()).collect();
    let variable =
        Variable::Classes { known, shares: there.iter().map(|&class| totals[class] / total).collect() };
    let mut place = vec![0; totals.len()];
    there.iter().enumerate().for_each(|(new, &old)| place[old] = new as u32);
    let gaps: Vec<usize> = (0..codes.len()).filter(|&row| codes[row] == Coded::MISSING).collect();
    let start = variable.most_frequent();
    codes.iter_mut().for_each(|code| *code = place.get(*code as usize).copied().unwrap_or(start));
    let indicator = |class: usize| {
        codes.iter().map(|&code| f64::from(u8::from(code as usize == class))).collect::<Vec<f64>>()
    };
    let columns = (1..there.len()).map(indicator).collect();
    Ok(Read { variable, columns, codes, scale: 0.0, gaps })
}

fn overflow(column: &str) -> Error {
    Error::invalid_value(column, None, "values whose squares overflow", "of a smaller scale")
}

/// The weighted mean of what is not missing.
fn mean(values: &[f64], weights: Option<&[f64]>) -> Option<f64> {
    let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
    let (mut total, mut sum) = (0.0, 0.0);
    for (row, x) in values.iter().enumerate().filter(|(_, x)| !x.is_nan()) {
        total += weight(row);
        sum += weight(row) * x;
    }
    (total > 0.0).then(|| sum / total)
}

/// The rows that are not in an ascending list.
fn except(gaps: &[usize], rows: usize) -> Vec<usize> {
    let mut gaps = gaps.iter().peekable();
    (0..rows).filter(|row| gaps.next_if(|gap| *gap == row).is_none()).collect()
}
