//! The leaks that are planted, each strong and subtle, and whether the audit names them.

use std::sync::Arc;

use mlsys::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampSecondArray,
};
use mlsys::arrow::compute::cast;
use mlsys::arrow::datatypes::{DataType, Float64Type};
use mlsys::core::{Kind, Result, column, seed};
use mlsys::leakage::{LeakKind, LeakageReport, Severity};
use mlsys::rand::rngs::ChaCha8Rng;

use super::more;
use super::tables::{Parts, Table, flipped, normal, with};

/// How plain a leak is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Strong,
    Subtle,
}

impl AsRef<Strength> for Strength {
    fn as_ref(&self) -> &Strength {
        self
    }
}

impl Strength {
    pub fn name(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Subtle => "subtle",
        }
    }

    pub fn pick<T>(self, strong: T, subtle: T) -> T {
        match self {
            Self::Strong => strong,
            Self::Subtle => subtle,
        }
    }
}

/// A leak: plants itself in a table by a seed, and gives how severe the finding is that names it, if any.
pub struct Leak {
    pub name: &'static str,
    pub plant: fn(&Table, Strength, u64) -> Result<Option<Severity>>,
}

pub const LEAKS: &[Leak] = &[
    Leak { name: "duplicate rows", plant: duplicates },
    Leak { name: "near duplicates", plant: near_duplicates },
    Leak { name: "conflicting labels", plant: conflicts },
    Leak { name: "shared ids", plant: shared_ids },
    Leak { name: "shared groups", plant: shared_groups },
    Leak { name: "out of order in time", plant: time_overlap },
    Leak { name: "labels known too late", plant: label_intervals },
    Leak { name: "other distribution", plant: drift },
    Leak { name: "copy of the label", plant: copy },
    Leak { name: "number made of the label", plant: number },
    Leak { name: "integer made of the label", plant: integer },
    Leak { name: "number made of a number", plant: of_numbers },
    Leak { name: "category made of the label", plant: category },
    Leak { name: "two columns together", plant: together },
    Leak { name: "two times together", plant: times_together },
    Leak { name: "gaps that tell", plant: gaps },
    Leak { name: "gaps where the label is", plant: gaps_with_label },
    Leak { name: "rows in order of label", plant: order },
    Leak { name: "ids that tell", plant: ids_tell },
    Leak { name: "told in one part only", plant: change },
    Leak { name: "means of the target", plant: target_means },
    Leak { name: "not known yet", plant: more::not_yet_available },
    Leak { name: "joined from the future", plant: more::from_the_future },
    Leak { name: "aggregates of all rows", plant: more::aggregates },
    Leak { name: "fitted on test rows", plant: more::fitted_on_test },
    Leak { name: "test rows reach the model", plant: more::test_rows_reach_model },
    Leak { name: "asked too often", plant: more::wear },
    Leak { name: "a new column", plant: more::new_column },
    Leak { name: "a column by ablation", plant: more::ablation },
    Leak { name: "parts by a classifier", plant: more::adversarial },
];

/// The worst finding of these kinds about a column.
pub fn about(report: &LeakageReport, kinds: &[LeakKind], column: &str) -> Option<Severity> {
    report.about(column).filter(|finding| kinds.contains(&finding.kind)).map(|finding| finding.severity).max()
}

/// The severity of a kind, if its rows are those of the test part that were planted, or four in five of them, and beside these no more than
/// the split has of the kind where nothing is planted.
fn with_rows(
    clean: &LeakageReport,
    report: &LeakageReport,
    kind: LeakKind,
    planted: &[usize],
) -> Option<Severity> {
    let of = |report: &LeakageReport| report.findings().iter().find(|finding| finding.kind == kind).cloned();
    let finding = of(report)?;
    let rows = finding.rows?;
    let natural = of(clean).and_then(|finding| finding.rows).map_or(0, |rows| rows.count);
    let planted: std::collections::BTreeSet<u64> = planted.iter().map(|&row| row as u64).collect();
    let listed = rows.ids.iter().filter(|id| planted.contains(id)).count() as f64;
    // Of long lists the first are named: as many of these must be planted as of all.
    let due = planted.len() as f64 * rows.ids.len() as f64 / (planted.len() + natural).max(rows.count) as f64;
    let enough = listed >= 0.8 * due && rows.count * 5 >= planted.len() * 4;
    let few = rows.count as f64 <= planted.len() as f64 + 1.2 * natural as f64 + 5.0;
    (enough && few).then_some(finding.severity)
}

