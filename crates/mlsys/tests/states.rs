//! The bytes of a statistic's recipe and state may come from anyone: what is wrong with them is an error, never a panic,
//! a hang or memory without bound.
#![cfg(all(feature = "stats", feature = "sampling", feature = "encoding", feature = "missing-values"))]
#![allow(clippy::unwrap_used)]

#[path = "states/envelope.rs"]
mod envelope;
#[path = "states/recipes.rs"]
mod recipes;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ciborium::Value;
use envelope::{Envelope, PREFIX, encode, field, mutate, seal};
use mlsys::arrow::array::{ArrayRef, Float64Array, RecordBatch, new_null_array};
use mlsys::core::portable::{AnyStatistic, PortableStatistic};
use mlsys::core::statistic::state_of;
use mlsys::core::{Catalogue, Layout, seed};
use mlsys::prelude::*;
use mlsys::rand::rngs::ChaCha8Rng;
use mlsys::sampling::sample::BottomK;
use mlsys::stats::{Covariance, Distinct, Histogram, PerColumn};
use recipes::{Visit, all, table};

/// Changed states of each statistic and variant.
const MUTATIONS: u64 = 10_000;
/// What one of them may take, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(10);

/// The typed state as bytes, by way of the untyped one.
fn bytes_of<S: PortableStatistic>(recipe: &S, batch: &RecordBatch) -> (AnyStatistic, Vec<u8>) {
    let any = AnyStatistic::of(recipe).unwrap();
    let mut state = any.init(batch.schema_ref()).unwrap();
    any.update(&mut state, batch).unwrap();
    let bytes = any.state_bytes(&state).unwrap();
    (any, bytes)
}

/// All the memory that the process ever asked for counts, used or not.
fn check_memory() {
    if let Ok(text) = std::fs::read_to_string("/proc/self/status") {
        let line = text.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
        let kilobytes: u64 = line.trim().split(' ').next().unwrap().parse().unwrap();
        assert!(kilobytes < 4 << 20, "asked for {kilobytes} kB");
    }
}

/// Runs something that must not panic, take long, or take much memory.
fn bear<T>(what: &dyn Fn() -> String, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let found = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("panics: {}", what()));
    assert!(start.elapsed() < PATIENCE, "takes {:?}: {}", start.elapsed(), what());
    found
}

/// A state changed at random, sealed so that it gets as far as it can; half of them by their tree, some by their bytes.
fn changed(valid: &Envelope, from: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let times = 1 + seed::below(3, rng);
    if seed::below(8, rng) == 0 {
        let mut body = valid.seal();
        body.truncate(body.len() - 8);
        body.drain(..PREFIX);
        for _ in 0..times {
            let at = seed::below(body.len() as u64, rng) as usize;
            body[at] = seed::below(256, rng) as u8;
        }
        return seal(&body);
    }
    let mut envelope = valid.clone();
    for _ in 0..times {
        let step = from + seed::below((envelope.steps.len() - from) as u64, rng) as usize;
        mutate(&mut envelope.steps[step], rng);
    }
    envelope.seal()
}

/// A statistic whose states are attacked.
struct Target<'a, S: PortableStatistic> {
    recipe: &'a S,
    any: &'a AnyStatistic,
    batch: &'a RecordBatch,
    read: fn(&S::Output),
}

impl<S: PortableStatistic> Target<'_, S> {
    fn finish(&self, state: &S::State) {
        if let Ok(output) = self.recipe.finish(state) {
            (self.read)(&output);
        }
    }

    /// Does all that can be done with a state; also with what an error leaves behind.
    fn use_all(&self, bytes: &[u8], others: &[S::State]) -> Option<S::State> {
        let Ok(state) = self.recipe.state_from_bytes(bytes) else {
            assert!(self.any.state_from_bytes(bytes).is_err(), "both ways to a state check it");
            return None;
        };
        self.finish(&state);
        let mut updated = state.clone();
        let _ = self.recipe.update(&mut updated, self.batch);
        self.finish(&updated);
        for other in others {
            for (into, from) in [(other, &state), (&state, other)] {
                let mut into = into.clone();
                let _ = self.recipe.merge(&mut into, from.clone());
                self.finish(&into);
                let _ = self.recipe.update(&mut into, self.batch);
                self.finish(&into);
            }
        }
        let read = || self.any.state_from_bytes(bytes).unwrap();
        let mut into = self.any.init(self.batch.schema_ref()).unwrap();
        let _ = self.any.merge(&mut into, read());
        let _ = self.any.merge(&mut into, read());
        let _ = self.any.update(&mut into, self.batch);
        self.any.state_bytes(&into).unwrap();
        Some(state)
    }
}

