//! Points as random waves.

use std::f64::consts::TAU;
use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::{Error, FitByStatistic, InputColumn, Layout, Result, Transform, seed};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_category_encoder::numbered;
use crate::joint_numbers::{self, Inputs};

/// Replaces numeric columns by waves across them in random directions: a linear model on them comes near to a kernel model.
///
/// ```text
/// random Fourier:    x_k = √(2 / D) cos(w_k · v + b_k),        w ~ N(0, 2γ I), b ~ U(0, 2π)
/// Gaussian Fourier:  cos(2π b_k · v) and sin(2π b_k · v),      b ~ N(0, σ² I)
/// ```
/// Products of the former approach the kernel exp(−γ |v − v'|²).
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `waves` | required | [`Waves`] | which waves, and how fast they are |
/// | `components` | 100 | 1 to 65,536 | D, the number of columns; of cosines and sines half each, and even |
/// | `name` | `wave` | | what the new columns are called: `wave#0`, `wave#1`, .. |
/// | `seed` | 0 | | of the directions, drawn per column by its name |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included; scale them first. A row with a missing value
/// is missing in every wave. Nothing is learned, so that weights play no part. **Output**: Float64 columns in place of the
/// last of the columns; the others go.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::{FourierFeatures, Waves};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 0.5]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let out = FourierFeatures::new(Waves::Kernel { gamma: 1.0 }).components(5_000).fit(&train)?.transform(train.batch())?;
/// let product: f64 = out.columns().iter().map(|c| c.as_primitive::<Float64Type>()).map(|c| c.value(0) * c.value(1)).sum();
/// assert!((product - (-0.25f64).exp()).abs() < 0.05);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with few components: the kernel is met to about 1 / √D only.
///
/// Ali Rahimi and Benjamin Recht, *Random features for large-scale kernel machines*, 2007, algorithm 1, as scikit-learn's `RBFSampler`. Matthew
/// Tancik and others, *Fourier features let networks learn high frequency functions in low dimensional domains*, 2020, section 6.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct FourierFeatures {
    waves: Waves,
    #[serde(default = "default_components")]
    components: usize,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    seed: u64,
}

fn default_components() -> usize {
    100
}

fn default_name() -> String {
    "wave".into()
}

/// Which waves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waves {
    /// Cosines whose products approach the kernel exp(−γ |v − v'|²).
    Kernel {
        /// γ, above 0.
        gamma: f64,
    },
    /// Cosines and sines, for networks.
    Gaussian {
        /// σ, above 0: how fast the waves are.
        sigma: f64,
    },
}

impl FourierFeatures {
    /// A hundred of these waves.
    pub fn new(waves: Waves) -> Self {
        Self { waves, components: default_components(), name: default_name(), seed: seed::DEFAULT_SEED }
    }

    /// The number of new columns.
    pub fn components(mut self, components: usize) -> Self {
        self.components = components;
        self
    }

    /// What the new columns are called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The seed of the directions.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn check(&self) -> Result<()> {
        let invalid = |name, value: String, expected: &str| {
            Err(Error::invalid_parameter("FourierFeatures", name, value, expected))
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        match self.waves {
            Waves::Kernel { gamma } if !positive(gamma) => {
                return invalid("gamma", gamma.to_string(), "finite and above 0");
            }
            Waves::Gaussian { sigma } if !positive(sigma) => {
                return invalid("sigma", sigma.to_string(), "finite and above 0");
            }
            _ => (),
        }
        let even = matches!(self.waves, Waves::Kernel { .. }) || self.components.is_multiple_of(2);
        if !(1..=65_536).contains(&self.components) || !even {
            let expected = "1 to 65536, and even for cosines and sines";
            return invalid("components", self.components.to_string(), expected);
        }
        Ok(())
    }

    /// The directions there are.
    fn n_waves(&self) -> usize {
        if matches!(self.waves, Waves::Kernel { .. }) { self.components } else { self.components / 2 }
    }

    /// The coordinates of the directions along a column: normal numbers by Box and Muller.
    fn directions(&self, column: &str) -> Vec<f64> {
        let spread = match self.waves {
            Waves::Kernel { gamma } => (2.0 * gamma).sqrt(),
            Waves::Gaussian { sigma } => TAU * sigma,
        };
        let mut rng = seed::named(self.seed, column);
        let mut normal = || {
            let radius = (-2.0 * (1.0 - seed::uniform(&mut rng)).ln()).sqrt();
            spread * radius * (TAU * seed::uniform(&mut rng)).cos()
        };
        (0..self.n_waves()).map(|_| normal()).collect()
    }
}

/// The fitted [`FourierFeatures`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedFourierFeatures {
    /// By name.
    columns: Vec<InputColumn>,
    features: FourierFeatures,
}

impl FittedFourierFeatures {
    /// The names of the new columns.
    pub fn output_names(&self) -> Vec<String> {
        numbered(&self.features.name, self.features.components)
    }

    fn validate(&self) -> Result<()> {
        self.features.check().map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self) -> Vec<FieldRef> {
        let field = |name| Arc::new(Field::new(name, DataType::Float64, true));
        self.output_names().into_iter().map(field).collect()
    }
}

impl Transform for FittedFourierFeatures {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let points = joint_numbers::points(&self.columns, batch)?;
        let (p, n) = (self.columns.len(), self.features.n_waves());
        let along: Vec<Vec<f64>> = self.columns.iter().map(|c| self.features.directions(c.name())).collect();
        // A stream that no column's name has.
        let mut rng = seed::stream(self.features.seed, 0);
        let shifts: Vec<f64> = (0..n).map(|_| TAU * seed::uniform(&mut rng)).collect();
        let wave = |k: usize| -> Vec<ArrayRef> {
            let direction: Vec<f64> = along.iter().map(|of_column| of_column[k]).collect();
            let angles = points
                .chunks_exact(p.max(1))
                .map(|point| point.iter().zip(&direction).map(|(x, w)| x * w).sum::<f64>());
            match self.features.waves {
                Waves::Kernel { .. } => {
                    let scale = (2.0 / n as f64).sqrt();
                    let cosines = angles.map(|angle| scale * (angle + shifts[k]).cos());
                    vec![Arc::new(Float64Array::from_iter_values(cosines))]
                }
                Waves::Gaussian { .. } => {
                    let (sines, cosines): (Vec<f64>, Vec<f64>) = angles.map(f64::sin_cos).unzip();
                    vec![Arc::new(Float64Array::from(cosines)), Arc::new(Float64Array::from(sines))]
                }
            }
        };
        let waves: Vec<Vec<ArrayRef>> = (0..n).into_par_iter().map(wave).collect();
        // Cosines first, then sines.
        let arrays = (0..self.features.components).map(|i| Arc::clone(&waves[i % n][i / n]));
        let new = self.fields().into_iter().zip(arrays).collect();
        joint_numbers::put(&self.columns, batch, Inputs::Go, new)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        joint_numbers::schema(&self.columns, input, Inputs::Go, self.fields())
    }
}

mlsys_core::artifact!(FittedFourierFeatures, "mlsys.FittedFourierFeatures", 1);

impl FitByStatistic for FourierFeatures {
    /// Nothing is learned; infinite values are refused.
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedFourierFeatures;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        let columns = joint_numbers::columns("FourierFeatures", layout)?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MinMaxSummary)>) -> Result<FittedFourierFeatures> {
        let columns = InputColumn::all(layout, joint_numbers::columns("FourierFeatures", layout)?)?;
        Ok(FittedFourierFeatures { columns, features: self.clone() })
    }
}
