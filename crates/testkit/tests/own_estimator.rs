//! An estimator of one's own under the contract, and estimators that break it: `docs/testkit.md` walks through it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{Replacements, replace_columns, replace_fields};
use mlsys_core::{
    Dataset, Error, Fit, FitTransform, InputColumn, Kind, Resample, Result, Train, Transform, column,
};
use mlsys_testkit::{Contract, ResampleContract};
use serde::{Deserialize, Serialize};

static FITS: AtomicU64 = AtomicU64::new(0);

/// How an estimator under test breaks its promises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Fault {
    None,
    /// Uses the first row of the batch for all rows.
    LooksAcrossRows,
    /// Panics on an empty column.
    Panics,
    /// Takes columns by position.
    ByPosition,
    /// Fits something new each time.
    Forgets,
    /// Ignores the weight column.
    IgnoresWeights,
}

/// Clips each number to the range that it had while training.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Clip {
    margin: f64,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FittedClip {
    ranges: Vec<(InputColumn, f64, f64)>,
    fault: Fault,
    noise: u64,
}

impl FittedClip {
    fn validate(&self) -> Result<()> {
        match self.ranges.iter().find(|(_, low, high)| low > high) {
            Some((input, ..)) => Err(Error::artifact(format!("`{}` has an empty range", input.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.ranges.iter().map(|(input, ..)| input.clone()).collect()
    }
}

mlsys_core::artifact!(FittedClip, "test.FittedClip", 1);

impl Fit for Clip {
    type Fitted = FittedClip;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedClip> {
        if self.margin.is_nan() || self.margin < 0.0 {
            return Err(Error::invalid_parameter("Clip", "margin", self.margin, "0 or more"));
        }
        if self.fault != Fault::IgnoresWeights {
            train.refuse_weights("Clip")?;
        }
        let names = train.layout().features_for("Clip", Kind::is_number, Kind::is_numeric, "numeric")?;
        let range = |name: &String| {
            let values = column::finite_or_missing(name, train.column(name)?)?;
            let present = values.iter().copied().filter(|x| !x.is_nan());
            let Some((low, high)) = present.fold(None, |range: Option<(f64, f64)>, x| {
                Some(range.map_or((x, x), |(low, high)| (low.min(x), high.max(x))))
            }) else {
                assert!(self.fault != Fault::Panics, "no values");
                return Err(Error::too_few_rows(1, 0, format!("the range of `{name}`")));
            };
            let mean = values.iter().filter(|x| !x.is_nan()).sum::<f64>() / values.len() as f64;
            let low = if self.fault == Fault::IgnoresWeights { mean.min(high) } else { low };
            Ok((InputColumn::new(train.layout(), name)?, low - self.margin, high + self.margin))
        };
        let noise = match self.fault {
            Fault::Forgets => FITS.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        Ok(FittedClip { ranges: names.iter().map(range).collect::<Result<_>>()?, fault: self.fault, noise })
    }
}

impl FitTransform for Clip {}

fn field(input: &Field) -> FieldRef {
    Arc::new(Field::new(input.name(), DataType::Float64, true))
}

impl Transform for FittedClip {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut with = Replacements::new();
        for (i, (input, low, high)) in self.ranges.iter().enumerate() {
            let array = if self.fault == Fault::ByPosition { batch.column(i) } else { input.find(batch)? };
            let values = column::floats(input.name(), array)?;
            let more = if self.fault == Fault::LooksAcrossRows {
                values.iter().copied().fold(0.0, f64::max)
            } else {
                0.0
            };
            let clipped = values.iter().map(|x| (!x.is_nan()).then(|| x.clamp(*low, *high) + more));
            let clipped: ArrayRef = Arc::new(Float64Array::from_iter(clipped));
            with.insert(input.name(), vec![(field(input.check(batch.schema_ref())?), clipped)]);
        }
        replace_columns(batch, with)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for (column, ..) in &self.ranges {
            with.insert(column.name(), vec![field(column.check(input)?)]);
        }
        replace_fields(input, with)
    }
}

fn clip(fault: Fault) -> Contract<Clip> {
    let recipe = Clip { margin: 0.0, fault };
    Contract::new("Clip", recipe.clone()).bad("margin", Clip { margin: -1.0, ..recipe })
}

#[test]
fn clip_keeps_the_contract() {
    let report = clip(Fault::None).transform();
    assert!(report.exercised().len() >= 12, "{report}");
    let skipped = clip(Fault::None).skip("threads", "a reason").transform();
    assert_eq!(skipped.skipped().len(), 1);
}

/// What a contract says when it fails.
fn complaint(run: impl FnOnce()) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else { return String::new() };
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn every_fault_is_found() {
    let said = |fault| complaint(|| drop(clip(fault).transform()));
    assert!(
        said(Fault::LooksAcrossRows).contains("rows apart give another output"),
        "{}",
        said(Fault::LooksAcrossRows)
    );
    assert!(said(Fault::Panics).contains("panicked"), "{}", said(Fault::Panics));
    assert!(said(Fault::ByPosition).contains("reversed columns"), "{}", said(Fault::ByPosition));
    assert!(said(Fault::Forgets).contains("twice gives different bytes"), "{}", said(Fault::Forgets));
    assert!(said(Fault::IgnoresWeights).contains("weighted"), "{}", said(Fault::IgnoresWeights));
}

#[test]
fn a_contract_that_ran_nothing_fails() {
    let mut contract = clip(Fault::None);
    for check in [
        "input_unchanged",
        "refit",
        "threads",
        "column_order",
        "encodings",
        "hostile_tables",
        "bad_parameters",
        "serde",
        "artifact",
        "columns_at_apply",
        "rows_apart",
        "schema",
        "weights",
    ] {
        contract = contract.skip(check, "to see it fail");
    }
    assert!(complaint(|| drop(contract.transform())).contains("no check ran"));
    let misspelt = clip(Fault::None).skip("thread", "a misspelt check");
    assert!(complaint(|| drop(misspelt.transform())).contains("skips `thread`, which is no check"));
}

/// Every row twice.
struct Twice {
    loses_ids: bool,
}

impl Resample for Twice {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        let rows: Vec<usize> = (0..train.n_rows()).flat_map(|row| [row, row]).collect();
        let twice = train.take(&rows)?;
        let ids = if self.loses_ids { train.row_ids() } else { twice.row_ids() };
        train.resampled(twice.batch().clone(), ids)
    }
}

#[test]
fn resamplers_have_a_contract() {
    let doubled = |before: &Dataset<Train>, after: &Dataset<Train>| after.n_rows() == 2 * before.n_rows();
    let report = ResampleContract::new("Twice", Twice { loses_ids: false }).run(doubled);
    assert!(report.exercised().contains_key("repeatable"));
    let wrong = complaint(|| drop(ResampleContract::new("Twice", Twice { loses_ids: true }).run(doubled)));
    assert!(wrong.contains("has other values than before"), "{wrong}");
}
