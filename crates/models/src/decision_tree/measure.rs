//! How impure the rows of a node are.

/// What impurity is measured by, of sums in cells: the weights of the classes, or the weight and the first two moments of numbers, and then the
/// number of rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Gini(usize),
    Entropy(usize),
    Squared,
}

impl Measure {
    pub fn width(self) -> usize {
        match self {
            Self::Gini(k) | Self::Entropy(k) => k + 1,
            Self::Squared => 4,
        }
    }

    /// Adds a row of a class or number to a cell.
    pub fn add(self, cell: &mut [f64], y: f64, w: f64) {
        match self {
            Self::Gini(_) | Self::Entropy(_) => cell[y as usize] += w,
            Self::Squared => {
                cell[0] += w;
                cell[1] += w * y;
                cell[2] += w * y * y;
            }
        }
        let last = cell.len() - 1;
        cell[last] += 1.0;
    }

    pub fn weight(self, cell: &[f64]) -> f64 {
        match self {
            Self::Gini(k) | Self::Entropy(k) => cell[..k].iter().sum(),
            Self::Squared => cell[0],
        }
    }

    pub fn impurity(self, cell: &[f64]) -> f64 {
        let all = self.weight(cell);
        match self {
            Self::Gini(k) => 1.0 - cell[..k].iter().map(|s| (s / all) * (s / all)).sum::<f64>(),
            Self::Entropy(k) => {
                -cell[..k].iter().filter(|s| **s > 0.0).map(|s| s / all * (s / all).log2()).sum::<f64>()
            }
            Self::Squared => (cell[2] / all - (cell[1] / all) * (cell[1] / all)).max(0.0),
        }
    }

    /// The larger, the better: less than the weight times the impurity, up to what all splits of a node share.
    pub fn score(self, cell: &[f64]) -> f64 {
        let all = self.weight(cell);
        if all <= 0.0 {
            return 0.0;
        }
        match self {
            Self::Gini(k) => cell[..k].iter().map(|s| s * s).sum::<f64>() / all,
            Self::Entropy(k) => cell[..k].iter().filter(|s| **s > 0.0).map(|s| s * (s / all).log2()).sum(),
            Self::Squared => cell[1] * cell[1] / all,
        }
    }
}
