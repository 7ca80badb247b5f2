//! How much a column of levels tells of a target, judged on rows that it was not learned from.
//!
//! Rows are in folds. What a level says of a fold's rows is learned from the other folds, so that a column of names, one a row, says
//! nothing. Nothing is drawn: equal rows and folds give equal bits.

use std::cmp::Ordering;

use mlsys_core::ndarray::Array2;
use mlsys_core::{Error, Result};
use mlsys_stats::association::{information_value, mutual_information};

use super::auc::Grouped;

/// Rows of the prior that a level's rate starts from.
const PRIOR_ROWS: f64 = 10.0;
/// More folds are a mistake.
const MOST_FOLDS: usize = 64;

/// Rows of each fold, level and class.
#[derive(Debug, Clone)]
pub(crate) struct ClassCounts {
    counts: Vec<u32>,
    n_folds: usize,
    n_levels: usize,
    n_classes: usize,
}

impl ClassCounts {
    /// Counts rows; all codes must be below their numbers.
    pub(crate) fn new(
        levels: &[u32],
        n_levels: usize,
        classes: &[u32],
        n_classes: usize,
        folds: &[u8],
        n_folds: usize,
    ) -> Self {
        let mut counts = vec![0; n_folds * n_levels * n_classes];
        for ((&level, &class), &fold) in levels.iter().zip(classes).zip(folds) {
            counts[(usize::from(fold) * n_levels + level as usize) * n_classes + class as usize] += 1;
        }
        Self { counts, n_folds, n_levels, n_classes }
    }

    fn cell(&self, fold: usize, level: usize) -> &[u32] {
        let start = (fold * self.n_levels + level) * self.n_classes;
        &self.counts[start..start + self.n_classes]
    }

    /// The rows of a level in all folds, by class.
    fn of_level(&self, level: usize) -> Vec<u32> {
        let mut sum = vec![0; self.n_classes];
        (0..self.n_folds)
            .for_each(|fold| sum.iter_mut().zip(self.cell(fold, level)).for_each(|(sum, n)| *sum += n));
        sum
    }

    /// Rows of each class.
    pub(crate) fn classes(&self) -> Vec<u64> {
        let mut sum = vec![0; self.n_classes];
        for cell in self.counts.chunks_exact(self.n_classes.max(1)) {
            sum.iter_mut().zip(cell).for_each(|(sum, &n)| *sum += u64::from(n));
        }
        sum
    }

    /// The rate of a class that each level has for the rows of a fold, by the rows of the others; with `None` by all rows.
    pub(crate) fn rates(&self, class: usize, without: Option<usize>) -> Vec<f64> {
        let mut of_level = vec![[0u64; 2]; self.n_levels];
        for fold in (0..self.n_folds).filter(|fold| Some(*fold) != without) {
            for (level, sum) in of_level.iter_mut().enumerate() {
                let cell = self.cell(fold, level);
                sum[0] += cell.iter().map(|&n| u64::from(n)).sum::<u64>();
                sum[1] += u64::from(cell[class]);
            }
        }
        let (rows, yes) = of_level.iter().fold((0, 0), |(rows, yes), sum| (rows + sum[0], yes + sum[1]));
        // (yes + 10 p) / (rows + 10) with p = all yes / all rows, as one fraction of whole numbers: equal rates are equal doubles, and ties.
        let (all_yes, all_rows) = (yes as f64, rows.max(1) as f64);
        of_level
            .iter()
            .map(|[rows, yes]| {
                (*yes as f64 * all_rows + PRIOR_ROWS * all_yes) / ((*rows as f64 + PRIOR_ROWS) * all_rows)
            })
            .collect()
    }

    /// The rows of a level in a fold that are not of a class, and those that are.
    fn split(&self, fold: usize, level: usize, class: usize) -> [u64; 2] {
        let cell = self.cell(fold, level);
        let yes = u64::from(cell[class]);
        [cell.iter().map(|&n| u64::from(n)).sum::<u64>() - yes, yes]
    }

    /// The area under the curve of a class against all others, out of fold.
    pub(crate) fn auc(&self, class: usize) -> Option<f64> {
        let mut grouped = Grouped::default();
        for fold in 0..self.n_folds {
            add_by_score(&mut grouped, &self.rates(class, Some(fold)), |level| {
                self.split(fold, level, class)
            });
        }
        grouped.value()
    }

