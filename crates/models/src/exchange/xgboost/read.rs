//! A file as a model.

use std::collections::BTreeSet;

use mlsys_core::{Category, Error, Result};

use super::categories::{Places, listed};
use super::{json, objective, tree};
use crate::exchange::{TreeModel, parts};
use crate::trees::{Categories, Combine, MissingPolicy, OnUnseen, Test, Tree, TreeEnsemble, TreeFeature};

/// Reads XGBoost's JSON model.
///
/// Input: the text of `save_model("model.json")` of a `gbtree` or `dart` booster, of XGBoost 1 to 3. Columns of numbers are of
/// `Kind::Float` (`Kind::Boolean` for type `i`) and called as in the file; missing are null and NaN.
///
/// Time is linear in the file but for sorting categories; memory at most some hundred bytes per byte of it.
///
/// # Errors
///
/// [`Artifact`](mlsys_core::ErrorKind::Artifact) that names the line and column, or the tree and the field; linear boosters, leaves of
/// several values and objectives that are not known are refused.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_models::exchange::xgboost;
///
/// let json = r#"{"learner": {
///     "feature_names": ["hour"], "feature_types": ["float"], "objective": {"name": "binary:logistic"},
///     "learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_target": "1"},
///     "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [{
///         "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0], "default_left": [1, 0, 0],
///         "split_conditions": [1.65E1, -1E0, 2E0], "tree_param": {"size_leaf_vector": "1"}}]}}}}"#;
/// let model = xgboost::read(json)?;
///
/// // 16.5 is not below 16.5.
/// let hours = Float64Array::from(vec![Some(16.499), Some(16.5), None]);
/// let batch = RecordBatch::try_from_iter([("hour", Arc::new(hours) as _)])?;
/// assert_eq!(model.margins(&batch)?.into_raw_vec_and_offset().0, [-1.0, 2.0, -1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Source: XGBoost 3.2, `src/tree/tree_model.cc`, `src/common/categorical.h`, `src/objective`.
pub fn read(text: &str) -> Result<TreeModel> {
    let file: json::File = serde_json::from_str(text).map_err(|e| {
        Error::artifact(format!("an XGBoost model: {e}; it has to be saved with a name that ends in .json"))
    })?;
    let learner = file.learner;
    let booster = learner.gradient_booster;
    let (model, drop) = match (booster.name.as_str(), booster.model, booster.gbtree) {
        ("gbtree", Some(model), _) => (model, None),
        ("dart", _, Some(inner)) => (inner.model, booster.weight_drop),
        (name, ..) => {
            let name: String = name.chars().take(40).collect();
            return Err(Error::artifact(format!(
                "an XGBoost model of the booster `{name}` that has no trees"
            )));
        }
    };
    let outputs = outputs(&learner.learner_model_param, text.len())?;
    let scores = base_scores(&learner.learner_model_param.base_score, outputs)?;
    let (link, base) = objective::read(&learner.objective.name, &scores)?;
    let trees = model.trees.len();
    if drop.as_ref().is_some_and(|drop| drop.len() != trees) || model.tree_info.len() != trees {
        let n = drop.map_or(trees, |drop| drop.len());
        let info = model.tree_info.len();
        return Err(Error::artifact(format!(
            "an XGBoost model of {trees} trees with {info} in `tree_info` and {n} in `weight_drop`"
        )));
    }
    let named = learner.feature_names.len();
    let mut read = Vec::with_capacity(trees);
    for (number, tree) in model.trees.iter().enumerate() {
        let weight = drop.as_ref().and_then(|drop| drop.get(number)).map_or(1.0, |&weight| f64::from(weight));
        read.push(tree::read(number, tree, if named == 0 { usize::MAX } else { named }, weight)?);
    }
    let types = &learner.feature_types;
    let mut numbers: Vec<u32> = match named {
        0 => read.iter().flat_map(|tree| &tree.draft.splits).map(|split| split.feature).collect(),
        _ => (0..named as u32).collect(),
    };
    numbers.sort_unstable();
    numbers.dedup();
    let features = features(&numbers, &learner.feature_names, types, &model.cats.enc, &read)?;

    // A set is as long as its last place, which a file names in a few bytes: this bounds what many could ask for.
    let mut words = 0usize;
    let mut by_output: Vec<Vec<Tree>> = vec![Vec::new(); outputs];
    for (number, (mut tree, &output)) in read.into_iter().zip(&model.tree_info).enumerate() {
        let refused = |why: String| Error::artifact(format!("tree {number} of an XGBoost model: {why}"));
        for (place, split) in tree.draft.splits.iter_mut().enumerate() {
            let feature =
                numbers.binary_search(&split.feature).map_err(|_| refused("no such feature".into()))?;
            split.feature = feature as u32;
            let Some(codes) = tree.sets.remove(&place) else { continue };
            let places = features.get(feature).and_then(|(_, places)| places.as_ref());
            let places =
                places.ok_or_else(|| refused(format!("categories of feature {feature}, of numbers")))?;
            let code = |code: u32| {
                places.of(code).ok_or_else(|| refused(format!("category {code} that `cats` does not list")))
            };
            let set = codes.into_iter().map(code).collect::<Result<Vec<u32>>>()?;
            words = words.saturating_add(set.iter().max().map_or(0, |&last| last as usize / 64 + 1));
            if words > text.len().saturating_mul(4) {
                return Err(refused("sets of categories that are far longer than the file".into()));
            }
            split.test = Test::In(set.into_iter().collect::<Categories>());
        }
        let own = by_output.get_mut(output as usize);
        let own = own.ok_or_else(|| refused(format!("`tree_info` {output} of {outputs} outputs")))?;
        own.push(
            tree.draft.into_tree().map_err(|e| e.context(format!("tree {number} of an XGBoost model")))?,
        );
    }
    let each = by_output.first().map_or(0, Vec::len);
    if by_output.iter().any(|trees| trees.len() != each) {
        return Err(Error::artifact(
            "an XGBoost model with outputs of unequal numbers of trees in `tree_info`",
        ));
    }
    let mut by_output: Vec<_> = by_output.into_iter().map(Vec::into_iter).collect();
    let trees = (0..each).flat_map(|_| by_output.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>());
    let trees: Vec<Tree> = trees.collect();
    let listed = features.iter().any(|(_, places)| matches!(places, Some(Places::Listed(_))));
    let unseen = if listed { OnUnseen::Refuse } else { OnUnseen::AsOther };
    let policy = MissingPolicy { unseen, ..MissingPolicy::default() };
    let features = features.into_iter().map(|(feature, _)| feature).collect();
    TreeModel::new(TreeEnsemble::new(features, policy, trees, base, Combine::Sum)?, link)
}

