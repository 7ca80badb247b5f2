//! Imputation by any models: scikit-learn's numbers with least squares, categories by a table, artefacts, and bad input.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array,
    RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type};
use mlsys_core::{
    Category, Classes, Coded, Dataset, Error, ErrorKind, Fit, InputColumn, Predict, Result, Step, Train,
    Transform, artifact,
};
use mlsys_missing_values::{FittedModelImputer, Indicators, ModelImputer, NoModel};
use mlsys_testkit::golden::{assert_close, load};
use mlsys_testkit::{Contract, Features};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Least squares of numbers and booleans, with a trace of a ridge, so that constants have a solution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LeastSquares;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    inputs: Vec<InputColumn>,
    means: Vec<f64>,
    coefficients: Vec<f64>,
    mean: f64,
}

impl Line {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.inputs.clone()
    }
}

mlsys_core::artifact!(Line, "test.Line", 1);

fn numbers(batch: &RecordBatch, name: &str) -> Vec<f64> {
    mlsys_core::column::finite(name, &batch[name]).unwrap().to_vec()
}

impl Fit for LeastSquares {
    type Fitted = Line;

    fn fit(&self, train: &Dataset<Train>) -> Result<Line> {
        let y = train.target_values("LeastSquares")?;
        let weights = train.weights()?.map_or(vec![1.0; y.len()], |w| w.to_vec());
        let total: f64 = weights.iter().sum();
        let mean_of = |x: &[f64]| x.iter().zip(&weights).map(|(x, w)| w * x).sum::<f64>() / total;
        let names: Vec<&str> = train
            .features()
            .into_iter()
            .filter(|name| train.layout().kind(name).unwrap().is_numeric())
            .collect();
        let inputs = InputColumn::all(train.layout(), &names)?;
        let columns: Vec<Vec<f64>> = names.iter().map(|name| numbers(train.batch(), name)).collect();
        let means: Vec<f64> = columns.iter().map(|x| mean_of(x)).collect();
        let mean = mean_of(&y);
        let p = names.len();
        let mut gram = vec![0.0; p * p];
        let mut right = vec![0.0; p];
        for row in 0..y.len() {
            let x: Vec<f64> = columns.iter().zip(&means).map(|(x, mean)| x[row] - mean).collect();
            for i in 0..p {
                right[i] += weights[row] * x[i] * (y[row] - mean);
                (0..p).for_each(|j| gram[i * p + j] += weights[row] * x[i] * x[j]);
            }
        }
        (0..p).for_each(|i| gram[i * p + i] += 1e-13 * (1.0 + gram[i * p + i]));
        let coefficients = solve(gram, right);
        Ok(Line { inputs, means, coefficients, mean })
    }
}

/// Gauss elimination of a positive matrix.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let p = b.len();
    for i in 0..p {
        for k in i + 1..p {
            let factor = a[k * p + i] / a[i * p + i];
            (i..p).for_each(|j| a[k * p + j] -= factor * a[i * p + j]);
            b[k] -= factor * b[i];
        }
    }
    for i in (0..p).rev() {
        let rest: f64 = (i + 1..p).map(|j| a[i * p + j] * b[j]).sum();
        b[i] = (b[i] - rest) / a[i * p + i];
    }
    b
}

impl Predict for Line {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let mut y = vec![self.mean; batch.num_rows()];
        for (k, input) in self.inputs.iter().enumerate() {
            let x = numbers(batch, input.find(batch).map(|_| input.name())?);
            y.iter_mut().zip(x).for_each(|(y, x)| *y += self.coefficients[k] * (x - self.means[k]));
        }
        Ok(Arc::new(Float64Array::from(y)))
    }
}

/// The most frequent class by the value of one column, the first of equals; of all rows where the value is new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct By(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Table {
    by: InputColumn,
    classes: Classes,
    known: Vec<(Category, usize)>,
    all: usize,
}

impl Table {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        vec![self.by.clone()]
    }
}

mlsys_core::artifact!(Table, "test.Table", 1);

impl Fit for By {
    type Fitted = Table;

