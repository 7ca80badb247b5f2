//! What holds for every table: weights count rows, threads and the order of columns change no bit, rows stand alone.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, UInt8Array,
};
use mlsys_core::arrow::compute::concat_batches;
use mlsys_core::arrow::datatypes::Int8Type;
use mlsys_core::{Artifact, Dataset, Fit, Predict, PredictProba, Registry, Train, artifact, seed};
use mlsys_models::{
    ClassWeights, ExistingPrediction, FittedLogisticRegression, LogisticRegression, RandomGuess, Rule,
    ZeroRule, ZeroRuleRegressor, logistic_regression, register,
};
use proptest::prelude::*;

/// `rows` rows: two real columns, a frequent and a rare indicator, a label of `classes` classes, a whole weight.
fn table(rows: usize, classes: i64, seed: u64) -> RecordBatch {
    let mut rng = seed::stream(seed, 0);
    let mut column = || (0..rows).map(|_| seed::uniform(&mut rng)).collect::<Vec<f64>>();
    let (a, b, often, rare, noise, weight) = (column(), column(), column(), column(), column(), column());
    let label = |i: usize| ((a[i] + 0.7 * noise[i]) / 1.7 * classes as f64) as i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("b", Arc::new(Float64Array::from_iter_values(b.iter().map(|x| 1e3 * x - 40.0)))),
        ("a", Arc::new(Float64Array::from(a.clone()))),
        ("rare", Arc::new(UInt8Array::from_iter_values(rare.iter().map(|&x| u8::from(x < 0.1))))),
        ("often", Arc::new(UInt8Array::from_iter_values(often.iter().map(|&x| u8::from(x < 0.6))))),
        ("y", Arc::new(Int64Array::from_iter_values((0..rows).map(label)))),
        ("w", Arc::new(Int64Array::from_iter_values(weight.iter().map(|x| 1 + (3.0 * x) as i64)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn unweighted(batch: &RecordBatch) -> Dataset<Train> {
    Dataset::new(batch.clone()).unwrap().target("y").unwrap().ignore(["w"]).unwrap().into_train_all()
}

fn weighted(batch: &RecordBatch) -> Dataset<Train> {
    Dataset::new(batch.clone()).unwrap().target("y").unwrap().weight("w").unwrap().into_train_all()
}

fn numbers(model: &FittedLogisticRegression) -> Vec<f64> {
    model.coefficients().into_values().flatten().chain(model.intercepts()).copied().collect()
}

fn replace(batch: &RecordBatch, name: &str, array: ArrayRef) -> RecordBatch {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    RecordBatch::try_from_iter(columns.map(|(field, column)| {
        let array = if field.name() == name { Arc::clone(&array) } else { Arc::clone(column) };
        (field.name().clone(), array)
    }))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_weight_repeats_a_row(rows in 20usize..120, classes in 2i64..4, seed: u64) {
        let batch = table(rows, classes, seed);
        let weights = mlsys_core::column::floats("w", batch.column_by_name("w").unwrap()).unwrap();
        let times: Vec<RecordBatch> =
            (0..rows).flat_map(|i| vec![batch.slice(i, 1); weights[i] as usize]).collect();
        let repeated = concat_batches(&batch.schema(), &times).unwrap();
        let recipe = LogisticRegression::new().tolerance(1e-12).class_weights(ClassWeights::Balanced);
        let (Ok(one), Ok(other)) = (recipe.fit(&weighted(&batch)), recipe.fit(&unweighted(&repeated))) else {
            return Ok(());
        };
        for (a, b) in numbers(&one).into_iter().zip(numbers(&other)) {
            prop_assert!((a - b).abs() <= 1e-8 * a.abs().max(1.0), "{a} {b}");
        }
        let (one, other) = (ZeroRule::new().fit(&weighted(&batch)).unwrap(), ZeroRule::new().fit(&unweighted(&repeated)).unwrap());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn rows_without_weight_are_absent(seed: u64) {
        let batch = table(80, 2, seed);
        let weights = Float64Array::from_iter_values((0..80).map(|i| if i < 60 { 1.0 } else { 0.0 }));
        // A class that only rows without weight have is no class.
        let labels = mlsys_core::column::floats("y", batch.column_by_name("y").unwrap()).unwrap();
        let y = Int64Array::from_iter_values((0..80).map(|i| if i < 60 { labels[i] as i64 } else { -7 }));
        let marked = replace(&replace(&batch, "w", Arc::new(weights)), "y", Arc::new(y));
        let recipe = LogisticRegression::new().tolerance(1e-12);
        let with = recipe.fit(&weighted(&marked)).unwrap();
        let without = recipe.fit(&unweighted(&batch.slice(0, 60))).unwrap();
        prop_assert_eq!(with.classes(), without.classes());
        for (a, b) in numbers(&with).into_iter().zip(numbers(&without)) {
            prop_assert!((a - b).abs() <= 1e-8 * a.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn the_gradient_vanishes_at_the_optimum(rows in 20usize..200, seed: u64, l2 in 0.01f64..10.0) {
        let batch = table(rows, 2, seed);
        let Ok(model) = LogisticRegression::new().l2(l2).fit(&unweighted(&batch)) else { return Ok(()) };
        prop_assert!(model.converged());
        let p = model.predict_proba(&batch).unwrap().positive();
        let column = |name| mlsys_core::column::floats(name, batch.column_by_name(name).unwrap()).unwrap();
        let y = column("y");
        for (name, coefficient) in model.coefficients() {
            let x = column(name);
            let gradient: f64 = (0..rows).map(|i| (p[i] - y[i]) * x[i]).sum::<f64>() + l2 * coefficient[0];
            prop_assert!(gradient.abs() < 1e-4, "{name}: {gradient}");
        }
    }
}

#[test]
fn threads_and_column_order_change_no_bit() {
    for classes in [2, 3] {
        let batch = table(20_000, classes, 5);
        let fit = |batch: &RecordBatch, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let model = pool.install(|| LogisticRegression::new().fit(&weighted(batch)).unwrap());
            let p = pool.install(|| model.predict_proba(batch).unwrap());
            (artifact::to_bytes(&model).unwrap(), p)
        };
        let expected = fit(&batch, 1);
        assert_eq!(fit(&batch, 2), expected);
        assert_eq!(fit(&batch, 7), expected);
        assert_eq!(fit(&batch.project(&[5, 3, 1, 4, 2, 0]).unwrap(), 2), expected);
    }
}

#[test]
fn encodings_change_no_bit() {
    let batch = table(3000, 2, 6);
    let expected = numbers(&LogisticRegression::new().fit(&unweighted(&batch)).unwrap());
    for name in ["rare", "often"] {
        let values = mlsys_core::column::floats(name, batch.column_by_name(name).unwrap()).unwrap();
        let integers: Vec<i32> = values.iter().map(|&x| x as i32).collect();
        let keys = mlsys_core::arrow::array::Int8Array::from_iter_values(values.iter().map(|&x| x as i8));
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(Float64Array::from(vec![0.0, 1.0])));
        let padded: Vec<f64> = [7.0, 7.0].into_iter().chain(values.iter().copied()).collect();
        let encodings: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(padded).slice(2, values.len())),
            Arc::new(Float32Array::from_iter_values(values.iter().map(|&x| x as f32))),
            Arc::new(Int32Array::from(integers)),
            Arc::new(BooleanArray::from(values.iter().map(|&x| x == 1.0).collect::<Vec<_>>())),
            Arc::new(dictionary),
        ];
        for array in encodings {
            let data_type = array.data_type().clone();
            let model = LogisticRegression::new().fit(&unweighted(&replace(&batch, name, array))).unwrap();
            assert_eq!(numbers(&model), expected, "{name} as {data_type}");
        }
    }
}

#[test]
fn a_row_is_predicted_alone_as_in_any_batch() {
    let batch = table(5000, 3, 7);
    let models: Vec<Box<dyn PredictProba>> = vec![
        Box::new(LogisticRegression::new().fit(&unweighted(&batch)).unwrap()),
        Box::new(RandomGuess::new().seed(3).fit(&unweighted(&batch)).unwrap()),
        Box::new(ZeroRule::new().fit(&unweighted(&batch)).unwrap()),
    ];
    for model in models {
        let all = model.predict_proba(&batch).unwrap();
        for row in [0, 1, 2047, 2048, 4999] {
            let alone = model.predict_proba(&batch.slice(row, 1)).unwrap();
            assert_eq!(alone.view().row(0), all.view().row(row));
        }
        assert_eq!(model.predict_proba(&batch.slice(0, 0)).unwrap().n_rows(), 0);
        assert_eq!(model.predict(&batch.slice(0, 0)).unwrap().len(), 0);
    }
}

#[test]
fn the_plain_function_agrees() {
    let batch = table(500, 3, 8);
    let train = weighted(&batch);
    let model = LogisticRegression::new().fit(&train).unwrap();
    let sorted = train.select(["a", "b", "often", "rare"]).unwrap();
    let x = sorted.matrix::<f64>(mlsys_core::Missing::Refuse).unwrap();
    let labels: Vec<usize> = train.target_values("test").unwrap().iter().map(|&y| y as usize).collect();
    let weights = train.weights().unwrap().unwrap();
    let fit = logistic_regression(x.view(), &labels, Some(&weights), &LogisticRegression::new()).unwrap();
    assert_eq!(fit.classes, [0, 1, 2]);
    assert_eq!(fit.intercepts, model.intercepts());
    let coefficients = model.coefficients();
    for (j, name) in ["a", "b", "often", "rare"].into_iter().enumerate() {
        assert_eq!(fit.coefficients.column(j).to_vec(), coefficients[name]);
    }
}

#[test]
fn everything_but_code_can_be_saved_and_loaded_by_name() {
    let batch = table(200, 2, 9);
    let train = unweighted(&batch);
    let registry = register(Registry::new());
    let models: Vec<Box<dyn PredictProba>> = vec![
        Box::new(LogisticRegression::new().fit(&train).unwrap()),
        Box::new(ZeroRule::new().fit(&train).unwrap()),
        Box::new(RandomGuess::new().fit(&train).unwrap()),
        Box::new(ExistingPrediction::probability("a").fit(&train).unwrap()),
        Box::new(ExistingPrediction::label("often").fit(&train).unwrap()),
    ];
    for model in models {
        let bytes = artifact::to_bytes(&model).unwrap();
        let loaded = artifact::load_model(&bytes, &registry).unwrap();
        assert_eq!(loaded.predict_proba(&batch).unwrap(), model.predict_proba(&batch).unwrap());
        assert_eq!(loaded.inputs(), model.inputs());
    }
    let mean = ZeroRuleRegressor::new().fit(&train).unwrap();
    let loaded = artifact::load_predictor(&artifact::to_bytes(&mean).unwrap(), &registry).unwrap();
    assert_eq!(&loaded.predict(&batch).unwrap(), &mean.predict(&batch).unwrap());
    let rule = Rule::label(|batch| Ok(Arc::clone(batch.column(4)))).fit(&train).unwrap();
    assert!(artifact::to_bytes(&rule).unwrap_err().to_string().contains("cannot be saved"));
    assert_eq!(&rule.predict(&batch).unwrap(), batch.column(4));
}

#[test]
fn guesses_depend_on_the_seed_and_the_row() {
    let batch = table(4000, 2, 10);
    let guess =
        |seed| RandomGuess::new().seed(seed).fit(&unweighted(&batch)).unwrap().predict_proba(&batch).unwrap();
    assert_eq!(guess(1), guess(1));
    let differing = guess(1).positive().iter().zip(guess(2).positive()).filter(|(a, b)| **a != *b).count();
    assert!((1000..3000).contains(&differing), "{differing}");
    let text = StringArray::from_iter_values((0..4000).map(|i| format!("row {i}")));
    let texts = replace(&batch, "a", Arc::new(text));
    let model = RandomGuess::new().fit(&unweighted(&texts)).unwrap();
    let share = model.predict_proba(&texts).unwrap().positive().iter().sum::<f64>() / 4000.0;
    let expected = ZeroRule::new().fit(&unweighted(&texts)).unwrap().shares()[1];
    assert!((share - expected).abs() < 0.03, "{share} {expected}");
}
