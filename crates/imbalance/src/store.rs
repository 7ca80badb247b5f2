//! Rows that classify the others by the nearest of them.

use mlsys_core::{Dataset, Error, Result, Train, first_error, seed};
use mlsys_neighbors::{Donors, Metric, NeighborIndex, Points};
use rayon::prelude::*;

use crate::coordinates::index;
use crate::draws::stream;
use crate::labelled::Labelled;

/// Some of the rows that count, by their place among these.
pub(crate) struct Store {
    /// Whether each is in it.
    pub stored: Vec<bool>,
    /// Those that are not, ascending.
    pub outside: Vec<usize>,
}

impl Store {
    /// All rows of classes that are spared, and one drawn of each that is cleaned or those that are named.
    pub fn new(
        train: &Dataset<Train>,
        estimator: &str,
        labelled: &Labelled,
        cleaned: &[bool],
        first: Option<&[u64]>,
        seed: u64,
    ) -> Result<Self> {
        let mut stored: Vec<bool> = labelled.classes.iter().map(|&class| !cleaned[class as usize]).collect();
        let place = |row: usize| labelled.all.binary_search(&row).ok();
        match first {
            Some(ids) => {
                let mut known: Vec<(u64, usize)> = train.row_ids().into_iter().zip(0..).collect();
                known.sort_unstable();
                let row_of = |id: u64| {
                    let at = known.partition_point(|&(known, _)| known < id);
                    known.get(at).filter(|(known, _)| *known == id).map(|(_, row)| *row)
                };
                for &id in ids {
                    let Some(place) = row_of(id).and_then(place) else {
                        let expected = "ids of rows that are there and count";
                        return Err(Error::invalid_parameter(estimator, "first_rows", id, expected));
                    };
                    stored[place] = true;
                }
            }
            None => {
                let classes = labelled.sizes.classes().iter().zip(&labelled.rows).zip(cleaned);
                for ((class, rows), _) in classes.filter(|(_, cleaned)| **cleaned) {
                    let drawn = seed::below(rows.len() as u64, &mut stream(seed, class, 0)) as usize;
                    place(rows[drawn]).into_iter().for_each(|place| stored[place] = true);
                }
            }
        }
        let outside = (0..stored.len()).filter(|&place| !stored[place]).collect();
        Ok(Self { stored, outside })
    }

    /// The nearest in the store of each row outside, of equally near ones the first; `None` without any.
    pub fn nearest(
        &self,
        points: &Points,
        metric: Metric,
        classes: &[u32],
    ) -> Result<Vec<Option<(f64, usize)>>> {
        if matches!(metric, Metric::NanEuclidean | Metric::Euclidean) {
            // Distances do not depend on the other points: an index of the store alone finds all at once.
            let rows: Vec<usize> = (0..self.stored.len()).filter(|&place| self.stored[place]).collect();
            let store = NeighborIndex::new(&points.take(&rows)?, metric)?;
            let found = store.nearest(&points.take(&self.outside)?, 1)?;
            return Ok(found.iter().map(|near| near.first().map(|n| (n.distance, rows[n.row]))).collect());
        }
        let index = index(points, metric, classes)?;
        let subset = index.subset(&self.stored)?;
        let found = self.outside.par_iter().map_init(
            || (index.search(), Vec::new()),
            |(search, point), &place| {
                points.row(place, point);
                search.find(point, &[Donors::Among(&subset)], 1, None)?;
                Ok(search.found(0).next().map(|n| (n.distance, n.row)))
            },
        );
        first_error(found.collect())
    }
}
