//! Weight of evidence and information value.

use mlsys_core::ndarray::ArrayView2;
use mlsys_core::{Error, Result};

/// What [`information_value`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct InformationValue {
    /// The sum over all rows of the table.
    pub value: f64,
    /// The weight of evidence `ln(share of yes / share of no)` of each row; above 0 where yes is more common than
    /// overall. NaN for a row without weight.
    pub weight_of_evidence: Vec<f64>,
}

/// The information value `Σ (p₁ − p₀) ln(p₁ / p₀)` of a table with a row per bin or category and two columns, no
/// and yes.
///
/// `smoothing` is added to each cell of a row that lacks one of the two, so that its logarithm is finite; 0.5 is
/// customary. By custom, below 0.02 there is nothing, above 0.5 suspect a leak.
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape) unless there are two columns;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass) when one of them has no weight;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a negative weight;
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a negative smoothing, or none where it is
/// needed.
///
/// ```
/// use mlsys_core::ndarray::array;
/// use mlsys_stats::association::information_value;
/// let iv = information_value(array![[80.0, 20.0], [20.0, 80.0]].view(), 0.5)?;
/// assert!((iv.value - 1.2 * 4.0f64.ln()).abs() < 1e-12 && iv.weight_of_evidence[1] > 0.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn information_value(table: ArrayView2<'_, f64>, smoothing: f64) -> Result<InformationValue> {
    if table.ncols() != 2 {
        return Err(Error::shape("table", "two columns: no and yes", table.ncols()));
    }
    if !(smoothing >= 0.0 && smoothing.is_finite()) {
        return Err(Error::invalid_parameter("information_value", "smoothing", smoothing, "0 or more"));
    }
    if let Some(((row, _), w)) = table.indexed_iter().find(|(_, w)| !w.is_finite() || **w < 0.0) {
        return Err(Error::invalid_value("table", Some(row), w, "a weight that is finite and not negative"));
    }
    let (no, yes) = (table.column(0).sum(), table.column(1).sum());
    if no <= 0.0 || yes <= 0.0 {
        let class = if yes <= 0.0 { "no" } else { "yes" };
        return Err(mlsys_core::ErrorKind::SingleClass { column: "table".into(), class: class.into() }.into());
    }
    let mut found = InformationValue { value: 0.0, weight_of_evidence: Vec::with_capacity(table.nrows()) };
    for (row, cells) in table.rows().into_iter().enumerate() {
        let [a, b] = [cells[0], cells[1]];
        if a == 0.0 && b == 0.0 {
            found.weight_of_evidence.push(f64::NAN);
            continue;
        }
        let add = if a == 0.0 || b == 0.0 { smoothing } else { 0.0 };
        if add == 0.0 && (a == 0.0 || b == 0.0) {
            let expected = format!("above 0, since row {row} lacks one of the two");
            return Err(Error::invalid_parameter("information_value", "smoothing", smoothing, expected));
        }
        let (p0, p1) = ((a + add) / no, (b + add) / yes);
        let evidence = (p1 / p0).ln();
        found.value += (p1 - p0) * evidence;
        found.weight_of_evidence.push(evidence);
    }
    Ok(found)
}
