//! Missing values, extremes, mean, deviation, three quantiles, distinct values and the most frequent of every column.

use mlsys::core::statistic::summarize;
use mlsys::core::{Dataset, Result};
use mlsys::stats::{Profile, ProfileReport};

use crate::{Job, Outcome, data};

pub struct Profiling {
    data: Dataset,
    report: Option<ProfileReport>,
}

impl Profiling {
    pub fn load(directory: &str) -> Result<Self> {
        Ok(Self { data: Dataset::new(data::flights(directory)?)?, report: None })
    }
}

impl Job for Profiling {
    fn run(&mut self) -> Result<()> {
        self.report = Some(summarize(&Profile::new(), &self.data)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        Ok(Outcome { digest: digest(self.report.as_ref()), quality: None })
    }

    fn rows(&self) -> usize {
        self.data.n_rows()
    }
}

/// The numbers of a report that the peers have as well.
pub fn digest(report: Option<&ProfileReport>) -> Vec<(String, f64)> {
    let mut digest = Vec::new();
    for column in report.iter().flat_map(|report| &report.columns) {
        let mut add = |what: &str, value: f64| digest.push((format!("{} {what}", column.name), value));
        add("missing", column.missing.missing() as f64);
        add("distinct", column.distinct().map_or(-1.0, |n| n as f64));
        if let (Some(moments), Some(quantiles)) = (&column.moments, &column.quantiles) {
            add("mean", moments.mean());
            add("std", moments.std_dev(1.0));
            [0.25, 0.5, 0.75]
                .iter()
                .for_each(|&q| add(&format!("q{q}"), quantiles.quantile(q).unwrap_or(f64::NAN)));
        }
        if let Some(top) = column.counts.as_ref().and_then(|counts| counts.most_frequent()) {
            add("top", top.rows as f64);
        }
    }
    digest
}
