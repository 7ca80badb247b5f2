//! A scheduler and executors as processes of their own: equal results, lost executors, and what a client is told when
//! a process does not know a function.

#[path = "shared/processes.rs"]
mod processes;

use std::fs::File;
use std::io::{Write, stdout};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::arrow::array::{Float64Array, Int64Array, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::{AggregateUDF, Extension, LogicalPlan, ScalarUDF};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext, col, lit};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use futures::StreamExt;
use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::catalogue::Agreement;
use mlsys_core::{InputColumn, Layout, NamedStatistic, Predict, Statistic, column};
use mlsys_datafusion::cluster::{ClientOptions, ExecutorOptions, SchedulerOptions, connect_with};
use mlsys_datafusion::{Codec, Functions, expr};
use mlsys_stats::{ColumnStatistic, Missing};
use processes::{Cluster, Directory, Result, Roles, run_role, until};
use serde::{Deserialize, Serialize};

const FILES: usize = 8;

/// The same rows in several files and in one.
fn write_data(directory: &Path) -> Result {
    const ROWS: i64 = 32_000;
    std::fs::create_dir(directory.join("files"))?;
    let step = ROWS as usize / FILES;
    for start in (0..ROWS).step_by(step) {
        write_file(&directory.join(format!("files/{start}.parquet")), start..start + step as i64)?;
    }
    write_file(&directory.join("one.parquet"), 0..ROWS)
}

fn write_file(path: &Path, rows: Range<i64>) -> Result {
    let fields = vec![Field::new("k", DataType::Int64, false), Field::new("x", DataType::Float64, false)];
    let schema = Arc::new(Schema::new(fields));
    let k: Int64Array = rows.clone().map(|i| i % 97).collect();
    // Whole numbers, whose sums are exact in any order.
    let x: Float64Array = rows.map(|i| (i * 7 % 1001) as f64).collect();
    let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(k), Arc::new(x)])?;
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema, Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

async fn table(ctx: &SessionContext, data: &Path) -> Result<DataFrame> {
    read(ctx, &data.join("files")).await
}

async fn read(ctx: &SessionContext, path: &Path) -> Result<DataFrame> {
    Ok(ctx.read_parquet(path.display().to_string(), ParquetReadOptions::default()).await?)
}

async fn text(frame: DataFrame) -> Result<String> {
    Ok(pretty_format_batches(&frame.collect().await?)?.to_string())
}

fn options() -> ClientOptions {
    ClientOptions::new().partitions(FILES).partitions_per_task(1).fetch_retries(1, Duration::from_millis(200))
}

async fn client(cluster: &Cluster) -> Result<SessionContext> {
    Ok(connect_with(&functions(), &cluster.url(), options()).await?)
}

/// A model that multiplies by `factor` and takes a while for each batch.
fn model(factor: u8, tens_of_ms: u8) -> Model {
    Model { factor, tens_of_ms, padding: String::new() }
}

#[derive(Clone)]
struct Model {
    factor: u8,
    tens_of_ms: u8,
    padding: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Slow {
    input: InputColumn,
    factor: u8,
    tens_of_ms: u8,
    /// Bytes of a large model.
    padding: String,
}

impl Slow {
    fn validate(&self) -> mlsys_core::Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        vec![self.input.clone()]
    }
}

mlsys_core::artifact!(Slow, "test.Slow", 1);

impl Predict for Slow {
    fn predict(&self, batch: &RecordBatch) -> mlsys_core::Result<ArrayRef> {
        let values = column::floats(self.input.name(), self.input.find(batch)?)?;
        if batch.num_rows() > 0 {
            std::thread::sleep(Duration::from_millis(10 * u64::from(self.tens_of_ms)));
        }
        let factor = f64::from(self.factor);
        Ok(Arc::new(Float64Array::from_iter_values(values.iter().map(|x| x * factor))))
    }
}

/// A statistic whose state has as many bytes as it says.
#[derive(Clone, Serialize, Deserialize)]
struct Padded {
    bytes: u32,
}

