//! Leaks that an audit must be told where to look for: times, aggregates, models, test rows that were asked too often.

use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys::core::{Dataset, Fit, Kind, Result, RowTracking, column, seed};
use mlsys::encoding::StandardScaler;
use mlsys::eval::LogLoss;
use mlsys::leakage::{
    Ablation, AdversarialValidation, Aggregate, AggregateAudit, AsOfAudit, AvailabilityAudit, ColumnPowers,
    ColumnWatch, Evaluation, LeakKind, LeakageReport, MutationTest, Severity, TestLedger, audit_fitted,
};
use mlsys::models::Gbdt;
use mlsys::rand::rngs::ChaCha8Rng;
use mlsys::sampling::KFold;

use super::leaks::{Strength, about, draw, rng};
use super::tables::{Parts, Table, normal, with};

/// The severity of a kind, if its rows are those that were planted, and no others.
fn exactly(report: &LeakageReport, kind: LeakKind, planted: &[usize]) -> Option<Severity> {
    let finding = report.findings().iter().find(|finding| finding.kind == kind)?;
    let rows = finding.rows.as_ref()?;
    let found = rows.ids.iter().all(|id| planted.contains(&(*id as usize)));
    (rows.count == planted.len() && found).then_some(finding.severity)
}

fn worst(report: &LeakageReport, kind: LeakKind) -> Option<Severity> {
    report.findings().iter().filter(|finding| finding.kind == kind).map(|finding| finding.severity).max()
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn doubles(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// A balance with the time at which it was booked; of some rows later than it is used.
pub fn not_yet_available(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (parts, mut rng) = (table.random(seed)?, rng(seed, 31));
    let n = parts.train.num_rows();
    let asked: Vec<i64> = (0..n).map(|_| seed::below(1_000_000, &mut rng) as i64).collect();
    let mut booked: Vec<i64> = asked.iter().map(|at| at - seed::below(5_000, &mut rng) as i64).collect();
    let mut rows = draw(n, strength.pick(n / 5, 1), &mut rng);
    rows.iter().for_each(|&row| booked[row] = asked[row] + 60);
    rows.sort_unstable();
    let batch = with(&with(&parts.train, "asked", integers(&asked))?, "booked", integers(&booked))?;
    let data = Dataset::new(with(&batch, "balance", doubles((0..n).map(|_| 0.5)))?)?.time("asked")?;
    let report = AvailabilityAudit::new().available("balance", "booked").run(&data)?;
    Ok(exactly(&report, LeakKind::NotYetAvailable, &rows))
}

/// A price joined from a history; of some rows the next one after it is used.
pub fn from_the_future(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (parts, mut rng) = (table.random(seed)?, rng(seed, 32));
    let n = parts.train.num_rows();
    let (shops, days) = ((n / 20).max(5), 50i64);
    let price = |shop: i64, day: i64| (shop * 1_000 + day) as f64;
    let shop: Vec<i64> = (0..n).map(|_| seed::below(shops as u64, &mut rng) as i64).collect();
    let asked: Vec<i64> = (0..n).map(|_| 10 * seed::below(days as u64 - 1, &mut rng) as i64 + 5).collect();
    let mut known: Vec<f64> = shop.iter().zip(&asked).map(|(&shop, &at)| price(shop, at / 10)).collect();
    let mut rows = draw(n, strength.pick(n / 5, 1), &mut rng);
    rows.iter().for_each(|&row| known[row] += 1.0);
    rows.sort_unstable();
    let events: Vec<(i64, i64)> =
        (0..shops as i64).flat_map(|shop| (0..days).map(move |day| (shop, day))).collect();
    let events = RecordBatch::try_from_iter([
        ("shop", integers(&events.iter().map(|event| event.0).collect::<Vec<_>>())),
        ("at", integers(&events.iter().map(|event| event.1 * 10).collect::<Vec<_>>())),
        ("price", doubles(events.iter().map(|&(shop, day)| price(shop, day)))),
    ])?;
    let batch = with(&with(&parts.train, "shop", integers(&shop))?, "asked", integers(&asked))?;
    let data = Dataset::new(with(&batch, "last_price", doubles(known))?)?.time("asked")?;
    let report = AsOfAudit::new("last_price", "price", "at").by(["shop"]).run(&data, &events)?;
    Ok(exactly(&report, LeakKind::FromTheFuture, &rows))
}

/// The mean of the target by clinic: over all rows, those of the test part too; or of the training rows, the row itself among 30.
pub fn aggregates(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (parts, mut rng) = (table.random(seed)?, rng(seed, 33));
    let labels = parts.labels()?;
    let n_clinics = (labels[0].len() / 30).max(3);
    let clinics: Vec<Vec<i64>> = labels
        .iter()
        .map(|rows| rows.iter().map(|_| seed::below(n_clinics as u64, &mut rng) as i64).collect())
        .collect();
    let mut sums = vec![[0.0; 2]; n_clinics];
    let counted = strength.pick(2, 1);
    for (clinics, labels) in clinics.iter().zip(&labels).take(counted) {
        for (&clinic, &yes) in clinics.iter().zip(labels) {
            sums[clinic as usize][0] += 1.0;
            sums[clinic as usize][1] += f64::from(u8::from(yes));
        }
    }
    let data = |batch: &RecordBatch, part: usize| {
        let yes = doubles(labels[part].iter().map(|&yes| f64::from(u8::from(yes))));
        let rate = doubles(clinics[part].iter().map(|&clinic| {
            let [rows, yes] = sums[clinic as usize];
            if rows > 0.0 { yes / rows } else { 0.5 }
        }));
        let batch = with(&with(batch, "clinic", integers(&clinics[part]))?, "rate", rate)?;
        Dataset::new(with(&batch, "yes", yes)?)?.target("yes")
    };
    let (train, test) = (data(&parts.train, 0)?.into_train_all(), data(&parts.test, 1)?.into_test_all());
    let audit = AggregateAudit::new("rate", Aggregate::Mean, "yes").by(["clinic"]);
    Ok(about(&audit.run_over(&train, &test)?, &[LeakKind::AggregateIncludes], "rate"))
}

/// A scaler that was fitted on a fifth of the test rows too, seen by a sketch; or on one of them, seen by the keys of every row.
pub fn fitted_on_test(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let data = Dataset::new(table.rows().clone())?.track_rows()?;
    let mut rng = rng(seed, 34);
    let order = seed::permutation(data.n_rows(), &mut rng);
    let (test, train) = order.split_at(data.n_rows() / 4);
    let fed = &test[..strength.pick(test.len() / 5, 1)];
    let seen: Vec<usize> = train.iter().chain(fed).copied().collect();
    let tracking = strength.pick(RowTracking::default(), RowTracking::EveryRow);
    let scaler = StandardScaler::new().tracked(tracking).fit(&data.take(&seen)?.into_train_all())?;
    let report = audit_fitted(&scaler, &data.take(test)?.into_test_all())?;
    Ok(worst(&report, LeakKind::FittedOnTestRows).filter(|_| {
        let same = report.findings().iter().find(|finding| finding.severity == Severity::Error);
        let ids = same.and_then(|finding| finding.rows.as_ref()).map(|rows| rows.ids.as_slice());
        ids.unwrap_or_default().iter().all(|&id| fed.contains(&(id as usize)))
    }))
}

/// The mean of all rows, or the largest value of the test rows where that of the training rows was meant.
pub fn test_rows_reach_model(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let parts = table.random(seed)?;
    let (train, test) = parts.datasets()?;
    let (train, test) = (train.into_train_all(), test.into_test_all());
    let name = numbers(&parts).swap_remove(0);
    let own = column::floats(&name, train.column(&name)?)?;
    let report = MutationTest::new().seed(seed).rounds(1).run(&test, |test| {
        let other = column::floats(&name, test.column(&name)?)?;
        let known = own.iter().filter(|x| !x.is_nan());
        let (sum, n) = known.clone().fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
        let highest = known.copied().fold(f64::NEG_INFINITY, f64::max);
        let of_test = other.iter().filter(|x| !x.is_nan());
        let fitted = match strength {
            Strength::Strong => of_test.fold((sum, n), |(sum, n), x| (sum + x, n + 1.0)),
            Strength::Subtle => (sum / n, of_test.copied().fold(highest, f64::max)),
        };
        Ok([fitted.0.to_le_bytes(), fitted.1.to_le_bytes()].concat())
    })?;
    Ok(about(&report, &[LeakKind::TestRowsReachModel], &name))
}

/// The accuracy of coins, five hundred or ten of them, on the test rows.
pub fn wear(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (parts, mut rng) = (table.random(seed)?, rng(seed, 36));
    let (_, test) = parts.datasets()?;
    let test = test.slice(0, test.n_rows().min(2_000))?.into_test_all();
    let [_, labels] = parts.labels()?;
    let mut ledger = TestLedger::new(&test)?;
    for round in 0..strength.pick(500, 10) {
        let right =
            labels[..test.n_rows()].iter().filter(|&&yes| (seed::uniform(&mut rng) < 0.5) == yes).count();
        let value = right as f64 / test.n_rows() as f64;
        ledger.record(&test, Evaluation::new(format!("coin {round}"), "accuracy", value))?;
    }
    Ok(worst(&ledger.report()?, LeakKind::TestWear))
}

/// The columns that are numbers, but for the target.
fn numbers(parts: &Parts) -> Vec<String> {
    let schema = parts.train.schema();
    let is = |field: &&mlsys::arrow::datatypes::FieldRef| {
        Kind::of(field.data_type()).is_number() && field.name() != parts.target()
    };
    schema.fields().iter().filter(is).map(|field| field.name().clone()).collect()
}

/// A column of both parts that is the label but for a share of the rows.
fn copy_of_label(parts: &mut Parts, wrong: f64, rng: &mut ChaCha8Rng) -> Result<()> {
    let [own, other] = parts.labels()?;
    let mut column = |labels: &[bool]| {
        doubles(
            labels
                .iter()
                .map(|&yes| f64::from(u8::from((seed::uniform(rng) < wrong) ^ yes)))
                .collect::<Vec<_>>(),
        )
    };
    let (own, other) = (column(&own), column(&other));
    parts.set("refund", own, other)
}

/// A column that was not there when strengths were last noted.
pub fn new_column(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 37));
    let weights =
        |parts: &Parts| Ok::<_, mlsys::core::Error>(ColumnPowers::of(&parts.datasets()?.0)?.weights());
    let watch = ColumnWatch::new(weights(&parts)?)?;
    copy_of_label(&mut parts, strength.pick(0.02, 0.15), &mut rng)?;
    Ok(about(&watch.compare(weights(&parts)?)?, &[LeakKind::NewColumn], "refund"))
}

