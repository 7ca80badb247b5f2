//! The categories of features.

use std::collections::BTreeSet;

use mlsys_core::{Category, Error, Result};

use super::json::{Encoding, Number};

/// The categories that a file lists for a feature; `None` where it lists none.
pub(super) fn listed(feature: usize, encoding: &Encoding) -> Result<Option<Vec<Category>>> {
    let refused = |why: &str| Error::artifact(format!("`cats.enc[{feature}]` of an XGBoost model: {why}"));
    let Some(offsets) = &encoding.offsets else {
        let number = |number: &Number| match *number {
            Number::Int(x) => Category::Int(x),
            Number::Float(x) => Category::Float(x),
        };
        return Ok(Some(encoding.values.iter().map(number).collect()));
    };
    if offsets.is_empty() {
        return Ok(None);
    }
    let byte = |number: &Number| match *number {
        Number::Int(x @ -128..=255) => Ok(x as u8),
        _ => Err(refused("text with values that are no bytes")),
    };
    let bytes = encoding.values.iter().map(byte).collect::<Result<Vec<u8>>>()?;
    let mut all = Vec::with_capacity(offsets.len());
    let mut end = 0;
    for pair in offsets.windows(2) {
        let &[from, to] = pair else { continue };
        let text = (from == end).then(|| bytes.get(from as usize..usize::try_from(to).ok()?)).flatten();
        let text = text.ok_or_else(|| refused("offsets that do not rise to the end of the values"))?;
        let text = std::str::from_utf8(text).map_err(|_| refused("text that is not UTF-8"))?;
        all.push(Category::from(text));
        end = to;
    }
    Ok(Some(all))
}

/// Places of categories in the list of their feature.
pub(super) enum Places {
    /// A code is a place.
    Listed(usize),
    /// The codes that splits name, ascending.
    Named(Vec<u32>),
}

impl Places {
    pub fn named(codes: BTreeSet<u32>) -> Self {
        Self::Named(codes.into_iter().collect())
    }

    pub fn of(&self, code: u32) -> Option<u32> {
        match self {
            Self::Listed(n) => ((code as usize) < *n).then_some(code),
            Self::Named(codes) => codes.binary_search(&code).ok().map(|place| place as u32),
        }
    }
}
