//! The area under the ROC curve from counts: how often a row of one class is above one of the other.
//!
//! ```text
//! AUC = Σ yes(s) (no below s + no(s) / 2) / (yes no)
//! ```

/// The rows of both classes, and twice the number of pairs in which yes is above no, ties counting half.
struct Sums {
    no: u64,
    yes: u64,
    twice_above: u128,
}

fn sums(counts: impl Iterator<Item = [u64; 2]>) -> Sums {
    let mut sums = Sums { no: 0, yes: 0, twice_above: 0 };
    for [no, yes] in counts {
        sums.twice_above += u128::from(yes) * u128::from(2 * sums.no + no);
        sums.no += no;
        sums.yes += yes;
    }
    sums
}

/// Of a score a row, in groups within which alone rows are compared (folds, strata): pairs of all groups count alike.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Grouped {
    twice_above: u128,
    pairs: u128,
}

impl Grouped {
    /// Takes a group in.
    pub(crate) fn add(&mut self, counts: impl Iterator<Item = [u64; 2]>) {
        let sums = sums(counts);
        self.twice_above += sums.twice_above;
        self.pairs += u128::from(sums.no) * u128::from(sums.yes);
    }

    /// The share of pairs; `None` without any.
    pub(crate) fn value(&self) -> Option<f64> {
        (self.pairs > 0).then(|| self.twice_above as f64 / 2.0 / self.pairs as f64)
    }
}

/// The standard deviation of the area when scores say nothing (Mann and Whitney 1947).
pub(crate) fn deviation(no: usize, yes: usize) -> f64 {
    let (no, yes) = (no as f64, yes as f64);
    ((no + yes + 1.0) / (12.0 * no * yes)).sqrt()
}

/// The standard error of an area (Hanley and McNeil 1982, equation 1, exponential scores).
pub(crate) fn standard_error(auc: f64, no: usize, yes: usize) -> f64 {
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let square = auc * auc;
    let (no, yes) = (no as f64, yes as f64);
    let sum = auc * (1.0 - auc) + (yes - 1.0) * (q1 - square) + (no - 1.0) * (q2 - square);
    (sum.max(0.0) / (no * yes)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_as_by_hand() {
        // Scores 1, 2, 2, 3 of no, no, yes, yes: of four pairs three and a half are in order.
        let mut grouped = Grouped::default();
        grouped.add([[1, 0], [1, 1], [0, 1]].into_iter());
        assert_eq!(grouped.value(), Some(3.5 / 4.0));
        let mut grouped = Grouped::default();
        assert_eq!(grouped.value(), None);
        grouped.add([[1, 0], [0, 1]].into_iter());
        grouped.add([[0, 3], [1, 0]].into_iter());
        assert_eq!(grouped.value(), Some(0.25));
    }
}
