//! A file as a model.

use std::collections::BTreeSet;

use mlsys_core::{Category, Error, Result};
use serde::Deserialize;

use super::fields::{Fields, short};
use super::{objective, tree};
use crate::exchange::TreeModel;
use crate::exchange::parts::{self, Draft};
use crate::trees::{Categories, Combine, MissingPolicy, Test, TreeEnsemble, TreeFeature};

/// Reads LightGBM's text model.
///
/// Input: the text of `save_model` or `model_to_string`, `version=v3` or `v4`. Columns of numbers are of `Kind::Float` and called as in the
/// file; missing are null and NaN. Categories that the file does not name go right at every split, as do missing ones.
///
/// Time and memory are linear in the file. [`TreeModel`] has an example.
///
/// # Errors
///
/// [`Artifact`](mlsys_core::ErrorKind::Artifact) that names the line or tree and the field; linear trees and objectives that are not known
/// are refused.
///
/// Source: LightGBM 4.7, `Tree::ToString`, `Tree::NumericalDecision`, `Tree::CategoricalDecision`, `GBDT::SaveModelToString`.
pub fn read(text: &str) -> Result<TreeModel> {
    let file = File::read(text)?;
    let header = &file.header;
    let version = header.text("version")?.trim();
    if !matches!(version, "v3" | "v4") {
        return Err(header.refuse("version", format!("`{}` is neither v3 nor v4", short(version))));
    }
    let outputs: usize = header.one("num_tree_per_iteration")?;
    if outputs == 0 || outputs > text.len() || !file.trees.len().is_multiple_of(outputs) {
        return Err(
            header.refuse("num_tree_per_iteration", format!("{outputs} of {} trees", file.trees.len()))
        );
    }
    if header.has("tree_sizes") {
        let sizes = header.text("tree_sizes")?.split_ascii_whitespace().count();
        if sizes != file.trees.len() {
            return Err(header.refuse("tree_sizes", format!("{sizes} sizes of {} trees", file.trees.len())));
        }
    }
    let names: Vec<&str> = header.text("feature_names")?.split_ascii_whitespace().collect();
    let last: i64 = header.one("max_feature_idx")?;
    if last.checked_add(1) != Some(names.len() as i64) {
        return Err(
            header.refuse("feature_names", format!("{} names, the last of which is {last}", names.len()))
        );
    }
    parts::unique(names.iter().copied())?;
    let link = objective::read(header, outputs)?;

    let mut drafts = Vec::with_capacity(file.trees.len());
    for fields in &file.trees {
        drafts.push(tree::read(fields, names.len())?);
    }
    let features = features(&file, &names, &drafts)?;
    let mut trees = Vec::with_capacity(drafts.len());
    for (place, draft) in drafts.into_iter().enumerate() {
        let tree = coded(draft, &features).and_then(Draft::into_tree);
        trees.push(tree.map_err(|e| e.context(format!("tree {place} of a LightGBM model")))?);
    }
    let combine = if header.has("average_output") { Combine::Mean } else { Combine::Sum };
    let features = features.into_iter().map(|(feature, _)| feature).collect();
    let ensemble = TreeEnsemble::new(features, MissingPolicy::default(), trees, vec![0.0; outputs], combine)?;
    TreeModel::new(ensemble, link)
}

/// The parts of a file.
struct File<'a> {
    header: Fields<'a>,
    trees: Vec<Fields<'a>>,
    pandas: Option<&'a str>,
}

impl<'a> File<'a> {
    fn read(text: &'a str) -> Result<Self> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        if lines.next().map(|(_, line)| line.trim()) != Some("tree") {
            return Err(Error::artifact("a LightGBM model whose first line is not `tree`"));
        }
        let mut header = Fields::new("the header");
        let mut trees: Vec<Fields<'a>> = Vec::new();
        let mut ended = false;
        for (at, line) in lines.by_ref() {
            let line = line.trim_ascii_end();
            if line == "end of trees" {
                ended = true;
                break;
            }
            if let Some(number) = line.strip_prefix("Tree=") {
                if number.parse() != Ok(trees.len()) {
                    let (found, n) = (short(number), trees.len());
                    return Err(Error::artifact(format!(
                        "`Tree={found}` in line {at} of a LightGBM model instead of tree {n}"
                    )));
                }
                trees.push(Fields::new(format!("tree {number}")));
                continue;
            }
            let own = trees.last_mut().unwrap_or(&mut header);
            match line {
                "" => {}
                "average_output" => own.add(at, line)?,
                _ if line.contains('=') => own.add(at, line)?,
                _ => {
                    let found = short(line);
                    return Err(Error::artifact(format!(
                        "`{found}` in line {at} of a LightGBM model instead of `key=value`"
                    )));
                }
            }
        }
        if !ended {
            return Err(Error::artifact("a LightGBM model without `end of trees`: it is cut off"));
        }
        if let Some(tree) = trees.iter().find(|tree| tree.has("average_output")) {
            return Err(tree.refuse("average_output", "it belongs into the header"));
        }
        let pandas = lines.filter_map(|(_, line)| line.strip_prefix("pandas_categorical:")).last();
        Ok(Self { header, trees, pandas })
    }
}

/// A category as pandas has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Atom {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl From<Atom> for Category {
    fn from(atom: Atom) -> Self {
        match atom {
            Atom::Bool(x) => Self::Bool(x),
            Atom::Int(x) => Self::Int(x),
            Atom::Float(x) => Self::Float(x),
            Atom::Text(x) => Self::Text(x.into()),
        }
    }
}

/// Features, and the categories of the file by their codes here; `None` where the codes are the same.
type Coding = (TreeFeature, Option<Vec<u32>>);

