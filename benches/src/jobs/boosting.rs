//! Boosted trees on the flights as 24 numbers with their gaps, on their first 10,000, with their texts as categories, and on a million synthetic
//! rows.

use mlsys::core::{Dataset, Fit, Metric, Prediction, Result, Train};
use mlsys::eval::{LogLoss, RocAuc};
use mlsys::models::{FittedGbdt, Gbdt};

use crate::{Job, Outcome, data};

pub struct Boosting {
    recipe: Gbdt,
    train: Dataset<Train>,
    test: Dataset<mlsys::core::Test>,
    model: Option<FittedGbdt>,
}

impl Boosting {
    /// 200 trees of 63 leaves on the flights as numbers; on the first rows only, if said.
    pub fn numbers(directory: &str, rows: usize) -> Result<Self> {
        let texts = ["carrier", "origin", "dest", "tailnum"];
        Self::of_flights(directory, rows, &texts)
    }

    /// The same with four texts as categories instead of their codes.
    pub fn categories(directory: &str) -> Result<Self> {
        let codes = ["carrier_code", "origin_code", "dest_code", "tailnum_code"];
        Self::of_flights(directory, usize::MAX, &codes)
    }

    fn of_flights(directory: &str, rows: usize, without: &[&str]) -> Result<Self> {
        let (train, test) = data::boosting(directory)?;
        let train = train.slice(0, rows.min(train.num_rows()));
        Ok(Self {
            recipe: Gbdt::new().trees(200).max_leaves(63),
            train: Dataset::new(train)?.target("late")?.ignore(without)?.into_train_all(),
            test: Dataset::new(test)?.target("late")?.into_test_all(),
            model: None,
        })
    }

    /// 100 trees of 63 leaves on 1,000,000 rows of 28 columns.
    pub fn million(directory: &str) -> Result<Self> {
        let all = data::boosting_1m(directory)?;
        let (train, test) = (all.slice(0, 1_000_000), all.slice(1_000_000, all.num_rows() - 1_000_000));
        Ok(Self {
            recipe: Gbdt::new().trees(100).max_leaves(63),
            train: Dataset::new(train)?.target("y")?.into_train_all(),
            test: Dataset::new(test)?.target("y")?.into_test_all(),
            model: None,
        })
    }
}

impl Job for Boosting {
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
