//! What encoders of the target share: fitting a value per category, and encoding training rows by other rows.

use mlsys_core::arrow::array::{ArrayRef, Float64Array};
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::input::{NewColumn, replace_columns};
use mlsys_core::{
    Category, Coded, Dataset, Error, ErrorKind, Kind, Layout, Result, Statistic, Train, first_error,
};
use mlsys_stats::{
    CategorySpread, Spread, TargetAs, TargetByCategory, TargetByCategorySummary, TargetCells, TargetValues,
};
use rayon::prelude::*;
use std::sync::Arc;

use crate::category_table::{CategoryTable, Otherwise, fields};
use crate::cross_fit::{CrossFit, too_few};
use crate::fitted_target_encoder::{FittedTargetEncoder, MissingTarget, UnseenTarget};
use crate::vocabulary::refuse_missing;

/// How the spread of the target within a category becomes the category's value.
pub(crate) trait TargetValue: Sync {
    /// The recipe's name, for messages.
    const NAME: &'static str;

    /// Checks the parameters.
    fn check(&self) -> Result<()>;

    /// What the recipe says of the target and of values without a category.
    fn options(&self) -> Options;

    /// The value of a category of these rows, among so many categories of all rows.
    fn value(&self, own: &Spread, all: &Spread, n_categories: usize) -> f64;

    /// The value of a category that says nothing.
    fn prior(&self, all: &Spread) -> f64 {
        all.mean
    }
}

/// Whether a category has fewer than so many rows. A row of weight 2 is two of them; many rows are many, however little they weigh.
pub(crate) fn fewer_than(own: &Spread, rows: u64) -> bool {
    own.rows < rows && own.weight < rows as f64
}

/// What every recipe says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub target_as: Option<TargetAs>,
    pub unseen: UnseenTarget,
    pub missing: MissingTarget,
    /// Whether the target must have two classes.
    pub binary: bool,
}

/// The setters and the ways to fit in one pass that every recipe has.
macro_rules! target_recipe {
    ($recipe:ident) => {
        impl $recipe {
            /// What becomes of unseen values.
            pub fn unseen(mut self, unseen: UnseenTarget) -> Self {
                self.unseen = unseen;
                self
            }

            /// What becomes of missing values.
            pub fn missing(mut self, missing: MissingTarget) -> Self {
                self.missing = missing;
                self
            }

            /// The statistic that a fit is made of, to be run where the rows are: on a stream, or by an engine.
            ///
            /// # Errors
            ///
            /// As [`fit`](mlsys_core::Fit::fit), for the layout.
            pub fn statistic(&self, layout: &Layout) -> Result<TargetByCategory> {
                target_encoding::statistic(self, layout)
            }

            /// The encoder fitted by what [`statistic`](Self::statistic) found.
            ///
            /// # Errors
            ///
            /// As [`fit`](mlsys_core::Fit::fit).
            pub fn fitted(
                &self,
                layout: &Layout,
                found: TargetByCategorySummary,
            ) -> Result<FittedTargetEncoder> {
                target_encoding::fitted(self, layout, found)
            }

            /// Fits from a stream, to the same bytes as from a table.
            ///
            /// # Errors
            ///
            /// As [`fit`](mlsys_core::Fit::fit), and the stream's own.
            pub fn fit_batches(&self, train: Batches<Train>) -> Result<FittedTargetEncoder> {
                let layout = train.layout().clone();
                let found = train.summarize(&self.statistic(&layout)?)?;
                self.fitted(&layout, found)
            }
        }
    };
}
pub(crate) use target_recipe;

/// The columns to encode.
fn columns<E: TargetValue>(layout: &Layout) -> Result<Vec<String>> {
    let accepts = |kind| kind != Kind::Other;
    layout.features_for(E::NAME, |kind| kind == Kind::Text, accepts, "text, booleans, numbers or times")
}

pub(crate) fn statistic<E: TargetValue>(encoder: &E, layout: &Layout) -> Result<TargetByCategory> {
    encoder.check()?;
    let target = layout.target(E::NAME)?;
    let by_kind = if layout.kind(target)?.is_number() { TargetAs::Numbers } else { TargetAs::Classes };
    let options = encoder.options();
    let target_as = if options.binary { TargetAs::Classes } else { options.target_as.unwrap_or(by_kind) };
    let statistic = TargetByCategory::new(columns::<E>(layout)?, target);
    Ok(statistic.target_as(target_as).weight(layout.weight()))
}

