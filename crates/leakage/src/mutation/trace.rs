//! A chain step by step: what each learnt, and which rows it handed on.

use mlsys_core::arrow::array::Array;
use mlsys_core::arrow::util::display::{ArrayFormatter, FormatOptions};
use mlsys_core::{
    Artifact, Chain, Dataset, Error, Fit, FitTransform, Result, Train, Transform, artifact, hash,
};
use serde::{Deserialize, Serialize};

/// A step that was fitted; the first is what the chain was handed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Traced {
    name: String,
    /// The hash of its bytes; none where it cannot be saved.
    learnt: Option<u64>,
    /// The hash of the rows after it.
    rows: u64,
}

/// The steps of a chain fitted on these rows, as bytes.
///
/// # Errors
///
/// Those of fitting.
pub(super) fn of<A, B>(chain: &Chain<A, B>, train: &Dataset<Train>) -> Result<Vec<u8>>
where
    A: FitTransform<Fitted: Transform>,
    B: Fit<Fitted: Artifact>,
{
    let mut steps = vec![Traced { name: String::new(), learnt: None, rows: rows_hash(train)? }];
    chain.fit_watched(train, &mut |name, fitted, rows| {
        let learnt = artifact::to_bytes(fitted).ok().map(|bytes| hash::hash_bytes(&bytes, 0));
        steps.push(Traced { name: name.to_owned(), learnt, rows: rows_hash(rows)? });
        Ok(())
    })?;
    serde_json::to_vec(&steps).map_err(Error::external)
}

/// A hash of the rows in their order, with their ids and the names of columns.
fn rows_hash(data: &Dataset<Train>) -> Result<u64> {
    let mut state = hash::hash_u64(data.n_rows() as u64, data.batch().num_columns() as u64);
    let mut absorb = |word: u64| state = hash::hash_u64(word, state);
    data.row_ids().into_iter().for_each(&mut absorb);
    for (field, array) in data.schema().fields().iter().zip(data.batch().columns()) {
        absorb(hash::hash_bytes(field.name().as_bytes(), 0));
        absorb(hash::hash_bytes(field.data_type().to_string().as_bytes(), 0));
        match hash::hash_rows(&[(field.name().as_str(), array.as_ref())], 0) {
            Ok(hashes) => hashes.into_iter().for_each(&mut absorb),
            // Nested values by what they are written as.
            Err(_) => written(array.as_ref(), &mut absorb)?,
        }
    }
    Ok(state)
}

fn written(array: &dyn Array, absorb: &mut impl FnMut(u64)) -> Result<()> {
    let options = FormatOptions::default().with_null("\0");
    let formatter = ArrayFormatter::try_new(array, &options)?;
    for row in 0..array.len() {
        let text = formatter.value(row).try_to_string()?;
        absorb(hash::hash_bytes(text.as_bytes(), 0));
    }
    Ok(())
}

/// Where two chains differ first.
pub(super) fn first_difference(before: &[u8], after: &[u8]) -> (String, Option<usize>) {
    let steps = |bytes: &[u8]| serde_json::from_slice::<Vec<Traced>>(bytes).unwrap_or_default();
    let (old, new) = (steps(before), steps(after));
    let Some(place) = (0..old.len().max(new.len())).find(|&place| old.get(place) != new.get(place)) else {
        return ("no step differs".into(), None);
    };
    let Some(step) = place.checked_sub(1) else {
        return ("the training rows that the chain is handed differ, before any step".into(), None);
    };
    let (a, b) = (old.get(place), new.get(place));
    let name = b.or(a).map_or("", |step| step.name.as_str());
    let what = match (a, b) {
        (Some(a), Some(b)) if a.name == b.name && a.learnt == b.learnt => {
            "hands on other rows, and learnt the same"
        }
        (Some(a), Some(b)) if a.name == b.name => "learns something else",
        _ => "is not the same step",
    };
    (
        format!(
            "step {} of {}, {name}, is the first that differs: it {what}",
            step + 1,
            old.len().saturating_sub(1)
        ),
        Some(step),
    )
}
