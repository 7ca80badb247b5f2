//! Groups that stay whole: their codes, their order and how many rows of each class they have.

use mlsys_core::{Category, Coded, Dataset, Error, ErrorKind, Partition, Result};
use serde::{Deserialize, Serialize};

/// What a row whose group is missing counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingGroup {
    /// An error that says how many there are.
    #[default]
    Refuse,
    /// A group of its own, each.
    Each,
}

/// The groups of the rows: a named column, or the single group column.
pub(crate) fn groups<P: Partition>(
    data: &Dataset<P>,
    column: Option<&str>,
    missing: MissingGroup,
    estimator: &str,
) -> Result<Coded> {
    let name = match column {
        Some(name) => name,
        None => data.layout().group(estimator)?,
    };
    let mut coded = Coded::new(name, data.column(name)?)?.sorted();
    let count = coded.missing();
    if count == 0 {
        return Ok(coded);
    }
    if missing == MissingGroup::Refuse {
        let hint = "drop these rows, or make each a group with `missing(MissingGroup::Each)`".into();
        return Err(ErrorKind::MissingValues { column: name.into(), count, hint }.into());
    }
    for (row, code) in coded.codes.iter_mut().enumerate() {
        if *code == Coded::MISSING {
            *code = coded.distinct.len() as u32;
            coded.distinct.push(Category::Text(format!("missing in row {row}").into()));
        }
    }
    Ok(coded)
}

/// Refuses codes of missing values, and fewer than two groups.
pub(crate) fn check_groups(groups: &Coded) -> Result<()> {
    match groups.missing() {
        0 if groups.distinct.len() >= 2 => Ok(()),
        0 => Err(Error::invalid_value(
            "groups",
            None,
            groups.distinct.len(),
            "two groups or more, to keep one back",
        )),
        count => {
            let hint = "every row needs a group: give those without one a group each, or drop them".into();
            Err(ErrorKind::MissingValues { column: "groups".into(), count, hint }.into())
        }
    }
}

/// Refuses more folds than groups.
pub(crate) fn check_group_folds(estimator: &str, n_folds: usize, groups: &Coded) -> Result<()> {
    if n_folds < 2 {
        return Err(Error::invalid_parameter(estimator, "n_folds", n_folds, "2 or more"));
    }
    check_groups(groups)?;
    let n_groups = groups.distinct.len();
    if n_folds > n_groups {
        let expected =
            format!("at most {n_groups}, the number of groups, because a group is in one fold only");
        return Err(Error::invalid_parameter(estimator, "n_folds", n_folds, expected));
    }
    crate::sizes::most_folds(estimator, n_folds)
}

/// The codes in ascending order of their values, whatever numbering they came with.
pub(crate) fn by_value(coded: &Coded) -> Vec<usize> {
    let mut order: Vec<usize> = (0..coded.distinct.len()).collect();
    order.sort_by(|&a, &b| coded.distinct[a].cmp(&coded.distinct[b]));
    order
}

/// The rows of each code.
pub(crate) fn sizes(coded: &Coded) -> Vec<usize> {
    let mut sizes = vec![0; coded.distinct.len()];
    coded.codes.iter().for_each(|&code| sizes[code as usize] += 1);
    sizes
}

/// How many rows of each class are in each group: all that stratifying whole groups needs to know of the rows.
pub(crate) struct GroupCounts {
    pub(crate) n_classes: usize,
    /// Group by group.
    counts: Vec<u32>,
}

impl GroupCounts {
    pub(crate) fn new(groups: &Coded, classes: &Coded) -> Self {
        let n_classes = classes.distinct.len();
        let mut counts = vec![0; groups.distinct.len() * n_classes];
        for (&group, &class) in groups.codes.iter().zip(&classes.codes) {
            counts[group as usize * n_classes + class as usize] += 1;
        }
        Self { n_classes, counts }
    }

    /// Of some of the rows.
    pub(crate) fn of_rows(groups: &Coded, classes: &Coded, rows: &[usize]) -> Self {
        let n_classes = classes.distinct.len();
        let mut counts = vec![0; groups.distinct.len() * n_classes];
        for &row in rows {
            counts[groups.codes[row] as usize * n_classes + classes.codes[row] as usize] += 1;
        }
        Self { n_classes, counts }
    }

    pub(crate) fn of(&self, group: usize) -> &[u32] {
        &self.counts[group * self.n_classes..(group + 1) * self.n_classes]
    }

    pub(crate) fn per_class(&self) -> Vec<usize> {
        let mut totals = vec![0; self.n_classes];
        for group in self.counts.chunks(self.n_classes.max(1)) {
            totals.iter_mut().zip(group).for_each(|(total, &count)| *total += count as usize);
        }
        totals
    }
}

/// Refuses classes and groups of different lengths, missing classes, and classes of too few rows.
pub(crate) fn check_classes(estimator: &str, classes: &Coded, groups: &Coded, need: usize) -> Result<()> {
    if classes.len() != groups.len() {
        return Err(Error::shape(
            "classes",
            format!("{} rows, as there are groups", groups.len()),
            classes.len(),
        ));
    }
    if classes.missing() > 0 {
        return Err(Error::invalid_value("classes", None, "missing", "a class for each row"));
    }
    let sizes = sizes(classes);
    match sizes.iter().position(|&size| size < need) {
        Some(class) => {
            let name = classes.distinct[class].to_string();
            Err(crate::sizes::too_small(estimator, &name, need, sizes[class]))
        }
        None => Ok(()),
    }
}