    fn fit(&self, train: &Dataset<Train>) -> Result<Table> {
        let labels = train.labels("By")?.sorted();
        let values = Coded::new(&self.0, train.column(&self.0)?)?;
        let weights = train.weights()?.map_or(vec![1.0; labels.len()], |w| w.to_vec());
        let mut counts: BTreeMap<Option<Category>, Vec<f64>> = BTreeMap::new();
        for row in 0..labels.len() {
            for key in [None, values.value(row).cloned()] {
                let own = counts.entry(key).or_insert_with(|| vec![0.0; labels.distinct.len()]);
                own[labels.codes[row] as usize] += weights[row];
            }
        }
        let most = |counts: &Vec<f64>| {
            (0..counts.len()).rev().max_by(|&a, &b| counts[a].total_cmp(&counts[b])).unwrap()
        };
        let by = InputColumn::new(train.layout(), &self.0)?;
        let known = counts.iter().filter_map(|(key, counts)| Some((key.clone()?, most(counts)))).collect();
        Ok(Table { by, classes: Classes::new(labels.distinct)?, known, all: most(&counts[&None]) })
    }
}

impl Predict for Table {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let values = Coded::new(self.by.name(), self.by.find(batch)?)?;
        let class = |row: usize| {
            let found = self.known.iter().find(|(value, _)| Some(value) == values.value(row));
            found.map_or(self.all, |(_, class)| *class)
        };
        Ok(self.classes.take((0..values.len()).map(class)))
    }
}

fn train(columns: Vec<(&str, ArrayRef)>) -> Dataset<Train> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    Dataset::new(RecordBatch::try_from_iter_with_nullable(columns).unwrap()).unwrap().into_train_all()
}

fn float(batch: &RecordBatch, name: &str) -> Vec<f64> {
    batch[name].as_primitive::<Float64Type>().values().to_vec()
}

#[test]
fn golden() {
    let path = format!("{}/../../testdata/golden/model_imputer.json", env!("CARGO_MANIFEST_DIR"));
    for case in &load::<Value>(path) {
        let columns = case["input"].as_object().unwrap().iter().filter(|(name, _)| *name != "max_iter");
        let array = |values: &Value| -> ArrayRef {
            Arc::new(Float64Array::from_iter(values.as_array().unwrap().iter().map(Value::as_f64)))
        };
        // The order in the table does not matter.
        let train = train(columns.rev().map(|(name, values)| (name.as_str(), array(values))).collect());
        let rounds = case["input"]["max_iter"].as_u64().unwrap() as usize;
        let recipe = ModelImputer::new().numbers(LeastSquares).max_iter(rounds).tol(0.0);
        let fitted = recipe.fit(&train).unwrap();
        assert_eq!(fitted.rounds().len(), rounds);
        let filled = fitted.transform(train.batch()).unwrap();
        for (name, expected) in case["expected"]["ModelImputer"].as_object().unwrap() {
            for (row, (found, expected)) in
                float(&filled, name).iter().zip(expected.as_array().unwrap()).enumerate()
            {
                assert_close(
                    &format!("{} {name} {row}", case["name"]),
                    *found,
                    expected.as_f64().unwrap(),
                    1e-10,
                );
            }
        }
    }
}

/// Numbers, and words that depend on a code: `word` says it, `flag` whether it is even.
fn mixed(n: usize) -> Dataset<Train> {
    let names = ["zero", "one", "two", "three"];
    let code = |i: usize| (i * 7) % 4;
    let x =
        Float64Array::from_iter((0..n).map(|i| (i % 6 > 0).then(|| 10.0 * code(i) as f64 + (i % 3) as f64)));
    let y = Int32Array::from_iter((0..n).map(|i| (i % 8 > 0).then_some((i % 3) as i32)));
    let word: DictionaryArray<Int32Type> = (0..n).map(|i| (i % 5 > 0).then(|| names[code(i)])).collect();
    let flag = BooleanArray::from_iter((0..n).map(|i| (i % 7 > 0).then_some(code(i) % 2 == 0)));
    let code = StringArray::from_iter_values((0..n).map(|i| code(i).to_string()));
    train(vec![
        ("word", Arc::new(word)),
        ("y", Arc::new(y)),
        ("flag", Arc::new(flag)),
        ("x", Arc::new(x)),
        ("code", Arc::new(code)),
    ])
}

