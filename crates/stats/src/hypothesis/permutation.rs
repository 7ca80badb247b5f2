//! Permutation tests of any statistic.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::{Error, Result, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::input::{enough, pairs, present};
use super::{Alternative, PValueFrom, TestReport};

/// Arrangements counted at most when all are enumerated: as many as a run may have at random.
const MOST: usize = 10_000_000;

/// A seeded permutation test of any statistic of two samples.
///
/// ```text
/// p = (b + 1) / (m + 1)
/// ```
/// with the number `b` of the `m` random arrangements whose statistic is at least as extreme as the one observed.
/// The one observed counts as an arrangement, so that `p` is never 0. When there are at most `m` arrangements, all
/// are counted, and the p-value is exact. Two-sided: twice the smaller of the one-sided p-values.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `permutations` | 9,999 | 1 to 10,000,000 | random arrangements; up to so many, all are counted instead |
/// | `alternative` | two-sided | | `Greater` when large statistics count against the null hypothesis |
/// | `seed` | 0 | any | arrangement *i* has the stream *i* of it: the result does not depend on threads |
///
/// [`permutation_two_sample`] and [`permutation_paired`] run it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Permutation {
    permutations: usize,
    alternative: Alternative,
    seed: u64,
}

impl Default for Permutation {
    fn default() -> Self {
        Self { permutations: 9_999, alternative: Alternative::TwoSided, seed: seed::DEFAULT_SEED }
    }
}

impl Permutation {
    /// 9,999 arrangements, two-sided.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many random arrangements.
    pub fn permutations(mut self, permutations: usize) -> Self {
        self.permutations = permutations;
        self
    }

    /// What counts against the null hypothesis.
    pub fn alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = alternative;
        self
    }

    /// The seed of the arrangements.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn run<S: Clone + Send + Sync>(
        &self,
        name: &'static str,
        start: S,
        all: Option<usize>,
        nth: impl Fn(&mut S, usize) + Sync,
        random: impl Fn(&mut S, &mut ChaCha8Rng) + Sync,
        statistic: impl Fn(&S) -> Option<f64> + Sync,
    ) -> Result<TestReport> {
        if !(1..=MOST).contains(&self.permutations) {
            return Err(Error::invalid_parameter(
                name,
                "permutations",
                self.permutations,
                "from 1 to 10000000",
            ));
        }
        let Some(observed) = statistic(&start) else {
            return Err(Error::unsupported(format!(
                "{name}: the statistic is undefined for the samples given"
            )));
        };
        let all = all.filter(|&count| count <= self.permutations);
        let runs = all.unwrap_or(self.permutations);
        // Equal statistics differ by rounding; the margin is scipy's.
        let margin = observed.abs() * 100.0 * f64::EPSILON;
        let each = |state: &mut S, i: usize| {
            if all.is_some() {
                nth(state, i);
            } else {
                state.clone_from(&start);
                random(state, &mut seed::stream(self.seed, i as u64));
            }
            let found = statistic(state)?;
            Some([u64::from(found <= observed + margin), u64::from(found >= observed - margin), 1])
        };
        let add = |a: [u64; 3], b: [u64; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let counts = (0..runs)
            .into_par_iter()
            .with_min_len(16)
            .map_init(|| start.clone(), |state, i| each(state, i).unwrap_or_default())
            .reduce(|| [0; 3], add);
        let [less, greater, defined] = counts;
        if defined < runs as u64 {
            let undefined = runs as u64 - defined;
            return Err(Error::unsupported(format!(
                "{name}: the statistic is undefined in {undefined} of {runs} arrangements; give it a value there"
            )));
        }
        let share = |count: u64| match all {
            Some(_) => count as f64 / runs as f64,
            None => (count + 1) as f64 / (runs + 1) as f64,
        };
        let p = match self.alternative {
            Alternative::Less => share(less),
            Alternative::Greater => share(greater),
            Alternative::TwoSided => 2.0 * share(less.min(greater)),
        };
        let from = if all.is_some() { PValueFrom::Exact } else { PValueFrom::Permutations(runs) };
        Ok(TestReport::new(name, "statistic", observed).p(p, from).alternative(self.alternative))
    }
}

