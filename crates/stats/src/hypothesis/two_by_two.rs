//! Exact tests of tables of two rows and two columns: Fisher's and McNemar's.

use mlsys_core::{Error, Result};

use super::special::{binomial_tails, binomial_term, chi_square_sf};
use super::{Alternative, Continuity, Method, PValueFrom, TestReport};

/// Sums over tables of larger counts would take long, and doubles have no digits left for them.
const LARGEST: u64 = 1 << 40;
/// Probabilities closer than this, relatively, are equal but for rounding; as in R.
const TIE: f64 = 1.0 + 1e-7;

fn check(table: &[[u64; 2]; 2]) -> Result<()> {
    match table.iter().flatten().position(|count| *count >= LARGEST) {
        Some(at) => Err(Error::invalid_value("table", None, table[at / 2][at % 2], "counts below 2^40")),
        None => Ok(()),
    }
}

/// Fisher's exact test that two columns of two values each are independent.
///
/// ```text
/// p = Σ of the hypergeometric probabilities of the tables with the same margins that are at most as probable
/// ```
///
/// * `table`: counts; the first row is one group, the second the other.
/// * `alternative`: `Greater` when the odds ratio is above 1: one tail of the hypergeometric distribution.
///
/// Effect: the odds ratio of the sample, `ad / bc`, infinite where `bc` is 0.
///
/// # Errors
///
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when a row or a column is all 0, or a count is 2^40 or
/// more.
///
/// ```
/// use mlsys_stats::hypothesis::{Alternative, fisher_exact};
///
/// let report = fisher_exact([[8, 2], [1, 5]], Alternative::TwoSided)?;
/// assert!((report.p_value - 0.034965034965034965).abs() < 1e-14);
/// assert_eq!(report.effect("odds ratio"), Some(20.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** by its caution: given both margins it rejects too rarely. For paired rows use [`mcnemar`].
///
/// R. A. Fisher, *The Logic of Inductive Inference*, 1935.
pub fn fisher_exact(table: [[u64; 2]; 2], alternative: Alternative) -> Result<TestReport> {
    const NAME: &str = "Fisher's exact test";
    check(&table)?;
    let [[a, b], [c, d]] = table.map(|row| row.map(|count| count as f64));
    for (what, sum) in
        [("first row", a + b), ("second row", c + d), ("first column", a + c), ("second column", b + d)]
    {
        if sum == 0.0 {
            return Err(Error::invalid_value(
                "table",
                None,
                format!("a {what} of zeros"),
                "counts in each row and column",
            ));
        }
    }
    let cells = Hypergeometric { first: a + b, second: c + d, drawn: a + c };
    let p = match alternative {
        Alternative::Less => cells.upto(a),
        Alternative::Greater => cells.from(a),
        Alternative::TwoSided => cells.at_most_as_probable(a),
    };
    Ok(TestReport::new(NAME, "odds ratio", a * d / (b * c))
        .p(p, PValueFrom::Exact)
        .alternative(alternative)
        .with_effect("odds ratio", a * d / (b * c))
        .rows(&[(table[0][0] + table[0][1]) as usize, (table[1][0] + table[1][1]) as usize], 0))
}

/// How many of `drawn` come from the `first` of `first + second`.
struct Hypergeometric {
    first: f64,
    second: f64,
    drawn: f64,
}

impl Hypergeometric {
    fn least(&self) -> f64 {
        (self.drawn - self.second).max(0.0)
    }

    fn most(&self) -> f64 {
        self.drawn.min(self.first)
    }

    fn mode(&self) -> f64 {
        let mode = ((self.drawn + 1.0) * (self.first + 1.0) / (self.first + self.second + 2.0)).floor();
        mode.clamp(self.least(), self.most())
    }

    fn probability(&self, x: f64) -> f64 {
        let total = self.first + self.second;
        let (p, q) = (self.drawn / total, (total - self.drawn) / total);
        binomial_term(x, self.first, p, q) * binomial_term(self.drawn - x, self.second, p, q)
            / binomial_term(self.drawn, total, p, q)
    }

    /// The sum of probabilities from `x` outwards, where they fall.
    fn tail(&self, mut x: f64, upwards: bool) -> f64 {
        let mut term = self.probability(x);
        let mut sum = 0.0;
        while term > sum * 1e-18 {
            sum += term;
            term *= if upwards {
                (self.first - x) * (self.drawn - x) / ((x + 1.0) * (self.second - self.drawn + x + 1.0))
            } else {
                x * (self.second - self.drawn + x) / ((self.first - x + 1.0) * (self.drawn - x + 1.0))
            };
            x += if upwards { 1.0 } else { -1.0 };
        }
        sum
    }

