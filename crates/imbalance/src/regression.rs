//! Resampling by a continuous target: parts of it, how many rows each has, and new rows of one.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Category, Columns, Dataset, Error, Kind, Result, Train, first_error, hash, seed};
use mlsys_neighbors::{Donors, Metric, Neighbor, NeighborIndex, Neighbors, Points};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::draws::{normal, stream};
use crate::pairs::{between, draw, even, neighbors};
use crate::smoothed_bootstrap::deviation;
use crate::{Plan, Relevance, Synthetic};

/// How many rows the parts of a continuous target have afterwards. A part is a stretch of the target whose relevance is at least the
/// threshold (rare), or below it (normal).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PartSizes {
    /// As many each, and as many as before in all.
    #[default]
    Balance,
    /// The other way round, and as many as before in all: in proportion to `1 / n` of a part of `n` rows.
    Extreme,
    /// This many times as many.
    Factors {
        /// Of rare parts, 1 or more.
        rare: f64,
        /// Of normal ones, above 0 and at most 1.
        normal: f64,
    },
}

/// What resamplers by a continuous target have in common.
pub(crate) struct ByTarget<'a> {
    pub estimator: &'static str,
    pub relevance: &'a Relevance,
    pub threshold: f64,
    pub sizes: PartSizes,
    pub k: usize,
    pub columns: Option<&'a Columns>,
    pub seed: u64,
    /// How many standard deviations noise is, where neighbours are far.
    pub noise: Option<f64>,
}

/// A stretch of the target.
struct Part {
    rare: bool,
    /// Ascending.
    rows: Vec<usize>,
    /// The least and the greatest target.
    ends: (f64, f64),
}

/// A new row.
struct Made {
    synthetic: Synthetic,
    /// What is added to the base row's target.
    target: f64,
    /// What is added to the base row's numbers, where not all are between two rows'.
    shifts: Vec<f64>,
    /// The rows that its categories come from.
    donors: Vec<u32>,
}

/// What new rows of a part are made of.
struct Source<'a> {
    part: &'a Part,
    targets: &'a [f64],
    points: Points,
    numbers: &'a [usize],
    categories: &'a [usize],
    /// One over the range of each numeric column; 0 without one.
    inverse: Vec<f64>,
    /// The standard deviation of each, and that of the target; without noise none.
    widths: Vec<f64>,
}

