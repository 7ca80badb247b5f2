//! The house keeps its arrows, licences, sources and size, whether or not cargo-deny is there.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What `cargo metadata` says of the workspace.
struct Metadata {
    packages: BTreeMap<String, Value>,
    members: BTreeSet<String>,
    /// Normal and build dependencies of each package, by id.
    edges: BTreeMap<String, Vec<String>>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The platform of this machine: what other platforms need is not downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    output.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--locked",
            "--filter-platform",
            &host(),
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&json["packages"]).into_iter().map(|p| (text(&p["id"]), p)).collect();
    let members = list(&json["workspace_members"]).iter().map(text).collect();
    let mut edges = BTreeMap::new();
    for node in list(&json["resolve"]["nodes"]) {
        let normal = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
        let deps = list(&node["deps"]).iter().filter(|d| normal(d)).map(|d| text(&d["pkg"])).collect();
        edges.insert(text(&node["id"]), deps);
    }
    Metadata { packages, members, edges }
}

impl Metadata {
    fn name(&self, id: &str) -> String {
        text(&self.packages[id]["name"])
    }
}

#[test]
fn crates_import_only_what_the_house_allows() {
    let core = ["mlsys-core"];
    let below = ["mlsys-core", "mlsys-stats", "mlsys-neighbors"];
    let methods = [
        "mlsys-sampling",
        "mlsys-missing-values",
        "mlsys-encoding",
        "mlsys-imbalance",
        "mlsys-leakage",
        "mlsys-models",
        "mlsys-eval",
    ];
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    allowed.insert("mlsys-core", BTreeSet::new());
    allowed.insert("mlsys-stats", core.into());
    allowed.insert("mlsys-neighbors", ["mlsys-core", "mlsys-stats"].into());
    allowed.insert("mlsys-testkit", core.into());
    methods.iter().for_each(|name| {
        allowed.insert(name, below.into());
    });
    allowed.insert("mlsys", below.into_iter().chain(methods).collect());
    // The only crate that sees an engine; nothing may depend on it, since no other list has it.
    allowed.insert("mlsys-datafusion", below.into_iter().chain(methods).chain(["mlsys"]).collect());
    allowed.insert("mlsys-examples", BTreeSet::new());
    allowed.insert("mlsys-benches", ["mlsys"].into());
    let metadata = metadata();
    for id in &metadata.members {
        let name = metadata.name(id);
        let Some(allowed) = allowed.get(name.as_str()) else {
            panic!("{name} has no place in ARCHITECTURE.md's arrows")
        };
        for dep in metadata.edges[id].iter().filter(|dep| metadata.members.contains(*dep)) {
            let dep = metadata.name(dep);
            assert!(allowed.contains(dep.as_str()), "{name} must not depend on {dep}");
        }
        let dev = metadata.packages[id]["dependencies"].as_array().unwrap().iter();
        for dep in dev.filter(|d| d["kind"] == "dev" && text(&d["name"]).starts_with("mlsys")) {
            let dep = text(&dep["name"]);
            let fine = dep == "mlsys-testkit" || name == "mlsys-examples" || allowed.contains(dep.as_str());
            assert!(fine, "{name} must not even test with {dep}");
        }
    }
}

#[test]
fn licences_and_sources_are_known() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unicode-3.0",
        "Zlib",
        "0BSD",
        "CC0-1.0",
        "BSL-1.0",
        "Unlicense",
    ];
    let metadata = metadata();
    assert!(metadata.packages.len() > 50, "found {} packages only", metadata.packages.len());
    for (id, package) in &metadata.packages {
        let licence = text(&package["license"]);
        // Either side of an `OR` will do; every side of an `AND` must.
        let ok = licence.replace('/', " OR ").split(" OR ").any(|one| {
            one.trim_matches(['(', ')', ' '])
                .split(" AND ")
                .all(|l| allowed.contains(&l.trim_matches(['(', ')', ' '])))
        });
        // Comes with DataFusion's default features, which Ballista turns on.
        let bzip2 = text(&package["name"]) == "libbz2-rs-sys" && licence == "bzip2-1.0.6";
        assert!(ok || bzip2, "{id} has the licence `{licence}`");
        let source = text(&package["source"]);
        let known = metadata.members.contains(id)
            || source == "registry+https://github.com/rust-lang/crates.io-index";
        assert!(known, "{id} comes from `{source}`");
    }
}

#[test]
fn nothing_is_linked_twice_that_must_not_be() {
    let metadata = metadata();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata.packages.values() {
        versions.entry(text(&package["name"])).or_default().insert(text(&package["version"]));
    }
    for name in [
        "arrow",
        "arrow-array",
        "arrow-schema",
        "parquet",
        "ndarray",
        "serde",
        "rayon",
        "chrono",
        "chrono-tz",
    ] {
        if let Some(found) = versions.get(name) {
            assert_eq!(found.len(), 1, "{name} is there in several versions: {found:?}");
        }
    }
    for banned in ["openssl", "openssl-sys", "native-tls", "typetag", "ndarray-linalg"] {
        assert!(!versions.contains_key(banned), "{banned} is banned");
    }
    // A second rand is there for one reason only.
    let old: Vec<&String> = metadata.packages.keys().filter(|id| metadata.name(id) == "rand").collect();
    for id in old.iter().filter(|id| text(&metadata.packages[**id]["version"]).starts_with("0.8")) {
        for (user, deps) in &metadata.edges {
            if deps.contains(id) {
                let user = metadata.name(user);
                assert!(
                    ["ndarray-stats", "phf_generator"].contains(&user.as_str()),
                    "{user} brings in rand 0.8"
                );
            }
        }
    }
}

/// The packages that are built with one of ours, for it alone: in the whole workspace some have more features, and
/// dependencies for these.
fn built_with(name: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--all-features",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--package",
            name,
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let packages = lines.lines().filter_map(|line| line.split_once(" v"));
    let named = packages.map(|(name, rest)| format!("{name} {}", rest.split(' ').next().unwrap_or_default()));
    named.filter(|package| !package.starts_with(&format!("{name} "))).collect()
}

#[test]
fn no_crate_grows_unnoticed() {
    let caps = BTreeMap::from([
        ("mlsys-core", 100),
        ("mlsys-stats", 95),
        ("mlsys-neighbors", 80),
        ("mlsys-sampling", 80),
        ("mlsys-missing-values", 95),
        ("mlsys-encoding", 95),
        ("mlsys-imbalance", 80),
        ("mlsys-leakage", 95),
        ("mlsys-models", 95),
        ("mlsys-eval", 95),
        // With criterion, behind the feature `bench`.
        ("mlsys-testkit", 100),
        ("mlsys", 120),
        ("mlsys-examples", 0),
        ("mlsys-benches", 125),
        // With Ballista, behind the feature `ballista`.
        ("mlsys-datafusion", 350),
    ]);
    let metadata = metadata();
    for id in &metadata.members {
        let name = metadata.name(id);
        let count = built_with(&name).len();
        let Some(&cap) = caps.get(name.as_str()) else { panic!("{name} needs a cap on its dependencies") };
        assert!(count <= cap, "{name} has {count} dependencies, more than its cap of {cap}");
    }
}
