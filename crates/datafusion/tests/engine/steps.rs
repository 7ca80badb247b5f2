//! Every one-pass recipe of the catalogue, chains, transforms and predictions.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, AsArray, RecordBatch};
use mlsys_core::arrow::compute::{SortColumn, cast, lexsort_to_indices, take_record_batch};
use mlsys_core::arrow::datatypes::{DataType, Float64Type, Schema, SchemaRef};
use mlsys_core::{
    Artifact, Columns, Dataset, ErrorKind, Fit, FitByPasses, Predict, PredictProba, Result, Role, Train,
    Transform, artifact, column,
};
use mlsys_datafusion::{Frame, fit_on, predict_on, predict_proba_on, transform_on};
use mlsys_encoding::text::{CountVectorizer, HashingVectorizer, TfidfVectorizer};
use mlsys_encoding::{
    BinBy, BinOutput, BinaryEncoder, Binner, CalendarEncoder, CapBy, CategoryCross, Contrast,
    ContrastEncoder, CooccurrenceEncoder, CountEncoder, CyclicalEncoder, FeatureHasher, FourierFeatures,
    Kept, LshEncoder, LshFamily, MaxAbsScaler, MinFrequency, MinHashEncoder, MinMaxScaler, Normalizer,
    OneHotEncoder, OrdinalEncoder, OutputDistribution, Period, PolynomialFeatures, PositionEncoder,
    PowerTransformer, QuantileTransformer, RareGrouper, RobustScaler, Since, SplineTransformer,
    StandardScaler, TimeSince, Waves, Winsorizer,
};
use mlsys_missing_values::{
    ConstantImputer, EndOfTailImputer, Indicators, MeanImputer, MedianImputer, MissingThreshold,
    MostFrequentImputer, RandomDonorImputer, TailEnd,
};
use mlsys_models::{LogisticRegression, Rule};
use mlsys_neighbors::lsh::SimHash;

use crate::table::{PARTITIONS, Table, run};

fn roles<T>(mut rows: T, with: impl Fn(T, &str, Role) -> Result<T>) -> Result<T> {
    for (name, role) in [("weight", Role::Weight), ("label", Role::Target), ("when", Role::Ignored)] {
        rows = with(rows, name, role)?;
    }
    Ok(rows)
}

fn train(table: &Table) -> Result<Dataset<Train>> {
    Ok(roles(table.data(), Dataset::with_role)?.into_train_all())
}

async fn frame(table: &Table, partitions: usize) -> Result<Frame<Train>> {
    Ok(roles(table.frame(partitions).await?, Frame::with_role)?.into_train_all())
}

/// Rows in an order of their own, since an engine has none.
fn sorted(batch: &RecordBatch) -> RecordBatch {
    // Sparse rows have no order; the times of the rows tell them apart.
    let plain = batch.columns().iter().filter(|c| !c.data_type().is_nested());
    let columns = plain.map(|c| SortColumn { values: Arc::clone(c), options: None });
    let order = lexsort_to_indices(&columns.collect::<Vec<_>>(), None).unwrap();
    take_record_batch(batch, &order).unwrap()
}

/// An engine reads text as views.
fn plain(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8View => cast(array, &DataType::Utf8).unwrap(),
        _ => Arc::clone(array),
    }
}

/// Equal up to the last digits of floats.
fn close(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_rows(), expected.num_rows());
    for (i, field) in expected.schema().fields().iter().enumerate() {
        assert_eq!(found.schema().field(i).name(), field.name());
        let (found, expected) = (found.column(i), expected.column(i));
        match (found.as_primitive_opt::<Float64Type>(), expected.as_primitive_opt::<Float64Type>()) {
            (Some(found), Some(expected)) => {
                for (x, y) in found.iter().zip(expected) {
                    let same = match (x, y) {
                        (Some(x), Some(y)) => {
                            x == y || x.is_nan() && y.is_nan() || (x - y).abs() < 1e-9 * (1.0 + y.abs())
                        }
                        (x, y) => x == y,
                    };
                    assert!(same, "{}: {x:?}, expected {y:?}", field.name());
                }
            }
            _ => assert_eq!(&plain(found), &plain(expected), "{}", field.name()),
        }
    }
}

/// Fits on the engine and in memory, and transforms on both.
async fn check<R>(table: &Table, name: &str, recipe: R, exact: bool) -> Result<()>
where
    R: FitByPasses + Fit<Fitted = <R as FitByPasses>::Fitted>,
    <R as FitByPasses>::Fitted: Transform + Clone + Debug + 'static,
{
    // Times are features to what is for them.
    let data = train(table)?.with_role("when", Role::Feature)?;
    let expected = recipe.fit(&data)?;
    let transformed = expected.transform(&table.batch)?;
    for partitions in PARTITIONS {
        let frame = frame(table, partitions).await?.with_role("when", Role::Feature)?;
        let fitted = fit_on(&recipe, &frame).await?;
        if exact {
            let equal = artifact::to_bytes(&fitted)? == artifact::to_bytes(&expected)?;
            assert!(equal, "{name}, {partitions} partitions: {fitted:?}, expected {expected:?}");
        }
        let on_engine = transform_on(Arc::new(fitted.clone()), &frame)?;
        assert_eq!(on_engine.layout().features(), data.apply(&expected)?.features());
        let found = on_engine.collect().await?;
        close(&sorted(found.batch()), &sorted(&transformed));
    }
    Ok(())
}