impl ByTarget<'_> {
    fn check(&self) -> Result<()> {
        let refused = |name: &str, value: String, expected: &str| {
            Err(Error::invalid_parameter(self.estimator, name, value, expected))
        };
        check_k(self.estimator, "k_neighbors", self.k)?;
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            return refused("threshold", self.threshold.to_string(), "above 0, and 1 at most");
        }
        if let PartSizes::Factors { rare, normal } = self.sizes
            && !(rare >= 1.0 && rare.is_finite() && normal > 0.0 && normal <= 1.0)
        {
            let expected = "a factor of 1 or more for rare parts, and above 0 and at most 1 for normal ones";
            return refused("sizes", format!("{rare} and {normal}"), expected);
        }
        if let Some(noise) = self.noise.filter(|noise| !(*noise >= 0.0 && noise.is_finite())) {
            return refused("noise", noise.to_string(), "0 or more, and finite");
        }
        Ok(())
    }

    pub fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        self.check()?;
        if u32::try_from(train.n_rows()).is_err() {
            return Err(Error::unsupported("resampling 4,294,967,296 rows or more"));
        }
        let target = train.layout().target(self.estimator)?;
        if !Kind::of(train.column(target)?.data_type()).is_number() {
            return Err(Error::column_type(
                target,
                "a number to be resampled by",
                train.column(target)?.data_type(),
            ));
        }
        let targets = train.target_values(self.estimator)?;
        let parts = self.parts(train, target, &targets)?;
        let after = self.after(&parts)?;
        let coordinates = Coordinates::new(train, self.estimator, self.columns, Metric::Heom)?;
        let (categories, numbers): (Vec<usize>, Vec<usize>) =
            (0..coordinates.names.len()).partition(|&column| coordinates.points.is_categorical(column));
        let (mut kept, mut made) = (Vec::new(), Vec::new());
        for (place, (part, after)) in parts.iter().zip(after).enumerate() {
            let name = Category::from(place as i64);
            if after <= part.rows.len() {
                let mut order = seed::permutation(part.rows.len(), &mut stream(self.seed, &name, 0));
                order.truncate(after);
                kept.extend(order.into_iter().map(|at| part.rows[at]));
                continue;
            }
            kept.extend_from_slice(&part.rows);
            if part.rows.len() < 2 {
                let (from, to) = part.ends;
                let why = format!(
                    "{} of `{target}` from {from} to {to}; lower the threshold, or give points to `Relevance`",
                    self.estimator
                );
                return Err(Error::too_few_rows(2, part.rows.len(), why));
            }
            let points = coordinates.points.take(&part.rows)?;
            let source = self.source(part, &targets, points, (&numbers, &categories));
            made.extend(self.made(&source, &name, after - part.rows.len())?);
        }
        kept.sort_unstable();
        self.planned(train, target, &coordinates, (&numbers, &categories), &kept, &made)
    }

    /// The parts of the target, ascending.
    fn parts(&self, train: &Dataset<Train>, target: &str, targets: &[f64]) -> Result<Vec<Part>> {
        let weights = train.weights()?;
        let counts = |row: &usize| weights.as_ref().is_none_or(|weights| weights[*row] > 0.0);
        let mut rows: Vec<usize> = (0..targets.len()).filter(counts).collect();
        let counted: Vec<f64> = rows.iter().map(|&row| targets[row]).collect();
        let relevance = self.relevance.of_values(&counted)?;
        rows.sort_by(|&a, &b| targets[a].total_cmp(&targets[b]).then(a.cmp(&b)));
        let mut parts: Vec<Part> = Vec::new();
        for row in rows {
            let y = targets[row];
            let rare = relevance.at(y) >= self.threshold;
            match parts.last_mut().filter(|part| part.rare == rare) {
                Some(part) => {
                    part.rows.push(row);
                    part.ends.1 = y;
                }
                None => parts.push(Part { rare, rows: vec![row], ends: (y, y) }),
            }
        }
        parts.iter_mut().for_each(|part| part.rows.sort_unstable());
        if let [part] = parts.as_slice() {
            let what = if part.rare { "no value is below" } else { "no value reaches" };
            let expected =
                format!("values of a relevance of {} or more, and others ({what} it)", self.threshold);
            let found = format!("values from {} to {}", part.ends.0, part.ends.1);
            return Err(Error::invalid_value(target, None, found, expected));
        }
        Ok(parts)
    }

    /// How many rows each part has afterwards: one at least.
    fn after(&self, parts: &[Part]) -> Result<Vec<usize>> {
        let sizes: Vec<f64> = parts.iter().map(|part| part.rows.len() as f64).collect();
        let (total, count) = (sizes.iter().sum::<f64>(), sizes.len() as f64);
        let inverse: f64 = sizes.iter().map(|n| 1.0 / n).sum();
        let size = |(part, &n): (&Part, &f64)| match self.sizes {
            PartSizes::Balance => total / count,
            PartSizes::Extreme => total / n / inverse,
            PartSizes::Factors { rare, normal } => n * if part.rare { rare } else { normal },
        };
        let after: Vec<f64> =
            parts.iter().zip(&sizes).map(size).map(|size| size.round_ties_even().max(1.0)).collect();
        if after.iter().sum::<f64>() >= f64::from(u32::MAX) {
            let value = format!("{:?}", self.sizes);
            let expected = "fewer than 4,294,967,295 rows in all";
            return Err(Error::invalid_parameter(self.estimator, "sizes", value, expected));
        }
        Ok(after.into_iter().map(|size| size as usize).collect())
    }

    fn source<'a>(
        &self,
        part: &'a Part,
        targets: &'a [f64],
        points: Points,
        (numbers, categories): (&'a [usize], &'a [usize]),
    ) -> Source<'a> {
        let inverse = |&column: &usize| {
            let there = || points.column(column).iter().filter(|x| !x.is_nan());
            let (least, most) =
                there().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
            if most > least { 1.0 / (most - least) } else { 0.0 }
        };
        let inverse = numbers.iter().map(inverse).collect();
        let places: Vec<usize> = (0..part.rows.len()).collect();
        let widths = match self.noise {
            Some(_) => {
                let numbers = numbers.iter().map(|&column| deviation(points.column(column), &places));
                numbers.chain([deviation(targets, &part.rows)]).collect()
            }
            None => Vec::new(),
        };
        Source { part, targets, points, numbers, categories, inverse, widths }
    }

    fn made(&self, source: &Source<'_>, name: &Category, new: usize) -> Result<Vec<Made>> {
        let rows = &source.part.rows;
        let index = NeighborIndex::new(&source.points, Metric::Heom)?;
        let bases = even(self.seed, name, rows.len(), new);
        // Few rows have few neighbours.
        let (near, place) = neighbors(&index, &bases, self.k.min(rows.len() - 1))?;
        let limits = match self.noise {
            Some(_) => limits(&index, &source.points, &bases, &near, &place)?,
            None => Vec::new(),
        };
        let categories = hash::hash_bytes(b"categories", self.seed);
        let picked = draw(categories, name, &bases, |_, rng| {
            source.categories.iter().map(|_| seed::uniform(rng)).collect::<Vec<f64>>()
        });
        let asked: Vec<(usize, Vec<f64>)> = bases.into_iter().zip(picked).collect();
        Ok(draw(self.seed, name, &asked, |(base, picked), rng| {
            let near: &[Neighbor] = near.of(place[*base]);
            let synthetic = between(rows, *base, near, rng);
            let drawn = near.iter().find(|n| rows[n.row] as u32 == synthetic.neighbor);
            match (self.noise, limits.get(*base), drawn) {
                (Some(noise), Some(&limit), Some(drawn)) if drawn.distance >= limit => {
                    source.around(*base, noise.min(limit), picked, rng)
                }
                _ => source.between(
                    *base,
                    drawn.map_or(*base, |n| n.row),
                    synthetic,
                    picked,
                    self.noise.is_some(),
                ),
            }
        }))
    }

    fn planned(
        &self,
        train: &Dataset<Train>,
        target: &str,
        coordinates: &Coordinates,
        (numbers, categories): (&[usize], &[usize]),
        kept: &[usize],
        made: &[Made],
    ) -> Result<Plan> {
        let name = |column: &usize| coordinates.names[*column].as_str();
        let synthetic = made.iter().map(|made| made.synthetic).collect();
        let blended: Vec<&str> =
            if self.noise.is_some() { Vec::new() } else { numbers.iter().map(name).collect() };
        let mut plan = Plan::keep(train, kept)?.synthesize(train, blended, synthetic)?;
        if made.is_empty() {
            return Ok(plan);
        }
        if self.noise.is_some() {
            for (at, column) in numbers.iter().enumerate() {
                plan = plan.shift(train, name(column), made.iter().map(|made| made.shifts[at]).collect())?;
            }
        }
        for (at, column) in categories.iter().enumerate() {
            plan = plan.donors(train, name(column), made.iter().map(|made| made.donors[at]).collect())?;
        }
        plan.shift(train, target, made.iter().map(|made| made.target).collect())
    }
}