/// The outputs among the spreads: the positive class of two, every class of more, a number.
fn outputs(classes: usize) -> std::ops::Range<usize> {
    match classes {
        0 => 0..1,
        2 => 1..2,
        more => 0..more,
    }
}

fn names(column: &str, classes: &[Category]) -> Vec<String> {
    match classes.len() {
        0 | 2 => vec![column.to_owned()],
        _ => classes.iter().map(|class| format!("{column}:{class}")).collect(),
    }
}

/// The fitted encoder.
pub(crate) fn fitted<E: TargetValue>(
    encoder: &E,
    layout: &Layout,
    found: TargetByCategorySummary,
) -> Result<FittedTargetEncoder> {
    let TargetByCategorySummary { classes, total, columns, .. } = found;
    let target = layout.target(E::NAME)?;
    if total.is_empty() {
        return Err(Error::too_few_rows(1, 0, E::NAME));
    }
    if let [class] = classes.as_slice() {
        let class = class.to_string();
        return Err(ErrorKind::SingleClass { column: target.into(), class }.into());
    }
    let options = encoder.options();
    if options.binary && classes.len() != 2 {
        let found = format!("{} classes", classes.len());
        return Err(Error::invalid_value(target, None, found, format!("two classes for {}", E::NAME)));
    }
    let prior: Vec<f64> = outputs(classes.len()).map(|i| encoder.prior(&total[i])).collect();
    let unseen = match options.unseen {
        UnseenTarget::Prior => Otherwise::Values(prior.clone()),
        UnseenTarget::Error => Otherwise::Refuse,
    };
    let missing = match options.missing {
        MissingTarget::Error => Otherwise::Refuse,
        MissingTarget::Category | MissingTarget::Prior => Otherwise::Values(prior.clone()),
    };
    let encode = |(name, groups): (String, Vec<CategorySpread>)| {
        let n_categories = groups.len();
        let mut table =
            CategoryTable::new(layout, &name, names(&name, &classes), missing.clone(), unseen.clone())?;
        for (category, spreads) in groups {
            let values = outputs(classes.len()).map(|i| encoder.value(&spreads[i], &total[i], n_categories));
            match category {
                Some(category) => table.push(category, values),
                None if options.missing == MissingTarget::Error => {
                    let hint = "impute them first, or set `missing`".into();
                    let count = spreads[0].rows as usize;
                    return Err(ErrorKind::MissingValues { column: name, count, hint }.into());
                }
                None if options.missing == MissingTarget::Prior => (),
                None => table.missing = Otherwise::Values(values.collect()),
            }
        }
        Ok(table)
    };
    let columns = columns.into_iter().map(encode).collect::<Result<_>>()?;
    FittedTargetEncoder::new(columns, prior)
}

/// Training rows as all that follows reads them: each column is coded once.
pub(crate) struct Rows<'a> {
    train: &'a Dataset<Train>,
    weights: Option<ScalarBuffer<f64>>,
    target: Target,
    /// The classes that rows of a weight have; none for numbers.
    classes: Vec<Category>,
    columns: Vec<(String, Coded)>,
}

impl<'a> Rows<'a> {
    pub fn new<E: TargetValue>(encoder: &E, train: &'a Dataset<Train>) -> Result<Self> {
        // Checks the layout, as for a stream.
        let statistic = statistic(encoder, train.layout())?;
        statistic.init(&train.schema())?;
        let weights = train.weights()?;
        let (target, classes) = match statistic.is_of_classes() {
            false => (Target::Numbers(train.target_values(E::NAME)?), Vec::new()),
            true => Target::of_classes(train.labels(E::NAME)?, weights.as_deref()),
        };
        let coded = |name: String| {
            let coded = Coded::new(&name, train.column(&name)?)?;
            if encoder.options().missing == MissingTarget::Error {
                refuse_missing(&name, &coded)?;
            }
            Ok((name, coded))
        };
        let columns = columns::<E>(train.layout())?.into_par_iter().map(coded).collect();
        Ok(Self { train, weights, target, classes, columns: first_error(columns)? })
    }

    fn weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    /// Whether sums over rows have the same bits in any order: counts.
    fn is_counted(&self) -> bool {
        matches!(self.target, Target::Classes(..)) && self.weights.is_none()
    }

