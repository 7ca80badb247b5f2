//! How reports on splits read.

use std::fmt;

use chrono::DateTime;

use crate::split_report::{FoldsReport, PairReport, SplitReport};

/// More classes than this are not listed one by one.
const LISTED: usize = 12;

/// A number with a comma after each three digits.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

fn time(value: i64, instant: bool) -> String {
    if instant {
        DateTime::from_timestamp_nanos(value).format("%Y-%m-%d %H:%M").to_string()
    } else {
        value.to_string()
    }
}

/// Lines of equal width: the first column to the left, the others to the right.
fn write_table(f: &mut fmt::Formatter<'_>, table: &[Vec<String>]) -> fmt::Result {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        table.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for line in table {
        let mut text = String::new();
        for (column, cell) in line.iter().enumerate() {
            let space = " ".repeat(widths[column] - cell.chars().count());
            text.push_str(&if column == 0 { format!("{cell}{space}") } else { format!("   {space}{cell}") });
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

impl fmt::Display for SplitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |label: &str, cell: &dyn Fn(usize) -> String| -> Vec<String> {
            [label.to_owned()].into_iter().chain((0..self.parts.len()).map(cell)).collect()
        };
        let mut table = vec![
            line("", &|part| self.parts[part].name.clone()),
            line("rows", &|part| grouped(self.parts[part].rows)),
            line("share", &|part| percent(self.parts[part].share)),
        ];
        let target = self.target.as_deref().unwrap_or_default();
        let classes = self.parts.first().map_or(&[][..], |part| &part.classes);
        for (place, (class, _)) in classes.iter().enumerate().take(LISTED) {
            table.push(line(&format!("{target} = {class}"), &|part| {
                percent(self.parts[part].classes[place].1)
            }));
        }
        if classes.len() > LISTED {
            table.push(vec![format!("and {} more classes", classes.len() - LISTED)]);
        }
        let numbers = |part: usize| self.parts[part].mean_and_deviation;
        if numbers(0).is_some() {
            table.push(line(&format!("mean of {target}"), &|part| {
                numbers(part).map_or(String::new(), |(x, _)| format!("{x:.4}"))
            }));
            table.push(line("its deviation", &|part| {
                numbers(part).map_or(String::new(), |(_, x)| format!("{x:.4}"))
            }));
        }
        if let Some(group) = &self.group {
            table.push(line(&format!("groups of {group}"), &|part| {
                self.parts[part].groups.map_or(String::new(), grouped)
            }));
        }
        if let Some(name) = &self.time {
            let unit = if self.parts.first().is_some_and(|part| part.instants) { ", UTC" } else { "" };
            let show = |part: usize, end: bool| {
                let part = &self.parts[part];
                part.times
                    .map_or(String::new(), |(from, to)| time(if end { to } else { from }, part.instants))
            };
            table.push(line(&format!("{name} from{unit}"), &|part| show(part, false)));
            table.push(line("to", &|part| show(part, true)));
        }
        write_table(f, &table)?;
        if let Some(deviation) = self.largest_deviation {
            writeln!(f, "shares of {target} differ by {:.1} points at most", 100.0 * deviation)?;
        }
        self.pairs.iter().try_for_each(|pair| self.sentences(pair, f))
    }
}

impl SplitReport {
    fn sentences(&self, pair: &PairReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (&pair.first, &pair.second);
        match (pair.shared_groups, pair.rows_of_shared_groups, &self.group) {
            (Some(0), _, Some(group)) => writeln!(f, "no {group} is in both {first} and {second}")?,
            (Some(groups), Some(rows), Some(group)) => {
                let (groups, rows) = (grouped(groups), grouped(rows));
                writeln!(
                    f,
                    "groups of {group} in both {first} and {second}: {groups}, with {rows} rows of {second}"
                )?;
            }
            _ => {}
        }
        match (pair.ordered, pair.rows_within) {
            (Some(true), _) => writeln!(f, "{first} ends before {second} begins")?,
            (Some(false), Some(rows)) => {
                writeln!(f, "{} rows of {second} are within the time of {first}", grouped(rows))?;
            }
            _ => {}
        }
        match pair.duplicates {
            Some(0) => writeln!(f, "no row of {second} equals one of {first} in every feature"),
            Some(rows) => {
                writeln!(f, "rows of {second} that equal one of {first} in every feature: {}", grouped(rows))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for FoldsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["fold", "train", "validation", "shares differ", "groups in both", "time", "equal rows"];
        let mut table = vec![header.map(String::from).to_vec()];
        for (fold, report) in self.folds.iter().enumerate() {
            let rows = |part: usize| report.parts.get(part).map_or(String::new(), |part| grouped(part.rows));
            let pair = report.pairs.first();
            let ordered = |ordered| if ordered { "in order" } else { "mixed" }.to_owned();
            table.push(vec![
                (fold + 1).to_string(),
                rows(0),
                rows(1),
                report.largest_deviation.map_or("-".into(), |x| format!("{:.1} points", 100.0 * x)),
                pair.and_then(|pair| pair.shared_groups).map_or("-".into(), grouped),
                pair.and_then(|pair| pair.ordered).map_or("-".into(), ordered),
                pair.and_then(|pair| pair.duplicates).map_or("-".into(), grouped),
            ]);
        }
        write_table(f, &table)
    }
}
