//! The statistics and one-pass recipes that a process can run without naming their types.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifact::StepReader;
use crate::portable::{AnyStatistic, NamedStatistic, Part, PortableStatistic};
use crate::{Dataset, Error, Fit, FitByStatistic, Layout, Result, Train, Transform};

/// How far the results of differently merged states may be apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Agreement {
    /// Equal bits, however the rows were divided and in whatever order the states were merged.
    Exact,
    /// Up to rounding: so far, relative to 1 and the value.
    Rounding(f64),
    /// Within the error that the result states of itself; equal bits while nothing was left out.
    Sketch,
    /// Another random draw of the same chances; equal in what does not depend on the draw, such as the rows seen.
    Draw,
}

type StatisticLoader = fn(&mut StepReader<'_>) -> Result<Arc<dyn Part>>;
type RecipeLoader = fn(&ciborium::Value) -> Result<Box<dyn DynRecipe>>;

/// The statistics and one-pass recipes that a process knows, by their stable names.
///
/// Each crate of mlsys has its own, `catalogue()`; add yours with the methods here. An engine that runs statistics in
/// other processes needs the same entries in each.
///
/// ```
/// # use mlsys_core::{Catalogue, catalogue::Agreement};
/// assert_eq!(Catalogue::new().agreement("mlsys.Moments"), None);
/// ```
#[derive(Clone, Default)]
pub struct Catalogue {
    statistics: BTreeMap<&'static str, (StatisticLoader, Agreement)>,
    recipes: BTreeMap<&'static str, RecipeLoader>,
}

impl Catalogue {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a statistic.
    pub fn statistic<S: NamedStatistic>(mut self, agreement: Agreement) -> Self {
        let load: StatisticLoader = |steps| Ok(Arc::new(steps.next::<S>(S::NAME, S::VERSION)?));
        self.statistics.insert(S::NAME, (load, agreement));
        self
    }

    /// Adds a one-pass recipe under the name of its type.
    pub fn recipe<R>(mut self, name: &'static str) -> Self
    where
        R: FitByStatistic<Statistic: PortableStatistic, Fitted: Transform + 'static>
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        self.recipes.insert(name, |parameters| {
            let recipe: R = parameters.deserialized().map_err(|error| {
                let ciborium::value::Error::Custom(why) = error;
                Error::artifact(format!("has parameters that do not fit the recipe: {why}"))
            })?;
            Ok(Box::new(recipe))
        });
        self
    }

    /// Adds all that another catalogue has.
    pub fn with(mut self, other: Self) -> Self {
        self.statistics.extend(other.statistics);
        self.recipes.extend(other.recipes);
        self
    }

    /// The names of the statistics, ascending.
    pub fn statistics(&self) -> impl Iterator<Item = &'static str> {
        self.statistics.keys().copied()
    }

    /// The names of the one-pass recipes, ascending.
    pub fn recipes(&self) -> impl Iterator<Item = &'static str> {
        self.recipes.keys().copied()
    }

    /// How far the results of differently merged states of a statistic may be apart.
    pub fn agreement(&self, statistic: &str) -> Option<Agreement> {
        self.statistics.get(statistic).map(|(_, agreement)| *agreement)
    }

    /// A recipe by its name and its parameters, such as a `serde_json::Value` of a configuration; what is left out has
    /// its default where it has one.
    ///
    /// # Errors
    ///
    /// [`Artifact`](crate::ErrorKind::Artifact) when the name is unknown, or the parameters do not fit.
    pub fn load_recipe<P: Serialize>(&self, name: &str, parameters: &P) -> Result<AnyRecipe> {
        let Some((&name, loader)) = self.recipes.get_key_value(name) else {
            let known: Vec<&str> = self.recipes().collect();
            return Err(Error::artifact(format!(
                "no recipe `{name}` is known; there are {}",
                known.join(", ")
            )));
        };
        let load = || {
            let parameters =
                ciborium::Value::serialized(parameters).map_err(|e| Error::artifact(e.to_string()))?;
            loader(&parameters)
        };
        Ok(AnyRecipe(load().map_err(|e| e.context(format!("loading {name}")))?.into()))
    }

    pub(crate) fn load_statistic(&self, steps: &mut StepReader<'_>) -> Result<Arc<dyn Part>> {
        let name = steps.peek().unwrap_or_default();
        match self.statistics.get(name) {
            Some((loader, _)) => loader(steps),
            None => Err(Error::artifact(format!(
                "holds the statistic {}, which is not in this process's catalogue: add it with `Catalogue::statistic`",
                crate::artifact::printable(name)
            ))),
        }
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statistics: Vec<&str> = self.statistics().collect();
        let recipes: Vec<&str> = self.recipes().collect();
        f.debug_struct("Catalogue").field("statistics", &statistics).field("recipes", &recipes).finish()
    }
}

/// A one-pass recipe without its type.
trait DynRecipe: Send + Sync {
    fn statistic(&self, layout: &Layout) -> Result<AnyStatistic>;
    fn fitted(&self, layout: &Layout, state: &[u8]) -> Result<Box<dyn Transform>>;
    fn fit(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>>;
}

impl<R> DynRecipe for R
where
    R: FitByStatistic<Statistic: PortableStatistic, Fitted: Transform + 'static> + Send + Sync,
{
    fn statistic(&self, layout: &Layout) -> Result<AnyStatistic> {
        AnyStatistic::of(&FitByStatistic::statistic(self, layout)?)
    }

    fn fitted(&self, layout: &Layout, state: &[u8]) -> Result<Box<dyn Transform>> {
        use crate::Statistic;
        let statistic = FitByStatistic::statistic(self, layout)?;
        let state = statistic.state_from_bytes(state)?;
        Ok(Box::new(FitByStatistic::fitted(self, layout, statistic.finish(&state)?)?))
    }

    fn fit(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>> {
        Ok(Box::new(Fit::fit(self, train)?))
    }
}

/// A one-pass recipe whose type is forgotten, such as one that a configuration names. From
/// [`Catalogue::load_recipe`].
#[derive(Clone)]
pub struct AnyRecipe(Arc<dyn DynRecipe>);

impl AnyRecipe {
    /// What it gathers from a table of this layout.
    ///
    /// # Errors
    ///
    /// As [`FitByStatistic::statistic`].
    pub fn statistic(&self, layout: &Layout) -> Result<AnyStatistic> {
        self.0.statistic(layout)
    }

    /// The fitted step, from the bytes of the state that was gathered.
    ///
    /// # Errors
    ///
    /// As [`FitByStatistic::fitted`], and for bytes that are no state of this recipe's statistic.
    pub fn fitted(&self, layout: &Layout, state: &[u8]) -> Result<Box<dyn Transform>> {
        self.0.fitted(layout, state)
    }
}

impl Fit for AnyRecipe {
    type Fitted = Box<dyn Transform>;

    fn fit(&self, train: &Dataset<Train>) -> Result<Box<dyn Transform>> {
        self.0.fit(train)
    }
}

impl crate::FitTransform for AnyRecipe {}

impl fmt::Debug for AnyRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyRecipe")
    }
}
