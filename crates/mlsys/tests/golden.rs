//! Every item has golden inputs enough, and the table in `docs/testkit.md` says how many.
//!
//! The crates' own tests fail on an item in a case that they do not check, so that what is counted here is checked
//! there.

#![allow(clippy::unwrap_used)]

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use serde_json::Value;
use sources::{implementations, lines, root};

/// What has a reference, and which of ties, nulls and weights its input may have: in the reference, or in mlsys and
/// the reference's rows repeated. Metrics refuse nulls, as scikit-learn's do.
const ITEMS: &[(&str, &[&str])] = &[
    ("Accuracy", &["ties", "weights"]),
    ("AveragePrecision", &["ties", "weights"]),
    ("BalancedAccuracy", &["ties", "weights"]),
    ("Brier", &["ties", "weights"]),
    ("CalibrationBins", &["ties", "weights"]),
    ("ConfusionMatrix", &["ties", "weights"]),
    ("Ece", &["ties", "weights"]),
    ("FBeta", &["ties", "weights"]),
    ("LogLoss", &["ties", "weights"]),
    ("Mae", &["ties", "weights"]),
    ("Mse", &["ties", "weights"]),
    ("Precision", &["ties", "weights"]),
    ("R2", &["ties", "weights"]),
    ("Recall", &["ties", "weights"]),
    ("Rmse", &["ties", "weights"]),
    ("RocAuc", &["ties", "weights"]),
    ("delong", &["ties"]),
    ("precision_recall_curve", &["ties", "weights"]),
    ("roc_curve", &["ties", "weights"]),
    ("wilson_interval", &[]),
    ("StandardScaler", &["ties", "nulls", "weights"]),
    ("MinMaxScaler", &["ties", "nulls", "weights"]),
    ("MaxAbsScaler", &["ties", "nulls", "weights"]),
    ("RobustScaler", &["ties", "nulls", "weights"]),
    ("QuantileTransformer", &["ties", "nulls", "weights"]),
    ("Binner", &["ties", "nulls", "weights"]),
    ("Winsorizer", &["ties", "nulls", "weights"]),
    ("Normalizer", &["ties", "nulls"]),
    ("LogTransformer", &["ties", "nulls"]),
    ("PowerTransformer", &["ties", "nulls", "weights"]),
    ("MdlpBinner", &["ties", "nulls", "weights"]),
    ("WoeBinner", &["ties", "nulls", "weights"]),
    ("OneHotEncoder", &["ties", "nulls", "weights"]),
    ("OrdinalEncoder", &["ties", "nulls", "weights"]),
    ("BinaryEncoder", &["ties"]),
    ("CalendarEncoder", &["ties", "nulls"]),
    ("CategoryCross", &["ties", "nulls", "weights"]),
    ("ContrastEncoder", &["ties"]),
    ("CooccurrenceEncoder", &["ties", "nulls", "weights"]),
    ("CountEncoder", &["ties", "nulls", "weights"]),
    ("CountVectorizer", &["ties"]),
    ("CrossCounts", &["ties", "nulls", "weights"]),
    ("CyclicalEncoder", &["ties", "nulls"]),
    ("FeatureHasher", &["ties", "nulls"]),
    ("HashingVectorizer", &["ties"]),
    ("PolynomialFeatures", &["ties", "nulls"]),
    ("PositionEncoder", &["ties", "nulls"]),
    ("RareGrouper", &["ties", "nulls", "weights"]),
    ("SplineTransformer", &["ties", "nulls", "weights"]),
    ("TfidfVectorizer", &["ties"]),
    ("TimeSince", &["ties", "nulls"]),
    ("TokenCounts", &["ties"]),
    ("ConstantImputer", &["ties", "nulls", "weights"]),
    ("IterativeImputer", &["ties", "nulls", "weights"]),
    ("KnnImputer", &["ties", "nulls"]),
    ("LittleMcar", &["ties", "nulls"]),
    ("EndOfTailImputer", &["ties", "nulls", "weights"]),
    ("GroupedImputer", &["ties", "nulls"]),
    ("MeanImputer", &["ties", "nulls", "weights"]),
    ("MedianImputer", &["ties", "nulls", "weights"]),
    ("MissingPatterns", &["ties", "nulls"]),
    ("ModelImputer", &["ties", "nulls"]),
    ("MissingThreshold", &["ties", "nulls"]),
    ("MostFrequentImputer", &["ties", "nulls", "weights"]),
    ("Adasyn", &[]),
    ("AllKnn", &[]),
    ("BorderlineSmote", &[]),
    ("ClusterCentroids", &[]),
    ("CondensedNearestNeighbour", &[]),
    ("ClassWeighter", &["weights"]),
    ("EasyEnsemble", &["weights"]),
    ("EditedNearestNeighbours", &[]),
    ("Imbalance", &[]),
    ("InstanceHardnessThreshold", &[]),
    ("NearMiss", &[]),
    ("NeighbourhoodCleaningRule", &[]),
    ("OneSidedSelection", &[]),
    ("RandomOverSampler", &[]),
    ("RandomUnderSampler", &[]),
    ("RepeatedEditedNearestNeighbours", &[]),
    ("RusBoost", &["weights"]),
    ("Smote", &[]),
    ("SmoteN", &[]),
    ("SmoteNc", &[]),
    ("Relevance", &["ties"]),
    ("SvmSmote", &[]),
    ("TomekLinks", &[]),
    ("KFold", &[]),
    ("GroupKFold", &["ties"]),
    ("StratifiedGroupKFold", &["ties"]),
    ("LeaveOneGroupOut", &["ties"]),
    ("LeavePGroupsOut", &["ties"]),
    ("MultilabelKFold", &["ties"]),
    ("PredefinedFolds", &["ties"]),
    ("CombinatorialPurgedFolds", &["ties"]),
    ("WindowFolds", &["ties"]),
    ("HashSplit", &["ties"]),
    ("StratifiedKFold", &["ties"]),
    ("TimeSeriesFolds", &["ties"]),
    ("RandomSplit", &[]),
    ("StratifiedSplit", &["ties"]),
    ("TimeSplit", &["ties"]),
    ("Contingency", &["ties", "nulls", "weights"]),
    ("Covariance", &["ties", "nulls", "weights"]),
    ("Distinct", &["ties", "nulls", "weights"]),
    ("HeavyHitters", &["ties", "nulls", "weights"]),
    ("Histogram", &["ties", "nulls", "weights"]),
    ("correlation_ratio", &["ties", "nulls"]),
    ("cramers_v", &["ties", "nulls", "weights"]),
    ("energy", &["ties", "nulls", "weights"]),
    ("hellinger", &["ties"]),
    ("information_value", &["ties", "nulls", "weights"]),
    ("jensen_shannon", &["ties"]),
    ("kendall", &["ties", "nulls"]),
    ("kl_divergence", &["ties"]),
    ("ks_from", &["ties", "nulls", "weights"]),
    ("l_infinity", &["ties"]),
    ("mutual_information", &["ties", "nulls", "weights"]),
    ("mutual_information_knn", &[]),
    ("mutual_information_mixed", &[]),
    ("pearson", &["ties", "nulls", "weights"]),
    ("psi", &["ties"]),
    ("spearman", &["ties", "nulls"]),
    ("theils_u", &["ties", "nulls", "weights"]),
    ("total_variation", &["ties"]),
    ("wasserstein", &["ties", "nulls", "weights"]),
    ("Counts", &["ties", "nulls", "weights"]),
    ("MinMax", &["ties", "nulls", "weights"]),
    ("Missing", &["ties", "nulls", "weights"]),
    ("Moments", &["ties", "nulls", "weights"]),
    ("Profile", &["ties", "nulls"]),
    ("Quantiles", &["ties", "nulls", "weights"]),
    ("adjust", &["ties"]),
    ("anderson_darling_k_sample", &["ties", "nulls"]),
    ("binomial_test", &[]),
    ("chi_square_goodness_of_fit", &[]),
    ("chi_square_independence", &["ties", "nulls", "weights"]),
    ("cramer_von_mises_one_sample", &["ties", "nulls"]),
    ("cramer_von_mises_two_sample", &["ties", "nulls"]),
    ("fisher_exact", &[]),
    ("friedman", &["ties", "nulls"]),
    ("g_test", &["ties", "nulls", "weights"]),
    ("kruskal_wallis", &["ties", "nulls"]),
    ("ks_one_sample", &["ties", "nulls"]),
    ("ks_two_sample", &["ties", "nulls"]),
    ("mann_whitney_u", &["ties", "nulls"]),
    ("mcnemar", &[]),
    ("nemenyi", &["ties", "nulls"]),
    ("paired_t", &["ties", "nulls", "weights"]),
    ("permutation_paired", &["ties", "nulls"]),
    ("permutation_two_sample", &["ties", "nulls"]),
    ("reject", &["ties"]),
    ("student_t", &["ties", "nulls", "weights"]),
    ("two_proportions_z", &[]),
    ("welch_t", &["ties", "nulls", "weights"]),
    ("wilcoxon_signed_rank", &["ties", "nulls"]),
    ("LeaveOneOutEncoder", &["ties", "nulls", "weights"]),
    ("OrderedTargetEncoder", &["ties", "nulls", "weights"]),
    ("TargetByCategory", &["ties", "nulls", "weights"]),
    ("TargetEncoder", &["ties", "nulls", "weights"]),
    ("WoeEncoder", &["ties", "nulls", "weights"]),
    ("Ladder", &["ties"]),
    ("out_of_fold_auc", &["ties", "nulls"]),
    ("out_of_fold_r2", &["ties", "nulls"]),
    ("predictive_power_score", &["ties", "nulls"]),
    ("predictive_power_score_of_numbers", &["ties", "nulls"]),
    ("stratified_auc", &["ties", "nulls"]),
    ("LogisticRegression", &["ties", "weights"]),
    ("MultinomialLogit", &["ties", "weights"]),
    ("SgdClassifier", &["ties", "weights"]),
    ("DecisionTree", &["ties", "nulls", "weights"]),
    ("Gbdt", &["nulls", "weights"]),
    ("Importances", &["nulls"]),
    ("TreeShap", &["nulls"]),
    ("lightgbm::read", &["nulls"]),
    ("xgboost::read", &["nulls"]),
    ("IsolationForest", &["ties"]),
    ("RandomForest", &["ties", "nulls", "weights"]),
    ("ZeroRule", &["ties", "weights"]),
    ("ZeroRuleRegressor", &["ties", "weights"]),
];

