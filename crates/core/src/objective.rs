//! What learners minimise.

use crate::Result;

/// A loss of the scores of classes, for any learner that goes by its derivatives: linear models, boosting, networks.
///
/// A recipe: [`of_classes`](Self::of_classes) makes the loss of the classes that there are. Scores are log-odds: one for two classes (of
/// the last), else one per class.
///
/// ```
/// use mlsys_core::{ClassLoss, Objective, Result};
///
/// /// `½ (z − y)²` of two classes, y being 0 or 1.
/// struct Squares;
///
/// impl ClassLoss for Squares {
///     fn n_classes(&self) -> usize {
///         2
///     }
///
///     fn gradient(&self, class: usize, scores: &[f64], gradient: &mut [f64]) -> f64 {
///         gradient[0] = scores[0] - class as f64;
///         0.5 * gradient[0] * gradient[0]
///     }
///
///     fn hessian(&self, _: usize, _: &[f64], hessian: &mut [f64]) {
///         hessian[0] = 1.0;
///     }
///
///     fn initial(&self) -> Vec<f64> {
///         vec![0.5]
///     }
/// }
///
/// impl Objective for Squares {
///     fn name(&self) -> &str {
///         "Squares"
///     }
///
///     fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>> {
///         match totals.len() {
///             2 => Ok(Box::new(Squares)),
///             k => Err(mlsys_core::Error::unsupported(format!("Squares of {k} classes"))),
///         }
///     }
/// }
///
/// let loss = Squares.of_classes(&[90.0, 10.0])?;
/// let mut gradient = [0.0];
/// assert_eq!((loss.gradient(1, &[3.0], &mut gradient), gradient), (2.0, [2.0]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub trait Objective: Send + Sync {
    /// The name, for errors.
    fn name(&self) -> &str;

    /// The loss for classes whose rows count so much in all, ascending by class: two or more, each above zero.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter), and classes that it has no loss for.
    fn of_classes(&self, totals: &[f64]) -> Result<Box<dyn ClassLoss>>;
}

/// The loss of the scores of one row, with its derivatives. Made by an [`Objective`].
///
/// Slices have [`n_scores`](Self::n_scores) numbers, the Hessian as many rows of them.
pub trait ClassLoss: Send + Sync {
    /// The number of classes.
    fn n_classes(&self) -> usize;

    /// How many scores a row has: one for two classes, else one per class.
    fn n_scores(&self) -> usize {
        if self.n_classes() == 2 { 1 } else { self.n_classes() }
    }

    /// The loss of a row of this class; writes the derivative by each score.
    fn gradient(&self, class: usize, scores: &[f64], gradient: &mut [f64]) -> f64;

    /// Writes the second derivatives of the loss of a row of this class.
    fn hessian(&self, class: usize, scores: &[f64], hessian: &mut [f64]);

    /// The scores to start from, without features.
    fn initial(&self) -> Vec<f64>;

    /// Whether the loss stays when one number is added to all scores of a row, as that of a softmax does. A learner may then take away
    /// what all classes share.
    fn ignores_shifts(&self) -> bool {
        false
    }
}

/// A loss of one score where the target is a number, for any learner that goes by its derivatives.
///
/// ```
/// use mlsys_core::ValueLoss;
///
/// /// Squares that count threefold where the score is too low: expectiles.
/// struct Expectile;
///
/// impl ValueLoss for Expectile {
///     fn name(&self) -> &str {
///         "Expectile"
///     }
///
///     fn loss(&self, y: f64, score: f64) -> f64 {
///         let weight = if score < y { 3.0 } else { 1.0 };
///         0.5 * weight * (score - y) * (score - y)
///     }
///
///     fn derivatives(&self, y: f64, score: f64) -> [f64; 2] {
///         let weight = if score < y { 3.0 } else { 1.0 };
///         [weight * (score - y), weight]
///     }
/// }
///
/// assert_eq!(Expectile.derivatives(2.0, 1.0), [-3.0, 3.0]);
/// assert_eq!(Expectile.initial(&[1.0, 2.0, 9.0], None), 4.0);
/// ```
pub trait ValueLoss: Send + Sync {
    /// The name, for errors.
    fn name(&self) -> &str;

    /// The loss of a score where the target is `y`.
    fn loss(&self, y: f64, score: f64) -> f64;

    /// The first and the second derivative of the loss by the score.
    fn derivatives(&self, y: f64, score: f64) -> [f64; 2];

    /// The score to start from, without features: the mean of the targets, unless said otherwise. One weight per target, if any.
    fn initial(&self, y: &[f64], weights: Option<&[f64]>) -> f64 {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let all: f64 = (0..y.len()).map(weight).sum();
        y.iter().enumerate().map(|(row, y)| weight(row) / all * y).sum()
    }
}
