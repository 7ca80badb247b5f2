//! Files that are damaged or hostile are refused, and refusals say where.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use mlsys_models::exchange::{TreeModel, lightgbm, onnx::OnnxWriter, xgboost};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

type Read = fn(&str) -> mlsys_core::Result<TreeModel>;

/// The files of the golden cases, with what reads them.
fn files() -> Vec<(Read, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/exchange.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    let read =
        |case: &Value| -> Read { if case["tool"] == "lightgbm" { lightgbm::read } else { xgboost::read } };
    cases.iter().map(|case| (read(case), case["input"]["text"].as_str().unwrap().to_owned())).collect()
}

fn file(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/exchange.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    let case = cases.iter().find(|case| case["name"] == name).unwrap();
    case["input"]["text"].as_str().unwrap().to_owned()
}

/// What is read can be written and read again.
fn bear(read: Read, text: &str) {
    let started = Instant::now();
    if let Ok(model) = read(text) {
        let _ = OnnxWriter::new().write(&model);
        if let Ok(written) = lightgbm::write(&model) {
            lightgbm::read(&written).unwrap();
        }
    }
    assert!(started.elapsed() < Duration::from_secs(20));
}

fn token() -> impl Strategy<Value = &'static str> {
    select(vec![
        "4000000000",
        "-1",
        "-2147483649",
        "99999999999999999999",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "0",
        "1",
        "",
        " ",
        "\n",
        "=",
        "Tree=0\n",
        ":",
        "[",
        "]",
        "{",
        "}",
        "\"",
        ",",
        "null",
        "é",
        "1e-400",
        "18446744073709551615",
        "2.5",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_are_borne(
        which in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<Index>(), any::<u8>(), token(), 0u8..6), 1..4),
    ) {
        let all = files();
        let (read, text) = which.get(&all);
        let mut bytes = text.clone().into_bytes();
        for (at, other, byte, token, kind) in changes {
            if bytes.is_empty() { break; }
            let (at, other) = (at.index(bytes.len()), other.index(bytes.len()));
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at.min(other)..at.max(other))),
                2 => bytes.truncate(at),
                3 => {
                    // A number becomes another one.
                    let end = bytes[at..].iter().position(|b| b" ,\n\"]".contains(b)).map_or(bytes.len(), |n| at + n);
                    bytes.splice(at..end, token.bytes());
                }
                4 => {
                    let copy = bytes[at.min(other)..at.max(other)].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => bytes.swap(at, other),
            }
        }
        bear(*read, &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn numbers_of_a_file_may_be_any(which in any::<Index>(), at in any::<Index>(), token in token()) {
        let all = files();
        let (read, text) = which.get(&all);
        let starts: Vec<usize> = text.match_indices([' ', ',', '=', '[', ':']).map(|(at, _)| at + 1).collect();
        let start = starts[at.index(starts.len())];
        let end = text[start..].find([' ', ',', '\n', '"', ']', '}', ':']).map_or(text.len(), |n| start + n);
        bear(*read, &format!("{}{token}{}", &text[..start], &text[end..]));
    }
}

/// The refusal of a file in which one thing is another.
#[track_caller]
fn refused(read: Read, text: &str, from: &str, to: &str, parts: &[&str]) {
    assert!(text.contains(from), "`{from}` is not in the file");
    let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{error}");
    }
}

const STUMP: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n\
objective=binary sigmoid:1\nfeature_names=a k\nfeature_infos=[0:1] -1:0:3\ntree_sizes=1\n\nTree=0\nnum_leaves=3\nnum_cat=1\n\
split_feature=0 1\nsplit_gain=1 1\nthreshold=0.5 0\ndecision_type=2 1\nleft_child=1 -1\nright_child=-3 -2\nleaf_value=1 2 3\n\
leaf_weight=1 1 1\nleaf_count=1 1 1\ninternal_value=0 0\ninternal_weight=1 1\ninternal_count=1 1\ncat_boundaries=0 1\n\
cat_threshold=8\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";

