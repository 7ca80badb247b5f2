//! Every statistic and one-pass recipe is in the catalogue, and does there what it does by its type; chains fit in passes
//! as in memory.
#![cfg(all(feature = "stats", feature = "sampling", feature = "encoding", feature = "missing-values"))]
#![allow(clippy::unwrap_used)]

mod sources;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mlsys::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlsys::artifact::Artifact;
use mlsys::core::portable::{AnyStatistic, PortableStatistic};
use mlsys::core::{FitByPasses, Layout, Scan};
use mlsys::encoding::text::{Analyzer, CountVectorizer, HashingVectorizer, TfidfVectorizer, Unit};
use mlsys::encoding::{
    CalendarEncoder, CalendarPart, Code, Contrast, ContrastEncoder, CyclicalEncoder, Period,
    PolynomialFeatures, RareGrouper, Sign, SplineTransformer,
};
use mlsys::encoding::{CategoryCross, CooccurrenceEncoder, Kept, Since, TimeSince};
use mlsys::encoding::{FourierFeatures, LshEncoder, LshFamily, MinHashEncoder, PositionEncoder, Waves};
use mlsys::missing_values::{EndOfTailImputer, RandomDonorImputer, TailEnd};
use mlsys::neighbors::lsh::SimHash;
use mlsys::prelude::*;
use proptest::prelude::*;
use serde_json::json;
use sources::implementations;

const CRATES: [&str; 8] =
    ["encoding", "eval", "imbalance", "missing-values", "mlsys", "models", "sampling", "stats"];