    /// The area of a class on other rows, counted in one fold, by what these rows say of each level.
    pub(crate) fn auc_on(&self, class: usize, others: &Self) -> Option<f64> {
        let mut grouped = Grouped::default();
        let rates = self.rates(class, None);
        for fold in 0..others.n_folds {
            add_by_score(&mut grouped, &rates, |level| others.split(fold, level, class));
        }
        grouped.value()
    }

    /// The area of the single class that counts of two; of more, the mean by their shares.
    pub(crate) fn mean_auc(&self, of: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        if self.n_classes == 2 {
            return of(1);
        }
        let sizes = self.classes();
        let rows: u64 = sizes.iter().sum();
        let each = (0..self.n_classes).filter(|&class| sizes[class] > 0 && sizes[class] < rows);
        let (mut sum, mut weight) = (0.0, 0.0);
        for class in each {
            sum += of(class)? * sizes[class] as f64;
            weight += sizes[class] as f64;
        }
        (weight > 0.0).then(|| sum / weight)
    }

    /// How often each class was said (rows) of each class (columns), by the most frequent class of a level in the other folds.
    fn confusion(&self) -> Vec<Vec<u64>> {
        let mut confusion = vec![vec![0u64; self.n_classes]; self.n_classes];
        let most = |counts: &[u64]| (0..counts.len()).rev().max_by_key(|&class| counts[class]).unwrap_or(0);
        for fold in 0..self.n_folds {
            let mut by_level = vec![vec![0u64; self.n_classes]; self.n_levels];
            let mut all = vec![0u64; self.n_classes];
            for other in (0..self.n_folds).filter(|other| *other != fold) {
                for (level, sum) in by_level.iter_mut().enumerate() {
                    for (class, &n) in self.cell(other, level).iter().enumerate() {
                        sum[class] += u64::from(n);
                        all[class] += u64::from(n);
                    }
                }
            }
            let usual = most(&all);
            for (level, counts) in by_level.iter().enumerate() {
                let said = if counts.iter().all(|&n| n == 0) { usual } else { most(counts) };
                for (class, &n) in self.cell(fold, level).iter().enumerate() {
                    confusion[said][class] += u64::from(n);
                }
            }
        }
        confusion
    }

    /// The predictive power score, and which share of the errors of the most frequent class are left.
    pub(crate) fn score(&self) -> (f64, f64) {
        let sizes = self.classes();
        let rows: u64 = sizes.iter().sum();
        let usual = (0..sizes.len()).rev().max_by_key(|&class| sizes[class]).unwrap_or(0);
        let confusion = self.confusion();
        let mut base = vec![vec![0u64; self.n_classes]; self.n_classes];
        if let Some(all) = base.get_mut(usual) {
            all.clone_from(&sizes);
        }
        let (model, base) = (weighted_f1(&confusion, &sizes), weighted_f1(&base, &sizes));
        let score = if base < 1.0 { ((model - base) / (1.0 - base)).max(0.0) } else { 0.0 };
        let right: u64 = (0..self.n_classes).map(|class| confusion[class][class]).sum();
        let least = rows - sizes.get(usual).copied().unwrap_or(0);
        let left = if least > 0 { (rows - right) as f64 / least as f64 } else { 1.0 };
        (score, left)
    }

    /// The table of levels and classes, over all folds; levels without rows are left out.
    fn table(&self) -> Array2<f64> {
        let filled: Vec<Vec<u32>> = (0..self.n_levels)
            .map(|level| self.of_level(level))
            .filter(|counts| counts.iter().any(|&n| n > 0))
            .collect();
        Array2::from_shape_fn((filled.len(), self.n_classes), |(level, class)| {
            f64::from(filled[level][class])
        })
    }

    /// The mutual information in nats.
    pub(crate) fn mutual_information(&self) -> Result<f64> {
        mutual_information(self.table().view())
    }

    /// The information value of two classes, of which both occur.
    pub(crate) fn information_value(&self) -> Option<f64> {
        if self.n_classes != 2 {
            return None;
        }
        information_value(self.table().view(), 0.5).ok().map(|found| found.value)
    }
}