#[test]
fn categories_are_what_the_others_say() {
    let train = mixed(200).with_role("code", mlsys_core::Role::Ignored).unwrap();
    let recipe =
        ModelImputer::new().numbers(LeastSquares).categories(ByAny).indicators(Indicators::WhereMissing);
    let fitted = recipe.fit(&train).unwrap();
    let filled = fitted.transform(train.batch()).unwrap();
    assert_eq!(filled.schema(), fitted.output_schema(&train.schema()).unwrap());
    let names: Vec<String> = filled.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(
        names,
        ["word", "word_missing", "y", "y_missing", "flag", "flag_missing", "x", "x_missing", "code"]
    );
    assert_eq!(
        (filled["word"].data_type(), filled["flag"].data_type()),
        (&DataType::Utf8, &DataType::Boolean)
    );
    assert_eq!((filled["y"].data_type(), filled["x"].data_type()), (&DataType::Float64, &DataType::Float64));
    let (words, flags) = (filled["word"].as_string::<i32>(), filled["flag"].as_boolean());
    for row in 0..200 {
        let code = (row * 7) % 4;
        // A word says whether it is even, where there is one.
        assert!(row % 35 == 0 || flags.value(row) == (code % 2 == 0), "row {row}");
        if row % 5 > 0 {
            assert_eq!(words.value(row), ["zero", "one", "two", "three"][code]);
        }
    }
    assert!(fitted.converged() && fitted.rounds().len() > 1);
    let last = fitted.rounds().last().unwrap();
    assert_eq!(last.changed, 0.0);
}

/// As [`By`], the first other column of text or booleans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ByAny;

impl Fit for ByAny {
    type Fitted = Table;

    fn fit(&self, train: &Dataset<Train>) -> Result<Table> {
        let first = train.features().into_iter().find(|name| !train.layout().kind(name).unwrap().is_number());
        By(first.or(train.features().first().copied()).unwrap().into()).fit(train)
    }
}

#[test]
fn rows_alone_and_in_a_batch_are_the_same_and_so_are_saved_models() {
    let train = mixed(120).with_role("code", mlsys_core::Role::Ignored).unwrap();
    let recipe = ModelImputer::new().numbers(LeastSquares).categories(ByAny).max_iter(3).tol(0.0);
    let fitted = recipe.fit(&train).unwrap();
    assert!(!fitted.converged());
    let whole = fitted.transform(train.batch()).unwrap();
    for row in [0, 5, 17, 24, 119] {
        assert_eq!(fitted.transform(&train.batch().slice(row, 1)).unwrap(), whole.slice(row, 1));
    }
    let bytes = artifact::to_bytes(&fitted).unwrap();
    let loaded: FittedModelImputer<Line, Table> = artifact::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.transform(train.batch()).unwrap(), whole);
    assert_eq!(artifact::to_bytes(&loaded).unwrap(), bytes);
    assert_eq!(artifact::describe(&bytes).unwrap().steps[0].0, "mlsys.FittedModelImputer");
    // Other models, or none, are no models of these.
    assert!(artifact::from_bytes::<FittedModelImputer<Table, Line>>(&bytes).is_err());
    assert!(artifact::from_bytes::<FittedModelImputer<Line, NoModel>>(&bytes).is_err());
    for cut in (0..bytes.len()).step_by(97) {
        assert!(artifact::from_bytes::<FittedModelImputer<Line, Table>>(&bytes[..cut]).is_err());
    }
    // A gap in production in a column that had none.
    let complete = Dataset::new(whole.clone()).unwrap().into_train_all();
    let complete = complete.with_role("code", mlsys_core::Role::Ignored).unwrap();
    let fitted = recipe.fit(&complete).unwrap();
    assert!(fitted.converged() && fitted.rounds().is_empty());
    let filled = fitted.transform(train.batch()).unwrap();
    assert_eq!((filled["x"].null_count(), filled["word"].null_count()), (0, 0));
    assert_eq!(fitted.transform(&whole).unwrap(), whole);
}

