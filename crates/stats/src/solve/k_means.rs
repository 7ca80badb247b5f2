//! k-means on a line.

/// Moves centres to the means of the values nearest to them until no value changes its centre, or for so many rounds; gives
/// the centres, ascending, which are as many as were given.
///
/// `values` ascend, `weights` say how much each counts. A value between two centres goes to the lower one. A centre
/// without values moves to the value that is furthest from its own centre, which leaves that centre: as scikit-learn's
/// `KMeans` does it, and as its Lloyd iterations with `tol=0`.
///
/// ```
/// use mlsys_stats::solve::k_means_line;
///
/// assert_eq!(k_means_line(&[1.0, 2.0, 9.0], &[1.0, 3.0, 1.0], &[0.0, 4.0], 100), [1.75, 9.0]);
/// ```
///
/// A round costs a pass over the values, the numbers behind them are not copied.
///
/// Stuart Lloyd, *Least Squares Quantization in PCM*, IEEE Transactions on Information Theory 28, 1982.
pub fn k_means_line(values: &[f64], weights: &[f64], start: &[f64], rounds: usize) -> Vec<f64> {
    let mut centres = start.to_vec();
    centres.sort_by(f64::total_cmp);
    let mut before = Vec::new();
    for _ in 0..rounds {
        // Where the values of each centre end.
        let ends: Vec<usize> = (0..centres.len())
            .map(|i| match centres.get(i + 1) {
                None => values.len(),
                Some(next) => {
                    let middle = centres[i] / 2.0 + next / 2.0;
                    values.partition_point(|&x| x <= middle)
                }
            })
            .collect();
        if ends == before {
            break;
        }
        move_centres(values, weights, &mut centres, &ends);
        before = ends;
    }
    centres
}

fn move_centres(values: &[f64], weights: &[f64], centres: &mut [f64], ends: &[usize]) {
    let old = centres.to_vec();
    let mut totals = vec![0.0; centres.len()];
    let mut sums = vec![0.0; centres.len()];
    let mut begin = 0;
    for (i, &end) in ends.iter().enumerate() {
        // About the old centre, so that sums keep their digits at an offset.
        for (x, w) in values[begin..end].iter().zip(&weights[begin..end]) {
            totals[i] += w;
            sums[i] += w * (x - old[i]);
        }
        begin = end;
    }
    let empty: Vec<usize> = (0..centres.len()).filter(|&i| totals[i] <= 0.0).collect();
    if !empty.is_empty() {
        let of = |place: usize| ends.partition_point(|&end| end <= place).min(old.len() - 1);
        let mut far: Vec<(f64, usize)> =
            (0..values.len()).map(|place| ((values[place] - old[of(place)]).abs(), place)).collect();
        // The furthest first, of equals the lowest.
        far.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (&i, &(distance, place)) in empty.iter().zip(&far) {
            let from = of(place);
            if distance > 0.0 && totals[from] > weights[place] {
                totals[from] -= weights[place];
                sums[from] -= weights[place] * (values[place] - old[from]);
                centres[i] = values[place];
            }
        }
    }
    for i in 0..centres.len() {
        let moved = old[i] + sums[i] / totals[i];
        if totals[i] > 0.0 && moved.is_finite() {
            centres[i] = moved;
        }
    }
    centres.sort_by(f64::total_cmp);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_without_values_find_some() {
        // The second centre has nothing: it takes 100, the furthest from its centre at 70.
        let found = k_means_line(&[0.0, 40.0, 100.0], &[5.0, 1.0, 1.0], &[0.0, 20.5, 70.0], 100);
        assert_eq!(found, [0.0, 40.0, 100.0]);
        // More centres than values: the others stay where they are.
        assert_eq!(k_means_line(&[3.0], &[2.0], &[1.0, 3.5], 100), [1.0, 3.0]);
        assert!(k_means_line(&[], &[], &[], 100).is_empty());
    }

    #[test]
    fn weights_are_rows_and_offsets_keep_their_digits() {
        let at = |offset: f64| {
            let values = [0.0, 0.25, 4.0, 4.5].map(|x| x + offset);
            k_means_line(&values, &[1.0, 3.0, 1.0, 1.0], &[offset, offset + 1.0], 100)
        };
        assert_eq!(at(0.0), [0.1875, 4.25]);
        assert_eq!(at(1e12), [1e12 + 0.1875, 1e12 + 4.25]);
    }
}
