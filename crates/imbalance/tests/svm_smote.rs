//! SVM-SMOTE: which rows are started from, by naive loops, and what is refused.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Scored, grid, near, train, with_columns};
use mlsys_core::{Dataset, ErrorKind, Resample, Train, column};
use mlsys_imbalance::{ClassSizes, PlanResample, Strategy, SvmSmote};
use proptest::prelude::*;

/// Classes 0, 1 and 2 with a score for each.
fn scored(rows: &[Vec<f64>], classes: &[i32], scores: &[Vec<f64>]) -> Dataset<Train> {
    let named = |class: usize| (format!("score{class}"), scores.iter().map(|scores| scores[class]).collect());
    with_columns(&train(rows, classes), (0..3).map(named))
}

proptest! {
    #[test]
    fn support_vectors_by_loops((rows, classes) in grid(), m in 2usize..7, k in 1usize..3, step in 0.0..1.0, seed in any::<u64>()) {
        let mut rng = mlsys_core::seed::stream(seed, 1);
        let scores: Vec<Vec<f64>> = rows.iter().map(|_| (0..3).map(|_| 2.0 * mlsys_core::seed::uniform(&mut rng)).collect()).collect();
        let data = scored(&rows, &classes, &scores);
        let Ok(sizes) = ClassSizes::of(&data) else { return Ok(()) };
        prop_assume!(sizes.sizes().len() == 3 && sizes.sizes().iter().all(|&size| size > k) && rows.len() > m);
        let top = sizes.sizes().iter().copied().max().unwrap();
        let more: Vec<(i64, usize)> = (0..3).map(|class| (class, top + rows.len())).collect();
        let recipe = SvmSmote::new(Scored).k_neighbors(k).m_neighbors(m).out_step(step).seed(seed);
        let found = recipe.strategy(Strategy::counts(more)).plan(&data);
        // By class: whether each support vector that is no noise is safe.
        let judged = |class: i32| -> Vec<(usize, bool)> {
            let own = (0..rows.len()).filter(|&row| classes[row] == class && scores[row][class as usize] <= 1.0);
            own.filter_map(|row| {
                let others = near(&rows, row, m, |_| true).iter().filter(|n| classes[n.1] != class).count();
                (others < m).then_some((row, 2 * others < m))
            }).collect()
        };
        let all: Vec<Vec<(usize, bool)>> = (0..3).map(judged).collect();
        if all.iter().any(Vec::is_empty) {
            let error = found.unwrap_err();
            prop_assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. }), "{}", error);
            return Ok(());
        }
        let plan = found.unwrap();
        let mut used: Vec<Vec<usize>> = all.iter().map(|rows| vec![0; rows.len()]).collect();
        for made in plan.synthetic() {
            let class = classes[made.base as usize];
            let at = all[class as usize].iter().position(|row| row.0 == made.base as usize);
            prop_assert!(at.is_some(), "{:?} is none of {:?}", made, all);
            used[class as usize][at.unwrap()] += 1;
            let own = near(&rows, made.base as usize, k, |row| classes[row] == class);
            prop_assert!(own.iter().any(|n| n.1 == made.neighbor as usize));
            match all[class as usize][at.unwrap()].1 {
                true => prop_assert!((-step..=0.0).contains(&made.gap)),
                false => prop_assert!((0.0..1.0).contains(&made.gap)),
            }
        }
        // Equally often.
        for used in used {
            prop_assert!(used.iter().max().unwrap() - used.iter().min().unwrap() <= 1);
        }
    }
}

/// Ten rows of class 0 far from fifteen of class 1; all are support vectors.
fn apart(scores: impl Fn(usize) -> f64) -> Dataset<Train> {
    let rows: Vec<Vec<f64>> = (0..25).map(|row| vec![f64::from(row + 1000 * i32::from(row >= 10))]).collect();
    let classes: Vec<i32> = (0..25).map(|row| i32::from(row >= 10)).collect();
    with_columns(&train(&rows, &classes), [("score".to_owned(), (0..25).map(scores).collect())])
}