impl Statistic for Padded {
    type State = String;
    type Output = ();

    fn init(&self, _: &Schema) -> mlsys_core::Result<String> {
        Ok(String::new())
    }

    fn update(&self, state: &mut String, batch: &RecordBatch) -> mlsys_core::Result<()> {
        if state.is_empty() && batch.num_rows() > 0 {
            state.extend(noise(self.bytes));
        }
        Ok(())
    }

    fn merge(&self, into: &mut String, from: String) -> mlsys_core::Result<()> {
        if into.is_empty() {
            *into = from;
        }
        Ok(())
    }

    fn finish(&self, _: &String) -> mlsys_core::Result<()> {
        Ok(())
    }
}

impl NamedStatistic for Padded {
    const NAME: &'static str = "test.Padded";
}

/// What every process of these tests knows.
fn functions() -> Functions {
    let catalogue = mlsys::catalogue().statistic::<Padded>(Agreement::Exact);
    Functions::of(catalogue, mlsys::registry().predict::<Slow>())
}

fn one_column(name: &str) -> Schema {
    Schema::new(vec![Field::new(name, DataType::Float64, true)])
}

/// The model's prediction from a column.
fn applied(model: Model, to: &str) -> Expr {
    let layout = Layout::new(Arc::new(one_column(to))).expect("one column");
    let input = InputColumn::new(&layout, to).expect("the column");
    let Model { factor, tens_of_ms, padding } = model;
    let slow = Arc::new(Slow { input, factor, tens_of_ms, padding });
    expr::predicted(slow, layout.schema()).expect("a prediction")
}

/// A statistic whose bytes do not depend on the order of rows.
fn gathered(of: &str) -> Expr {
    expr::state(&Missing::new().over([of]), &one_column(of)).expect("a statistic of numbers")
}

/// One stage that scans and applies a model, a second one that merges and applies another.
fn query(table: DataFrame, scan: Model, merge: Model) -> Result<DataFrame> {
    let scanned = table.select(vec![col("k"), applied(scan, "x").alias("y")])?;
    let summed =
        scanned.aggregate(vec![col("k")], vec![sum(col("y")).alias("s"), gathered("y").alias("m")])?;
    Ok(summed.select(vec![col("k"), applied(merge, "s").alias("s"), col("m")])?.sort_by(vec![col("k")])?)
}

async fn expected(data: &Path) -> Result<String> {
    text(query(table(&SessionContext::new(), data).await?, model(3, 0), model(2, 0))?).await
}

