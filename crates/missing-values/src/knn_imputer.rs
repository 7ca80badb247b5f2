//! Imputation by the nearest rows.

use mlsys_core::{Dataset, Error, Fit, FitTransform, Kind, Result, Train, statistic};
use mlsys_neighbors::{Metric, PointReader};
use mlsys_stats::{ColumnStatistic, Moments};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::all_missing;
use crate::{FittedKnnImputer, Indicators};

/// What [`KnnImputer`] calls near.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnnMetric {
    /// `√(p / |both| · Σ_both (a − b)²)`: numbers, `p` columns of which both rows have some.
    #[default]
    NanEuclidean,
    /// `Σ_both δ / |both|`, δ = |a − b| / range of numbers, 0 or 1 of categories: tables of both.
    Gower,
}

impl KnnMetric {
    pub(crate) fn metric(self) -> Metric {
        match self {
            Self::NanEuclidean => Metric::NanEuclidean,
            Self::Gower => Metric::Gower,
        }
    }
}

/// How much each of the nearest rows counts in [`KnnImputer`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnnWeights {
    /// All alike.
    #[default]
    Uniform,
    /// By 1 / distance; where some are at distance 0, these alone.
    Distance,
}

/// Fills a missing value from the nearest training rows that have one: their mean, or their most frequent category.
///
/// ```text
/// x̂ = Σ wᵢ xᵢ / Σ wᵢ      over the k nearest rows i in which x is not missing, wᵢ = 1 or 1 / dᵢ
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `k_neighbors` | 5 | 1 or more | rows that a value is made of; fewer where fewer have one |
/// | `weights` | `Uniform` | | or `Distance` |
/// | `metric` | `NanEuclidean` | | numbers alone; `Gower` takes text and booleans, as categories |
/// | `indicators` | `None` | | adds `<column>_missing` columns |
///
/// **Input**: the numeric features (booleans too under `.on(..)`), with `Gower` text and booleans as well; null and NaN are
/// missing. Each column here tells rows apart, and each is filled. Row weights are refused: a row that stands for two would take
/// two of the `k` places, and then which others are left out is open. **Output**: floats keep their type, other numbers
/// become Float64; text and booleans keep theirs, dictionaries become plain.
///
/// Equally near rows are taken in the order of the training rows, equally frequent categories in their own order. A row
/// without a column in common with any row that has the value gets the column's mean, or its most frequent category. A training
/// row never fills its own gap; it has no value there.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `k_neighbors = 0`,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature of another kind,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities (when filling, too),
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights.
///
/// Fitting keeps the training rows: 8 bytes a value in the artefact at most, 16 in memory once it fills, and O(n log n) to
/// build the search on first use. Filling searches once for each row with gaps, O(log n) where few columns matter and
/// O(n p) at worst, on all threads.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}, arrow::datatypes::Float64Type};
/// use mlsys_missing_values::KnnImputer;
/// use std::sync::Arc;
///
/// let column = |values: [Option<f64>; 4]| Arc::new(Float64Array::from_iter(values)) as _;
/// let rows = RecordBatch::try_from_iter([
///     ("a", column([Some(1.0), Some(3.0), None, Some(8.0)])),
///     ("b", column([Some(2.0), Some(4.0), Some(6.0), Some(8.0)])),
///     ("c", column([None, Some(3.0), Some(5.0), Some(7.0)])),
/// ])?;
/// let train = Dataset::new(rows)?.into_train_all();
/// let filled = KnnImputer::new().k_neighbors(2).fit(&train)?.transform(train.batch())?;
/// // The two rows nearest to the first have 3 and 5; those nearest to the third have 3 and 8.
/// assert_eq!(filled["c"].as_primitive::<Float64Type>().value(0), 4.0);
/// assert_eq!(filled["a"].as_primitive::<Float64Type>().value(2), 5.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: columns of large values rule the Euclidean distance, so scale them first, or use `Gower`; in many columns all
/// rows are about equally far. What is filled is smoother than the column was.
///
/// Troyanskaya et al., *Missing value estimation methods for DNA microarrays*, 2001. Numbers are those of
/// scikit-learn's `KNNImputer`, which takes equally near rows in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct KnnImputer {
    k_neighbors: usize,
    weights: KnnWeights,
    metric: KnnMetric,
    indicators: Indicators,
}

