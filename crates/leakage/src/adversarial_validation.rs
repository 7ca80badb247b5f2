//! Whether a classifier can tell test rows from training rows, and by which columns.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use mlsys_core::arrow::compute::{CastOptions, cast_with_options, concat, take};
use mlsys_core::arrow::datatypes::{Field, Schema};
use mlsys_core::{
    Category, Dataset, Error, ErrorKind, Fit, Fold, Partition, PredictProba, Result, Role, Train, column,
    first_error, hash, seed,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::columns::auc::Grouped;
use crate::{Finding, LeakKind, LeakageReport, Severity};

const NAME: &str = "AdversarialValidation";
/// From here on a difference is suspect: the 0.25 of 2·AUC − 1 from which deepchecks calls a split drifted.
const SUSPECT: f64 = 0.625;
/// At most this many columns are named.
const NAMED: usize = 5;

/// Trains a classifier to tell test rows from training rows: what it can tell, the parts differ in.
///
/// AUC = P(p(test row) > p(training row)) of out-of-fold probabilities p, pairs within a fold; drop of a column = AUC − AUC with the
/// column's values permuted among the held-out rows.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `classifier` | | any recipe whose fitted value is a [`PredictProba`] | what tells them apart |
/// | `folds` | 5 | 2 to 100 | models that are fitted |
/// | `seed` | 0 | | deals rows to folds by their ids, permutes values |
///
/// **Input**: two parts with the same features. The target, ids, weights, groups and times are left out: parts may differ in those by
/// design. What the classifier cannot take, such as missing values or text, a chain in front of it must prepare. **Output**: an
/// [`AdversarialReport`]: the AUC with its interval of 95% (DeLong), and the drop of each column with its standard error over folds, the
/// largest first. Its [`report`](AdversarialReport::report) has no finding while the interval reaches down to 0.5; else
/// [`Drift`](LeakKind::Drift): a note below an AUC of 0.625, and where all training rows are older than all test rows, for times change;
/// a suspect from there on. **Complexity**: one fit a fold and one prediction a fold and column, in parallel. **Errors**: fewer rows in
/// a part than folds; no feature; parts with other columns; the classifier's own.
///
/// ```
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use mlsys_core::{Artifact, Classes, Fit, Predict, PredictProba, Probabilities, Result, Train, column};
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_leakage::AdversarialValidation;
/// # // A stand-in for a model: the column is the probability.
/// # struct Score;
/// # struct Fitted(Classes);
/// # impl Artifact for Fitted {}
/// # impl Fit for Score {
/// #     type Fitted = Fitted;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Fitted> {
/// #         Ok(Fitted(Classes::new(train.labels("Score")?.distinct)?))
/// #     }
/// # }
/// # impl Predict for Fitted {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         Ok(self.0.take(self.predict_proba(batch)?.argmax()))
/// #     }
/// # }
/// # impl PredictProba for Fitted {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
/// #         Probabilities::binary(&column::floats("hour", column::find(batch, "hour")?)?)
/// #     }
/// # }
///
/// let hours = Arc::new(Float64Array::from_iter_values((0..200).map(|row| f64::from(row) / 200.0)));
/// let data = Dataset::new(RecordBatch::try_from_iter([("hour", hours as _)])?)?;
/// let (train, test): (Vec<usize>, Vec<usize>) = (0..200).partition(|&row| row < 140);
/// let (train, test) = data.split_at_rows(&train, &test)?;
/// // Every test row is later than every training row.
/// let report = AdversarialValidation::new(Score).run(&train, &test)?;
/// assert_eq!((report.auc, report.columns[0].name.as_str()), (1.0, "hour"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: a classifier that sees nothing proves nothing; a strong one sees that random parts hold other rows of one group. Columns
/// that say the same share the drop, and each alone may show none.
///
/// DeLong, DeLong and Clarke-Pearson, *Comparing the areas under two or more correlated receiver operating characteristic curves*, 1988,
/// equations 4 to 6, per fold; Breiman, *Random forests*, 2001, section 10, for permuted columns. **Instead**:
/// [`LeakageAudit`](crate::LeakageAudit) compares each column by itself, without a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "an audit does nothing until it is run"]
pub struct AdversarialValidation<C> {
    classifier: C,
    #[serde(default = "five")]
    folds: usize,
    #[serde(default)]
    seed: u64,
}

fn five() -> usize {
    5
}

/// How well a classifier tells test rows from training rows, and by which columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdversarialReport {
    /// The share of pairs of a test row and a training row in which the test row has the higher probability of being one.
    pub auc: f64,
    /// Its interval of 95%.
    pub interval: (f64, f64),
    /// What each column adds, the largest drop first.
    pub columns: Vec<AdversarialColumn>,
    /// Whether all training rows are older than all test rows.
    pub in_order_of_time: bool,
}

