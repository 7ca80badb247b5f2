//! mlsys's side of `benches/peers/quality`: one fit of boosted trees, whose predictions of test rows the other side judges.

use mlsys::core::{Dataset, Error, Fit, Predict, PredictProba, Result, column, read::read_parquet};
use mlsys::models::Gbdt;
use mlsys::models::trees::{Classification, Regression, Task};

/// `TASK RECIPE TRAIN TEST PREDICTIONS`: `classes` or `numbers`; a `Gbdt` as JSON, with its defaults for what is left out; two Parquet files with the
/// target `y`; and the file for probabilities or values, row after row, as little-endian doubles.
pub fn run(arguments: &[String]) -> Result<()> {
    let [task, recipe, train, test, predictions] = arguments else {
        return Err(Error::unsupported("usage: mlsys-benches quality TASK RECIPE TRAIN TEST PREDICTIONS"));
    };
    let train = Dataset::new(read_parquet(train)?)?.target("y")?.into_train_all();
    let test = Dataset::new(read_parquet(test)?)?.target("y")?.into_test_all();
    let predicted: Vec<f64> = match task.as_str() {
        "classes" => {
            let model = gbdt::<Classification>(recipe)?.fit(&train)?;
            model.predict_proba(test.batch())?.view().iter().copied().collect()
        }
        "numbers" => {
            let model = gbdt::<Regression>(recipe)?.fit(&train)?;
            column::floats("y", &model.predict(test.batch())?)?.to_vec()
        }
        other => return Err(Error::unsupported(format!("no task is called {other}"))),
    };
    let bytes: Vec<u8> = predicted.iter().flat_map(|x| x.to_le_bytes()).collect();
    Ok(std::fs::write(predictions, bytes)?)
}

fn gbdt<T: Task>(recipe: &str) -> Result<Gbdt<T>> {
    serde_json::from_str(recipe).map_err(|error| Error::unsupported(format!("the recipe {recipe}: {error}")))
}