/// Adds the rows of each level in ascending order of its score; equal scores are ties.
fn add_by_score(grouped: &mut Grouped, scores: &[f64], split: impl Fn(usize) -> [u64; 2]) {
    let mut present: Vec<(f64, [u64; 2])> =
        scores.iter().enumerate().map(|(level, &score)| (score, split(level))).collect();
    present.retain(|(_, [no, yes])| no + yes > 0);
    present.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ties = present.chunk_by(|a, b| a.0.total_cmp(&b.0) == Ordering::Equal);
    grouped
        .add(ties.map(|tie| tie.iter().fold([0, 0], |[no, yes], (_, more)| [no + more[0], yes + more[1]])));
}

/// The F1 of each class by its share of the rows; a class never said and never there counts 0.
fn weighted_f1(confusion: &[Vec<u64>], sizes: &[u64]) -> f64 {
    let rows: u64 = sizes.iter().sum();
    let mut sum = 0.0;
    for (class, &size) in sizes.iter().enumerate() {
        let right = confusion[class][class];
        let said: u64 = confusion[class].iter().sum();
        if said + size > 0 {
            sum += size as f64 * (2 * right) as f64 / (said + size) as f64;
        }
    }
    if rows > 0 { sum / rows as f64 } else { 0.0 }
}

/// Sums of a number by fold and level.
#[derive(Debug, Clone)]
pub(crate) struct NumberSums {
    sums: Vec<(u64, f64)>,
    n_folds: usize,
    n_levels: usize,
}

impl NumberSums {
    pub(crate) fn new(levels: &[u32], n_levels: usize, values: &[f64], folds: &[u8], n_folds: usize) -> Self {
        let mut sums = vec![(0, 0.0); n_folds * n_levels];
        for ((&level, &value), &fold) in levels.iter().zip(values).zip(folds) {
            let (rows, sum) = &mut sums[usize::from(fold) * n_levels + level as usize];
            *rows += 1;
            *sum += value;
        }
        Self { sums, n_folds, n_levels }
    }

    /// What each level says of the rows of a fold, by the rows of the others (with `None`, of all); and their mean.
    pub(crate) fn means(&self, without: Option<usize>) -> (Vec<f64>, f64) {
        let mut of_level = vec![(0u64, 0.0); self.n_levels];
        for fold in (0..self.n_folds).filter(|fold| Some(*fold) != without) {
            let own = &self.sums[fold * self.n_levels..(fold + 1) * self.n_levels];
            of_level.iter_mut().zip(own).for_each(|(sum, own)| *sum = (sum.0 + own.0, sum.1 + own.1));
        }
        let (rows, sum) = of_level.iter().fold((0, 0.0), |all, own| (all.0 + own.0, all.1 + own.1));
        let prior = if rows > 0 { sum / rows as f64 } else { 0.0 };
        let mean = |(rows, sum): &(u64, f64)| (sum + PRIOR_ROWS * prior) / (*rows as f64 + PRIOR_ROWS);
        (of_level.iter().map(mean).collect(), prior)
    }

    /// The share of the squares about the mean that levels explain, out of fold; below 0 where they do harm.
    pub(crate) fn r2(&self, levels: &[u32], values: &[f64], folds: &[u8]) -> Option<f64> {
        let said: Vec<(Vec<f64>, f64)> = (0..self.n_folds).map(|fold| self.means(Some(fold))).collect();
        let (mut left, mut all) = (0.0, 0.0);
        for ((&level, &value), &fold) in levels.iter().zip(values).zip(folds) {
            let (means, prior) = &said[usize::from(fold)];
            left += (value - means[level as usize]).powi(2);
            all += (value - prior).powi(2);
        }
        // Squares of huge numbers are infinite, and say nothing.
        (all > 0.0).then(|| 1.0 - left / all).filter(|r2| r2.is_finite())
    }
}