/// What a column adds to telling test rows from training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdversarialColumn {
    /// The column.
    pub name: String,
    /// How much the AUC falls when its values are permuted.
    pub drop: f64,
    /// The standard error of the drop over folds.
    pub standard_error: f64,
}

impl<C> AdversarialValidation<C> {
    /// By a classifier, in five folds.
    pub fn new(classifier: C) -> Self {
        Self { classifier, folds: 5, seed: seed::DEFAULT_SEED }
    }

    /// How many models are fitted, each on the rows of the other folds.
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// The seed by which rows are dealt to folds and values permuted.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl<C: Fit<Fitted: PredictProba + Sync> + Sync> AdversarialValidation<C> {
    /// How well the classifier tells the two parts apart.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run<P: Partition, Q: Partition>(
        &self,
        train: &Dataset<P>,
        test: &Dataset<Q>,
    ) -> Result<AdversarialReport> {
        if !(2..=100).contains(&self.folds) {
            return Err(Error::invalid_parameter(NAME, "folds", self.folds, "2 to 100"));
        }
        for rows in [train.n_rows(), test.n_rows()] {
            if rows < self.folds {
                let why = format!("a part in {NAME} with folds = {}", self.folds);
                return Err(Error::too_few_rows(self.folds, rows, why));
            }
        }
        let (both, names) = joined(train, test)?;
        let n_train = train.n_rows();
        let folds = self.deal(train.row_ids(), test.row_ids())?;
        let one = |(number, fold): (usize, &Fold)| -> Result<Judged> {
            let model = self.classifier.fit(&both.take(fold.train())?)?;
            // Without the answer.
            let held_out = both.take(fold.validation())?.select(&names)?;
            let yes: Vec<bool> = fold.validation().iter().map(|&row| row >= n_train).collect();
            let counts = |batch: &RecordBatch| counts(&model, batch, &yes);
            let whole = counts(held_out.batch())?;
            let permuted =
                names.par_iter().map(|name| counts(&self.permuted(held_out.batch(), name, number)?));
            let permuted = first_error(permuted.collect::<Vec<_>>())?;
            Ok(Judged { whole, permuted })
        };
        let judged: Vec<Judged> = first_error(folds.par_iter().enumerate().map(one).collect::<Vec<_>>())?;
        let (auc, deviation) = area(&judged);
        let mut columns: Vec<AdversarialColumn> =
            (0..).zip(names).map(|(c, name)| drop(&judged, c, name, auc)).collect();
        columns.sort_by(|a, b| b.drop.total_cmp(&a.drop).then_with(|| a.name.cmp(&b.name)));
        let margin = mlsys_stats::normal::quantile(0.975) * deviation;
        let interval = ((auc - margin).max(0.0), (auc + margin).min(1.0));
        Ok(AdversarialReport { auc, interval, columns, in_order_of_time: in_order(train, test)? })
    }

    /// The folds, each with its share of both parts, by the hash of row ids.
    fn deal(&self, train: Vec<u64>, test: Vec<u64>) -> Result<Vec<Fold>> {
        let deal = |ids: &[u64], from: usize| -> Vec<usize> {
            let mut hashed: Vec<(u64, usize)> =
                ids.iter().map(|&id| hash::hash_u64(id, self.seed)).zip(from..).collect();
            hashed.sort_unstable();
            hashed.into_iter().map(|(_, row)| row).collect()
        };
        let by_class = [deal(&train, 0), deal(&test, train.len())];
        Fold::each(&Fold::stratify(&by_class, self.folds), self.folds)
    }

    fn permuted(&self, batch: &RecordBatch, name: &str, fold: usize) -> Result<RecordBatch> {
        let place = batch.schema_ref().index_of(name)?;
        let mut rng = seed::named(hash::hash_u64(fold as u64, self.seed), name);
        let order = seed::permutation(batch.num_rows(), &mut rng);
        let order = UInt64Array::from_iter_values(order.into_iter().map(|row| row as u64));
        let mut columns = batch.columns().to_vec();
        if let Some(column) = columns.get_mut(place) {
            *column = take(column, &order, None)?;
        }
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }
}

