//! Leaks planted in clean splits of real tables, and how many of them an audit finds; and what it finds where nothing was planted.
//!
//! `cargo run --release --bin mlsys-benches -- planted [RUNS [CLEAN]]`

mod leaks;
mod more;
mod tables;

use std::collections::BTreeMap;

use mlsys::core::{Error, Result};
use mlsys::leakage::Severity;

use leaks::{LEAKS, Leak, Strength};
use tables::Table;

/// Of the strong leaks at least this share must be found, ..
const STRONG: f64 = 0.95;
/// .. and of the subtle ones; a suspect counts as found, if it names the kind and the column or the rows.
const SUBTLE: f64 = 0.60;
/// At most this share of the clean splits may have an error.
const CLEAN: f64 = 0.01;

#[derive(Default)]
struct Tally {
    runs: usize,
    found: usize,
    errors: usize,
}

impl Tally {
    fn add(&mut self, severity: Option<Severity>) {
        self.runs += 1;
        self.found += usize::from(severity >= Some(Severity::Suspect));
        self.errors += usize::from(severity == Some(Severity::Error));
    }

    fn share(&self) -> f64 {
        self.found as f64 / self.runs.max(1) as f64
    }
}

/// `[RUNS [CLEAN]]`: how often each leak is planted in each table, 5 by default, and how many clean splits each table gives, 100.
#[allow(clippy::print_stdout)]
pub fn run(arguments: &[String]) -> Result<()> {
    let number = |at: usize, default: u64| match arguments.get(at) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Error::unsupported(format!("{text} is no number of runs"))),
    };
    let (runs, clean_runs) = (number(0, 5)?, number(1, 100)?);
    let tables = [Table::flights()?, Table::adult()?, Table::breast_cancer()?];

    println!(
        "Found of {runs} planted in each table (as an error), by the kind and the column or rows that were planted\n"
    );
    print!("{:28}", "");
    for strength in [Strength::Strong, Strength::Subtle] {
        tables.iter().for_each(|table| print!("  {:>14}", format!("{} {}", strength.name(), table.short)));
    }
    println!();
    let mut totals: BTreeMap<Strength, Tally> = BTreeMap::new();
    for Leak { name, plant } in LEAKS {
        print!("{name:28}");
        for strength in [Strength::Strong, Strength::Subtle] {
            for table in &tables {
                let mut tally = Tally::default();
                for seed in 0..runs {
                    let found = plant(table, *strength.as_ref(), seed)?;
                    tally.add(found);
                    totals.entry(strength).or_default().add(found);
                }
                print!("  {:>14}", format!("{} ({})", tally.found, tally.errors));
            }
        }
        println!();
    }
    println!();
    for (strength, tally) in &totals {
        println!("{:8} {:.3} of {} found", strength.name(), tally.share(), tally.runs);
    }

    let (mut errors, mut suspects, mut all) = (0, 0, 0);
    for table in &tables {
        let (mut own, mut suspicious) = (0, BTreeMap::<&str, usize>::new());
        for seed in 0..clean_runs {
            let report = table.clean(seed)?.audit()?;
            own += usize::from(report.worst() == Some(Severity::Error));
            // What was wrongly accused, to look at.
            report
                .of(Severity::Error)
                .for_each(|finding| println!("split {seed} of {}: {}", table.name, finding.message));
            suspects += usize::from(report.worst() >= Some(Severity::Suspect));
            for finding in report.findings().iter().filter(|finding| finding.severity >= Severity::Suspect) {
                *suspicious.entry(finding.kind.name()).or_default() += 1;
            }
        }
        println!(
            "clean    {own} of {clean_runs} splits of {} with an error; findings by kind: {suspicious:?}",
            table.name
        );
        errors += own;
        all += clean_runs;
    }
    println!("clean    {errors} of {all} splits with an error, {suspects} with a suspect at least");
    let share = |strength| totals.get(&strength).map_or(1.0, Tally::share);
    if share(Strength::Strong) < STRONG
        || share(Strength::Subtle) < SUBTLE
        || errors as f64 > CLEAN * all as f64
    {
        return Err(Error::unsupported("the audit found less, or cried more often, than it promises"));
    }
    Ok(())
}
