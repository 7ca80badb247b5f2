//! How well the other columns tell where a column is missing.

use std::sync::Arc;

use mlsys_core::arrow::array::{ArrayRef, BooleanArray};
use mlsys_core::arrow::datatypes::{DataType, Field};
use mlsys_core::arrow::record_batch::RecordBatch;
use mlsys_core::hash::hash_u64;
use mlsys_core::{Dataset, Fit, Fold, PredictProba, Result, Role, Train, column};
use mlsys_stats::hypothesis::chi_square_sf;

/// Rows are divided into this many folds, by a hash of the row id.
const FOLDS: u64 = 5;

/// How well the other columns predict that a column is missing; made by [`mar_evidence`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MarEvidence {
    /// The column whose gaps were predicted.
    pub column: String,
    /// The area under the ROC curve on rows that the model had not seen: 0.5 when the others say nothing; NaN when no fold
    /// has rows of both kinds on both sides.
    pub auc: f64,
    /// The chance of so large an area if they say nothing (one-sided, Mann-Whitney within folds); NaN without an area.
    pub p_value: f64,
    /// How many folds had rows of both kinds on both sides.
    pub folds: usize,
}

/// For each feature with gaps, how well a classifier of the caller's choice predicts from the other features where they
/// are: evidence that values are missing at random given the others (MAR), rather than completely at random (MCAR).
///
/// ```text
/// AUC = Σ_f U_f / Σ_f m_f n_f      z = Σ_f (U_f - m_f n_f / 2) / √ Σ_f var U_f
/// ```
/// with Mann and Whitney's U_f over the m_f missing and n_f observed rows of fold f, by a model that was fitted on the other
/// folds; var U_f has the correction for ties. Folds follow the hash of the row id, so that they do not depend on values.
///
/// **Input**: the features, of any kind that the recipe takes; it must bear gaps in the others, so that it usually starts
/// with an imputer, and its target is the boolean "is missing". Columns without gaps and columns without values are left
/// out. **Output**: an entry per column, in the table's order. **Cost**: five fits per column with gaps.
/// **Errors**: the recipe's; [`UnsupportedRole`](mlsys_core::ErrorKind::UnsupportedRole) for weights.
///
/// ```
/// use mlsys_core::arrow::array::{Array, AsArray, ArrayRef, Float64Array, RecordBatch};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_core::{Classes, Dataset, Fit, Predict, PredictProba, Probabilities, Result, Train};
/// use mlsys_missing_values::mar_evidence;
/// # use std::sync::Arc;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Above(Classes);
/// # impl Above {
/// #     fn validate(&self) -> Result<()> { Ok(()) }
/// #     fn input_columns(&self) -> Vec<mlsys_core::InputColumn> { Vec::new() }
/// # }
/// # mlsys_core::artifact!(Above, "example.Above", 1);
/// # impl Predict for Above {
/// #     fn predict(&self, batch: &RecordBatch) -> Result<ArrayRef> {
/// #         Ok(self.0.take(self.predict_proba(batch)?.argmax()))
/// #     }
/// # }
/// # impl PredictProba for Above {
/// #     fn classes(&self) -> &Classes { &self.0 }
/// #     fn predict_proba(&self, batch: &RecordBatch) -> Result<Probabilities> {
/// #         let x = batch.column(0).as_primitive::<Float64Type>();
/// #         Probabilities::binary(&x.values().iter().map(|x| x / 100.0).collect::<Vec<_>>())
/// #     }
/// # }
/// # struct Larger;
/// # impl Fit for Larger {
/// #     type Fitted = Above;
/// #     fn fit(&self, train: &Dataset<Train>) -> Result<Above> {
/// #         Ok(Above(Classes::new(train.labels("Larger")?.distinct)?))
/// #     }
/// # }
///
/// // `y` is missing where `x` is large; `Larger` is a recipe whose probability grows with `x`.
/// let x = Arc::new(Float64Array::from_iter_values((0..100).map(f64::from)));
/// let y = Arc::new(Float64Array::from_iter((0..100).map(|i| (i < 70).then_some(1.0))));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("y", y as _)])?)?.into_train_all();
/// let found = mar_evidence(&train, &Larger)?;
/// assert_eq!((found.len(), found[0].column.as_str(), found[0].auc), (1, "y", 1.0));
/// assert!(found[0].p_value < 1e-9);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: an area of 0.5 is the model's as much as the data's: another model may see more. No area says whether the missing
/// values themselves matter, too (MNAR).
///
/// Henry Mann, Donald Whitney, *On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other*, 1947;
/// summed over strata as by Philip van Elteren, 1960.
///
/// # Errors
///
/// As said above.
pub fn mar_evidence<F>(train: &Dataset<Train>, classifier: &F) -> Result<Vec<MarEvidence>>
where
    F: Fit<Fitted: PredictProba>,
{
    train.refuse_weights("mar_evidence")?;
    let fold_of = |id: u64| hash_u64(id, 0) % FOLDS;
    let folds: Vec<u64> = train.row_ids().into_iter().map(fold_of).collect();
    let features: Vec<String> = train.features().into_iter().map(str::to_owned).collect();
    let mut found = Vec::new();
    for name in &features {
        let Some(valid) = column::missing(name, train.column(name)?)? else { continue };
        let missing: Vec<bool> = valid.iter().map(|valid| !valid).collect();
        if missing.iter().all(|missing| *missing) {
            continue;
        }
        let data = labelled(train, &features, name, &missing)?;
        let context = |e: mlsys_core::Error| e.context(format!("predicting where `{name}` is missing"));
        found.push(of(name, &data, &missing, &folds, classifier).map_err(context)?);
    }
    Ok(found)
}