/// Random, the caller's own, a search of our own, or two others in turn: there is nothing to compare these with.
const WITHOUT_REFERENCE: [&str; 25] = [
    "BootstrapFolds",
    "BottomK",
    "CombinedFolds",
    "CombinedSplit",
    "ExistingPrediction",
    "ExtraTrees",
    "FourierFeatures",
    "GroupSplit",
    "GroupTimeSplit",
    "KMeansSmote",
    "LshEncoder",
    "MinHashEncoder",
    "MultilabelSplit",
    "NoModel",
    "PredefinedSplit",
    "RandomDonorImputer",
    "RandomGuess",
    "RowReservoir",
    "Rule",
    "Smogn",
    "SmoothedBootstrap",
    "SmoteEnn",
    "SmoteTomek",
    "Smoter",
    "StratifiedGroupSplit",
];
/// Checked beside what they vary (`energy_from` beside `energy`), or by an example alone.
const VARIANTS: [&str; 7] = [
    "ValueCounts",
    "aligned",
    "chi_square_sf",
    "energy_from",
    "psi_from",
    "psi_of_samples",
    "wasserstein_from",
];
/// The traits whose implementations need golden inputs.
const TRAITS: [&str; 8] =
    ["Metric", "Fit", "FitByStatistic", "Folds", "PlanResample", "Split", "ColumnStatistic", "Statistic"];
