//! What was fitted knows the rows that it was fitted on, in a chain, in a file, and without its type.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys_core::artifact::{self, Registry};
use mlsys_core::{
    Artifact, Classes, Dataset, ErrorKind, Fit, FitTransform, FitValidated, FittedChain, FittedTracked,
    Identity, InputColumn, PartialFit, Predict, PredictProba, Probabilities, Resample, Result, RowTracking,
    RowsSeen, Test, Tracked, Train, Transform, Unsplit, Validation, Watch, hash, seed,
};
use mlsys_testkit::{Contract, Features};
use serde::{Deserialize, Serialize};

const EVERY: RowTracking = RowTracking::EveryRow;

/// Counts rows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Count;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FittedCount {
    rows: u64,
    classes: Classes,
}

impl FittedCount {
    fn validate(&self) -> Result<()> {
        self.classes.validate()
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(FittedCount, "test.FittedCount", 1);

impl Fit for Count {
    type Fitted = FittedCount;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedCount> {
        let classes = Classes::new([false.into(), true.into()])?;
        Ok(FittedCount { rows: train.n_rows() as u64, classes })
    }
}

impl FitValidated for Count {
    fn fit_validated(&self, train: &Dataset<Train>, _: &Dataset<Validation>) -> Result<FittedCount> {
        self.fit(train)
    }
}

impl PartialFit for FittedCount {
    fn partial_fit(&mut self, train: &Dataset<Train>) -> Result<()> {
        self.rows += train.n_rows() as u64;
        Ok(())
    }
}

impl Predict for FittedCount {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(vec![self.rows as f64; batch.num_rows()])))
    }
}

impl PredictProba for FittedCount {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&vec![0.25; batch.num_rows()])
    }
}

/// A step that holds code: it cannot be saved.
struct Code;

impl Artifact for Code {}

impl Fit for Code {
    type Fitted = Code;

    fn fit(&self, _: &Dataset<Train>) -> Result<Code> {
        Ok(Code)
    }
}

impl FitTransform for Code {}

impl Transform for Code {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        Ok(batch.clone())
    }

    fn output_schema(
        &self,
        input: &mlsys_core::arrow::datatypes::Schema,
    ) -> Result<mlsys_core::arrow::datatypes::SchemaRef> {
        Ok(Arc::new(input.clone()))
    }
}

/// Repeats the first row under an id of its own.
struct Repeat;

impl Resample for Repeat {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        let mut rows: Vec<usize> = (0..train.n_rows()).collect();
        rows.push(0);
        train.resampled(train.take(&rows)?.batch().clone(), train.row_ids())
    }
}

fn data() -> Dataset<Unsplit> {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    Dataset::new(RecordBatch::try_from_iter([("x", column)]).unwrap()).unwrap().track_rows().unwrap()
}

fn split() -> (Dataset<Train>, Dataset<Test>) {
    data().split_at_rows(&(0..80).collect::<Vec<_>>(), &(80..100).collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_fitted_value_says_which_rows_it_saw() {
    let (train, test) = split();
    let model = Identity::new().then(Count).tracked(EVERY).fit(&train).unwrap();
    assert_eq!(model.rows().train, RowsSeen::of(&train, EVERY).unwrap());
    assert!(model.rows().validation.is_none());
    let used = model.rows_used();
    assert_eq!(used.len(), 1);
    assert!(used[0].train.overlap(&test).unwrap().is_clean());
    assert_eq!(used[0].train.overlap(&data()).unwrap().same, (0..80).collect::<Vec<_>>());
    assert_eq!(model.predict(test.batch()).unwrap().len(), 20);
    assert_eq!(model.classes(), model.inner().second().classes());
    assert_eq!(model.predict_proba(test.batch()).unwrap().n_rows(), 20);
    assert_eq!(model.clone().into_inner().rows_used(), []);
}

#[test]
fn rows_without_keys_are_refused_and_the_message_says_what_to_do() {
    let train = Dataset::new(data().batch().clone()).unwrap().into_train_all();
    let error = Identity::new().then(Count).tracked(EVERY).fit(&train).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsupported { .. }));
    assert!(error.to_string().contains("call `track_rows()` on the dataset before it is divided"), "{error}");
    assert!(Count.tracked(RowTracking::Sketch { k: 0 }).fit(&split().0).is_err());
}

#[test]
fn validation_rows_and_later_rows_are_noted() {
    let (train, validation) =
        split().0.fold(&mlsys_core::Fold::new((0..60).collect(), (60..80).collect()).unwrap()).unwrap();
    let mut model = Count.tracked(EVERY).fit_validated(&train, &validation).unwrap();
    let rows = model.rows().clone();
    assert_eq!(rows.train.n_rows(), 60);
    assert_eq!(rows.validation.unwrap().overlap(&data()).unwrap().same, (60..80).collect::<Vec<_>>());
    model.partial_fit(&data().slice(90, 10).unwrap().into_train_all()).unwrap();
    assert_eq!((model.inner().rows, model.rows().train.n_rows()), (70, 70));
    assert_eq!(
        artifact::from_bytes::<FittedTracked<FittedCount>>(&artifact::to_bytes(&model).unwrap()).unwrap(),
        model
    );
}

#[test]
fn a_chain_says_it_for_each_of_its_parts() {
    let (train, _) = split();
    let recipe = Identity::new()
        .tracked(EVERY)
        .resample(Repeat)
        .then(Code)
        .then(Count.tracked(RowTracking::default()));
    let model = recipe.fit(&train).unwrap();
    let used = model.rows_used();
    let counts: Vec<_> = used.iter().map(|used| (used.train.n_rows(), used.train.synthetic())).collect();
    assert_eq!(counts, [(80, 0), (80, 1)]);
    let boxed: Box<dyn PredictProba> = Box::new(model);
    assert_eq!(boxed.rows_used(), used);
    assert!(artifact::to_bytes(&boxed).is_err(), "it holds code");
}

