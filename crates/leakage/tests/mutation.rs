//! The mutation harness: pipelines that leak on purpose, and clean ones.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array,
};
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::artifact::{self, Artifact, Steps};
use mlsys_core::{
    Coded, Dataset, Error, ErrorKind, InputColumn, Kind, Partition, Result, Split, Step, Test, Train,
    Unsplit, column, seed,
};
use mlsys_leakage::{LeakKind, LeakageReport, Mutation, MutationTest, Severity};
use mlsys_testkit::table;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// What a step of the pipelines here learns.
#[derive(Serialize, Deserialize)]
struct Learnt(BTreeMap<String, f64>);

impl Learnt {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(Learnt, "tests.Learnt", 1);

/// The steps of a pipeline.
struct Chained(Vec<Learnt>);

impl Artifact for Chained {
    fn save_steps(&self, steps: &mut Steps) -> Result<()> {
        self.0.iter().try_for_each(|step| step.save_steps(steps))
    }
}

/// The mean of each numeric column.
fn means(batch: &RecordBatch) -> Result<Learnt> {
    let mut learnt = BTreeMap::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if Kind::of(field.data_type()).is_number() {
            let values = column::floats(field.name(), array)?;
            let there: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
            learnt.insert(field.name().clone(), there.iter().sum::<f64>() / there.len() as f64);
        }
    }
    Ok(Learnt(learnt))
}

/// How often each value of a column occurs.
fn vocabulary(name: &str, batch: &RecordBatch) -> Result<Learnt> {
    let coded = Coded::new(name, column::find(batch, name)?)?;
    let mut learnt = BTreeMap::new();
    for code in coded.codes.iter().filter(|code| **code != Coded::MISSING) {
        *learnt.entry(coded.distinct[*code as usize].to_string()).or_insert(0.0) += 1.0;
    }
    Ok(Learnt(learnt))
}

/// The mean target of each value of a column.
fn target_means(name: &str, batch: &RecordBatch) -> Result<Learnt> {
    let coded = Coded::new(name, column::find(batch, name)?)?;
    let target = column::floats("label", column::find(batch, "label")?)?;
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (row, code) in coded.codes.iter().enumerate().filter(|(_, code)| **code != Coded::MISSING) {
        let sum = sums.entry(coded.distinct[*code as usize].to_string()).or_default();
        *sum = (sum.0 + target[row], sum.1 + 1.0);
    }
    Ok(Learnt(sums.into_iter().map(|(name, (sum, n))| (name, sum / n)).collect()))
}

/// The name of the column that goes with the target best.
fn chosen(batch: &RecordBatch) -> Result<Learnt> {
    let target = column::floats("label", column::find(batch, "label")?)?;
    let mut best = (f64::NEG_INFINITY, "");
    for name in ["count", "größe 量", "number", "team"] {
        let values = column::floats(name, column::find(batch, name)?)?;
        let both = values.iter().zip(target.iter()).filter(|(x, y)| !x.is_nan() && !y.is_nan());
        let n = both.clone().count() as f64;
        let (mx, my) = both.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
        let covariance: f64 = both.clone().map(|(x, y)| (x - mx) * (y - my)).sum();
        let variance: f64 = both.map(|(x, _)| (x - mx).powi(2)).sum();
        best = if covariance.abs() / variance.sqrt() > best.0 {
            (covariance.abs() / variance.sqrt(), name)
        } else {
            best
        };
    }
    Ok(Learnt([(best.1.to_owned(), 1.0)].into()))
}

struct Last(usize);

impl Split for Last {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let n = data.n_rows().saturating_sub(self.0);
        Ok(((0..n).collect(), (n..data.n_rows()).collect()))
    }
}

/// Divides by a column, so that changing it changes the parts.
struct Where(&'static str);

impl Split for Where {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let values = column::floats(self.0, data.column(self.0)?)?;
        Ok((0..data.n_rows()).partition(|&row| values[row] < 0.5))
    }
}

