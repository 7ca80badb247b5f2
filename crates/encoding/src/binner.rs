//! Numbers as bins.

use mlsys_core::{Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result};
use mlsys_stats::solve::k_means_line;
use mlsys_stats::{
    ColumnStatistic, Distribution, Infinite, MinMax, MinMaxSummary, PerColumn, Quantiles, QuantilesSummary,
};
use serde::{Deserialize, Serialize};

use crate::equal_frequency;
use crate::fitted_binner::{BinOutput, Bins, FittedBinner, MissingBin};
use crate::min_max_scaler::ends;

/// Replaces numbers by the bin that they are in.
///
/// ```text
/// bin i = [e_i, e_(i+1)), the last one closed; what lies outside goes to the first or the last bin
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `bins` | 5 | 2 to 10,000 | at most so many bins per column |
/// | `by` | `EqualFrequency` | see [`BinBy`] | where the edges are |
/// | `quantile_rule` | `Averaged` | | what quantiles equal frequency takes |
/// | `output` | `Codes` | | Int32, or a UInt8 column per bin |
/// | `missing` | `Keep` for codes, `Own` for columns | | what becomes of missing values |
/// | `quantiles` | exact to 131,072 distinct values | | how quantiles are taken: [`Quantiles`] |
///
/// **Equal frequency** puts the edges at the quantiles of `i / bins`. Where a bin would hold no row, as when edges repeat,
/// the value at its end weighs a bin's share or more. Each such value gets a bin of its own; each run of values between them
/// gets a bin, further bins go one by one to the run with the most rows per bin, and a run is binned by the same rule. So eight zeros, 1
/// and 2 make the bins `[0, 1)`, `[1, 1.5)` and `[1.5, 2]`.
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Weights are used.
/// Infinities are refused while fitting (not with edges of your own); transforming, they are in the first or last bin. **Output**:
/// in place, Int32 codes from 0, null where missing; or columns called `distance=[200, 500)`, with as many digits as tell the edges apart,
/// and `distance=<missing>` last. A constant column has one bin; fewer distinct values than bins make fewer bins.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when the width of the values overflows,
/// [`MissingValues`](mlsys_core::ErrorKind::MissingValues) when transforming with `MissingBin::Error`.
///
/// One pass, mergeable; exact until a sketch begins, then within its rank error.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Int32Type;
/// use mlsys_encoding::Binner;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let fitted = Binner::new().bins(3).fit(&train)?;
/// assert_eq!(fitted.bin_names("x").unwrap(), ["x=[0, 1)", "x=[1, 1.5)", "x=[1.5, 2]"]);
/// let codes = fitted.transform(train.batch())?;
/// assert_eq!(codes.column(0).as_primitive::<Int32Type>().values()[6..], [0, 0, 1, 2]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where a model could have used the number: a bin forgets what is within it, and jumps at its edges.
///
/// As scikit-learn's `KBinsDiscretizer` with `subsample=None`, whose bins lose rows of repeated edges to their neighbours (eight zeros, 1
/// and 2 are one bin there), which drops bins narrower than 1e-8, and which stops k-means early (`tol`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Binner {
    bins: usize,
    by: BinBy,
    quantile_rule: QuantileRule,
    output: BinOutput,
    missing: Option<MissingBin>,
    quantiles: Quantiles,
}

/// Where [`Binner`] puts its edges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinBy {
    /// Equally far apart.
    EqualWidth,
    /// With equally many rows between them.
    #[default]
    EqualFrequency,
    /// Half way between the centres of k-means, which starts from the middles of bins of equal width and runs until no value
    /// moves, or 1,000 rounds.
    KMeans,
    /// These, finite and ascending, two or more; `bins` has no say.
    Edges(Vec<f64>),
}

/// The quantiles that equal frequency takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantileRule {
    /// The value at the rank, or the middle between two: `averaged_inverted_cdf`, scikit-learn's default.
    #[default]
    Averaged,
    /// Linear between two values: `linear`, numpy's default. As `Averaged` for weights that are not whole.
    Linear,
}

impl Default for Binner {
    fn default() -> Self {
        Self {
            bins: 5,
            by: BinBy::default(),
            quantile_rule: QuantileRule::default(),
            output: BinOutput::default(),
            missing: None,
            quantiles: Quantiles::new(),
        }
    }
}