/// The other features, and the target "is missing".
fn labelled(
    train: &Dataset<Train>,
    features: &[String],
    name: &str,
    missing: &[bool],
) -> Result<Dataset<Train>> {
    let others = train.select(features.iter().filter(|other| *other != name))?;
    let mut target = format!("{name}_missing");
    while others.schema().field_with_name(&target).is_ok() {
        target.push('_');
    }
    let (schema, columns, _) = others.batch().clone().into_parts();
    let field = Arc::new(Field::new(&target, DataType::Boolean, false));
    let fields: Vec<_> = schema.fields().iter().cloned().chain([field]).collect();
    let label: ArrayRef = Arc::new(BooleanArray::from(missing.to_vec()));
    let schema = Arc::new(mlsys_core::arrow::datatypes::Schema::new(fields));
    let batch = RecordBatch::try_new(schema, columns.into_iter().chain([label]).collect())?;
    others.with_batch(batch)?.with_role(&target, Role::Target)
}

fn of<F>(
    name: &str,
    data: &Dataset<Train>,
    missing: &[bool],
    folds: &[u64],
    classifier: &F,
) -> Result<MarEvidence>
where
    F: Fit<Fitted: PredictProba>,
{
    let (mut above, mut pairs, mut variance, mut used) = (0.0, 0.0, 0.0, 0);
    for own in 0..FOLDS {
        let (held, rest): (Vec<usize>, Vec<usize>) = (0..missing.len()).partition(|&row| folds[row] == own);
        let both = |rows: &[usize]| rows.iter().any(|&r| missing[r]) && rows.iter().any(|&r| !missing[r]);
        if !both(&held) || !both(&rest) {
            continue;
        }
        let (fit, validation) = data.fold(&Fold::new(rest, held.clone())?)?;
        let scores = classifier.fit(&fit)?.predict_proba(validation.batch())?.positive();
        let labels: Vec<bool> = held.iter().map(|&row| missing[row]).collect();
        let (u, m, n, spread) = mann_whitney(&scores, &labels);
        above += u;
        pairs += m * n;
        variance += spread;
        used += 1;
    }
    let z = (above - pairs / 2.0) / variance.sqrt();
    let half = chi_square_sf(z * z, 1.0) / 2.0;
    // Scores that are all equal say nothing.
    let p_value = match (used, variance > 0.0) {
        (0, _) => f64::NAN,
        (_, false) => 1.0,
        _ if z > 0.0 => half,
        _ => 1.0 - half,
    };
    Ok(MarEvidence { column: name.into(), auc: above / pairs, p_value, folds: used })
}

/// U of the rows labelled true, how many there are and how many others, and the variance of U under no difference.
fn mann_whitney(scores: &[f64], labels: &[bool]) -> (f64, f64, f64, f64) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut ranks, mut ties, mut start) = (0.0, 0.0, 0);
    for run in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let size = run.len() as f64;
        let middle = start as f64 + (size + 1.0) / 2.0;
        ranks += middle * run.iter().filter(|&&row| labels[row]).count() as f64;
        ties += size * size * size - size;
        start += run.len();
    }
    let total = scores.len() as f64;
    let m = labels.iter().filter(|label| **label).count() as f64;
    let n = total - m;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    (ranks - m * (m + 1.0) / 2.0, m, n, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u_and_its_variance_by_hand() {
        // Scores 1 2 2 3: the true ones have ranks 2.5 and 4; U = 6.5 - 3.
        let (u, m, n, variance) = mann_whitney(&[1.0, 2.0, 2.0, 3.0], &[false, true, false, true]);
        assert_eq!((u, m, n), (3.5, 2.0, 2.0));
        assert!((variance - 4.0 / 12.0 * (5.0 - 6.0 / 12.0)).abs() < 1e-15);
        assert_eq!(mann_whitney(&[2.0; 4], &[false, true, false, true]).3, 0.0);
    }
}