const TRAITS_LIVE_IN: [&str; 7] =
    ["encoding", "eval", "imbalance", "missing-values", "models", "sampling", "stats"];

/// The cases of all files; the flights example is a pipeline, with a test of its own.
fn cases() -> Vec<Value> {
    let files = fs::read_dir(root().join("testdata/golden")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| !path.ends_with("flights.json"));
    files.flat_map(|path| serde_json::from_slice::<Vec<Value>>(&fs::read(path).unwrap()).unwrap()).collect()
}

fn has_nulls(input: &serde_json::Map<String, Value>) -> bool {
    fn within(value: &Value) -> bool {
        value.as_array().is_some_and(|values| values.iter().any(|v| v.is_null() || within(v)))
    }
    input.values().any(within)
}

/// How many different inputs an item has: in all, with ties, with nulls and with weights.
fn counts() -> BTreeMap<String, BTreeMap<&'static str, usize>> {
    let mut inputs: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for case in cases() {
        let mut input = case["input"].as_object().unwrap().clone();
        // Other options on the same rows are not another input.
        input.remove("options");
        for item in case["expected"].as_object().unwrap().keys() {
            for (feature, has) in [
                ("inputs", true),
                ("ties", case["ties"].as_bool().unwrap()),
                ("nulls", has_nulls(&input)),
                ("weights", input.get("weights").is_some_and(Value::is_array)),
            ] {
                let known = inputs.entry((item.clone(), feature)).or_default();
                known.extend(has.then(|| serde_json::to_string(&input).unwrap()));
            }
        }
    }
    let mut counts: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for ((item, feature), inputs) in inputs {
        counts.entry(item).or_default().insert(feature, inputs.len());
    }
    counts
}

