//! What an [`Imbalance`](crate::Imbalance) finds, in numbers and in words.

use std::fmt;

use mlsys_core::Category;
use serde::{Deserialize, Serialize};

use crate::ClassSizes;

/// What kind of rows a class is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RowTypes {
    /// More than 0.7 of its neighbours are of its class.
    pub safe: usize,
    /// More than 0.3 are.
    pub borderline: usize,
    /// More than 0.1 are.
    pub rare: usize,
    /// No more than 0.1 are.
    pub outlier: usize,
}

/// What an [`ImbalanceReport`] says of a class. All but `rows` and `share` count rows that were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassImbalance {
    /// The class.
    pub class: Category,
    /// How many rows it has.
    pub rows: usize,
    /// Their share of all.
    pub share: f64,
    /// How many were compared.
    pub compared: usize,
    /// With an edge to another class in the spanning tree: N1 of the class, over `compared`.
    pub border: usize,
    /// Whose nearest row is of another class: N3 of the class, over `compared`.
    pub errors: usize,
    /// By the shares of their class among their neighbours.
    pub types: RowTypes,
    /// Without any of their class among their neighbours.
    pub noise: usize,
    /// In how many parts the spanning tree falls without its edges to other classes.
    pub parts: usize,
    /// Parts of no more rows than there are neighbours.
    pub small_parts: usize,
    /// The rows of these.
    pub rows_of_small_parts: usize,
}

impl Default for ClassImbalance {
    fn default() -> Self {
        Self {
            class: Category::from(false),
            rows: 0,
            share: 0.0,
            compared: 0,
            border: 0,
            errors: 0,
            types: RowTypes::default(),
            noise: 0,
            parts: 0,
            small_parts: 0,
            rows_of_small_parts: 0,
        }
    }
}

impl ClassImbalance {
    fn of_compared(&self, count: usize) -> f64 {
        count as f64 / self.compared.max(1) as f64
    }
}

/// What a metric says of a model that has learnt nothing, and whether that is why it misleads here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricBaseline {
    /// The metric.
    pub metric: String,
    /// Its value without learning anything.
    pub guess: f64,
    /// Whether it looks good without being so.
    pub misleads: bool,
    /// Of what the value is, and what to look at instead.
    pub why: String,
}

/// What to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImbalanceAdvice {
    /// The largest class has less than 1.5 times the rows of the smallest: leave them as they are.
    LeaveAlone,
    /// Class weights and a threshold first.
    WeightsAndThreshold,
    /// This class has fewer than 50 rows: scores vary from sample to sample.
    CollectRows(Category),
    /// A tenth of this class or more is noise: look at labels, and clean before making rows.
    CheckLabels(Category),
    /// Half of this class or more has its nearest row in another: no resampler tells them apart.
    BetterFeatures(Category),
    /// 0.3 of this class or more is at the border: make rows there.
    MakeRowsAtTheBorder(Category),
    /// A fifth of this class or more is in small parts: make rows within these, or take trees.
    MakeRowsWithinParts(Category),
    /// 0.7 of this class or more is safe: its rows are few, not hard.
    MakeRows(Category),
    /// The largest class has 100,000 rows or more, and ten times as many as the smallest.
    UnderSample(Category),
}

