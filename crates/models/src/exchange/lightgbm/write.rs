//! A model as a file.

use std::fmt::Write;

use mlsys_core::{Category, Error, Result};

use super::objective;
use crate::exchange::{TreeModel, parts};
use crate::trees::{Categories, Child, Combine, OnUnseen, Split, Test, Tree, TreeEnsemble};

/// Writes LightGBM's text model, `version=v4`.
///
/// LightGBM 4 loads it and predicts the same: bit by bit where trees are added up, to the last bits where they are averaged and the base is
/// not 0. The objective is one of the same link (`regression`, `poisson`, `binary`, ...), whatever the trees were trained for. Counts above
/// 2,147,483,647 are written as that.
///
/// # Errors
///
/// [`Unsupported`](mlsys_core::ErrorKind::Unsupported) for what the format cannot say: names with characters of JSON, links that LightGBM
/// does not have, missing categories that go left where unseen ones go right, averages over outputs of unequal numbers of trees, and
/// categories that are infinite.
///
/// ```
/// use mlsys_models::exchange::lightgbm;
/// # let text = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\n\
/// #             feature_names=hour\nfeature_infos=[0:23]\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\n\
/// #             threshold=16.5\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=-1 2\nshrinkage=1\n\nend of trees\n";
/// let model = lightgbm::read(text)?;
/// assert_eq!(lightgbm::read(&lightgbm::write(&model)?)?, model);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn write(model: &TreeModel) -> Result<String> {
    let ensemble = model.ensemble();
    let outputs = ensemble.n_outputs();
    let objective = objective::write(model.link(), outputs)
        .ok_or_else(|| unsupported(format!("the link {:?} of {outputs} outputs", model.link())))?;
    let names = names(ensemble)?;
    let as_codes = !ensemble.features().iter().flat_map(|f| f.categories()).flatten().all(is_code);
    let infos = ensemble.features().iter().map(|feature| match feature.categories() {
        None => "[-inf:inf]".to_owned(),
        Some([]) => "none".to_owned(),
        Some(categories) => {
            let mut codes: Vec<u32> = (0..).zip(categories).map(|(code, c)| bit(code, c, as_codes)).collect();
            codes.sort_unstable();
            codes.iter().fold("-1".to_owned(), |all, code| format!("{all}:{code}"))
        }
    });
    let infos: Vec<String> = infos.collect();

    let nothing = parts::nothing()?;
    let mut trees = Vec::new();
    for (place, tree) in by_output(ensemble, &nothing)?.into_iter().enumerate() {
        trees.push(tree.write(place, ensemble, as_codes)?);
    }
    let mut out = format!(
        "tree\nversion=v4\nnum_class={outputs}\nnum_tree_per_iteration={outputs}\nlabel_index=0\nmax_feature_idx={}\n",
        names.len().saturating_sub(1)
    );
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    if let Some(objective) = objective {
        line(&format!("objective={objective}"));
    }
    if ensemble.combine() == Combine::Mean {
        line("average_output");
    }
    line(&format!("feature_names={}", names.join(" ")));
    line(&format!("feature_infos={}", infos.join(" ")));
    line(&format!("tree_sizes={}\n", joined(trees.iter().map(String::len))));
    trees.iter().for_each(|tree| out.push_str(tree));
    out.push_str("end of trees\n\nfeature_importances:\n\nparameters:\n\nend of parameters\n\n");
    let pandas = if as_codes { lists(ensemble)? } else { "null".into() };
    out.push_str("pandas_categorical:");
    out.push_str(&pandas);
    out.push('\n');
    Ok(out)
}

fn unsupported(what: String) -> Error {
    Error::unsupported(format!("LightGBM's text model has nothing for {what}"))
}

fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// Doubles that are read as the same ones.
fn reals(items: impl IntoIterator<Item = f64>) -> String {
    joined(items.into_iter().map(|x| format!("{x:?}")))
}