/// Changes the states of each statistic.
struct Attack {
    batch: RecordBatch,
    attacked: BTreeSet<String>,
}

impl Visit for Attack {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, read: fn(&S::Output)) {
        let (any, bytes) = bytes_of(&recipe, &self.batch);
        let described = mlsys::artifact::describe(any.to_bytes()).unwrap();
        self.attacked.extend(described.steps.into_iter().map(|(name, _)| name));
        let target = Target { recipe: &recipe, any: &any, batch: &self.batch, read };
        let mut others =
            vec![recipe.init(self.batch.schema_ref()).unwrap(), state_of(&recipe, &self.batch).unwrap()];
        assert!(target.use_all(&bytes, &others).is_some(), "{name}: its own state");
        let valid = Envelope::open(&bytes);
        assert!(valid.seal() == bytes, "{name}: taken apart and sealed again");
        let mut rng = seed::named(7, name);
        let mut accepted = 0;
        for i in 0..MUTATIONS {
            let bytes = changed(&valid, 1, &mut rng);
            let what = || format!("{name}, change {i}: {:?}", Envelope::open(&bytes).steps);
            if let Some(state) = bear(&what, || target.use_all(&bytes, &others)) {
                accepted += 1;
                // What got through meets what gets through next.
                others.truncate(2);
                others.push(state);
            }
        }
        assert!(accepted > 0, "{name}: changes must reach what is behind the checks");
    }
}

#[test]
fn changed_states_are_errors_or_results() {
    let mut attack = Attack { batch: table(60), attacked: BTreeSet::new() };
    all(&mut attack);
    let known: BTreeSet<String> = mlsys::catalogue().statistics().map(str::to_owned).collect();
    assert_eq!(attack.attacked, known, "statistics that are attacked, and those of the catalogue");
    check_memory();
}

/// Cuts and flips the bytes of each recipe and state.
struct Damage(RecordBatch);

impl Visit for Damage {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, _: fn(&S::Output)) {
        let (any, state) = bytes_of(&recipe, &self.0);
        let catalogue = mlsys::catalogue();
        let refused = |bytes: &[u8], what: &str, at: usize| {
            let state = (recipe.state_from_bytes(bytes).is_err(), any.state_from_bytes(bytes).is_err());
            let of_recipe = AnyStatistic::from_bytes(bytes, &catalogue).is_err();
            assert!(state == (true, true) && of_recipe, "{name}: {what} at {at}");
        };
        for bytes in [state.as_slice(), any.to_bytes()] {
            (0..bytes.len()).for_each(|end| refused(&bytes[..end], "cut off", end));
            let mut flipped = bytes.to_vec();
            for at in 0..bytes.len() {
                flipped[at] ^= 1 << (at % 8);
                refused(&flipped, "flipped", at);
                flipped[at] = bytes[at];
            }
            refused(&[bytes, &[0]].concat(), "longer", bytes.len());
        }
    }
}

#[test]
fn damage_is_seen_at_every_byte() {
    all(&mut Damage(table(12)));
}

/// Changes the recipes.
struct Recipes {
    batch: RecordBatch,
    loaded: usize,
}

impl Visit for Recipes {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, _: fn(&S::Output)) {
        let (any, state) = bytes_of(&recipe, &self.batch);
        let (valid, state) = (Envelope::open(any.to_bytes()), Envelope::open(&state));
        let (catalogue, schema) = (mlsys::catalogue(), self.batch.schema());
        assert_eq!(AnyStatistic::from_bytes(any.to_bytes(), &catalogue).unwrap(), any, "{name}");
        let mut rng = seed::named(8, name);
        for i in 0..MUTATIONS / 4 {
            let bytes = changed(&valid, 0, &mut rng);
            let what = || format!("{name}, changed recipe {i}: {:?}", Envelope::open(&bytes).steps);
            self.loaded += usize::from(bear(&what, || {
                let Ok(any) = AnyStatistic::from_bytes(&bytes, &catalogue) else { return false };
                // A state of other parameters that says it is of these, without `init` to check them.
                let mut claimed = state.clone();
                *field(&mut claimed.steps[0], "recipe") = Value::from(any.fingerprint());
                let claimed = claimed.seal();
                if let (Ok(mut into), Ok(from)) =
                    (any.state_from_bytes(&claimed), any.state_from_bytes(&claimed))
                {
                    let _ = any.merge(&mut into, from);
                    let _ = any.update(&mut into, &self.batch);
                    any.state_bytes(&into).unwrap();
                }
                let Ok(mut own) = any.init(&schema) else { return true };
                if any.update(&mut own, &self.batch).is_ok() {
                    let written = any.state_bytes(&own).unwrap();
                    let read = any.state_from_bytes(&written);
                    assert!(read.is_ok(), "reads what it wrote: {read:?}");
                }
                if let Ok(from) = any.state_from_bytes(&claimed) {
                    let _ = any.merge(&mut own, from);
                }
                true
            }));
        }
    }
}

