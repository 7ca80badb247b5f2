//! Adding to ascending lists in place: what is new is mostly there already, or little beside what is kept.

/// Finds ascending `values` in an ascending list: `found(place, i)` for what is there. Gives where each of the others
/// belongs, with its place in `values`.
pub(crate) fn find<T: PartialOrd>(
    own: &[T],
    values: &[T],
    mut found: impl FnMut(usize, usize),
) -> Vec<(usize, usize)> {
    let mut missing = Vec::new();
    let mut place = 0;
    for (i, value) in values.iter().enumerate() {
        place += below(&own[place..], value);
        match own.get(place) {
            Some(own) if own == value => found(place, i),
            _ => missing.push((place, i)),
        }
    }
    missing
}

/// How many come before a value, looking near the start first.
fn below<T: PartialOrd>(own: &[T], value: &T) -> usize {
    let mut end = 1;
    while own.get(end - 1).is_some_and(|own| own < value) {
        end *= 2;
    }
    let start = end / 2;
    start + own[start..own.len().min(end)].partition_point(|own| own < value)
}

/// Puts what [`find`] missed where it belongs. Every item moves once.
pub(crate) fn insert<T: Copy>(own: &mut Vec<T>, values: &[T], missing: &[(usize, usize)]) {
    let Some(&(_, any)) = missing.first() else { return };
    let mut end = own.len();
    own.resize(end + missing.len(), values[any]);
    for (before, &(place, i)) in missing.iter().enumerate().rev() {
        own.copy_within(place..end, place + before + 1);
        own[place + before] = values[i];
        end = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_merged() {
        for (own, values) in [
            (vec![], vec![1, 4]),
            (vec![2, 4, 9], vec![]),
            (vec![2, 4, 9], vec![0, 1, 4, 5, 6, 9, 10, 11]),
            (vec![5], vec![1, 2, 3]),
            (vec![1, 2, 3], vec![1, 2, 3]),
        ] {
            let mut expected = [own.clone(), values.clone()].concat();
            expected.sort_unstable();
            expected.dedup();
            let mut merged = own.clone();
            let mut there = Vec::new();
            let missing = find(&own, &values, |place, i| there.push((own[place], values[i])));
            insert(&mut merged, &values, &missing);
            assert_eq!(merged, expected);
            assert_eq!(there.len() + missing.len(), values.len());
            assert!(there.iter().all(|(a, b)| a == b));
        }
    }
}
