//! Bins that tell classes apart.

use mlsys_core::{Dataset, Error, Fit, FitTransform, InputColumn, Kind, Result, Train, first_error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cross_fit::CrossFit;
use crate::fitted_binner::{BinOutput, Bins, FittedBinner, MissingBin};
use crate::labelled::{Labelled, Labels};

/// Cuts numeric columns where the classes of the target change, as often as pays by minimum description length.
///
/// ```text
/// S is cut into S₁ and S₂ where Ent(S) - |S₁|/N Ent(S₁) - |S₂|/N Ent(S₂) is greatest, if that is more than
/// (log₂(N - 1) + log₂(3^k - 2) - k Ent(S) + k₁ Ent(S₁) + k₂ Ent(S₂)) / N;      then S₁ and S₂ likewise
/// ```
/// where N is the weight of the rows in S, k the number of classes among them and `Ent` the entropy of the classes in bits. Cuts are
/// in the middle between two values, the lowest of equally good ones first.
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `output` | `Codes` | Int32, or a UInt8 column per bin |
/// | `missing` | `Keep` for codes, `Own` for columns | what becomes of missing values |
/// | `cross_fit` | 5 folds by row id | how training rows are encoded for a next step: [`CrossFit`]; codes only |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included; a target of classes, at most
/// 1,000. Missing values do not count. Weights are used. **Output**: as [`Binner`](crate::Binner)'s; a column that says nothing about the target has
/// one bin.
///
/// **Errors**: [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a target,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for too many classes.
///
/// Sorts each column, then a pass per level of cuts.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_encoding::MdlpBinner;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from_iter_values((0..40).map(f64::from))) as ArrayRef;
/// let y = Arc::new(BooleanArray::from_iter((0..40).map(|i| Some((10..30).contains(&i))))) as ArrayRef;
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x), ("y", y)])?)?.target("y")?.into_train_all();
/// let fitted = MdlpBinner::new().fit(&train)?;
/// assert_eq!(fitted.edges("x").unwrap(), [0.0, 9.5, 29.5, 39.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: the edges know the targets of the rows that they were fitted to, so that the same rows look easier than others;
/// two columns that tell classes apart only together are not cut at all.
///
/// Usama Fayyad, Keki Irani, *Multi-Interval Discretization of Continuous-Valued Attributes for Classification Learning*,
/// IJCAI 1993.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MdlpBinner {
    output: BinOutput,
    missing: Option<MissingBin>,
    cross_fit: CrossFit,
}

const MOST_CLASSES: usize = 1_000;

impl MdlpBinner {
    /// A binner to codes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Codes, or a column per bin.
    pub fn output(mut self, output: BinOutput) -> Self {
        self.output = output;
        self
    }

    /// What becomes of missing values.
    pub fn missing(mut self, missing: MissingBin) -> Self {
        self.missing = Some(missing);
        self
    }

    /// How training rows are encoded.
    pub fn cross_fit(mut self, cross_fit: CrossFit) -> Self {
        self.cross_fit = cross_fit;
        self
    }

    /// The bins by some of the rows alone.
    pub(crate) fn fit_rows(&self, train: &Dataset<Train>, rows: &[usize]) -> Result<FittedBinner> {
        self.cross_fit.check("MdlpBinner")?;
        let layout = train.layout();
        let names = layout.features_for("MdlpBinner", Kind::is_number, Kind::is_numeric, "numeric")?;
        let labels = Labels::new(train, "MdlpBinner")?;
        let classes = labels.coded.distinct.len();
        if classes > MOST_CLASSES {
            let target = layout.target("MdlpBinner")?;
            let expected = format!("at most {MOST_CLASSES}; bin a number first");
            return Err(Error::invalid_value(target, None, format!("{classes} classes"), expected));
        }
        let bins = names.par_iter().map(|name| {
            let edges = Cutting::new(labels.of(train, name, rows)?, classes).edges();
            Ok(Bins::new(InputColumn::new(layout, name)?, edges))
        });
        Ok(FittedBinner::new(first_error(bins.collect())?, self.output, self.missing))
    }
}

impl Fit for MdlpBinner {
    type Fitted = FittedBinner;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedBinner> {
        self.fit_rows(train, &(0..train.n_rows()).collect::<Vec<_>>())
    }
}

impl FitTransform for MdlpBinner {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedBinner, Dataset<Train>)> {
        if self.output == BinOutput::Columns {
            let expected = "codes, where training rows go on to another step: the bins of folds differ";
            return Err(Error::invalid_parameter("MdlpBinner", "output", "columns", expected));
        }
        let fitted = self.fit(&train)?;
        let by_others = |rows: &[usize]| self.fit_rows(&train, rows);
        let encoded = self.cross_fit.transform_out_of_fold("MdlpBinner", &train, by_others)?;
        Ok((fitted, encoded))
    }
}

