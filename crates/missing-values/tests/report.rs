//! What the report says of gaps whose reason is known, and evidence by a classifier of the caller's.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys_core::arrow::datatypes::Float64Type;
use mlsys_core::{
    Classes, Dataset, ErrorKind, Fit, InputColumn, Predict, PredictProba, Probabilities, Result, Train, seed,
};
use mlsys_missing_values::{Mechanism, MissingReport, mar_evidence};
use serde::{Deserialize, Serialize};

/// The chance of the target by whether |x| is above 1.
#[derive(Serialize, Deserialize)]
struct Tails {
    classes: Classes,
    chances: [f64; 2],
}

impl Tails {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(Tails, "test.Tails", 1);

fn outside(batch: &RecordBatch) -> Vec<usize> {
    let x = batch.column_by_name("x").unwrap().as_primitive::<Float64Type>();
    x.iter().map(|x| usize::from(x.is_some_and(|x| x.abs() > 1.0))).collect()
}

impl Predict for Tails {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.classes.take(self.predict_proba(batch)?.argmax()))
    }
}

impl PredictProba for Tails {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&outside(batch).into_iter().map(|side| self.chances[side]).collect::<Vec<_>>())
    }
}

#[derive(Clone)]
struct ByTails;

impl Fit for ByTails {
    type Fitted = Tails;

    fn fit(&self, train: &Dataset<Train>) -> Result<Tails> {
        let labels = train.labels("ByTails")?;
        let (mut of, mut rows) = ([0.0; 2], [0.0; 2]);
        for (side, &code) in outside(train.batch()).into_iter().zip(&labels.codes) {
            of[side] += f64::from(code);
            rows[side] += 1.0;
        }
        Ok(Tails { classes: Classes::new(labels.distinct)?, chances: [of[0] / rows[0], of[1] / rows[1]] })
    }
}

/// x is uniform in -2..2; `by_x` is missing where x is large, `by_tails` where |x| is, `by_chance` anywhere.
fn table(rows: usize, seed: u64) -> Dataset<Train> {
    let mut rng = seed::stream(seed, 0);
    let mut columns: [Vec<Option<f64>>; 4] = Default::default();
    for _ in 0..rows {
        let x = 4.0 * seed::uniform(&mut rng) - 2.0;
        let mut gap = |chance: f64| {
            let value = seed::uniform(&mut rng);
            (seed::uniform(&mut rng) >= chance).then_some(value)
        };
        columns[1].push(gap(if x > 1.0 { 0.8 } else { 0.1 }));
        columns[2].push(gap(if x.abs() > 1.0 { 0.5 } else { 0.1 }));
        columns[3].push(gap(0.2));
        columns[0].push(Some(x));
    }
    let named = ["x", "by_x", "by_tails", "by_chance"].into_iter().zip(columns);
    let named = named.map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef));
    Dataset::new(RecordBatch::try_from_iter(named).unwrap()).unwrap().into_train_all()
}

#[test]
fn the_report_finds_the_reasons() {
    let train = table(2_000, 5);
    let report = MissingReport::of(&train).unwrap();
    let mechanism = |report: &MissingReport, j: usize| report.columns[j].mechanism.clone();
    assert_eq!(mechanism(&report, 0), Mechanism::Complete);
    let Mechanism::MarGiven(given) = mechanism(&report, 1) else { panic!("{report}") };
    assert_eq!(given[0], "x");
    assert_eq!(mechanism(&report, 3), Mechanism::McarNotRejected);
    assert!(report.little.as_ref().unwrap().p_value < 1e-9);
    let link = &report.columns[1].links[0];
    assert!(link.difference.unwrap() > 1.0 && link.p_value < 1e-9, "{link:?}");
    // Both tails leave the mean of x where it is, so that only the classifier sees them.
    let evidence = mar_evidence(&train, &ByTails).unwrap();
    assert_eq!(
        evidence.iter().map(|e| e.column.as_str()).collect::<Vec<_>>(),
        ["by_x", "by_tails", "by_chance"]
    );
    assert!(evidence[1].auc > 0.65 && evidence[1].p_value < 1e-9 && evidence[1].folds == 5);
    assert!((evidence[2].auc - 0.5).abs() < 0.06 && evidence[2].p_value > 0.001, "{:?}", evidence[2]);
    let report = report.with_evidence(evidence).unwrap();
    assert!(matches!(mechanism(&report, 2), Mechanism::MarGiven(_)));
    assert_eq!(mechanism(&report, 3), Mechanism::McarNotRejected);
    let text = report.to_string();
    for part in [
        "x: complete",
        "MCAR is rejected for the numbers together",
        "MAR given x",
        "MNAR not excluded",
        "AUC 0.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn chance_is_rejected_as_often_as_the_level_says() {
    let rejected = (0..200).filter(|&seed| {
        let report = MissingReport::of(&table(300, 100 + seed)).unwrap();
        report.columns[3].mechanism != Mechanism::McarNotRejected
    });
    // Of 200 tests at 0.05: 10, and 4 standard deviations.
    let rejected = rejected.count();
    assert!(rejected <= 23, "{rejected}");
}

#[test]
fn evidence_does_not_depend_on_the_order_of_rows() {
    let train = table(400, 9);
    let reversed = train.take(&(0..400).rev().collect::<Vec<_>>()).unwrap();
    assert_eq!(mar_evidence(&train, &ByTails).unwrap(), mar_evidence(&reversed, &ByTails).unwrap());
}

#[test]
fn edges() {
    let empty = Arc::new(StringArray::from(vec![None::<&str>; 3])) as ArrayRef;
    let flag = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("empty", empty), ("flag", flag)]).unwrap();
    let data = Dataset::new(batch).unwrap();
    let report = MissingReport::of(&data).unwrap();
    assert_eq!(report.columns[0].mechanism, Mechanism::Empty);
    assert_eq!(report.columns[1].mechanism, Mechanism::McarNotRejected);
    assert!(report.to_string().contains("Little's MCAR test could not be made"), "{report}");
    assert!(report.to_string().contains("empty: 3 of 3 missing (100.0 %); drop the column"), "{report}");
    let none = MissingReport::of(&Dataset::new(data.batch().slice(0, 0)).unwrap()).unwrap();
    assert_eq!(none.rows, 0);
    let other = mar_evidence(&table(50, 1), &ByTails).unwrap();
    assert!(matches!(report.with_evidence(other).unwrap_err().kind(), ErrorKind::MissingColumn { .. }));
    let weighted = table(50, 1).weight("x").unwrap();
    assert!(mar_evidence(&weighted, &ByTails).is_err() && MissingReport::of(&weighted).is_err());
    // One gap is in one fold: no fold has both kinds on both sides.
    let x = Arc::new(Float64Array::from_iter_values((0..20).map(f64::from))) as ArrayRef;
    let y = Arc::new(Float64Array::from_iter((0..20).map(|i| (i != 3).then_some(1.0)))) as ArrayRef;
    let one =
        Dataset::new(RecordBatch::try_from_iter([("x", x), ("y", y)]).unwrap()).unwrap().into_train_all();
    let found = &mar_evidence(&one, &ByTails).unwrap()[0];
    assert!(found.folds == 0 && found.auc.is_nan() && found.p_value.is_nan());
}
