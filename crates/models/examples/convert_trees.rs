//! A tree model of one library as one of another: `convert_trees model.txt model.onnx`.
//!
//! Reads LightGBM's text (`.txt`) and XGBoost's JSON (`.json`); writes LightGBM's text, ONNX for floats (`.onnx`) and for doubles
//! (`.double.onnx`).

use std::error::Error;

use mlsys_core::{Error as Refusal, Result};
use mlsys_models::exchange::onnx::{OnnxInput, OnnxWriter};
use mlsys_models::exchange::{TreeModel, lightgbm, xgboost};

fn read(path: &str) -> Result<TreeModel> {
    let text = std::fs::read_to_string(path)?;
    if path.ends_with(".json") { xgboost::read(&text) } else { lightgbm::read(&text) }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err(Refusal::unsupported("usage: convert_trees FROM TO").into());
    };
    let model = read(&from)?;
    let bytes = match to.as_str() {
        to if to.ends_with(".double.onnx") => OnnxWriter::new().input(OnnxInput::Double).write(&model)?,
        to if to.ends_with(".onnx") => OnnxWriter::new().write(&model)?,
        _ => lightgbm::write(&model)?.into_bytes(),
    };
    std::fs::write(to, bytes)?;
    Ok(())
}
