//! Reports as text.

use std::fmt;

use mlsys_core::Category;

use super::{ColumnSummary, ProfileReport};

/// Longer texts are cut.
const SHOWN: usize = 24;

pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}

/// A number in at most about eight characters.
pub(super) fn short(x: f64) -> String {
    let size = x.abs();
    if x.is_nan() {
        "-".into()
    } else if size != 0.0 && !(1e-4..1e7).contains(&size) {
        format!("{x:.3e}")
    } else if x == x.trunc() {
        format!("{x}")
    } else {
        let digits = if size >= 1_000.0 {
            1
        } else if size >= 10.0 {
            2
        } else {
            4
        };
        format!("{x:.digits$}")
    }
}

impl ColumnSummary {
    fn cells(&self) -> [String; 11] {
        let mut cells: [String; 11] = Default::default();
        cells[0] = cut(&self.name);
        cells[1] = self.type_name.clone();
        cells[2] = match self.missing.missing() {
            0 => "-".into(),
            _ => format!("{:.1}%", 100.0 * self.missing.share()),
        };
        cells[3] = match (self.distinct(), &self.quantiles, &self.counts) {
            (Some(n), _, _) => n.to_string(),
            (None, None, None) => "-".into(),
            _ => self.distinct_estimate().map_or("many".into(), |(n, _)| format!("~{}", short(n.round()))),
        };
        if let Some(moments) = &self.moments {
            cells[4] = short(moments.mean());
            cells[5] = short(moments.std_dev(1.0));
        }
        let end = |value: &Option<Category>| match value {
            Some(Category::Float(x)) => short(*x),
            Some(other) => cut(&other.to_string()),
            None => "-".into(),
        };
        cells[6] = end(&self.min);
        if let Some(quantiles) = &self.quantiles {
            for (cell, q) in cells[7..10].iter_mut().zip([0.25, 0.5, 0.75]) {
                *cell = quantiles.quantile(q).map_or("-".into(), short);
            }
        }
        cells[10] = end(&self.max);
        cells
    }
}

impl fmt::Display for ProfileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows x {} columns", self.n_rows(), self.columns.len())?;
        let head =
            ["column", "type", "missing", "distinct", "mean", "std", "min", "25%", "50%", "75%", "max"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.columns.iter().map(ColumnSummary::cells));
        let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width - cell.chars().count());
                // Names and types to the left, numbers to the right.
                line.push_str("  ");
                line.push_str(&if i < 2 { format!("{cell}{pad}") } else { format!("{pad}{cell}") });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        let frequent = self.columns.iter().filter(|c| c.counts.as_ref().is_some_and(|c| c.values.is_some()));
        for column in frequent {
            let Some(counts) = &column.counts else { continue };
            let top = counts.top(3).into_iter().map(|c| format!("{} {}", cut(&c.value.to_string()), c.rows));
            let top = top.collect::<Vec<_>>().join(", ");
            writeln!(
                f,
                "  most frequent {}: {}",
                cut(&column.name),
                if top.is_empty() { "-" } else { &top }
            )?;
        }
        Ok(())
    }
}
