//! Sparse rows give the model that the same numbers give as columns, and cost what their entries cost.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use mlsys_core::arrow::compute::concat_batches;
use mlsys_core::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use mlsys_core::sparse::{SparseBuilder, SparseRows};
use mlsys_core::{Dataset, Fit, PredictProba, Registry, Train, artifact, seed};
use mlsys_models::{
    ClassWeights, FittedLogisticRegression, Intercept, LogisticRegression, RandomGuess, ZeroRule, register,
};
use proptest::prelude::*;

fn batch(columns: Vec<(Field, ArrayRef)>) -> RecordBatch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn reals(name: &str, values: Vec<f64>) -> (Field, ArrayRef) {
    (Field::new(name, DataType::Float64, false), Arc::new(Float64Array::from(values)))
}

fn labels(values: impl Iterator<Item = i64>) -> (Field, ArrayRef) {
    (Field::new("y", DataType::Int64, false), Arc::new(Int64Array::from_iter_values(values)))
}

fn sparse(name: &str, rows: &SparseRows) -> (Field, ArrayRef) {
    (rows.field(name), rows.to_array().unwrap())
}

/// Rows of pairs of index and value.
fn rows(width: usize, rows: &[&[(u32, f64)]]) -> SparseRows {
    let mut builder = SparseBuilder::new(width, rows.len(), 8);
    for row in rows {
        row.iter().for_each(|&(index, value)| builder.add(index, value));
        builder.end_row();
    }
    builder.finish().unwrap()
}

/// One of two sparse columns, `share` of whose entries are there: indicators, or values of either sign, zero among them.
fn drawn(n: usize, width: usize, share: f64, ones: bool, seed: u64) -> SparseRows {
    let mut rng = seed::stream(seed, width as u64);
    let mut builder = SparseBuilder::new(width, n, n);
    for _ in 0..n {
        for index in 0..width as u32 {
            if seed::uniform(&mut rng) < share {
                let value = (16.0 * seed::uniform(&mut rng)).floor() / 4.0 - 2.0;
                builder.add(index, if ones { 1.0 } else { value });
            }
        }
        builder.end_row();
    }
    builder.finish().unwrap()
}

/// A number, two sparse columns, a label that depends on all, and a weight, which may be zero.
fn table(n: usize, classes: i64, share: f64, seed: u64) -> RecordBatch {
    let mut rng = seed::stream(seed, 1);
    let (ones, values) = (drawn(n, 12, share, true, seed), drawn(n, 7, share, false, seed));
    let x: Vec<f64> = (0..n).map(|_| seed::uniform(&mut rng) * 10.0).collect();
    let mut label = |row: usize| {
        let of = |rows: &SparseRows| -> f64 {
            let (indices, values) = rows.row(row);
            indices.iter().zip(values).map(|(&i, v)| f64::from(i % 3) * v).sum()
        };
        let score = x[row] / 5.0 + of(&ones) - of(&values) + 4.0 * seed::uniform(&mut rng);
        (score.floor() as i64).rem_euclid(classes)
    };
    let y: Vec<i64> = (0..n).map(&mut label).collect();
    let w = (0..n).map(|_| (seed::uniform(&mut rng) * 4.0).floor()).collect();
    batch(vec![
        sparse("ones", &ones),
        reals("x", x),
        labels(y.into_iter()),
        sparse("values", &values),
        reals("w", w),
    ])
}

/// The same with a column for each place.
fn written_out(batch: &RecordBatch) -> RecordBatch {
    let mut columns = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        match SparseRows::read(field, array) {
            Err(_) => columns.push((field.as_ref().clone(), Arc::clone(array))),
            Ok(rows) => {
                let dense = rows.to_dense(1 << 24).unwrap();
                columns.extend(
                    (0..rows.width())
                        .map(|j| reals(&format!("{} {j}", field.name()), dense.column(j).to_vec())),
                );
            }
        }
    }
    self::batch(columns)
}

