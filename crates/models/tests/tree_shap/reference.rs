//! LightGBM's values, and shap's against a background, made by `testdata/gen/tree_shap.py`.

use super::*;

fn child(number: i64) -> Child {
    if number < 0 { Child::Leaf((-1 - number) as u32) } else { Child::Split(number as u32) }
}

/// A tree as it is stored, but for thresholds that JSON has no number for.
fn stored_tree(stored: &Value) -> Tree {
    let number = |key: &str, i: usize| stored[key][i].as_f64().unwrap();
    let mut categories = stored["categories"].as_array().unwrap().iter();
    let n = stored["feature"].as_array().unwrap().len();
    let split = |i: usize| Split {
        feature: number("feature", i) as u32,
        test: match stored["threshold"][i].as_f64() {
            Some(threshold) => Test::AtMost(threshold),
            None => Test::In(serde_json::from_value(categories.next().unwrap().clone()).unwrap()),
        },
        missing: serde_json::from_value(stored["missing"][i].clone()).unwrap(),
        left: child(stored["left"][i].as_i64().unwrap()),
        right: child(stored["right"][i].as_i64().unwrap()),
        gain: number("gain", i),
        value: number("value", i),
        cover: number("cover", i),
        rows: number("rows", i) as u64,
    };
    let splits = (0..n).map(split).collect();
    let rows = floats(&stored["leaf_rows"]).iter().map(|&x| x as u64).collect();
    Tree::new(splits, 1, floats(&stored["leaf_values"]), floats(&stored["leaf_covers"]), rows).unwrap()
}

#[test]
fn the_values_of_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/tree_shap.json");
    let cases: Vec<Value> = mlsys_testkit::golden::load(path);
    let mut backgrounds = 0;
    for case in &cases {
        assert!(case["expected"].as_object().unwrap().keys().eq(["Importances", "TreeShap"]));
        let (name, input, rtol) = (&case["name"], &case["input"], case["rtol"].as_f64().unwrap());
        let categories = |j: usize| {
            let codes = input["features"][j]["categories"].as_array()?;
            Some(codes.iter().map(|x| Category::Int(x.as_i64().unwrap())).collect::<Vec<_>>())
        };
        let table = |key: &str| {
            let columns: Vec<_> = input[key].as_array().unwrap().iter().map(floats).collect();
            batch(&columns, |j| categories(j).is_some())
        };
        let rows = table("columns");
        let trees = input["trees"].as_array().unwrap().iter().map(stored_tree).collect();
        let base = floats(&input["base"]);
        let trees = TreeEnsemble::new(
            features(&rows, categories),
            MissingPolicy::default(),
            trees,
            base,
            Combine::Sum,
        )
        .unwrap();

        let shap = TreeShap::new(&trees).explain(&rows).unwrap();
        additive(&shap, &trees, &rows, 1e-12);
        let expected = &case["expected"]["TreeShap"];
        for (row, outputs) in expected["contributions"].as_array().unwrap().iter().enumerate() {
            for (output, values) in outputs.as_array().unwrap().iter().enumerate() {
                let (values, own) = (floats(values), shap.values());
                let (base, values) = values.split_last().unwrap();
                close(shap.base()[output], *base, rtol, &format!("{name}: base {output}"));
                assert_eq!(values.len(), own.shape()[1]);
                for (j, &x) in values.iter().enumerate() {
                    close(
                        own[[row, j, output]],
                        x,
                        rtol * x.abs().max(0.01),
                        &format!("{name}: x{j} of {row}"),
                    );
                }
            }
        }
        if let Some(all) = expected["interventional"].as_array() {
            backgrounds += 1;
            let shap = TreeShap::new(&trees).interventional(&table("background")).unwrap();
            close(shap.base()[0], expected["interventional_base"].as_f64().unwrap(), 1e-6, "base");
            let shap = shap.explain(&rows).unwrap();
            additive(&shap, &trees, &rows, 1e-12);
            for (row, values) in all.iter().enumerate() {
                // The reference reads missing values of a model that knew none in its own way.
                if rows
                    .columns()
                    .iter()
                    .any(|column| column.as_primitive::<Float64Type>().value(row).is_nan())
                {
                    continue;
                }
                for (j, x) in floats(values).into_iter().enumerate() {
                    close(
                        shap.values()[[row, j, 0]],
                        x,
                        1e-6,
                        &format!("{name}: x{j} of {row}, against a background"),
                    );
                }
            }
        }
        for (kind, key) in [(Importance::Gain, "gain"), (Importance::Split, "split")] {
            let importances = Importances::new(&trees, kind);
            let expected = floats(&case["expected"]["Importances"][key]);
            assert_eq!(importances.values().len(), expected.len());
            for (&found, e) in importances.values().iter().zip(expected) {
                close(found, e, 1e-5 * e, &format!("{name}: {key}"));
            }
        }
    }
    assert_eq!(backgrounds, 2);
}
