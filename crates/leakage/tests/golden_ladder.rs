//! The Ladder against the numbers of its definition in numpy.

#![allow(clippy::unwrap_used)]

use mlsys_leakage::Ladder;
use mlsys_testkit::golden::{assert_close, load};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn ladder() {
    let all: Vec<Value> = load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/leakage.json"));
    let mut cases = 0;
    for case in all.iter().filter(|case| case["expected"]["Ladder"].is_array()) {
        cases += 1;
        let (input, name) = (&case["input"], case["name"].as_str().unwrap());
        let told: Vec<f64> = match input["step"].as_f64() {
            Some(step) => {
                let mut ladder = Ladder::new().step(step);
                numbers(&input["losses"]).into_iter().map(|loss| ladder.ask(loss).unwrap().value).collect()
            }
            None => {
                let mut ladder = Ladder::new();
                let rows = input["rows"].as_array().unwrap().iter().map(numbers);
                rows.map(|losses| ladder.ask_losses(&losses).unwrap().value).collect()
            }
        };
        let expected = numbers(&case["expected"]["Ladder"]);
        assert_eq!(told.len(), expected.len());
        for (told, expected) in told.into_iter().zip(expected) {
            assert_close(name, told, expected, case["rtol"].as_f64().unwrap());
        }
    }
    assert_eq!(cases, 6);
}
