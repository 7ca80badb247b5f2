//! The chi-square test of independence of five columns and being late: the tables and the tests.

use mlsys::core::statistic::summarize;
use mlsys::core::{Dataset, Result};
use mlsys::stats::Contingency;
use mlsys::stats::hypothesis::{Continuity, CrossTable, chi_square_independence};

use crate::{Job, Outcome, data};

const COLUMNS: [&str; 5] = ["carrier", "origin", "dest", "month", "hour"];

pub struct ChiSquare {
    data: Dataset,
    found: Vec<(f64, f64)>,
}

impl ChiSquare {
    pub fn load(directory: &str) -> Result<Self> {
        Ok(Self { data: Dataset::new(data::flights(directory)?)?, found: Vec::new() })
    }
}

impl Job for ChiSquare {
    fn run(&mut self) -> Result<()> {
        let [a, b, c, d, e] = COLUMNS.map(|name| Contingency::new(name, "late"));
        let (a, b, c, d, e) = summarize(&(a, b, c, d, e), &self.data)?;
        let test = |table: &CrossTable| {
            let report = chi_square_independence(table, Continuity::Uncorrected)?;
            Ok((report.statistic, report.p_value))
        };
        self.found = [a, b, c, d, e].iter().map(|table| test(&table.into())).collect::<Result<_>>()?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let each = COLUMNS.iter().zip(&self.found);
        let digest =
            each.flat_map(|(name, found)| [(format!("{name} D"), found.0), (format!("{name} p"), found.1)]);
        Ok(Outcome { digest: digest.collect(), quality: None })
    }

    fn rows(&self) -> usize {
        self.data.n_rows()
    }
}
