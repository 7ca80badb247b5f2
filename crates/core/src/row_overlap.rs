//! Which rows of a dataset were seen before.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

use crate::metric::Estimate;
use crate::row_ids::SYNTHETIC;
use crate::row_set::KEPT;
use crate::{Dataset, Error, Partition, Result, RowsSeen};

/// Whether the keys of two sets of rows can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparable {
    /// All with all.
    Fully,
    /// Some of them: one side, or both, comes from several tables.
    Partly,
    /// None: nothing is known.
    No,
}

impl Comparable {
    fn of<T: Ord>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> Self {
        match (a.is_disjoint(b), a.union(b).count()) {
            (_, 0 | 1) => Self::Fully,
            (true, _) => Self::No,
            (false, _) => Self::Partly,
        }
    }
}

/// The rows of a dataset that are among [`RowsSeen`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RowOverlap {
    /// How many rows were looked up.
    pub n_rows: usize,
    /// How many rows were not, because a resampler made them.
    pub synthetic: usize,
    /// The rows that were seen: indices into the dataset, ascending. Of a sketch only those that it holds.
    pub same: Vec<usize>,
    /// Of these, the rows that hold something else than what was seen: rows that were changed since, or other rows under the same
    /// ids. Empty where contents cannot be compared.
    pub changed: Vec<usize>,
    /// The rows that hold what a row seen holds, and are another row, or may be one where identities cannot be compared.
    pub alike: Vec<usize>,
    /// Whether `same` could be told: both sides are tracked by one id column, or are parts of one table.
    pub identities: Comparable,
    /// Whether `alike` could be told: both sides were tracked with the same columns.
    pub contents: Comparable,
    /// The share of the rows seen that are in the dataset; of a sketch an estimate with Wilson's interval of 95%.
    pub share_same: Estimate,
    /// The share of the rows seen that another row of the dataset looks like.
    pub share_alike: Estimate,
    /// The smallest share of the rows seen that would have been found with a probability of 99%.
    pub smallest_share: f64,
    /// The probability that `same` holds any row by chance: about the rows looked up, times the rows kept, over 2^50.
    pub false_same: f64,
    /// The probability that `alike` holds any row by chance: the same over 2^36 for a sketch.
    pub false_alike: f64,
}

impl RowOverlap {
    /// Whether no row was seen and none looks like one that was.
    pub fn is_clean(&self) -> bool {
        self.same.is_empty() && self.alike.is_empty()
    }
}

impl fmt::Display for RowOverlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, what: &str, compared, rows: &[usize], share: &Estimate| {
            match compared {
                Comparable::No => writeln!(f, "{what}: cannot be told"),
                _ => writeln!(f, "{what}: {} of {} rows, {share} of the rows seen", rows.len(), self.n_rows),
            }
        };
        line(f, "the same row", self.identities, &self.same, &self.share_same)?;
        line(f, "looks the same", self.contents, &self.alike, &self.share_alike)?;
        write!(f, "a share of {:.2e} of the rows seen is found with 99%", self.smallest_share)
    }
}

/// What a row that is looked up meets among the rows kept.
enum Met {
    /// And whether what was seen held the same.
    Same(Range<usize>, bool),
    Alike(Range<usize>),
    None,
}

impl RowsSeen {
    /// Looks the rows of a dataset up.
    ///
    /// Output: see [`RowOverlap`]. A row that the dataset has twice is reported twice and counts once in the shares; without
    /// rows on either side nothing overlaps. Time n log m for n rows looked up among m kept.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the rows are not tracked, and when nothing can be compared: another
    /// table without an id column in common, and other columns.
    pub fn overlap<P: Partition>(&self, data: &Dataset<P>) -> Result<RowOverlap> {
        let keys = data.row_keys("looking rows up")?;
        let origin = keys.origin();
        let rows: Vec<usize> = (0..data.n_rows()).filter(|&row| data.row_id(row) < SYNTHETIC).collect();
        let nothing = rows.is_empty() || self.n_rows() == 0;
        let (identities, contents) = if nothing {
            (Comparable::Fully, Comparable::Fully)
        } else {
            (Comparable::of(self.sources(), &origin.sources), Comparable::of(self.columns(), &origin.columns))
        };
        if (identities, contents) == (Comparable::No, Comparable::No) {
            let what = "these rows cannot be compared with the rows seen: they are of another table, no id column is \
                        common to both, and they have other columns; track both under one id column, or with equal columns";
            return Err(Error::unsupported(what));
        }

        let (kept, bits) = (self.set().rows(), self.tracking().content_bits());
        let mut by_content: Vec<(u64, usize)> = kept.iter().map(|row| row.1).zip(0..).collect();
        by_content.par_sort_unstable();
        let met = |&row: &usize| {
            let (identity, content) = keys.get(row);
            if identities != Comparable::No {
                let same = self.set().of_identity(identity >> (64 - KEPT));
                if !same.is_empty() {
                    let content = content >> (64 - bits);
                    let held = kept[same.clone()].iter().any(|row| row.1 == content);
                    return Met::Same(same, held || contents == Comparable::No);
                }
            }
            let content = content >> (64 - bits);
            let from = by_content.partition_point(|other| other.0 < content);
            match by_content[from..].iter().take_while(|other| other.0 == content).count() {
                0 => Met::None,
                n => Met::Alike(from..from + n),
            }
        };
        let met: Vec<Met> = rows.par_iter().map(met).collect();

        let (mut same, mut changed, mut alike) = (Vec::new(), Vec::new(), Vec::new());
        let (mut hit_same, mut hit_alike) = (vec![false; kept.len()], vec![false; kept.len()]);
        for (&row, met) in rows.iter().zip(met) {
            match met {
                Met::Same(places, held) => {
                    same.push(row);
                    if !held {
                        changed.push(row);
                    }
                    hit_same[places].fill(true);
                }
                Met::Alike(places) => {
                    alike.push(row);
                    hit_alike[places].fill(true);
                }
                Met::None => {}
            }
        }
        let share = |hits: &[bool]| self.share(hits.iter().filter(|&&hit| hit).count());
        let by_chance = |compared, bits: u32| match compared {
            Comparable::No => 0.0,
            _ => {
                let one = kept.len() as f64 / (1u64 << bits) as f64;
                -(rows.len() as f64 * (-one).ln_1p()).exp_m1()
            }
        };
        Ok(RowOverlap {
            n_rows: rows.len(),
            synthetic: data.n_rows() - rows.len(),
            same,
            changed,
            alike,
            identities,
            contents,
            share_same: share(&hit_same),
            share_alike: share(&hit_alike),
            smallest_share: self.smallest_share(),
            false_same: by_chance(identities, KEPT),
            false_alike: by_chance(contents, bits),
        })
    }

    /// The share of the rows seen of which these are the ones kept.
    fn share(&self, hits: usize) -> Estimate {
        let n = self.n_kept() as f64;
        if n == 0.0 {
            return Estimate::point(0.0);
        }
        let p = hits as f64 / n;
        if self.set().is_complete() {
            return Estimate::point(p);
        }
        // E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
        const Z: f64 = 1.959_963_984_540_054;
        let z = Z * Z / n;
        let middle = (p + z / 2.0) / (1.0 + z);
        let reach = (p * (1.0 - p) * z + z * z / 4.0).sqrt() / (1.0 + z);
        Estimate::with_interval(p, (middle - reach).max(0.0), (middle + reach).min(1.0))
    }
}
