//! New rows from the support vectors of a small class.

use mlsys_core::{Category, Columns, Dataset, DecisionFunction, Error, Fit, Resample, Result, Train, seed};
use mlsys_neighbors::{Metric, Neighbor, NeighborIndex};
use serde::{Deserialize, Serialize};

use crate::coordinates::{Coordinates, check_k};
use crate::labelled::Labelled;
use crate::pairs::{between, check_size, draw, even};
use crate::{Plan, PlanResample, Strategy};

/// Makes rows of small classes as [`Smote`](crate::Smote) does, from the support vectors of a model with a decision function alone:
/// between them and their neighbours where other classes are near, away from these where they are not.
///
/// A support vector is a row whose margin `y f(x)` is at most 1, `y` being 1 for its class and −1 for others. With `e` rows of
/// other classes among its `m` nearest,
///
/// | | is | new rows |
/// |---|---|---|
/// | `e = m` | noise | none |
/// | `m / 2 ≤ e < m` | in danger | `a + u (b − a)`, u uniform in [0, 1) |
/// | `e < m / 2` | safe | `a − out_step u (b − a)` |
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `model` | | a recipe whose fitted value is a [`DecisionFunction`] | the support vectors |
/// | `k_neighbors` | 5 | 1 or more | the neighbours of the class to choose from |
/// | `m_neighbors` | 10 | 2 or more | the neighbours that tell noise, danger and safety |
/// | `out_step` | 0.5 | 0 to 1 | how far new rows of safe ones go |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `columns` | features that are numbers, without time and group | numbers | distances and new values |
/// | `seed` | 0 | | |
///
/// **Input**, **output**: those of [`Smote`](crate::Smote), and what the model takes; each support vector that is no noise is started from
/// equally often. Away from a neighbour a value may be one that no row has, such as a count below 0, but none that its type does not
/// hold. Of more than two classes the margin is by the score of the class. **Complexity**: one fit, `m` nearest neighbours of
/// the support vectors among all rows, and `k` in the class. **Errors**: as [`Smote`](crate::Smote), and the model's own;
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) also for `m` rows or fewer, and for a class that shall grow and has
/// no support vector, or none but noise; [`Shape`](mlsys_core::ErrorKind::Shape) for a model of other classes.
///
/// ```
/// # use mlsys_core::arrow::array::ArrayRef;
/// # use mlsys_core::ndarray::Array2;
/// # use mlsys_core::{Artifact, Classes, DecisionFunction, Fit, Predict, Result, Train, column};
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{PlanResample, SvmSmote};
/// use std::sync::Arc;
/// # // A stand-in for `SgdClassifier` under the hinge loss: f(x) = 2 − x.
/// # #[derive(Clone)]
/// # struct Machine;
/// # struct Fitted(Classes);
/// # impl Artifact for Fitted {}
/// # impl Fit for Machine {
/// #     type Fitted = Fitted;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Fitted> {
/// #         Ok(Fitted(Classes::new(train.labels("Machine")?.distinct)?))
/// #     }
/// # }
/// # impl Predict for Fitted {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         Ok(self.0.take(self.decision_function(batch)?.iter().map(|&f| usize::from(f > 0.0))))
/// #     }
/// # }
/// # impl DecisionFunction for Fitted {
/// #     fn labels(&self) -> &Classes { &self.0 }
/// #     fn decision_function(&self, batch: &RecordBatch) -> Result<Array2<f64>> {
/// #         let x = column::floats("x", column::find(batch, "x")?)?;
/// #         Ok(Array2::from_shape_fn((x.len(), 1), |(row, _)| 2.0 - x[row]))
/// #     }
/// # }
///
/// let x = Arc::new(Float64Array::from(vec![-1.0, 0.0, 1.0, 2.5, 3.0, 4.0, 5.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, true, false, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// // Of late rows that at 1 alone is within the margin. One of its two nearest is not late: it is in danger.
/// let plan = SvmSmote::new(Machine).k_neighbors(1).m_neighbors(2).plan(&train)?;
/// let new = plan.synthetic()[0];
/// assert_eq!((new.base, new.neighbor), (2, 1));
/// assert!((0.0..1.0).contains(&new.gap));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where the model does not fit the data: its margin is then no border. Neighbours are found in the columns as they are,
/// also when the model is a chain that scales them: scale them first. Probabilities are no longer those of the data: calibrate
/// them on validation rows.
///
/// Nguyen, Cooper and Kamei, *Borderline over-sampling for imbalanced data classification*, 2011, with a neighbour drawn, and noise left
/// out, as imbalanced-learn does. That takes an `SVC` of a radial basis function, divides the new rows between danger and safety by a
/// draw of Beta(10, 10), and makes too few where there is only one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SvmSmote<M> {
    model: M,
    #[serde(default = "five")]
    k_neighbors: usize,
    #[serde(default = "ten")]
    m_neighbors: usize,
    #[serde(default = "half")]
    out_step: f64,
    #[serde(default)]
    strategy: Strategy,
    #[serde(default)]
    columns: Option<Columns>,
    #[serde(default)]
    seed: u64,
}

fn five() -> usize {
    5
}

fn ten() -> usize {
    10
}

fn half() -> f64 {
    0.5
}

const NAME: &str = "SvmSmote";

/// A support vector that new rows start from: its place in its class, and whether it is safe.
struct Support {
    row: usize,
    safe: bool,
}

impl<M> SvmSmote<M> {
    /// By a model, with five neighbours of ten, and classes as large as the largest.
    pub fn new(model: M) -> Self {
        Self {
            model,
            k_neighbors: 5,
            m_neighbors: 10,
            out_step: 0.5,
            strategy: Strategy::Auto,
            columns: None,
            seed: seed::DEFAULT_SEED,
        }
    }