impl fmt::Display for ImbalanceAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaveAlone => f.write_str("leave the classes as they are: they are nearly of one size"),
            Self::WeightsAndThreshold => f.write_str(
                "try class weights (`ClassWeighter`) and a threshold on validation rows (`ThresholdTuner`) first: they cost nothing",
            ),
            Self::CollectRows(class) => write!(
                f,
                "`{class}` has fewer than 50 rows: judge by repeated cross-validation with intervals, and collect more"
            ),
            Self::CheckLabels(class) => write!(
                f,
                "a tenth of `{class}` or more is alone among other classes: check its labels; `Adasyn` would make most rows there, \
                 `SmoteEnn` cleans afterwards"
            ),
            Self::BetterFeatures(class) => write!(
                f,
                "half of `{class}` or more has its nearest row in another class: resampling moves the threshold, no more; look for \
                 better features, or scale those that there are"
            ),
            Self::MakeRowsAtTheBorder(class) => write!(
                f,
                "`{class}` is at the border to a large part: of resamplers try `BorderlineSmote`, `SvmSmote` or `SmoteTomek`"
            ),
            Self::MakeRowsWithinParts(class) => write!(
                f,
                "`{class}` is in many small parts, which `Smote` would join across others: try `KMeansSmote`, or trees"
            ),
            Self::MakeRows(class) => {
                write!(f, "`{class}` is easy to tell, with few rows: of resamplers `Smote` will do")
            }
            Self::UnderSample(class) => write!(
                f,
                "`{class}` has rows to spare: `RandomUnderSampler` saves time, and `PriorCorrection` undoes what it does to probabilities"
            ),
        }
    }
}

/// How many rows the classes have, how much they overlap, which metrics mislead, and what to try. Made by
/// [`Imbalance`](crate::Imbalance), which says what the measures are. Printed it is a table; stored it is plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImbalanceReport {
    /// The target.
    pub target: String,
    /// Rows in all, without those of weight 0.
    pub rows: usize,
    /// The rows that were compared.
    pub compared: usize,
    /// The neighbours of each.
    pub k_neighbors: usize,
    /// The size of the largest class over that of the smallest.
    pub ratio: f64,
    /// The share of rows with an edge to another class in the spanning tree.
    pub n1: f64,
    /// The share of rows whose nearest row is of another class.
    pub n3: f64,
    /// The classes, ascending.
    pub classes: Vec<ClassImbalance>,
    /// What metrics say of a model that has learnt nothing.
    pub metrics: Vec<MetricBaseline>,
    /// What to try, in this order.
    pub advice: Vec<ImbalanceAdvice>,
}

impl ImbalanceReport {
    pub(crate) fn new(sizes: &ClassSizes, k_neighbors: usize, classes: Vec<ClassImbalance>) -> Self {
        let sum = |of: &dyn Fn(&ClassImbalance) -> usize| classes.iter().map(of).sum::<usize>();
        let compared = sum(&|one| one.compared);
        let share = |count: usize| count as f64 / compared.max(1) as f64;
        Self {
            target: sizes.column().into(),
            rows: sum(&|one| one.rows),
            compared,
            k_neighbors,
            ratio: sizes.ratio(),
            n1: share(sum(&|one| one.border)),
            n3: share(sum(&|one| one.errors)),
            metrics: metrics(sizes, &classes),
            advice: advice(sizes, &classes),
            classes,
        }
    }
}

fn metrics(sizes: &ClassSizes, classes: &[ClassImbalance]) -> Vec<MetricBaseline> {
    let (small, large) = (classes[sizes.smallest()].share, classes[sizes.largest()].share);
    let (least, most) = (sizes.minority(), sizes.majority());
    let one = |metric: &str, guess: f64, misleads: bool, why: String| MetricBaseline {
        metric: metric.into(),
        guess,
        misleads,
        why,
    };
    let mut found = vec![
        one(
            "accuracy",
            large,
            large > 0.75,
            format!("always `{most}`; look at balanced accuracy or at the recall of `{least}`"),
        ),
        one("balanced accuracy", 1.0 / classes.len() as f64, false, format!("always `{most}`")),
    ];
    if classes.len() == 2 {
        // At a false alarm in ten rows of the large class, which a curve of 0.9 and more may have.
        let precision = small / (small + 0.1 * large);
        found.push(one(
            "ROC AUC",
            0.5,
            small < 0.1,
            format!(
                "any constant; one false alarm in ten with every `{least}` found is 0.95, and a precision of {precision:.3}: look at \
                 average precision"
            ),
        ));
        // Metrics take the last class for the positive one.
        let positive = &classes[1];
        let larger = sizes.smallest() == 0;
        let name = if larger { format!("; name `{least}` as the positive class") } else { String::new() };
        let (share, class) = (positive.share, &positive.class);
        found.push(one(
            "average precision",
            share,
            larger && share > 0.75,
            format!("any constant: the share of `{class}`{name}"),
        ));
        found.push(one(
            "F1",
            2.0 * share / (1.0 + share),
            larger && share > 0.75,
            format!("always `{class}`{name}"),
        ));
    }
    let entropy = |one: &ClassImbalance| -one.share * libm::log(one.share);
    let loss = classes.iter().map(entropy).sum();
    found.push(one(
        "log loss",
        loss,
        small < 0.1,
        "the shares of the classes; look at how much lower it is".into(),
    ));
    found
}