/// The distinct values of a column, ascending, and the weight of each class at each.
struct Cutting {
    values: Vec<f64>,
    /// Classes and weights of each value, which end here.
    ends: Vec<usize>,
    counts: Vec<(u32, f64)>,
    classes: usize,
}

impl Cutting {
    fn new(mut rows: Vec<Labelled>, classes: usize) -> Self {
        rows.retain(|(x, _, _)| !x.is_nan());
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut cutting = Self { values: Vec::new(), ends: Vec::new(), counts: Vec::new(), classes };
        for (x, class, weight) in rows {
            if cutting.values.last() != Some(&x) {
                cutting.values.push(x + 0.0);
                cutting.ends.push(cutting.counts.len());
            }
            let begin = if cutting.ends.len() > 1 { cutting.ends[cutting.ends.len() - 2] } else { 0 };
            match cutting.counts[begin..].iter_mut().find(|(c, _)| *c == class) {
                Some((_, count)) => *count += weight,
                None => cutting.counts.push((class, weight)),
            }
            if let Some(end) = cutting.ends.last_mut() {
                *end = cutting.counts.len();
            }
        }
        cutting
    }

    fn counts(&self, value: usize) -> &[(u32, f64)] {
        let begin = if value == 0 { 0 } else { self.ends[value - 1] };
        &self.counts[begin..self.ends[value]]
    }

    /// Between values of one and the same class alone no cut is best.
    fn same_class(&self, value: usize) -> bool {
        match (self.counts(value), self.counts(value + 1)) {
            ([(a, _)], [(b, _)]) => a == b,
            _ => false,
        }
    }

    fn edges(&self) -> Vec<f64> {
        let mut cuts = Vec::new();
        let mut open = vec![(0, self.values.len())];
        while let Some((begin, end)) = open.pop() {
            if let Some(cut) = self.cut(begin, end) {
                cuts.push(cut);
                open.extend([(begin, cut), (cut, end)]);
            }
        }
        cuts.sort_unstable();
        let middle = |cut: usize| {
            let (low, high) = (self.values[cut - 1], self.values[cut]);
            let middle = low / 2.0 + high / 2.0;
            // Between neighbouring doubles there is none.
            if middle > low { middle } else { high }
        };
        let ends = self.values.first().zip(self.values.last());
        let mut edges: Vec<f64> = ends.iter().map(|(first, _)| **first).collect();
        edges.extend(cuts.into_iter().map(middle));
        edges.extend(ends.iter().map(|(_, last)| **last));
        edges
    }

    /// The first value after the best cut, if it pays.
    fn cut(&self, begin: usize, end: usize) -> Option<usize> {
        let mut all = vec![0.0; self.classes];
        for value in begin..end {
            self.counts(value).iter().for_each(|&(class, weight)| all[class as usize] += weight);
        }
        let mut left = vec![0.0; self.classes];
        let mut best: Option<(f64, usize, [Side; 2])> = None;
        for value in begin..end.saturating_sub(1) {
            self.counts(value).iter().for_each(|&(class, weight)| left[class as usize] += weight);
            if self.same_class(value) {
                continue;
            }
            let sides = [
                Side::of(left.iter().copied()),
                Side::of(all.iter().zip(&left).map(|(all, left)| all - left)),
            ];
            let bits = sides[0].bits + sides[1].bits;
            if best.as_ref().is_none_or(|best| bits < best.0) {
                best = Some((bits, value + 1, sides));
            }
        }
        let (bits, cut, sides) = best?;
        let whole = Side::of(all.into_iter());
        let n = whole.weight;
        let described = |side: &Side| side.classes * side.bits / side.weight;
        let classes = whole.classes;
        // 3^k - 2 is 3^k to the last digit by then.
        let labels = if classes < 30.0 { (3f64.powf(classes) - 2.0).log2() } else { classes * 3f64.log2() };
        let cost =
            (n - 1.0).log2() + labels - described(&whole) + described(&sides[0]) + described(&sides[1]);
        (n > 1.0 && whole.bits - bits > cost).then_some(cut)
    }
}

/// What is on one side of a cut: the weight, the number of classes, and the weight times the entropy.
struct Side {
    weight: f64,
    classes: f64,
    bits: f64,
}

impl Side {
    fn of(counts: impl Iterator<Item = f64>) -> Self {
        let mut side = Self { weight: 0.0, classes: 0.0, bits: 0.0 };
        // A difference of weights that are not whole may be rounding.
        for count in counts.filter(|&count| count > 1e-12) {
            side.weight += count;
            side.classes += 1.0;
            side.bits -= count * count.log2();
        }
        if side.weight > 0.0 {
            side.bits += side.weight * side.weight.log2();
        }
        side
    }
}