#[test]
fn weights_count_as_rows_and_rows_of_none_not_at_all() {
    let x = [Some(1.0), Some(2.0), Some(4.0), None, Some(3.0), Some(100.0)];
    let y = [Some(2.0), Some(3.0), Some(9.0), Some(5.0), None, Some(-7.0)];
    let w = [1.0, 2.0, 3.0, 1.0, 1.0, 0.0];
    let table = |rows: &[usize], weights: bool| {
        let pick = |of: &[Option<f64>]| -> ArrayRef {
            Arc::new(rows.iter().map(|&r| of[r]).collect::<Float64Array>())
        };
        let own: ArrayRef = Arc::new(rows.iter().map(|&r| Some(w[r])).collect::<Float64Array>());
        let data = train(vec![("x", pick(&x)), ("y", pick(&y)), ("w", own)]);
        data.with_role("w", if weights { mlsys_core::Role::Weight } else { mlsys_core::Role::Ignored })
            .unwrap()
    };
    let recipe = ModelImputer::new().numbers(LeastSquares).max_iter(4).tol(0.0);
    let weighted = recipe.fit(&table(&[0, 1, 2, 3, 4, 5], true)).unwrap();
    let repeated = recipe.fit(&table(&[0, 1, 1, 2, 2, 2, 3, 4], false)).unwrap();
    let batch = table(&[0, 1, 2, 3, 4], false);
    let (a, b) = (weighted.transform(batch.batch()).unwrap(), repeated.transform(batch.batch()).unwrap());
    for (a, b) in
        float(&a, "x").into_iter().chain(float(&a, "y")).zip(float(&b, "x").into_iter().chain(float(&b, "y")))
    {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn what_no_model_can_tell_starts_and_stays() {
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
    let alone = train(vec![("x", Arc::clone(&numbers))]);
    let fitted = ModelImputer::new().numbers(LeastSquares).fit(&alone).unwrap();
    assert_eq!(float(&fitted.transform(alone.batch()).unwrap(), "x"), [1.0, 2.5, 4.0]);
    // One class.
    let word: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), None]));
    let both = train(vec![("x", numbers), ("word", word)]);
    let fitted = ModelImputer::new().numbers(LeastSquares).categories(ByAny).fit(&both).unwrap();
    let filled = fitted.transform(both.batch()).unwrap();
    assert_eq!(filled["word"].as_string::<i32>().value(2), "a");
    // Numbers that there is no model for are read, and stay as they are.
    let named = train(vec![
        ("word", Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("a"), None])) as ArrayRef),
        ("number", Arc::new(Int32Array::from(vec![1, 2, 2, 1, 1])) as ArrayRef),
    ]);
    let fitted = ModelImputer::new().categories(By("number".into())).fit(&named).unwrap();
    let filled = fitted.transform(named.batch()).unwrap();
    let words: Vec<&str> = filled["word"].as_string::<i32>().iter().flatten().collect();
    assert_eq!((words, &filled["number"]), (vec!["a", "b", "b", "a", "a"], &named.batch()["number"]));
    // Other columns that there is no model for are not read.
    let fitted = ModelImputer::new().numbers(LeastSquares).fit(&both).unwrap();
    assert_eq!(fitted.transform(both.batch()).unwrap()["word"].null_count(), 1);
    assert!(fitted.converged());
    // Zeros are settled at once, and what 32 bits cannot hold is not put there.
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), None, Some(0.0)]));
    let other: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 3]));
    let zeros = train(vec![("x", zeros), ("z", other)]);
    let settled = ModelImputer::new().numbers(LeastSquares).fit(&zeros).unwrap();
    assert!(settled.converged() && settled.rounds().len() == 1);
    let narrow: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.0), None, Some(3.0)]));
    let narrow =
        train(vec![("x", narrow), ("z", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])) as ArrayRef)]);
    let huge =
        ModelImputer::new().numbers(Says(Arc::new(Float64Array::from(vec![1e300; 3])))).fit(&narrow).unwrap();
    let filled = huge.transform(narrow.batch()).unwrap();
    assert_eq!(filled["x"].as_primitive::<Float32Type>().value(1), 2.0);
    let most = ModelImputer::new().numbers(LeastSquares).max_iter(usize::MAX).fit(&zeros).unwrap();
    assert_eq!(most.rounds().len(), 1);
    let empty = fitted.transform(&both.batch().slice(0, 0)).unwrap();
    assert_eq!(empty.num_rows(), 0);
}