fn train(batch: &RecordBatch, weighted: bool) -> Dataset<Train> {
    let data = Dataset::new(batch.clone()).unwrap().target("y").unwrap();
    let data = if weighted { data.weight("w") } else { data.ignore(["w"]) };
    data.unwrap().into_train_all()
}

fn fit(batch: &RecordBatch) -> FittedLogisticRegression {
    LogisticRegression::new().fit(&train(batch, false)).unwrap()
}

fn bits(model: &impl PredictProba, batch: &RecordBatch) -> Vec<u64> {
    model.predict_proba(batch).unwrap().view().iter().map(|x| x.to_bits()).collect()
}

/// More places than products of all pairs are taken of, and rows that are too long for them.
#[test]
fn many_places_fit_as_the_columns_do() {
    for (n, width, share) in [(1500, 700, 0.01), (300, 90, 1.0)] {
        let values = drawn(n, width, share, false, 8);
        let y = (0..n).map(|i| {
            let (indices, values) = values.row(i);
            let score: f64 = indices.iter().zip(values).map(|(&j, v)| f64::from(j % 5) * v).sum();
            i64::from(score + (i % 9) as f64 - 4.0 > 0.0)
        });
        let table = batch(vec![sparse("s", &values), reals("w", vec![1.0; n]), labels(y)]);
        let recipe = LogisticRegression::new().tolerance(1e-12);
        let one = recipe.fit(&train(&table, false)).unwrap();
        let other = recipe.fit(&train(&written_out(&table), false)).unwrap();
        assert!(one.converged() && other.converged());
        let places = one.sparse_coefficients()["s"];
        assert!(places.places().len() >= width * 9 / 10);
        for (name, expected) in other.coefficients() {
            let place = name.split_once(' ').unwrap().1.parse().unwrap();
            let found = places.of(place).map_or(0.0, |own| own[0]);
            assert!((found - expected[0]).abs() < 1e-7, "{name}: {found} {expected:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sparse_rows_fit_as_the_columns_do(
        n in 30usize..150,
        classes in 2i64..5,
        share in 0.02f64..0.5,
        weighted: bool,
        free: bool,
        balanced: bool,
        l2 in 0.05f64..5.0,
        seed: u64,
    ) {
        let sparse = table(n, classes, share, seed);
        let dense = written_out(&sparse);
        let recipe = LogisticRegression::new()
            .l2(l2)
            .tolerance(1e-11)
            .intercept(if free { Intercept::Free } else { Intercept::Zero })
            .class_weights(if balanced { ClassWeights::Balanced } else { ClassWeights::Uniform });
        let (Ok(one), Ok(other)) = (recipe.fit(&train(&sparse, weighted)), recipe.fit(&train(&dense, weighted))) else {
            return Ok(());
        };
        prop_assert!(one.converged());
        prop_assert!((one.objective() - other.objective()).abs() <= 1e-10 * other.objective());
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * b.abs().max(1.0);
        let of_columns = other.coefficients();
        let places = one.sparse_coefficients();
        for (name, expected) in &of_columns {
            let found = match name.split_once(' ') {
                None => Some(one.coefficients()[name]),
                Some((column, place)) => places[column].of(place.parse().unwrap()),
            };
            for (k, &expected) in expected.iter().enumerate() {
                let found = found.map_or(0.0, |own| own[k]);
                prop_assert!(close(found, expected), "{}: {} {}", name, found, expected);
            }
        }
        for (a, b) in one.intercepts().iter().zip(other.intercepts()) {
            prop_assert!(close(*a, *b), "{} {}", a, b);
        }
        let (p, expected) = (one.predict_proba(&sparse).unwrap(), other.predict_proba(&dense).unwrap());
        prop_assert!(p.view().iter().zip(expected.view()).all(|(a, b)| (a - b).abs() < 1e-7));
    }
}

#[test]
fn threads_column_order_and_slices_change_no_bit() {
    for classes in [2, 3] {
        let table = table(20_000, classes, 0.05, 3);
        let fit = |batch: &RecordBatch, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let model = pool.install(|| LogisticRegression::new().fit(&train(batch, true)).unwrap());
            assert!(model.converged());
            (artifact::to_bytes(&model).unwrap(), pool.install(|| bits(&model, batch)))
        };
        let expected = fit(&table, 1);
        assert!(fit(&table, 2) == expected);
        assert!(fit(&table, 7) == expected);
        assert!(fit(&table.project(&[4, 3, 2, 1, 0]).unwrap(), 2) == expected);
        let longer = concat_batches(&table.schema(), &[table.slice(0, 7), table.clone()]).unwrap();
        assert!(fit(&longer.slice(7, 20_000), 2) == expected);
    }
}

#[test]
fn zeros_that_are_written_down_change_no_bit() {
    let y = || labels([0, 1, 1, 0].into_iter());
    let plain = rows(9, &[&[(1, 1.0)], &[(2, 1.0), (8, 1.0)], &[], &[(8, 1.0)]]);
    let zeros = rows(9, &[&[(1, 1.0), (5, 0.0)], &[(2, 1.0), (8, 1.0)], &[(0, -0.0)], &[(1, 0.0), (8, 1.0)]]);
    let of = |rows: &SparseRows| {
        let batch = batch(vec![sparse("s", rows), y()]);
        let model = LogisticRegression::new()
            .fit(&Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all())
            .unwrap();
        (artifact::to_bytes(&model).unwrap(), bits(&model, &batch))
    };
    assert_eq!(of(&plain), of(&zeros));
}

/// By hand: one row of either class has the place, so that its coefficient c and the intercept b of a model without a penalty
/// are the log-odds of 1 of 4 and of 3 of 4.
#[test]
fn a_place_repeats_the_log_odds() {
    let none: &[(u32, f64)] = &[];
    let one: &[(u32, f64)] = &[(1 << 30, 1.0)];
    let s = rows(1 << 31, &[none, none, none, none, one, one, one, one]);
    let batch = batch(vec![sparse("s", &s), labels([1, 0, 0, 0, 1, 1, 1, 0].into_iter())]);
    let data = Dataset::new(batch).unwrap().target("y").unwrap().into_train_all();
    let model = LogisticRegression::new().l2(0.0).fit(&data).unwrap();
    assert!((model.intercepts()[0] + 3f64.ln()).abs() < 1e-8);
    let own = model.sparse_coefficients()["s"];
    assert!((own.of(1 << 30).unwrap()[0] - 9f64.ln()).abs() < 1e-8);
    assert_eq!((own.width(), own.places(), own.of(0)), (1 << 31, [1u32 << 30].as_slice(), None));
    assert_eq!(own.iter().count(), 1);
    assert!(model.coefficients().is_empty());
}

#[test]
fn a_row_is_predicted_alone_as_in_any_batch_and_unseen_places_count_zero() {
    let table = table(5000, 3, 0.1, 4);
    let model = fit(&table);
    let all = model.predict_proba(&table).unwrap();
    for row in [0, 1, 2047, 2048, 4999] {
        let alone = model.predict_proba(&table.slice(row, 1)).unwrap();
        assert_eq!(alone.view().row(0), all.view().row(row));
    }
    assert_eq!(model.predict_proba(&table.slice(0, 0)).unwrap().n_rows(), 0);

    let y = labels([0, 1, 1, 0].into_iter());
    let seen = rows(1000, &[&[(1, 1.0)], &[(2, 3.0)], &[], &[(1, -1.0)]]);
    let model = {
        let batch = batch(vec![sparse("s", &seen), y]);
        LogisticRegression::new()
            .fit(&Dataset::new(batch).unwrap().target("y").unwrap().into_train_all())
            .unwrap()
    };
    let p = |of: &SparseRows| bits(&model, &batch(vec![sparse("s", of)]));
    let unseen = rows(1000, &[&[(0, 5.0), (1, 1.0), (999, -7.0)], &[(2, 3.0), (3, 1e300)], &[(500, 1.0)]]);
    assert_eq!(p(&unseen), p(&rows(1000, &[&[(1, 1.0)], &[(2, 3.0)], &[]])));
}

/// Two thousand million columns, of which a few thousand occur: dense, a vector of coefficients alone would take 16 GB.
#[test]
fn width_costs_nothing() {
    let n = 3000;
    let mut rng = seed::stream(11, 0);
    let mut builder = SparseBuilder::new(i32::MAX as usize, n, 2 * n);
    let mut y = Vec::new();
    for i in 0..n {
        builder.add(seed::below(1 << 31, &mut rng).min(i32::MAX as u64 - 1) as u32, 1.0);
        builder.add(77, (i % 2) as f64);
        builder.end_row();
        y.push((i % 3 % 2) as i64);
    }
    let batch = batch(vec![sparse("s", &builder.finish().unwrap()), labels(y.into_iter())]);
    let data = Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
    let model = LogisticRegression::new().fit(&data).unwrap();
    assert!(model.converged());
    assert_eq!(model.predict_proba(&batch).unwrap().n_rows(), n);
    assert_eq!(model.sparse_coefficients()["s"].places().len(), n + 1);
    assert!(artifact::to_bytes(&model).unwrap().len() < 100_000);
}

#[test]
fn what_is_refused_says_what_and_where() {
    let y = || labels([0, 1, 1].into_iter());
    let refusal = |column: (Field, ArrayRef)| {
        let data = Dataset::new(batch(vec![column, y()])).unwrap().target("y").unwrap().into_train_all();
        LogisticRegression::new().fit(&data).unwrap_err().to_string()
    };
    let of = |value: f64| sparse("s", &rows(5, &[&[(0, 1.0)], &[], &[(1, value), (2, f64::INFINITY)]]));
    assert_eq!(
        refusal(of(1.0)),
        "column `s` has inf in row 2; expected finite values, so replace or drop it"
    );
    assert!(refusal(of(f64::NAN)).contains("column `s` has 1 missing value"), "{}", refusal(of(f64::NAN)));
    let (field, array) = sparse("s", &rows(5, &[&[(4, 1.0)], &[], &[]]));
    let bare = Field::new("s", field.data_type().clone(), false);
    let expected =
        "column `s` must be numeric or sparse rows (encode it first, or leave it out) for LogisticRegression";
    assert!(refusal((bare, Arc::clone(&array))).starts_with(expected));
    let narrow = field.clone().with_metadata([("mlsys.width".to_owned(), "4".to_owned())].into());
    assert!(refusal((narrow, array)).contains("indices that ascend below 4"));
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None, Some([Some(2)])]);
    assert!(
        refusal((Field::new("s", lists.data_type().clone(), true), Arc::new(lists))).starts_with(expected)
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    assert!(refusal((Field::new("s", DataType::Utf8, false), text)).starts_with(expected));
    let none = rows(5, &[]);
    let empty = batch(vec![sparse("s", &none), labels(std::iter::empty())]);
    let data = Dataset::new(empty).unwrap().target("y").unwrap().into_train_all();
    assert!(LogisticRegression::new().fit(&data).unwrap_err().to_string().contains("at least 1 row"));
}

