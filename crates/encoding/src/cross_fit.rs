//! Folds for encoding training rows out of fold: each by what the rows of the other folds say.

use mlsys_core::arrow::array::{RecordBatch, UInt64Array};
use mlsys_core::arrow::compute::{concat_batches, take_record_batch};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Coded, Dataset, Error, Fold, Result, Train, Transform, first_error, seed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How an encoder that looks at the target deals training rows to folds. Each row is encoded by what the rows of the
/// other folds say, so that no row's own target is in its value.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `folds` | 5 | 2 to 100 | how many folds; with fewer rows, a row each |
/// | `by` | `RowId` | | which rows are in a fold |
/// | `seed` | 0 | | deals rows otherwise, by row id |
///
/// ```
/// use mlsys_encoding::{CrossFit, TargetEncoder};
/// let encoder = TargetEncoder::new().cross_fit(CrossFit::new(10).seed(3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossFit {
    folds: usize,
    by: FoldBy,
    seed: u64,
}

/// Which rows are in a fold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldBy {
    /// By the row's id and the seed: never by its target, and rows that were drawn twice are in one fold.
    #[default]
    RowId,
    /// Rows that follow each other, as scikit-learn's `KFold` without shuffling.
    Position,
    /// Each class in equal shares, as scikit-learn's `StratifiedKFold` without shuffling. Which fold a row is in depends on
    /// the targets, its own among them, and with it what the row is encoded as.
    Stratified,
}

impl Default for CrossFit {
    fn default() -> Self {
        Self { folds: 5, by: FoldBy::RowId, seed: seed::DEFAULT_SEED }
    }
}

impl CrossFit {
    /// This many folds, by row id.
    pub fn new(folds: usize) -> Self {
        Self { folds, ..Self::default() }
    }

    /// Which rows are in a fold.
    pub fn by(mut self, by: FoldBy) -> Self {
        self.by = by;
        self
    }

    /// The seed by which rows are dealt.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many folds there are.
    pub(crate) fn n_folds(&self) -> usize {
        self.folds
    }

    pub(crate) fn check(&self, estimator: &str) -> Result<()> {
        if (2..=100).contains(&self.folds) {
            return Ok(());
        }
        Err(Error::invalid_parameter(estimator, "folds", self.folds, "2 to 100"))
    }

    /// The fold of each row. `labels` gives the classes, for folds that are by class.
    pub(crate) fn fold_of_rows(
        &self,
        estimator: &str,
        train: &Dataset<Train>,
        labels: impl FnOnce() -> Result<Coded>,
    ) -> Result<Vec<u32>> {
        self.check(estimator)?;
        let (n, folds) = (train.n_rows(), self.folds);
        if n < 2 {
            return Err(too_few(estimator, n));
        }
        match self.by {
            FoldBy::RowId => self.by_id(estimator, &train.row_ids()),
            FoldBy::Position => {
                let (size, longer) = (n / folds, n % folds);
                let sizes = (0..folds).map(|fold| size + usize::from(fold < longer));
                Ok(sizes.enumerate().flat_map(|(fold, size)| vec![fold as u32; size]).collect())
            }
            FoldBy::Stratified => {
                let labels = labels()?;
                // Classes in the order of their first rows.
                let mut by_class = vec![Vec::new(); labels.distinct.len()];
                labels.codes.iter().enumerate().for_each(|(row, &code)| by_class[code as usize].push(row));
                by_class.sort_by_key(|rows: &Vec<usize>| rows.first().copied());
                Ok(Fold::stratify(&by_class, folds))
            }
        }
    }

    /// Ids are ranked by their hash, so that folds are of one size and no two copies of a row are in different ones.
    fn by_id(&self, estimator: &str, ids: &[u64]) -> Result<Vec<u32>> {
        let hashes: Vec<u64> = ids.par_iter().map(|&id| hash_u64(id, self.seed)).collect();
        let ranked = sorted(&hashes);
        let mut fold_of_row = vec![0; ids.len()];
        let (mut rank, mut last) = (0, ranked[0].0);
        for (hash, row) in ranked {
            rank += u64::from(hash != last);
            last = hash;
            fold_of_row[row as usize] = (rank % self.folds as u64) as u32;
        }
        if rank == 0 {
            return Err(too_few(estimator, 1));
        }
        Ok(fold_of_row)
    }
}

