//! What an objective says of the link and of the base.

use mlsys_core::{Error, Result};

use crate::exchange::Link;

/// The link, and `base_score` as a raw output.
pub(super) fn read(name: &str, base_scores: &[f32]) -> Result<(Link, Vec<f64>)> {
    let logistic = Link::Logistic { scale: 1.0 };
    let (link, of_mean) = match name {
        "binary:logistic" | "reg:logistic" => (logistic, logistic),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Link::Exp, Link::Exp)
        }
        "multi:softprob" | "multi:softmax" => (Link::Softmax, Link::Identity),
        "binary:hinge" => (Link::Step, Link::Identity),
        "reg:squarederror"
        | "reg:linear"
        | "reg:absoluteerror"
        | "reg:pseudohubererror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "reg:squaredlogerror"
        | "binary:logitraw"
        | "rank:ndcg"
        | "rank:pairwise"
        | "rank:map" => (Link::Identity, Link::Identity),
        _ => {
            let name: String = name.chars().take(40).collect();
            return Err(Error::artifact(format!("the objective `{name}` of an XGBoost model is not known")));
        }
    };
    let margin = |score: f32| {
        let score = f64::from(score);
        match of_mean {
            // As XGBoost, which bounds it.
            Link::Logistic { .. } if (0.0..=1.0).contains(&score) => {
                let p = score.clamp(1e-6, 1.0 - 1e-6);
                Some((p / (1.0 - p)).ln())
            }
            Link::Exp if score > 0.0 => Some(score.ln()),
            Link::Identity => Some(score),
            _ => None,
        }
    };
    let wrong = |score: f32| Error::artifact(format!("`base_score` {score} of an XGBoost model of `{name}`"));
    let base = base_scores.iter().map(|&score| margin(score).ok_or_else(|| wrong(score)));
    Ok((link, base.collect::<Result<_>>()?))
}
