//! Fitting in passes: recipes whose training rows stay where they are, in files or in an engine.

use std::future::Future;
use std::sync::Arc;

use crate::chain::{Chain, FittedChain, Identity, On};
use crate::portable::PortableStatistic;
use crate::{FitByStatistic, Layout, Result, Transform};

/// Training rows that can be read again and again but need not fit into memory: a query of an engine, a set of files.
///
/// Implement it for training rows only, so that nothing else can be fitted.
pub trait Scan: Sized + Clone + Send + Sync {
    /// The schema and the roles.
    fn layout(&self) -> &Layout;

    /// The same rows under other roles.
    fn with_layout(&self, layout: Layout) -> Self;

    /// Runs a statistic over all rows: one pass.
    fn summarize<S: PortableStatistic>(
        &self,
        statistic: &S,
    ) -> impl Future<Output = Result<S::Output>> + Send;

    /// The rows as a fitted step makes them. Reads nothing yet.
    ///
    /// # Errors
    ///
    /// When a column that the step needs is missing or has another kind.
    fn apply(&self, step: Arc<dyn Transform>) -> Result<Self>;
}

/// A recipe that can be fitted in passes over a [`Scan`]: every [`FitByStatistic`], and chains of them.
///
/// A chain makes a pass per step; each step's rows are those before it made anew, so that nothing is stored between.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fitted in passes",
    label = "needs its training rows in memory",
    note = "fit the one-pass steps on the engine, apply them, and fit the rest on a sample or on what fits into memory"
)]
pub trait FitByPasses: Send + Sync {
    /// What fitting returns.
    type Fitted;

    /// Fits.
    fn fit_passes<S: Scan>(&self, train: &S) -> impl Future<Output = Result<Self::Fitted>> + Send;
}

#[diagnostic::do_not_recommend]
impl<R> FitByPasses for R
where
    R: FitByStatistic<Statistic: PortableStatistic> + Send + Sync,
{
    type Fitted = R::Fitted;

    async fn fit_passes<S: Scan>(&self, train: &S) -> Result<Self::Fitted> {
        let statistic = self.statistic(train.layout())?;
        let output = train.summarize(&statistic).await?;
        self.fitted(train.layout(), output)
    }
}

impl<A, B> FitByPasses for Chain<A, B>
where
    A: FitByPasses<Fitted: Transform + Clone + 'static>,
    B: FitByPasses,
{
    type Fitted = FittedChain<A::Fitted, B::Fitted>;

    async fn fit_passes<S: Scan>(&self, train: &S) -> Result<Self::Fitted> {
        let first =
            self.first().fit_passes(train).await.map_err(|e| crate::chain::named::<A>(e, "fitting"))?;
        let rows = train.apply(Arc::new(first.clone()))?;
        let second =
            self.second().fit_passes(&rows).await.map_err(|e| crate::chain::named::<B>(e, "fitting"))?;
        Ok(FittedChain::of(first, second))
    }
}

impl<A: FitByPasses> FitByPasses for On<A> {
    type Fitted = A::Fitted;

    async fn fit_passes<S: Scan>(&self, train: &S) -> Result<Self::Fitted> {
        let limited = train.with_layout(self.layout(train.layout())?);
        self.inner().fit_passes(&limited).await.map_err(|e| crate::chain::named::<A>(e, "fitting"))
    }
}

impl FitByPasses for Identity {
    type Fitted = Self;

    async fn fit_passes<S: Scan>(&self, _: &S) -> Result<Self> {
        Ok(*self)
    }
}
