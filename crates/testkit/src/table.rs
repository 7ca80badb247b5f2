//! Tables that the contracts run on: ordinary ones, and ones that break things.

use std::sync::Arc;

use mlsys_core::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use mlsys_core::arrow::compute::{cast, concat, concat_batches};
use mlsys_core::arrow::datatypes::{DataType, Field, Schema};
use mlsys_core::{Result, seed};

/// A table of every kind of column: `number` (Float64, missing values), `count` (Int32, missing values), `größe 量`
/// (Float64), `flag` (Boolean), `word` (Utf8, missing values), `team` (Int32), `when` (timestamp, ascending, with
/// ties), `weight` (0, 1, 2 or 3), `label` (Boolean), `kind` (three words) and `value` (Float64); the last three depend on
/// the others. Without `missing` nothing is missing.
pub fn mixed(rows: usize, missing: bool) -> RecordBatch {
    let mut rng = seed::stream(2_024, 1);
    let mut draw = || seed::uniform(&mut rng);
    let mut number = Vec::with_capacity(rows);
    let mut count = Vec::with_capacity(rows);
    let mut size = Vec::with_capacity(rows);
    let mut flag = Vec::with_capacity(rows);
    let mut word = Vec::with_capacity(rows);
    let mut team = Vec::with_capacity(rows);
    let mut when = Vec::with_capacity(rows);
    let mut weight = Vec::with_capacity(rows);
    let mut label = Vec::with_capacity(rows);
    let mut kind = Vec::with_capacity(rows);
    let mut value = Vec::with_capacity(rows);
    let words = ["alpha", "beta", "gamma", "delta", "épsilon"];
    for row in 0..rows {
        let x = ((draw() + draw() + draw() - 1.5) * 100.0).round() / 10.0;
        let n = (draw() * 40.0) as i32;
        let s = (draw() * 1000.0).round() / 8.0;
        let w = (draw() * draw() * 5.0) as usize;
        let f = draw() < 0.3;
        let score =
            x / 5.0 + f64::from(n - 20) / 20.0 + f64::from(u8::from(f)) + w as f64 / 4.0 + draw() * 2.0 - 2.0;
        let gone = draw();
        number.push(match gone {
            g if missing && g < 0.05 => None,
            g if missing && g < 0.10 => Some(f64::NAN),
            _ => Some(x),
        });
        count.push((!missing || draw() >= 0.1).then_some(n));
        size.push(s);
        flag.push(f);
        word.push((!missing || draw() >= 0.1).then_some(words[w]));
        team.push((draw() * 7.0) as i32);
        when.push(1_357_000_000_000 + (row as i64 / 3) * 60_000);
        weight.push((draw() * 4.0).floor());
        label.push(score > 0.0);
        kind.push(if score < -0.8 {
            "low"
        } else if score < 0.8 {
            "middle"
        } else {
            "top"
        });
        value.push(score * 10.0 + 3.0);
    }
    let columns: [(&str, ArrayRef, bool); 11] = [
        ("number", Arc::new(Float64Array::from(number)), true),
        ("count", Arc::new(Int32Array::from(count)), true),
        ("größe 量", Arc::new(Float64Array::from(size)), true),
        ("flag", Arc::new(BooleanArray::from(flag)), true),
        ("word", Arc::new(StringArray::from(word)), true),
        ("team", Arc::new(Int32Array::from(team)), true),
        ("when", Arc::new(TimestampMillisecondArray::from(when).with_timezone("UTC")), true),
        ("weight", Arc::new(Float64Array::from(weight)), true),
        ("label", Arc::new(BooleanArray::from(label)), true),
        ("kind", Arc::new(StringArray::from(kind)), true),
        ("value", Arc::new(Float64Array::from(value)), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// The same values in other Arrow encodings: sliced out of a longer table, text as dictionaries, large and view
/// strings, integers wider, and nulls where NaN stood for missing.
///
/// # Errors
///
/// An Arrow error when a cast fails, which it does not for tables made by [`mixed`].
pub fn encodings(batch: &RecordBatch) -> Result<Vec<(&'static str, RecordBatch)>> {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let recast = |from: &[DataType], to: &DataType| -> Result<RecordBatch> {
        map_columns(batch, |array| {
            Ok(if from.contains(array.data_type()) { cast(array, to)? } else { Arc::clone(array) })
        })
    };
    let text = [DataType::Utf8];
    let mut longer =
        vec![batch.slice(0, batch.num_rows().min(3)), batch.clone(), batch.slice(0, batch.num_rows().min(2))];
    longer.retain(|part| part.num_rows() > 0);
    let whole = concat_batches(&batch.schema(), &longer)?;
    let dictionary_of_numbers = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Int32));
    Ok(vec![
        ("sliced", whole.slice(batch.num_rows().min(3), batch.num_rows())),
        ("dictionary text", recast(&text, &dictionary)?),
        ("large text", recast(&text, &DataType::LargeUtf8)?),
        ("text views", recast(&text, &DataType::Utf8View)?),
        ("wide integers", recast(&[DataType::Int32], &DataType::Int64)?),
        ("dictionary integers", recast(&[DataType::Int32], &dictionary_of_numbers)?),
        ("null for NaN", map_columns(batch, null_for_nan)?),
    ])
}