/// The predictive power score of a number: medians of levels out of fold, against the median of all.
fn score_of_numbers(levels: &[u32], values: &[f64], folds: &[u8], n_folds: usize) -> f64 {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    let of = |row: u32| (levels[row as usize], values[row as usize]);
    order.sort_unstable_by(|&a, &b| {
        let ((la, va), (lb, vb)) = (of(a), of(b));
        la.cmp(&lb).then(va.total_cmp(&vb)).then(a.cmp(&b))
    });
    let mut ascending: Vec<u32> = (0..values.len() as u32).collect();
    ascending.sort_unstable_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
    let median = |rows: &[u32], without: Option<usize>| {
        let kept: Vec<f64> = rows
            .iter()
            .filter(|&&row| Some(usize::from(folds[row as usize])) != without)
            .map(|&row| values[row as usize])
            .collect();
        let middle = kept.len() / 2;
        match kept.len() {
            0 => None,
            n if n % 2 == 1 => Some(kept[middle]),
            _ => Some((kept[middle - 1] + kept[middle]) / 2.0),
        }
    };
    let usual: Vec<f64> =
        (0..n_folds).map(|fold| median(&ascending, Some(fold)).unwrap_or_default()).collect();
    let (mut left, mut all) = (0.0, 0.0);
    let overall = median(&ascending, None).unwrap_or_default();
    for run in order.chunk_by(|&a, &b| levels[a as usize] == levels[b as usize]) {
        let said: Vec<f64> =
            (0..n_folds).map(|fold| median(run, Some(fold)).unwrap_or(usual[fold])).collect();
        for &row in run {
            left += (values[row as usize] - said[usize::from(folds[row as usize])]).abs();
            all += (values[row as usize] - overall).abs();
        }
    }
    if all > 0.0 { (1.0 - left / all).max(0.0) } else { 0.0 }
}

/// Lengths agree, folds are few; gives how many levels and folds there are.
fn check(levels: &[u32], others: usize, folds: &[u8]) -> Result<(usize, usize)> {
    if others != levels.len() || folds.len() != levels.len() {
        let found = format!("{others} targets and {} folds", folds.len());
        return Err(Error::shape("levels", format!("{} targets and folds", levels.len()), found));
    }
    if levels.is_empty() {
        return Err(Error::too_few_rows(2, 0, "the power of a column"));
    }
    let n_folds = folds.iter().copied().max().map_or(0, |fold| usize::from(fold) + 1);
    if !(2..=MOST_FOLDS).contains(&n_folds) {
        return Err(Error::invalid_parameter("the power of a column", "folds", n_folds, "2 to 64 folds"));
    }
    Ok((levels_of("levels", levels)?, n_folds))
}

fn levels_of(what: &str, codes: &[u32]) -> Result<usize> {
    let n = codes.iter().copied().max().map_or(0, |code| code as usize + 1);
    // Codes that are far more than the rows are not codes.
    if n > 4 * codes.len() + 1024 {
        return Err(Error::invalid_value(what, None, n - 1, "codes from 0 on, without large gaps"));
    }
    Ok(n)
}

/// The area under the ROC curve of a column of levels for a yes or no, out of fold.
///
/// ```text
/// score(row) = (yes of its level in other folds + 10 p) / (rows of its level in other folds + 10)
/// ```
/// where p is the share of yes in the other folds. Pairs of rows are compared within a fold; ties count half. Levels need no order.
/// A column of names has 0.5; a level for missing values is a level as any other.
///
/// **Input**: a code per row, from 0 on; a fold per row, 2 to 64. **Complexity**: O(n + folds · levels log levels).
/// **Errors**: [`Shape`](mlsys_core::ErrorKind::Shape), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for folds,
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass) where no fold has both classes.
///
/// ```
/// use mlsys_leakage::power::out_of_fold_auc;
///
/// let late: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
/// let told: Vec<u32> = late.iter().map(|&late| u32::from(late)).collect();
/// let names: Vec<u32> = (0..40).collect();
/// let folds: Vec<u8> = (0..40).map(|row| row / 2 % 4).collect();
/// assert_eq!(out_of_fold_auc(&told, &late, &folds)?, 1.0);
/// assert_eq!(out_of_fold_auc(&names, &late, &folds)?, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// See above.
pub fn out_of_fold_auc(levels: &[u32], yes: &[bool], folds: &[u8]) -> Result<f64> {
    let (n_levels, n_folds) = check(levels, yes.len(), folds)?;
    let classes: Vec<u32> = yes.iter().map(|&yes| u32::from(yes)).collect();
    let counts = ClassCounts::new(levels, n_levels, &classes, 2, folds, n_folds);
    counts.auc(1).ok_or_else(|| single("yes", &format!("{}", yes[0])))
}

fn single(column: &str, class: &str) -> Error {
    mlsys_core::ErrorKind::SingleClass { column: column.into(), class: class.into() }.into()
}

