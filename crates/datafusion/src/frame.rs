//! A query of the engine, typed by what its rows may be used for.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::prelude::ident;
use mlsys_core::portable::{AnyStatistic, PortableStatistic};
use mlsys_core::{
    Category, Coded, Dataset, Error, ErrorKind, Layout, Partition, Predict, PredictProba, Result, Role, Scan,
    Test, Train, Transform, Unsplit, Validation,
};
use mlsys_sampling::ByRow;
use mlsys_sampling::sample::BottomKSample;

use crate::error::inward;
use crate::expr;
use crate::row_function::Step;
use crate::sql::field;

/// A query of the engine and the role of each column: a [`Dataset`] that need not fit into memory.
///
/// It is lazy, as the [`DataFrame`] is that it holds: splits and fitted steps become part of the query. Only
/// `Frame<Train>` can be fitted, and the only ways to one are a split on the engine and
/// [`into_train_all`](Self::into_train_all).
///
/// ```
/// use mlsys_datafusion::{Frame, datafusion::prelude::SessionContext, fit_on};
/// use mlsys_encoding::StandardScaler;
/// use mlsys_sampling::HashSplit;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let ctx = SessionContext::new();
/// let numbers = ctx.sql("SELECT value AS id, value * 0.5 AS x FROM generate_series(1, 1000)").await?;
/// let (train, test) = Frame::new(numbers)?.id("id")?.split(&HashSplit::new("id"))?;
/// let scaler = fit_on(&StandardScaler::new(), &train).await?;
/// assert_eq!(scaler.mean("x").map(f64::round), Some(254.0));
/// let scaled = test.transform(std::sync::Arc::new(scaler))?.collect().await?;
/// assert_eq!(scaled.n_rows(), 238);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Frame<P: Partition = Unsplit> {
    frame: DataFrame,
    layout: Layout,
    partition: PhantomData<P>,
}

impl<P: Partition> Clone for Frame<P> {
    fn clone(&self) -> Self {
        Self::of(self.frame.clone(), self.layout.clone())
    }
}

impl Frame<Unsplit> {
    /// A query in which every column is a feature.
    ///
    /// # Errors
    ///
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn), such as after a join: name the columns apart.
    pub fn new(frame: DataFrame) -> Result<Self> {
        let layout = Layout::new(Arc::new(frame.schema().as_arrow().clone()))?;
        // The table's name before each column's would be in the way of every later step.
        let columns: Vec<Expr> = frame
            .schema()
            .iter()
            .map(|(table, field)| Expr::Column(Column::new(table.cloned(), field.name())).alias(field.name()))
            .collect();
        Ok(Self::of(frame.select(columns).map_err(inward)?, layout))
    }

    /// Divides the rows on the engine, each by itself: a [`HashSplit`](mlsys_sampling::HashSplit), or a
    /// [`TimeSplit`](mlsys_sampling::TimeSplit) at an instant. Reads nothing yet, so that an empty side is not noticed
    /// here.
    ///
    /// Each side is a query of its own: what it divides must give the same rows whenever it runs. `row_number()` without an
    /// order, or `random()`, as a key may put a row on both sides.
    ///
    /// # Errors
    ///
    /// As [`ByRow::by_row`].
    pub fn split(self, splitter: &impl ByRow) -> Result<(Frame<Train>, Frame<Test>)> {
        let side = self.call(Step::Side(splitter.by_row(&self.layout)?))?;
        Ok((self.filtered(side.clone().is_false())?, self.filtered(side.is_true())?))
    }

    /// All rows for training: see [`Dataset::into_train_all`].
    pub fn into_train_all(self) -> Frame<Train> {
        Frame::of(self.frame, self.layout)
    }

    /// All rows for testing: see [`Dataset::into_test_all`].
    pub fn into_test_all(self) -> Frame<Test> {
        Frame::of(self.frame, self.layout)
    }
}

impl Frame<Train> {
    /// Divides training rows into training and validation rows, as [`split`](Frame::split) divides all.
    ///
    /// # Errors
    ///
    /// As [`split`](Frame::split).
    pub fn split_validation(self, splitter: &impl ByRow) -> Result<(Frame<Train>, Frame<Validation>)> {
        let side = self.call(Step::Side(splitter.validation_by_row(&self.layout)?))?;
        Ok((self.filtered(side.clone().is_false())?, self.filtered(side.is_true())?))
    }
}