/// NaN in floating columns becomes null.
fn null_for_nan(array: &ArrayRef) -> Result<ArrayRef> {
    match array.as_any().downcast_ref::<Float64Array>() {
        Some(floats) => {
            Ok(Arc::new(Float64Array::from_iter(floats.iter().map(|x| x.filter(|x| !x.is_nan())))))
        }
        None => Ok(Arc::clone(array)),
    }
}

fn map_columns(batch: &RecordBatch, map: impl Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(map).collect::<Result<Vec<_>>>()?;
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields: Vec<Field> = fields.map(|(f, c)| Field::new(f.name(), c.data_type().clone(), true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Tables that an estimator must refuse or survive, by name: no rows, one row, constant, all null, NaN, infinite and huge
/// values. Columns are those of `batch`.
///
/// # Errors
///
/// An Arrow error when a table cannot be built, which does not happen for tables made by [`mixed`].
pub fn hostile(batch: &RecordBatch) -> Result<Vec<(&'static str, RecordBatch)>> {
    let constant = |value: f64| {
        map_columns(batch, move |array| match array.data_type() {
            DataType::Float64 => Ok(Arc::new(Float64Array::from(vec![value; array.len()])) as ArrayRef),
            _ => Ok(Arc::clone(array)),
        })
    };
    let repeat_first = map_columns(batch, |array| {
        let first = array.slice(0, array.len().min(1));
        let copies: Vec<&dyn Array> = (0..array.len()).map(|_| first.as_ref()).collect();
        if copies.is_empty() { Ok(Arc::clone(array)) } else { Ok(concat(&copies)?) }
    })?;
    let all_null = map_columns(batch, |array| {
        Ok(mlsys_core::arrow::array::new_null_array(array.data_type(), array.len()))
    })?;
    let alternating = map_columns(batch, |array| match array.data_type() {
        DataType::Float64 => {
            let signs = (0..array.len()).map(|i| if i % 2 == 0 { 1e300 } else { -1e300 });
            Ok(Arc::new(Float64Array::from_iter_values(signs)) as ArrayRef)
        }
        _ => Ok(Arc::clone(array)),
    })?;
    Ok(vec![
        ("no rows", batch.slice(0, 0)),
        ("one row", batch.slice(0, batch.num_rows().min(1))),
        ("two rows", batch.slice(0, batch.num_rows().min(2))),
        ("one row again and again", repeat_first),
        ("all null", all_null.clone()),
        ("all null dictionaries", recast_text(&all_null)?),
        ("no rows of dictionaries", RecordBatch::new_empty(recast_text(batch)?.schema())),
        ("all NaN", constant(f64::NAN)?),
        ("infinite", constant(f64::INFINITY)?),
        ("1e300", constant(1e300)?),
        ("1e300 and -1e300", alternating),
        ("subnormal", constant(5e-324)?),
    ])
}

/// Text as dictionaries.
fn recast_text(batch: &RecordBatch) -> Result<RecordBatch> {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    map_columns(batch, |array| {
        Ok(if array.data_type() == &DataType::Utf8 { cast(array, &dictionary)? } else { Arc::clone(array) })
    })
}

/// The columns in reverse order.
///
/// # Errors
///
/// None for a well-formed batch.
pub fn reversed(batch: &RecordBatch) -> Result<RecordBatch> {
    let indices: Vec<usize> = (0..batch.num_columns()).rev().collect();
    Ok(batch.project(&indices)?)
}

/// Whether two arrays hold the same values, whatever their encoding; floats by their bits, except that missing is missing.
pub fn same_values(a: &ArrayRef, b: &ArrayRef) -> bool {
    use mlsys_core::{Coded, Kind, column};
    if a.len() != b.len() {
        return false;
    }
    let number = |array: &ArrayRef| Kind::of(array.data_type()).is_number();
    if number(a) && number(b) {
        return match (column::floats("a", a), column::floats("b", b)) {
            (Ok(a), Ok(b)) => {
                a.iter().zip(b.iter()).all(|(x, y)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan())
            }
            _ => false,
        };
    }
    match (Coded::new("a", a), Coded::new("b", b)) {
        (Ok(a), Ok(b)) => (0..a.len()).all(|row| a.value(row) == b.value(row)),
        _ => a == b,
    }
}