pub fn rng(seed: u64, leak: u64) -> ChaCha8Rng {
    seed::stream(seed, 0x706c_616e + leak)
}

/// Rows by chance, each once.
pub fn draw(n: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut rows = seed::permutation(n, rng);
    rows.truncate(count.clamp(1, n));
    rows
}

/// So many test rows become copies of training rows; gives both.
fn copied(parts: &mut Parts, count: usize, rng: &mut ChaCha8Rng) -> Result<(Vec<usize>, Vec<usize>)> {
    let to = draw(parts.test.num_rows(), count, rng);
    let from = draw(parts.train.num_rows(), count, rng);
    parts.copy_to_test(&to, &from)?;
    Ok((to, from))
}

fn share(rows: usize, share: f64) -> usize {
    ((rows as f64 * share) as usize).max(1)
}

fn duplicates(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 1));
    let clean = parts.audit()?;
    let count = strength.pick(share(parts.test.num_rows(), 0.05), 3);
    let (rows, _) = copied(&mut parts, count, &mut rng)?;
    Ok(with_rows(&clean, &parts.audit()?, LeakKind::DuplicateRows, &rows))
}

/// Numbers move by a little of their deviation, integers to the next; the subtle ones are fewer, and move more.
fn near_duplicates(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 2));
    let clean = parts.audit()?;
    let count = share(parts.test.num_rows(), strength.pick(0.05, 0.01));
    let (rows, _) = copied(&mut parts, count, &mut rng)?;
    let mut test = parts.test.clone();
    let mut moved = 0;
    for (at, field) in parts.test.schema().fields().iter().enumerate() {
        let array = parts.test.column(at);
        if !Kind::of(array.data_type()).is_number() || field.name() == parts.target() {
            continue;
        }
        let mut values = column::floats(field.name(), array)?.to_vec();
        let n = values.iter().filter(|x| !x.is_nan()).count().max(1) as f64;
        let mean = values.iter().filter(|x| !x.is_nan()).sum::<f64>() / n;
        let deviation =
            (values.iter().filter(|x| !x.is_nan()).map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let is_float = matches!(array.data_type(), DataType::Float64);
        if !is_float && (deviation < 30.0 || moved >= 3) {
            continue;
        }
        moved += 1;
        for &row in &rows {
            let by = deviation * strength.pick(0.005, 0.03) * normal(&mut rng);
            values[row] += if is_float { by } else { by.signum() };
        }
        let made: ArrayRef =
            Arc::new(Float64Array::from_iter(values.into_iter().map(|x| (!x.is_nan()).then_some(x))));
        test = with(&test, field.name(), cast(&made, array.data_type())?)?;
    }
    parts.test = test;
    Ok(with_rows(&clean, &parts.audit()?, LeakKind::NearDuplicateRows, &rows))
}

fn conflicts(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 3));
    let clean = parts.audit()?;
    let count = share(parts.test.num_rows(), strength.pick(0.05, 0.01));
    let (rows, _) = copied(&mut parts, count, &mut rng)?;
    let target = parts.target().to_owned();
    parts.test = flipped(&parts.test, &target, &rows)?;
    Ok(with_rows(&clean, &parts.audit()?, LeakKind::ConflictingLabels, &rows))
}

fn shared_ids(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 4));
    let (n, m) = (parts.train.num_rows(), parts.test.num_rows());
    let names = seed::permutation(n + m, &mut rng);
    let name = |id: usize| format!("P{id:07}");
    let mut own: Vec<String> = names[..n].iter().map(|&id| name(id)).collect();
    let mut other: Vec<String> = names[n..].iter().map(|&id| name(id)).collect();
    let rows = draw(m, strength.pick(share(m, 0.05), 1), &mut rng);
    for &row in &rows {
        other[row].clone_from(&own[row % n]);
    }
    own.truncate(n);
    parts.set("patient", Arc::new(StringArray::from(own)), Arc::new(StringArray::from(other)))?;
    parts.roles = vec![("id", "patient")];
    Ok(with_rows(&LeakageReport::new(), &parts.audit()?, LeakKind::SharedIds, &rows))
}

fn shared_groups(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 5));
    let (n, m) = (parts.train.num_rows(), parts.test.num_rows());
    let mut group = |from: u64, to: u64| (from + seed::below(to - from, &mut rng)) as i64;
    let own: Vec<i64> = (0..n).map(|_| group(0, 40)).collect();
    // Of twenty groups of the test rows, many or a single one are among those of the training rows.
    let other: Vec<i64> = (0..m).map(|_| strength.pick(group(30, 50), group(39, 59))).collect();
    parts.set("clinic", Arc::new(Int64Array::from(own)), Arc::new(Int64Array::from(other)))?;
    parts.roles = vec![("group", "clinic")];
    Ok(about(&parts.audit()?, &[LeakKind::SharedGroups], "clinic"))
}