#[test]
fn every_recipe_equals_itself_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let catalogue = mlsys::catalogue();
        let mut left: BTreeSet<&str> = catalogue.recipes().collect();
        macro_rules! each {
            ($($name:ident $exact:literal: $($recipe:expr),+;)+) => {$(
                assert!(left.remove(stringify!($name)), "{} is not in the catalogue", stringify!($name));
                $(check(&table, stringify!($name), $recipe, $exact).await?;)+
            )+};
        }
        each! {
            BinaryEncoder true: BinaryEncoder::new();
            CalendarEncoder true: CalendarEncoder::new();
            Binner true: Binner::new().output(BinOutput::Columns), Binner::new().by(BinBy::EqualWidth);
            MissingThreshold true: MissingThreshold::new(0.05);
            ConstantImputer true: ConstantImputer::new(-1.0);
            CategoryCross true: CategoryCross::new([["word", "team"]]).kept(Kept::Frequent(MinFrequency::Count(20)));
            ContrastEncoder true: ContrastEncoder::new(Contrast::Helmert);
            CooccurrenceEncoder true: CooccurrenceEncoder::new().dimensions(2);
            CountEncoder true: CountEncoder::new();
            CountVectorizer true: CountVectorizer::new();
            CyclicalEncoder true: CyclicalEncoder::new(Period::Of(24.0)), CyclicalEncoder::new(Period::Week);
            FeatureHasher true: FeatureHasher::new(), FeatureHasher::new().n_features(8).on(Columns::named(["word", "number"]));
            FourierFeatures true: FourierFeatures::new(Waves::Kernel { gamma: 0.1 }).components(4).on(Columns::named(["number", "count"]));
            HashingVectorizer true: HashingVectorizer::new();
            EndOfTailImputer false: EndOfTailImputer::new(), EndOfTailImputer::new().end(TailEnd::Iqr);
            RandomDonorImputer true: RandomDonorImputer::new();
            MeanImputer false: MeanImputer::new(), MeanImputer::new().indicators(Indicators::WhereMissing);
            MedianImputer true: MedianImputer::new(), MedianImputer::new().on(Columns::named(["number", "count"]));
            MostFrequentImputer true: MostFrequentImputer::new();
            MaxAbsScaler true: MaxAbsScaler::new();
            LshEncoder true: LshEncoder::new(LshFamily::Angle(SimHash::new(2, 3))).on(Columns::named(["number", "count"]));
            MinHashEncoder true: MinHashEncoder::new().components(3);
            MinMaxScaler true: MinMaxScaler::new(), MinMaxScaler::new().range(-1.0, 3.0).clip(true);
            Normalizer true: Normalizer::new();
            OneHotEncoder true: OneHotEncoder::new(), OneHotEncoder::new().on(Columns::named(["word", "team"]));
            OrdinalEncoder true: OrdinalEncoder::new();
            PolynomialFeatures true: PolynomialFeatures::new();
            PositionEncoder true: PositionEncoder::new().dimensions(4);
            RareGrouper true: RareGrouper::new();
            PowerTransformer true: PowerTransformer::new(), PowerTransformer::new().standardize(false);
            QuantileTransformer true: QuantileTransformer::new(), QuantileTransformer::new().n_quantiles(9).output(OutputDistribution::Normal);
            RobustScaler true: RobustScaler::new(), RobustScaler::new().between(0.05, 0.95).center(false);
            SplineTransformer true: SplineTransformer::new();
            StandardScaler false: StandardScaler::new();
            TimeSince true: TimeSince::new(Since::Instant(0));
            TfidfVectorizer true: TfidfVectorizer::new();
            Winsorizer false: Winsorizer::new(), Winsorizer::new().by(CapBy::Gaussian(1.0));
        }
        assert!(left.is_empty(), "not fitted on the engine: {left:?}");
        let chain = MedianImputer::new()
            .then(OneHotEncoder::new().on(Columns::named(["word", "kind"])))
            .then(StandardScaler::new().on(Columns::named(["number", "count", "word=alpha"])));
        check(&table, "a chain", chain, false).await
    })
}

