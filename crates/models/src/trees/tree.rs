//! One tree, whoever grew it.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where a branch of a [`Split`] leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// To another split, by its index.
    Split(u32),
    /// To a leaf, by its index.
    Leaf(u32),
}

/// The question that a [`Split`] asks. Rows that it holds for go left.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The value is at most this.
    AtMost(f64),
    /// The value is one of these categories.
    In(Categories),
}

/// Where rows go whose value is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingGoes {
    /// Left.
    Left,
    /// Right.
    #[default]
    Right,
    /// Left, and zero counts as missing: only in models of other libraries.
    LeftWithZero,
    /// Right, and zero counts as missing: only in models of other libraries.
    RightWithZero,
}

impl MissingGoes {
    /// Left or right, zeros not being missing.
    pub fn side(left: bool) -> Self {
        if left { Self::Left } else { Self::Right }
    }

    /// Whether missing values go left.
    pub fn is_left(self) -> bool {
        matches!(self, Self::Left | Self::LeftWithZero)
    }

    /// Whether zero counts as missing.
    pub fn has_zero(self) -> bool {
        matches!(self, Self::LeftWithZero | Self::RightWithZero)
    }
}

/// Categories of a column by their codes: the places in [`TreeFeature::categories`](super::TreeFeature::categories).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Categories(Vec<u64>);

impl Categories {
    /// Whether a category is among them.
    #[inline]
    pub fn contains(&self, code: u32) -> bool {
        self.0.get(code as usize / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }

    /// Numbers of 64 bits that they take.
    pub(crate) fn n_words(&self) -> usize {
        self.0.len()
    }

    /// One more than the highest code, 0 without any.
    pub(crate) fn end(&self) -> u32 {
        let last = self.0.iter().rposition(|word| *word != 0);
        last.map_or(0, |place| place as u32 * 64 + 64 - self.0[place].leading_zeros())
    }

    /// The codes, ascending.
    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        let of_word = |(place, &word): (usize, &u64)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| place as u32 * 64 + bit)
        };
        self.0.iter().enumerate().flat_map(of_word)
    }
}

impl FromIterator<u32> for Categories {
    fn from_iter<I: IntoIterator<Item = u32>>(codes: I) -> Self {
        let mut words = Vec::new();
        for code in codes {
            let place = code as usize / 64;
            if words.len() <= place {
                words.resize(place + 1, 0);
            }
            words[place] |= 1u64 << (code % 64);
        }
        Self(words)
    }
}

/// An inner node of a [`Tree`].
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The feature that is asked about, by its place in the ensemble.
    pub feature: u32,
    /// The question; rows that it holds for go left.
    pub test: Test,
    /// Where missing values go.
    pub missing: MissingGoes,
    /// Where the left branch leads.
    pub left: Child,
    /// Where the right branch leads.
    pub right: Child,
    /// By how much the split made the objective better; 0 when not known.
    pub gain: f64,
    /// What the node would predict if it were a leaf; 0 when not known, NaN never.
    pub value: f64,
    /// The sum of what rows count in training: of Hessians in boosting, of weights in a forest.
    pub cover: f64,
    /// The rows that came here in training.
    pub rows: u64,
}

/// A binary tree of [`Split`]s; its leaves hold `width` values each.
///
/// Splits are numbered so that children come after their parents; the root is split 0, or leaf 0 of a tree without splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Tree {
    splits: Vec<Split>,
    width: usize,
    values: Vec<f64>,
    covers: Vec<f64>,
    rows: Vec<u64>,
}

impl Tree {
    /// A tree of these splits. `values` has `width` numbers per leaf; `covers` and `rows` say what of the training data each leaf got.
    ///
    /// # Errors
    ///
    /// [`Artifact`](mlsys_core::ErrorKind::Artifact) unless every split but the root, and every leaf, is the child of one split that comes
    /// before it; thresholds may be infinite, other numbers not.
    pub fn new(
        splits: Vec<Split>,
        width: usize,
        values: Vec<f64>,
        covers: Vec<f64>,
        rows: Vec<u64>,
    ) -> Result<Self> {
        let tree = Self { splits, width, values, covers, rows };
        tree.validate()?;
        Ok(tree)
    }

