//! Pairs of columns that tell together what neither should: a time of departure beside the schedule.

use mlsys_core::{Dataset, Partition, Result, column};
use rayon::prelude::*;

use super::auc::Grouped;
use super::encoded::{Encoded, take};
use super::questions::Question;
use super::strength::{LEAST_Z, LEAVES_LITTLE, Standing, auc_of_scores};
use crate::{Finding, LeakKind, Severity};

/// Rows of all pairs that are looked at.
const MOST_WORK: f64 = 1e9;
/// A column is cut into at most this many codes for a pair.
const CODES: usize = 192;
/// Numbers whose correlation is less have no difference that means anything.
const CORRELATED: f64 = 0.8;
/// Rows by which a difference is judged first, and the area from which on all are.
const SORTED_FIRST: usize = 16_384;
const WORTH_SORTING: f64 = 0.75;
/// Rows from which correlations are judged, evenly taken.
const CORRELATED_ROWS: usize = 4_096;
/// And into this many where each cell of a pair is looked at by itself.
const CELLS: usize = 32;
/// The area of a pair from which on it may be too strong, ..
const STRONG: f64 = 0.8;
/// .. and what it must add to the stronger of the two.
const ADDS: f64 = 0.1;

/// A column of few codes, the last for missing values.
struct Coarse {
    codes: Vec<u16>,
    n_codes: usize,
    ordered: bool,
}

impl Coarse {
    /// Neighbouring levels of an ordered column are joined, and rare ones of another.
    fn new(column: &Encoded, known: &[u32], most: usize) -> Self {
        let levels = take(&column.train, known);
        let mut counts = vec![0usize; column.levels.n_levels()];
        levels.iter().for_each(|&level| counts[level as usize] += 1);
        let missing = column.levels.missing() as usize;
        let ordered = column.levels.is_ordered();
        let values = column.levels.n_values();
        let mut code_of = vec![0u16; counts.len()];
        let n_values = if values < most {
            (0..values).for_each(|level| code_of[level] = level as u16);
            values
        } else if ordered {
            let rows: usize = counts[..values].iter().sum();
            let (mut before, mut last, mut n) = (0, usize::MAX, 0);
            for level in 0..values {
                let bin = before * (most - 1) / rows.max(1);
                if bin != last {
                    n += 1;
                    last = bin;
                }
                code_of[level] = n as u16 - 1;
                before += counts[level];
            }
            n
        } else {
            let mut order: Vec<usize> = (0..values).collect();
            order.sort_by_key(|&level| (std::cmp::Reverse(counts[level]), level));
            for (place, level) in order.into_iter().enumerate() {
                code_of[level] = place.min(most - 2) as u16;
            }
            most - 1
        };
        for code in &mut code_of[missing..] {
            *code = n_values as u16;
        }
        let codes = levels.iter().map(|&level| code_of[level as usize]).collect();
        Self { codes, n_codes: n_values + 1, ordered }
    }
}

/// How many codes suit this many rows: strata of some dozens of rows at least.
fn fitting(rows: usize) -> usize {
    (rows / 40).clamp(4, CODES)
}

/// What a pair tells: of each of the two in strata of the other, and both together, out of fold.
struct Told {
    first_given_second: Option<f64>,
    second_given_first: Option<f64>,
    together: Option<f64>,
}

/// Counts of a pair: `[second][first][fold][answer]`.
struct Table<'a> {
    counts: &'a [u32],
    first: &'a Coarse,
    second: &'a Coarse,
}

