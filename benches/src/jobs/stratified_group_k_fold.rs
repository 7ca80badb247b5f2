//! Five folds of three million rows, groups whole and classes in proportion, as indices.

use mlsys::arrow::array::ArrayRef;
use mlsys::core::{Coded, Fold, Result, column};
use mlsys::sampling::{Shuffle, stratified_group_k_fold};

use crate::{Job, Outcome, data};

pub struct Folding {
    class: ArrayRef,
    group: ArrayRef,
    folds: Vec<Fold>,
}

impl Folding {
    pub fn load(directory: &str) -> Result<Self> {
        let batch = data::groups_3m(directory)?;
        let find = |name: &str| column::find(&batch, name).cloned();
        Ok(Self { class: find("class")?, group: find("group")?, folds: Vec::new() })
    }
}

impl Job for Folding {
    fn run(&mut self) -> Result<()> {
        let (classes, groups) = (Coded::new("class", &self.class)?, Coded::new("group", &self.group)?);
        self.folds = stratified_group_k_fold(&classes, &groups, 5, Shuffle::Off, 0)?;
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let sum = |rows: &[usize]| rows.iter().map(|&row| (row % 1_000) as f64).sum::<f64>();
        let each = self.folds.iter().enumerate().flat_map(|(i, fold)| {
            let (train, validation) = (fold.train(), fold.validation());
            [
                (format!("{i} train"), sum(train)),
                (format!("{i} test"), sum(validation)),
                (format!("{i} rows"), validation.len() as f64),
            ]
        });
        Ok(Outcome { digest: each.collect(), quality: None })
    }

    fn rows(&self) -> usize {
        self.class.len()
    }
}