/// Bounds that [`ImbalanceAdvice`] documents.
fn advice(sizes: &ClassSizes, classes: &[ClassImbalance]) -> Vec<ImbalanceAdvice> {
    let (small, large) = (&classes[sizes.smallest()], &classes[sizes.largest()]);
    let class = || small.class.clone();
    let share = |count: usize| small.of_compared(count);
    let mut found = Vec::new();
    if sizes.ratio() < 1.5 {
        found.push(ImbalanceAdvice::LeaveAlone);
    } else {
        found.push(ImbalanceAdvice::WeightsAndThreshold);
    }
    if small.rows < 50 {
        found.push(ImbalanceAdvice::CollectRows(class()));
    }
    if share(small.noise) >= 0.1 {
        found.push(ImbalanceAdvice::CheckLabels(class()));
    }
    if share(small.errors) >= 0.5 {
        found.push(ImbalanceAdvice::BetterFeatures(class()));
    }
    if sizes.ratio() < 1.5 {
        return found;
    }
    if share(small.types.borderline + small.types.rare) >= 0.3 {
        found.push(ImbalanceAdvice::MakeRowsAtTheBorder(class()));
    }
    if share(small.rows_of_small_parts) >= 0.2 && small.parts > 1 {
        found.push(ImbalanceAdvice::MakeRowsWithinParts(class()));
    }
    if share(small.types.safe) >= 0.7 {
        found.push(ImbalanceAdvice::MakeRows(class()));
    }
    if large.rows >= 100_000 && sizes.ratio() >= 10.0 {
        found.push(ImbalanceAdvice::UnderSample(large.class.clone()));
    }
    found
}

impl fmt::Display for ImbalanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rows of {} classes", self.target, self.rows, self.classes.len())?;
        write!(f, ", the largest {:.1} times the smallest", self.ratio)?;
        if self.compared < self.rows {
            write!(f, "; {} rows compared", self.compared)?;
        }
        writeln!(f, "\noverlap: N1 {:.3}, N3 {:.3}", self.n1, self.n3)?;
        let head = [
            "class",
            "rows",
            "share",
            "N1",
            "N3",
            "safe",
            "borderline",
            "rare",
            "outlier",
            "noise",
            "parts",
            "small",
        ];
        let mut table = vec![head.map(str::to_owned)];
        let percent = |x: f64| format!("{:.1}%", 100.0 * x);
        for one in &self.classes {
            let part = |count: usize| percent(one.of_compared(count));
            table.push([
                one.class.to_string(),
                one.rows.to_string(),
                percent(one.share),
                format!("{:.3}", one.of_compared(one.border)),
                format!("{:.3}", one.of_compared(one.errors)),
                part(one.types.safe),
                part(one.types.borderline),
                part(one.types.rare),
                part(one.types.outlier),
                part(one.noise),
                one.parts.to_string(),
                one.small_parts.to_string(),
            ]);
        }
        let width = |at: usize| table.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for line in &table {
            let mut text = String::new();
            for (at, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width - cell.chars().count());
                text.push_str(&if at == 0 { format!("  {cell}{space}") } else { format!("  {space}{cell}") });
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        for one in &self.metrics {
            let misleads = if one.misleads { " MISLEADS here:" } else { "" };
            writeln!(f, "{}:{misleads} {:.3} for {}", one.metric, one.guess, one.why)?;
        }
        self.advice.iter().try_for_each(|advice| writeln!(f, "- {advice}"))
    }
}
