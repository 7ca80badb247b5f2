//! Bins of monotone event rate, and their weight of evidence.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::ndarray::Array2;
use mlsys_core::{
    Dataset, Error, ErrorKind, Fit, FitTransform, InputColumn, Kind, Result, Train, Transform, column,
    first_error,
};
use mlsys_stats::association::information_value;
use mlsys_stats::{ColumnStatistic, Quantiles};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bin_names::names;
use crate::binner::QuantileRule;
use crate::cross_fit::CrossFit;
use crate::equal_frequency;
use crate::labelled::{Labelled, Labels};

/// Replaces numbers by the weight of evidence of their bin, whose event rates rise, or fall, from bin to bin.
///
/// ```text
/// WOE = ln(share of the events in the bin / share of the others in the bin)      IV = Σ (difference of the shares) WOE
/// ```
/// From many bins of equal frequency, neighbours out of order are pooled until event rates are monotone; then the bin of the least
/// weight, the first of equals, while it has less than `min_share`, joins the neighbour whose event rate is nearer. Events are rows of the last class.
/// Missing values are a bin of their own, outside the order; a bin without events or others counts half a row of each more.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `start` | 50 | 2 to 10,000 | bins of equal frequency to begin with |
/// | `min_share` | 0.05 | 0 to 0.5 | of the weight, in each bin |
/// | `monotone` | `Auto` | | rates rise, fall, or whichever has the greater information value |
/// | `cross_fit` | 5 folds by row id | see [`CrossFit`] | how training rows are encoded for a next step |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included; a target of two classes. Weights are
/// used. **Output**: Float64, never missing: a missing value has the evidence that missing ones had while fitting, or 0 if there were none. What
/// lies outside the edges goes to the first or the last bin.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a target,
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass), [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for more than two classes,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values.
///
/// Sorts each column, then a pass.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_encoding::WoeBinner;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from_iter_values((0..40).map(|i| f64::from(i / 20)))) as ArrayRef;
/// let y = Arc::new(BooleanArray::from_iter((0..40).map(|i| Some(i % 20 < if i < 20 { 4 } else { 16 })))) as ArrayRef;
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x), ("y", y)])?)?.target("y")?.into_train_all();
/// let fitted = WoeBinner::new().fit(&train)?;
/// // 4 and 16 of 20 events: shares 0.2 and 0.8 of the events, 0.8 and 0.2 of the others.
/// assert!((fitted.weight_of_evidence("x").unwrap()[1] - 4f64.ln()).abs() < 1e-12);
/// assert!((fitted.information_value("x").unwrap() - 1.2 * 4f64.ln()).abs() < 1e-12);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: where rates rise and fall again, a monotone bin hides it; and transformed as rows to come, training rows would know their own
/// targets (a chain encodes them out of fold). An information value above 0.5 rather points to a leak.
///
/// Miriam Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid, Edward Silverman, *An Empirical Distribution Function for Sampling with
/// Incomplete Information*, Annals of Mathematical Statistics 26, 1955 (pool adjacent violators); Naeem Siddiqi, *Credit Risk
/// Scorecards*, 2006.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct WoeBinner {
    start: usize,
    min_share: f64,
    monotone: Monotone,
    cross_fit: CrossFit,
}

/// Which way event rates go in [`WoeBinner`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// The way of the greater information value; up where they are equal.
    #[default]
    Auto,
    /// Up.
    Rising,
    /// Down.
    Falling,
}

impl Default for WoeBinner {
    fn default() -> Self {
        Self { start: 50, min_share: 0.05, monotone: Monotone::Auto, cross_fit: CrossFit::default() }
    }
}

/// Half a row of each for a bin that lacks events or others, by custom.
const SMOOTHING: f64 = 0.5;

impl WoeBinner {
    /// A binner from 50 bins to such of 5 % of the rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bins of equal frequency there are to begin with.
    pub fn start(mut self, bins: usize) -> Self {
        self.start = bins;
        self
    }

    /// The least share of the weight in a bin.
    pub fn min_share(mut self, share: f64) -> Self {
        self.min_share = share;
        self
    }

    /// Which way event rates go.
    pub fn monotone(mut self, monotone: Monotone) -> Self {
        self.monotone = monotone;
        self
    }

    /// How training rows are encoded.
    pub fn cross_fit(mut self, cross_fit: CrossFit) -> Self {
        self.cross_fit = cross_fit;
        self
    }

    fn check(&self) -> Result<()> {
        self.cross_fit.check("WoeBinner")?;
        if !(2..=10_000).contains(&self.start) {
            return Err(Error::invalid_parameter("WoeBinner", "start", self.start, "2 to 10000"));
        }
        if !(0.0..=0.5).contains(&self.min_share) {
            return Err(Error::invalid_parameter("WoeBinner", "min_share", self.min_share, "0 to 0.5"));
        }
        Ok(())
    }