const ROUNDS: usize = 1_000;

impl Binner {
    /// A binner to five bins of equal frequency.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bins a column has at most.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Where the edges are.
    pub fn by(mut self, by: BinBy) -> Self {
        self.by = by;
        self
    }

    /// What quantiles equal frequency takes.
    pub fn quantile_rule(mut self, rule: QuantileRule) -> Self {
        self.quantile_rule = rule;
        self
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

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }

    fn check(&self) -> Result<()> {
        if !(2..=10_000).contains(&self.bins) {
            return Err(Error::invalid_parameter("Binner", "bins", self.bins, "2 to 10000"));
        }
        if let BinBy::Edges(edges) = &self.by {
            let ascending = edges.len() >= 2 && edges.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || !edges.iter().all(|x| x.is_finite()) {
                let expected = "two or more finite numbers, ascending";
                return Err(Error::invalid_parameter("Binner", "by", format!("{edges:?}"), expected));
            }
        }
        Ok(())
    }

    fn uses_quantiles(&self) -> bool {
        matches!(self.by, BinBy::EqualFrequency | BinBy::KMeans)
    }

    /// Edges from all values of a column.
    fn edges_of(&self, of: Distribution<'_>) -> Vec<f64> {
        match (of.values(), &self.by) {
            (values @ [first, .., last], BinBy::KMeans) => {
                let bins = self.bins.min(values.len());
                let width = equal_width(*first, *last, bins);
                let start: Vec<f64> = width.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0).collect();
                let weights: Vec<f64> = of.weights().collect();
                let centres = k_means_line(values, &weights, &start, ROUNDS);
                let mut edges = vec![*first];
                edges.extend(centres.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0));
                edges.push(*last);
                edges.dedup();
                edges
            }
            (values, _) if values.len() > 1 => equal_frequency::edges(of, self.bins, self.quantile_rule),
            (values, _) => values.iter().chain(values).copied().collect(),
        }
    }
}

/// As numpy's `linspace`, to the last bit.
fn equal_width(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|i| i as f64 * step + low).collect();
    edges.push(high);
    edges.dedup();
    edges
}

fn check_width(name: &str, low: f64, high: f64) -> Result<()> {
    if (high - low).is_finite() {
        return Ok(());
    }
    let what = format!("{low} to {high}, whose width overflows");
    Err(Error::invalid_value(name, None, what, "of a smaller scale"))
}

impl FitByStatistic for Binner {
    type Statistic = (PerColumn<Quantiles>, PerColumn<MinMax>);
    type Fitted = FittedBinner;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        let columns = layout.features_for("Binner", Kind::is_number, Kind::is_numeric, "numeric")?;
        let (of_all, of_ends) =
            if self.uses_quantiles() { (columns, Vec::new()) } else { (Vec::new(), columns) };
        let infinite = if self.by == BinBy::EqualWidth { Infinite::Refuse } else { Infinite::Count };
        let quantiles = self.quantiles.infinite(Infinite::Refuse).over(of_all);
        let ends = MinMax::new().infinite(infinite).over(of_ends);
        Ok((quantiles.weighted_as(layout), ends.weighted_as(layout)))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (of_all, of_ends): (Vec<(String, QuantilesSummary)>, Vec<(String, MinMaxSummary)>),
    ) -> Result<FittedBinner> {
        let mut columns = Vec::with_capacity(of_all.len() + of_ends.len());
        for (name, found) in of_all {
            let of = found.distribution();
            let (Some(&low), Some(&high)) = (of.values().first(), of.values().last()) else {
                let hint = "ignore it, or impute it first".into();
                return Err(ErrorKind::AllMissing { column: name, hint }.into());
            };
            check_width(&name, low, high)?;
            columns.push(Bins::new(InputColumn::new(layout, &name)?, self.edges_of(of)));
        }
        for (name, found) in of_ends {
            let edges = match &self.by {
                BinBy::Edges(edges) => edges.clone(),
                _ => {
                    let (low, high) = ends(&name, found)?;
                    check_width(&name, low, high)?;
                    if low < high { equal_width(low, high, self.bins) } else { vec![low, high] }
                }
            };
            columns.push(Bins::new(InputColumn::new(layout, &name)?, edges));
        }
        Ok(FittedBinner::new(columns, self.output, self.missing))
    }
}