fn data(rows: usize) -> Dataset<Unsplit> {
    Dataset::new(table::mixed(rows, true)).unwrap().target("label").unwrap().ignore(["weight"]).unwrap()
}

fn parts(rows: usize) -> (Dataset<Train>, Dataset<Test>) {
    Last(rows / 4).split(data(rows)).unwrap()
}

fn both(train: &Dataset<Train>, test: &Dataset<Test>) -> Result<RecordBatch> {
    let batches = [train.batch(), test.batch()];
    Ok(mlsys_core::arrow::compute::concat_batches(&train.schema(), batches)?)
}

fn errors(report: &LeakageReport) -> Vec<(Vec<String>, f64)> {
    report.of(Severity::Error).map(|f| (f.columns.clone(), f.evidence["rows_needed"])).collect()
}

#[test]
fn clean_pipelines_are_clean() {
    let (train, test) = parts(200);
    let mut asked = 0;
    let report = MutationTest::new()
        .rounds(3)
        .run(&test, |test| {
            asked += 1;
            // It looks at test rows, as long as nothing is learnt from them.
            assert!(test.n_rows() > 0);
            artifact::to_bytes(&Chained(vec![means(train.batch())?, vocabulary("word", train.batch())?]))
        })
        .unwrap();
    assert!(report.findings().is_empty(), "{report}");
    assert_eq!(report.checks(), [LeakKind::TestRowsReachModel]);
    assert_eq!(asked, 2 + 6 * 3);
}

#[test]
fn a_scaler_fitted_on_all_rows() {
    let (train, test) = parts(200);
    let report = MutationTest::new()
        .run(&test, |test| {
            let all = both(&train, test)?.project(&[0, 2]).map_err(Error::from)?;
            artifact::to_bytes(&Chained(vec![vocabulary("word", train.batch())?, means(&all)?]))
        })
        .unwrap();
    for finding in report.of(Severity::Error) {
        assert_eq!(finding.kind, LeakKind::TestRowsReachModel);
        // `number` and `größe 量` and no other column, or rows that came or went.
        assert!(
            finding.columns.iter().all(|name| ["number", "größe 量"].contains(&name.as_str())),
            "{finding:?}"
        );
        assert_eq!(finding.evidence["first_step"], 1.0);
        assert!(finding.message.contains("step 2 of 2, tests.Learnt"), "{}", finding.message);
        assert_eq!(finding.rows.as_ref().unwrap().part, "test");
    }
    let far = report.findings().iter().find(|finding| finding.message.contains("far outside")).unwrap();
    assert_eq!((far.evidence["rows_needed"], far.rows.as_ref().unwrap().ids.len()), (1.0, 1));
    assert!(far.rows.as_ref().unwrap().ids[0] >= 150);
    assert!(errors(&report).len() >= 4, "{report}");
    assert!(report.require_clean().is_err());
}

#[test]
fn a_vocabulary_of_all_rows() {
    let (train, test) = parts(120);
    let report = MutationTest::new()
        .mutations([Mutation::Far, Mutation::Missing])
        .run(&test, |test| artifact::to_bytes(&vocabulary("word", &both(&train, test)?)?))
        .unwrap();
    assert_eq!(errors(&report), [(vec!["word".to_owned()], 1.0), (vec!["word".to_owned()], 1.0)]);
}