/// The predictive power score of a column of levels for classes: what the most frequent class of a level, out of fold, adds to the
/// weighted F1 of always saying the most frequent class of all.
///
/// ```text
/// PPS = max(0, (F1 − F1₀) / (1 − F1₀))
/// ```
/// F1 is over all rows, by class shares; ties go to the lowest class; a level that other folds do not have says their most frequent
/// class. Between 0 and 1. The original's tree is here a level each, its random folds are those given, and its baseline has no
/// random part, so that the score is the same each time.
///
/// **Errors**: as [`out_of_fold_auc`]. **Misleads** on rare classes, where it is often 0 for a column that tells much: see
/// [`out_of_fold_auc`].
///
/// Florian Wetschoreck, *RIP correlation. Introducing the predictive power score*, 2020.
///
/// # Errors
///
/// See above.
pub fn predictive_power_score(levels: &[u32], classes: &[u32], folds: &[u8]) -> Result<f64> {
    let (n_levels, n_folds) = check(levels, classes.len(), folds)?;
    let n_classes = levels_of("classes", classes)?;
    Ok(ClassCounts::new(levels, n_levels, classes, n_classes, folds, n_folds).score().0)
}

/// The predictive power score of a column of levels for numbers: by how much the median of a level, out of fold, lowers the mean
/// absolute error of the median of all; 0 at least.
///
/// # Errors
///
/// As [`out_of_fold_auc`]; [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
pub fn predictive_power_score_of_numbers(levels: &[u32], values: &[f64], folds: &[u8]) -> Result<f64> {
    let (_, n_folds) = check(levels, values.len(), folds)?;
    finite(values)?;
    Ok(score_of_numbers(levels, values, folds, n_folds))
}

fn finite(values: &[f64]) -> Result<()> {
    match values.iter().position(|x| !x.is_finite()) {
        Some(row) => {
            Err(mlsys_core::ErrorKind::NonFinite { column: "values".into(), row, value: values[row] }.into())
        }
        None => Ok(()),
    }
}

/// The share of a number's squares that a column of levels explains, out of fold: 1 − Σ(y − level's mean)² / Σ(y − mean)², means of
/// the other folds, a level's drawn to theirs by 10 rows. Below 0 where levels say less than nothing.
///
/// # Errors
///
/// As [`predictive_power_score_of_numbers`]; [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a constant.
pub fn out_of_fold_r2(levels: &[u32], values: &[f64], folds: &[u8]) -> Result<f64> {
    let (n_levels, n_folds) = check(levels, values.len(), folds)?;
    finite(values)?;
    let sums = NumberSums::new(levels, n_levels, values, folds, n_folds);
    sums.r2(levels, values, folds).ok_or_else(|| {
        let expected = "at least two different ones, whose squares are finite";
        Error::invalid_value("values", None, "one value only, or huge ones", expected)
    })
}

/// The area under the ROC curve of an ordered column within strata: of all pairs of a yes and a no of one stratum, the share in
/// which yes is higher; ties count half. What a column adds once the strata are known; nothing is learned, so that no folds are needed.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape); [`SingleClass`](mlsys_core::ErrorKind::SingleClass) where no stratum has both classes.
///
/// ```
/// use mlsys_leakage::power::stratified_auc;
///
/// // Left ten minutes after the schedule, at nine and at noon: each time says nothing without the schedule.
/// let left = [900, 910, 1200, 1210];
/// assert_eq!(stratified_auc(&left, &[9, 9, 12, 12], &[false, true, false, true])?, 1.0);
/// assert_eq!(stratified_auc(&left, &[0; 4], &[false, true, false, true])?, 0.75);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn stratified_auc(scores: &[u32], strata: &[u32], yes: &[bool]) -> Result<f64> {
    if scores.len() != strata.len() || scores.len() != yes.len() {
        let found = format!("{} strata and {} answers", strata.len(), yes.len());
        return Err(Error::shape("scores", format!("{} strata and answers", scores.len()), found));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by_key(|&row| (strata[row], scores[row]));
    let mut grouped = Grouped::default();
    for stratum in order.chunk_by(|&a, &b| strata[a] == strata[b]) {
        let ties = stratum.chunk_by(|&a, &b| scores[a] == scores[b]);
        grouped.add(ties.map(|tie| {
            let above = tie.iter().filter(|&&row| yes[row]).count();
            [(tie.len() - above) as u64, above as u64]
        }));
    }
    grouped.value().ok_or_else(|| single("yes", &yes.first().map_or("none".into(), bool::to_string)))
}
