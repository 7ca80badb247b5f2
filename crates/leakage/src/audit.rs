//! One call that looks for every leak that needs nothing but the data.

use std::collections::BTreeMap;

use mlsys_core::{Dataset, Error, Partition, Result, Role, Unsplit};

use crate::columns::encoded::{Encoded, encode, folds, take};
use crate::columns::label::Label;
use crate::columns::questions::{Question, questions};
use crate::columns::{change, gaps, order, pairs, strength};
use crate::{LeakKind, LeakageReport, Severity};

/// Looks for every leak that the data alone can show.
#[derive(Debug, Clone, Default)]
#[must_use = "an audit does nothing until it is given data"]
pub struct LeakageAudit {
    severities: BTreeMap<LeakKind, Option<Severity>>,
}

/// Who asks, in messages.
const NAME: &str = "LeakageAudit";

impl LeakageAudit {
    /// An audit with all checks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the columns of a table that is not split.
    ///
    /// # Errors
    ///
    /// See [`LeakageAudit`].
    pub fn table<P: Partition>(&self, data: &Dataset<P>) -> Result<LeakageReport> {
        let mut report = LeakageReport::new();
        self.columns::<P, Unsplit>(data, None, &mut report)?;
        Ok(report)
    }

    /// The checks of columns, and of what changes between parts where there are two.
    fn columns<P: Partition, Q: Partition>(
        &self,
        train: &Dataset<P>,
        test: Option<&Dataset<Q>>,
        report: &mut LeakageReport,
    ) -> Result<()> {
        let features = train.features();
        let (encoded, _) = encode(&features, train, test)?;
        let target = train.layout().target(NAME)?;
        let label = Label::new(train, NAME)?;
        let known = label.known();
        let part = "train";
        for finding in gaps::come_with_label(&encoded, &label, target, &train.row_ids(), part) {
            report.push(finding);
        }
        let label = label.take(&known);
        let asked = questions(target, &label);
        let folds = folds(known.len());
        let (standings, findings) = strength::of_label(&encoded, &known, (target, &label), &asked, &folds);
        findings.into_iter().for_each(|finding| report.push(finding));
        for (question, standing) in asked.iter().zip(&standings) {
            for finding in pairs::for_question(&encoded, &known, question, &folds, standing) {
                report.push(finding);
            }
            for finding in gaps::tell(&encoded, &known, question) {
                report.push(finding);
            }
            let ids = take(&train.row_ids(), &known);
            let what = "the order of the rows";
            let found = order::tells(LeakKind::OrderTells, what, &ids, question, standing.together, &folds);
            found.into_iter().for_each(|finding| report.push(finding));
        }
        Ok(())
    }
}