/// What a fold's model gives for held-out rows: training rows and test rows by ascending probability.
struct Judged {
    whole: Counts,
    /// With each column permuted.
    permuted: Vec<Counts>,
}

type Counts = Vec<[u64; 2]>;

fn counts<M: PredictProba>(model: &M, batch: &RecordBatch, yes: &[bool]) -> Result<Counts> {
    let probabilities = model.predict_proba(batch)?;
    if probabilities.n_rows() != yes.len() {
        return Err(Error::shape("probabilities", yes.len(), probabilities.n_rows()));
    }
    let Some(class) = model.classes().index_of(&Category::Bool(true)) else {
        return Err(Error::shape("classes of the model", "both parts", "one of them"));
    };
    let mut scored: Vec<(u64, bool)> =
        probabilities.class(class)?.iter().map(|&p| column::order_key(p)).zip(yes.iter().copied()).collect();
    scored.sort_unstable();
    let tied = scored.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        let yes = tied.iter().filter(|(_, yes)| *yes).count();
        [(tied.len() - yes) as u64, yes as u64]
    });
    Ok(tied.collect())
}

/// The AUC over the pairs of all folds, and its standard deviation.
fn area(judged: &[Judged]) -> (f64, f64) {
    let mut grouped = Grouped::default();
    judged.iter().for_each(|fold| grouped.add(fold.whole.iter().copied()));
    let pairs = |fold: &Judged| {
        let [no, yes] = fold.whole.iter().fold([0, 0], |[a, b], [no, yes]| [a + no, b + yes]);
        no as f64 * yes as f64
    };
    let all: f64 = judged.iter().map(pairs).sum();
    let variance: f64 = judged.iter().map(|fold| (pairs(fold) / all).powi(2) * delong(&fold.whole)).sum();
    (grouped.value().unwrap_or(0.5), variance.sqrt())
}