    /// What the statistic finds of these rows.
    fn summary(&self) -> TargetByCategorySummary {
        let columns = self.columns.par_iter().map(|(name, coded)| {
            let missing = coded.distinct.len();
            let slots: Vec<u32> = coded.codes.iter().map(|&code| code.min(missing as u32)).collect();
            let cells = self.on_grid(&slots, missing + 1);
            (name.clone(), groups(coded, |slot| cells.spreads(slot)))
        });
        self.summary_of(self.total(), columns.collect())
    }

    fn summary_of(
        &self,
        total: Vec<Spread>,
        columns: Vec<(String, Vec<CategorySpread>)>,
    ) -> TargetByCategorySummary {
        TargetByCategorySummary { classes: self.classes.clone(), total, columns }
    }

    fn on_grid(&self, slots: &[u32], n_slots: usize) -> TargetCells {
        TargetCells::on_grid(slots, n_slots, self.target.values(), self.weights())
    }

    fn total(&self) -> Vec<Spread> {
        self.on_grid(&vec![0; self.train.n_rows()], 1).spreads(0)
    }
}

/// The categories of a column that have rows, ascending, the missing one first.
fn groups(coded: &Coded, spreads: impl Fn(usize) -> Vec<Spread>) -> Vec<CategorySpread> {
    let mut order: Vec<usize> = (0..=coded.distinct.len()).collect();
    order.sort_unstable_by(|&a, &b| coded.distinct.get(a).cmp(&coded.distinct.get(b)));
    let groups = order.into_iter().map(|slot| (coded.distinct.get(slot).cloned(), spreads(slot)));
    groups.filter(|(_, spreads)| spreads[0].rows > 0).collect()
}

/// Fits from a table.
pub(crate) fn fit<E: TargetValue>(encoder: &E, rows: &Rows<'_>) -> Result<FittedTargetEncoder> {
    fitted(encoder, rows.train.layout(), rows.summary())
}

/// The target of the training rows.
enum Target {
    Numbers(ScalarBuffer<f64>),
    Classes(Vec<u32>, usize),
}

impl Target {
    /// The index of each row's class, and the classes. One that only rows of weight zero have is none; any index does for
    /// those rows.
    fn of_classes(labels: Coded, weights: Option<&[f64]>) -> (Self, Vec<Category>) {
        let mut kept = vec![weights.is_none(); labels.distinct.len()];
        for (&code, _) in labels.codes.iter().zip(weights.unwrap_or_default()).filter(|(_, w)| **w > 0.0) {
            kept[code as usize] = true;
        }
        let place: Vec<u32> = kept
            .iter()
            .scan(0, |next, &kept| Some(std::mem::replace(next, *next + u32::from(kept))))
            .collect();
        let classes: Vec<Category> =
            labels.distinct.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(class, _)| class).collect();
        let last = classes.len().saturating_sub(1) as u32;
        let codes = labels.codes.iter().map(|&code| place[code as usize].min(last)).collect();
        (Self::Classes(codes, classes.len()), classes)
    }

    fn values(&self) -> TargetValues<'_> {
        match self {
            Self::Numbers(values) => TargetValues::Numbers(values),
            Self::Classes(codes, n) => TargetValues::Classes(codes, *n),
        }
    }

    /// The number that stands for a row in an output.
    fn number(&self, output: usize, row: usize) -> f64 {
        match self {
            Self::Numbers(values) => values[row],
            Self::Classes(codes, _) => f64::from(u8::from(codes[row] as usize == output)),
        }
    }
}

impl Rows<'_> {
    /// The rows with each column replaced by what `encode` makes of its codes: the values of each output.
    fn replaced(&self, encode: impl Fn(&Coded) -> Vec<Vec<f64>> + Sync) -> Result<Dataset<Train>> {
        self.replaced_by(self.columns.par_iter().map(|(_, coded)| encode(coded)).collect())
    }

    /// The rows with each column replaced by the values of each output.
    fn replaced_by(&self, columns: Vec<Vec<Vec<f64>>>) -> Result<Dataset<Train>> {
        let with = self.columns.iter().zip(columns).map(|((name, _), values)| {
            let names = names(name, &self.classes);
            let arrays = values.into_iter().map(|v| Arc::new(Float64Array::from(v)) as ArrayRef);
            (name.as_str(), fields(&names).zip(arrays).collect::<Vec<NewColumn>>())
        });
        self.train.with_batch(replace_columns(self.train.batch(), with.collect())?)
    }
}