/// Roles.
impl<P: Partition> Frame<P> {
    /// Gives a column a main role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn with_role(mut self, name: &str, role: Role) -> Result<Self> {
        self.layout = self.layout.with_role(name, role)?;
        Ok(self)
    }

    /// Makes a column a target.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn target(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Target)
    }

    /// Makes a column the weight of each row.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn weight(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Weight)
    }

    /// Makes a column name the group of each row; it stays a feature unless ignored.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn group(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Group)
    }

    /// Makes a column the time of each row; it stays a feature unless ignored.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn time(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Time)
    }

    /// Makes a column the name of each row.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn id(self, name: &str) -> Result<Self> {
        self.with_role(name, Role::Id)
    }

    /// Keeps columns from being features. A time or group column keeps that role.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](ErrorKind::MissingColumn).
    pub fn ignore<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        self.layout = self.layout.ignore(names)?;
        Ok(self)
    }

    /// The schema and the roles.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl<P: Partition> Frame<P> {
    fn of(frame: DataFrame, layout: Layout) -> Self {
        Self { frame, layout, partition: PhantomData }
    }

    /// The query.
    pub fn query(&self) -> &DataFrame {
        &self.frame
    }

    /// The query without roles.
    pub fn into_query(self) -> DataFrame {
        self.frame
    }

    /// Reads all rows into memory, in whatever order the engine gives them.
    ///
    /// # Errors
    ///
    /// The engine's.
    pub async fn collect(self) -> Result<Dataset<P>>
    where
        P: Collected,
    {
        let schema = Arc::clone(self.layout.schema());
        let batches = self.frame.collect().await.map_err(inward)?;
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        let batch = concat_batches(&schema, &batches)?;
        Ok(P::collected(Dataset::under(&self.layout, batch)?))
    }

    /// The state of a statistic over all rows.
    ///
    /// # Errors
    ///
    /// The statistic's, with rows counted in the partition of the engine where they are; the engine's.
    pub async fn state_of<S: PortableStatistic>(&self, statistic: &S) -> Result<S::State> {
        let any = AnyStatistic::of(statistic)?;
        let query = self.aggregate(&any, Vec::new())?;
        let batches = query.collect().await.map_err(inward)?;
        let state = batches.iter().find(|batch| batch.num_rows() == 1);
        let bytes = state.and_then(|batch| batch.column(0).as_binary_opt::<i64>());
        match bytes.filter(|bytes| bytes.is_valid(0)) {
            Some(bytes) => statistic.state_from_bytes(bytes.value(0)),
            None => Err(Error::state("one state of a statistic from the engine", "none")),
        }
    }

    /// Runs a statistic over all rows: one pass.
    ///
    /// # Errors
    ///
    /// As [`state_of`](Self::state_of).
    pub async fn summarize<S: PortableStatistic>(&self, statistic: &S) -> Result<S::Output> {
        statistic.finish(&self.state_of(statistic).await?)
    }

    /// Runs a statistic once per value of a column; missing values are a group of their own, `None`.
    ///
    /// # Errors
    ///
    /// As [`state_of`](Self::state_of); [`MissingColumn`](ErrorKind::MissingColumn);
    /// [`ColumnType`](ErrorKind::ColumnType) when the column has no categories.
    pub async fn summarize_by<S: PortableStatistic>(
        &self,
        statistic: &S,
        by: &str,
    ) -> Result<BTreeMap<Option<Category>, S::Output>> {
        self.layout.kind(by)?;
        let any = AnyStatistic::of(statistic)?;
        let batches = self.aggregate(&any, vec![ident(by)])?.collect().await.map_err(inward)?;
        let mut states: BTreeMap<Option<Category>, S::State> = BTreeMap::new();
        for batch in &batches {
            let coded = Coded::new(by, batch.column(0))?;
            // The engine puts columns between that depend on what is grouped by.
            let last = batch.column(batch.num_columns() - 1);
            let Some(bytes) = last.as_binary_opt::<i64>() else {
                let found = last.data_type().to_string();
                return Err(Error::state("states of a statistic from the engine", found));
            };
            for row in 0..batch.num_rows() {
                let state = statistic.state_from_bytes(bytes.value(row))?;
                // The engine tells apart what is one group here: null and NaN, 0 and -0.
                match states.entry(coded.value(row).cloned()) {
                    std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(state)),
                    std::collections::btree_map::Entry::Occupied(mut place) => {
                        statistic.merge(place.get_mut(), state)?;
                    }
                }
            }
        }
        states.into_iter().map(|(value, state)| Ok((value, statistic.finish(&state)?))).collect()
    }

    fn aggregate(&self, statistic: &AnyStatistic, by: Vec<Expr>) -> Result<DataFrame> {
        let state = expr::state_of(statistic, self.layout.schema())?.alias("__mlsys_state");
        self.frame.clone().aggregate(by, vec![state]).map_err(inward)
    }

    /// The rows as a fitted step makes them. Columns that the step does not read stay in the engine's hands.
    ///
    /// # Errors
    ///
    /// When a column that the step needs is missing or has another kind.
    pub fn transform(&self, step: Arc<dyn Transform>) -> Result<Self> {
        const MADE: &str = "__mlsys_step";
        let layout = self.layout.with_schema(step.output_schema(self.layout.schema())?)?;
        let step = Step::Transform(step);
        let read = step.columns(self.layout.schema());
        if read.is_empty() && layout.schema() == self.layout.schema() {
            return Ok(Self::of(self.frame.clone(), layout));
        }
        let call = self.call(step)?;
        let mut columns: Vec<Expr> = self.passed(&read).map(ident).collect();
        columns.push(call.alias(MADE));
        let frame = self.frame.clone().select(columns).map_err(inward)?;
        let passed: Vec<&str> = self.passed(&read).collect();
        let out = layout.schema().fields().iter().map(|out| match passed.contains(&out.name().as_str()) {
            true => ident(out.name()),
            false => field(ident(MADE), out.name().as_str()).alias(out.name()),
        });
        let out = out.collect::<Vec<_>>();
        Ok(Self::of(frame.select(out).map_err(inward)?, layout))
    }

    /// The columns that a step does not read.
    fn passed<'a>(&'a self, read: &'a [String]) -> impl Iterator<Item = &'a str> {
        let names = self.layout.schema().fields().iter().map(|field| field.name().as_str());
        names.filter(|name| !read.iter().any(|r| r == name))
    }

    fn call(&self, step: Step) -> Result<Expr> {
        expr::call(step, self.layout.schema())
    }

    /// The rows with a model's predictions in a new column.
    ///
    /// # Errors
    ///
    /// When a column that the model needs is missing or has another kind;
    /// [`DuplicateColumn`](ErrorKind::DuplicateColumn) when the new column is there already.
    pub fn predict(&self, model: Arc<dyn Predict>, column: &str) -> Result<Self> {
        self.with_column(Step::Predict(model), column)
    }

    /// The rows with the probability of each class in a new column `<prefix><class>`.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn predict_proba(&self, model: Arc<dyn PredictProba>, prefix: &str) -> Result<Self> {
        const MADE: &str = "__mlsys_classes";
        let classes: Vec<String> = model.classes().values().iter().map(ToString::to_string).collect();
        if let Some(there) =
            classes.iter().map(|c| format!("{prefix}{c}")).find(|c| self.layout.kind(c).is_ok())
        {
            return Err(ErrorKind::DuplicateColumn { name: there }.into());
        }
        let made = self.with_column(Step::Probabilities(model), MADE)?;
        let mut columns: Vec<Expr> = self.passed(&[]).map(ident).collect();
        columns.extend(
            classes.iter().map(|class| field(ident(MADE), class.as_str()).alias(format!("{prefix}{class}"))),
        );
        self.selected(made.frame, columns)
    }

    fn with_column(&self, step: Step, column: &str) -> Result<Self> {
        if self.layout.kind(column).is_ok() {
            return Err(ErrorKind::DuplicateColumn { name: column.into() }.into());
        }
        let mut columns: Vec<Expr> = self.passed(&[]).map(ident).collect();
        columns.push(self.call(step)?.alias(column));
        self.selected(self.frame.clone(), columns)
    }

    fn selected(&self, frame: DataFrame, columns: Vec<Expr>) -> Result<Self> {
        let frame = frame.select(columns).map_err(inward)?;
        let layout = self.layout.with_schema(Arc::new(frame.schema().as_arrow().clone()))?;
        Ok(Self::of(frame, layout))
    }

    /// The rows whose keys were drawn.
    pub(crate) fn sampled(&self, sample: BottomKSample) -> Result<Self> {
        self.filtered(self.call(Step::Drawn(sample))?)
    }

    fn filtered<Q: Partition>(&self, keep: Expr) -> Result<Frame<Q>> {
        Ok(Frame::of(self.frame.clone().filter(keep).map_err(inward)?, self.layout.clone()))
    }
}

/// A partition whose rows can be read into memory, where they stay what they are. Every one can.
pub trait Collected: Partition {
    /// The rows as what they are.
    #[doc(hidden)]
    fn collected(rows: Dataset<Unsplit>) -> Dataset<Self>;
}

impl Collected for Unsplit {
    fn collected(rows: Dataset<Unsplit>) -> Dataset<Self> {
        rows
    }
}

impl Collected for Train {
    fn collected(rows: Dataset<Unsplit>) -> Dataset<Self> {
        rows.into_train_all()
    }
}

impl Collected for Validation {
    fn collected(rows: Dataset<Unsplit>) -> Dataset<Self> {
        rows.into_validation_all()
    }
}

impl Collected for Test {
    fn collected(rows: Dataset<Unsplit>) -> Dataset<Self> {
        rows.into_test_all()
    }
}

impl Scan for Frame<Train> {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn with_layout(&self, layout: Layout) -> Self {
        Self::of(self.frame.clone(), layout)
    }

    async fn summarize<S: PortableStatistic>(&self, statistic: &S) -> Result<S::Output> {
        Frame::summarize(self, statistic).await
    }

    fn apply(&self, step: Arc<dyn Transform>) -> Result<Self> {
        self.transform(step)
    }
}
