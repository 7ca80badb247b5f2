//! One tree of a file.

use mlsys_core::Result;

use super::fields::Fields;
use crate::exchange::parts::Draft;
use crate::trees::{Categories, Child, MissingGoes, Split, Test};

const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// A tree over so many features. Categories are those of the file, not yet places in a feature's list.
pub(super) fn read(fields: &Fields<'_>, features: usize) -> Result<Draft> {
    if fields.has("is_linear") && fields.one::<u8>("is_linear")? != 0 {
        return Err(
            fields.refuse("is_linear", "linear trees are not supported; train with linear_tree=false")
        );
    }
    // Nothing is allocated for what is claimed, only for what is there.
    let leaves: u64 = fields.one("num_leaves")?;
    let found = fields.text("leaf_value")?.split_ascii_whitespace().count();
    if leaves == 0 || leaves != found as u64 {
        return Err(fields.refuse("num_leaves", format!("{leaves} with {found} leaf values")));
    }
    let (leaves, n) = (found, found - 1);
    let values = fields.reals("leaf_value", leaves)?;
    let covers = finite(fields, "leaf_weight", leaves)?;
    let rows = fields.optional::<u64>("leaf_count", leaves)?;
    if n == 0 {
        return Ok(Draft { splits: Vec::new(), values, covers, rows });
    }
    let feature = fields.list::<u32>("split_feature", n)?;
    if let Some(feature) = feature.iter().find(|&&feature| feature as usize >= features) {
        return Err(fields.refuse("split_feature", format!("{feature} of {features} features")));
    }
    let threshold = fields.list::<f64>("threshold", n)?;
    let decision = fields.list::<u8>("decision_type", n)?;
    let left = fields.list::<i64>("left_child", n)?;
    let right = fields.list::<i64>("right_child", n)?;
    let gain = finite(fields, "split_gain", n)?;
    let value = finite(fields, "internal_value", n)?;
    let cover = finite(fields, "internal_weight", n)?;
    let count = fields.optional::<u64>("internal_count", n)?;
    let mut sets = Sets::read(fields)?;
    let child = |key: &str, number: i64| {
        let index = if number < 0 { -1 - number } else { number };
        let there = if number < 0 { leaves } else { n };
        match u32::try_from(index) {
            Ok(index) if (index as usize) < there => {
                Ok(if number < 0 { Child::Leaf(index) } else { Child::Split(index) })
            }
            _ => Err(fields.refuse(key, format!("{number} with {n} splits and {leaves} leaves"))),
        }
    };
    // A chain of equal lengths: `list` and `optional` have seen to it.
    let numbers = threshold.into_iter().zip(decision).zip(left.into_iter().zip(right)).zip(feature);
    let stats = gain.into_iter().zip(value).zip(cover.into_iter().zip(count));
    let mut splits = Vec::with_capacity(n);
    for ((((threshold, decision), (left, right)), feature), ((gain, value), (cover, rows))) in
        numbers.zip(stats)
    {
        let (test, missing) = if decision & CATEGORICAL != 0 {
            (Test::In(sets.take(fields, threshold)?), MissingGoes::Right)
        } else {
            if threshold.is_nan() {
                return Err(fields.refuse("threshold", "NaN is not a threshold"));
            }
            let left = decision & DEFAULT_LEFT != 0;
            let missing = match (decision >> 2 & 3, left) {
                (0, _) => MissingGoes::side(0.0 <= threshold),
                (1, true) => MissingGoes::LeftWithZero,
                (1, false) => MissingGoes::RightWithZero,
                (2, left) => MissingGoes::side(left),
                _ => {
                    let why = format!("{decision} has a missing type that is neither None, Zero nor NaN");
                    return Err(fields.refuse("decision_type", why));
                }
            };
            (Test::AtMost(threshold), missing)
        };
        let (left, right) = (child("left_child", left)?, child("right_child", right)?);
        splits.push(Split { feature, test, missing, left, right, gain, value, cover, rows });
    }
    Ok(Draft { splits, values, covers, rows })
}

/// Numbers that a file may leave out.
fn finite(fields: &Fields<'_>, key: &str, n: usize) -> Result<Vec<f64>> {
    let values = fields.optional::<f64>(key, n)?;
    match values.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(fields.refuse(key, format!("{x} is not finite"))),
        None => Ok(values),
    }
}

/// The sets of categories of a tree.
struct Sets {
    boundaries: Vec<usize>,
    words: Vec<u32>,
    taken: Vec<bool>,
}

impl Sets {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let claimed: u64 = if fields.has("num_cat") { fields.one("num_cat")? } else { 0 };
        if claimed == 0 {
            return Ok(Self { boundaries: Vec::new(), words: Vec::new(), taken: Vec::new() });
        }
        let count = |key: &str| fields.text(key).map(|text| text.split_ascii_whitespace().count());
        let n = count("cat_boundaries")?.saturating_sub(1);
        if n as u64 != claimed {
            return Err(fields.refuse("num_cat", format!("{claimed} with {n} in `cat_boundaries`")));
        }
        let boundaries = fields.list::<usize>("cat_boundaries", n + 1)?;
        let words = fields.list::<u32>("cat_threshold", count("cat_threshold")?)?;
        // Categories are 32-bit integers with a sign.
        if words.len() > 1 << 26 {
            return Err(fields.refuse("cat_threshold", format!("{} numbers", words.len())));
        }
        let ordered = boundaries.windows(2).all(|pair| pair.first() <= pair.last());
        if boundaries.first() != Some(&0) || boundaries.last() != Some(&words.len()) || !ordered {
            let why = format!("they do not rise from 0 to the {} numbers of `cat_threshold`", words.len());
            return Err(fields.refuse("cat_boundaries", why));
        }
        Ok(Self { boundaries, words, taken: vec![false; n] })
    }

    /// The set of a split. Each is of one split, or memory would not be bounded by the file.
    fn take(&mut self, fields: &Fields<'_>, number: f64) -> Result<Categories> {
        let refused =
            || fields.refuse("threshold", format!("{number} is not the number of a set of its own"));
        if !(0.0..f64::from(u32::MAX)).contains(&number) || number.fract() != 0.0 {
            return Err(refused());
        }
        let place = number as usize;
        let taken = self.taken.get_mut(place).ok_or_else(refused)?;
        if std::mem::replace(taken, true) {
            return Err(refused());
        }
        let (from, to) = match (self.boundaries.get(place), self.boundaries.get(place + 1)) {
            (Some(&from), Some(&to)) => (from, to),
            _ => return Err(refused()),
        };
        let words = self.words.get(from..to).ok_or_else(refused)?;
        let of_word = |(place, &word): (usize, &u32)| {
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| place as u32 * 32 + bit)
        };
        Ok(words.iter().enumerate().flat_map(of_word).collect())
    }
}