    fn validate(&self) -> Result<()> {
        let refused = |why: String| Err(Error::artifact(format!("not a tree: {why}")));
        let leaves = self.covers.len();
        if self.width == 0
            || leaves.checked_mul(self.width) != Some(self.values.len())
            || self.rows.len() != leaves
        {
            return refused(format!("{} values of {leaves} leaves, {} each", self.values.len(), self.width));
        }
        if leaves != self.splits.len() + 1 {
            return refused(format!("{} splits with {leaves} leaves", self.splits.len()));
        }
        let mut split_seen = vec![false; self.splits.len()];
        let mut leaf_seen = vec![self.splits.is_empty(); leaves];
        for (place, split) in self.splits.iter().enumerate() {
            for child in [split.left, split.right] {
                let seen = match child {
                    Child::Split(i) if i as usize > place => split_seen.get_mut(i as usize),
                    Child::Split(_) => None,
                    Child::Leaf(i) => leaf_seen.get_mut(i as usize),
                };
                match seen {
                    Some(seen) if !*seen => *seen = true,
                    _ => return refused(format!("{child:?} below split {place}")),
                }
            }
            let fine = [split.gain, split.value, split.cover].iter().all(|x| x.is_finite());
            if !fine || matches!(split.test, Test::AtMost(t) if t.is_nan()) {
                return refused(format!("numbers of split {place} that are not finite"));
            }
        }
        if let Some(x) = self.values.iter().chain(&self.covers).find(|x| !x.is_finite()) {
            return refused(format!("{x} in a leaf"));
        }
        Ok(())
    }

    /// The inner nodes; children come after their parents.
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    /// Sends further categories of a feature where its missing values go.
    pub(crate) fn send_with_missing(&mut self, feature: u32, codes: &[u32]) {
        let splits =
            self.splits.iter_mut().filter(|split| split.feature == feature && split.missing.is_left());
        for split in splits {
            if let Test::In(categories) = &mut split.test {
                *categories = categories.codes().chain(codes.iter().copied()).collect();
            }
        }
    }

    /// The number of leaves.
    pub fn n_leaves(&self) -> usize {
        self.covers.len()
    }

    /// How many values a leaf has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The values of a leaf.
    ///
    /// # Panics
    ///
    /// When there is no such leaf.
    pub fn values(&self, leaf: usize) -> &[f64] {
        &self.values[leaf * self.width..][..self.width]
    }

    /// The sum of what rows of a leaf counted in training.
    ///
    /// # Panics
    ///
    /// When there is no such leaf.
    pub fn cover(&self, leaf: usize) -> f64 {
        self.covers[leaf]
    }

    /// The rows that came to a leaf in training.
    ///
    /// # Panics
    ///
    /// When there is no such leaf.
    pub fn rows(&self, leaf: usize) -> u64 {
        self.rows[leaf]
    }

    /// Where a walk begins.
    pub fn root(&self) -> Child {
        if self.splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) }
    }

    /// The leaf of a row, given a value per feature of the ensemble: NaN where missing, codes for categories.
    ///
    /// This walk defines what a tree predicts; every faster way gives the same leaves.
    ///
    /// # Panics
    ///
    /// When the row has fewer values than the ensemble has features.
    pub fn leaf(&self, row: &[f64]) -> usize {
        let mut at = self.root();
        loop {
            match at {
                Child::Leaf(leaf) => return leaf as usize,
                Child::Split(i) => {
                    let split = &self.splits[i as usize];
                    at = if split.goes_left(row[split.feature as usize]) { split.left } else { split.right };
                }
            }
        }
    }

    /// The number of splits on the longest way to a leaf.
    pub fn depth(&self) -> usize {
        // Children come after their parents, so that one pass from the end sees children first.
        let mut below = vec![0; self.splits.len()];
        for (place, split) in self.splits.iter().enumerate().rev() {
            let of = |child| if let Child::Split(i) = child { below[i as usize] } else { 0 };
            below[place] = 1 + of(split.left).max(of(split.right));
        }
        below.first().copied().unwrap_or(0)
    }

    /// The highest feature that is asked about.
    pub(crate) fn last_feature(&self) -> Option<u32> {
        self.splits.iter().map(|split| split.feature).max()
    }
}

/// Up to this, a value is zero to those libraries for which zero is missing: LightGBM's, a float as a double.
pub(crate) const ZERO: f64 = 1e-35_f32 as f64;