/// Days, of which the test rows have the last.
fn days(
    parts: &mut Parts,
    rng: &mut ChaCha8Rng,
    changes: impl Fn(&mut [i64], &mut [i64], &mut ChaCha8Rng),
) -> Result<()> {
    let (n, m) = (parts.train.num_rows(), parts.test.num_rows());
    let mut own: Vec<i64> = (0..n).map(|_| seed::below(1_000, rng) as i64).collect();
    let mut other: Vec<i64> = (0..m).map(|_| 1_000 + seed::below(300, rng) as i64).collect();
    changes(&mut own, &mut other, rng);
    parts.set("seen", Arc::new(Int64Array::from(own)), Arc::new(Int64Array::from(other)))?;
    parts.roles = vec![("time", "seen")];
    Ok(())
}

fn time_overlap(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 6));
    days(&mut parts, &mut rng, |own, other, rng| match strength {
        Strength::Strong => {
            own.iter_mut().chain(other).for_each(|day| *day = seed::below(1_300, rng) as i64);
        }
        Strength::Subtle => own[..2].iter_mut().for_each(|day| *day = 1_150),
    })?;
    Ok(about(&parts.audit()?, &[LeakKind::TimeOverlap], "seen"))
}

fn label_intervals(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 7));
    days(&mut parts, &mut rng, |own, _, _| own.iter_mut().for_each(|day| *day = *day * 9 / 10))?;
    let wait = strength.pick(200, 0);
    let end = |batch: &RecordBatch| {
        let days = batch.column(batch.num_columns() - 1).as_primitive::<mlsys::arrow::datatypes::Int64Type>();
        // Of the subtle ones a single row waits.
        let ends =
            days.values().iter().enumerate().map(|(row, day)| day + if row == 5 { 1_000 } else { wait });
        Arc::new(Int64Array::from_iter_values(ends)) as ArrayRef
    };
    let (own, other) = (end(&parts.train), end(&parts.test));
    parts.set("settled", own, other)?;
    parts.label_end = Some("settled");
    Ok(about(&parts.audit()?, &[LeakKind::LabelIntervals], "settled"))
}

fn drift(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 8));
    let by = strength.pick(2.0, 0.7);
    let own: Float64Array = (0..parts.train.num_rows()).map(|_| Some(normal(&mut rng))).collect();
    let other: Float64Array = (0..parts.test.num_rows()).map(|_| Some(by + normal(&mut rng))).collect();
    parts.set("sensor", Arc::new(own), Arc::new(other))?;
    Ok(about(&parts.audit()?, &[LeakKind::Drift], "sensor"))
}

const STRONG_KINDS: &[LeakKind] = &[LeakKind::NearlyTheLabel, LeakKind::ImplausibleStrength];

/// A column of both parts from the label of each row.
fn from_label(
    parts: &mut Parts,
    name: &str,
    make: &mut dyn FnMut(&[bool]) -> ArrayRef,
) -> Result<LeakageReport> {
    let [own, other] = parts.labels()?;
    let (own, other) = (make(&own), make(&other));
    parts.set(name, own, other)?;
    parts.audit()
}

fn copy(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 9));
    let wrong = strength.pick(0.005, 0.05);
    let report = from_label(&mut parts, "status", &mut |yes| {
        let told = yes
            .iter()
            .map(|&yes| Some(if (seed::uniform(&mut rng) < wrong) ^ yes { "closed" } else { "open" }));
        Arc::new(told.collect::<StringArray>())
    })?;
    Ok(about(&report, STRONG_KINDS, "status"))
}

fn number(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 10));
    let apart = strength.pick(4.5, 2.5);
    let report = from_label(&mut parts, "amount", &mut |yes| {
        let told =
            yes.iter().map(|&yes| Some(100.0 + 10.0 * (f64::from(u8::from(yes)) * apart + normal(&mut rng))));
        Arc::new(told.collect::<Float64Array>())
    })?;
    Ok(about(&report, STRONG_KINDS, "amount"))
}

/// An amount in cents, of thousands of values.
fn integer(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 20));
    let apart = strength.pick(4.5, 2.5);
    let report = from_label(&mut parts, "cents", &mut |yes| {
        let told =
            yes.iter().map(|&yes| (1_000.0 * (f64::from(u8::from(yes)) * apart + normal(&mut rng))) as i64);
        Arc::new(Int64Array::from_iter_values(told))
    })?;
    Ok(about(&report, STRONG_KINDS, "cents"))
}