/// The permutation test that rows of two independent samples are exchangeable.
///
/// * `statistic`: of two samples of the sizes given; `None` (or a value that is not finite) where it is undefined.
/// * `options`: see [`Permutation`].
///
/// Missing values are left out and counted; infinities reach the statistic. Time: arrangements times the statistic,
/// in parallel; one copy of the rows per thread.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when a sample has no values;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter);
/// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) when the statistic is undefined for an arrangement.
///
/// ```
/// use mlsys_stats::hypothesis::{Permutation, permutation_two_sample};
///
/// let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
/// let difference = |a: &[f64], b: &[f64]| Some(mean(a) - mean(b));
/// let report = permutation_two_sample(&[1.0, 2.0, 3.0], &[7.0, 8.0, 9.0], difference, Permutation::new())?;
/// assert_eq!((report.statistic, report.p_value), (-6.0, 0.1)); // 2 of the 20 arrangements
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** as a test of means when spreads and sizes differ: rows are then not exchangeable; give it Welch's t as the statistic.
///
/// E. Pitman, *Significance Tests which may be Applied to Samples from any Populations*, 1937; B. Phipson, G.
/// Smyth,
/// *Permutation P-values Should Never Be Zero*, 2010.
pub fn permutation_two_sample(
    a: &[f64],
    b: &[f64],
    statistic: impl Fn(&[f64], &[f64]) -> Option<f64> + Sync,
    options: Permutation,
) -> Result<TestReport> {
    const NAME: &str = "permutation test of two samples";
    let (mut values, missing_a) = present(NAME, "a", a, 1)?;
    let (rest, missing_b) = present(NAME, "b", b, 1)?;
    let (n, m) = (values.len(), rest.len());
    values.extend(rest);
    let of = |values: &Vec<f64>| statistic(&values[..n], &values[n..]).filter(|t| t.is_finite());
    let original = values.clone();
    let report = options.run(
        NAME,
        values,
        subsets(n + m, n),
        |values, i| {
            let mut chosen = vec![false; n + m];
            nth_subset(n + m, n, i, |row| chosen[row] = true);
            values.clear();
            values.extend((0..n + m).filter(|&row| chosen[row]).map(|row| original[row]));
            values.extend((0..n + m).filter(|&row| !chosen[row]).map(|row| original[row]));
        },
        |values, rng| seed::shuffle(values, rng),
        of,
    )?;
    Ok(report.rows(&[n, m], missing_a + missing_b))
}

/// The permutation test of pairs: which value of a pair came from which sample is exchanged at random.
///
/// * `statistic`: of two samples of one length; `None` (or a value that is not finite) where it is undefined.
/// * `options`: see [`Permutation`]; there are `2^n` arrangements.
///
/// A pair is left out, and counted, when either value is missing.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape) for lengths that differ; else as [`permutation_two_sample`].
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, Permutation, permutation_paired};
///
/// let total = |a: &[f64], b: &[f64]| Some(a.iter().zip(b).map(|(x, y)| x - y).sum::<f64>());
/// let options = Permutation::new().alternative(Alternative::Greater);
/// let report = permutation_paired(&[5.0, 6.0, 7.0], &[4.0, 4.0, 4.0], total, options)?;
/// assert_eq!((report.statistic, report.p_value), (6.0, 1.0 / 8.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when pairs depend on each other, as those of one cross-validation do.
///
/// R. A. Fisher, *The Design of Experiments*, 1935, section 21; B. Phipson, G. Smyth, 2010.
pub fn permutation_paired(
    a: &[f64],
    b: &[f64],
    statistic: impl Fn(&[f64], &[f64]) -> Option<f64> + Sync,
    options: Permutation,
) -> Result<TestReport> {
    const NAME: &str = "permutation test of pairs";
    let (pairs, missing) = pairs(a, b)?;
    let n = pairs.len();
    enough(NAME, "a - b", n, 1)?;
    let start: (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let of = |(a, b): &(Vec<f64>, Vec<f64>)| statistic(a, b).filter(|t| t.is_finite());
    let set = |(a, b): &mut (Vec<f64>, Vec<f64>), row: usize, swapped: bool| {
        let (x, y) = pairs[row];
        (a[row], b[row]) = if swapped { (y, x) } else { (x, y) };
    };
    let all = u32::try_from(n).ok().and_then(|n| 1usize.checked_shl(n)).filter(|_| n < 40);
    let report = options.run(
        NAME,
        start,
        all,
        |state, i| (0..n).for_each(|row| set(state, row, i >> row & 1 == 1)),
        |state, rng| {
            use mlsys_core::rand::Rng;
            for block in 0..n.div_ceil(64) {
                let bits = rng.next_u64();
                (64 * block..n.min(64 * block + 64))
                    .for_each(|row| set(state, row, bits >> (row % 64) & 1 == 1));
            }
        },
        of,
    )?;
    Ok(report.rows(&[n], missing))
}

/// How many subsets of `k` of `n` there are; `None` when they are more than anyone counts.
fn subsets(n: usize, k: usize) -> Option<usize> {
    let k = k.min(n - k);
    (0..k).try_fold(1usize, |ways, i| {
        let ways = ways.checked_mul(n - i)? / (i + 1);
        (ways <= MOST).then_some(ways)
    })
}

/// Visits the rows of the `i`-th subset of `k` of `n`, in lexical order.
fn nth_subset(n: usize, k: usize, mut i: usize, mut visit: impl FnMut(usize)) {
    let mut left = k;
    for row in 0..n {
        if left == 0 {
            return;
        }
        // Subsets that have this row.
        let with = subsets(n - row - 1, left - 1).unwrap_or(usize::MAX);
        if i < with {
            visit(row);
            left -= 1;
        } else {
            i -= with;
        }
    }
}
