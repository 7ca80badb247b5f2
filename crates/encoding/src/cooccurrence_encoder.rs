//! Categories as vectors of the company they keep.

use std::collections::BTreeMap;

use mlsys_core::{Category, Error, FitByStatistic, Kind, Layout, Result, seed};
use mlsys_stats::solve::SymmetricEigen;
use mlsys_stats::{ColumnStatistic, Counts, CountsSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::category_cross::{CrossCounts, parts};
use crate::category_table::{CategoryTable, Otherwise};
use crate::fitted_category_encoder::numbered;
use crate::vocabulary::too_many;
use crate::{FittedCategoryEncoder, UnseenAs};

/// Replaces the categories of text columns by short vectors: categories that stand beside the same categories of other columns are near
/// each other.
///
/// ```text
/// M_ab = max(0, ln(n_ab N / (n_a n_b)))  for categories of two columns;  0 within a column
/// x_a = row a of V √Λ,  of the d largest positive eigenvalues of M = V Λ Vᵀ
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `dimensions` | 8 | 1 to 256 | d, the number of columns for each column |
/// | `unseen` | `Error` | | what becomes of a value that was not there when fitting |
/// | `max_distinct` | 65,536 | 1 or more | more categories of a column, or pairs of two, are an error |
///
/// **Input**: two text features or more, or with `.on(..)` exactly those, of text, booleans, numbers or times; missing values are zeros,
/// and in no pair. Weights are used.
/// **Output**: Float64 columns `<column>#0`, `<column>#1`, .. in place of each column; a dimension is one and the same in all of
/// them. Where there are fewer positive eigenvalues, the last are zeros.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter), also for
/// a single column, [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`,
/// [`UnseenCategory`](mlsys_core::ErrorKind::UnseenCategory) when transforming, unless said otherwise.
///
/// One pass, mergeable; state about 60 bytes per pair of categories. Then some hundred products of the sparse matrix with 2d + 16 vectors.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_encoding::CooccurrenceEncoder;
/// use std::sync::Arc;
///
/// // Boeing and Airbus fly from the same places, and trains do not.
/// let maker = StringArray::from(vec!["Boeing", "Airbus", "Boeing", "Airbus", "Siemens", "Alstom"]);
/// let from = StringArray::from(vec!["JFK", "JFK", "LGA", "LGA", "Penn", "Penn"]);
/// let train = Dataset::new(RecordBatch::try_from_iter([("maker", Arc::new(maker) as _), ("from", Arc::new(from) as _)])?)?;
/// let encoder = CooccurrenceEncoder::new().dimensions(2).fit(&train.into_train_all())?;
/// let of = |name: &str| encoder.value("maker", &name.into()).unwrap().to_vec();
/// let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
/// assert!(distance(&of("Boeing"), &of("Airbus")) < 1e-12 && distance(&of("Boeing"), &of("Siemens")) > 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for rare categories, whose company is chance: group them first.
///
/// Omer Levy and Yoav Goldberg, *Neural word embedding as implicit matrix factorization*, 2014, section 4; with counts between columns for counts within windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CooccurrenceEncoder {
    dimensions: usize,
    unseen: UnseenAs,
    max_distinct: usize,
}

impl Default for CooccurrenceEncoder {
    fn default() -> Self {
        Self { dimensions: 8, unseen: UnseenAs::Error, max_distinct: 65_536 }
    }
}

impl CooccurrenceEncoder {
    /// An encoder of eight dimensions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of columns for each column.
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = dimensions;
        self
    }

    /// What becomes of unseen values.
    pub fn unseen(mut self, unseen: UnseenAs) -> Self {
        self.unseen = unseen;
        self
    }

    /// How many categories a column may have, and pairs two columns.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }

    /// The columns, by name, and each pair of them.
    fn columns(&self, layout: &Layout) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let invalid = |name, value: usize, expected: &str| {
            Err(Error::invalid_parameter("CooccurrenceEncoder", name, value, expected))
        };
        if !(1..=256).contains(&self.dimensions) {
            return invalid("dimensions", self.dimensions, "1 to 256");
        }
        if self.max_distinct == 0 {
            return invalid("max_distinct", 0, "1 or more");
        }
        let (text, accepts) = (|kind| kind == Kind::Text, |kind| kind != Kind::Other);
        let expected = "text, booleans, numbers or times";
        let mut names = layout.features_for("CooccurrenceEncoder", text, accepts, expected)?;
        names.sort();
        if names.len() < 2 {
            return invalid(
                "columns",
                names.len(),
                "two text columns or more: company is kept across columns",
            );
        }
        let after = |i: usize| names[i + 1..].iter().map(move |b| (i, b));
        let pairs =
            (0..names.len()).flat_map(after).map(|(i, b)| vec![names[i].clone(), b.clone()]).collect();
        Ok((names, pairs))
    }
}