/// The fitted encoder, and the training rows, each encoded by what the rows of the other folds say.
pub(crate) fn fit_out_of_fold<E: TargetValue>(
    encoder: &E,
    cross_fit: &CrossFit,
    train: &Dataset<Train>,
) -> Result<(FittedTargetEncoder, Dataset<Train>)> {
    let (rows, fold_of_row) = rayon::join(
        || Rows::new(encoder, train),
        || cross_fit.fold_of_rows(E::NAME, train, || train.labels(E::NAME)),
    );
    let (rows, fold_of_row) = (rows?, fold_of_row?);
    let (target, weights) = (&rows.target, rows.weights());
    let n_folds = cross_fit.n_folds();
    let others = |fold: usize| (0..n_folds).filter(move |&other| other != fold);
    let in_folds = TargetCells::by_slot(&fold_of_row, n_folds, target.values(), weights);
    let all: Vec<Vec<Spread>> = (0..n_folds).map(|fold| in_folds.merged(others(fold)).spreads(0)).collect();
    if fold_of_row.iter().any(|&fold| all[fold as usize][0].rows == 0) {
        return Err(too_few(E::NAME, 1));
    }
    let missing_counts = encoder.options().missing == MissingTarget::Category;
    let outputs = outputs(rows.classes.len());
    let one = |(name, coded): &(String, Coded)| {
        let missing = coded.distinct.len();
        let n_slots = missing + 1;
        let slot = |(&code, &fold): (&u32, &u32)| fold * n_slots as u32 + code.min(missing as u32);
        let slots: Vec<u32> = coded.codes.iter().zip(&fold_of_row).map(slot).collect();
        let cells = TargetCells::by_slot(&slots, n_folds * n_slots, target.values(), weights);
        let together = |folds: &mut dyn Iterator<Item = usize>, slot: usize| {
            cells.merged(folds.map(|fold| fold * n_slots + slot)).spreads(0)
        };
        let groups = if rows.is_counted() {
            groups(coded, |slot| together(&mut (0..n_folds), slot))
        } else {
            let slots: Vec<u32> = coded.codes.iter().map(|&code| code.min(missing as u32)).collect();
            let cells = rows.on_grid(&slots, n_slots);
            groups(coded, |slot| cells.spreads(slot))
        };
        let mut tables = vec![Vec::with_capacity(n_folds * n_slots); outputs.len()];
        for (fold, all) in all.iter().enumerate() {
            let merged: Vec<Vec<Spread>> =
                (0..n_slots).map(|slot| together(&mut others(fold), slot)).collect();
            let n_categories = merged.iter().filter(|spreads| spreads[0].rows > 0).count();
            for (slot, spreads) in merged.iter().enumerate() {
                let counts = spreads[0].rows > 0 && (slot < missing || missing_counts);
                for (table, i) in tables.iter_mut().zip(outputs.clone()) {
                    table.push(match counts {
                        true => encoder.value(&spreads[i], &all[i], n_categories),
                        false => encoder.prior(&all[i]),
                    });
                }
            }
        }
        let look_up = |table: Vec<f64>| slots.iter().map(|&slot| table[slot as usize]).collect();
        ((name.clone(), groups), tables.into_iter().map(look_up).collect())
    };
    let (columns, values) = rows.columns.par_iter().map(one).unzip();
    let total = if rows.is_counted() { in_folds.merged(0..n_folds).spreads(0) } else { rows.total() };
    let fitted = fitted(encoder, train.layout(), rows.summary_of(total, columns))?;
    Ok((fitted, rows.replaced_by(values)?))
}

/// Rows in an order, and what tells copies of a row.
pub(crate) struct Order {
    rows: Vec<u32>,
    /// Rows of equal keys follow each other, and are no others to each other.
    keys: Vec<u64>,
}

impl Order {
    /// Ascending by key, rows of equal keys as they come.
    pub fn by(keys: Vec<u64>) -> Self {
        let mut rows: Vec<u32> = (0..keys.len() as u32).collect();
        if !keys.windows(2).all(|pair| pair[0] <= pair[1]) {
            rows.par_sort_unstable_by_key(|&row| (keys[row as usize], row));
        }
        Self { rows, keys }
    }

    /// The other way round.
    fn reversed(&self) -> Self {
        Self { rows: self.rows.iter().rev().copied().collect(), keys: self.keys.clone() }
    }