    /// `P(X <= x)`.
    fn upto(&self, x: f64) -> f64 {
        if x < self.least() {
            0.0
        } else if x >= self.most() {
            1.0
        } else if x < self.mode() {
            self.tail(x, false)
        } else {
            1.0 - self.tail(x + 1.0, true)
        }
    }

    /// `P(X >= x)`.
    fn from(&self, x: f64) -> f64 {
        if x <= self.least() {
            1.0
        } else if x > self.most() {
            0.0
        } else if x > self.mode() {
            self.tail(x, true)
        } else {
            1.0 - self.tail(x - 1.0, false)
        }
    }

    fn at_most_as_probable(&self, x: f64) -> f64 {
        let (mode, limit) = (self.mode(), self.probability(x) * TIE);
        if self.probability(mode) <= limit {
            return 1.0;
        }
        // The first value on the other side of the mode that is no more probable than x.
        if x < mode {
            let (mut low, mut high) = (mode, self.most() + 1.0);
            while high - low > 1.0 {
                let middle = ((low + high) / 2.0).floor();
                if self.probability(middle) <= limit { high = middle } else { low = middle }
            }
            self.upto(x) + self.from(high)
        } else {
            let (mut low, mut high) = (self.least() - 1.0, mode);
            while high - low > 1.0 {
                let middle = ((low + high) / 2.0).floor();
                if self.probability(middle) <= limit { low = middle } else { high = middle }
            }
            self.from(x) + self.upto(low)
        }
    }
}

/// McNemar's test that two judgements of the same rows say yes equally often.
///
/// ```text
/// exact: 2 P(B ≤ min(b, c)), B binomial of b + c and 1/2      X² = (|b - c| - κ)² / (b + c), κ = 1 or 0, df = 1
/// ```
///
/// * `table`: `[[both, first only], [second only, neither]]`; only `b` = first only and `c` = second only count. To
///   compare two classifiers: rows that both got right, the first only, the second only, neither.
/// * `method`: `Auto` is exact.
/// * `continuity`: whether the asymptotic statistic is corrected.
///
/// Effects: the odds ratio `b / c`, infinite where `c` is 0, and Cohen's g, `max(b, c) / (b + c) - 1/2`.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) when the judgements never differ;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a count of 2^40 or more.
///
/// ```
/// use mlsys_stats::hypothesis::{Continuity, Method, mcnemar};
///
/// let report = mcnemar([[30, 12], [5, 40]], Method::Exact, Continuity::Corrected)?;
/// assert!((report.p_value - 0.143463134765625).abs() < 1e-14);
/// assert_eq!(report.effect("odds ratio"), Some(2.4));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when a row was judged several times: rows must not depend on each other.
///
/// Q. McNemar, *Note on the Sampling Error of the Difference between Correlated Proportions or Percentages*, 1947.
pub fn mcnemar(table: [[u64; 2]; 2], method: Method, continuity: Continuity) -> Result<TestReport> {
    const NAME: &str = "McNemar's test";
    check(&table)?;
    let (b, c) = (table[0][1] as f64, table[1][0] as f64);
    let discordant = b + c;
    if discordant == 0.0 {
        return Err(Error::too_few_rows(1, 0, format!("{NAME} (rows on which the two differ)")));
    }
    let report = if method == Method::Asymptotic {
        let correction = if continuity == Continuity::Corrected { 1.0 } else { 0.0 };
        let square = ((b - c).abs() - correction).powi(2) / discordant;
        TestReport::new(NAME, "X²", square).p(chi_square_sf(square, 1.0), PValueFrom::Asymptotic).df(1.0)
    } else {
        let p = 2.0 * binomial_tails(b.min(c), discordant, 0.5).0;
        TestReport::new(NAME, "min(b, c)", b.min(c)).p(p, PValueFrom::Exact)
    };
    let rows = table.iter().flatten().sum::<u64>() as usize;
    Ok(report
        .with_effect("odds ratio", b / c)
        .with_effect("Cohen's g", b.max(c) / discordant - 0.5)
        .rows(&[rows], 0))
}