/// A symmetric matrix of what is not zero, row by row.
struct Sparse {
    ends: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Sparse {
    /// Ascending, and each of the pairs `i < j` once.
    fn new(n: usize, cells: &BTreeMap<(u32, u32), f64>) -> Self {
        let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n];
        for (&(i, j), &value) in cells {
            rows[i as usize].push((j, value));
            rows[j as usize].push((i, value));
        }
        let (mut ends, mut entries) = (Vec::with_capacity(n), Vec::new());
        for mut row in rows {
            row.sort_by_key(|(j, _)| *j);
            entries.extend(row);
            ends.push(entries.len());
        }
        Self { ends, entries }
    }

    fn n(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, i: usize) -> &[(u32, f64)] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.entries[start..self.ends[i]]
    }

    fn times(&self, x: &[f64]) -> Vec<f64> {
        let dot = |i: usize| self.row(i).iter().map(|&(j, value)| value * x[j as usize]).sum();
        (0..self.n()).map(dot).collect()
    }

    fn dense(&self) -> Vec<f64> {
        let n = self.n();
        let mut dense = vec![0.0; n * n];
        for i in 0..n {
            self.row(i).iter().for_each(|&(j, value)| dense[i * n + j as usize] = value);
        }
        dense
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Makes vectors orthonormal, each twice to those before it; what is left of none is zero.
fn orthonormal(block: &mut [Vec<f64>]) {
    for k in 0..block.len() {
        let (before, rest) = block.split_at_mut(k);
        let own = &mut rest[0];
        let size = dot(own, own).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let along = dot(own, other);
                own.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
            }
        }
        let left = dot(own, own).sqrt();
        let scale = if left > 1e-10 * size { 1.0 / left } else { 0.0 };
        own.iter_mut().for_each(|x| *x *= scale);
    }
}

/// A pair of an eigenvalue and its eigenvector.
type Pair = (f64, Vec<f64>);

/// Up to this many rows the whole matrix is taken apart.
const DENSE: usize = 192;
const MAX_ROUNDS: usize = 500;

/// The `d` largest positive eigenvalues with their vectors, the largest first. Large matrices by iterating a block of vectors on the square of the
/// matrix, in which eigenvalues of both signs grow alike.
fn largest(matrix: &Sparse, d: usize, dense: usize) -> Result<Vec<Pair>> {
    let n = matrix.n();
    let positive = |pairs: Vec<Pair>| -> Vec<Pair> {
        let most = pairs.first().map_or(0.0, |(value, _)| *value);
        pairs.into_iter().filter(|(value, _)| *value > 1e-12 * most && *value > 0.0).take(d).collect()
    };
    if n <= dense {
        let eigen = SymmetricEigen::new(&matrix.dense(), n)?;
        let pair = |i: usize| (eigen.values()[i], eigen.vector(i).to_vec());
        return Ok(positive((0..n).map(pair).collect()));
    }
    let width = (2 * d + 16).min(n);
    let start = |k: usize| {
        let mut rng = seed::stream(seed::DEFAULT_SEED, k as u64);
        (0..n).map(|_| seed::uniform(&mut rng) - 0.5).collect::<Vec<f64>>()
    };
    let mut block: Vec<Vec<f64>> = (0..width).map(start).collect();
    let mut found = Vec::new();
    for _ in 0..MAX_ROUNDS {
        orthonormal(&mut block);
        let products: Vec<Vec<f64>> = block.par_iter().map(|x| matrix.times(x)).collect();
        // The matrix as the block sees it, and its own eigenvectors there.
        let seen: Vec<f64> =
            block.iter().flat_map(|x| products.iter().map(|product| dot(x, product))).collect();
        let eigen = SymmetricEigen::new(&seen, width)?;
        let turned = |of: &[Vec<f64>], i: usize| -> Vec<f64> {
            let mut sum = vec![0.0; n];
            for (share, x) in eigen.vector(i).iter().zip(of) {
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += share * x);
            }
            sum
        };
        let pair = |i: usize| (eigen.values()[i], turned(&block, i));
        found = positive((0..width).into_par_iter().map(pair).collect());
        let residual = |(i, (value, vector)): (usize, &Pair)| {
            turned(&products, i).iter().zip(vector).map(|(p, x)| (p - value * x).powi(2)).sum::<f64>().sqrt()
        };
        let largest = eigen.values()[0].abs().max(f64::MIN_POSITIVE);
        if found.iter().enumerate().map(residual).fold(0.0, f64::max) <= 1e-10 * largest {
            break;
        }
        block = products.par_iter().map(|product| matrix.times(product)).collect();
    }
    Ok(found)
}

/// The categories of all columns, by column and then by themselves.
struct Places {
    columns: Vec<(String, Vec<Category>)>,
    starts: Vec<usize>,
    /// By what crosses call them.
    of: Vec<BTreeMap<String, u32>>,
}

impl Places {
    fn new(columns: Vec<(String, Vec<Category>)>) -> Self {
        let mut places = Self { columns, starts: Vec::new(), of: Vec::new() };
        let mut next = 0;
        for (_, categories) in &places.columns {
            places.starts.push(next as usize);
            let numbered = categories.iter().map(ToString::to_string).zip(next..);
            places.of.push(numbered.collect());
            next += categories.len() as u32;
        }
        places
    }