#[test]
fn values_at_the_limits_are_borne() {
    for values in
        [[1e300, -1e300, 2e300], [1.7e308, -1.7e308, 1.0], [5e-324, 1e-300, 0.0], [1e12, 1e12, 1e12]]
    {
        for l2 in [0.0, 1e-6, 1.0] {
            let s = rows(1 << 20, &[&[(3, values[0])], &[(3, values[1])], &[(3, values[2])], &[]]);
            let batch = batch(vec![sparse("s", &s), labels([0, 1, 1, 0].into_iter())]);
            let data = Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
            // Either finite coefficients, or an error that says there are none.
            if let Ok(model) = LogisticRegression::new().l2(l2).max_iterations(200).fit(&data) {
                let own = model.sparse_coefficients()["s"];
                assert!(own.iter().all(|(_, c)| c[0].is_finite()), "{values:?} {l2}");
                assert_eq!(model.predict_proba(&batch).unwrap().n_rows(), 4);
            }
        }
    }
    // No entry at all, and the same one in every row.
    for s in [rows(5, &[&[], &[], &[], &[]]), rows(5, &[&[(2, 3.0)], &[(2, 3.0)], &[(2, 3.0)], &[(2, 3.0)]])]
    {
        let batch = batch(vec![sparse("s", &s), labels([0, 1, 1, 1].into_iter())]);
        let data = Dataset::new(batch.clone()).unwrap().target("y").unwrap().into_train_all();
        for l2 in [0.0, 1.0] {
            let model = LogisticRegression::new().l2(l2).fit(&data).unwrap();
            assert!(model.converged(), "{l2}");
            assert!((model.intercepts()[0] - 3f64.ln()).abs() < 1e-8);
            assert!(model.sparse_coefficients()["s"].iter().all(|(_, c)| c[0].abs() < 1e-8), "{l2}");
        }
    }
}

