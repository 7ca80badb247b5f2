//! What the data say about why values are missing, in words.

use std::fmt;

use mlsys_core::statistic::summarize;
use mlsys_core::{Dataset, Error, Partition, Result};
use mlsys_stats::hypothesis::{Correction, adjust, chi_square_sf};

use super::co_moments::CoMoments;
use super::little_mcar::{LittleMcar, LittleMcarReport};
use super::mar_evidence::MarEvidence;
use super::missing_patterns::MissingPatterns;
use super::missing_patterns_summary::MissingPatternsSummary;

/// What the evidence supports about a column. Values that are missing because of what they would have been (MNAR) can never be
/// excluded by what was observed, unless nothing is missing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Mechanism {
    /// Nothing is missing.
    Complete,
    /// Everything is missing.
    Empty,
    /// Nothing speaks against gaps completely at random (MCAR).
    McarNotRejected,
    /// The gaps go with other columns: at random given these (MAR), the strongest first. None is named when only a
    /// classifier saw it.
    MarGiven(Vec<String>),
}

/// How a column's gaps go with another column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Link {
    /// The other column.
    pub column: String,
    /// How far its mean is apart where the column is missing from where it is there, in standard deviations; `None` when it is no
    /// number, or there are too few rows.
    pub difference: Option<f64>,
    /// The correlation of the two columns' gaps; NaN when the other one has none.
    pub nullity_correlation: f64,
    /// The smaller p-value of the two, after Holm's correction over all that were looked at for the column.
    pub p_value: f64,
}

/// What a [`MissingReport`] says of a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissingColumn {
    /// The column.
    pub column: String,
    /// How many values are missing.
    pub missing: u64,
    /// The share of the rows.
    pub share: f64,
    /// The columns that its gaps go with, by significance at the report's level.
    pub links: Vec<Link>,
    /// How well a classifier predicts the gaps, when that was asked for.
    pub evidence: Option<MarEvidence>,
    /// What this supports.
    pub mechanism: Mechanism,
}

/// Why values are missing, as far as the data can tell, per column and in words, and what to do about it.
///
/// For each column with gaps, the rows where it is missing are compared with the others: the means of the numeric columns
/// (difference of means by its standard error, normal), and the gaps of all columns (χ² = n φ²). Little's test is made for the table.
/// [`with_evidence`](Self::with_evidence) adds what a classifier sees. All from one pass of [`MissingPatterns`].
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `level` | 0.05 | above 0, below 1 | of the tests, after Holm's correction within each column |
///
/// **Errors**: those of [`MissingPatterns`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for the level, and past
/// `max_patterns`; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights.
///
/// ```
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_core::Dataset;
/// use mlsys_missing_values::{Mechanism, MissingReport};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from_iter_values((0..100).map(f64::from)));
/// let y = Arc::new(Float64Array::from_iter((0..100).map(|i| (i < 70).then_some(f64::from(i * i % 7)))));
/// let data = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("y", y as _)])?)?;
/// let report = MissingReport::of(&data)?;
/// assert_eq!(report.columns[1].mechanism, Mechanism::MarGiven(vec!["x".into()]));
/// assert!(report.to_string().contains("y: 30 of 100 missing (30.0 %); MAR given x is supported"));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where gaps depend on others without moving their means, as by both tails: give it a classifier. With very
/// many rows tiny differences count; look at [`Link::difference`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MissingReport {
    /// Rows in all.
    pub rows: u64,
    /// The columns, in the table's order.
    pub columns: Vec<MissingColumn>,
    /// Little's test over the numeric columns, or why it could not be made.
    pub little: std::result::Result<LittleMcarReport, String>,
    level: f64,
}

impl MissingReport {
    /// Of the features of a dataset, at the level 0.05.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn of<P: Partition>(data: &Dataset<P>) -> Result<Self> {
        data.refuse_weights("MissingReport")?;
        Self::new(&summarize(&MissingPatterns::of(data.features()), data)?, 0.05)
    }

    /// Of patterns that were counted before.
    ///
    /// # Errors
    ///
    /// See the type.
    pub fn new(found: &MissingPatternsSummary, level: f64) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::invalid_parameter("MissingReport", "level", level, "above 0 and below 1"));
        }
        let correlation = found.nullity_correlation()?;
        let mut columns = Vec::with_capacity(found.columns.len());
        for (j, name) in found.columns.iter().enumerate() {
            let mut links = Vec::new();
            let gaps = found.missing[j] > 0 && found.missing[j] < found.rows;
            for k in (0..found.columns.len()).filter(|&k| gaps && k != j) {
                let phi = correlation[[j, k]];
                let by_mean = difference(found, j, k)?;
                links.push((k, phi, by_mean));
            }
            columns.push(MissingColumn {
                column: name.clone(),
                missing: found.missing[j],
                share: found.share(j),
                links: significant(found, &links, level)?,
                evidence: None,
                mechanism: Mechanism::Complete,
            });
        }
        let little = LittleMcar::new().test(found).map_err(|e| e.to_string());
        let mut report = Self { rows: found.rows, columns, little, level };
        report.conclude()?;
        Ok(report)
    }

    /// Adds what a classifier sees: the result of [`mar_evidence`](crate::mar_evidence).
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn) for evidence about a column that the report does not have.
    pub fn with_evidence(mut self, evidence: Vec<MarEvidence>) -> Result<Self> {
        for one in evidence {
            let available = self.columns.iter().map(|c| c.column.clone()).collect();
            let Some(column) = self.columns.iter_mut().find(|c| c.column == one.column) else {
                let name = one.column.clone();
                return Err(mlsys_core::ErrorKind::MissingColumn { name, available }.into());
            };
            column.evidence = Some(one);
        }
        self.conclude()?;
        Ok(self)
    }

    fn conclude(&mut self) -> Result<()> {
        // A test per column: Holm's correction over the columns.
        let known = |c: &MissingColumn| c.evidence.as_ref().map(|e| e.p_value).filter(|p| !p.is_nan());
        let p_values: Vec<f64> = self.columns.iter().filter_map(known).collect();
        let mut adjusted = adjust(&p_values, Correction::Holm)?.into_iter();
        for column in &mut self.columns {
            let seen = known(column).and_then(|_| adjusted.next()).is_some_and(|p| p < self.level);
            column.mechanism = match column.missing {
                0 => Mechanism::Complete,
                missing if missing == self.rows => Mechanism::Empty,
                _ if seen || !column.links.is_empty() => {
                    Mechanism::MarGiven(column.links.iter().map(|link| link.column.clone()).collect())
                }
                _ => Mechanism::McarNotRejected,
            };
        }
        Ok(())
    }
}

