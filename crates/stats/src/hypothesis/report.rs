//! What a test says.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is held against the null hypothesis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// A difference in either direction.
    #[default]
    TwoSided,
    /// The first sample tends to smaller values (its mean, its ranks, its share). For the Kolmogorov-Smirnov tests:
    /// its distribution *function* lies below, so that its values are larger, as in scipy.
    Less,
    /// The first sample tends to larger values; for the Kolmogorov-Smirnov tests, its distribution function lies
    /// above.
    Greater,
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TwoSided => "two-sided",
            Self::Less => "less",
            Self::Greater => "greater",
        })
    }
}

/// How a p-value is to be computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// What the test's documentation says for the sizes at hand; the report names what was used.
    #[default]
    Auto,
    /// From the distribution under the null hypothesis. Refused for sizes that would take minutes.
    Exact,
    /// From the limiting distribution.
    Asymptotic,
}

/// Whether half a step is taken off, since a continuous distribution stands for one with steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Continuity {
    /// Yes.
    #[default]
    Corrected,
    /// No.
    Uncorrected,
}

/// Where a p-value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PValueFrom {
    /// The exact distribution under the null hypothesis.
    Exact,
    /// A limiting distribution.
    Asymptotic,
    /// This many random permutations, the one observed not among them.
    Permutations(usize),
    /// A published table; `capped` when it does not reach so far and its end is given instead.
    Table {
        /// Whether the p-value is only known to be beyond the table's end.
        capped: bool,
    },
}

impl fmt::Display for PValueFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Asymptotic => f.write_str("asymptotic"),
            Self::Permutations(m) => write!(f, "{m} permutations"),
            Self::Table { capped: false } => f.write_str("interpolated"),
            Self::Table { capped: true } => f.write_str("at the end of the table"),
        }
    }
}

/// How large an effect is, whatever the number of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectSize {
    /// What it is called, such as `Cohen's d`.
    pub name: Cow<'static, str>,
    /// The value; infinite for an odds ratio with a zero below.
    pub value: f64,
}

/// A confidence interval, two-sided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceInterval {
    /// What it is an interval of.
    pub of: Cow<'static, str>,
    /// The point estimate.
    pub estimate: f64,
    /// The probability that it is meant to cover with.
    pub level: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The result of a test. `Display` gives it on one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestReport {
    /// The name of the test.
    pub test: Cow<'static, str>,
    /// The value of the test statistic.
    pub statistic: f64,
    /// What the statistic is called, such as `U`.
    pub statistic_name: Cow<'static, str>,
    /// The probability of a statistic at least as extreme when the null hypothesis holds.
    pub p_value: f64,
    /// Where the p-value came from.
    pub method: PValueFrom,
    /// The alternative, for tests that have a choice.
    pub alternative: Option<Alternative>,
    /// The degrees of freedom of the distribution used, where it has any.
    pub degrees_of_freedom: Option<f64>,
    /// Effect sizes, the customary one first.
    pub effects: Vec<EffectSize>,
    /// The interval of the quantity tested, where the test has one.
    pub interval: Option<ConfidenceInterval>,
    /// The value where the distance of two distribution functions is attained, for Kolmogorov-Smirnov tests; `None`
    /// when they do not differ in that direction.
    pub location: Option<f64>,
    /// Rows of each sample that were used; the sum of their weights, if there are weights.
    pub samples: Vec<f64>,
    /// Rows (pairs, blocks) that were left out because a value is missing.
    pub missing: usize,
}

impl TestReport {
    pub(crate) fn new(test: &'static str, name: &'static str, statistic: f64) -> Self {
        Self {
            test: Cow::Borrowed(test),
            statistic,
            statistic_name: Cow::Borrowed(name),
            p_value: 1.0,
            method: PValueFrom::Asymptotic,
            alternative: None,
            degrees_of_freedom: None,
            effects: Vec::new(),
            interval: None,
            location: None,
            samples: Vec::new(),
            missing: 0,
        }
    }

    pub(crate) fn p(mut self, p: f64, method: PValueFrom) -> Self {
        self.p_value = p.clamp(0.0, 1.0);
        self.method = method;
        self
    }

    pub(crate) fn alternative(mut self, alternative: Alternative) -> Self {
        self.alternative = Some(alternative);
        self
    }

    pub(crate) fn df(mut self, df: f64) -> Self {
        self.degrees_of_freedom = Some(df);
        self
    }

    pub(crate) fn with_effect(mut self, name: &'static str, value: f64) -> Self {
        self.effects.push(EffectSize { name: Cow::Borrowed(name), value });
        self
    }

    pub(crate) fn rows(mut self, samples: &[usize], missing: usize) -> Self {
        self.samples = samples.iter().map(|&n| n as f64).collect();
        self.missing = missing;
        self
    }

    pub(crate) fn with_interval(
        mut self,
        of: &'static str,
        estimate: f64,
        level: f64,
        ends: (f64, f64),
    ) -> Self {
        let (low, high) = ends;
        self.interval = Some(ConfidenceInterval { of: Cow::Borrowed(of), estimate, level, low, high });
        self
    }

    /// The value of an effect size by its name.
    pub fn effect(&self, name: &str) -> Option<f64> {
        self.effects.iter().find(|effect| effect.name == name).map(|effect| effect.value)
    }
}

/// A number for people: digits enough to tell apart, no more.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if self.0 == 0.0 || self.0.fract() == 0.0 && size < 1e9 {
            write!(f, "{}", self.0)
        } else if (1e-4..1e6).contains(&size) {
            let digits = (3 - size.log10().floor() as i32).max(1) as usize;
            write!(f, "{:.digits$}", self.0)
        } else {
            write!(f, "{:.3e}", self.0)
        }
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = {}", self.test, self.statistic_name, Short(self.statistic))?;
        if let Some(df) = self.degrees_of_freedom {
            write!(f, ", df = {}", Short(df))?;
        }
        write!(f, ", p = {} ({}", Short(self.p_value), self.method)?;
        if let Some(alternative) = self.alternative {
            write!(f, ", {alternative}")?;
        }
        f.write_str(")")?;
        for EffectSize { name, value } in &self.effects {
            write!(f, ", {name} = {}", Short(*value))?;
        }
        if let Some(ConfidenceInterval { of, estimate, level, low, high }) = &self.interval {
            let percent = Short(100.0 * level);
            write!(f, ", {of} = {} [{}, {}] at {percent} %", Short(*estimate), Short(*low), Short(*high))?;
        }
        f.write_str(", n = ")?;
        for (i, n) in self.samples.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { " + " }, Short(*n))?;
        }
        if self.missing > 0 {
            write!(f, ", {} missing left out", self.missing)?;
        }
        Ok(())
    }
}

/// The p-value of a statistic that is symmetric about 0 under the null hypothesis, from its upper tail.
pub(crate) fn symmetric_p(z: f64, alternative: Alternative, upper: impl Fn(f64) -> f64) -> f64 {
    match alternative {
        Alternative::TwoSided => 2.0 * upper(z.abs()),
        Alternative::Greater => upper(z),
        Alternative::Less => upper(-z),
    }
}