fn names(ensemble: &TreeEnsemble) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for feature in ensemble.features() {
        let name: String = feature.name().chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
        // Those that LightGBM refuses in training.
        if name.is_empty() || name.chars().any(|c| c.is_control() || ",:[]{}\"".contains(c)) {
            let what =
                format!("a feature called `{name}`: rename it; `,:[]{{}}\"` and empty names are not allowed");
            return Err(unsupported(what));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(unsupported("a model without features".into()));
    }
    parts::unique(names.iter().map(String::as_str))?;
    Ok(names)
}

/// The highest integer that is written as itself: sets of categories are bits up to it.
const MOST: i64 = 1_048_575;

fn is_code(category: &Category) -> bool {
    matches!(category, Category::Int(0..=MOST))
}

/// The number of a category in the file.
fn bit(code: u32, category: &Category, as_codes: bool) -> u32 {
    match category {
        Category::Int(x) if !as_codes => u32::try_from(*x).unwrap_or(code),
        _ => code,
    }
}

/// `pandas_categorical`: the categories of each feature that has them.
fn lists(ensemble: &TreeEnsemble) -> Result<String> {
    let mut lists = Vec::new();
    for feature in ensemble.features() {
        let Some(categories) = feature.categories() else { continue };
        let mut list = Vec::new();
        for category in categories {
            list.push(match category {
                Category::Bool(x) => serde_json::Value::from(*x),
                Category::Int(x) => (*x).into(),
                Category::Float(x) if x.is_finite() => (*x).into(),
                Category::Float(x) => {
                    return Err(unsupported(format!("the category {x} of `{}`", feature.name())));
                }
                Category::Text(x) => x.as_ref().into(),
            });
        }
        lists.push(list);
    }
    serde_json::to_string(&lists).map_err(Error::external)
}

/// A tree of one output: a column of another one's leaves.
struct Single<'a> {
    tree: &'a Tree,
    column: usize,
    bias: f64,
}

/// Trees in LightGBM's order: one per output and iteration, which adds `nothing` where there is none.
fn by_output<'a>(ensemble: &'a TreeEnsemble, nothing: &'a Tree) -> Result<Vec<Single<'a>>> {
    let outputs = ensemble.n_outputs();
    let mut of: Vec<Vec<(&Tree, usize)>> = vec![Vec::new(); outputs];
    for (place, tree) in ensemble.trees().iter().enumerate() {
        if tree.width() == outputs {
            of.iter_mut().enumerate().for_each(|(column, of)| of.push((tree, column)));
        } else if let Some(of) = of.get_mut(place % outputs) {
            of.push((tree, 0));
        }
    }
    let n = of.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let mean = ensemble.combine() == Combine::Mean;
    if mean && !ensemble.trees().is_empty() {
        let wide = ensemble.trees().first().map(Tree::width) == Some(outputs);
        let averaged = ensemble.trees().len() / if wide { 1 } else { outputs };
        if of.iter().any(|of| of.len() != averaged) {
            return Err(unsupported(format!(
                "averages over {averaged} trees of outputs that do not have {averaged} trees each"
            )));
        }
    }
    let mut trees = Vec::with_capacity(n * outputs);
    for iteration in 0..n {
        for (of, base) in of.iter().zip(ensemble.base()) {
            let (tree, column) = of.get(iteration).copied().unwrap_or((nothing, 0));
            trees.push(Single { tree, column, bias: if iteration == 0 || mean { *base } else { 0.0 } });
        }
    }
    Ok(trees)
}