/// The difference of column k's means where j is missing and where it is there, in standard deviations, and its p-value.
fn difference(found: &MissingPatternsSummary, j: usize, k: usize) -> Result<Option<(f64, f64)>> {
    let (mut missing, mut there) = (CoMoments::default(), CoMoments::default());
    for pattern in found.patterns()? {
        let Some(place) = pattern.observed.iter().position(|&other| other == k) else { continue };
        let products = vec![pattern.products[[place, place]]];
        let (rows, shift) = (pattern.rows, vec![pattern.means[place]]);
        let own = CoMoments { rows, shift, mean: vec![0.0], products };
        if pattern.missing[j] { missing.combine(&own) } else { there.combine(&own) }
    }
    if missing.rows < 2 || there.rows < 2 {
        return Ok(None);
    }
    let variance = |m: &CoMoments| m.product(0, 0) / (m.rows as f64 - 1.0);
    let (own, other) = (variance(&missing), variance(&there));
    let apart = missing.mean(0) - there.mean(0);
    let squared = apart * apart / (own / missing.rows as f64 + other / there.rows as f64);
    let deviation = ((own + other) / 2.0).sqrt();
    // Two equal constants differ by nothing; what overflows says nothing.
    let p_value = if apart == 0.0 { 1.0 } else { chi_square_sf(squared, 1.0) };
    let standardised = if apart == 0.0 { 0.0 } else { apart / deviation };
    Ok((!p_value.is_nan()).then_some((standardised, p_value)))
}

type Compared = (usize, f64, Option<(f64, f64)>);

fn significant(found: &MissingPatternsSummary, compared: &[Compared], level: f64) -> Result<Vec<Link>> {
    let by_gaps = |phi: f64| chi_square_sf(phi * phi * found.rows as f64, 1.0);
    let mut p_values = Vec::new();
    for (_, phi, by_mean) in compared {
        p_values.extend((!phi.is_nan()).then(|| by_gaps(*phi)));
        p_values.extend(by_mean.map(|(_, p)| p));
    }
    let mut adjusted = adjust(&p_values, Correction::Holm)?.into_iter();
    let mut links = Vec::new();
    for (k, phi, by_mean) in compared {
        let gaps = if phi.is_nan() { None } else { adjusted.next() };
        let means = by_mean.and_then(|_| adjusted.next());
        let p_value = gaps.unwrap_or(1.0).min(means.unwrap_or(1.0));
        let column = found.columns[*k].clone();
        let difference = by_mean.map(|(difference, _)| difference);
        if p_value < level {
            links.push(Link { column, difference, nullity_correlation: *phi, p_value });
        }
    }
    links.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    Ok(links)
}

/// How many columns are named.
const NAMED: usize = 3;

impl fmt::Display for MissingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows", self.rows)?;
        match &self.little {
            Ok(little) if little.degrees_of_freedom == 0 => {}
            Ok(little) => {
                let verdict = if little.p_value < self.level { "rejected" } else { "not rejected" };
                writeln!(f, "{little}: MCAR is {verdict} for the numbers together")?;
            }
            Err(why) => writeln!(f, "Little's MCAR test could not be made: {why}")?,
        }
        self.columns.iter().try_for_each(|column| column.fmt(f))
    }
}

impl fmt::Display for MissingColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.share > 0.0 { self.missing as f64 / self.share } else { f64::NAN };
        let count = format!("{} of {rows:.0} missing ({:.1} %)", self.missing, 100.0 * self.share);
        match &self.mechanism {
            Mechanism::Complete => return writeln!(f, "{}: complete", self.column),
            Mechanism::Empty => return writeln!(f, "{}: {count}; drop the column", self.column),
            Mechanism::McarNotRejected => write!(
                f,
                "{}: {count}; MCAR is not rejected, MNAR not excluded. Dropping its rows loses rows, no more; any imputer does",
                self.column
            )?,
            Mechanism::MarGiven(given) => {
                let mut named = given.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
                if given.len() > NAMED {
                    named = format!("{named} and {} more", given.len() - NAMED);
                }
                if given.is_empty() {
                    named = "the other columns together".into();
                }
                write!(
                    f,
                    "{}: {count}; MAR given {named} is supported, MNAR not excluded. \
                     Impute from these columns, keep an indicator; dropping its rows would shift the others",
                    self.column
                )?;
            }
        }
        if let Some(evidence) = &self.evidence {
            write!(
                f,
                " (the others predict the gaps with AUC {:.3}, p = {:.2e})",
                evidence.auc, evidence.p_value
            )?;
        }
        writeln!(f)
    }
}
