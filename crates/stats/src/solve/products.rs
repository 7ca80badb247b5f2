//! Sums of products of columns, which regressions rest on.

/// Adds Σ w (x, 1)(x, 1)' over a block of rows to the upper triangle of a matrix of p + 1 rows.
///
/// `block` holds the p columns, each with `length` rows, and `weights` are theirs. A few hundred rows at a time stay in the nearest cache.
/// `weighted` is room to work in.
///
/// # Panics
///
/// When there is no room for the sums.
pub fn add_products(
    block: &[&[f64]],
    weights: Option<&[f64]>,
    length: usize,
    sums: &mut [f64],
    weighted: &mut Vec<f64>,
) {
    let p = block.len();
    for (i, z) in block.iter().enumerate() {
        let left = match weights {
            None => z,
            Some(weights) => {
                weighted.clear();
                weighted.extend(z.iter().zip(weights).map(|(z, w)| z * w));
                weighted.as_slice()
            }
        };
        let row = &mut sums[i * (p + 1)..(i + 1) * (p + 1)];
        let mut j = i;
        while j + 4 <= p {
            let found = dot4(left, [block[j], block[j + 1], block[j + 2], block[j + 3]]);
            row[j..j + 4].iter_mut().zip(found).for_each(|(sum, x)| *sum += x);
            j += 4;
        }
        (j..p).for_each(|j| row[j] += dot(left, block[j]));
        row[p] += left.iter().sum::<f64>();
    }
    sums[p * (p + 1) + p] += weights.map_or(length as f64, |w| w.iter().sum());
}

/// Σ a b, in eight lanes, which the compiler can vectorise.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Four of them with one left side, which is read once.
fn dot4(a: &[f64], b: [&[f64]; 4]) -> [f64; 4] {
    let mut lanes = [[0.0; 4]; 4];
    let blocks = a.len() / 4 * 4;
    let [b0, b1, b2, b3] = b.map(|b| b[..blocks].chunks_exact(4));
    for ((((a, b0), b1), b2), b3) in a[..blocks].chunks_exact(4).zip(b0).zip(b1).zip(b2).zip(b3) {
        for lane in 0..4 {
            lanes[0][lane] += a[lane] * b0[lane];
            lanes[1][lane] += a[lane] * b1[lane];
            lanes[2][lane] += a[lane] * b2[lane];
            lanes[3][lane] += a[lane] * b3[lane];
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().sum::<f64>());
    for (sum, b) in sums.iter_mut().zip(b) {
        *sum += a[blocks..].iter().zip(&b[blocks..]).map(|(a, b)| a * b).sum::<f64>();
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_loop() {
        let value = |i: usize, k: usize| ((i * 7 + k * 3) % 11) as f64 - 4.0;
        for (p, length) in [(0, 3), (1, 9), (6, 21)] {
            let columns: Vec<Vec<f64>> = (0..p).map(|k| (0..length).map(|i| value(i, k)).collect()).collect();
            let block: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let weights: Vec<f64> = (0..length).map(|i| (i % 3) as f64).collect();
            for weights in [None, Some(weights.as_slice())] {
                let mut sums = vec![0.0; (p + 1) * (p + 1)];
                add_products(&block, weights, length, &mut sums, &mut Vec::new());
                let of = |i: usize, k: usize| if k == p { 1.0 } else { value(i, k) };
                for (a, b) in (0..=p).flat_map(|a| (a..=p).map(move |b| (a, b))) {
                    let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
                    let expected: f64 = (0..length).map(|i| weight(i) * of(i, a) * of(i, b)).sum();
                    assert_eq!(sums[a * (p + 1) + b], expected);
                }
            }
        }
    }
}