fn table(rows: usize) -> RecordBatch {
    let every = |n: usize| (0..rows).map(move |i| (i % n != n - 1).then_some(i));
    let late: Vec<bool> = (0..rows).map(|i| i % 3 == 0).collect();
    let columns: [(&str, ArrayRef); 7] = [
        ("x", Arc::new(every(7).map(|i| i.map(|i| (i % 13) as f64 * 0.7)).collect::<Float64Array>())),
        ("n", Arc::new(every(9).map(|i| i.map(|i| i as i64 % 5)).collect::<Int64Array>())),
        ("word", Arc::new(every(8).map(|i| i.map(|i| ["a", "b", "c"][i % 3])).collect::<StringArray>())),
        ("other", Arc::new(every(11).map(|i| i.map(|i| ["u", "v"][i % 2])).collect::<StringArray>())),
        ("at", Arc::new(TimestampSecondArray::from_iter_values((0..rows as i64).map(|i| i % 4 * 60)))),
        ("w", Arc::new((0..rows).map(|i| Some((i % 3) as f64 + 0.5)).collect::<Float64Array>())),
        ("late", Arc::new(BooleanArray::from(late))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn train(batch: RecordBatch) -> Dataset<Train> {
    let data = Dataset::new(batch).unwrap().target("late").unwrap();
    data.weight("w").unwrap().ignore(["at"]).unwrap().into_train_all()
}

#[test]
fn nothing_is_forgotten() {
    let catalogue = mlsys::catalogue();
    let mut statistics = implementations(&CRATES, &["Statistic", "ColumnStatistic"]);
    // The statistics of a column are in the catalogue through it.
    assert!(statistics.remove("PerColumn<S>"));
    // It is private: of the bins of trees, whose recipe goes over the rows again and again after it.
    assert!(statistics.remove("ValueCounts"));
    let statistics: BTreeSet<String> = statistics.into_iter().map(|name| format!("mlsys.{name}")).collect();
    let known: BTreeSet<String> = catalogue.statistics().map(str::to_owned).collect();
    assert_eq!(statistics, known, "statistics in the sources, and in the catalogue");
    let recipes: BTreeSet<String> = catalogue.recipes().map(str::to_owned).collect();
    assert_eq!(implementations(&CRATES, &["FitByStatistic"]), recipes, "recipes in the sources, and known");
    assert!(known.iter().all(|name| catalogue.agreement(name).is_some()));
}

/// The recipe that is loaded from these parameters is the typed one: fitted at once, and from the bytes of a state.
fn same<R>(known: &mut BTreeSet<&'static str>, name: &'static str, parameters: serde_json::Value, typed: R)
where
    R: FitByStatistic<Statistic: PortableStatistic, Fitted: Artifact>,
{
    known.insert(name);
    let (catalogue, train) = (mlsys::catalogue(), train(table(500)));
    // Times are ignored but by what is for them.
    let train = if ["CalendarEncoder", "TimeSince"].contains(&name) {
        train.with_role("at", Role::Feature).unwrap()
    } else {
        train
    };
    let expected = artifact::to_bytes(&typed.fit(&train).unwrap()).unwrap();
    let loaded = catalogue.load_recipe(name, &parameters).unwrap_or_else(|e| panic!("{name}: {e}"));
    let fitted = artifact::to_bytes(&loaded.fit(&train).unwrap()).unwrap();
    assert!(fitted == expected, "{name}: fits to other bytes");

    let statistic = loaded.statistic(train.layout()).unwrap();
    let by_type = AnyStatistic::of(&typed.statistic(train.layout()).unwrap()).unwrap();
    assert_eq!(statistic, by_type, "{name}");
    let there = AnyStatistic::from_bytes(statistic.to_bytes(), &catalogue).unwrap();
    let mut state = there.init(&train.schema()).unwrap();
    there.update(&mut state, train.batch()).unwrap();
    let fitted = loaded.fitted(train.layout(), &there.state_bytes(&state).unwrap()).unwrap();
    assert!(artifact::to_bytes(&fitted).unwrap() == expected, "{name}: the state fits to other bytes");
}

#[test]
fn recipes_are_those_of_their_types() {
    let mut known = BTreeSet::new();
    let known = &mut known;
    same(known, "OneHotEncoder", json!({}), OneHotEncoder::new());
    let rare = json!({ "min_frequency": { "count": 100 }, "unseen": "ignore" });
    same(known, "OneHotEncoder", rare, OneHotEncoder::new().min_frequency(100).unseen(Unseen::Ignore));
    same(known, "OrdinalEncoder", json!({}), OrdinalEncoder::new());
    same(
        known,
        "CalendarEncoder",
        json!({ "parts": ["hour"] }),
        CalendarEncoder::new().parts([CalendarPart::Hour]),
    );
    same(
        known,
        "CyclicalEncoder",
        json!({ "period": { "of": 24.0 } }),
        CyclicalEncoder::new(Period::Of(24.0)),
    );
    let crosses = CategoryCross::new([["word", "n"]]).kept(Kept::Buckets(8));
    same(known, "CategoryCross", json!({ "crosses": [["word", "n"]], "kept": { "buckets": 8 } }), crosses);
    same(known, "TimeSince", json!({ "since": { "instant": 7 } }), TimeSince::new(Since::Instant(7)));
    let kernel = FourierFeatures::new(Waves::Kernel { gamma: 0.5 });
    same(known, "FourierFeatures", json!({ "waves": { "kernel": { "gamma": 0.5 } } }), kernel);
    let near = LshEncoder::new(LshFamily::Angle(SimHash::new(2, 3)));
    same(known, "LshEncoder", json!({ "hash": { "angle": { "bands": 2, "rows": 3 } } }), near);
    same(known, "MinHashEncoder", json!({ "components": 3 }), MinHashEncoder::new().components(3));
    same(known, "PositionEncoder", json!({ "dimensions": 4 }), PositionEncoder::new().dimensions(4));
    same(known, "CooccurrenceEncoder", json!({ "dimensions": 2 }), CooccurrenceEncoder::new().dimensions(2));
    same(known, "PolynomialFeatures", json!({ "degree": 3 }), PolynomialFeatures::new().degree(3));
    same(known, "RareGrouper", json!({ "label": "rare" }), RareGrouper::new().label("rare"));
    same(known, "SplineTransformer", json!({ "knots": 4 }), SplineTransformer::new().knots(4));
    same(known, "BinaryEncoder", json!({ "code": "gray" }), BinaryEncoder::new().code(Code::Gray));
    let sums = json!({ "contrast": "sum" });
    same(known, "ContrastEncoder", sums, ContrastEncoder::new(Contrast::Sum));
    same(known, "CountEncoder", json!({ "missing": "zeros" }), CountEncoder::new().missing(MissingAs::Zeros));
    let pairs =
        json!({ "analyzer": { "unit": "characters", "n_grams": [1, 2] }, "choice": { "max_tokens": 9 } });
    let letters = Analyzer::new().unit(Unit::Characters);
    let recipe = CountVectorizer::new().analyzer(letters.n_grams(1, 2)).max_tokens(9);
    same(known, "CountVectorizer", pairs, recipe);
    same(known, "FeatureHasher", json!({ "n_features": 64 }), FeatureHasher::new().n_features(64));
    same(known, "HashingVectorizer", json!({ "sign": "keep" }), HashingVectorizer::new().sign(Sign::Keep));
    same(
        known,
        "TfidfVectorizer",
        json!({ "analyzer": { "unit": "characters" }, "sublinear": true }),
        TfidfVectorizer::new().analyzer(letters).sublinear(true),
    );
    same(known, "StandardScaler", json!({}), StandardScaler::new());
    same(known, "MaxAbsScaler", json!({}), MaxAbsScaler::new());
    let wide = json!({ "range": [-1.0, 1.0], "clip": true });
    same(known, "MinMaxScaler", wide, MinMaxScaler::new().range(-1.0, 1.0).clip(true));
    let wide = json!({ "between": [0.1, 0.9], "center": false });
    same(known, "RobustScaler", wide, RobustScaler::new().between(0.1, 0.9).center(false));
    let nine = json!({ "n_quantiles": 9 });
    same(known, "QuantileTransformer", nine, QuantileTransformer::new().n_quantiles(9));
    let width = json!({ "by": "equal_width", "bins": 4 });
    same(known, "Binner", width, Binner::new().by(BinBy::EqualWidth).bins(4));
    same(known, "Binner", json!({}), Binner::new());
    same(known, "Normalizer", json!({ "norm": "l1" }), Normalizer::new().norm(mlsys::encoding::Norm::L1));
    let gaussian = Winsorizer::new().by(mlsys::encoding::CapBy::Gaussian(2.0));
    same(known, "Winsorizer", json!({ "by": { "gaussian": 2.0 } }), gaussian);
    same(known, "Winsorizer", json!({}), Winsorizer::new());
    let plain = json!({ "standardize": false });
    same(known, "PowerTransformer", plain, PowerTransformer::new().standardize(false));
    let constant = |value| json!({ "value": value });
    same(known, "MissingThreshold", json!({ "max_share": 0.1 }), MissingThreshold::new(0.1));
    same(known, "ConstantImputer", constant(json!({ "int": 3 })), ConstantImputer::new(3));
    same(known, "ConstantImputer", constant(json!({ "text": "?" })), ConstantImputer::new("?"));
    same(known, "EndOfTailImputer", json!({ "end": "iqr" }), EndOfTailImputer::new().end(TailEnd::Iqr));
    same(known, "RandomDonorImputer", json!({ "seed": 4 }), RandomDonorImputer::new().seed(4));
    same(known, "MeanImputer", json!({}), MeanImputer::new());
    let all = MeanImputer::new().indicators(Indicators::All);
    same(known, "MeanImputer", json!({ "indicators": "all" }), all);
    same(known, "MedianImputer", json!({}), MedianImputer::new());
    let exact = MedianImputer::new().quantiles(Quantiles::new().exact_up_to(50));
    same(known, "MedianImputer", json!({ "quantiles": { "exact_up_to": 50 } }), exact);
    same(known, "MostFrequentImputer", json!({}), MostFrequentImputer::new());
    assert_eq!(*known, mlsys::catalogue().recipes().collect(), "recipes compared, and those known");
}

#[test]
fn what_is_not_known_or_does_not_fit_says_so() {
    let catalogue = mlsys::catalogue();
    let load = |name: &str, parameters| catalogue.load_recipe(name, &parameters).unwrap_err().to_string();
    for (error, parts) in [
        (load("MeanInputer", json!({})), ["`MeanInputer`", "MeanImputer, MedianImputer"]),
        (load("MeanImputer", json!({ "indicator": "all" })), ["loading MeanImputer", "`indicator`"]),
        (load("MeanImputer", json!({ "indicators": "some" })), ["loading MeanImputer", "`some`"]),
        (load("MedianImputer", json!({ "quantiles": { "K": 9 } })), ["loading MedianImputer", "`K`"]),
        (load("OneHotEncoder", json!({ "max_distinct": -1 })), ["loading OneHotEncoder", "-1"]),
        (load("OneHotEncoder", json!("all")), ["loading OneHotEncoder", "all"]),
        (load("ConstantImputer", json!({})), ["loading ConstantImputer", "`value`"]),
    ] {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    // Values out of range are refused where they are used, as by the typed recipe.
    let none = catalogue.load_recipe("MostFrequentImputer", &json!({ "max_distinct": 0 })).unwrap();
    let error = none.statistic(train(table(9)).layout()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParameter { .. }), "{error}");
    // The state of another recipe.
    let (layout, mean) = (train(table(9)), catalogue.load_recipe("MeanImputer", &json!({})).unwrap());
    let statistic = AnyStatistic::of(&Missing::new().over(["x"])).unwrap();
    let state = statistic.state_bytes(&statistic.init(&layout.schema()).unwrap()).unwrap();
    let error = mean.fitted(layout.layout(), &state).err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::State { .. }), "{error}");
}

/// Training rows in memory that are read as an engine reads its own: by states that travel as bytes, and anew for each
/// step.
#[derive(Clone)]
struct Passes(Dataset<Train>);

impl Scan for Passes {
    fn layout(&self) -> &Layout {
        self.0.layout()
    }

    fn with_layout(&self, layout: Layout) -> Self {
        Self(Dataset::under(&layout, self.0.batch().clone()).unwrap().into_train_all())
    }

    async fn summarize<S: PortableStatistic>(&self, statistic: &S) -> Result<S::Output> {
        let any = AnyStatistic::of(statistic)?;
        let mut state = any.init(&self.0.schema())?;
        any.update(&mut state, self.0.batch())?;
        statistic.finish(&statistic.state_from_bytes(&any.state_bytes(&state)?)?)
    }

    fn apply(&self, step: Arc<dyn Transform>) -> Result<Self> {
        Ok(Self(self.0.apply(step.as_ref())?))
    }
}

/// Runs a future that waits for nothing.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(found) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return found;
        }
    }
}