#[test]
fn models_predict_as_in_memory() -> Result<()> {
    run(async {
        let table = Table::new();
        let data = train(&table)?;
        let recipe = MedianImputer::new()
            .then(OneHotEncoder::new())
            .then(StandardScaler::new())
            .then(LogisticRegression::new());
        let model = Arc::new(recipe.fit(&data)?);
        let classes = model.predict(&table.batch)?;
        let positive = model.predict_proba(&table.batch)?.positive();
        for partitions in PARTITIONS {
            let rows = predict_on(model.clone(), &frame(&table, partitions).await?, "predicted")?;
            let rows = predict_proba_on(model.clone(), &rows, "p_")?;
            let found = rows.collect().await?;
            let batch = found.batch();
            // The table's own columns find the row that belongs to each prediction.
            let expected = RecordBatch::try_from_iter(
                table
                    .batch
                    .schema()
                    .fields()
                    .iter()
                    .map(|f| f.name().clone())
                    .zip(table.batch.columns().iter().cloned())
                    .chain([
                        ("predicted".to_owned(), classes.clone()),
                        (
                            "p_false".to_owned(),
                            Arc::new(mlsys_core::arrow::array::Float64Array::from_iter_values(
                                positive.iter().map(|p| 1.0 - p),
                            )) as _,
                        ),
                        (
                            "p_true".to_owned(),
                            Arc::new(mlsys_core::arrow::array::Float64Array::from(positive.clone())) as _,
                        ),
                    ]),
            )?;
            close(&sorted(batch), &sorted(&expected));
        }
        Ok(())
    })
}

#[test]
fn a_step_runs_once_and_reads_only_its_columns() -> Result<()> {
    run(async {
        let table = Table::new();
        let model =
            Arc::new(StandardScaler::new().on(Columns::named(["number", "count"])).fit(&train(&table)?)?);
        let scaled = transform_on(model, &frame(&table, 3).await?)?.into_query();
        let plan = scaled
            .select_columns(&["number", "count", "word"])
            .unwrap()
            .create_physical_plan()
            .await
            .unwrap();
        let plan =
            mlsys_datafusion::datafusion::physical_plan::displayable(plan.as_ref()).indent(true).to_string();
        assert_eq!(plan.matches("mlsys_apply(").count(), 1, "{plan}");
        assert!(!plan.contains("value"), "{plan}");
        Ok(())
    })
}

#[test]
fn two_models_of_the_same_columns_are_two() -> Result<()> {
    run(async {
        let table = Table::new();
        let model = |l2: f64| -> Result<Arc<_>> {
            let data = table.data().target("label")?.select(["value", "team", "label"])?.into_train_all();
            Ok(Arc::new(LogisticRegression::new().l2(l2).fit(&data)?))
        };
        let (one, two) = (model(1.0)?, model(1e6)?);
        let rows = predict_proba_on(one.clone(), &table.frame(3).await?, "one_")?;
        let rows = predict_proba_on(two.clone(), &rows, "two_")?.collect().await?;
        let column = |name: &str| rows.column(name).unwrap().as_primitive::<Float64Type>().values().to_vec();
        assert_eq!(column("one_true"), one.predict_proba(rows.batch())?.positive());
        assert_eq!(column("two_true"), two.predict_proba(rows.batch())?.positive());
        assert_ne!(column("one_true"), column("two_true"));
        Ok(())
    })
}

/// Clips all numbers, and does not say which columns it reads.
#[derive(Debug)]
struct Clip;

impl Artifact for Clip {}

impl Transform for Clip {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let clipped = batch.columns().iter().map(|column| match column.as_primitive_opt::<Float64Type>() {
            Some(numbers) => Arc::new(numbers.unary::<_, Float64Type>(|x| x.clamp(-1.0, 1.0))) as ArrayRef,
            None => Arc::clone(column),
        });
        Ok(RecordBatch::try_new(batch.schema(), clipped.collect())?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        Ok(Arc::new(input.clone()))
    }
}

#[test]
fn what_does_not_say_what_it_reads_gets_all() -> Result<()> {
    run(async {
        let table = Table::new();
        let rows = table.data().target("label")?.select(["number", "value", "label"])?;
        let frame = Frame::new(
            table.frame(3).await?.into_query().select_columns(&["number", "value", "label"]).unwrap(),
        )?;
        let all = rows.batch();
        let found = transform_on(Arc::new(Clip), &frame)?.collect().await?;
        close(&sorted(found.batch()), &sorted(&Clip.transform(all)?));

        let rule = Rule::probability(|batch| {
            let value = column::floats("value", column::find(batch, "value")?)?;
            Ok(value.iter().map(|&x| if x > 0.0 { 0.75 } else { 0.25 }).collect())
        });
        let rule = Arc::new(rule.fit(&rows.into_train_all())?);
        let found = predict_proba_on(rule.clone(), &frame, "p_")?.collect().await?;
        let positive = found.column("p_true")?.as_primitive::<Float64Type>().values().to_vec();
        assert_eq!(positive, rule.predict_proba(found.batch())?.positive());
        assert!(positive.contains(&0.25) && positive.contains(&0.75));
        // A prediction and a probability of what cannot be written are two things.
        let both =
            predict_on(rule.clone(), &predict_proba_on(rule.clone(), &frame, "p_")?, "c")?.collect().await?;
        assert_eq!(
            both.column("c")?.as_boolean().value(3),
            both.column("p_true")?.as_primitive::<Float64Type>().value(3) > 0.5
        );

        let twice = predict_proba_on(rule.clone(), &predict_proba_on(rule, &frame, "p_")?, "p_");
        assert!(
            matches!(twice.err().unwrap().kind(), ErrorKind::DuplicateColumn { name } if name.starts_with("p_"))
        );
        Ok(())
    })
}
