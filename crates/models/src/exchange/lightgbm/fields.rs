//! Lines `key=value` of a part of a file, and refusals that name them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use mlsys_core::{Error, Result};

/// The lines of the header, or of a tree.
pub(super) struct Fields<'a> {
    /// What it is, for refusals.
    what: String,
    by_key: BTreeMap<&'a str, (usize, &'a str)>,
}

impl<'a> Fields<'a> {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), by_key: BTreeMap::new() }
    }

    /// Adds a line, counted from 1. A line without `=` has an empty value.
    pub fn add(&mut self, line: usize, text: &'a str) -> Result<()> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        match self.by_key.insert(key, (line, value)) {
            None => Ok(()),
            Some((first, _)) => Err(self.refuse(key, format!("it is in lines {first} and {line}"))),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    pub fn refuse(&self, key: &str, why: impl Display) -> Error {
        let line = self.by_key.get(key).map_or(String::new(), |(line, _)| format!(" (line {line})"));
        Error::artifact(format!("`{key}` of {}{line} in a LightGBM model: {why}", self.what))
    }

    pub fn text(&self, key: &str) -> Result<&'a str> {
        let found = self.by_key.get(key).map(|(_, value)| *value);
        found.ok_or_else(|| self.refuse(key, "it is missing, or the file is cut off"))
    }

    /// One number.
    pub fn one<T: FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.trim().parse().map_err(|_| self.refuse(key, format!("`{}` is not such a number", short(text))))
    }

    /// Numbers between spaces: `n` of them.
    pub fn list<T: FromStr>(&self, key: &str, n: usize) -> Result<Vec<T>> {
        let text = self.text(key)?;
        let parse = |item: &str| {
            item.parse().map_err(|_| self.refuse(key, format!("`{}` is not such a number", short(item))))
        };
        let values = text.split_ascii_whitespace().map(parse).collect::<Result<Vec<T>>>()?;
        match values.len() == n {
            true => Ok(values),
            false => Err(self.refuse(key, format!("{} numbers instead of {n}", values.len()))),
        }
    }

    /// Finite numbers between spaces: `n` of them.
    pub fn reals(&self, key: &str, n: usize) -> Result<Vec<f64>> {
        let values = self.list::<f64>(key, n)?;
        match values.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(self.refuse(key, format!("{x} is not finite"))),
            None => Ok(values),
        }
    }

    /// Numbers that a file may leave out, or leave empty: zeros then.
    pub fn optional<T: FromStr + Default + Clone>(&self, key: &str, n: usize) -> Result<Vec<T>> {
        match self.by_key.get(key) {
            None => Ok(vec![T::default(); n]),
            Some((_, text)) if text.trim().is_empty() => Ok(vec![T::default(); n]),
            Some(_) => self.list(key, n),
        }
    }
}

/// The start of what a file says, for refusals.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