    /// How many neighbours of the class to choose from.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How many neighbours tell noise, danger and safety.
    pub fn m_neighbors(mut self, m_neighbors: usize) -> Self {
        self.m_neighbors = m_neighbors;
        self
    }

    /// How far new rows go away from the neighbour of a safe one, at most.
    pub fn out_step(mut self, out_step: f64) -> Self {
        self.out_step = out_step;
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

    fn check(&self) -> Result<()> {
        check_k(NAME, "k_neighbors", self.k_neighbors)?;
        if self.m_neighbors < 2 {
            return Err(Error::invalid_parameter(NAME, "m_neighbors", self.m_neighbors, "2 or more"));
        }
        if !(0.0..=1.0).contains(&self.out_step) {
            return Err(Error::invalid_parameter(NAME, "out_step", self.out_step, "0 to 1"));
        }
        Ok(())
    }

    /// Those of a class's support vectors that are no noise; `places` are all of them, of rows that count.
    fn started(
        &self,
        all: &NeighborIndex,
        labelled: &Labelled,
        (class, name): (u32, &Category),
        places: &[usize],
    ) -> Result<Vec<Support>> {
        let none = |what: &str| {
            let why = format!("{NAME}: {what} of class `{name}`; use `Smote`, or another model");
            Error::too_few_rows(1, 0, why)
        };
        if places.is_empty() {
            return Err(none("no row within the margin is"));
        }
        let own = (0..labelled.all.len()).filter(|&place| labelled.classes[place] == class);
        let own: Vec<usize> = own.collect();
        let near = all.nearest_others_of(places, self.m_neighbors)?;
        let judged = |(&place, near): (&usize, &[Neighbor])| {
            let others = near.iter().filter(|n| labelled.classes[n.row] != class).count();
            let row = own.binary_search(&place).ok()?;
            (others < near.len()).then_some(Support { row, safe: 2 * others < near.len() })
        };
        let started: Vec<Support> = places.iter().zip(near.iter()).filter_map(judged).collect();
        match started.is_empty() {
            true => Err(none("every row within the margin is noise, having only others near,")),
            false => Ok(started),
        }
    }
}

impl<M: Fit<Fitted: DecisionFunction>> SvmSmote<M> {
    /// Which rows that count are within the margin, by class.
    fn supports(&self, own: &Dataset<Train>, labelled: &Labelled) -> Result<Vec<Vec<usize>>> {
        let model = self.model.fit(own)?;
        let scores = model.decision_function(own.batch())?;
        let classes = labelled.sizes.classes();
        let known: Option<Vec<usize>> = classes.iter().map(|class| model.labels().index_of(class)).collect();
        let known = known.filter(|_| model.labels().n_classes() == classes.len());
        let Some(known) = known else {
            let found =
                model.labels().values().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::shape("the classes of the model", "those of the rows", found));
        };
        let outputs = if classes.len() == 2 { 1 } else { classes.len() };
        if scores.dim() != (own.n_rows(), outputs) {
            let expected = format!("{} rows of {outputs}", own.n_rows());
            return Err(Error::shape(
                "scores",
                expected,
                format!("{} rows of {}", scores.nrows(), scores.ncols()),
            ));
        }
        let mut supports = vec![Vec::new(); classes.len()];
        for (place, (scores, &class)) in scores.rows().into_iter().zip(&labelled.classes).enumerate() {
            let class = class as usize;
            let margin = match (outputs, known[class]) {
                (1, 0) => -scores[0],
                (1, _) => scores[0],
                (_, known) => scores[known],
            };
            if margin <= 1.0 {
                supports[class].push(place);
            }
        }
        Ok(supports)
    }
}

impl<M: Fit<Fitted: DecisionFunction>> PlanResample for SvmSmote<M> {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        self.check()?;
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        if labelled.all.len() <= self.m_neighbors {
            let why = format!("{NAME} with m_neighbors = {}", self.m_neighbors);
            return Err(Error::too_few_rows(self.m_neighbors.saturating_add(1), labelled.all.len(), why));
        }
        if after == labelled.sizes.sizes() {
            return Plan::keep(train, &labelled.all);
        }
        let supports = match labelled.all.len() == train.n_rows() {
            true => self.supports(train, &labelled)?,
            false => self.supports(&train.take(&labelled.all)?, &labelled)?,
        };
        let all = NeighborIndex::new(&coordinates.points.take(&labelled.all)?, Metric::NanEuclidean)?;
        let mut synthetic = Vec::new();
        let classes = (0..).zip(labelled.sizes.classes()).zip(&labelled.rows).zip(after).zip(&supports);
        for ((((place, class), rows), after), supports) in classes {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            check_size(NAME, self.k_neighbors, class, rows.len())?;
            let started = self.started(&all, &labelled, (place, class), supports)?;
            let index = NeighborIndex::new(&coordinates.points.take(rows)?, Metric::NanEuclidean)?;
            let asked: Vec<usize> = started.iter().map(|support| support.row).collect();
            let near = index.nearest_others_of(&asked, self.k_neighbors)?;
            let (step, bases) = (-self.out_step, even(self.seed, class, started.len(), new));
            synthetic.extend(draw(self.seed, class, &bases, |&at, rng| {
                let mut made = between(rows, started[at].row, near.of(at), rng);
                if started[at].safe {
                    made.gap *= step;
                }
                made
            }));
        }
        Plan::keep(train, &labelled.all)?.synthesize(train, coordinates.names, synthetic)
    }
}

impl<M: Fit<Fitted: DecisionFunction>> Resample for SvmSmote<M> {
    fn resample(&self, train: Dataset<Train>) -> Result<Dataset<Train>> {
        self.plan(&train)?.apply(&train)
    }
}