#[test]
fn changed_recipes_are_errors_or_results() {
    let mut recipes = Recipes { batch: table(60), loaded: 0 };
    all(&mut recipes);
    assert!(recipes.loaded > 5_000, "changes must reach what is behind the decoders: {}", recipes.loaded);
    check_memory();
}

/// Sends true states through bytes.
struct Honest(Vec<RecordBatch>);

impl Visit for Honest {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, read: fn(&S::Output)) {
        let any = AnyStatistic::of(&recipe).unwrap();
        let mut all = any.init(self.0[0].schema_ref()).unwrap();
        let mut typed = recipe.init(self.0[0].schema_ref()).unwrap();
        for batch in &self.0 {
            let mut state = any.init(batch.schema_ref()).unwrap();
            // Infinite values are refused by some.
            if any.update(&mut state, batch).is_err() {
                continue;
            }
            let bytes = any.state_bytes(&state).unwrap();
            let back = any.state_from_bytes(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(any.state_bytes(&back).unwrap() == bytes, "{name}: changed on the way");
            any.merge(&mut all, back).unwrap();
            recipe.merge(&mut typed, recipe.state_from_bytes(&bytes).unwrap()).unwrap();
            let merged = any.state_bytes(&all).unwrap();
            let back = recipe.state_from_bytes(&merged).unwrap_or_else(|e| panic!("{name}, merged: {e}"));
            if let (Ok(back), Ok(typed)) = (recipe.finish(&back), recipe.finish(&typed)) {
                read(&back);
                read(&typed);
            }
        }
    }
}

#[test]
fn true_states_are_read() {
    let with = |batch: &RecordBatch, value: f64| {
        let column: ArrayRef = Arc::new(Float64Array::from_iter_values(
            (0..batch.num_rows()).map(|i| if i % 3 == 0 { value } else { i as f64 - value }),
        ));
        let mut columns = batch.columns().to_vec();
        columns[0] = column;
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    };
    let small = table(60);
    let nulls = small.schema().fields().iter().map(|f| new_null_array(f.data_type(), 9)).collect();
    let mut batches = vec![table(0), table(1), small.clone(), table(700)];
    batches.extend([1e300, -1e154, 5e-324, f64::INFINITY, f64::NAN, 1e17].map(|value| with(&small, value)));
    batches.push(RecordBatch::try_new(small.schema(), nulls).unwrap());
    // All rows of one value, and of the weight zero.
    batches.push(small.slice(0, 1));
    all(&mut Honest(batches));
}

/// Data that claims to be more than it is, for any state and any recipe.
struct Bombs(RecordBatch);

impl Visit for Bombs {
    fn visit<S: PortableStatistic<Output: Send>>(&mut self, name: &str, recipe: S, _: fn(&S::Output)) {
        let (any, state) = bytes_of(&recipe, &self.0);
        let (state, of_recipe) = (Envelope::open(&state), Envelope::open(any.to_bytes()));
        let bytes = |first: u8| [&[first], &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..]].concat();
        // Bytes, text, an array and a map of 2^63 items; a million arrays in one another; arrays of claims.
        let mut bombs = [0x5b, 0x7b, 0x9b, 0xbb].map(bytes).to_vec();
        bombs.push(vec![0x81; 1_000_000]);
        bombs.push([vec![0x98, 200], bytes(0x9b).repeat(200)].concat());
        bombs.push([vec![0xa1, 0x67], b"columns".to_vec(), bytes(0x9b)].concat());
        for bomb in bombs {
            let what = || format!("{name}: {:x?}", &bomb[..9]);
            let mut steps: Vec<Vec<u8>> = state.steps.iter().map(encode).collect();
            steps[1] = bomb.clone();
            assert!(bear(&what, || any.state_from_bytes(&state.seal_raw(&steps)).is_err()), "{}", what());
            let mut steps: Vec<Vec<u8>> = of_recipe.steps.iter().map(encode).collect();
            steps[0] = bomb.clone();
            let bytes = of_recipe.seal_raw(&steps);
            let load = || AnyStatistic::from_bytes(&bytes, &mlsys::catalogue()).is_err();
            assert!(bear(&what, load), "{}", what());
        }
    }
}

