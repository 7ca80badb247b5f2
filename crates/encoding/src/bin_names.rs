//! Readable names of bins.

/// `x=[200, 500)` for each bin; the last one is closed.
pub(crate) fn names(column: &str, edges: &[f64]) -> Vec<String> {
    let labels = labels(edges);
    let last = labels.len().saturating_sub(2);
    let name = |(i, pair): (usize, &[String])| {
        let close = if i == last { ']' } else { ')' };
        format!("{column}=[{}, {}{close}", pair[0], pair[1])
    };
    labels.windows(2).enumerate().map(name).collect()
}

/// The edges with four digits, or as many as tell them apart.
fn labels(edges: &[f64]) -> Vec<String> {
    let with = |digits: usize| edges.iter().map(|&x| label(x, digits)).collect::<Vec<String>>();
    let tell_apart = |labels: &Vec<String>| {
        let same = |(x, label): (&[f64], &[String])| x[0] != x[1] && label[0] == label[1];
        !edges.windows(2).zip(labels.windows(2)).any(same)
    };
    (4..17).map(with).find(tell_apart).unwrap_or_else(|| with(17))
}

fn label(x: f64, digits: usize) -> String {
    // Whole numbers stay whole; 0 for -0.
    if x.fract() == 0.0 && x.abs() < 1e15 {
        return format!("{:.0}", x + 0.0);
    }
    let rounded = format!("{x:.*e}", digits - 1).parse().unwrap_or(x);
    if (1e-4..1e15).contains(&x.abs()) { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_as_long_as_they_need_be() {
        assert_eq!(names("x", &[-0.0, 200.0, 1_234_567.0]), ["x=[0, 200)", "x=[200, 1234567]"]);
        assert_eq!(names("x", &[-2.0, -1.0 / 3.0, 5.916_666_7]), ["x=[-2, -0.3333)", "x=[-0.3333, 5.917]"]);
        assert_eq!(names("x", &[1.0, 1.000_001, 2.0]), ["x=[1, 1.000001)", "x=[1.000001, 2]"]);
        assert_eq!(names("x", &[-1e-9, 1e30]), ["x=[-1e-9, 1e30]"]);
        assert_eq!(names("x", &[1.0, 2.0, 2.0]), ["x=[1, 2)", "x=[2, 2]"]);
    }
}
