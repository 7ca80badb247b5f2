//! Artefacts of this version load in the next ones, and damaged ones are errors in bounded memory.
#![cfg(all(feature = "encoding", feature = "missing-values", feature = "models"))]
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use mlsys::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use mlsys::core::{hash, seed};
use mlsys::models::LogisticRegression;
use mlsys::prelude::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/../../testdata/artifacts/{name}", env!("CARGO_MANIFEST_DIR")))
}

fn table() -> RecordBatch {
    let distance: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(1400.0),
        Some(1416.0),
        None,
        Some(1089.0),
        Some(f64::NAN),
        Some(200.0),
        Some(762.0),
        Some(719.0),
    ]));
    let words = [Some("UA"), Some("UA"), Some("AA"), None, Some("DL"), Some("AA"), Some("B6"), Some("DL")];
    let carrier: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
    let late: ArrayRef =
        Arc::new(BooleanArray::from(vec![true, true, false, true, false, false, true, false]));
    RecordBatch::try_from_iter_with_nullable([
        ("distance", distance, true),
        ("carrier", carrier, true),
        ("late", late, false),
    ])
    .unwrap()
}

/// A chain of every kind of step, with the probabilities that it gave when the fixture was written.
fn chain_bytes() -> (Vec<u8>, Vec<f64>) {
    let train = Dataset::new(table()).unwrap().target("late").unwrap().into_train_all();
    let recipe = MedianImputer::new()
        .indicators(Indicators::All)
        .then(StandardScaler::new())
        .then(OneHotEncoder::new().min_frequency(2).unseen(Unseen::Infrequent))
        .then(LogisticRegression::new());
    let model = recipe.fit(&train).unwrap();
    let p = model.predict_proba(&table()).unwrap().positive();
    (artifact::to_bytes(&model).unwrap(), p)
}

/// `MLSYS_WRITE_FIXTURES=1 cargo test -p mlsys --test artifacts` writes the fixture of a new format version.
#[test]
fn fixtures_of_every_version_load() {
    let (chain, expected) = (fixture("v1-chain.mlsys"), fixture("v1-chain.json"));
    if std::env::var_os("MLSYS_WRITE_FIXTURES").is_some() {
        let (bytes, p) = chain_bytes();
        std::fs::write(&chain, bytes).unwrap();
        std::fs::write(&expected, serde_json::to_string(&p).unwrap() + "\n").unwrap();
    }
    let bytes = std::fs::read(chain).unwrap();
    let model = artifact::load_model(&bytes, &mlsys::registry()).unwrap();
    let p = model.predict_proba(&table()).unwrap().positive();
    let expected: Vec<f64> = serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap();
    assert_eq!(p.len(), expected.len());
    // Rounding may differ between platforms' exp.
    p.iter().zip(&expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-14, "{a} {b}"));
}

#[cfg(target_os = "linux")]
fn peak_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().split(' ').next().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Half of the mutations keep the checksum right, so that they reach the decoders and the checks behind them. What loads
/// in spite of its mutation must predict or say why not.
#[test]
fn a_million_mutated_files_are_errors_in_bounded_memory() {
    let bytes = std::fs::read(fixture("v1-chain.mlsys")).unwrap();
    let registry = mlsys::registry();
    let table = table();
    let mut rng = seed::stream(2, 2);
    let mut loaded = 0u32;
    for i in 0..1_000_000 {
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
            if loaded.is_multiple_of(64) {
                let _ = model.predict_proba(&table);
            }
        }
    }
    assert!(loaded > 1_000, "mutations must reach what is behind the decoders, but {loaded} loaded");
    #[cfg(target_os = "linux")]
    assert!(peak_mb() < 200.0, "loading took {:.0} MB", peak_mb());
}