/// The variance of an AUC: of the shares that each row has of the pairs it is in, per class.
fn delong(counts: &[[u64; 2]]) -> f64 {
    let [all_no, all_yes] = counts.iter().fold([0, 0], |[a, b], [no, yes]| [a + no, b + yes]);
    let (mut below_no, mut below_yes) = (0, 0);
    let (mut of_yes, mut of_no) = (Vec::new(), Vec::new());
    for &[no, yes] in counts {
        let above = all_yes - below_yes - yes;
        of_yes.push((yes as f64, (below_no as f64 + no as f64 / 2.0) / all_no as f64));
        of_no.push((no as f64, (above as f64 + yes as f64 / 2.0) / all_yes as f64));
        below_no += no;
        below_yes += yes;
    }
    let spread = |shares: &[(f64, f64)], n: u64| {
        // One row has no spread: the most there can be.
        if n < 2 {
            return 0.25;
        }
        let n = n as f64;
        let mean = shares.iter().map(|(w, x)| w * x).sum::<f64>() / n;
        shares.iter().map(|(w, x)| w * (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0) / n
    };
    spread(&of_yes, all_yes) + spread(&of_no, all_no)
}

fn drop(judged: &[Judged], column: usize, name: String, auc: f64) -> AdversarialColumn {
    let none = Vec::new();
    let of = |fold: &Judged| fold.permuted.get(column).unwrap_or(&none).clone();
    let value = |counts: &[&Counts]| {
        let mut grouped = Grouped::default();
        counts.iter().for_each(|counts| grouped.add(counts.iter().copied()));
        grouped.value().unwrap_or(0.5)
    };
    let permuted: Vec<Counts> = judged.iter().map(of).collect();
    let drops: Vec<f64> = judged
        .iter()
        .zip(&permuted)
        .map(|(fold, permuted)| value(&[&fold.whole]) - value(&[permuted]))
        .collect();
    let k = drops.len() as f64;
    let mean = drops.iter().sum::<f64>() / k;
    let variance = drops.iter().map(|drop| (drop - mean) * (drop - mean)).sum::<f64>() / (k - 1.0).max(1.0);
    let all: Vec<&Counts> = permuted.iter().collect();
    AdversarialColumn { name, drop: auc - value(&all), standard_error: (variance / k).sqrt() }
}

/// Both parts in one table with the part as the target, training rows first; and the features.
fn joined<P: Partition, Q: Partition>(
    train: &Dataset<P>,
    test: &Dataset<Q>,
) -> Result<(Dataset<Train>, Vec<String>)> {
    let features = train.features().into_iter().filter(|name| train.roles().of(name) == Role::Feature);
    // By name, so that the order of columns does not matter.
    let mut names: Vec<String> = features.map(str::to_owned).collect();
    names.sort_unstable();
    if names.is_empty() {
        let hint = "every column has another role or is ignored".into();
        return Err(ErrorKind::MissingRole { role: "feature", needed_by: NAME.into(), hint }.into());
    }
    let mut part = "part".to_owned();
    while names.contains(&part) {
        part.push('_');
    }
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for name in &names {
        let (own, other) = (train.column(name)?, test.column(name)?);
        if train.layout().kind(name)? != test.layout().kind(name)? {
            let expected = format!("{} as in the first part", own.data_type());
            return Err(Error::column_type(name, expected, other.data_type()));
        }
        // A value that the type of the training rows does not hold is an error, and no gap.
        let checked = CastOptions { safe: false, ..CastOptions::default() };
        let other = cast_with_options(other, own.data_type(), &checked)?;
        fields.push(Field::new(name, own.data_type().clone(), true));
        columns.push(concat(&[own.as_ref(), other.as_ref()])?);
    }
    let (n_train, n_test) = (train.n_rows(), test.n_rows());
    let parts: BooleanArray = (0..n_train + n_test).map(|row| Some(row >= n_train)).collect();
    fields.push(Field::new(&part, parts.data_type().clone(), false));
    columns.push(Arc::new(parts));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    Ok((Dataset::new(batch)?.target(&part)?.into_train_all(), names))
}

/// Whether all training rows are older than all test rows, by the time column if there is one.
fn in_order<P: Partition, Q: Partition>(train: &Dataset<P>, test: &Dataset<Q>) -> Result<bool> {
    let Ok(name) = train.layout().time(NAME) else { return Ok(false) };
    let Ok(other) = test.column(name) else { return Ok(false) };
    let own = column::instants_or_missing(name, train.column(name)?)?;
    let other = column::instants_or_missing(name, other)?;
    Ok(matches!((own.iter().flatten().max(), other.iter().flatten().min()), (Some(a), Some(b)) if a < b))
}

impl AdversarialReport {
    /// The same as findings.
    pub fn report(&self) -> LeakageReport {
        let mut report = LeakageReport::new();
        report.ran(LeakKind::Drift);
        let Self { auc, interval: (low, high), .. } = *self;
        if low <= 0.5 {
            return report;
        }
        let severity = match self.in_order_of_time || auc < SUSPECT {
            true => Severity::Note,
            false => Severity::Suspect,
        };
        let telling: Vec<&AdversarialColumn> = self
            .columns
            .iter()
            .filter(|column| column.drop > 2.0 * column.standard_error)
            .take(NAMED)
            .collect();
        let names: Vec<String> = telling.iter().map(|column| format!("`{}`", column.name)).collect();
        let by = if names.is_empty() { String::new() } else { format!(", most by {}", names.join(", ")) };
        let time = if self.in_order_of_time { "; test rows are the later ones" } else { "" };
        let message = format!(
            "a classifier tells test rows from training rows with an AUC of {auc:.3} ({low:.3} to {high:.3}){by}{time}"
        );
        let advice = match self.in_order_of_time {
            true => "see whether these columns will change as much again",
            false => "see how the rows were divided: parts of one table at random do not differ",
        };
        let mut finding = Finding::new(LeakKind::Drift, severity, message, advice)
            .number("auc", auc)
            .number("auc_low", low)
            .number("auc_high", high);
        for column in telling {
            finding = finding.column(&column.name).number(&format!("drop_{}", column.name), column.drop);
        }
        report.push(finding);
        report
    }
}

#[cfg(test)]
mod tests {
    use super::delong;

    #[test]
    fn the_variance_as_by_hand() {
        // Scores 1, 2, 2, 3 of no, no, yes, yes. Shares of pairs: 3/4 and 1 of the yes, 1 and 3/4 of the no; each pair of shares has
        // the variance 1/32, and each mean of two half of it.
        assert_eq!(delong(&[[1, 0], [1, 1], [0, 1]]), 1.0 / 32.0);
        assert_eq!(delong(&[[2, 0], [0, 2]]), 0.0);
    }
}
