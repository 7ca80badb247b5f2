//! New rows of categories alone.

use mlsys_core::{Columns, Dataset, Result, Train, first_error, seed};
use mlsys_neighbors::{Donors, Metric, NeighborIndex};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ballot::elected;
use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::pairs::{check_size, even};
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy, Synthetic};

/// Makes rows of small classes whose categories are, column by column, the most frequent ones of a row of the class and its `k` nearest
/// in it.
///
/// `d² = Σ_columns Σ_classes (P(class | a) − P(class | b))²`: categories that go with the same classes are near ([`Metric::Hvdm`])
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | the neighbours that vote |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `columns` | features that are text or booleans, without time and group | text or booleans | distances and new values |
/// | `seed` | 0 | | which rows are started from once more |
///
/// **Input**: one target of two classes or more; text and booleans in any encoding. Missing is as far as can be, and has no vote,
/// unless nothing else is there. Whole numbers that are codes: cast them to text. **Output**: all rows in their order, then the
/// new ones, class by class, each row started from equally often. A new row has, in all other columns, what the row has that
/// it starts from. Of equally frequent categories it has that of this row, or the nearest one; rows that start from the
/// same row are equal. Shares are those of all rows. Rows of weight 0 are left out, and others count 1.
/// **Complexity**: `k` nearest neighbours in the class of each row that is started from. A plan of 16 bytes a new row, and 4 a column.
/// **Errors**: as [`Smote`](crate::Smote).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray}};
/// use mlsys_imbalance::{PlanResample, SmoteN};
/// use std::sync::Arc;
///
/// let sky = Arc::new(StringArray::from(vec!["fog", "fog", "snow", "sun", "sun", "sun", "fog"]));
/// let wind = Arc::new(StringArray::from(vec!["east", "west", "east", "west", "west", "west", "west"]));
/// let late = Arc::new(BooleanArray::from_iter((0..7).map(|row| Some(row < 3))));
/// let train = RecordBatch::try_from_iter([("sky", sky as _), ("wind", wind as _), ("late", late as _)])?;
/// let train = Dataset::new(train)?.target("late")?.into_train_all();
/// // Whichever row is started from, it votes with both others: fog and east win.
/// let made = SmoteN::new().k_neighbors(2).plan(&train)?.apply(&train)?;
/// assert_eq!(made.column("sky")?.as_string::<i32>().value(7), "fog");
/// assert_eq!(made.column("wind")?.as_string::<i32>().value(7), "east");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** whoever expects variety: there are no more different new rows than rows of the class, and rare categories lose their
/// vote. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Chawla, Bowyer, Hall and Kegelmeyer, *SMOTE: synthetic minority over-sampling technique*, 2002, section 6.2, with the value difference
/// of Wilson and Martinez, *Improved heterogeneous distance functions*, 1997, equation 18: the order of neighbours is the same for two
/// classes. imbalanced-learn lets neighbours alone vote, breaks ties by the category's order, and sums absolute differences of shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SmoteN {
    k_neighbors: usize,
    strategy: Strategy,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for SmoteN {
    fn default() -> Self {
        Self { k_neighbors: 5, strategy: Strategy::Auto, columns: None, seed: seed::DEFAULT_SEED }
    }
}

const NAME: &str = "SmoteN";

impl SmoteN {
    /// Five neighbours, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many neighbours vote.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The features to find neighbours by, and to make new values of.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl PlanResample for SmoteN {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::categories(train, NAME, self.columns.as_ref())?;
        let points = coordinates.points.take(&labelled.all)?;
        let index = NeighborIndex::labelled(&points, Metric::Hvdm, &labelled.classes)?;
        let mut synthetic = Vec::new();
        let mut donors: Vec<Vec<u32>> = vec![Vec::new(); coordinates.names.len()];
        for (code, ((class, rows), after)) in
            (0..).zip(labelled.sizes.classes().iter().zip(&labelled.rows).zip(after))
        {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size(NAME, self.k_neighbors, class, rows.len())?;
            let marks: Vec<bool> = labelled.classes.iter().map(|&class| class == code).collect();
            let own = index.subset(&marks)?;
            let places: Vec<usize> = (0..marks.len()).filter(|&place| marks[place]).collect();
            // No row is asked for twice: new rows of one base are equal.
            let bases = even(self.seed, class, rows.len(), new);
            let asked = &bases[..new.min(rows.len())];
            let found = asked.par_iter().map_init(
                || (index.search(), Vec::new()),
                |(search, point), &base| {
                    let itself = places[base];
                    points.row(itself, point);
                    search.find(point, &[Donors::Among(&own)], self.k_neighbors, Some(itself))?;
                    let voters: Vec<usize> =
                        std::iter::once(itself).chain(search.found(0).map(|n| n.row)).collect();
                    let elect = |column| elected(points.column(column), voters.iter().copied());
                    let elected = (0..points.n_columns()).map(|column| elect(column).unwrap_or(itself));
                    let donors = elected.map(|place| labelled.all[place] as u32);
                    Ok((voters[voters.len().min(2) - 1], donors.collect()))
                },
            );
            let found: Vec<(usize, Vec<u32>)> = first_error(found.collect())?;
            for (&base, (nearest, elected)) in bases.iter().zip(found.iter().cycle()) {
                let neighbor = labelled.all[*nearest] as u32;
                synthetic.push(Synthetic { base: rows[base] as u32, neighbor, gap: 0.0 });
                donors.iter_mut().zip(elected).for_each(|(donors, &donor)| donors.push(donor));
            }
        }
        let none: [&str; 0] = [];
        let plan = Plan::keep(train, &labelled.all)?.synthesize(train, none, synthetic)?;
        let mut columns = coordinates.names.iter().zip(donors);
        columns.try_fold(plan, |plan, (name, donors)| plan.donors(train, name, donors))
    }
}

resample_as_planned!(SmoteN);