    /// The bins by some of the rows alone.
    pub(crate) fn fit_rows(&self, train: &Dataset<Train>, rows: &[usize]) -> Result<FittedWoeBinner> {
        self.check()?;
        let layout = train.layout();
        let names = layout.features_for("WoeBinner", Kind::is_number, Kind::is_numeric, "numeric")?;
        let labels = Labels::new(train, "WoeBinner")?;
        let target = layout.target("WoeBinner")?;
        let classes = &labels.coded.distinct;
        if classes.len() > 2 {
            let found = format!("{} classes", classes.len());
            return Err(Error::invalid_value(target, None, found, "two"));
        }
        let columns = names.par_iter().map(|name| {
            let rows = labels.of(train, name, rows)?;
            let (column, both) = (InputColumn::new(layout, name)?, classes.len() == 2);
            match self.evidence(column, &rows)? {
                Some(evidence) if both => Ok(evidence),
                _ => {
                    let class = classes[rows[0].1 as usize].to_string();
                    Err(ErrorKind::SingleClass { column: target.into(), class }.into())
                }
            }
        });
        Ok(FittedWoeBinner { columns: first_error(columns.collect())? })
    }

    /// The bins of a column; none where all its rows are of one class.
    fn evidence(&self, column: InputColumn, rows: &[Labelled]) -> Result<Option<Evidence>> {
        let mut present: Vec<Labelled> = rows.iter().copied().filter(|(x, _, _)| !x.is_nan()).collect();
        present.sort_by(|a, b| a.0.total_cmp(&b.0));
        let fine = self.fine(column.name(), &present)?;
        let missing = rows.iter().filter(|(x, _, _)| x.is_nan()).fold(Pool::default(), Pool::with);
        let total = present.iter().fold(missing, Pool::with);
        if total.events <= 0.0 || total.others <= 0.0 {
            return Ok(None);
        }
        let pool = |rising: bool| -> Result<Evidence> {
            let pools = join(monotone(&fine, rising), self.min_share * (total.weight() - missing.weight()));
            let last = present.last().map_or(0.0, |row| row.0);
            Evidence::new(column.clone(), pools, last, missing)
        };
        Ok(Some(match self.monotone {
            Monotone::Rising => pool(true)?,
            Monotone::Falling => pool(false)?,
            Monotone::Auto => {
                let (rising, falling) = (pool(true)?, pool(false)?);
                if falling.information_value > rising.information_value { falling } else { rising }
            }
        }))
    }

    /// The bins of equal frequency.
    fn fine(&self, name: &str, present: &[Labelled]) -> Result<Vec<Pool>> {
        let values: ArrayRef = Arc::new(Float64Array::from_iter_values(present.iter().map(|row| row.0)));
        let weights: Vec<f64> = present.iter().map(|row| row.2).collect();
        let all = Quantiles::new().exact_up_to(usize::MAX).of(name, &values, Some(&weights))?;
        let edges = equal_frequency::edges(all.distribution(), self.start, QuantileRule::Averaged);
        let inner = edges.get(1..edges.len() - 1).unwrap_or_default();
        let mut pools: Vec<Pool> =
            edges.iter().take(inner.len() + 1).map(|&start| Pool { start, ..Pool::default() }).collect();
        let mut code = 0;
        for row in present {
            while inner.get(code).is_some_and(|&edge| edge <= row.0) {
                code += 1;
            }
            pools[code] = pools[code].with(row);
        }
        // Rounded ranks may leave a bin without rows.
        pools.retain(|pool| pool.weight() > 0.0);
        Ok(pools)
    }
}

impl Fit for WoeBinner {
    type Fitted = FittedWoeBinner;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedWoeBinner> {
        self.fit_rows(train, &(0..train.n_rows()).collect::<Vec<_>>())
    }
}

impl FitTransform for WoeBinner {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedWoeBinner, Dataset<Train>)> {
        let fitted = self.fit(&train)?;
        let by_others = |rows: &[usize]| self.fit_rows(&train, rows);
        let encoded = self.cross_fit.transform_out_of_fold("WoeBinner", &train, by_others)?;
        Ok((fitted, encoded))
    }
}

/// A bin: where it starts, and the weight of its rows by class.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Pool {
    start: f64,
    events: f64,
    others: f64,
}

impl Pool {
    fn with(self, &(_, class, weight): &Labelled) -> Self {
        match class {
            0 => Self { others: self.others + weight, ..self },
            _ => Self { events: self.events + weight, ..self },
        }
    }

    fn and(self, next: Self) -> Self {
        Self { events: self.events + next.events, others: self.others + next.others, ..self }
    }

    fn weight(&self) -> f64 {
        self.events + self.others
    }

    fn rate(&self) -> f64 {
        self.events / self.weight()
    }
}

/// Pools neighbours until rates rise, or fall, strictly.
fn monotone(fine: &[Pool], rising: bool) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::with_capacity(fine.len());
    for &next in fine {
        let mut next = next;
        while let Some(&before) = pools.last() {
            // Products, since quotients of equal rates may differ by a rounding.
            let (a, b) = (before.events * next.weight(), next.events * before.weight());
            if if rising { a < b } else { a > b } {
                break;
            }
            next = before.and(next);
            pools.pop();
        }
        pools.push(next);
    }
    pools
}