async fn equal_results(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    let found = text(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    same(&found, &expected(data).await?)?;
    let (a, b) = (cluster.jobs(0), cluster.jobs(1));
    if a.is_empty() || a != b {
        return Err(format!("the executors worked for different jobs: {a:?} and {b:?}").into());
    }
    Ok(())
}

async fn killed_before(data: &Path) -> Result {
    let mut cluster = Cluster::start("scheduler", "executor", 2)?;
    cluster.executors[0].kill()?;
    let ctx = client(&cluster).await?;
    let found = text(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    same(&found, &expected(data).await?)?;
    if !cluster.jobs(0).is_empty() {
        return Err("the executor was not dead".into());
    }
    Ok(())
}

/// Kills executors when a query has got some way, and returns what the query says.
async fn interrupted(
    data: &Path,
    options: ClientOptions,
    [scan, merge]: [Model; 2],
    results_first: bool,
    victims: &[usize],
) -> Result<Result<String>> {
    let mut cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = connect_with(&functions(), &cluster.url(), options).await?;
    let running = tokio::spawn(text(query(table(&ctx, data).await?, scan, merge)?));
    until(Duration::from_secs(20), || {
        let ready = if results_first { !cluster.results(0).is_empty() } else { !cluster.jobs(0).is_empty() };
        Ok(ready.then_some(()))
    })?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    if running.is_finished() {
        return Err("the job was over before anything could be killed".into());
    }
    for &victim in victims {
        cluster.executors[victim].kill()?;
    }
    Ok(running.await?)
}

/// The first stage takes a moment, each task of the second a second: the input of some of them is gone.
async fn killed_with_results(data: &Path) -> Result {
    let found = interrupted(data, options(), [model(3, 0), model(2, 100)], true, &[0]).await??;
    same(&found, &expected(data).await?)
}

/// The same without a second attempt.
async fn killed_for_good(data: &Path) -> Result {
    match interrupted(data, options().attempts(1), [model(3, 0), model(2, 100)], true, &[0]).await? {
        Ok(found) => Err(format!("results are gone, and yet\n{found}").into()),
        Err(error) => {
            mentions(&error.to_string(), &["an executor with results of the query was lost", "attempts"])
        }
    }
}

async fn killed_while_scanning(data: &Path) -> Result {
    let found = interrupted(data, options(), [model(3, 25), model(2, 0)], false, &[0]).await??;
    same(&found, &expected(data).await?)
}

/// Of the tasks of one stage, some are done and their results are gone, some are under way, and some to come.
async fn killed_amid_a_stage(data: &Path) -> Result {
    let found = interrupted(data, options(), [model(3, 25), model(2, 0)], true, &[0]).await??;
    same(&found, &expected(data).await?)
}

async fn all_killed(data: &Path) -> Result {
    match interrupted(data, options(), [model(3, 25), model(2, 0)], false, &[0, 1]).await? {
        Ok(found) => Err(format!("nobody is left, and yet\n{found}").into()),
        Err(error) if error.to_string().contains("all executors were lost") => Ok(()),
        Err(error) => Err(error),
    }
}

/// A job of one stage: no shuffle, only results.
async fn killed_while_scoring(data: &Path) -> Result {
    let score = |table: DataFrame, model| -> Result<DataFrame> {
        Ok(table.select(vec![col("k"), col("x"), applied(model, "x").alias("y")])?)
    };
    let sorted = async |frame: DataFrame| -> Result<Vec<String>> {
        let mut lines: Vec<String> = text(frame).await?.lines().map(Into::into).collect();
        lines.sort();
        Ok(lines)
    };
    let mut cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    let running = tokio::spawn(text(score(table(&ctx, data).await?, model(3, 25))?));
    until(Duration::from_secs(20), || Ok((!cluster.results(0).is_empty()).then_some(())))?;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    if running.is_finished() {
        return Err("the job was over before anything could be killed".into());
    }
    cluster.executors[0].kill()?;
    let mut found: Vec<String> = running.await??.lines().map(Into::into).collect();
    found.sort();
    let expected = sorted(score(table(&SessionContext::new(), data).await?, model(3, 0))?).await?;
    same(&format!("{} lines", found.len()), &format!("{} lines", expected.len()))?;
    if found == expected { Ok(()) } else { Err("the rows differ".into()) }
}

/// An executor that dies with results that the client is about to fetch.
async fn killed_while_fetching(data: &Path) -> Result {
    let mut cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    let frame = table(&ctx, data).await?.select(vec![col("k"), applied(model(2, 0), "x")])?;
    let mut stream = frame.execute_stream().await?;
    let mut rows = stream.next().await.ok_or("no rows")??.num_rows();
    for executor in &mut cluster.executors {
        executor.kill()?;
    }
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => rows += batch.num_rows(),
            Err(error) => {
                return mentions(&error.to_string(), &["executor with results of the query was lost"]);
            }
        }
    }
    Err(format!("no error, with {rows} rows").into())
}

async fn no_executors(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 0)?;
    let options = ClientOptions::new().patience(Duration::from_millis(300));
    let ctx = connect_with(&functions(), &cluster.url(), options).await?;
    let error = failure(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    mentions(&error, &["no executors", "cluster::executor"])?;
    // What needs none is answered all the same.
    text(ctx.sql("select count(*) from information_schema.df_settings").await?).await?;
    Ok(())
}