impl Table<'_> {
    fn cell(&self, fold: usize, first: usize, second: usize) -> [u64; 2] {
        let start = (second * self.first.n_codes + first) * 4 + fold * 2;
        [u64::from(self.counts[start]), u64::from(self.counts[start + 1])]
    }

    fn both_folds(&self, first: usize, second: usize) -> [u64; 2] {
        let (a, b) = (self.cell(0, first, second), self.cell(1, first, second));
        [a[0] + b[0], a[1] + b[1]]
    }

    /// Missing values have no place in an order: their code, the last, is left out.
    fn first_given_second(&self) -> Option<f64> {
        let mut grouped = Grouped::default();
        for second in 0..self.second.n_codes {
            grouped.add((0..self.first.n_codes - 1).map(|first| self.both_folds(first, second)));
        }
        grouped.value().filter(|_| self.first.ordered)
    }

    fn second_given_first(&self) -> Option<f64> {
        let mut grouped = Grouped::default();
        for first in 0..self.first.n_codes {
            grouped.add((0..self.second.n_codes - 1).map(|second| self.both_folds(first, second)));
        }
        grouped.value().filter(|_| self.second.ordered)
    }

    /// The area when each cell of a coarser grid says the rate that it has in the other fold.
    fn together(&self, rows: usize) -> Option<f64> {
        let most = (((rows / 20) as f64).sqrt() as usize).clamp(2, CELLS);
        let place = |code: usize, column: &Coarse| match column.n_codes {
            n if code + 1 == n => most.min(n - 1),
            n if column.ordered && n - 1 > most => code * most / (n - 1),
            _ => code.min(most - 1),
        };
        let mut cells = vec![[[0u64; 2]; 2]; (most + 1) * (most + 1)];
        for second in 0..self.second.n_codes {
            for first in 0..self.first.n_codes {
                let at = place(second, self.second) * (most + 1) + place(first, self.first);
                for (fold, sum) in cells[at].iter_mut().enumerate() {
                    let [no, yes] = self.cell(fold, first, second);
                    *sum = [sum[0] + no, sum[1] + yes];
                }
            }
        }
        let mut grouped = Grouped::default();
        for fold in 0..2 {
            let total = cells
                .iter()
                .fold([0, 0], |sum, cell| [sum[0] + cell[1 - fold][0], sum[1] + cell[1 - fold][1]]);
            let prior = total[1] as f64 / (total[0] + total[1]).max(1) as f64;
            let mut scored: Vec<(f64, [u64; 2])> = cells
                .iter()
                .filter(|cell| cell[fold] != [0, 0])
                .map(|cell| {
                    let [no, yes] = cell[1 - fold];
                    ((yes as f64 + 4.0 * prior) / ((no + yes) as f64 + 4.0), cell[fold])
                })
                .collect();
            scored.sort_by(|a, b| a.0.total_cmp(&b.0));
            let ties = scored.chunk_by(|a, b| a.0 == b.0);
            grouped
                .add(ties.map(|tie| tie.iter().fold([0, 0], |sum, (_, n)| [sum[0] + n[0], sum[1] + n[1]])));
        }
        grouped.value()
    }
}

/// `tags` hold the fold, of two, and the answer of each row.
fn told(first: &Coarse, second: &Coarse, tags: &[u8]) -> Told {
    let row = first.n_codes * 4;
    let mut counts = vec![0u32; row * second.n_codes];
    for ((&a, &b), &tag) in first.codes.iter().zip(&second.codes).zip(tags) {
        counts[usize::from(b) * row + usize::from(a) * 4 + usize::from(tag)] += 1;
    }
    let table = Table { counts: &counts, first, second };
    Told {
        first_given_second: table.first_given_second(),
        second_given_first: table.second_given_first(),
        together: table.together(tags.len()),
    }
}

/// The values of a column of numbers or times, about their mean, for their differences: a time in seconds has more digits than a single
/// float holds.
fn numbers<P: Partition>(data: &Dataset<P>, name: &str, known: &[u32]) -> Result<Option<Vec<f32>>> {
    let kind = data.layout().kind(name)?;
    let values: Vec<f64> = if kind.is_number() {
        column::floats(name, data.column(name)?.as_ref())?.to_vec()
    } else if kind.is_temporal() {
        // Times that are out of range have no difference.
        let Ok(times) = column::instants_or_missing(name, data.column(name)?.as_ref()) else {
            return Ok(None);
        };
        times.iter().map(|time| time.map_or(f64::NAN, |time| time as f64)).collect()
    } else {
        return Ok(None);
    };
    let values = take(&values, known);
    let finite = || values.iter().filter(|x| x.is_finite());
    let n = finite().count().max(1) as f64;
    let mean = finite().map(|x| x / n).sum::<f64>();
    Ok(Some(values.iter().map(|x| (x - mean) as f32).collect()))
}

/// The slope of b on a and their correlation, by rows evenly taken in which both are finite.
fn line(a: &[f32], b: &[f32]) -> Option<(f64, f64)> {
    let step = a.len().div_ceil(CORRELATED_ROWS).max(1);
    let rows: Vec<[f64; 2]> = a
        .iter()
        .zip(b)
        .step_by(step)
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .map(|(&a, &b)| [f64::from(a), f64::from(b)])
        .collect();
    let n = rows.len() as f64;
    let mean = rows.iter().fold([0.0, 0.0], |[x, y], [a, b]| [x + a / n, y + b / n]);
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for [a, b] in rows {
        let (a, b) = (a - mean[0], b - mean[1]);
        aa += a * a;
        ab += a * b;
        bb += b * b;
    }
    (aa > 0.0 && bb > 0.0).then(|| (ab / aa, ab / (aa * bb).sqrt()))
}

/// How much the difference of two numbers that go together tells: the plain one, and from the line of one on the other.
fn difference(a: &[f32], b: &[f32], question: &Question, folds: &[u8]) -> Option<f64> {
    let (slope, correlation) = line(a, b)?;
    if correlation.abs() < CORRELATED {
        return None;
    }
    let told = |slope: f32, step: usize| {
        let (mut scores, mut yes, mut own_folds) = (Vec::new(), Vec::new(), Vec::new());
        for row in (0..a.len()).step_by(step) {
            // A row without a difference says nothing.
            let apart = b[row] - slope * a[row];
            if apart.is_finite() {
                scores.push(apart);
                yes.push(question.yes[row]);
                own_folds.push(folds[row]);
            }
        }
        auc_of_scores(&scores, &yes, &own_folds).map(|auc| auc.max(1.0 - auc))
    };
    // Some rows say whether all are worth being sorted.
    let step = a.len().div_ceil(SORTED_FIRST).max(1);
    let told = |slope: f32| {
        told(slope, step).filter(|auc| step == 1 || *auc < WORTH_SORTING).or_else(|| told(slope, 1))
    };
    let along = told(slope as f32)?;
    Some(if (0.5..=2.0).contains(&slope) { along.max(told(1.0)?) } else { along })
}