/// Equal bytes, or the same error; says which.
fn fit_both_ways<R>(recipe: &R, train: &Dataset<Train>) -> std::result::Result<bool, TestCaseError>
where
    R: Fit<Fitted: Artifact> + FitByPasses<Fitted: Artifact>,
{
    let whole = recipe.fit(train).map(|fitted| artifact::to_bytes(&fitted).unwrap());
    let passes = block_on(recipe.fit_passes(&Passes(train.clone())));
    let passes = passes.map(|fitted| artifact::to_bytes(&fitted).unwrap());
    match (whole, passes) {
        (Ok(whole), Ok(passes)) => {
            prop_assert!(whole == passes, "other bytes");
            Ok(true)
        }
        (whole, passes) => {
            let errors = [whole, passes].map(|found| found.map(|_| ()).map_err(|e| e.to_string()));
            prop_assert!(errors[0] == errors[1], "{errors:?}");
            Ok(false)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chains_fit_in_passes_as_in_memory(
        rows in 0..400_usize, from in 0..50_usize, bad in proptest::option::of(0..400_usize),
    ) {
        let mut columns = table(from + rows).columns().to_vec();
        if let Some(row) = bad {
            let infinite = (0..from + rows).map(|i| Some(if i == row { f64::INFINITY } else { i as f64 }));
            columns[0] = Arc::new(infinite.collect::<Float64Array>());
        }
        let batch = RecordBatch::try_new(table(0).schema(), columns).unwrap().slice(from, rows);
        let train = train(batch);
        let imputer = || MedianImputer::new().indicators(Indicators::All).on(Columns::numeric());
        let words = || MostFrequentImputer::new().on(["word"]);
        let encoded = words().then(OneHotEncoder::new().min_frequency(20).on(["word"]));
        let left = imputer().then(words()).then(OrdinalEncoder::new()).then(StandardScaler::new());
        let fitted = [
            fit_both_ways(&StandardScaler::new(), &train)?,
            fit_both_ways(&imputer().then(StandardScaler::new().on(["x"])), &train)?,
            fit_both_ways(&imputer().then(encoded), &train)?,
            fit_both_ways(&left.on(Columns::except(["n"])), &train)?,
            fit_both_ways(&MeanImputer::new().then(ConstantImputer::new("?").on(["word"])), &train)?,
        ];
        let bad = bad.is_some_and(|row| (from..from + rows).contains(&row));
        prop_assert!(bad || rows < 20 || fitted == [true; 5], "{fitted:?}");
        prop_assert!(!bad || fitted == [false; 5], "{fitted:?}");
    }
}