impl Split {
    /// Whether a value goes left: NaN where missing, a code for a category.
    #[inline]
    pub fn goes_left(&self, value: f64) -> bool {
        if value.is_nan() || (self.missing.has_zero() && value.abs() <= ZERO) {
            return self.missing.is_left();
        }
        match &self.test {
            Test::AtMost(threshold) => value <= *threshold,
            // A code that no category has is no member: as conversion saturates, so do negative ones become 0, which are refused.
            Test::In(categories) => value >= 0.0 && categories.contains(value as u32),
        }
    }
}

/// A tree as it is stored: columns, which are a fifth of the size of named fields per split.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    feature: Vec<u32>,
    /// Nothing for a split by categories, of which `categories` has the next.
    threshold: Vec<Option<f64>>,
    categories: Vec<Categories>,
    missing: Vec<MissingGoes>,
    /// Splits as they are, leaves as `-1 - leaf`.
    left: Vec<i64>,
    right: Vec<i64>,
    gain: Vec<f64>,
    value: Vec<f64>,
    cover: Vec<f64>,
    rows: Vec<u64>,
    leaf_width: usize,
    leaf_values: Vec<f64>,
    leaf_covers: Vec<f64>,
    leaf_rows: Vec<u64>,
}

impl From<Tree> for Stored {
    fn from(tree: Tree) -> Self {
        let number = |child| match child {
            Child::Split(i) => i64::from(i),
            Child::Leaf(i) => -1 - i64::from(i),
        };
        let splits = &tree.splits;
        let threshold = |split: &Split| if let Test::AtMost(t) = split.test { Some(t) } else { None };
        let categories = |split: &Split| if let Test::In(c) = &split.test { Some(c.clone()) } else { None };
        Self {
            feature: splits.iter().map(|s| s.feature).collect(),
            threshold: splits.iter().map(threshold).collect(),
            categories: splits.iter().filter_map(categories).collect(),
            missing: splits.iter().map(|s| s.missing).collect(),
            left: splits.iter().map(|s| number(s.left)).collect(),
            right: splits.iter().map(|s| number(s.right)).collect(),
            gain: splits.iter().map(|s| s.gain).collect(),
            value: splits.iter().map(|s| s.value).collect(),
            cover: splits.iter().map(|s| s.cover).collect(),
            rows: splits.iter().map(|s| s.rows).collect(),
            leaf_width: tree.width,
            leaf_values: tree.values,
            leaf_covers: tree.covers,
            leaf_rows: tree.rows,
        }
    }
}

impl TryFrom<Stored> for Tree {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let n = stored.feature.len();
        let lengths = [
            stored.threshold.len(),
            stored.missing.len(),
            stored.left.len(),
            stored.right.len(),
            stored.gain.len(),
            stored.value.len(),
            stored.cover.len(),
            stored.rows.len(),
        ];
        if lengths.iter().any(|&length| length != n) {
            return Err(Error::artifact("not a tree: columns of different lengths"));
        }
        let child = |number: i64| -> Result<Child> {
            let index = u32::try_from(if number < 0 { -1 - number } else { number });
            let index = index.map_err(|_| Error::artifact(format!("not a tree: child {number}")))?;
            Ok(if number < 0 { Child::Leaf(index) } else { Child::Split(index) })
        };
        let mut categories = stored.categories.into_iter();
        let mut splits = Vec::with_capacity(n);
        for i in 0..n {
            let test = match stored.threshold[i] {
                Some(threshold) => Test::AtMost(threshold),
                None => {
                    let next = categories.next();
                    Test::In(
                        next.ok_or_else(|| Error::artifact("not a tree: no threshold and no categories"))?,
                    )
                }
            };
            splits.push(Split {
                feature: stored.feature[i],
                test,
                missing: stored.missing[i],
                left: child(stored.left[i])?,
                right: child(stored.right[i])?,
                gain: stored.gain[i],
                value: stored.value[i],
                cover: stored.cover[i],
                rows: stored.rows[i],
            });
        }
        if categories.next().is_some() {
            return Err(Error::artifact("not a tree: categories without a split"));
        }
        Self::new(splits, stored.leaf_width, stored.leaf_values, stored.leaf_covers, stored.leaf_rows)
    }
}