/// A scheduler that was started without this crate.
async fn plain_scheduler(data: &Path) -> Result {
    let cluster = Cluster::start("plain scheduler", "executor", 1)?;
    let ctx = client(&cluster).await?;
    let error = failure(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    mentions(&error, &["the scheduler does not know the function `mlsys_", VERSION, "cluster::scheduler"])
}

/// Executors that were started without this crate.
async fn plain_executors(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "plain executor", 2)?;
    let ctx = client(&cluster).await?;
    let error = failure(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    mentions(
        &error,
        &["executor could not read", "`mlsys_apply`", "`mlsys_state`", VERSION, "cluster::executor"],
    )
}

/// A client of a later version than the scheduler.
async fn newer_client(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 1)?;
    let options = ClientOptions::new().logical_codec(Arc::new(Newer(Codec::new(&functions()))));
    let ctx = connect_with(&functions(), &cluster.url(), options).await?;
    let error = failure(query(table(&ctx, data).await?, model(3, 0), model(2, 0))?).await?;
    mentions(&error, &["`mlsys_", "wire format 2", "reads format 1"])
}

/// A scheduler of a later version than the executors: for a scalar function and for an aggregate.
async fn newer_scheduler(data: &Path) -> Result {
    let cluster = Cluster::start("newer scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    let scored = table(&ctx, data).await?.select(vec![applied(model(3, 0), "x")])?;
    mentions(&failure(scored).await?, &["`mlsys_apply`", "wire format 2", "reads format 1"])?;
    for keys in [vec![], vec![col("k")]] {
        let summed = table(&ctx, data).await?.aggregate(keys, vec![gathered("x")])?;
        mentions(&failure(summed).await?, &["`mlsys_state`", "wire format 2", "reads format 1"])?;
    }
    Ok(())
}

/// Bytes that do not compress.
fn noise(bytes: u32) -> impl Iterator<Item = char> {
    (0..bytes).map(|i| char::from((i.wrapping_mul(2_654_435_761) >> 25) as u8))
}

/// Models travel with each task, up to what the scheduler accepts; then the client says so.
async fn large_models(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    for (mb, fits) in [(50, true), (70, false)] {
        let large = Model { padding: noise(mb << 20).collect(), ..model(3, 0) };
        let frame = query(table(&ctx, data).await?, large, model(2, 0))?;
        if fits {
            same(&text(frame).await?, &expected(data).await?)?;
        } else {
            mentions(
                &failure(frame).await?,
                &["larger than the scheduler accepts", "`mlsys_apply` (7340", "plan_bytes"],
            )?;
        }
    }
    Ok(())
}

/// States have no limit: they are not part of a plan.
async fn large_states(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 2)?;
    let ctx = client(&cluster).await?;
    let summed = |table: DataFrame| {
        table
            .aggregate(
                vec![(col("k") % lit(2)).alias("k")],
                vec![
                    expr::state(&Padded { bytes: 20 << 20 }, &one_column("x"))
                        .expect("a statistic")
                        .alias("s"),
                ],
            )?
            .sort_by(vec![col("k")])
    };
    let states = async |frame: DataFrame| -> Result<RecordBatch> {
        let batches = frame.collect().await?;
        Ok(concat_batches(&batches[0].schema(), &batches)?)
    };
    let found = states(summed(table(&ctx, data).await?)?).await?;
    let expected = states(summed(table(&SessionContext::new(), data).await?)?).await?;
    let bytes = found.get_array_memory_size();
    if found.columns() != expected.columns() || bytes < 40 << 20 {
        return Err(format!("{} rows of {bytes} bytes, other states", found.num_rows()).into());
    }
    Ok(())
}

