//! Fitted values and outputs equal those of scikit-learn's `SimpleImputer`, `KNNImputer` and `IterativeImputer`, made by
//! `testdata/gen/preprocessing.py` and `imputation.py`, and those of chains with categories written out by `chains.py`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray,
};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Category, Columns, Dataset, Fit, Train, Transform, column};
use mlsys_missing_values::{
    ConstantImputer, FittedImputer, ImputationOrder, Indicators, IterativeImputer, KnnImputer, KnnWeights,
    MeanImputer, MedianImputer, MostFrequentImputer,
};
use mlsys_testkit::golden::{assert_close, load};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    name: String,
    rtol: f64,
    input: Input,
    expected: BTreeMap<String, Imputed>,
}

#[derive(Deserialize)]
struct Input {
    x: Vec<Value>,
    weights: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Imputed {
    value: Value,
    output: Vec<Value>,
    /// None where the rows that count had nothing missing.
    indicator: Option<Vec<f64>>,
}

impl Input {
    /// The column, missing values as nulls and, for numbers, also as NaN.
    fn columns(&self) -> Vec<ArrayRef> {
        if self.x.iter().any(Value::is_string) {
            let words = self.x.iter().map(|v| v.as_str().map(str::to_owned));
            return vec![Arc::new(StringArray::from_iter(words))];
        }
        let numbers: Vec<Option<f64>> = self.x.iter().map(Value::as_f64).collect();
        let nans: Vec<f64> = numbers.iter().map(|x| x.unwrap_or(f64::NAN)).collect();
        vec![Arc::new(Float64Array::from(numbers)), Arc::new(Float64Array::from(nans))]
    }