#[test]
fn claims_are_not_believed() {
    all(&mut Bombs(table(12)));
    check_memory();
}

#[test]
fn small_states_and_recipes_do_not_cost_much() {
    let batch = table(60);
    // A value that is added would visit each of a million levels.
    let recipe = Quantiles::new().exact_up_to(4).k(8).over(["x"]);
    let (any, bytes) = bytes_of(&recipe, &batch);
    let mut state = Envelope::open(&bytes);
    let sketch = field(&mut state.steps[1].as_array_mut().unwrap()[0], "sketch");
    field(sketch, "levels").as_array_mut().unwrap().resize(1_000_000, Value::Array(Vec::new()));
    let refused = bear(&|| "levels".into(), || any.state_from_bytes(&state.seal()));
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::State { .. }));

    // The state of a column that is named again and again would be there as often.
    let many = || vec!["x"; 300_000];
    let edges = Histogram::with_edges((0..50_000).map(f64::from));
    let repeated = [
        AnyStatistic::of(&Covariance::of(many())).unwrap(),
        AnyStatistic::of(&edges.over(many())).unwrap(),
        AnyStatistic::of(&many().into_iter().fold(BottomK::new("x", 1), BottomK::and)).unwrap(),
    ];
    for any in repeated {
        let any = AnyStatistic::from_bytes(any.to_bytes(), &mlsys::catalogue()).unwrap();
        let error = bear(&|| "columns".into(), || any.init(batch.schema_ref())).unwrap_err();
        assert!(error.to_string().contains("each column once"), "{error}");
    }
    // So would the statistics of a very long tuple.
    let mut bytes = Envelope::open(AnyStatistic::of(&Profile::new()).unwrap().to_bytes());
    let step = field(&mut bytes.header, "steps").as_array_mut().unwrap()[0].clone();
    field(&mut bytes.header, "steps").as_array_mut().unwrap().resize(5_000, step);
    bytes.steps = vec![bytes.steps[0].clone(); 5_000];
    let error = AnyStatistic::from_bytes(&bytes.seal(), &mlsys::catalogue()).unwrap_err();
    assert!(error.to_string().contains("5000 statistics, at most"), "{error}");
    check_memory();
}

#[test]
fn states_of_others_are_refused_naming_both() {
    let (batch, catalogue) = (table(60), mlsys::catalogue());
    let of = |edges: [f64; 3], column: &str| Histogram::with_edges(edges).over([column]);
    let (any, bytes) = bytes_of(&of([0.0, 1.0, 2.0], "x"), &batch);
    let others: [PerColumn<Histogram>; 2] = [of([0.0, 1.0, 3.0], "x"), of([0.0, 1.0, 2.0], "n")];
    for other in others {
        let fingerprint = AnyStatistic::of(&other).unwrap().fingerprint();
        let error = other.state_from_bytes(&bytes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::State { .. }), "{error}");
        for name in [any.fingerprint(), fingerprint] {
            assert!(error.to_string().contains(&format!("{name:016x}")), "{error}");
        }
    }
    let profile = |name: &str| {
        let columns = RecordBatch::try_from_iter([(name, batch.column(0).clone())]).unwrap();
        (state_of(&Profile::new(), &columns).unwrap(), columns)
    };
    let ((mut state, _), (other, columns)) = (profile("x"), profile("y"));
    let error = Profile::new().merge(&mut state, other).unwrap_err().to_string();
    assert!(error.contains("x Float64") && error.contains("y Float64"), "{error}");
    let error = Profile::new().update(&mut state, &columns).unwrap_err().to_string();
    assert!(error.contains("`x`") && error.contains("`y`"), "{error}");

    // States that never were bytes.
    let pair = AnyStatistic::of(&(Missing::new().over(["x"]), Missing::new().over(["n"]))).unwrap();
    let [mut one, two] = [&any, &pair].map(|any| any.init(batch.schema_ref()).unwrap());
    for error in [any.state_bytes(&two).unwrap_err(), any.merge(&mut one, two).unwrap_err()] {
        assert!(error.to_string().contains("1 parts") && error.to_string().contains("of 2"), "{error}");
    }
    let one_missing = AnyStatistic::of(&Missing::new().over(["x"])).unwrap();
    let error = one_missing.update(&mut one, &batch).unwrap_err();
    assert!(error.to_string().contains("mlsys.Missing"), "{error}");

    let error = AnyStatistic::from_bytes(any.to_bytes(), &Catalogue::new()).unwrap_err();
    assert!(error.to_string().contains("mlsys.Histogram"), "{error}");
    let mut unknown = Envelope::open(any.to_bytes());
    *unknown.step_field(0, "name") = Value::from("acme.Bars\u{1b}");
    let error = AnyStatistic::from_bytes(&unknown.seal(), &catalogue).unwrap_err().to_string();
    assert!(error.contains("acme.Bars?") && error.contains("not in this process's catalogue"), "{error}");
}