/// A small file is shared when asked, if it is more than one batch and something above the scan gains from it.
async fn one_small_file(data: &Path) -> Result {
    let cluster = Cluster::start("scheduler", "executor", 2)?;
    for (options, shared) in [(options(), false), (options().split_files(0), true)] {
        let ctx = connect_with(&functions(), &cluster.url(), options).await?;
        let frame = read(&ctx, &data.join("one.parquet")).await?;
        let before = (cluster.jobs(0).len(), cluster.jobs(1).len());
        let scored = frame.select(vec![applied(model(3, 1), "x").alias("y")])?;
        let summed = scored.aggregate(vec![], vec![gathered("y")])?;
        let found = text(summed).await?;
        let both = cluster.jobs(0).len() > before.0 && cluster.jobs(1).len() > before.1;
        if both != shared {
            return Err(format!("both executors took part: {both}; {found}").into());
        }
    }
    Ok(())
}

/// Values of nearly every shape come through shuffles and results as they are in one process. Dictionaries do not:
/// Ballista hands out their values.
async fn types(data: &Path) -> Result {
    let sql = "select arrow_cast(cast(k % 7 as varchar), 'Utf8View') as utf8_view, \
                      arrow_cast(cast(k % 7 as varchar), 'LargeUtf8') as large_utf8, \
                      arrow_cast(arrow_cast(cast(k % 7 as varchar), 'Binary'), 'BinaryView') as binary_view, \
                      named_struct('low', min(x), 'high', max(x)) as structure, \
                      array_sort(array_agg(distinct k)) as list, \
                      array_sort(array_agg(distinct named_struct('k', k, 'x', k % 5 * 0.5))) as structures, \
                      cast(sum(x) as decimal(20, 2)) as decimal, \
                      arrow_cast(to_timestamp(max(k)), 'Timestamp(Nanosecond, Some(\"Europe/Berlin\"))') as time \
               from t group by k % 7 order by k % 7";
    let run = async |ctx: &SessionContext| -> Result<String> {
        let files = data.join("files").display().to_string();
        ctx.register_parquet("t", files, ParquetReadOptions::default()).await?;
        let batches = ctx.sql(sql).await?.collect().await?;
        let schema = batches.first().ok_or("no batches")?.schema();
        let types: Vec<String> = schema.fields().iter().map(|f| f.data_type().to_string()).collect();
        Ok(format!("{types:?}\n{}", pretty_format_batches(&batches)?))
    };
    let cluster = Cluster::start("scheduler", "executor", 2)?;
    same(&run(&client(&cluster).await?).await?, &run(&SessionContext::new()).await?)
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

async fn failure(frame: DataFrame) -> Result<String> {
    match text(frame).await {
        Ok(found) => Err(format!("expected an error, found\n{found}").into()),
        Err(error) => Ok(error.to_string()),
    }
}

fn mentions(error: &str, expected: &[&str]) -> Result {
    match expected.iter().find(|part| !error.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("`{part}` is not in: {error}").into()),
    }
}

/// This crate's codec with the version of a later one.
#[derive(Debug)]
struct Newer(Codec);

fn bump(bytes: &mut [u8]) {
    if let Some(version) = bytes.first_mut() {
        *version += 1;
    }
}

impl LogicalExtensionCodec for Newer {
    fn try_decode(&self, buf: &[u8], inputs: &[LogicalPlan], ctx: &TaskContext) -> DfResult<Extension> {
        LogicalExtensionCodec::try_decode(&self.0, buf, inputs, ctx)
    }

    fn try_encode(&self, node: &Extension, buf: &mut Vec<u8>) -> DfResult<()> {
        LogicalExtensionCodec::try_encode(&self.0, node, buf)
    }

    fn try_decode_table_provider(
        &self,
        buf: &[u8],
        name: &TableReference,
        schema: SchemaRef,
        ctx: &TaskContext,
    ) -> DfResult<Arc<dyn TableProvider>> {
        self.0.try_decode_table_provider(buf, name, schema, ctx)
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        node: Arc<dyn TableProvider>,
        buf: &mut Vec<u8>,
    ) -> DfResult<()> {
        self.0.try_encode_table_provider(name, node, buf)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        LogicalExtensionCodec::try_encode_udf(&self.0, node, buf).map(|()| bump(buf))
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        LogicalExtensionCodec::try_encode_udaf(&self.0, node, buf).map(|()| bump(buf))
    }
}

