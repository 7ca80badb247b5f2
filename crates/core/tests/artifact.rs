//! Damaged and hostile artefacts are errors.
#![allow(clippy::unwrap_used)]

use mlsys_core::artifact::{self, describe, from_bytes, to_bytes, to_bytes_with};
use mlsys_core::{Artifact, InputColumn, Result, hash, seed};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fitted {
    values: Vec<f64>,
    name: String,
    #[serde(default)]
    added_later: u32,
}

impl Fitted {
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        Vec::new()
    }
}

mlsys_core::artifact!(Fitted, "test.Fitted", 2);

fn fitted() -> Fitted {
    Fitted { values: vec![1.5, f64::NAN, f64::INFINITY, -0.0], name: "größe".into(), added_later: 3 }
}

#[test]
fn nan_infinity_and_signs_survive() {
    let loaded: Fitted = from_bytes(&to_bytes(&fitted()).unwrap()).unwrap();
    let bits = |f: &Fitted| f.values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&loaded), bits(&fitted()));
}

#[test]
fn every_mutation_is_an_error_or_a_value_and_never_a_panic() {
    let bytes = to_bytes(&fitted()).unwrap();
    for cut in 0..bytes.len() {
        assert!(from_bytes::<Fitted>(&bytes[..cut]).is_err());
    }
    let mut rng = seed::stream(1, 1);
    for _ in 0..20_000 {
        let mut mutated = bytes.clone();
        for _ in 0..=seed::below(4, &mut rng) {
            let at = seed::below(mutated.len() as u64, &mut rng) as usize;
            mutated[at] = seed::below(256, &mut rng) as u8;
        }
        // With the checksum made right again, the mutation reaches the decoder.
        let end = mutated.len() - 8;
        let sum = hash::hash_bytes(&mutated[20..end], 0).to_le_bytes();
        mutated[end..].copy_from_slice(&sum);
        let _ = from_bytes::<Fitted>(&mutated);
        let _ = describe(&mutated);
    }
}

/// Wraps a body as `to_bytes` does.
fn wrap(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"MLSYS\r\n\0\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&hash::hash_bytes(body, 0).to_le_bytes());
    bytes
}

#[test]
fn lengths_that_lie_are_errors() {
    let huge = u64::MAX.to_le_bytes();
    assert!(describe(&wrap(&huge)).is_err());
    // A CBOR array that says it has 2^60 elements, and one nested a hundred thousand deep.
    for header in [vec![0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0], vec![0x81; 100_000]] {
        let mut body = (header.len() as u64).to_le_bytes().to_vec();
        body.extend_from_slice(&header);
        assert!(describe(&wrap(&body)).is_err());
    }
    let mut bytes = to_bytes(&fitted()).unwrap();
    bytes.push(0);
    assert_eq!(describe(&bytes).unwrap_err().to_string(), "artefact: is followed by stray bytes");
    assert_eq!(describe(b"PAR1").unwrap_err().to_string(), "artefact: is cut off in its first bytes");
    assert_eq!(describe(b"PAR1PAR1PAR1").unwrap_err().to_string(), "artefact: is not an mlsys artefact");
}

#[test]
fn newer_files_say_so_and_older_ones_load() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        values: Vec<f64>,
        name: String,
    }
    impl Artifact for Old {
        fn save_steps(&self, steps: &mut artifact::Steps) -> Result<()> {
            steps.push("test.Fitted", 1, self)
        }
    }
    let old = to_bytes(&Old { values: vec![1.0], name: "x".into() }).unwrap();
    assert_eq!(from_bytes::<Fitted>(&old).unwrap().added_later, 0);

    struct New;
    impl Artifact for New {
        fn save_steps(&self, steps: &mut artifact::Steps) -> Result<()> {
            steps.push("test.Fitted", 3, &1)
        }
    }
    let error = from_bytes::<Fitted>(&to_bytes(&New).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "artefact: holds test.Fitted version 3, this program knows up to 2: update mlsys");
}

#[test]
fn what_holds_code_says_that_it_cannot_be_saved() {
    struct Closure;
    impl Artifact for Closure {}
    let error = to_bytes(&Closure).unwrap_err().to_string();
    assert!(error.contains("Closure cannot be saved: it holds code"), "{error}");
}

#[test]
fn files_are_whole_or_not_there() {
    let directory = std::env::temp_dir().join(format!("mlsys-artifact-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("model.mlsys");
    artifact::save(&fitted(), &path).unwrap();
    assert_eq!(artifact::load::<Fitted>(&path).unwrap().name, "größe");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
    let error = artifact::load::<Fitted>(directory.join("none.mlsys")).unwrap_err();
    assert!(error.to_string().starts_with("reading "), "{error}");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn notes_travel_along() {
    let notes = [("data".to_owned(), "flights 2013".to_owned())];
    let bytes = to_bytes_with(&fitted(), notes.clone().into()).unwrap();
    assert_eq!(describe(&bytes).unwrap().provenance, notes.into());
}