/// Half the median distance of each base to the other rows; by its place among them.
fn limits(
    index: &NeighborIndex,
    points: &Points,
    bases: &[usize],
    near: &Neighbors,
    place: &[usize],
) -> Result<Vec<f64>> {
    let mut limits = vec![0.0; points.n_rows()];
    let mut asked = bases.to_vec();
    asked.sort_unstable();
    asked.dedup();
    let found = asked.par_iter().map_init(
        || (index.search(), Vec::new()),
        |(search, point), &row| {
            points.row(row, point);
            // All of them.
            search.within(point, &[Donors::All], f64::MAX, Some(row))?;
            let all: Vec<f64> = search.found(0).map(|n| n.distance).collect();
            let middle = all.len() / 2;
            let median = match (all.len() % 2, all.get(middle)) {
                (_, None) => 0.0,
                (1, Some(&median)) => median,
                (_, Some(&upper)) => all[middle - 1] / 2.0 + upper / 2.0,
            };
            // A neighbour at no distance is near whatever the others are.
            let nearest = near.of(place[row]).first().map_or(0.0, |n| n.distance);
            Ok(if median == 0.0 && nearest == 0.0 { f64::MIN_POSITIVE } else { median / 2.0 })
        },
    );
    let found: Vec<f64> = first_error(found.collect())?;
    asked.into_iter().zip(found).for_each(|(row, limit)| limits[row] = limit);
    Ok(limits)
}