impl PhysicalExtensionCodec for Newer {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        PhysicalExtensionCodec::try_decode(&self.0, buf, inputs, ctx, converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> DfResult<()> {
        PhysicalExtensionCodec::try_encode(&self.0, node, buf, converter)
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        PhysicalExtensionCodec::try_encode_udf(&self.0, node, buf).map(|()| bump(buf))
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> DfResult<()> {
        PhysicalExtensionCodec::try_encode_udaf(&self.0, node, buf).map(|()| bump(buf))
    }
}

fn scheduler_of(role: &str, options: SchedulerOptions) -> Option<SchedulerOptions> {
    Some(match role {
        "scheduler" => options,
        "plain scheduler" => options
            .logical_codec(Arc::new(BallistaLogicalExtensionCodec::default()))
            .physical_codec(Arc::new(BallistaPhysicalExtensionCodec::default())),
        "newer scheduler" => options.physical_codec(Arc::new(Newer(Codec::new(&functions())))),
        _ => return None,
    })
}

fn executor_of(role: &str, options: ExecutorOptions) -> Option<ExecutorOptions> {
    Some(match role {
        "executor" => options,
        "plain executor" => options.physical_codec(Arc::new(BallistaPhysicalExtensionCodec::default())),
        _ => return None,
    })
}

fn same(found: &str, expected: &str) -> Result {
    if found == expected { Ok(()) } else { Err(format!("found\n{found}\nexpected\n{expected}").into()) }
}

type Test = (&'static str, fn(&Path) -> std::pin::Pin<Box<dyn Future<Output = Result> + Send + '_>>);

fn main() -> ExitCode {
    let roles = Roles { functions, scheduler: scheduler_of, executor: executor_of };
    if let Err(error) = run_role(&roles) {
        let _ = writeln!(std::io::stderr(), "{error}");
        return ExitCode::FAILURE;
    }
    let tests: &[Test] = &[
        ("equal_results", |data| Box::pin(equal_results(data))),
        ("killed_before", |data| Box::pin(killed_before(data))),
        ("killed_with_results", |data| Box::pin(killed_with_results(data))),
        ("killed_for_good", |data| Box::pin(killed_for_good(data))),
        ("killed_while_scanning", |data| Box::pin(killed_while_scanning(data))),
        ("killed_amid_a_stage", |data| Box::pin(killed_amid_a_stage(data))),
        ("killed_while_scoring", |data| Box::pin(killed_while_scoring(data))),
        ("killed_while_fetching", |data| Box::pin(killed_while_fetching(data))),
        ("no_executors", |data| Box::pin(no_executors(data))),
        ("plain_scheduler", |data| Box::pin(plain_scheduler(data))),
        ("plain_executors", |data| Box::pin(plain_executors(data))),
        ("newer_client", |data| Box::pin(newer_client(data))),
        ("newer_scheduler", |data| Box::pin(newer_scheduler(data))),
        ("large_models", |data| Box::pin(large_models(data))),
        ("large_states", |data| Box::pin(large_states(data))),
        ("one_small_file", |data| Box::pin(one_small_file(data))),
        ("types", |data| Box::pin(types(data))),
        ("all_killed", |data| Box::pin(all_killed(data))),
    ];
    match run(tests) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(stdout(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(tests: &[Test]) -> Result<bool> {
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let data = Directory::new()?;
    write_data(data.path())?;
    let mut good = true;
    for (name, test) in tests {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter)) {
            continue;
        }
        let start = Instant::now();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), test(data.path()))
                .await
                .map_err(Into::into)
                .and_then(|r| r)
        });
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => writeln!(stdout(), "test {name} ... ok ({seconds:.1} s)")?,
            Err(error) => {
                good = false;
                writeln!(stdout(), "test {name} ... FAILED ({seconds:.1} s)\n{error}")?;
            }
        }
    }
    Ok(good)
}