/// A target of numbers, and a column that is it but for a little noise.
fn of_numbers(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 21));
    let noise = strength.pick(0.03, 0.25);
    let mut made = |rows: usize| -> [ArrayRef; 2] {
        let target: Vec<f64> = (0..rows).map(|_| normal(&mut rng)).collect();
        let told = target.iter().map(|y| 50.0 + 20.0 * (y + noise * normal(&mut rng)));
        let told: ArrayRef = Arc::new(Float64Array::from_iter_values(told));
        [Arc::new(Float64Array::from(target)), told]
    };
    let ([own, own_told], [other, other_told]) = (made(parts.train.num_rows()), made(parts.test.num_rows()));
    let target = parts.target().to_owned();
    parts.set(&target, own, other)?;
    parts.set("invoice", own_told, other_told)?;
    Ok(about(&parts.audit()?, STRONG_KINDS, "invoice"))
}

/// Two times in seconds since 1970, planned and noted: a few minutes later where the answer is yes.
fn times_together(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 22));
    let [own, other] = parts.labels()?;
    let late = strength.pick(1_800.0, 900.0);
    let mut times = |yes: &[bool]| {
        let planned: Vec<i64> =
            yes.iter().map(|_| 1_357_000_000 + seed::below(31_000_000, &mut rng) as i64).collect();
        let noted = planned.iter().zip(yes).map(|(at, &yes)| {
            at + (f64::from(u8::from(yes)) * late + 420.0 * normal(&mut rng)).round() as i64
        });
        let noted: ArrayRef = Arc::new(TimestampSecondArray::from_iter_values(noted));
        (Arc::new(TimestampSecondArray::from(planned)) as ArrayRef, noted)
    };
    let ((own_planned, own_noted), (other_planned, other_noted)) = (times(&own), times(&other));
    parts.set("planned", own_planned, other_planned)?;
    parts.set("noted", own_noted, other_noted)?;
    let report = parts.audit()?;
    // Planned and noted are as strong alone: either may be named first.
    Ok(about(&report, &[LeakKind::TellsTogether], "noted").max(about(
        &report,
        &[LeakKind::TellsTogether],
        "planned",
    )))
}

/// Forty codes, of which each class mostly has its own.
fn category(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 11));
    let wrong = strength.pick(0.01, 0.06);
    let report = from_label(&mut parts, "code", &mut |yes| {
        let told = yes.iter().map(|&yes| {
            let of_yes = (seed::uniform(&mut rng) < wrong) ^ yes;
            Some(format!("K{}", 2 * seed::below(20, &mut rng) + u64::from(of_yes)))
        });
        Arc::new(told.collect::<StringArray>())
    })?;
    Ok(about(&report, STRONG_KINDS, "code"))
}

/// A time that was planned, and one that was noted: a little later where the answer is yes.
fn together(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 12));
    let [own, other] = parts.labels()?;
    let late = strength.pick(30.0, 16.0);
    let mut times = |yes: &[bool]| {
        let planned: Vec<f64> = yes.iter().map(|_| (1_440.0 * seed::uniform(&mut rng)).floor()).collect();
        let noted = planned
            .iter()
            .zip(yes)
            .map(|(at, &yes)| (at + f64::from(u8::from(yes)) * late + 7.0 * normal(&mut rng)).round());
        let noted: ArrayRef = Arc::new(Float64Array::from_iter_values(noted));
        (Arc::new(Float64Array::from(planned)) as ArrayRef, noted)
    };
    let ((own_planned, own_noted), (other_planned, other_noted)) = (times(&own), times(&other));
    parts.set("planned", own_planned, other_planned)?;
    parts.set("noted", own_noted, other_noted)?;
    Ok(about(&parts.audit()?, &[LeakKind::TellsTogether], "noted"))
}

fn gaps(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 13));
    let [yes_gap, no_gap] = strength.pick([0.97, 0.01], [0.30, 0.05]);
    let report = from_label(&mut parts, "follow_up", &mut |yes| {
        let values = yes.iter().map(|&yes| {
            let gap = seed::uniform(&mut rng) < if yes { yes_gap } else { no_gap };
            let value = normal(&mut rng);
            (!gap).then_some(value)
        });
        Arc::new(values.collect::<Float64Array>())
    })?;
    Ok(about(&report, &[LeakKind::MissingnessTells], "follow_up"))
}