impl Default for KnnImputer {
    fn default() -> Self {
        Self {
            k_neighbors: 5,
            weights: KnnWeights::default(),
            metric: KnnMetric::default(),
            indicators: Indicators::None,
        }
    }
}

impl KnnImputer {
    /// An imputer from five neighbours by the Euclidean distance.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many of the nearest rows with a value make one.
    pub fn k_neighbors(mut self, k_neighbors: usize) -> Self {
        self.k_neighbors = k_neighbors;
        self
    }

    /// How much each of them counts.
    pub fn weights(mut self, weights: KnnWeights) -> Self {
        self.weights = weights;
        self
    }

    /// What is near.
    pub fn metric(mut self, metric: KnnMetric) -> Self {
        self.metric = metric;
        self
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }
}

impl Fit for KnnImputer {
    type Fitted = FittedKnnImputer;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedKnnImputer> {
        if self.k_neighbors == 0 {
            return Err(Error::invalid_parameter("KnnImputer", "k_neighbors", 0, "1 or more"));
        }
        train.refuse_weights("KnnImputer")?;
        let layout = train.layout();
        let mixed = |kind: Kind| kind.is_numeric() || kind == Kind::Text;
        let mut names = match self.metric {
            KnnMetric::NanEuclidean => {
                let expected = "numeric (or use `KnnMetric::Gower`)";
                layout.features_for("KnnImputer", Kind::is_number, Kind::is_numeric, expected)?
            }
            KnnMetric::Gower => {
                layout.features_for("KnnImputer", mixed, mixed, "numeric, text or boolean")?
            }
        };
        // Distances are sums over columns, whose order in the table must not matter.
        names.sort_unstable();
        let reader = match self.metric {
            KnnMetric::NanEuclidean => PointReader::numbers(layout, &names)?,
            KnnMetric::Gower => PointReader::mixed(layout, train.batch(), &names)?,
        };
        let donors = reader.points(train.batch())?;
        let mut fallbacks = Vec::with_capacity(names.len());
        let mut indicators = Vec::with_capacity(names.len());
        for (column, name) in names.iter().enumerate() {
            let fallback = match donors.is_categorical(column) {
                true => most_frequent(donors.column(column)),
                false => mean(train, name)?,
            };
            fallbacks.push(fallback.ok_or_else(|| all_missing(name))?);
            indicators.push(self.indicators.marks(donors.column(column).iter().any(|x| x.is_nan())));
        }
        Ok(FittedKnnImputer::new(
            (self.k_neighbors, self.weights, self.metric),
            reader,
            donors,
            fallbacks,
            indicators,
        ))
    }
}

impl FitTransform for KnnImputer {}

fn mean(train: &Dataset<Train>, name: &str) -> Result<Option<f64>> {
    let moments = statistic::summarize(&Moments::new().order(2).over([name]), train)?;
    let Some((_, moments)) = moments.first().filter(|(_, moments)| moments.count() > 0) else {
        return Ok(None);
    };
    match moments.mean().is_finite() {
        true => Ok(Some(moments.mean())),
        false => Err(Error::invalid_value(name, None, "values whose mean overflows", "of a smaller scale")),
    }
}

/// The code that occurs most, the lowest one of several.
fn most_frequent(codes: &[f64]) -> Option<f64> {
    let mut counts: Vec<usize> = Vec::new();
    for &code in codes.iter().filter(|code| !code.is_nan()) {
        let code = code as usize;
        counts.resize(counts.len().max(code + 1), 0);
        counts[code] += 1;
    }
    let most = counts.iter().copied().max()?;
    counts.iter().position(|&count| count == most).map(|code| code as f64)
}
