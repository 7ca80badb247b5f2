//! What an objective says of the link, and which one says it.

use mlsys_core::Result;

use super::fields::{Fields, short};
use crate::exchange::Link;

/// The link of `objective=`, if there is one: models of own objectives have none.
pub(super) fn read(header: &Fields<'_>, outputs: usize) -> Result<Link> {
    if !header.has("objective") {
        return Ok(Link::Identity);
    }
    let text = header.text("objective")?;
    let refused = |why: String| header.refuse("objective", why);
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    let option = |key: &str| rest.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
    let scale = || match option("sigmoid").map_or(Ok(1.0), str::parse) {
        Ok(scale) if scale > 0.0 && f64::is_finite(scale) => Ok(Link::Logistic { scale }),
        _ => Err(refused(format!("`{}` has no `sigmoid` above 0", short(text)))),
    };
    let (link, many) = match name {
        "regression" | "regression_l2" if rest.contains(&"sqrt") => (Link::SignedSquare, false),
        "regression" | "regression_l1" | "regression_l2" | "huber" | "fair" | "quantile" | "mape" => {
            (Link::Identity, false)
        }
        "lambdarank" | "rank_xendcg" => (Link::Identity, false),
        "poisson" | "gamma" | "tweedie" => (Link::Exp, false),
        "binary" => (scale()?, false),
        "cross_entropy" | "xentropy" => (Link::Logistic { scale: 1.0 }, false),
        "cross_entropy_lambda" | "xentlambda" => (Link::Softplus, false),
        "multiclass" | "softmax" => (Link::Softmax, true),
        "multiclassova" | "multiclass_ova" | "ova" => (scale()?, true),
        "custom" | "none" | "null" | "na" | "None" => return Ok(Link::Identity),
        _ => return Err(refused(format!("`{}` is not known", short(name)))),
    };
    let declared = match many {
        true => option("num_class").and_then(|n| n.parse().ok()),
        false => Some(1),
    };
    match declared == Some(outputs) {
        true => Ok(link),
        false => Err(refused(format!("`{}` with {outputs} trees per iteration", short(text)))),
    }
}

/// The objective that has a link; `None` if none is needed, the outer one if there is none.
pub(super) fn write(link: Link, outputs: usize) -> Option<Option<String>> {
    let one = outputs == 1;
    Some(Some(match link {
        Link::Identity if one => "regression".into(),
        Link::Identity => return Some(None),
        Link::SignedSquare if one => "regression sqrt".into(),
        Link::Exp if one => "poisson".into(),
        Link::Softplus if one => "cross_entropy_lambda".into(),
        Link::Logistic { scale } if one => format!("binary sigmoid:{scale:?}"),
        Link::Logistic { scale } => format!("multiclassova num_class:{outputs} sigmoid:{scale:?}"),
        Link::Softmax => format!("multiclass num_class:{outputs}"),
        _ => return None,
    }))
}