/// Predicts what it is told to.
#[derive(Debug, Clone)]
struct Says(ArrayRef);

impl mlsys_core::Artifact for Says {}

impl Fit for Says {
    type Fitted = Self;

    fn fit(&self, _: &Dataset<Train>) -> Result<Self> {
        Ok(self.clone())
    }
}

impl Predict for Says {
    fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(self.0.slice(0, self.0.len().min(batch.num_rows())))
    }
}

#[test]
fn models_that_say_nonsense_are_named_or_not_believed() {
    let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), None, None]));
    let z: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0]));
    let data = train(vec![("x", x), ("z", z)]);
    let says = |array: ArrayRef| ModelImputer::new().numbers(Says(array)).fit(&data);
    let fitted = says(Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(f64::INFINITY), None]))).unwrap();
    assert_eq!(float(&fitted.transform(data.batch()).unwrap(), "x"), [1.0, 2.0, 3.0, 2.0, 2.0]);
    let error = says(Arc::new(StringArray::from(vec!["a", "b", "c"]))).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::ColumnType { .. }) && error.to_string().contains('x'),
        "{error}"
    );
    let error = says(Arc::new(Float64Array::from(vec![1.0, 2.0]))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Shape { .. }), "{error}");
    // What holds code cannot be saved, and says so.
    let fitted = says(Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))).unwrap();
    assert!(artifact::to_bytes(&fitted).is_err());
}

#[test]
fn long_fits_tell_how_far_they_are() {
    use std::ops::ControlFlow;
    let data = mixed(60).with_role("code", mlsys_core::Role::Ignored).unwrap();
    let recipe = ModelImputer::new().numbers(LeastSquares).categories(ByAny).max_iter(2).tol(0.0);
    let mut told = Vec::new();
    let fitted = recipe.fit_with(&data, &mut |step: Step| {
        told.push((step.done, step.total));
        ControlFlow::Continue(())
    });
    assert_eq!(told, (1..=8).map(|done| (done, 8)).collect::<Vec<_>>());
    let bytes = artifact::to_bytes(&fitted.unwrap()).unwrap();
    assert_eq!(bytes, artifact::to_bytes(&recipe.fit(&data).unwrap()).unwrap());
    let error = recipe.fit_with(&data, &mut |_: Step| ControlFlow::Break(())).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Cancelled { .. }) && error.to_string().contains("1 of 8 models"),
        "{error}"
    );
}

#[test]
fn bad_input_is_named() {
    let data = mixed(30);
    let kind = |error: Error, word: &str| {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    };
    kind(ModelImputer::new().fit(&data).unwrap_err(), "models");
    kind(ModelImputer::new().numbers(LeastSquares).on(["word"]).fit(&data).unwrap_err(), "categories");
    kind(ModelImputer::new().categories(ByAny).on(["x"]).fit(&data).unwrap_err(), "numbers");
    let infinite: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]));
    let recipe = ModelImputer::new().numbers(LeastSquares);
    kind(recipe.fit(&train(vec![("x", infinite)])).unwrap_err(), "`x`");
    let null: ArrayRef = Arc::new(Float64Array::from(vec![None, None]));
    kind(recipe.fit(&train(vec![("x", null)])).unwrap_err(), "`x`");
    let fitted = recipe.fit(&data).unwrap();
    kind(fitted.transform(&data.batch().project(&[0, 3]).unwrap()).unwrap_err(), "`y`");
}

#[test]
fn contract() {
    let recipe = || ModelImputer::new().numbers(LeastSquares);
    Contract::new("ModelImputer", recipe())
        .bad("max_iter", recipe().max_iter(0))
        .bad("tol", recipe().tol(-1.0))
        .bad("tol", recipe().tol(f64::NAN))
        .transform();
    let text = ModelImputer::new().categories(ByAny).indicators(Indicators::All);
    Contract::new("ModelImputer of text", text).features(Features::Text).transform();
}
