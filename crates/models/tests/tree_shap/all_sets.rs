//! Against all sets of features, and at depth.

use super::*;

/// Shapley values of `v` by all sets of `n` features.
fn shapley(n: usize, v: impl Fn(usize) -> f64) -> Vec<f64> {
    let worth: Vec<f64> = (0..1usize << n).map(v).collect();
    let factorial = |k: usize| (1..=k).map(|i| i as f64).product::<f64>();
    let of = |i: usize| {
        let sets = (0..1usize << n).filter(|set| set >> i & 1 == 0);
        sets.map(|set| {
            let size = set.count_ones() as usize;
            factorial(size) * factorial(n - 1 - size) / factorial(n) * (worth[set | 1 << i] - worth[set])
        })
        .sum()
    };
    (0..n).map(of).collect()
}

/// What is expected of a tree when a set of features is known.
fn expected(
    tree: &Tree,
    at: Child,
    row: &[f64],
    set: usize,
    weight: &impl Fn(Child) -> f64,
    output: usize,
) -> f64 {
    match at {
        Child::Leaf(leaf) => tree.values(leaf as usize)[output],
        Child::Split(i) => {
            let split = &tree.splits()[i as usize];
            let of = |child| expected(tree, child, row, set, weight, output);
            if set >> split.feature & 1 == 1 {
                return of(if split.goes_left(row[split.feature as usize]) {
                    split.left
                } else {
                    split.right
                });
            }
            let (left, right) = (weight(split.left), weight(split.right));
            let share = if left + right > 0.0 { left / (left + right) } else { 0.5 };
            share * of(split.left) + (1.0 - share) * of(split.right)
        }
    }
}

fn row_of(trees: &TreeEnsemble, batch: &RecordBatch, row: usize) -> Vec<f64> {
    trees.read(batch).unwrap().iter().map(|column| column[row]).collect()
}