    fn train(&self, x: ArrayRef) -> Dataset<Train> {
        let Some(weights) = &self.weights else {
            return Dataset::new(RecordBatch::try_from_iter([("x", x)]).unwrap()).unwrap().into_train_all();
        };
        let w: ArrayRef = Arc::new(Float64Array::from(weights.clone()));
        let batch = RecordBatch::try_from_iter([("x", x), ("w", w)]).unwrap();
        Dataset::new(batch).unwrap().weight("w").unwrap().into_train_all()
    }
}

fn fit(item: &str, value: &Value, train: &Dataset<Train>) -> FittedImputer {
    let fill = value.as_str().map_or_else(|| Category::Float(value.as_f64().unwrap()), Category::from);
    let indicators = Indicators::WhereMissing;
    match item {
        "MeanImputer" => MeanImputer::new().indicators(indicators).fit(train),
        "MedianImputer" => MedianImputer::new().indicators(indicators).fit(train),
        "MostFrequentImputer" => MostFrequentImputer::new().indicators(indicators).fit(train),
        "ConstantImputer" => ConstantImputer::new(fill).indicators(indicators).fit(train),
        other => panic!("nothing checks {other}"),
    }
    .unwrap()
}

#[test]
fn imputers() {
    for case in load::<Case>(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/imputers.json")) {
        for (item, expected) in &case.expected {
            for x in case.input.columns() {
                let what = format!("{item} of {}", case.name);
                let train = case.input.train(x);
                let fitted = fit(item, &expected.value, &train);
                let output = fitted.transform(train.batch()).unwrap();
                match expected.value.as_f64() {
                    Some(value) => {
                        assert_close(&what, fitted.value("x").unwrap().as_f64().unwrap(), value, case.rtol);
                        let found = column::floats("x", &output["x"]).unwrap();
                        let values = expected.output.iter().map(|v| v.as_f64().unwrap());
                        assert_eq!(found.len(), expected.output.len(), "{what}");
                        found.iter().zip(values).for_each(|(&a, b)| assert_close(&what, a, b, case.rtol));
                    }
                    None => {
                        assert_eq!(fitted.value("x").unwrap().to_string(), expected.value, "{what}");
                        let words = expected.output.iter().map(|v| v.as_str());
                        let words: ArrayRef = Arc::new(StringArray::from_iter(words));
                        assert_eq!(&output["x"], &words, "{what}");
                    }
                }
                let found = output.column_by_name("x_missing");
                let found = found.map(|found| column::floats("x_missing", found).unwrap().to_vec());
                assert_eq!(found, expected.indicator, "{what}");
            }
        }
    }
}

#[derive(Deserialize)]
struct RowsCase<O> {
    name: String,
    rtol: f64,
    input: RowsInput<O>,
    expected: BTreeMap<String, Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct RowsInput<O> {
    train: Vec<Vec<Option<f64>>>,
    rows: Vec<Vec<Option<f64>>>,
    options: O,
    weights: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Options {
    k_neighbors: usize,
    weights: KnnWeights,
}

fn table(rows: &[Vec<Option<f64>>], nan: bool) -> RecordBatch {
    let column = |c: usize| -> ArrayRef {
        let values = rows.iter().map(|row| if nan { row[c].or(Some(f64::NAN)) } else { row[c] });
        Arc::new(Float64Array::from_iter(values))
    };
    RecordBatch::try_from_iter_with_nullable((0..rows[0].len()).map(|c| (format!("x{c}"), column(c), true)))
        .unwrap()
}

#[test]
fn neighbor_imputers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/neighbor_imputers.json");
    for case in load::<RowsCase<Options>>(path) {
        for (item, expected) in &case.expected {
            assert_eq!(item, "KnnImputer", "nothing checks {item}");
            for nan in [false, true] {
                let train = Dataset::new(table(&case.input.train, nan)).unwrap().into_train_all();
                let Options { k_neighbors, weights } = case.input.options;
                let fitted = KnnImputer::new().k_neighbors(k_neighbors).weights(weights).fit(&train).unwrap();
                let output = fitted.transform(&table(&case.input.rows, nan)).unwrap();
                assert_eq!(output.num_rows(), expected.len());
                for (row, expected) in expected.iter().enumerate() {
                    for (c, &expected) in expected.iter().enumerate() {
                        let found = column::floats("x", output.column(c)).unwrap()[row];
                        let what = format!("{}: row {row}, column {c}", case.name);
                        assert_close(&what, found, expected, case.rtol);
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Chain {
    max_iter: usize,
    order: ImputationOrder,
}

#[test]
fn chained_equations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/iterative_imputers.json");
    for case in load::<RowsCase<Chain>>(path) {
        for (item, expected) in &case.expected {
            assert_eq!(item, "IterativeImputer", "nothing checks {item}");
            for nan in [false, true] {
                let mut train = Dataset::new(table(&case.input.train, nan)).unwrap();
                if let Some(weights) = &case.input.weights {
                    let mut columns = train.batch().columns().to_vec();
                    let mut fields: Vec<_> = train.schema().fields().iter().cloned().collect();
                    columns.push(Arc::new(Float64Array::from(weights.clone())));
                    fields.push(Arc::new(Field::new("w", DataType::Float64, true)));
                    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
                    train = Dataset::new(batch).unwrap().weight("w").unwrap();
                }
                let Chain { max_iter, order } = case.input.options;
                let recipe = IterativeImputer::new().max_iter(max_iter).tol(0.0).order(order);
                let fitted = recipe.fit(&train.into_train_all()).unwrap();
                let output = fitted.transform(&table(&case.input.rows, nan)).unwrap();
                assert_eq!((output.num_rows(), fitted.rounds().len()), (expected.len(), max_iter));
                for (row, expected) in expected.iter().enumerate() {
                    for (c, &expected) in expected.iter().enumerate() {
                        let found = column::floats("x", output.column(c)).unwrap()[row];
                        let what = format!("{}: row {row}, column {c}", case.name);
                        assert_close(&what, found, expected, case.rtol);
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct MixedCase {
    name: String,
    rtol: f64,
    input: MixedInput,
    expected: BTreeMap<String, Vec<Vec<Value>>>,
}

/// Tables by column.
#[derive(Deserialize)]
struct MixedInput {
    columns: Vec<String>,
    train: Vec<Vec<Value>>,
    rows: Vec<Vec<Value>>,
    weights: Option<Vec<f64>>,
    options: MixedOptions,
}

#[derive(Deserialize)]
struct MixedOptions {
    max_iter: usize,
}

impl MixedInput {
    fn table(&self, columns: &[Vec<Value>], weights: Option<&Vec<f64>>) -> RecordBatch {
        let array = |values: &Vec<Value>| -> ArrayRef {
            if values.iter().any(Value::is_string) {
                Arc::new(StringArray::from_iter(values.iter().map(Value::as_str)))
            } else if values.iter().any(Value::is_boolean) {
                Arc::new(BooleanArray::from_iter(values.iter().map(Value::as_bool)))
            } else {
                Arc::new(Float64Array::from_iter(values.iter().map(Value::as_f64)))
            }
        };
        let named =
            self.columns.iter().zip(columns).map(|(name, values)| (name.clone(), array(values), true));
        let weight = weights.map(|w| ("w".to_owned(), Arc::new(Float64Array::from(w.clone())) as _, true));
        RecordBatch::try_from_iter_with_nullable(named.chain(weight)).unwrap()
    }
}

#[test]
fn chains_with_categories() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/mixed_chains.json");
    for MixedCase { name, rtol, input, expected } in load::<MixedCase>(path) {
        for (item, expected) in &expected {
            assert_eq!(item, "IterativeImputer", "nothing checks {item}");
            let mut data = Dataset::new(input.table(&input.train, input.weights.as_ref())).unwrap();
            if input.weights.is_some() {
                data = data.weight("w").unwrap();
            }
            let recipe = IterativeImputer::new().max_iter(input.options.max_iter).tol(0.0);
            let columns: Vec<&str> = input.columns.iter().map(String::as_str).collect();
            let fitted = recipe.on(Columns::named(columns)).fit(&data.into_train_all()).unwrap();
            let output = fitted.transform(&input.table(&input.rows, None)).unwrap();
            for (column, expected) in input.columns.iter().zip(expected) {
                let array = &output[column.as_str()];
                assert_eq!((array.len(), array.null_count()), (expected.len(), 0));
                for (row, expected) in expected.iter().enumerate() {
                    let what = format!("{name}: row {row} of {column}");
                    match expected {
                        Value::String(word) => {
                            assert_eq!(array.as_string::<i32>().value(row), word, "{what}")
                        }
                        Value::Bool(flag) => assert_eq!(array.as_boolean().value(row), *flag, "{what}"),
                        number => {
                            let found = column::floats(column, array).unwrap()[row];
                            assert_close(&what, found, number.as_f64().unwrap(), rtol);
                        }
                    }
                }
            }
        }
    }
}
