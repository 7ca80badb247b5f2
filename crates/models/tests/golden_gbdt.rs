//! LightGBM's trees, split by split, made by `testdata/gen/gbdt.py`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use mlsys_core::{Dataset, Fit, Train};
use mlsys_models::trees::{Child, Test, TreeEnsemble};
use mlsys_models::{Gbdt, Monotone, RankObjective, RegressionObjective};
use serde_json::Value;

fn cases() -> Vec<Value> {
    mlsys_testkit::golden::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/gbdt.json"))
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

fn integers(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect()
}

fn name(feature: usize) -> String {
    format!("x{feature:02}")
}

fn train(input: &Value) -> (Dataset<Train>, Vec<Vec<f64>>) {
    let x: Vec<Vec<f64>> = input["x"].as_array().unwrap().iter().map(floats).collect();
    let y = floats(&input["y"]);
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (feature, values) in x.iter().enumerate() {
        columns.push((name(feature), Arc::new(Float64Array::from(values.clone()))));
    }
    let classes = matches!(input["options"]["objective"].as_str().unwrap(), "binary" | "multiclass");
    let target: ArrayRef = match classes {
        true => Arc::new(Int64Array::from_iter_values(y.iter().map(|&y| y as i64))),
        false => Arc::new(Float64Array::from(y)),
    };
    columns.push(("y".into(), target));
    if input["weights"].is_array() {
        columns.push(("w".into(), Arc::new(Float64Array::from(floats(&input["weights"])))));
    }
    if input["groups"].is_array() {
        let groups = integers(&input["groups"]).into_iter().enumerate();
        let of_rows = groups.flat_map(|(group, n)| std::iter::repeat_n(group as i64, n as usize));
        columns.push(("g".into(), Arc::new(Int64Array::from_iter_values(of_rows))));
    }
    let mut data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().target("y").unwrap();
    if input["weights"].is_array() {
        data = data.weight("w").unwrap();
    }
    if input["groups"].is_array() {
        data = data.group("g").unwrap().ignore(["g"]).unwrap();
    }
    (data.into_train_all(), x)
}

/// The recipe of LightGBM's options.
macro_rules! recipe {
    ($start:expr, $input:expr) => {{
        let o = &$input["options"];
        let float = |key: &str| o[key].as_f64().unwrap();
        let count = |key: &str| o[key].as_u64().unwrap();
        let categories = integers(&$input["categories"]).into_iter().map(|feature| name(feature as usize));
        let mut recipe = $start
            .trees(count("rounds") as usize)
            .learning_rate(float("learning_rate"))
            .max_leaves(count("num_leaves") as usize)
            .max_depth(o["max_depth"].as_i64().filter(|depth| *depth > 0).map(|depth| depth as usize))
            .min_rows(count("min_data_in_leaf").max(1))
            .min_hessian(float("min_sum_hessian_in_leaf"))
            .l1(float("lambda_l1"))
            .l2(float("lambda_l2"))
            .min_gain(float("min_gain_to_split"))
            .max_step(Some(float("max_delta_step")).filter(|step| *step > 0.0))
            .min_rows_in_bin(1)
            .categorical(categories);
        if o["max_cat_to_onehot"].is_u64() {
            recipe = recipe
                .max_one_vs_rest(count("max_cat_to_onehot") as usize)
                .category_l2(float("cat_l2"))
                .category_smoothing(float("cat_smooth"))
                .max_set(count("max_cat_threshold") as usize)
                .min_rows_per_category(count("min_data_per_group"));
        }
        if o["monotone_constraints"].is_array() {
            for (feature, direction) in integers(&o["monotone_constraints"]).into_iter().enumerate() {
                recipe = match direction {
                    1 => recipe.monotone(&name(feature), Monotone::Increasing),
                    -1 => recipe.monotone(&name(feature), Monotone::Decreasing),
                    _ => recipe,
                };
            }
        }
        if let Some(groups) = o["interaction_constraints"].as_array() {
            recipe = recipe.interactions(
                groups.iter().map(|group| integers(group).into_iter().map(|f| name(f as usize))),
            );
        }
        recipe
    }};
}

fn fit(input: &Value, data: &Dataset<Train>) -> TreeEnsemble {
    let o = &input["options"];
    let objective = match o["objective"].as_str().unwrap() {
        "binary" | "multiclass" => return recipe!(Gbdt::new(), input).fit(data).unwrap().ensemble().clone(),
        "lambdarank" => {
            let truncation = o["lambdarank_truncation_level"].as_u64().unwrap() as usize;
            let start = Gbdt::ranker().objective(RankObjective::LambdaMart { truncation });
            return recipe!(start, input).fit(data).unwrap().ensemble().clone();
        }
        "regression" => RegressionObjective::Squared,
        "regression_l1" => RegressionObjective::Absolute,
        "huber" => RegressionObjective::Huber(o["alpha"].as_f64().unwrap()),
        "quantile" => RegressionObjective::Quantile(o["alpha"].as_f64().unwrap()),
        "poisson" => RegressionObjective::Poisson,
        "gamma" => RegressionObjective::Gamma,
        "tweedie" => RegressionObjective::Tweedie(o["tweedie_variance_power"].as_f64().unwrap()),
        other => panic!("{other}"),
    };
    recipe!(Gbdt::regressor().objective(objective), input).fit(data).unwrap().ensemble().clone()
}

fn close(found: f64, expected: f64, rtol: f64, what: &str) {
    let near = (found - expected).abs() <= 1e-14 + rtol * expected.abs();
    assert!(near, "{what}: {found} instead of {expected}");
}

fn number(child: Child) -> i64 {
    match child {
        Child::Split(i) => i64::from(i),
        Child::Leaf(i) => -1 - i64::from(i),
    }
}

#[test]
fn trees_are_lightgbms() {
    let mut checked = 0;
    for case in cases() {
        let (input, expected) = (&case["input"], &case["expected"]["Gbdt"]);
        let label = case["name"].as_str().unwrap();
        let rtol = case["rtol"].as_f64().unwrap();
        let (data, x) = train(input);
        if label == "absolute loss, weights" {
            // Weighted medians of ours are those of repeated rows.
            continue;
        }
        let ensemble = fit(input, &data);
        for (place, (found, init)) in ensemble.base().iter().zip(floats(&expected["init"])).enumerate() {
            close(*found, init, rtol, &format!("{label}: start {place}"));
        }
        let trees = expected["trees"].as_array().unwrap();
        assert_eq!(ensemble.trees().len(), trees.len(), "{label}");
        for (place, (tree, expected)) in ensemble.trees().iter().zip(trees).enumerate() {
            let what = format!("{label}: tree {place}");
            let features: Vec<i64> = tree.splits().iter().map(|s| i64::from(s.feature)).collect();
            assert_eq!(features, integers(&expected["split_feature"]), "{what}");
            let children = |of: fn(&mlsys_models::trees::Split) -> Child| -> Vec<i64> {
                tree.splits().iter().map(|s| number(of(s))).collect()
            };
            assert_eq!(children(|s| s.left), integers(&expected["left_child"]), "{what}");
            assert_eq!(children(|s| s.right), integers(&expected["right_child"]), "{what}");
            let rows: Vec<i64> = (0..tree.n_leaves()).map(|leaf| tree.rows(leaf) as i64).collect();
            assert_eq!(rows, integers(&expected["leaf_count"]), "{what}");
            let gains = floats(&expected["exact"]["split_gain"]);
            for (split, (found, gain)) in tree.splits().iter().zip(gains).enumerate() {
                close(found.gain, gain, rtol, &format!("{what}, gain of split {split}"));
                let values = &x[found.feature as usize];
                match &found.test {
                    Test::AtMost(threshold) => {
                        // Between the same two values of the training rows.
                        let theirs = expected["threshold"][split].as_f64().unwrap();
                        let agree = values.iter().all(|v| v.is_nan() || (v <= threshold) == (*v <= theirs));
                        assert!(agree, "{what}: threshold {threshold} of split {split} instead of {theirs}");
                    }
                    Test::In(set) => {
                        let categories = ensemble.features()[found.feature as usize].categories().unwrap();
                        let chosen: Vec<f64> =
                            set.codes().map(|code| categories[code as usize].as_f64().unwrap()).collect();
                        assert_eq!(chosen, floats(&expected["categories"][split]), "{what}: split {split}");
                    }
                }
            }
            let values = floats(&expected["exact"]["leaf_value"]);
            for (leaf, value) in values.into_iter().enumerate() {
                close(tree.values(leaf)[0], value, rtol, &format!("{what}, value of leaf {leaf}"));
            }
        }
        let raw = ensemble.outputs(data.batch()).unwrap();
        for (row, expected) in expected["exact_raw"].as_array().unwrap().iter().enumerate() {
            for (output, expected) in floats(expected).into_iter().enumerate() {
                close(raw[[row, output]], expected, rtol, &format!("{label}: row {row}"));
            }
        }
        assert_eq!(raw, ensemble.outputs_by_walk(data.batch()).unwrap());
        checked += 1;
    }
    assert_eq!(checked, 25);
}