#[test]
fn every_item_has_golden_inputs_enough() {
    let counts = counts();
    for (item, takes) in ITEMS {
        let of = |feature: &str| counts.get(*item).map_or(0, |found| found[feature]);
        assert!(of("inputs") >= 3, "{item} has {} golden inputs", of("inputs"));
        takes
            .iter()
            .for_each(|feature| assert!(of(feature) > 0, "{item} has no golden input with {feature}"));
    }
    let listed: BTreeSet<&str> = ITEMS.iter().map(|(item, _)| *item).collect();
    let golden: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(golden, listed, "items with golden cases, and items listed here");
}

/// What implements one of the traits by itself, and hypothesis tests, distances and associations, which are functions.
fn items() -> BTreeSet<String> {
    let mut found = implementations(&TRAITS_LIVE_IN, &TRAITS);
    found.retain(|item| !item.contains('<'));
    let functions = ["hypothesis", "distance", "association"];
    for line in lines(functions.map(|name| root().join("crates/stats/src").join(name))) {
        if let Some(name) = line.strip_prefix("pub fn ") {
            found.insert(name.split(['(', '<']).next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn no_item_is_forgotten() {
    let found = items();
    assert!(found.len() > 30, "found {} only", found.len());
    for item in &found {
        let item = item.as_str();
        let listed = ITEMS.iter().any(|(name, _)| *name == item)
            || WITHOUT_REFERENCE.contains(&item)
            || VARIANTS.contains(&item);
        assert!(listed, "{item} has no golden cases: add some, and a line to ITEMS");
    }
}

#[test]
fn tolerances_are_tight_and_versions_pinned() {
    let pinned = fs::read_to_string(root().join("testdata/gen/requirements.txt")).unwrap();
    for case in cases() {
        let name = &case["name"];
        // Two solvers of one problem stop at different points.
        let solver = !case["expected"]["LogisticRegression"].is_null();
        assert!(case["rtol"].as_f64().unwrap() <= 1e-10, "{name}");
        assert!(case["atol"].as_f64().unwrap_or(0.0) <= if solver { 1e-5 } else { 1e-14 }, "{name}");
        assert!(!case["why"].as_str().unwrap().is_empty(), "{name}");
        if case["tool"].as_str().unwrap().starts_with("scikit-learn") {
            let version = case["version"].as_str().unwrap();
            assert!(
                pinned.lines().any(|line| line == format!("scikit-learn=={version}")),
                "{name}: {version}"
            );
        }
    }
}

#[test]
fn the_table_of_the_docs_is_true() {
    let counts = counts();
    let mut table = "| item | golden inputs | ties | nulls | weights |\n|---|---|---|---|---|\n".to_owned();
    for (item, takes) in ITEMS {
        write!(table, "| `{item}` | {} |", counts[*item]["inputs"]).unwrap();
        for feature in ["ties", "nulls", "weights"] {
            match takes.contains(&feature) {
                true => write!(table, " {} |", counts[*item][feature]).unwrap(),
                false => table.push_str(" |"),
            }
        }
        table.push('\n');
    }
    let docs = fs::read_to_string(root().join("docs/testkit.md")).unwrap();
    assert!(docs.contains(&table), "docs/testkit.md needs this table:\n{table}");
}
