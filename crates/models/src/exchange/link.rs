//! From raw outputs to predictions.

/// What a model makes of the raw outputs of a row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Link {
    /// Outputs are predictions.
    #[default]
    Identity,
    /// `1 / (1 + exp(−scale · x))` of each output. One output is the probability of the second of two classes; more are one class against
    /// the rest each, and do not add up to 1.
    Logistic {
        /// What outputs are multiplied with: `sigmoid` in LightGBM.
        scale: f64,
    },
    /// `exp(x_k) / Σ exp(x_j)`: a probability per class.
    Softmax,
    /// `exp(x)`, of counts and amounts.
    Exp,
    /// `ln(1 + exp(x))`: `cross_entropy_lambda` in LightGBM.
    Softplus,
    /// `x·|x|`, of models that learnt signed roots: `reg_sqrt` in LightGBM.
    SignedSquare,
    /// 1 above 0, else 0: `binary:hinge` in XGBoost.
    Step,
}

impl Link {
    /// Replaces the raw outputs of a row by predictions.
    pub fn apply(&self, row: &mut [f64]) {
        let each = |row: &mut [f64], f: &dyn Fn(f64) -> f64| row.iter_mut().for_each(|x| *x = f(*x));
        match self {
            Self::Identity => {}
            Self::Logistic { scale } => each(row, &|x| 1.0 / (1.0 + (-scale * x).exp())),
            Self::Softmax => {
                // Over the largest, so that it does not overflow.
                let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                each(row, &|x| (x - most).exp());
                let sum: f64 = row.iter().sum();
                each(row, &|x| x / sum);
            }
            Self::Exp => each(row, &f64::exp),
            Self::Softplus => each(row, &|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            Self::SignedSquare => each(row, &|x| x * x.abs()),
            Self::Step => each(row, &|x| f64::from(u8::from(x > 0.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let of = |link: Link, row: &[f64]| {
            let mut row = row.to_vec();
            link.apply(&mut row);
            row
        };
        assert_eq!(of(Link::Identity, &[-2.0]), [-2.0]);
        assert_eq!(of(Link::Logistic { scale: 2.0 }, &[0.0, -1e9, 1e9]), [0.5, 0.0, 1.0]);
        assert!((of(Link::Logistic { scale: 2.0 }, &[0.5])[0] - 0.731_058_578_630_004_9).abs() < 1e-15);
        assert_eq!(of(Link::Softmax, &[1e9, 1e9, -1e9]), [0.5, 0.5, 0.0]);
        assert_eq!(of(Link::Exp, &[0.0]), [1.0]);
        assert_eq!(of(Link::Softplus, &[800.0, -800.0]), [800.0, 0.0]);
        assert!((of(Link::Softplus, &[0.0])[0] - std::f64::consts::LN_2).abs() < 1e-15);
        assert_eq!(of(Link::SignedSquare, &[-3.0, 2.0]), [-9.0, 4.0]);
        assert_eq!(of(Link::Step, &[0.0, 0.1]), [0.0, 1.0]);
    }
}