type Both = FittedChain<FittedTracked<Identity>, FittedTracked<FittedCount>>;

#[test]
fn files_keep_it_whether_the_type_is_known_or_not() {
    let (train, _) = split();
    let chain =
        Identity::new().tracked(RowTracking::Sketch { k: 5 }).then(Count.tracked(EVERY)).fit(&train).unwrap();
    let bytes = artifact::to_bytes(&chain).unwrap();
    let loaded: Both = artifact::from_bytes(&bytes).unwrap();
    assert_eq!(loaded, chain);
    assert_eq!(artifact::describe(&bytes).unwrap().rows_used, chain.rows_used());

    let registry = Registry::new().predict_proba::<FittedCount>();
    let model = artifact::load_model(&bytes, &registry).unwrap();
    assert_eq!((model.rows_used(), artifact::to_bytes(&model).unwrap()), (chain.rows_used(), bytes.clone()));
    let model = artifact::load_predictor(&bytes, &registry).unwrap();
    assert_eq!((model.rows_used(), artifact::to_bytes(&model).unwrap()), (chain.rows_used(), bytes.clone()));
    let step = Identity::new().then(Identity::new()).tracked(EVERY).fit(&train).unwrap();
    let step_bytes = artifact::to_bytes(&step).unwrap();
    let loaded = artifact::load_transform(&step_bytes, &registry).unwrap();
    assert_eq!((loaded.rows_used(), artifact::to_bytes(&loaded).unwrap()), (step.rows_used(), step_bytes));

    // Without the note the bytes are those of what is inside, and that says what it lacks.
    let plain = Identity::new().then(Count).fit(&train).unwrap();
    let plain_bytes = artifact::to_bytes(&plain).unwrap();
    assert!(artifact::describe(&plain_bytes).unwrap().rows_used.is_empty());
    assert!(!String::from_utf8_lossy(&plain_bytes).contains("rows_used"));
    let error = artifact::from_bytes::<Both>(&plain_bytes).unwrap_err().to_string();
    assert!(error.contains("does not say which rows were used"), "{error}");
    // What is inside loads from a file with the note, too.
    assert_eq!(artifact::from_bytes::<FittedChain<Identity, FittedCount>>(&bytes).unwrap(), plain);
}

#[test]
fn damaged_notes_are_errors_or_values() {
    let chain =
        Identity::new().tracked(EVERY).then(Count.tracked(RowTracking::default())).fit(&split().0).unwrap();
    let bytes = artifact::to_bytes(&chain).unwrap();
    let mut rng = seed::stream(1, 1);
    let mut read = 0;
    for _ in 0..20_000 {
        let mut mutated = bytes.clone();
        let at = 28 + seed::below(mutated.len() as u64 - 36, &mut rng) as usize;
        mutated[at] = seed::below(256, &mut rng) as u8;
        let end = mutated.len() - 8;
        let sum = hash::hash_bytes(&mutated[20..end], 0).to_le_bytes();
        mutated[end..].copy_from_slice(&sum);
        if let Ok(loaded) = artifact::from_bytes::<Both>(&mutated) {
            read += 1;
            let _ = loaded.rows_used()[0].train.overlap(&data());
        }
    }
    assert!(read > 100 && read < 19_000, "{read}");
}

#[test]
fn each_step_is_told_with_the_rows_after_it() {
    let (train, _) = split();
    let inner = Identity::new().then(Identity::new().on(["x"]).boxed_step()).tracked(EVERY);
    let recipe = Repeat.then(inner).resample(Repeat).then(Count.on(["x"]));
    let mut told = Vec::new();
    let mut watch = |name: &str, fitted: &dyn Artifact, rows: &Dataset<Train>| {
        told.push((name.to_owned(), rows.n_rows()));
        artifact::to_bytes(fitted).map(|bytes| assert!(!bytes.is_empty()))
    };
    let watched = recipe.fit_watched(&train, &mut watch).unwrap();
    let name = |name: &str, rows| (name.to_owned(), rows);
    let steps = [
        name("Identity", 80),
        name("Repeat", 81),
        name("Identity", 81),
        name("Identity", 81),
        name("Repeat", 82),
    ];
    assert_eq!(told[..5], steps);
    assert_eq!(told[5..], [name("Count", 82)]);
    assert_eq!(
        artifact::to_bytes(&watched).unwrap(),
        artifact::to_bytes(&recipe.fit(&train).unwrap()).unwrap()
    );
    // The first refusal ends it.
    let mut steps = 0;
    let watch: &mut Watch<'_> = &mut |_, _, _| {
        steps += 1;
        if steps == 2 { Err(mlsys_core::Error::unsupported("enough")) } else { Ok(()) }
    };
    assert!(recipe.fit_watched(&train, watch).err().unwrap().to_string().ends_with("enough"));
    assert_eq!(steps, 2);
}

/// A recipe over rows of which it makes tracked ones itself, so that the contract's tables can be given to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Own(Tracked<Identity>);

impl Fit for Own {
    type Fitted = FittedTracked<Identity>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Self::Fitted> {
        let table = Dataset::under(train.layout(), train.batch().clone())?;
        self.0.fit(&table.track_rows()?.into_train_all())
    }
}

impl FitTransform for Own {}

#[test]
fn contract() {
    let sketch = |k| Own(Identity::new().tracked(RowTracking::Sketch { k }));
    Contract::new("Tracked", sketch(20)).features(Features::Any).bad("k", sketch(0)).transform();
    Contract::new("Tracked", Own(Identity::new().tracked(EVERY))).features(Features::Any).transform();
}