#[test]
fn newer_versions_say_what_to_do() {
    let (any, bytes) = bytes_of(&Distinct::new().over(["word"]), &table(60));
    for step in [0, 1] {
        let mut newer = Envelope::open(&bytes);
        *newer.step_field(step, "version") = Value::from(9);
        let error = any.state_from_bytes(&newer.seal()).unwrap_err().to_string();
        let name = ["mlsys.State", "mlsys.Distinct"][step];
        assert!(error.contains(&format!("{name} version 9")) && error.contains("update mlsys"), "{error}");
    }
    let mut newer = Envelope::open(any.to_bytes());
    *newer.step_field(0, "version") = Value::from(9);
    let error = AnyStatistic::from_bytes(&newer.seal(), &mlsys::catalogue()).unwrap_err().to_string();
    assert!(error.contains("mlsys.Distinct version 9") && error.contains("update mlsys"), "{error}");
}

/// What a recipe makes of a changed state transforms, or it says why not.
#[test]
fn changed_states_of_recipes_fit_or_are_errors() {
    let (batch, catalogue) = (table(60), mlsys::catalogue());
    let layout = Layout::new(batch.schema()).unwrap();
    for name in catalogue.recipes() {
        let parameters = match name {
            "ConstantImputer" => serde_json::json!({ "value": { "int": 0 } }),
            "CategoryCross" => {
                serde_json::json!({ "crosses": [["word", "flag"]], "kept": { "frequent": { "count": 2 } } })
            }
            "TimeSince" => serde_json::json!({ "since": { "instant": 0 } }),
            "FourierFeatures" => serde_json::json!({ "waves": { "kernel": { "gamma": 1.0 } } }),
            "LshEncoder" => serde_json::json!({ "hash": { "angle": { "bands": 2, "rows": 3 } } }),
            "MissingThreshold" => serde_json::json!({ "max_share": 0.1 }),
            "SplineTransformer" => serde_json::json!({ "knots": 2 }),
            "CyclicalEncoder" => serde_json::json!({ "period": { "of": 7.0 } }),
            "ContrastEncoder" => serde_json::json!({ "contrast": "sum" }),
            _ => serde_json::json!({}),
        };
        let recipe = catalogue.load_recipe(name, &parameters).unwrap();
        let statistic = recipe.statistic(&layout).unwrap();
        let mut state = statistic.init(batch.schema_ref()).unwrap();
        statistic.update(&mut state, &batch).unwrap();
        let valid = Envelope::open(&statistic.state_bytes(&state).unwrap());
        recipe.fitted(&layout, &valid.seal()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (mut rng, mut fitted) = (seed::named(9, name), 0);
        for i in 0..MUTATIONS / 4 {
            let bytes = changed(&valid, 1, &mut rng);
            let what = || format!("{name}, changed state {i}: {:?}", Envelope::open(&bytes).steps);
            fitted += u32::from(bear(&what, || {
                let Ok(fitted) = recipe.fitted(&layout, &bytes) else { return false };
                let _ = (fitted.output_schema(batch.schema_ref()), fitted.transform(&batch));
                true
            }));
        }
        assert!(fitted > 0, "{name}: changes must reach what is behind the checks");
    }
    check_memory();
}