struct Found {
    columns: [usize; 2],
    strength: f64,
    together: f64,
    apart: f64,
    given: Option<f64>,
}

/// The columns that are paired, ascending: those that are not too strong already, of many the strongest.
fn free(standing: &Standing, rows: usize) -> Vec<usize> {
    let own = &standing.own;
    let mut free: Vec<usize> = (0..own.len()).filter(|&at| !standing.flagged[at]).collect();
    free.sort_by(|&a, &b| own[b].total_cmp(&own[a]).then(a.cmp(&b)));
    let most = (2.0 * MOST_WORK / rows.max(1) as f64).sqrt() as usize;
    free.truncate(most.clamp(10, 1_000));
    free.sort_unstable();
    free
}

/// Pairs of columns that tell far more together than each alone, and than all columns together should. Each column is blamed once, with the
/// partner that shows it best: of a pair the one that tells more alone.
pub(crate) fn for_question<P: Partition>(
    data: &Dataset<P>,
    encoded: &[Encoded],
    known: &[u32],
    (question, standing): (&Question, &Standing),
    folds: &[u8],
) -> Result<Vec<Finding>> {
    let tags: Vec<u8> =
        folds.iter().zip(&question.yes).map(|(&fold, &yes)| fold % 2 * 2 + yes as u8).collect();
    let most = fitting(known.len());
    let free = free(standing, known.len());
    let coarse: Vec<Coarse> = free.par_iter().map(|&at| Coarse::new(&encoded[at], known, most)).collect();
    let values: Vec<Result<Option<Vec<f32>>>> =
        free.par_iter().map(|&at| numbers(data, &encoded[at].name, known)).collect();
    let values: Vec<Option<Vec<f32>>> = values.into_iter().collect::<Result<_>>()?;
    let pairs: Vec<(usize, usize)> =
        (0..free.len()).flat_map(|a| (a + 1..free.len()).map(move |b| (a, b))).collect();
    let judged = pairs.par_iter().filter_map(|&(a, b)| {
        let (i, j) = (free[a], free[b]);
        let told = told(&coarse[a], &coarse[b], &tags);
        let side = |x: Option<f64>| x.map_or(0.5, |x| x.max(1.0 - x));
        let (first, second) = (side(told.first_given_second), side(told.second_given_first));
        let together = told.together.unwrap_or(0.5);
        let apart = match (&values[a], &values[b]) {
            (Some(a), Some(b)) => difference(a, b, question, folds).unwrap_or(0.5),
            _ => 0.5,
        };
        let strength = first.max(second).max(together).max(apart);
        let alone = standing.own[i].max(standing.own[j]);
        let too_strong = strength >= STRONG
            && strength - alone >= ADDS
            && 1.0 - strength <= LEAVES_LITTLE * (1.0 - standing.together)
            && question.z(strength) >= LEAST_Z;
        // The guilty one first.
        let columns = if standing.own[j] > standing.own[i] { [j, i] } else { [i, j] };
        let given = if columns == [i, j] { told.first_given_second } else { told.second_given_first };
        too_strong.then_some(Found { columns, strength, together, apart, given })
    });
    let mut found: Vec<Found> = judged.collect();
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.columns.cmp(&b.columns)));
    let (mut blamed, mut findings) = (Vec::new(), Vec::new());
    for Found { columns: [guilty, other], strength, together, apart, given } in found {
        if blamed.contains(&guilty) || blamed.contains(&other) {
            continue;
        }
        blamed.push(guilty);
        let (name, beside) = (&encoded[guilty].name, &encoded[other].name);
        let message = format!(
            "`{name}` beside `{beside}` tells of `{}` what neither should: AUC {strength:.3}, alone {:.3} and {:.3}, all columns {:.3}",
            question.text, standing.own[guilty], standing.own[other], standing.together
        );
        let advice = format!(
            "ask when `{name}` is known: a time, count or amount noted after the answer gives it away against the one planned before"
        );
        let finding = Finding::new(LeakKind::TellsTogether, Severity::Suspect, message, advice);
        findings.push(
            finding
                .column(name)
                .column(beside)
                .number("auc", strength)
                .number("auc_of_cells", together)
                .number("auc_of_difference", apart)
                .number("auc_given_other", given.unwrap_or(f64::NAN))
                .number("auc_alone", standing.own[guilty])
                .number("all_together", standing.together),
        );
    }
    Ok(findings)
}
