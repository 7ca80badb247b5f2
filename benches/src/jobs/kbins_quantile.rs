//! Puts 16 columns without missing values into ten bins of equal frequency each.

use mlsys::core::{Dataset, Fit, Result, Transform};
use mlsys::encoding::Binner;
use mlsys::missing_values::MedianImputer;

use super::numeric::Numeric;
use crate::{Job, Outcome, data};

/// Heavy values make edges repeat here, which scikit-learn drops.
const OTHERS: [&str; 4] = ["minute", "wind_gust", "precip", "visib"];

pub struct Binning(Numeric<Binner>);

impl Binning {
    pub fn load(directory: &str) -> Result<Self> {
        // scikit-learn takes no missing values.
        let train = Dataset::new(data::numeric(directory)?)?.into_train_all();
        let filled = MedianImputer::new().fit(&train)?.transform(train.batch())?;
        Ok(Self(Numeric::of(Binner::new().bins(10), filled)?))
    }
}

impl Job for Binning {
    fn run(&mut self) -> Result<()> {
        self.0.run()
    }

    fn outcome(&self) -> Result<Outcome> {
        let mut outcome = self.0.outcome()?;
        outcome.digest.retain(|(name, _)| !OTHERS.contains(&name.as_str()));
        Ok(outcome)
    }

    fn rows(&self) -> usize {
        self.0.rows()
    }
}