impl Single<'_> {
    fn write(&self, place: usize, ensemble: &TreeEnsemble, as_codes: bool) -> Result<String> {
        let tree = self.tree;
        let (mut threshold, mut decision, mut left, mut right) = (vec![], vec![], vec![], vec![]);
        let (mut boundaries, mut words) = (vec![0], Vec::<u32>::new());
        for split in tree.splits() {
            let (mut to_left, mut to_right) = (split.left, split.right);
            match &split.test {
                Test::AtMost(t) => {
                    threshold.push(*t);
                    let missing = if split.missing.has_zero() { 1 } else { 2 };
                    decision.push(missing << 2 | i32::from(split.missing.is_left()) << 1);
                }
                Test::In(set) => {
                    let (set, swapped) = with_missing_right(split, set, ensemble)?;
                    if swapped {
                        (to_left, to_right) = (to_right, to_left);
                    }
                    threshold.push((boundaries.len() - 1) as f64);
                    decision.push(1 | 2 << 2);
                    let categories = categories(split, ensemble);
                    let bits = set.iter().filter_map(|&code| {
                        Some(bit(code, categories.get(code as usize)?, as_codes) as usize)
                    });
                    let start = words.len();
                    words.push(0);
                    for bit in bits {
                        let word = start + bit / 32;
                        if words.len() <= word {
                            words.resize(word + 1, 0);
                        }
                        if let Some(word) = words.get_mut(word) {
                            *word |= 1 << (bit % 32);
                        }
                    }
                    boundaries.push(words.len());
                }
            }
            left.push(number(to_left));
            right.push(number(to_right));
        }
        let splits = tree.splits();
        let leaves = 0..tree.n_leaves();
        let value = |leaf| tree.values(leaf).get(self.column).copied().unwrap_or_default() + self.bias;
        let count = |rows: u64| rows.min(i32::MAX as u64);
        let cats = boundaries.len() - 1;
        let mut out = format!("Tree={place}\nnum_leaves={}\nnum_cat={cats}\n", tree.n_leaves());
        let mut line = |key: &str, values: String| writeln!(out, "{key}={values}").map_err(Error::external);
        line("split_feature", joined(splits.iter().map(|split| split.feature)))?;
        line("split_gain", reals(splits.iter().map(|split| split.gain)))?;
        line("threshold", reals(threshold))?;
        line("decision_type", joined(decision))?;
        line("left_child", joined(left))?;
        line("right_child", joined(right))?;
        line("leaf_value", reals(leaves.clone().map(value)))?;
        line("leaf_weight", reals(leaves.clone().map(|leaf| tree.cover(leaf))))?;
        line("leaf_count", joined(leaves.map(|leaf| count(tree.rows(leaf)))))?;
        line("internal_value", reals(splits.iter().map(|split| split.value + self.bias)))?;
        line("internal_weight", reals(splits.iter().map(|split| split.cover)))?;
        line("internal_count", joined(splits.iter().map(|split| count(split.rows))))?;
        if cats > 0 {
            line("cat_boundaries", joined(boundaries))?;
            line("cat_threshold", joined(words))?;
        }
        line("is_linear", "0".into())?;
        line("shrinkage", "1\n\n".into())?;
        Ok(out)
    }
}

fn number(child: Child) -> i64 {
    match child {
        Child::Split(i) => i64::from(i),
        Child::Leaf(i) => -1 - i64::from(i),
    }
}

fn categories<'a>(split: &Split, ensemble: &'a TreeEnsemble) -> &'a [Category] {
    ensemble.features().get(split.feature as usize).and_then(|f| f.categories()).unwrap_or_default()
}

/// The categories that go left if missing ones go right, which they always do in LightGBM; and whether sides were swapped for that.
fn with_missing_right(split: &Split, set: &Categories, ensemble: &TreeEnsemble) -> Result<(Vec<u32>, bool)> {
    let left = split.missing.is_left();
    // What is equal to zero is the category of code 0.
    let contains = |code: u32| if split.missing.has_zero() && code == 0 { left } else { set.contains(code) };
    let n = categories(split, ensemble).len() as u32;
    if left && ensemble.policy().unseen == OnUnseen::AsOther {
        let name = ensemble.features().get(split.feature as usize).map_or("", |f| f.name());
        return Err(unsupported(format!(
            "missing values of `{name}` that go left where unseen categories go right: let these go where missing ones go"
        )));
    }
    Ok(((0..n).filter(|&code| contains(code) != left).collect(), left))
}
