//! What the sources of the workspace say.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of the files below these folders.
pub fn lines(folders: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.into_iter().collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
        }
    }
    found
}

/// What implements one of the traits in the sources of these crates: `Accuracy` for `impl Metric for Accuracy {`; also
/// `Each<S>` for `impl<S: Metric> Metric for Each<S> {`.
pub fn implementations(crates: &[&str], traits: &[&str]) -> BTreeSet<String> {
    let folders = crates.iter().map(|name| root().join("crates").join(name).join("src"));
    let named = |line: String| {
        let (before, of) = line.strip_prefix("impl")?.split_once(" for ")?;
        let name = before.rsplit(' ').next()?;
        traits.contains(&name).then(|| of.trim_end_matches(" {").to_owned())
    };
    lines(folders).into_iter().filter_map(named).collect()
}