/// Both kinds of values against all sets of features.
fn as_by_all_sets(trees: &TreeEnsemble, rows: &RecordBatch, background: &RecordBatch, weight: NodeWeight) {
    let (n, outputs) = (trees.features().len(), trees.n_outputs());
    let has_rows = |tree: &Tree| {
        tree.splits().iter().all(|s| s.rows > 0) && (0..tree.n_leaves()).all(|leaf| tree.rows(leaf) > 0)
    };
    let by_rows = weight == NodeWeight::Rows && trees.trees().iter().all(has_rows);
    let shap = TreeShap::new(trees).node_weight(weight).explain(rows).unwrap();
    additive(&shap, trees, rows, 1e-12);
    let against = TreeShap::new(trees).interventional(background).unwrap().explain(rows).unwrap();
    additive(&against, trees, rows, 1e-12);
    let own = trees.trees();
    let divisor = if trees.combine() == Combine::Mean { own.len() } else { 1 } as f64;
    let others: Vec<Vec<f64>> = (0..background.num_rows()).map(|b| row_of(trees, background, b)).collect();
    for row in 0..rows.num_rows() {
        let x = row_of(trees, rows, row);
        for output in 0..outputs {
            let worth = |set: usize| {
                let of_tree = |(place, tree): (usize, &Tree)| {
                    let weight = |child| match child {
                        Child::Split(i) if by_rows => tree.splits()[i as usize].rows as f64,
                        Child::Leaf(i) if by_rows => tree.rows(i as usize) as f64,
                        Child::Split(i) => tree.splits()[i as usize].cover,
                        Child::Leaf(i) => tree.cover(i as usize),
                    };
                    match tree.width() == outputs {
                        true => expected(tree, tree.root(), &x, set, &weight, output),
                        false if place % outputs == output => {
                            expected(tree, tree.root(), &x, set, &weight, 0)
                        }
                        false => 0.0,
                    }
                };
                own.iter().enumerate().map(of_tree).sum::<f64>() / divisor
            };
            close(shap.base()[output], trees.base()[output] + worth(0), 1e-12, "base");
            for (j, e) in shapley(n, worth).into_iter().enumerate() {
                close(shap.values()[[row, j, output]], e, 1e-11, &format!("x{j} of {row}"));
            }
            let worth = |set: usize| {
                let of = |other: &Vec<f64>| {
                    let mixed: Vec<f64> =
                        (0..n).map(|j| if set >> j & 1 == 1 { x[j] } else { other[j] }).collect();
                    trees.outputs_of(&mixed)[output]
                };
                others.iter().map(of).sum::<f64>() / others.len() as f64
            };
            close(against.base()[output], worth(0), 1e-12, "base against a background");
            for (j, e) in shapley(n, worth).into_iter().enumerate() {
                close(
                    against.values()[[row, j, output]],
                    e,
                    1e-11,
                    &format!("x{j} of {row}, against a background"),
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_by_all_sets(
        seed in any::<u64>(), n in 1..7usize, splits in 0..20usize, outputs in 1..4usize, wide in any::<bool>(),
        mean in any::<bool>(), rows in 1..12u64, by_cover in any::<bool>(),
    ) {
        let table = batch(&random_columns(seed, n, 8), is_category);
        let width = if wide { outputs } else { 1 };
        let trees: Vec<Tree> =
            (0..outputs as u64).map(|i| random_tree(seed ^ i, n as u32, splits, width, rows + 1)).collect();
        // A mean is over the trees of an output.
        let combine = if mean && (wide || outputs == 1) { Combine::Mean } else { Combine::Sum };
        let base = (0..outputs).map(|k| 0.5 * k as f64).collect();
        let trees = ensemble(&table, trees, base, combine);
        let weight = if by_cover { NodeWeight::Cover } else { NodeWeight::Rows };
        as_by_all_sets(&trees, &table.slice(0, 3), &table.slice(3, 5), weight);
    }
}

#[test]
fn twelve_features_by_all_sets() {
    for seed in 0..3 {
        let table = batch(&random_columns(seed, 12, 5), is_category);
        let trees = vec![random_tree(seed, 12, 60, 1, 9), random_tree(seed + 10, 12, 25, 1, 1000)];
        let trees = ensemble(&table, trees, vec![0.25], Combine::Sum);
        as_by_all_sets(&trees, &table.slice(0, 2), &table.slice(2, 3), NodeWeight::Rows);
    }
}

#[test]
fn more_features_than_a_word_by_all_sets() {
    // Two rows that differ in the second word alone.
    let x = |is_above: bool| if is_above { 1.0 } else { -1.0 };
    let column = |j: usize| vec![x(j == 9), x(j == 9 || j == 16), x(j % 5 == 4), -1.0, 1.0];
    let table = numbers(&(0..17).map(column).collect::<Vec<_>>());
    let trees = sum_of(&table, vec![chain(17, |level| level as u32, |level| 0.9 - 0.03 * level as f64)]);
    as_by_all_sets(&trees, &table.slice(0, 2), &table.slice(2, 3), NodeWeight::Rows);
}

#[test]
fn additive_at_depth_100() {
    let mut rng = seed::stream(1, 2);
    // Most values pass, so that rows come far.
    let mut column =
        || (0..120).map(|_| if rng.random_bool(0.97) { -1.0 } else { 1.0 }).collect::<Vec<f64>>();
    let table = numbers(&(0..100).map(|_| column()).collect::<Vec<_>>());
    let deep =
        |step: usize, share: fn(usize) -> f64| chain(100, move |level| (level * step % 100) as u32, share);
    let trees = vec![
        deep(1, |_| 0.5),
        deep(37, |_| 0.99),
        deep(7, |level| if level % 2 == 0 { 1e-3 } else { 0.999 }),
        // Each feature four times.
        chain(100, |level| (level % 25) as u32, |_| 0.8),
        chain(400, |level| (level % 100) as u32, |_| 0.95),
        // Rows that nobody was like.
        deep(3, |level| if level % 10 == 5 { 0.0 } else { 0.7 }),
    ];
    for tree in trees.clone() {
        let one = sum_of(&table, vec![tree]);
        let shap = TreeShap::new(&one).explain(&table).unwrap();
        additive(&shap, &one, &table, 1e-13);
        additive(
            &TreeShap::new(&one).interventional(&table.slice(0, 50)).unwrap().explain(&table).unwrap(),
            &one,
            &table,
            1e-13,
        );
    }
    let all = sum_of(&table, trees);
    assert_eq!(all.trees().iter().map(Tree::depth).max(), Some(400));
    additive(&TreeShap::new(&all).explain(&table).unwrap(), &all, &table, 1e-12);
}

/// A hundred features that are all alike get a hundredth each.
#[test]
fn equal_features_get_equal_values_at_depth_100() {
    let table = numbers(&vec![vec![-1.0, 1.0]; 100]);
    for share in [0.5, 0.1, 0.99] {
        let mut tree = chain(100, |level| level as u32, |_| share);
        let covers = (0..=100).map(|leaf| tree.cover(leaf)).collect();
        let values = (0..=100).map(|leaf| if leaf == 100 { 1.0 } else { 0.0 }).collect();
        tree = Tree::new(tree.splits().to_vec(), 1, values, covers, vec![0; 101]).unwrap();
        let trees = sum_of(&table, vec![tree]);
        let none = share.powi(100);
        let shap = TreeShap::new(&trees).explain(&table).unwrap();
        let against =
            TreeShap::new(&trees).interventional(&table.slice(1, 1)).unwrap().explain(&table).unwrap();
        for j in 0..100 {
            close(shap.values()[[0, j, 0]], (1.0 - none) / 100.0, 1e-15, "all passed");
            close(shap.values()[[1, j, 0]], -none / 100.0, 1e-15, "none passed");
            close(against.values()[[0, j, 0]], 0.01, 1e-15, "against one that passes none");
            assert_eq!(against.values()[[1, j, 0]], 0.0);
        }
    }
}