fn finite(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

impl Source<'_> {
    /// Between a row and one of its neighbours; the target by the distances from both.
    fn between(
        &self,
        base: usize,
        neighbor: usize,
        synthetic: Synthetic,
        picked: &[f64],
        shifted: bool,
    ) -> Made {
        let (u, rows) = (synthetic.gap, &self.part.rows);
        let steps = self.numbers.iter().map(|&column| {
            let values = self.points.column(column);
            let step = values[neighbor] - values[base];
            if step.is_nan() { 0.0 } else { finite(step) }
        });
        let steps: Vec<f64> = steps.collect();
        let apart: f64 =
            steps.iter().zip(&self.inverse).map(|(step, inverse)| (step * inverse) * (step * inverse)).sum();
        let (mut from_base, mut from_neighbor) = (u * u * apart, (1.0 - u) * (1.0 - u) * apart);
        let mut donors = Vec::with_capacity(picked.len());
        for (&column, &pick) in self.categories.iter().zip(picked) {
            let (a, b) = (self.points.column(column)[base], self.points.column(column)[neighbor]);
            let differ = f64::from(u8::from(a != b && !(a.is_nan() && b.is_nan())));
            let own = pick < 0.5;
            donors.push(rows[if own { base } else { neighbor }] as u32);
            if own {
                from_neighbor += differ;
            } else {
                from_base += differ;
            }
        }
        let (a, b) = (from_base.sqrt(), from_neighbor.sqrt());
        let weight = if a + b > 0.0 { a / (a + b) } else { 0.5 };
        let target = finite(weight * finite(self.targets[rows[neighbor]] - self.targets[rows[base]]));
        let shifts = if shifted { steps.iter().map(|step| u * step).collect() } else { Vec::new() };
        Made { synthetic, target, shifts, donors }
    }

    /// Around a row, with noise; categories are as frequent as in the part.
    fn around(&self, base: usize, noise: f64, picked: &[f64], rng: &mut ChaCha8Rng) -> Made {
        let rows = &self.part.rows;
        let row = rows[base] as u32;
        let mut shifts: Vec<f64> =
            self.widths.iter().map(|width| finite(width * noise * normal(rng))).collect();
        let target = shifts.pop().unwrap_or_default();
        let donor = |pick: &f64| rows[((pick * rows.len() as f64) as usize).min(rows.len() - 1)] as u32;
        let synthetic = Synthetic { base: row, neighbor: row, gap: 0.0 };
        Made { synthetic, target, shifts, donors: picked.iter().map(donor).collect() }
    }
}