#[test]
fn target_means_over_all_rows() {
    let run = |batch: &Dataset<Unsplit>| artifact::to_bytes(&target_means("team", batch.batch())?);
    let report = MutationTest::new().run_table(&data(160), &Last(40), run).unwrap();
    let exchange = report.findings().iter().find(|f| f.message.contains("other values of")).unwrap();
    assert_eq!(
        (exchange.columns.clone(), exchange.evidence["rows_needed"]),
        (vec!["team".into(), "label".into()], 1.0)
    );
    assert!(exchange.rows.as_ref().unwrap().ids[0] >= 120);
    // Of training rows only.
    let run = |data: &Dataset<Unsplit>| {
        let (train, _) = Last(40).split(data.clone())?;
        artifact::to_bytes(&target_means("team", train.batch())?)
    };
    // Dropping a test row moves the split, and is refused: that is a note.
    let report = MutationTest::new().run_table(&data(160), &Last(40), run).unwrap();
    assert_eq!(report.worst(), Some(Severity::Note), "{report}");
    assert!(report.findings()[0].message.contains("goes by them"), "{report}");
    let values = [Mutation::Far, Mutation::Exchange, Mutation::Permute, Mutation::Missing];
    let report = MutationTest::new().mutations(values).run_table(&data(160), &Last(40), run).unwrap();
    assert!(report.findings().is_empty(), "{report}");
}

#[test]
fn feature_selection_by_all_rows() {
    let (train, test) = parts(300);
    let report =
        MutationTest::new().run(&test, |test| artifact::to_bytes(&chosen(&both(&train, test)?)?)).unwrap();
    assert!(!errors(&report).is_empty(), "{report}");
    let known = ["label", "count", "größe 量", "number", "team"];
    for (columns, _) in errors(&report) {
        assert!(columns.iter().all(|name| known.contains(&name.as_str())), "{columns:?}");
    }
}

#[test]
fn only_features_and_targets_of_test_rows_change_in_a_table() {
    let original = data(80).group("team").unwrap().time("when").unwrap().id("count").unwrap();
    let seen = |changed: &Dataset<Unsplit>| {
        let (own, other) = (original.batch().slice(0, 60), changed.batch().slice(0, 60));
        let same = own.columns().iter().zip(other.columns()).all(|(a, b)| table::same_values(a, b));
        assert!(same, "training rows changed");
        for name in ["team", "when", "count", "weight"] {
            assert!(
                table::same_values(original.column(name).unwrap(), changed.column(name).unwrap()),
                "{name}"
            );
        }
        Ok(Vec::new())
    };
    let values = [Mutation::Far, Mutation::Exchange, Mutation::Permute, Mutation::Missing];
    let report = MutationTest::new().mutations(values).run_table(&original, &Last(20), seen).unwrap();
    assert!(report.findings().is_empty());
}

#[test]
fn a_splitter_may_go_by_what_is_changed() {
    let run = |data: &Dataset<Unsplit>| {
        let (train, _) = Where("label").split(data.clone())?;
        artifact::to_bytes(&means(train.batch())?)
    };
    let report = MutationTest::new().run_table(&data(80), &Where("label"), run).unwrap();
    assert_eq!(report.findings().len(), 1, "{report}");
    let finding = &report.findings()[0];
    assert_eq!((finding.severity, finding.columns.clone()), (Severity::Note, vec!["label".to_owned()]));
    assert!(finding.message.contains("goes by them"), "{}", finding.message);
}

#[test]
fn what_is_refused_is_not_judged() {
    let (train, test) = parts(60);
    // A pipeline that scores test rows, and cannot bear missing values in one column.
    let run = |test: &Dataset<Test>| {
        if test.column("flag")?.null_count() > 0 {
            return Err(Error::invalid_value("flag", None, "null", "no nulls"));
        }
        artifact::to_bytes(&means(train.batch())?)
    };
    let report = MutationTest::new().run(&test, run).unwrap();
    assert_eq!(report.findings().len(), 1);
    let finding = &report.findings()[0];
    assert_eq!((finding.severity, finding.columns.clone()), (Severity::Note, vec!["flag".to_owned()]));
    assert!(finding.message.contains("missing values in `flag`"), "{}", finding.message);
    // Whoever refuses all is suspect.
    let words = MutationTest::new().mutations([Mutation::Drop, Mutation::Duplicate]);
    let plain = test.select(["flag", "team"]).unwrap();
    let original = plain.batch().clone();
    let run = |test: &Dataset<Test>| match test.batch() == &original {
        true => Ok(Vec::new()),
        false => Err(Error::unsupported("other rows")),
    };
    assert_eq!(words.run(&plain, run).unwrap().worst(), Some(Severity::Suspect));
}

