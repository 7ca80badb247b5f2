//! What encoders write as sparse rows, models read: the chain of both is that of columns, without the columns.
#![cfg(all(feature = "models", feature = "encoding", feature = "missing-values"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys::core::sparse::SparseRows;
use mlsys::core::{hash, seed};
use mlsys::encoding::OneHotOutput;
use mlsys::encoding::text::TfidfVectorizer;
use mlsys::models::LogisticRegression;
use mlsys::prelude::*;

/// A number, a word of 40, one of 3 with gaps, a text, and whether it is late.
fn table(rows: usize, seed: u64) -> RecordBatch {
    let mut rng = seed::stream(seed, 0);
    let (mut x, mut tail, mut origin, mut text, mut late) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let (t, o) = (seed::below(40, &mut rng), seed::below(4, &mut rng));
        let number = seed::uniform(&mut rng) * 4.0 - 2.0;
        let score = number + f64::from(u8::from(t % 3 == 0)) - o as f64 / 3.0 + 2.0 * seed::uniform(&mut rng);
        x.push(number);
        tail.push(format!("N{t}"));
        origin.push(["EWR", "JFK", "LGA"].get(o as usize).copied());
        text.push(format!("gate {} to {}", t % 7, o));
        late.push(score > 0.7);
    }
    let columns: [(&str, ArrayRef, bool); 5] = [
        ("x", Arc::new(Float64Array::from(x)), false),
        ("tail", Arc::new(StringArray::from(tail)), false),
        ("origin", Arc::new(StringArray::from(origin)), true),
        ("text", Arc::new(StringArray::from(text)), false),
        ("late", Arc::new(BooleanArray::from(late)), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn train() -> Dataset<Train> {
    Dataset::new(table(2000, 1)).unwrap().target("late").unwrap().into_train_all()
}

fn one_hot(output: OneHotOutput) -> OneHotEncoder {
    OneHotEncoder::new().unseen(Unseen::Ignore).output(output)
}

#[test]
fn a_sparse_one_hot_fits_as_the_columns_do() {
    let train = train();
    let words = || Columns::named(["tail", "origin"]);
    let recipe = |output| {
        TfidfVectorizer::new()
            .on(Columns::named(["text"]))
            .then(StandardScaler::new())
            .then(one_hot(output).on(words()))
            .then(LogisticRegression::new().tolerance(1e-11))
    };
    let sparse = recipe(OneHotOutput::Sparse).fit(&train).unwrap();
    let dense = recipe(OneHotOutput::Dense).fit(&train).unwrap();
    assert!(sparse.second().converged() && dense.second().converged());
    // Categories in both: of 40, and of 3 and what is missing.
    let encoder = one_hot(OneHotOutput::Dense).on(words()).fit(&train).unwrap();
    let names = encoder.transform(train.batch()).unwrap().schema();
    let (places, columns) = (sparse.second().sparse_coefficients(), dense.second().coefficients());
    assert_eq!((places["tail"].width(), places["origin"].width()), (40, 4));
    let mut compared = 0;
    for column in ["tail", "origin"] {
        let prefix = format!("{column}=");
        let names = names.fields().iter().map(|f| f.name().as_str()).filter(|name| name.starts_with(&prefix));
        for (place, name) in names.enumerate() {
            let (found, expected) = (places[column].of(place as u32).unwrap()[0], columns[name][0]);
            assert!((found - expected).abs() < 1e-7, "{name}: {found} {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 44);
    assert!((sparse.second().coefficients()["x"][0] - columns["x"][0]).abs() < 1e-7);
    let (words, of_dense) = (places["text"], dense.second().sparse_coefficients()["text"]);
    assert_eq!(words.places(), of_dense.places());
    assert!(words.iter().zip(of_dense.iter()).all(|((_, a), (_, b))| (a[0] - b[0]).abs() < 1e-7));

    let other = table(500, 2);
    let p = |model: &dyn PredictProba| model.predict_proba(&other).unwrap().positive();
    assert!(p(&sparse).iter().zip(p(&dense)).all(|(a, b)| (a - b).abs() < 1e-8));
}

/// Half of the mutations keep the checksum right, so that they reach what is behind it.
#[test]
fn a_hashed_chain_loads_by_name_and_its_mutations_are_errors() {
    let train = train();
    let recipe = FeatureHasher::new().n_features(1 << 20).then(LogisticRegression::new());
    let model = recipe.fit(&train).unwrap();
    let bytes = artifact::to_bytes(&model).unwrap();
    assert!(bytes.len() < 50_000, "a million columns in {} bytes", bytes.len());
    let registry = mlsys::registry();
    let other = table(40, 3);
    let bits = |model: &dyn PredictProba| {
        model.predict_proba(&other).unwrap().view().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&artifact::load_model(&bytes, &registry).unwrap()), bits(&model));

    let mut rng = seed::stream(4, 4);
    let mut loaded = 0;
    for i in 0..50_000 {
        let mut mutated = bytes.clone();
        for _ in 0..=seed::below(3, &mut rng) {
            let at = seed::below(mutated.len() as u64, &mut rng) as usize;
            mutated[at] = seed::below(256, &mut rng) as u8;
        }
        if i % 2 == 0 {
            let end = mutated.len() - 8;
            let sum = hash::hash_bytes(&mutated[20..end], 0).to_le_bytes();
            mutated[end..].copy_from_slice(&sum);
        }
        if let Ok(model) = artifact::load_model(&mutated, &registry) {
            loaded += 1;
            let _ = model.predict_proba(&other);
        }
    }
    assert!(loaded > 1_000, "{loaded} loaded");
}

#[test]
fn steps_after_leave_sparse_rows_alone_or_say_why_not() {
    let hasher = FeatureHasher::new().n_features(64);
    let chain = hasher.clone().then(MedianImputer::new()).then(StandardScaler::new()).fit(&train()).unwrap();
    let batch = chain.transform(&table(10, 5)).unwrap();
    let field = batch.schema().field_with_name("hashed").unwrap().clone();
    assert_eq!(SparseRows::read(&field, batch.column_by_name("hashed").unwrap()).unwrap().width(), 64);

    let on = |error: Result<()>| error.unwrap_err().to_string();
    let hashed = Columns::named(["hashed"]);
    let errors = [
        on(hasher.clone().then(StandardScaler::new().on(hashed.clone())).fit(&train()).map(drop)),
        on(hasher.clone().then(OneHotEncoder::new().on(hashed.clone())).fit(&train()).map(drop)),
        on(hasher.clone().then(TargetEncoder::new().on(hashed.clone())).fit(&train()).map(drop)),
        on(hasher.clone().then(MedianImputer::new().on(hashed.clone())).fit(&train()).map(drop)),
        on(hasher.then(KnnImputer::new().on(hashed)).fit(&train()).map(drop)),
    ];
    for error in errors {
        assert!(error.contains("column `hashed` must be"), "{error}");
    }
}
