//! Whether training rows, and what their labels look at, end before test rows begin.

/// How far two parts are from being in order: the least number of rows whose removal puts every training row before every test row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disorder {
    /// Training rows at the cut or after it.
    pub(crate) train: Vec<usize>,
    /// Test rows before the cut.
    pub(crate) test: Vec<usize>,
}

/// The cut is a test row's time (or the end): training rows must be before it, test rows at it or after. Of equally good cuts the
/// earliest.
pub(crate) fn disorder(train: &[i64], test: &[i64]) -> Disorder {
    let sorted = |times: &[i64]| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times
    };
    let (a, b) = (sorted(train), sorted(test));
    let mut best = (usize::MAX, None);
    for cut in b.iter().map(|&time| Some(time)).chain([None]) {
        let late = cut.map_or(0, |cut| a.len() - a.partition_point(|&time| time < cut));
        let early = cut.map_or(b.len(), |cut| b.partition_point(|&time| time < cut));
        if late + early < best.0 {
            best = (late + early, cut);
        }
    }
    let cut = best.1;
    let rows = |times: &[i64], is_wrong: &dyn Fn(i64) -> bool| {
        (0..times.len()).filter(|&row| is_wrong(times[row])).collect::<Vec<usize>>()
    };
    Disorder {
        train: rows(train, &|time| cut.is_some_and(|cut| time >= cut)),
        test: rows(test, &|time| cut.is_none_or(|cut| time < cut)),
    }
}

/// Training rows whose label is known only at or after the first time of the test rows, but for test rows that are stragglers.
pub(crate) fn open_labels(ends: &[Option<i64>], test: &[i64], found: &Disorder) -> Vec<usize> {
    let in_order = (0..test.len()).filter(|row| found.test.binary_search(row).is_err()).map(|row| test[row]);
    let Some(begin) = in_order.min().or_else(|| test.iter().copied().min()) else { return Vec::new() };
    (0..ends.len()).filter(|&row| ends[row].is_some_and(|end| end >= begin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_straggler_is_one_row_out_of_order() {
        let found = disorder(&[1, 2, 9, 3], &[4, 5, 6, 7]);
        assert_eq!((found.train, found.test), (vec![2], vec![]));
        // Equal times are out of order.
        assert_eq!(disorder(&[1, 2], &[2, 3]).train, [1]);
        let none = Disorder { train: vec![], test: vec![] };
        assert_eq!(open_labels(&[Some(3), Some(4), None], &[5, 4], &none), [1]);
        // A single test row of long ago does not make all labels late.
        let found = disorder(&[3, 4, 5], &[0, 7, 8]);
        assert_eq!(open_labels(&[Some(6), Some(7), None], &[0, 7, 8], &found), [1]);
    }

    proptest! {
        /// No other cut does with fewer rows, and without those found the parts are in order.
        #[test]
        fn the_least_rows(train in prop::collection::vec(0i64..20, 1..30), test in prop::collection::vec(0i64..20, 1..30)) {
            let found = disorder(&train, &test);
            let of = |cut: i64| train.iter().filter(|&&t| t >= cut).count() + test.iter().filter(|&&t| t < cut).count();
            let least = (-1..=21).map(of).min().unwrap_or_default();
            prop_assert_eq!(found.train.len() + found.test.len(), least);
            let kept = |times: &[i64], out: &[usize]| (0..times.len()).filter(|r| !out.contains(r)).map(|r| times[r]).collect::<Vec<_>>();
            let (a, b) = (kept(&train, &found.train), kept(&test, &found.test));
            prop_assert!(a.iter().all(|t| b.iter().all(|u| t < u)));
        }
    }
}