#[test]
fn pipelines_must_repeat_themselves() {
    let (_, test) = parts(20);
    let mut count = 0u8;
    let error = MutationTest::new().run(&test, |_| {
        count += 1;
        Ok(vec![count])
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("other bytes in a second run") && error.contains("fix its seeds"), "{error}");
    let error = MutationTest::new().run(&test, |_| Err(Error::unsupported("no such file"))).unwrap_err();
    assert_eq!(error.to_string(), "running the pipeline on unchanged rows: no such file");
    let error = MutationTest::new().run(&test.slice(0, 0).unwrap(), |_| Ok(Vec::new())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { .. }));
    for rounds in [0, 1001] {
        let error = MutationTest::new().rounds(rounds).run(&test, |_| Ok(Vec::new())).unwrap_err();
        assert!(error.to_string().contains("`rounds`"), "{error}");
    }
    // Cancelling ends it.
    let mut runs = 0;
    let error = MutationTest::new().run(&test, |_| {
        runs += 1;
        let mut stop = |_: Step| if runs > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        Step::new(runs, 9, "runs").tell(&mut stop, "training")?;
        Ok(Vec::new())
    });
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::Cancelled { .. }));
    assert_eq!(runs, 4);
}

#[test]
fn columns_that_leak_only_together() {
    let column = |values: [i64; 4]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    let batch =
        RecordBatch::try_from_iter([("a", column([1; 4])), ("b", column([1; 4])), ("c", column([1; 4]))]);
    let test = Dataset::new(batch.unwrap()).unwrap().into_test_all();
    // Changes only when both `a` and `c` do.
    let run = |test: &Dataset<Test>| {
        let one =
            |name: &str| column::floats(name, test.column(name).unwrap()).unwrap().iter().all(|&x| x == 1.0);
        Ok(vec![u8::from(!one("a") && !one("c"))])
    };
    let report = MutationTest::new().mutations([Mutation::Far]).run(&test, run).unwrap();
    assert_eq!(errors(&report), [(vec!["a".to_owned(), "c".into()], 1.0)]);
}