#[test]
fn prediction_wants_the_width_of_training() {
    let table = table(200, 2, 0.2, 5);
    let model = fit(&table);
    let with = |field: Field, array: ArrayRef| {
        let columns = table.schema_ref().fields().iter().zip(table.columns());
        let columns =
            columns.filter(|(f, _)| f.name() != "ones").map(|(f, a)| (f.as_ref().clone(), Arc::clone(a)));
        let columns = columns.chain([(field, array)]).collect();
        model.predict_proba(&batch(columns)).unwrap_err().to_string()
    };
    let wide = drawn(200, 13, 0.2, true, 5);
    let (field, array) = sparse("ones", &wide);
    assert_eq!(
        with(field.clone(), Arc::clone(&array)),
        "column `ones` must be sparse rows of 12 columns as when fitting, found sparse rows of 13"
    );
    let bare = Field::new("ones", field.data_type().clone(), false);
    assert!(
        with(bare, array).contains("column `ones` must be sparse rows of 12 columns as when fitting, found")
    );
    let (field, array) = reals("ones", vec![1.0; 200]);
    assert!(with(field, array).ends_with("sparse rows of 12 columns as when fitting, found Float64"));
    let (field, array) = sparse("x", &wide);
    let x = batch(vec![(field, array), sparse("ones", &wide), sparse("values", &wide)]);
    assert!(model.predict_proba(&x).unwrap_err().to_string().contains("`x` must be numeric as when fitting"));
    let gone = table.project(&[1, 3]).unwrap();
    assert!(
        model.predict_proba(&gone).unwrap_err().to_string().contains("column `ones` is not in the table")
    );
}