#[test]
fn safe_rows_go_away_from_their_neighbours() {
    let data = apart(|_| 0.0);
    let recipe = SvmSmote::new(Scored).k_neighbors(1).m_neighbors(5).out_step(1.0);
    let plan = recipe.plan(&data).unwrap();
    assert!(
        plan.synthetic().len() == 5 && plan.synthetic().iter().all(|made| (-1.0..=0.0).contains(&made.gap))
    );
    let made = recipe.clone().resample(data.clone()).unwrap();
    let x = column::floats("x0", made.column("x0").unwrap()).unwrap();
    for (made, &x) in plan.synthetic().iter().zip(&x[25..]) {
        assert!((x - f64::from(made.base)).abs() <= 1.0, "{made:?}: {x}");
    }
    // Without a way to go they are copies, and whoever does not grow is not asked.
    let copies = recipe.clone().out_step(0.0).plan(&data).unwrap();
    assert!(copies.synthetic().iter().all(|made| made.gap == 0.0));
    let none = recipe.clone().strategy(Strategy::counts([(0i64, 10)]));
    assert_eq!(none.plan(&apart(|_| f64::NAN)).unwrap().n_rows(), 25);
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| recipe.plan(&data)).unwrap(), plan);
    }
}

#[test]
fn the_sign_is_that_of_the_class() {
    let recipe = SvmSmote::new(Scored).k_neighbors(1).m_neighbors(5);
    let bases = |scores: &dyn Fn(usize) -> f64| {
        let plan = recipe.plan(&apart(scores)).unwrap();
        let mut bases: Vec<u32> = plan.synthetic().iter().map(|made| made.base).collect();
        bases.sort_unstable();
        bases.dedup();
        bases
    };
    // Class 0 is on the negative side: -1 is on the margin, -1.5 beyond, 9 far on the wrong side.
    assert_eq!(bases(&|row| [-1.5, -1.0, -0.5, 9.0].get(row).copied().unwrap_or(-2.0)), [1, 2, 3]);
    assert_eq!(bases(&|row| if row == 7 { -1.0 } else { f64::NAN }), [7]);
    let error = recipe.plan(&apart(|_| -2.0)).unwrap_err();
    assert!(error.to_string().contains("no row within the margin is of class `0`"), "{error}");
    assert!(recipe.plan(&apart(|_| f64::NAN)).is_err());
}

#[test]
fn refused() {
    let recipe = || SvmSmote::new(Scored).k_neighbors(1).m_neighbors(2);
    let noise = train(&[vec![9.0], vec![1.0], vec![2.0], vec![3.0], vec![4.0]], &[0, 0, 1, 1, 1]);
    let noise = with_columns(&noise, [("score".to_owned(), vec![0.0; 5])]);
    let error = recipe().plan(&noise).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 1, found: 0, .. }), "{error}");
    assert!(error.to_string().contains("is noise") && error.to_string().contains("use `Smote`"), "{error}");
    let error = recipe().m_neighbors(25).plan(&apart(|_| 0.0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 26, found: 25, .. }), "{error}");
    let error = recipe().k_neighbors(10).plan(&apart(|_| 0.0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooFewRows { need: 11, found: 10, .. }), "{error}");
    for step in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = recipe().out_step(step).plan(&apart(|_| 0.0)).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidParameter { name, .. } if name == "out_step"),
            "{error}"
        );
    }
    // The model's own errors, and one class.
    assert!(recipe().plan(&train(&vec![vec![1.0]; 8], &[0, 0, 0, 1, 1, 1, 1, 1])).is_err());
    let one = with_columns(&train(&vec![vec![1.0]; 8], &[1; 8]), [("score".to_owned(), vec![0.0; 8])]);
    assert!(matches!(recipe().plan(&one).unwrap_err().kind(), ErrorKind::SingleClass { .. }));
    let stored = serde_json::to_string(&recipe().out_step(0.25).seed(3)).unwrap();
    assert_eq!(serde_json::from_str::<SvmSmote<Scored>>(&stored).unwrap(), recipe().out_step(0.25).seed(3));
    assert_eq!(serde_json::from_str::<SvmSmote<Scored>>(r#"{"model":null}"#).unwrap(), SvmSmote::new(Scored));
}
