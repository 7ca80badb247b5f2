//! The powers of Box and Cox and of Yeo and Johnson.

use crate::PowerMethod;

/// A power, and whose.
#[derive(Clone, Copy)]
pub(crate) struct Power {
    pub method: PowerMethod,
    pub lambda: f64,
}

impl Power {
    /// The power of a number; NaN where Box-Cox has none.
    pub fn of(self, x: f64) -> f64 {
        match self.method {
            PowerMethod::BoxCox if x > 0.0 => bend(x.ln(), self.lambda),
            PowerMethod::BoxCox => f64::NAN,
            PowerMethod::YeoJohnson if x < 0.0 => -bend((-x).ln_1p(), 2.0 - self.lambda),
            PowerMethod::YeoJohnson => bend(x.ln_1p(), self.lambda),
        }
    }

    /// The number of a power; NaN where there is none.
    pub fn inverse(self, y: f64) -> f64 {
        match self.method {
            PowerMethod::BoxCox => unbend(y, self.lambda).exp(),
            PowerMethod::YeoJohnson if y < 0.0 => -unbend(-y, 2.0 - self.lambda).exp_m1(),
            PowerMethod::YeoJohnson => unbend(y, self.lambda).exp_m1(),
        }
    }
}

/// `(e^(pl) - 1) / p`.
fn bend(log: f64, power: f64) -> f64 {
    if power.abs() < f64::EPSILON { log } else { (power * log).exp_m1() / power }
}

fn unbend(y: f64, power: f64) -> f64 {
    if power.abs() < f64::EPSILON { y } else { (power * y).ln_1p() / power }
}
