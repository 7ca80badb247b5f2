//! Categories that neighbours vote for.

/// The row whose category is the most frequent one among some rows, of equally frequent ones the first. Gaps have no vote, unless
/// there is nothing else.
pub(crate) fn elected(codes: &[f64], rows: impl IntoIterator<Item = usize>) -> Option<usize> {
    // Few rows: a list is quicker than a map. Codes, votes and the first row of each.
    let mut votes: Vec<(f64, usize, usize)> = Vec::new();
    let mut nothing = None;
    for row in rows {
        let code = codes[row];
        if code.is_nan() {
            nothing = nothing.or(Some(row));
            continue;
        }
        match votes.iter_mut().find(|(known, ..)| *known == code) {
            Some((_, count, _)) => *count += 1,
            None => votes.push((code, 1, row)),
        }
    }
    let most = votes.iter().map(|&(_, count, _)| count).max();
    votes.into_iter().find(|&(_, count, _)| Some(count) == most).map(|(.., row)| row).or(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_most_frequent() {
        let codes = [3.0, f64::NAN, 5.0, 5.0, 3.0, 1.0];
        assert_eq!(elected(&codes, [5, 2, 4, 3]), Some(2));
        assert_eq!(elected(&codes, [5, 2, 4, 3, 0]), Some(2));
        assert_eq!(elected(&codes, [4, 2, 3, 0]), Some(4));
        assert_eq!(
            (elected(&codes, [1, 5]), elected(&codes, [1]), elected(&codes, [])),
            (Some(5), Some(1), None)
        );
    }
}