    /// For each row the mean of `value` over the rows before it in its slot.
    fn before(
        &self,
        slots: impl Fn(usize) -> usize,
        n_slots: usize,
        value: impl Fn(usize) -> f64,
        weights: Option<&[f64]>,
    ) -> Vec<Mean> {
        let mut means = vec![Mean::default(); n_slots];
        let mut found = vec![Mean::default(); self.rows.len()];
        let mut rest = self.rows.as_slice();
        while let Some(&first) = rest.first() {
            let key = self.keys[first as usize];
            let run = rest.iter().take_while(|&&row| self.keys[row as usize] == key).count();
            let (copies, later) = rest.split_at(run);
            copies.iter().for_each(|&row| found[row as usize] = means[slots(row as usize)]);
            for row in copies.iter().map(|&row| row as usize) {
                means[slots(row)].add(value(row), weights.map_or(1.0, |w| w[row]));
            }
            rest = later;
        }
        found
    }
}

/// A mean that grows row by row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    pub weight: f64,
    pub mean: f64,
}

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        if weight > 0.0 {
            self.weight += weight;
            self.mean += (value - self.mean) * (weight / self.weight);
        }
    }

    fn and(self, other: Self) -> Self {
        let mut both = self;
        both.add(other.mean, other.weight);
        both
    }

    /// The mean together with a prior of a weight; the prior alone where there is nothing else.
    pub fn smoothed(self, prior: f64, weight: f64) -> f64 {
        let mut both = Self { weight, mean: prior };
        both.add(self.mean, self.weight);
        if both.weight > 0.0 { both.mean } else { prior }
    }
}

/// Which other rows of its category a row is encoded by.
pub(crate) enum Others<'a> {
    /// All.
    All(&'a Order),
    /// Those before it in each of these orders.
    Before(&'a [Order]),
}

/// The training rows, each encoded by other rows of its category, and by the mean over all other rows as a prior of a weight.
/// `prior` replaces that mean.
pub(crate) fn encode_by_others<E: TargetValue>(
    encoder: &E,
    others: &Others<'_>,
    prior_weight: f64,
    prior: Option<&[f64]>,
    rows: &Rows<'_>,
) -> Result<Dataset<Train>> {
    let (train, target, classes, weights) = (rows.train, &rows.target, &rows.classes, rows.weights());
    let any = match others {
        Others::All(order) => *order,
        Others::Before(orders) => orders.first().ok_or_else(|| Error::too_few_rows(1, 0, E::NAME))?,
    };
    let back = any.reversed();
    let outputs = outputs(classes.len());
    // Added up from both sides rather than taken away from the sum, so that no rounding of a row's own target is left.
    let both_sides = |slots: &dyn Fn(usize) -> usize, n_slots: usize, output: usize| {
        let value = |row: usize| target.number(output, row);
        let (before, after) =
            (any.before(slots, n_slots, value, weights), back.before(slots, n_slots, value, weights));
        before.into_iter().zip(after).map(|(before, after)| before.and(after)).collect::<Vec<_>>()
    };
    let priors: Vec<Vec<f64>> = outputs
        .clone()
        .enumerate()
        .map(|(place, output)| match prior {
            Some(prior) => Ok(vec![prior[place]; train.n_rows()]),
            None => {
                let means = both_sides(&|_| 0, 1, output);
                match means.iter().any(|mean| mean.weight == 0.0) {
                    true => Err(too_few(E::NAME, 1)),
                    false => Ok(means.into_iter().map(|mean| mean.mean).collect()),
                }
            }
        })
        .collect::<Result<_>>()?;
    let missing_counts = encoder.options().missing == MissingTarget::Category;
    rows.replaced(|coded| {
        let missing = coded.distinct.len();
        let slots = |row: usize| (coded.codes[row] as usize).min(missing);
        let one = |(place, output): (usize, usize)| {
            let value = |row: usize| target.number(output, row);
            let mut values = vec![0.0; coded.len()];
            let mut add = |means: Vec<Mean>, share: f64| {
                for (row, (sum, mean)) in values.iter_mut().zip(means).enumerate() {
                    let counts = missing_counts || slots(row) < missing;
                    let mean = if counts { mean } else { Mean::default() };
                    *sum += mean.smoothed(priors[place][row], prior_weight) * share;
                }
            };
            match others {
                Others::All(_) => add(both_sides(&slots, missing + 1, output), 1.0),
                Others::Before(orders) => orders.iter().for_each(|order| {
                    add(order.before(slots, missing + 1, value, weights), 1.0 / orders.len() as f64);
                }),
            }
            values
        };
        outputs.clone().enumerate().map(one).collect()
    })
}
