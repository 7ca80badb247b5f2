//! Chains: order, `.on`, resampling, out-of-fold steps, boxing, and loading through a registry.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::artifact::{self, Registry};
use mlsys_core::input::{Replacements, replace_columns};
use mlsys_core::{
    Classes, Dataset, Error, Fit, FitTransform, InputColumn, Predict, PredictProba, Probabilities,
};
use mlsys_core::{Resample, Result, Train, Transform, column};
use serde::{Deserialize, Serialize};

/// Adds the mean of each feature to it; while training it adds 1000, so that a test can tell the two apart.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct AddMean;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FittedAddMean(Vec<(InputColumn, f64)>);

impl FittedAddMean {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.0.iter().map(|(input, _)| input.clone()).collect()
    }

    fn add(&self, batch: &RecordBatch, more: f64) -> Result<RecordBatch> {
        let mut with = Replacements::new();
        for (input, mean) in &self.0 {
            let values = column::floats(input.name(), input.find(batch)?)?;
            let sums: ArrayRef =
                Arc::new(Float64Array::from_iter_values(values.iter().map(|x| x + mean + more)));
            let field = batch.schema().field_with_name(input.name())?.clone();
            with.insert(input.name(), vec![(Arc::new(field), sums)]);
        }
        replace_columns(batch, with)
    }
}

mlsys_core::artifact!(FittedAddMean, "test.FittedAddMean", 1);

impl Fit for AddMean {
    type Fitted = FittedAddMean;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedAddMean> {
        let mean = |name: &str| -> Result<(InputColumn, f64)> {
            let values = column::floats(name, train.column(name)?)?;
            Ok((InputColumn::new(train.layout(), name)?, values.iter().sum::<f64>() / values.len() as f64))
        };
        Ok(FittedAddMean(train.features().into_iter().map(mean).collect::<Result<_>>()?))
    }
}

impl FitTransform for AddMean {
    fn fit_transform(&self, train: Dataset<Train>) -> Result<(FittedAddMean, Dataset<Train>)> {
        let fitted = self.fit(&train)?;
        let batch = fitted.add(train.batch(), 1000.0)?;
        Ok((fitted, train.with_batch(batch)?))
    }
}

impl Transform for FittedAddMean {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.add(batch, 0.0)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        Ok(Arc::new(input.clone()))
    }
}

/// Remembers the sum of the first feature as it saw it while training.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Sum;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FittedSum {
    sum: f64,
    classes: Classes,
}

impl FittedSum {
    fn validate(&self) -> Result<()> {
        self.classes.validate()
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(FittedSum, "test.FittedSum", 1);

impl Fit for Sum {
    type Fitted = FittedSum;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedSum> {
        let first = train
            .features()
            .first()
            .map(|name| name.to_string())
            .ok_or_else(|| Error::unsupported("none"))?;
        let sum = column::floats(&first, train.column(&first)?)?.iter().sum();
        Ok(FittedSum { sum, classes: Classes::new([false.into(), true.into()])? })
    }
}

impl Predict for FittedSum {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(vec![self.sum; batch.num_rows()])))
    }
}

impl PredictProba for FittedSum {
    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
        Probabilities::binary(&vec![0.25; batch.num_rows()])
    }
}

/// Keeps the first row only.
struct First;

impl Resample for First {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        train.slice(0, 1)
    }
}

fn train() -> Dataset<Train> {
    let columns = ["a", "b"].map(|name| {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 3.0]));
        (name, values)
    });
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().into_train_all()
}

#[test]
fn the_next_step_sees_fit_transform() {
    let chain = AddMean.then(Sum);
    // (1 + 2 + 1000) + (3 + 2 + 1000)
    assert_eq!(chain.fit(&train()).unwrap().second().sum, 2008.0);
    assert_eq!(AddMean.boxed_step().then(Sum).fit(&train()).unwrap().second().sum, 2008.0);
}

#[test]
fn on_limits_and_gives_back() {
    let chain = AddMean.on(["a"]).then(AddMean);
    let fitted = chain.fit(&train()).unwrap();
    assert_eq!(fitted.first().0.len(), 1);
    assert_eq!(fitted.second().0.len(), 2, "`b` is a feature again for the next step");
    let all = AddMean.then(AddMean).on(["b"]).fit(&train()).unwrap();
    assert_eq!((all.first().0.len(), all.second().0.len()), (1, 1));
    let error = AddMean.on(["nope"]).fit(&train()).unwrap_err();
    assert!(error.to_string().contains("column `nope` is not in the table"), "{error}");
}

#[test]
fn resamplers_act_while_fitting_only() {
    let after = AddMean.resample(First).then(Sum).fit(&train()).unwrap();
    assert_eq!(after.second().sum, 1003.0);
    assert_eq!(after.first().0[0].1, 2.0, "the step before it saw all rows");
    assert_eq!(after.predict(train().batch()).unwrap().len(), 2);
    let before = First.then(Sum).fit(&train()).unwrap();
    assert_eq!(before.second().sum, 1.0);
}

#[test]
fn boxed_recipes_are_chosen_at_run_time() {
    let models = [Sum.boxed::<dyn PredictProba>(), AddMean.then(Sum).boxed::<dyn PredictProba>()];
    for model in models {
        let fitted = model.clone().fit(&train()).unwrap();
        assert_eq!(fitted.predict_proba(train().batch()).unwrap().n_rows(), 2);
        assert!(AddMean.then(model).fit(&train()).is_ok());
    }
}

#[test]
fn chains_load_by_type_and_through_a_registry() {
    let fitted = AddMean.then(AddMean.on(["b"])).then(Sum).fit(&train()).unwrap();
    let bytes = artifact::to_bytes(&fitted).unwrap();
    let description = artifact::describe(&bytes).unwrap();
    assert_eq!(
        description.steps.iter().map(|s| s.0.as_str()).collect::<Vec<_>>(),
        ["test.FittedAddMean", "test.FittedAddMean", "test.FittedSum"]
    );
    let registry = Registry::new().transform::<FittedAddMean>().predict_proba::<FittedSum>();
    let model = artifact::load_model(&bytes, &registry).unwrap();
    assert_eq!(artifact::to_bytes(&model).unwrap(), bytes, "a loaded chain saves to the same bytes");
    assert_eq!(
        model.predict(train().batch()).unwrap().to_data(),
        fitted.predict(train().batch()).unwrap().to_data()
    );
    assert!(artifact::load_predictor(&bytes, &registry).is_ok());
    let error = artifact::load_model(&bytes, &Registry::new()).err().unwrap().to_string();
    assert_eq!(error, "artefact: holds test.FittedAddMean, which is no transform in the registry");
    let error = artifact::from_bytes::<FittedSum>(&bytes).unwrap_err().to_string();
    assert_eq!(error, "artefact: holds test.FittedAddMean where test.FittedSum is expected");
    let boxed = AddMean.boxed_step().then(Sum).fit(&train()).unwrap();
    assert!(artifact::to_bytes(&boxed).is_ok());
}

#[test]
fn errors_say_in_which_step() {
    let text: ArrayRef = Arc::new(mlsys_core::arrow::array::StringArray::from(vec!["x"]));
    let data = Dataset::new(RecordBatch::try_from_iter([("a", text)]).unwrap()).unwrap().into_train_all();
    let error = AddMean.then(Sum).fit(&data).unwrap_err();
    assert!(error.to_string().starts_with("fitting AddMean: column `a` must be numeric"), "{error}");
    assert_eq!(error.column(), Some("a"));
}