#[test]
fn every_kind_of_column_changes_and_keeps_its_type() {
    let rows = 40;
    let mut batches = vec![("plain", table::mixed(rows, true))];
    batches.extend(table::encodings(&batches[0].1).unwrap());
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let full: Vec<String> = (0..100).map(|i| format!("v{i}")).collect();
    let odd: [(&str, ArrayRef); 6] = [
        ("narrow", Arc::new(UInt8Array::from_iter_values((0..=255).step_by(3)))),
        ("wide", Arc::new(Int64Array::from_iter_values((0..86).map(|i| i64::MAX - i)))),
        ("huge", Arc::new(Float64Array::from_iter_values((0..86).map(|i| 1e300 * f64::from(i % 3))))),
        ("gone", Arc::new(Float64Array::from(vec![None; 86]))),
        ("keyed", cast(&StringArray::from(full[..86].to_vec()), &dictionary).unwrap()),
        ("flag", Arc::new(BooleanArray::from(vec![true; 86]))),
    ];
    batches.push(("odd", RecordBatch::try_from_iter(odd).unwrap()));
    for (encoding, batch) in batches {
        let test = Dataset::new(batch.clone()).unwrap().into_test_all();
        for mutation in [Mutation::Far, Mutation::Exchange, Mutation::Permute, Mutation::Missing] {
            let mut changed: Vec<String> = Vec::new();
            let run = |test: &Dataset<Test>| {
                assert_eq!(test.schema(), batch.schema());
                for (field, (old, new)) in
                    batch.schema().fields().iter().zip(batch.columns().iter().zip(test.batch().columns()))
                {
                    if !table::same_values(old, new) {
                        changed.push(field.name().clone());
                    }
                    if Kind::of(field.data_type()) == Kind::Float {
                        let values = column::floats(field.name(), new).unwrap();
                        assert!(values.iter().all(|x| !x.is_infinite()), "{encoding} {mutation:?}");
                    }
                    if mutation != Mutation::Missing && mutation != Mutation::Permute {
                        let missing = |array: &ArrayRef| column::missing(field.name(), array).unwrap();
                        assert_eq!(missing(old), missing(new), "{encoding} {mutation:?} {}", field.name());
                    }
                }
                Ok(Vec::new())
            };
            let report = MutationTest::new().mutations([mutation]).rounds(1).run(&test, run).unwrap();
            assert!(report.findings().is_empty(), "{encoding} {mutation:?}: {report}");
            if mutation == Mutation::Far && encoding != "odd" {
                assert_eq!(changed.len(), batch.num_columns(), "{encoding}: {changed:?}");
            }
            if mutation == Mutation::Far && encoding == "odd" {
                assert_eq!(changed, ["narrow", "wide", "huge", "keyed", "flag"]);
            }
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_changes() {
    let (_, test) = parts(60);
    let log = |seed: u64| {
        let mut log = Vec::new();
        let run = |test: &Dataset<Test>| {
            log.push(format!("{:?}", test.batch()));
            Ok(Vec::new())
        };
        MutationTest::new().rounds(3).seed(seed).run(&test, run).unwrap();
        log
    };
    assert_eq!(log(1), log(1));
    assert_ne!(log(1), log(2));
    let json = serde_json::to_string(&MutationTest::new().seed(5).mutations([Mutation::Drop])).unwrap();
    let back: MutationTest = serde_json::from_str(&json).unwrap();
    assert_eq!(back, MutationTest::new().seed(5).mutations([Mutation::Drop]));
    assert!(serde_json::from_str::<MutationTest>(r#"{"seeds": 1}"#).is_err());
}

/// Bytes that change with the values of some columns in some rows, and with nothing else.
fn watching<P: Partition>(test: &Dataset<P>, columns: &[usize], rows: &[u64]) -> Vec<u8> {
    let ids = test.row_ids();
    let mut bytes = Vec::new();
    for &column in columns {
        let values = column::floats("x", test.batch().column(column)).unwrap();
        for (value, _) in values.iter().zip(&ids).filter(|(_, id)| rows.contains(id)) {
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes
}

proptest! {
    #[test]
    fn finds_the_columns_and_a_row(
        n_columns in 1..9usize,
        guilty in prop::collection::btree_set(0..9usize, 0..4),
        rows in prop::collection::btree_set(0..30u64, 1..6),
        seed in 0..1000u64,
    ) {
        let guilty: Vec<usize> = guilty.into_iter().filter(|column| *column < n_columns).collect();
        let rows: Vec<u64> = rows.into_iter().collect();
        let mut rng = seed::stream(seed, 1);
        let columns = (0..n_columns).map(|column| {
            let values = (0..30).map(|_| seed::uniform(&mut rng));
            (format!("c{column}"), Arc::new(Float64Array::from_iter_values(values)) as ArrayRef)
        });
        let columns: Vec<_> = columns.collect();
        let test = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().into_test_all();
        let harness = MutationTest::new().mutations([Mutation::Far, Mutation::Missing]).seed(seed);
        let report = harness.run(&test, |test| Ok(watching(test, &guilty, &rows))).unwrap();
        let expected: Vec<String> = guilty.iter().map(|column| format!("c{column}")).collect();
        let far = report.findings().iter().find(|finding| finding.message.contains("far outside"));
        prop_assert_eq!(far.map_or(Vec::new(), |finding| finding.columns.clone()), expected);
        if let Some(finding) = far {
            prop_assert_eq!(finding.evidence["rows_needed"], 1.0);
            prop_assert!(rows.contains(&finding.rows.as_ref().unwrap().ids[0]));
        }
    }
}