/// Joins bins that weigh less than `least` with a neighbour.
fn join(mut pools: Vec<Pool>, least: f64) -> Vec<Pool> {
    while pools.len() > 1 {
        let lightest = (0..pools.len()).min_by(|&a, &b| pools[a].weight().total_cmp(&pools[b].weight()));
        let Some(i) = lightest.filter(|&i| pools[i].weight() < least) else { break };
        let far = |j: usize| (pools[j].rate() - pools[i].rate()).abs();
        let below = i + 1 == pools.len() || i > 0 && far(i - 1) <= far(i + 1);
        let first = if below { i - 1 } else { i };
        pools[first] = pools[first].and(pools[first + 1]);
        pools.remove(first + 1);
    }
    pools
}

/// The bins of a column and what they say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Evidence {
    column: InputColumn,
    edges: Vec<f64>,
    names: Vec<String>,
    woe: Vec<f64>,
    missing: f64,
    information_value: f64,
}

impl Evidence {
    fn new(column: InputColumn, pools: Vec<Pool>, last: f64, missing: Pool) -> Result<Self> {
        let edges: Vec<f64> = pools.iter().map(|pool| pool.start).chain([last]).collect();
        let rows: Vec<Pool> = pools.into_iter().chain((missing.weight() > 0.0).then_some(missing)).collect();
        let table =
            Array2::from_shape_fn(
                (rows.len(), 2),
                |(i, class)| {
                    if class == 0 { rows[i].others } else { rows[i].events }
                },
            );
        let found = information_value(table.view(), SMOOTHING)?;
        let mut woe = found.weight_of_evidence;
        let missing = woe.split_off(edges.len() - 1).first().copied().unwrap_or(0.0);
        let names = names(column.name(), &edges);
        Ok(Self { column, edges, names, woe, missing, information_value: found.value })
    }

    fn of(&self, x: f64) -> f64 {
        if x.is_nan() {
            return self.missing;
        }
        let inner = &self.edges[1..self.edges.len() - 1];
        self.woe[inner.partition_point(|&edge| edge <= x)]
    }
}

/// The fitted [`WoeBinner`]: the bins of each column and their weight of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedWoeBinner {
    columns: Vec<Evidence>,
}

impl FittedWoeBinner {
    /// The edges of a fitted column: one more than it has bins.
    pub fn edges(&self, column: &str) -> Option<&[f64]> {
        self.find(column).map(|e| e.edges.as_slice())
    }

    /// The names of the bins of a fitted column, `distance=[200, 500)`.
    pub fn bin_names(&self, column: &str) -> Option<&[String]> {
        self.find(column).map(|e| e.names.as_slice())
    }

    /// The weight of evidence of each bin of a fitted column.
    pub fn weight_of_evidence(&self, column: &str) -> Option<&[f64]> {
        self.find(column).map(|e| e.woe.as_slice())
    }

    /// The weight of evidence of missing values; 0 if there were none.
    pub fn missing_weight_of_evidence(&self, column: &str) -> Option<f64> {
        self.find(column).map(|e| e.missing)
    }

    /// The information value of a fitted column, missing values included.
    pub fn information_value(&self, column: &str) -> Option<f64> {
        self.find(column).map(|e| e.information_value)
    }

    fn find(&self, column: &str) -> Option<&Evidence> {
        self.columns.iter().find(|e| e.column.name() == column)
    }

    fn validate(&self) -> Result<()> {
        let fine = |e: &Evidence| {
            let bins = e.edges.len().saturating_sub(1);
            let finite = e.edges.iter().chain(&e.woe).chain([&e.missing]).all(|x| x.is_finite());
            bins > 0
                && finite
                && e.woe.len() == bins
                && e.names.len() == bins
                && e.edges[..bins].windows(2).all(|pair| pair[0] < pair[1])
        };
        match self.columns.iter().find(|e| !fine(e)) {
            Some(e) => Err(Error::artifact(format!("bins and evidence of `{}` do not fit", e.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|e| e.column.clone()).collect()
    }
}

fn field(input: &Field) -> FieldRef {
    Arc::new(Field::new(input.name(), DataType::Float64, false).with_metadata(input.metadata().clone()))
}

impl Transform for FittedWoeBinner {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|e| {
                let field = field(e.column.check(batch.schema_ref())?);
                let values = column::floats(e.column.name(), e.column.find(batch)?)?;
                let woe: ArrayRef = Arc::new(Float64Array::from_iter_values(values.iter().map(|&x| e.of(x))));
                Ok((e.column.name(), vec![(field, woe)]))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for e in &self.columns {
            with.insert(e.column.name(), vec![field(e.column.check(input)?)]);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedWoeBinner, "mlsys.FittedWoeBinner", 1);