#[test]
fn lightgbm_refusals_name_line_tree_and_field() {
    lightgbm::read(STUMP).unwrap();
    let all: [(&str, &str, &[&str]); 31] = [
        ("tree\n", "arbol\n", &["first line"]),
        ("version=v4", "version=v2", &["`version` of the header (line 2)", "v2"]),
        ("version=v4\n", "", &["`version` of the header", "missing"]),
        ("version=v4", "v4", &["line 2", "`v4`"]),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=4000000000", &["num_tree_per_iteration"]),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", &["2 of 1 trees"]),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0", &["0 of 1 trees"]),
        ("max_feature_idx=1", "max_feature_idx=9223372036854775807", &["2 names"]),
        ("feature_names=a k", "feature_names=a a", &["two features are called `a`"]),
        ("feature_infos=[0:1] -1:0:3", "feature_infos=[0:1]", &["1 infos of 2"]),
        ("-1:0:3", "-1:x", &["`-1:x`"]),
        ("sigmoid:1", "sigmoid:0", &["`sigmoid` above 0"]),
        ("objective=binary sigmoid:1", "objective=softmaxx", &["`softmaxx` is not known"]),
        ("objective=binary sigmoid:1", "objective=multiclass num_class:3", &["1 trees per iteration"]),
        ("tree_sizes=1", "tree_sizes=1 2", &["2 sizes of 1 trees"]),
        ("Tree=0", "Tree=1", &["line 12", "instead of tree 0"]),
        ("num_leaves=3", "num_leaves=4000000000", &["`num_leaves` of tree 0 (line 13)", "4000000000 with 3"]),
        ("left_child=1 -1", "left_child=0 -1", &["tree 0", "two parents"]),
        ("left_child=1 -1", "left_child=1 -9", &["`left_child` of tree 0 (line 19)", "-9"]),
        ("right_child=-3 -2", "right_child=-3 -3", &["tree 0"]),
        ("split_feature=0 1", "split_feature=0 2", &["2 of 2 features"]),
        ("split_feature=0 1", "split_feature=0 0", &["`a`", "as numbers and as categories"]),
        (
            "leaf_value=1 2 3",
            "leaf_value=1 nan 3",
            &["`leaf_value` of tree 0 (line 21)", "NaN is not finite"],
        ),
        ("threshold=0.5 0", "threshold=nan 0", &["NaN is not a threshold"]),
        ("threshold=0.5 0", "threshold=0.5 1", &["1 is not the number of a set"]),
        ("decision_type=2 1", "decision_type=14 1", &["missing type"]),
        ("cat_boundaries=0 1", "cat_boundaries=0 4000000000", &["`cat_boundaries` of tree 0 (line 27)"]),
        ("num_cat=1", "num_cat=4000000000", &["4000000000 with 1"]),
        ("is_linear=0", "is_linear=1", &["linear trees"]),
        ("leaf_count=1 1 1", "leaf_count=1 1", &["2 numbers instead of 3"]),
        ("end of trees\n", "", &["cut off"]),
    ];
    for (from, to, parts) in all {
        refused(lightgbm::read, STUMP, from, to, parts);
    }
    refused(lightgbm::read, STUMP, "shrinkage=1", "num_cat=1", &["`num_cat` of tree 0", "lines 14 and 30"]);
    let pandas = |list: &str| lightgbm::read(&format!("{STUMP}\npandas_categorical:{list}\n"));
    assert!(pandas("[[\"x\", \"y\", \"z\", \"w\"]]").is_ok());
    assert!(pandas("[[\"x\", \"y\", \"z\"]]").unwrap_err().to_string().contains("category 3 of `k`"));
    assert!(pandas("[[1], [2]]").unwrap_err().to_string().contains("2 lists for 1"));
    assert!(pandas("[[\"x\", 1, 2, 3]]").unwrap_err().to_string().contains("mixed"));
    assert!(pandas("[[1, 1, 2, 3]]").unwrap_err().to_string().contains("twice"));
    assert!(pandas(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_set_of_categories_is_of_one_split() {
    let mut text =
        STUMP.replace("num_leaves=3", "num_leaves=4").replace("split_feature=0 1", "split_feature=0 1 1");
    for (from, to) in [
        ("split_gain=1 1", "split_gain=1 1 1"),
        ("threshold=0.5 0", "threshold=0.5 0 0"),
        ("decision_type=2 1", "decision_type=2 1 1"),
        ("left_child=1 -1", "left_child=1 -1 -3"),
        ("right_child=-3 -2", "right_child=2 -2 -4"),
        ("leaf_value=1 2 3", "leaf_value=1 2 3 4"),
        ("leaf_weight=1 1 1", "leaf_weight="),
        ("leaf_count=1 1 1", "leaf_count="),
        ("internal_value=0 0", "internal_value="),
        ("internal_weight=1 1", "internal_weight="),
        ("internal_count=1 1", "internal_count="),
    ] {
        assert!(text.contains(from));
        text = text.replace(from, to);
    }
    assert!(lightgbm::read(&text).unwrap_err().to_string().contains("a set of its own"));
    text = text.replace("0.5 0 0", "0.5 0 1").replace("num_cat=1", "num_cat=2");
    text = text
        .replace("cat_boundaries=0 1", "cat_boundaries=0 1 2")
        .replace("cat_threshold=8", "cat_threshold=8 9");
    lightgbm::read(&text).unwrap();
}

#[test]
fn xgboost_refusals_name_tree_and_field() {
    let text = file("XGBoost: dart");
    let read = |from: &str, to: &str, parts: &[&str]| refused(xgboost::read, &text, from, to, parts);
    read("{\"learner\"", "[", &["line 1 column", "ends in .json"]);
    read("\"left_children\":[1,", "\"left_children\":[0,", &["`left_children` of tree 0", "two nodes"]);
    read("\"left_children\":[1,", "\"left_children\":[4000000000,", &["tree 0", "is not there"]);
    read("\"left_children\":[1,", "\"left_children\":[-7,", &["tree 0", "-7"]);
    read("\"left_children\":[1,", "\"left_children\":[", &["tree 0"]);
    read("\"split_indices\":[", "\"split_indices\":[4000000000,", &["`split_indices` of tree 0"]);
    read("\"split_type\":[", "\"split_type\":[7,", &["`split_type` of tree 0"]);
    read("\"tree_info\":[0,", "\"tree_info\":[9,", &["`tree_info` 9 of 1"]);
    read("\"tree_info\":[0,", "\"tree_info\":[", &["in `tree_info`"]);
    read("\"weight_drop\":[", "\"weight_drop\":[1E0,", &["`weight_drop`"]);
    read("\"num_class\":\"0\"", "\"num_class\":\"4000000000\"", &["num_class"]);
    read("\"num_class\":\"0\"", "\"num_class\":\"2\"", &["unequal"]);
    read("\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"", &["several values"]);
    read("\"base_score\":\"[", "\"base_score\":\"[nan,", &["base_score"]);
    read("\"base_score\":\"[", "\"base_score\":\"[2E0,", &["base_score"]);
    read("binary:logistic", "rank:unheard", &["`rank:unheard`"]);
    read("\"name\":\"dart\"", "\"name\":\"gblinear\"", &["gblinear"]);
    read(
        "\"feature_names\":[\"a\",\"b\"",
        "\"feature_names\":[\"a\",\"a\"",
        &["two features are called `a`"],
    );
    read("\"split_conditions\":[", "\"split_conditions\":[NaN,", &["line 1"]);
    assert!(xgboost::read(&"[".repeat(1_000_000)).is_err());
    assert!(xgboost::read(&"{\"learner\":".repeat(100_000)).is_err());
    assert!(
        xgboost::read(&text.replacen(
            "\"attributes\":{}",
            &format!("\"attributes\":{}", "[".repeat(200_000)),
            1
        ))
        .is_err()
    );
}

/// Few bytes that ask for sets of millions of categories each.
#[test]
fn sets_longer_than_the_file_are_refused() {
    let (distinct, trees) = (30_000, 4_000);
    let tree = |categories: String, n: usize| {
        format!(
            "{{\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],\"split_conditions\":[0,1,2],\
             \"default_left\":[0,0,0],\"split_type\":[1,0,0],\"categories\":[{categories}],\"categories_nodes\":[0],\
             \"categories_segments\":[0],\"categories_sizes\":[{n}],\"tree_param\":{{}}}}"
        )
    };
    let codes: Vec<String> = (0..distinct).map(|code: usize| code.to_string()).collect();
    let mut all = vec![tree(codes.join(","), distinct)];
    all.extend((0..trees).map(|_| tree((distinct - 1).to_string(), 1)));
    let info = vec!["0"; all.len()].join(",");
    let text = |trees: &str, info: &str| {
        format!(
            "{{\"learner\":{{\"gradient_booster\":{{\"name\":\"gbtree\",\"model\":{{\"tree_info\":[{info}],\"trees\":[{trees}]}}}},\
             \"learner_model_param\":{{\"base_score\":\"0\"}},\"objective\":{{\"name\":\"reg:squarederror\"}}}}}}"
        )
    };
    xgboost::read(&text(&all[0], "0")).unwrap();
    let small = text(&all.join(","), &info);
    // 469 words each, of 250 bytes.
    assert!(xgboost::read(&small).is_ok());
    let codes: Vec<String> = (0..10 * distinct).map(|code: usize| code.to_string()).collect();
    all[0] = tree(codes.join(","), codes.len());
    all.iter_mut().skip(1).for_each(|other| *other = tree((codes.len() - 1).to_string(), 1));
    let error = xgboost::read(&text(&all.join(","), &info)).err().map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("longer than the file")));
    // A code itself costs nothing.
    xgboost::read(&text(&tree("4294967295".into(), 1), "0")).unwrap();
}