    fn of(&self, column: &str, word: &str) -> Option<u32> {
        let i = self.columns.iter().position(|(name, _)| name == column)?;
        self.of[i].get(word).copied()
    }

    fn n(&self) -> usize {
        self.columns.iter().map(|(_, categories)| categories.len()).sum()
    }
}

/// The positive pointwise mutual information of the pairs of two columns.
fn information(
    places: &Places,
    pair: &[String],
    counts: &CountsSummary,
    cells: &mut BTreeMap<(u32, u32), f64>,
) {
    let (mut rows, mut columns): (BTreeMap<u32, f64>, BTreeMap<u32, f64>) = Default::default();
    let mut found = Vec::new();
    for count in counts.values.iter().flat_map(|values| values.iter()) {
        let words = parts(&count.value.to_string());
        let [a, b] = words.as_slice() else { continue };
        if let (Some(a), Some(b)) = (places.of(&pair[0], a), places.of(&pair[1], b)) {
            *rows.entry(a).or_default() += count.weight;
            *columns.entry(b).or_default() += count.weight;
            found.push((a, b, count.weight));
        }
    }
    let total: f64 = rows.values().sum();
    for (a, b, weight) in found {
        let information = (weight / rows[&a] * (total / columns[&b])).ln();
        if information > 0.0 {
            cells.insert((a.min(b), a.max(b)), information);
        }
    }
}

impl FitByStatistic for CooccurrenceEncoder {
    type Statistic = (PerColumn<Counts>, CrossCounts);
    type Fitted = FittedCategoryEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let (columns, pairs) = self.columns(layout)?;
        let counts = Counts::new().cap(self.max_distinct).over(columns).weighted_as(layout);
        Ok((counts, CrossCounts::new(pairs, self.max_distinct).weight(layout.weight())))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (counts, crosses): (Vec<(String, CountsSummary)>, Vec<CountsSummary>),
    ) -> Result<FittedCategoryEncoder> {
        let (_, pairs) = self.columns(layout)?;
        let categories = |(name, counts): (String, CountsSummary)| {
            let values = counts.values.ok_or_else(|| too_many(&name, self.max_distinct))?;
            Ok((name, values.iter().map(|count| count.value.clone()).collect()))
        };
        let places = Places::new(counts.into_iter().map(categories).collect::<Result<_>>()?);
        let mut cells = BTreeMap::new();
        for (pair, counts) in pairs.iter().zip(&crosses) {
            if counts.values.is_none() {
                return Err(too_many(&pair.join("×"), self.max_distinct));
            }
            information(&places, pair, counts, &mut cells);
        }
        let mut pairs = largest(&Sparse::new(places.n(), &cells), self.dimensions, DENSE)?;
        for (_, vector) in &mut pairs {
            // The sign is open: what is largest, the first of equals, is positive.
            let most = vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            if vector.iter().find(|x| x.abs() >= most * (1.0 - 1e-9)).is_some_and(|x| *x < 0.0) {
                vector.iter_mut().for_each(|x| *x = -*x);
            }
        }
        let unseen = match self.unseen {
            UnseenAs::Zeros => Otherwise::Values(vec![0.0; self.dimensions]),
            UnseenAs::Error => Otherwise::Refuse,
        };
        let missing = Otherwise::Values(vec![0.0; self.dimensions]);
        let mut tables = Vec::with_capacity(places.columns.len());
        for ((name, categories), start) in places.columns.iter().zip(&places.starts) {
            let names = numbered(name, self.dimensions);
            let mut table = CategoryTable::new(layout, name, names, missing.clone(), unseen.clone())?;
            for (i, category) in categories.iter().enumerate() {
                let value = |k: usize| pairs.get(k).map_or(0.0, |(value, v)| value.sqrt() * v[start + i]);
                table.push(category.clone(), (0..self.dimensions).map(value));
            }
            if !table.is_finite() {
                return Err(Error::invalid_value(name, None, "weights that overflow", "of a smaller scale"));
            }
            tables.push(table);
        }
        Ok(FittedCategoryEncoder::of_tables(tables))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of vectors find what taking the whole matrix apart finds.
    #[test]
    fn iterating_finds_the_largest() {
        let mut rng = seed::stream(5, 0);
        let mut cells = BTreeMap::new();
        for i in 0..150u32 {
            for j in i + 1..150 {
                if seed::uniform(&mut rng) < 0.05 {
                    cells.insert(
                        (i, j),
                        3.0 * seed::uniform(&mut rng) + if i % 5 == j % 5 { 4.0 } else { 0.0 },
                    );
                }
            }
        }
        let matrix = Sparse::new(150, &cells);
        let (whole, by_blocks) = (largest(&matrix, 5, 200).unwrap(), largest(&matrix, 5, 100).unwrap());
        assert_eq!((whole.len(), by_blocks.len()), (5, 5));
        for ((value, vector), (other, found)) in whole.iter().zip(&by_blocks) {
            assert!((value - other).abs() < 1e-9 * value, "{value} {other}");
            assert!((dot(vector, found).abs() - 1.0).abs() < 1e-12);
        }
    }
}