/// Some rows and the numbers of each part, for what fits models.
fn small(parts: &Parts, rows: usize) -> Result<[Dataset; 2]> {
    let names = numbers(parts);
    let (train, test) = parts.datasets()?;
    let cut = |data: Dataset| {
        let columns = names.iter().map(String::as_str).chain([parts.target()]);
        data.select(columns)?.slice(0, data.n_rows().min(rows))
    };
    Ok([cut(train)?, cut(test)?])
}

/// A column without which the model is much worse.
pub fn ablation(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 38));
    copy_of_label(&mut parts, strength.pick(0.01, 0.1), &mut rng)?;
    let [train, _] = small(&parts, 2_000)?;
    let report =
        Ablation::new(Gbdt::new().trees(15), LogLoss::new()).run(&train.into_train_all(), &KFold::new(2))?;
    Ok(about(&report.report(), &[LeakKind::Ablation], "refund"))
}

/// A column that tells the parts from each other, found by a classifier.
pub fn adversarial(table: &Table, strength: Strength, seed: u64) -> Result<Option<Severity>> {
    let (mut parts, mut rng) = (table.random(seed)?, rng(seed, 39));
    let by = strength.pick(2.0, 0.7);
    let own = doubles((0..parts.train.num_rows()).map(|_| normal(&mut rng)).collect::<Vec<_>>());
    let other = doubles((0..parts.test.num_rows()).map(|_| by + normal(&mut rng)).collect::<Vec<_>>());
    parts.set("sensor", own, other)?;
    let [train, test] = small(&parts, 3_000)?;
    let audit = AdversarialValidation::new(Gbdt::new().trees(30));
    let report = audit.run(&train.into_train_all(), &test.into_test_all())?;
    Ok(about(&report.report(), &[LeakKind::Drift], "sensor"))
}