#[test]
fn a_model_of_sparse_rows_is_saved_and_loaded_by_name() {
    let table = table(300, 3, 0.2, 6);
    let model = fit(&table);
    let bytes = artifact::to_bytes(&model).unwrap();
    let loaded = artifact::load_model(&bytes, &register(Registry::new())).unwrap();
    assert_eq!(bits(&loaded, &table), bits(&model, &table));
    let names: Vec<String> = loaded.inputs().unwrap().iter().map(|input| input.name().to_owned()).collect();
    assert_eq!(names, ["x", "ones", "values"]);
    assert_eq!(artifact::from_bytes::<FittedLogisticRegression>(&bytes).unwrap(), model);
}

#[test]
fn other_models_pass_by_or_say_why_not() {
    let table = table(50, 2, 0.2, 7);
    let data = train(&table, false);
    assert!(ZeroRule::new().fit(&data).is_ok());
    let error = RandomGuess::new().fit(&data).unwrap_err().to_string();
    assert!(error.contains("column `ones`") && error.contains("for RandomGuess"), "{error}");
    let error = data.matrix::<f64>(mlsys_core::Missing::Refuse).unwrap_err().to_string();
    assert!(
        error.starts_with("column `ones` must be numeric (`SparseRows::to_dense` writes sparse rows out)"),
        "{error}"
    );
}
