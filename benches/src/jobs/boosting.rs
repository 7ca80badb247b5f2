//! Boosted trees and a forest on the flights as 24 numbers with their gaps; boosted trees on their first 10,000, with their texts as categories,
//! on a million synthetic rows, and on synthetic columns by the thousand.

use mlsys::core::arrow::array::RecordBatch;
use mlsys::core::{Dataset, Fit, Metric, PredictProba, Prediction, Result, Train};
use mlsys::eval::{LogLoss, RocAuc};
use mlsys::models::{Gbdt, RandomForest};

use crate::{Job, Outcome, data};

pub struct Boosting<R: Fit = Gbdt> {
    recipe: R,
    train: Dataset<Train>,
    test: Dataset<mlsys::core::Test>,
    model: Option<R::Fitted>,
}

fn gbdt() -> Gbdt {
    Gbdt::new().trees(200).max_leaves(63)
}

impl<R: Fit> Boosting<R> {
    fn of_flights(recipe: R, directory: &str, rows: usize, without: &[&str]) -> Result<Self> {
        let (train, test) = data::boosting(directory)?;
        let train = train.slice(0, rows.min(train.num_rows()));
        Ok(Self {
            recipe,
            train: Dataset::new(train)?.target("late")?.ignore(without)?.into_train_all(),
            test: Dataset::new(test)?.target("late")?.into_test_all(),
            model: None,
        })
    }
}

/// Columns that are codes or texts, of which a job takes one kind.
const TEXTS: [&str; 4] = ["carrier", "origin", "dest", "tailnum"];
const CODES: [&str; 4] = ["carrier_code", "origin_code", "dest_code", "tailnum_code"];

impl Boosting<RandomForest> {
    /// 100 trees of depth 12 on the flights as numbers.
    pub fn forest(directory: &str) -> Result<Self> {
        Self::of_flights(RandomForest::new().max_depth(12), directory, usize::MAX, &TEXTS)
    }
}

impl Boosting {
    /// 200 trees of 63 leaves on the flights as numbers; on the first rows only, if said.
    pub fn numbers(directory: &str, rows: usize) -> Result<Self> {
        Self::of_flights(gbdt(), directory, rows, &TEXTS)
    }

    /// The same with four texts as categories instead of their codes.
    pub fn categories(directory: &str) -> Result<Self> {
        Self::of_flights(gbdt(), directory, usize::MAX, &CODES)
    }

    /// 100 trees of 63 leaves on 1,000,000 rows of 28 columns.
    pub fn million(directory: &str) -> Result<Self> {
        Self::synthetic(&data::boosting_1m(directory)?, 1_000_000, 100)
    }

    /// 50 trees of 63 leaves on 35,000 rows of 1,738 columns.
    pub fn wide(directory: &str) -> Result<Self> {
        Self::synthetic(&data::boosting_wide(directory)?, 35_000, 50)
    }

    /// Trees on the first rows; the others are to test with.
    fn synthetic(all: &RecordBatch, rows: usize, trees: usize) -> Result<Self> {
        Ok(Self {
            recipe: Gbdt::new().trees(trees).max_leaves(63),
            train: Dataset::new(all.slice(0, rows))?.target("y")?.into_train_all(),
            test: Dataset::new(all.slice(rows, all.num_rows() - rows))?.target("y")?.into_test_all(),
            model: None,
        })
    }
}

impl<R: Fit<Fitted: PredictProba>> Job for Boosting<R> {
    fn run(&mut self) -> Result<()> {
        self.model = None;
        self.model = Some(self.recipe.fit(&self.train)?);
        Ok(())
    }

    fn outcome(&self) -> Result<Outcome> {
        let Some(model) = &self.model else { return Ok(Outcome { digest: Vec::new(), quality: None }) };
        let prediction = Prediction::proba_of(model, self.test.batch())?;
        let auc = RocAuc::new().score_on(&self.test, &prediction)?.value;
        let loss = LogLoss::new().score_on(&self.test, &prediction)?.value;
        Ok(Outcome { digest: vec![("auc".into(), auc)], quality: Some(loss) })
    }

    fn rows(&self) -> usize {
        self.train.n_rows()
    }
}