/// The number of outputs; each needs a tree, or is named.
fn outputs(params: &json::Params, most: usize) -> Result<usize> {
    let number = |field: &str, text: &Option<String>| {
        let text = text.as_deref().unwrap_or("0");
        match text.parse::<usize>() {
            Ok(n) if n <= most => Ok(n),
            _ => {
                let found: String = text.chars().take(40).collect();
                Err(Error::artifact(format!("`{field}` of an XGBoost model: `{found}`")))
            }
        }
    };
    let (classes, targets) =
        (number("num_class", &params.num_class)?, number("num_target", &params.num_target)?);
    Ok(classes.max(targets).max(1))
}

/// One base score per output: 3.x writes a list, others a number.
fn base_scores(text: &str, outputs: usize) -> Result<Vec<f32>> {
    let refused = |why: String| Error::artifact(format!("`base_score` of an XGBoost model: {why}"));
    let list = text.trim().trim_start_matches('[').trim_end_matches(']');
    let number = |item: &str| match item.trim().parse::<f32>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(refused(format!("`{}` is not a finite number", item.chars().take(40).collect::<String>()))),
    };
    let scores = list.split(',').map(number).collect::<Result<Vec<f32>>>()?;
    match *scores {
        [score] => Ok(vec![score; outputs]),
        _ if scores.len() == outputs => Ok(scores),
        _ => Err(refused(format!("{} numbers of {outputs} outputs", scores.len()))),
    }
}

type Coded = (TreeFeature, Option<Places>);

fn features(
    numbers: &[u32],
    names: &[String],
    types: &[String],
    encodings: &[json::Encoding],
    trees: &[tree::Read],
) -> Result<Vec<Coded>> {
    if !types.is_empty() && !names.is_empty() && types.len() != names.len() {
        let (types, names) = (types.len(), names.len());
        return Err(Error::artifact(format!(
            "an XGBoost model of {names} names and {types} types of features"
        )));
    }
    parts::unique(names.iter().map(String::as_str))?;
    let mut used: Vec<Option<BTreeSet<u32>>> = vec![None; numbers.len()];
    for tree in trees {
        for (&place, codes) in &tree.sets {
            let feature = tree.draft.splits.get(place).and_then(|s| numbers.binary_search(&s.feature).ok());
            if let Some(used) = feature.and_then(|feature| used.get_mut(feature)) {
                used.get_or_insert_default().extend(codes);
            }
        }
    }
    let mut features = Vec::with_capacity(numbers.len());
    for (&number, used) in numbers.iter().zip(used) {
        let unnamed = format!("f{number}");
        let name = names.get(number as usize).unwrap_or(&unnamed);
        let kind = types.get(number as usize).map_or("float", String::as_str);
        let listed = match encodings.get(number as usize) {
            Some(encoding) => listed(number as usize, encoding)?,
            None => None,
        };
        features.push(match (listed, used, kind) {
            (Some(list), ..) => {
                let n = list.len();
                (parts::category(name, list)?, Some(Places::Listed(n)))
            }
            (None, Some(codes), _) => named(name, codes)?,
            (None, None, "c" | "categorical") => named(name, BTreeSet::new())?,
            (None, None, "i") => (parts::boolean(name)?, None),
            (None, None, _) => (parts::number(name)?, None),
        });
    }
    Ok(features)
}

fn named(name: &str, codes: BTreeSet<u32>) -> Result<Coded> {
    let categories = codes.iter().map(|&code| Category::Int(i64::from(code))).collect();
    Ok((parts::category(name, categories)?, Some(Places::named(codes))))
}