/// Some labels are not known; another column has gaps in the same rows, or in most of them and in few others.
fn gaps_with_label(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 14));
    let target = parts.target().to_owned();
    let [with_label, without] = strength.pick([1.0, 0.0], [0.7, 0.003]);
    let mut blank = |batch: &RecordBatch| {
        let n = batch.num_rows();
        let unknown: Vec<bool> = (0..n).map(|_| seed::uniform(&mut rng) < 0.06).collect();
        let known: BooleanArray = unknown.iter().map(|unknown| Some(!unknown)).collect();
        let label = column::find(batch, &target)?;
        let label = mlsys::arrow::compute::nullif(label, &mlsys::arrow::compute::not(&known)?)?;
        let values = unknown.iter().map(|&unknown| {
            let gap = seed::uniform(&mut rng) < if unknown { with_label } else { without };
            let value = normal(&mut rng);
            (!gap).then_some(value)
        });
        with(&with(batch, &target, label)?, "duration", Arc::new(values.collect::<Float64Array>()))
    };
    let (train, test) = (blank(&parts.train)?, blank(&parts.test)?);
    (parts.train, parts.test) = (train, test);
    Ok(about(&parts.audit()?, &[LeakKind::MissingWithLabel], "duration"))
}

fn order(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 15));
    let [own, _] = parts.labels()?;
    let weight = strength.pick(1.0, 0.45);
    let keys: Vec<f64> =
        own.iter().map(|&yes| f64::from(u8::from(yes)) * weight + seed::uniform(&mut rng)).collect();
    let mut order: Vec<usize> = (0..own.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    parts.reorder_train(&order)?;
    let report = parts.audit()?;
    Ok(report.findings().iter().filter(|f| f.kind == LeakKind::OrderTells).map(|f| f.severity).max())
}

fn ids_tell(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 16));
    let weight = strength.pick(1.0, 0.45);
    let n = parts.train.num_rows() as f64 + parts.test.num_rows() as f64;
    let mut part = 0;
    parts.roles = vec![("id", "record")];
    let report = from_label(&mut parts, "record", &mut |yes| {
        part += 1;
        // Odd numbers in one part, even ones in the other.
        let ids = yes.iter().map(|&yes| {
            let at = f64::from(u8::from(yes)) * weight + seed::uniform(&mut rng);
            (at * n * 1_000.0) as i64 * 2 + part
        });
        Arc::new(Int64Array::from_iter_values(ids))
    })?;
    Ok(about(&report, &[LeakKind::IdTells], "record"))
}

/// A column that tells the label of training rows, and of test rows nothing.
fn change(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 17));
    let wrong = strength.pick(0.2, 0.35);
    let mut part = 0;
    let report = from_label(&mut parts, "score", &mut |yes| {
        part += 1;
        let wrong = if part == 1 { wrong } else { 0.5 };
        let told = yes.iter().map(|&yes| Some(((seed::uniform(&mut rng) < wrong) ^ yes) as i64));
        Arc::new(told.collect::<Int64Array>())
    })?;
    let kinds = [&[LeakKind::StrengthChanges], STRONG_KINDS].concat();
    Ok(about(&report, &kinds, "score"))
}

/// The mean of the target in groups of a few rows, the row itself included; in test rows, that of the training rows.
fn target_means(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 18));
    let [own, other] = parts.labels()?;
    let n_groups = (own.len() / strength.pick(3, 10)).max(2) as u64;
    let mut group =
        |rows: &[bool]| rows.iter().map(|_| seed::below(n_groups, &mut rng) as usize).collect::<Vec<_>>();
    let (own_groups, other_groups) = (group(&own), group(&other));
    let mut sums = vec![[0.0; 2]; n_groups as usize];
    for (&group, &yes) in own_groups.iter().zip(&own) {
        sums[group][0] += 1.0;
        sums[group][1] += f64::from(u8::from(yes));
    }
    let base = own.iter().filter(|&&yes| yes).count() as f64 / own.len() as f64;
    let mean = |group: &usize| if sums[*group][0] > 0.0 { sums[*group][1] / sums[*group][0] } else { base };
    let column =
        |groups: &[usize]| Arc::new(Float64Array::from_iter_values(groups.iter().map(mean))) as ArrayRef;
    parts.set("rate", column(&own_groups), column(&other_groups))?;
    debug_assert!(
        parts.train.column(parts.train.num_columns() - 1).as_primitive_opt::<Float64Type>().is_some()
    );
    let kinds = [&[LeakKind::StrengthChanges, LeakKind::AggregateIncludes], STRONG_KINDS].concat();
    Ok(about(&parts.audit()?, &kinds, "rate"))
}
