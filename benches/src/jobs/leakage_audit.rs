//! The audit of the flights that arrived, split in time, with nothing ignored.

use mlsys::core::{Dataset, Error, Result, Split, Test, Train};
use mlsys::leakage::{LeakKind, LeakageAudit, LeakageReport};
use mlsys::sampling::TimeSplit;

use crate::{Job, Outcome, data};

pub struct Audit {
    train: Dataset<Train>,
    test: Dataset<Test>,
    report: Option<LeakageReport>,
}

const TEXTS: [&str; 7] = ["carrier", "dest", "engine", "manufacturer", "origin", "plane_type", "tailnum"];

impl Audit {
    pub fn load(directory: &str) -> Result<Self> {
        let data = Dataset::new(data::flights(directory)?)?.target("late")?.time("time_hour")?;
        let (train, test) = TimeSplit::at("2013-10-01T00:00 America/New_York").split(data)?;
        Ok(Self { train, test, report: None })
    }
}

impl Job for Audit {
    fn run(&mut self) -> Result<()> {
        self.report = Some(LeakageAudit::new().split(&self.train, &self.test)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        // What is not reported was looked for and not found.
        for kind in [LeakKind::DuplicateRows, LeakKind::ConflictingLabels, LeakKind::NewCategories] {
            if !self.report.as_ref().is_some_and(|report| report.checks().contains(&kind)) {
                return Err(Error::unsupported(format!("{kind} was not looked for")));
            }
        }
        let number = |kind: LeakKind, column: Option<&str>, name: &str| {
            let findings = self.report.iter().flat_map(|report| report.findings());
            let of = |c: &str| {
                findings
                    .clone()
                    .filter(move |f| f.columns.iter().any(|other| other == c))
                    .find(|f| f.kind == kind)
            };
            let found = column.map_or_else(|| findings.clone().find(|f| f.kind == kind), of);
            found.and_then(|finding| finding.evidence.get(name).copied()).unwrap_or_default()
        };
        let mut digest = vec![
            ("test rows among training rows".into(), number(LeakKind::DuplicateRows, None, "test_rows")),
            ("repeated training rows".into(), number(LeakKind::DuplicateRows, None, "train_rows_with_twin")),
            (
                "training rows with conflicting labels".into(),
                number(LeakKind::ConflictingLabels, None, "train_rows"),
            ),
            ("test rows of new classes".into(), number(LeakKind::NewCategories, Some("late"), "test_rows")),
        ];
        for name in TEXTS {
            let values = number(LeakKind::NewCategories, Some(name), "values");
            digest.push((format!("new categories of {name}"), values));
            let rows = number(LeakKind::NewCategories, Some(name), "test_rows");
            digest.push((format!("test rows of new categories of {name}"), rows));
        }
        Ok(Outcome { digest, quality: None })
    }

    fn rows(&self) -> usize {
        self.train.n_rows() + self.test.n_rows()
    }
}
