//! Which rows their neighbours speak against.

use mlsys_core::{Columns, Dataset, Error, Result, Train};
use mlsys_neighbors::{Metric, Neighbor};

use crate::coordinates::{Coordinates, check_k, check_metric, index};
use crate::labelled::Labelled;
use crate::{NeighborVote, Plan, Strategy};

/// How rows are edited.
#[derive(Clone, Copy)]
pub(crate) struct Edit<'a> {
    pub estimator: &'static str,
    pub k: usize,
    pub vote: NeighborVote,
    /// Whether the nearest, the two nearest and so on up to `k` vote in turn.
    pub each: bool,
    pub metric: Metric,
    pub strategy: &'a Strategy,
    pub columns: Option<&'a Columns>,
}

/// Rows that are edited. A place is that of a row among those that count.
pub(crate) struct Editor<'a> {
    edit: Edit<'a>,
    pub labelled: Labelled,
    pub cleaned: Vec<bool>,
    coordinates: Coordinates,
}

impl<'a> Editor<'a> {
    pub fn new(train: &Dataset<Train>, edit: Edit<'a>) -> Result<Self> {
        check_k(edit.estimator, "k_neighbors", edit.k)?;
        check_metric(edit.estimator, edit.metric)?;
        let labelled = Labelled::new(train, edit.estimator)?;
        let cleaned = edit.strategy.clean(edit.estimator, &labelled.sizes)?;
        if labelled.all.len() <= edit.k {
            let why = format!("{} with k_neighbors = {}", edit.estimator, edit.k);
            return Err(Error::too_few_rows(edit.k.saturating_add(1), labelled.all.len(), why));
        }
        let coordinates = Coordinates::new(train, edit.estimator, edit.columns, edit.metric)?;
        Ok(Self { edit, labelled, cleaned, coordinates })
    }

    /// All places.
    pub fn places(&self) -> Vec<usize> {
        (0..self.labelled.all.len()).collect()
    }

    /// Those of some places whose rows stay, by their neighbours among these.
    pub fn stay(&self, places: &[usize]) -> Result<Vec<usize>> {
        let Edit { k, vote, each, metric, .. } = self.edit;
        let rows: Vec<usize> = places.iter().map(|&place| self.labelled.all[place]).collect();
        let classes: Vec<u32> = places.iter().map(|&place| self.labelled.classes[place]).collect();
        let index = index(&self.coordinates.points.take(&rows)?, metric, &classes)?;
        let asked: Vec<usize> = (0..rows.len()).filter(|&at| self.cleaned[classes[at] as usize]).collect();
        let near = match asked.len() == rows.len() {
            true => index.nearest_others(k)?,
            false => index.nearest_others_of(&asked, k)?,
        };
        let mut stay = vec![true; rows.len()];
        let mut counts = vec![0; self.cleaned.len()];
        for (&at, near) in asked.iter().zip(near.iter()) {
            let own = classes[at];
            let first = if each { 1.min(near.len()) } else { near.len() };
            stay[at] = (first..=near.len()).all(|k| agree(vote, own, &classes, &near[..k], &mut counts));
        }
        Ok(places.iter().zip(stay).filter(|(_, stay)| *stay).map(|(&place, _)| place).collect())
    }

    /// The places of the neighbours of those rows of a class that their neighbours speak against, other classes' alone.
    pub fn disputing(&self, class: usize) -> Result<Vec<usize>> {
        let classes = &self.labelled.classes;
        let index = index(&self.coordinates.points.take(&self.labelled.all)?, self.edit.metric, classes)?;
        let own = class as u32;
        let asked: Vec<usize> = (0..classes.len()).filter(|&at| classes[at] == own).collect();
        let near = index.nearest_others_of(&asked, self.edit.k)?;
        let mut counts = vec![0; self.cleaned.len()];
        let mut disputing = Vec::new();
        for near in near.iter() {
            if !agree(self.edit.vote, own, classes, near, &mut counts) {
                disputing.extend(near.iter().map(|n| n.row).filter(|&at| classes[at] != own));
            }
        }
        Ok(disputing)
    }

    /// A plan that keeps these.
    pub fn keep(&self, train: &Dataset<Train>, places: &[usize]) -> Result<Plan> {
        Plan::keep(train, &places.iter().map(|&place| self.labelled.all[place]).collect::<Vec<_>>())
    }
}

/// Whether neighbours speak for a class. `counts` is zero before and after.
fn agree(vote: NeighborVote, own: u32, classes: &[u32], near: &[Neighbor], counts: &mut [usize]) -> bool {
    match vote {
        NeighborVote::All => near.iter().all(|n| classes[n.row] == own),
        NeighborVote::Mode => {
            near.iter().for_each(|n| counts[classes[n.row] as usize] += 1);
            let most = near.iter().map(|n| counts[classes[n.row] as usize]).max().unwrap_or_default();
            let agree = counts[own as usize] == most;
            near.iter().for_each(|n| counts[classes[n.row] as usize] = 0);
            agree
        }
    }
}
