//! The parts of the file that are read. Floats are parsed as floats: by way of doubles they could be rounded twice.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
pub(super) struct File {
    pub learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub feature_names: Vec<String>,
    #[serde(default)]
    pub feature_types: Vec<String>,
    pub gradient_booster: Booster,
    pub learner_model_param: Params,
    pub objective: Objective,
}

#[derive(Deserialize)]
pub(super) struct Params {
    pub base_score: String,
    #[serde(default)]
    pub num_class: Option<String>,
    #[serde(default)]
    pub num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub name: String,
}

#[derive(Deserialize)]
pub(super) struct Booster {
    pub name: String,
    /// Of `gbtree`.
    pub model: Option<Model>,
    /// Of `dart`.
    pub gbtree: Option<Inner>,
    pub weight_drop: Option<Vec<f32>>,
}

#[derive(Deserialize)]
pub(super) struct Inner {
    pub model: Model,
}

#[derive(Deserialize)]
pub(super) struct Model {
    pub tree_info: Vec<u32>,
    pub trees: Vec<Tree>,
    #[serde(default)]
    pub cats: Cats,
}

/// The categories of data frames, since 3.1.
#[derive(Deserialize, Default)]
pub(super) struct Cats {
    #[serde(default)]
    pub enc: Vec<Encoding>,
}

/// Text as bytes one after another, or numbers; empty for a feature of numbers.
#[derive(Deserialize)]
pub(super) struct Encoding {
    pub offsets: Option<Vec<u64>>,
    pub values: Vec<Number>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

#[derive(Deserialize)]
pub(super) struct Tree {
    pub left_children: Vec<i64>,
    pub right_children: Vec<i64>,
    pub split_indices: Vec<u32>,
    pub split_conditions: Vec<f32>,
    #[serde(deserialize_with = "flags")]
    pub default_left: Vec<bool>,
    #[serde(default)]
    pub split_type: Vec<u8>,
    #[serde(default)]
    pub loss_changes: Vec<f32>,
    #[serde(default)]
    pub sum_hessian: Vec<f32>,
    #[serde(default)]
    pub categories: Vec<u32>,
    #[serde(default)]
    pub categories_nodes: Vec<u64>,
    #[serde(default)]
    pub categories_segments: Vec<u64>,
    #[serde(default)]
    pub categories_sizes: Vec<u64>,
    pub tree_param: TreeParams,
}

#[derive(Deserialize)]
pub(super) struct TreeParams {
    #[serde(default)]
    pub size_leaf_vector: Option<String>,
}

/// 0 and 1, or `false` and `true` as up to 1.4.
fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Int(u8),
    }
    let flags = Vec::<Flag>::deserialize(deserializer)?;
    Ok(flags.into_iter().map(|flag| matches!(flag, Flag::Bool(true) | Flag::Int(1..))).collect())
}