impl CrossFit {
    /// The training rows, each transformed by what `fit` makes of the rows of the other folds.
    pub(crate) fn transform_out_of_fold<F: Transform>(
        &self,
        estimator: &str,
        train: &Dataset<Train>,
        fit: impl Fn(&[usize]) -> Result<F> + Sync,
    ) -> Result<Dataset<Train>> {
        let fold_of_row = self.fold_of_rows(estimator, train, || train.labels(estimator))?;
        let rows_where = |keep: &dyn Fn(u32) -> bool| -> Vec<usize> {
            (0..fold_of_row.len()).filter(|&row| keep(fold_of_row[row])).collect()
        };
        let one = |fold: usize| -> Result<Option<(Vec<usize>, RecordBatch)>> {
            let own = rows_where(&|other| other as usize == fold);
            if own.is_empty() {
                return Ok(None);
            }
            let fitted = fit(&rows_where(&|other| other as usize != fold))?;
            let rows = fitted.transform(train.take(&own)?.batch())?;
            Ok(Some((own, rows)))
        };
        let folds: Vec<_> = first_error((0..self.folds).into_par_iter().map(one).collect())?;
        let (rows, parts): (Vec<_>, Vec<_>) = folds.into_iter().flatten().unzip();
        let together = concat_batches(&parts[0].schema(), &parts)?;
        // Back to where each row stood.
        let mut place = vec![0u64; fold_of_row.len()];
        rows.into_iter().flatten().enumerate().for_each(|(at, row)| place[row] = at as u64);
        train.with_batch(take_record_batch(&together, &UInt64Array::from(place))?)
    }
}

/// A hash and its row.
type Hashed = (u64, u32);

/// Hashes with their rows, ascending. They are even, so that their first bits put nearly each in its place: some bits for
/// parts that fit a cache, more for its place there.
fn sorted(hashes: &[u64]) -> Vec<Hashed> {
    let digits = usize::BITS - hashes.len().leading_zeros();
    let (outer, inner) = (digits.saturating_sub(12), digits.clamp(3, 12) - 2);
    let mut sorted = vec![(0, 0); hashes.len()];
    let rows = hashes.iter().enumerate().map(|(row, &hash)| (hash, row as u32));
    let mut parts = dealt(rows, &mut sorted, 0, outer);
    parts.par_iter_mut().for_each(|part| {
        let rows = part.to_vec();
        dealt(rows.into_iter(), part, outer, inner).into_iter().for_each(<[_]>::sort_unstable);
    });
    sorted
}

/// Puts rows into the part that `bits` bits of their hash say, after the first `skip` ones; the parts.
fn dealt(
    rows: impl Iterator<Item = Hashed> + Clone,
    into: &mut [Hashed],
    skip: u32,
    bits: u32,
) -> Vec<&mut [Hashed]> {
    let part = |hash: u64| ((hash << skip) >> 1 >> (63 - bits)) as usize;
    let mut next = vec![0u32; 1 << bits];
    rows.clone().for_each(|(hash, _)| next[part(hash)] += 1);
    let mut before = 0;
    for next in &mut next {
        before += std::mem::replace(next, before);
    }
    for (hash, row) in rows {
        let place = &mut next[part(hash)];
        into[*place as usize] = (hash, row);
        *place += 1;
    }
    let (mut rest, mut start) = (into, 0);
    let split = next.into_iter().map(|end| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut((end - start) as usize);
        (rest, start) = (others, end);
        own
    });
    split.collect()
}

/// The error that there is no other row to encode a row by.
pub(crate) fn too_few(estimator: &str, rows: usize) -> Error {
    Error::too_few_rows(2, rows, format!("{estimator}, which encodes a training row by other rows,"))
}