fn features(file: &File<'_>, names: &[&str], drafts: &[Draft]) -> Result<Vec<Coding>> {
    let infos: Vec<&str> = match file.header.has("feature_infos") {
        true => file.header.text("feature_infos")?.split_ascii_whitespace().collect(),
        false => vec!["none"; names.len()],
    };
    if infos.len() != names.len() {
        let why = format!("{} infos of {} features", infos.len(), names.len());
        return Err(file.header.refuse("feature_infos", why));
    }
    // The categories that splits name. A feature is one of categories or of numbers.
    let mut used: Vec<Option<BTreeSet<u32>>> = vec![None; names.len()];
    let mut ordered = vec![false; names.len()];
    for split in drafts.iter().flat_map(|draft| &draft.splits) {
        let at = split.feature as usize;
        match (&split.test, used.get_mut(at), ordered.get_mut(at)) {
            (Test::In(set), Some(used), _) => used.get_or_insert_default().extend(set.codes()),
            (_, _, Some(ordered)) => *ordered = true,
            _ => {}
        }
    }
    let mut told = Vec::with_capacity(names.len());
    for info in &infos {
        told.push(match *info == "none" || info.starts_with('[') {
            true => None,
            false => {
                let codes: std::result::Result<BTreeSet<i64>, _> = info.split(':').map(str::parse).collect();
                let why = || format!("`{}` is neither a range nor categories", short(info));
                Some(codes.map_err(|_| file.header.refuse("feature_infos", why()))?)
            }
        });
    }
    for (((name, used), told), ordered) in names.iter().zip(&used).zip(&told).zip(&ordered) {
        if *ordered && (used.is_some() || told.is_some()) {
            return Err(Error::artifact(format!(
                "a LightGBM model whose splits ask `{}` as numbers and as categories",
                short(name)
            )));
        }
    }
    let categorical: Vec<bool> = used.iter().zip(&told).map(|(a, b)| a.is_some() || b.is_some()).collect();
    let mut lists = pandas(file, &infos, &categorical)?;
    let mut features = Vec::with_capacity(names.len());
    for ((((name, used), told), list), categorical) in
        names.iter().zip(used).zip(told).zip(&mut lists).zip(categorical)
    {
        let used = used.unwrap_or_default();
        features.push(match list.take() {
            Some(list) => {
                if let Some(code) = used.last().filter(|&&code| code as usize >= list.len()) {
                    let n = list.len();
                    return Err(Error::artifact(format!(
                        "category {code} of `{}` in a LightGBM model with {n} in pandas_categorical",
                        short(name)
                    )));
                }
                (parts::category(name, list)?, None)
            }
            None if categorical => {
                let mut known: BTreeSet<i64> = used.iter().map(|&code| i64::from(code)).collect();
                known.extend(told.into_iter().flatten().filter(|&code| code >= 0));
                let place = |code: &u32| known.range(..i64::from(*code)).count();
                let same = used.last().is_none_or(|code| place(code) == *code as usize);
                let coding = (!same).then(|| {
                    let mut codes = vec![u32::MAX; used.last().map_or(0, |&code| code as usize + 1)];
                    for (at, code) in known.iter().enumerate() {
                        if let Some(to) = usize::try_from(*code).ok().and_then(|code| codes.get_mut(code)) {
                            *to = at as u32;
                        }
                    }
                    codes
                });
                (parts::category(name, known.into_iter().map(Category::Int).collect())?, coding)
            }
            None => (parts::number(name)?, None),
        });
    }
    Ok(features)
}

/// The lists of pandas by feature: those of categories have one each, in their order.
fn pandas(file: &File<'_>, infos: &[&str], categorical: &[bool]) -> Result<Vec<Option<Vec<Category>>>> {
    let mut by_feature: Vec<Option<Vec<Category>>> = infos.iter().map(|_| None).collect();
    let lists: Option<Vec<Vec<Atom>>> = match file.pandas {
        None => None,
        Some(text) => serde_json::from_str(text)
            .map_err(|e| Error::artifact(format!("pandas_categorical of a LightGBM model: {e}")))?,
    };
    let lists = lists.unwrap_or_default();
    if lists.is_empty() {
        return Ok(by_feature);
    }
    // A column of one category is told as `none`, as one of one number is.
    let n = categorical.iter().filter(|&&is| is).count();
    let maybe = |at: usize| infos.get(at) == Some(&"none");
    let with_maybe = (0..infos.len()).filter(|&at| categorical.get(at) == Some(&true) || maybe(at)).count();
    let all = lists.len() != n;
    if all && lists.len() != with_maybe {
        return Err(Error::artifact(format!(
            "pandas_categorical of a LightGBM model has {} lists for {n} features of categories; without that line, they are \
             read as codes",
            lists.len()
        )));
    }
    let mut lists = lists.into_iter();
    for (at, to) in by_feature.iter_mut().enumerate() {
        if categorical.get(at) == Some(&true) || (all && maybe(at)) {
            *to = lists.next().map(|list| list.into_iter().map(Category::from).collect());
        }
    }
    Ok(by_feature)
}

/// With the codes of categories as their features have them.
fn coded(mut draft: Draft, features: &[Coding]) -> Result<Draft> {
    for split in &mut draft.splits {
        if let (Test::In(set), Some((_, Some(codes)))) =
            (&mut split.test, features.get(split.feature as usize))
        {
            let new: Option<Categories> = set.codes().map(|code| codes.get(code as usize).copied()).collect();
            *set = new.ok_or_else(|| Error::artifact("a category that is not known"))?;
        }
    }
    Ok(draft)
}
