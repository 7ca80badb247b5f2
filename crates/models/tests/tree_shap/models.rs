//! Many rows: the same bits on any number of threads, and boosted trees.

use super::*;

#[test]
fn any_number_of_threads_and_any_rows_beside() {
    let table = batch(&random_columns(5, 9, 5000), is_category);
    let trees = (0..6).map(|i| random_tree(i, 9, 80, 1, 50)).collect();
    let trees = ensemble(&table, trees, vec![0.1, 0.2, 0.3], Combine::Mean);
    let explain = |threads: usize, background: bool, table: &RecordBatch| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut shap = TreeShap::new(&trees);
            if background {
                shap = shap.interventional(&batch(&random_columns(6, 9, 2100), is_category)).unwrap();
            }
            shap.explain(table).unwrap()
        })
    };
    for background in [false, true] {
        let one = explain(1, background, &table);
        additive(&one, &trees, &table, 1e-12);
        for threads in [2, 7] {
            assert!(explain(threads, background, &table) == one, "{threads} threads");
        }
        let alone = explain(2, background, &table.slice(4321, 1));
        for output in 0..3 {
            assert_eq!(alone.output(output).unwrap().row(0), one.output(output).unwrap().row(4321));
        }
    }
}

#[test]
fn boosted_trees_of_three_classes() {
    let mut columns = random_columns(3, 5, 600);
    let noise = random_columns(4, 1, 600).remove(0);
    // By x0 and x1 alone, but for some noise.
    let class = |row: usize| {
        let sum = columns[0][row].max(-9.0) + columns[1][row].max(-9.0) + 0.1 * noise[row].max(-1.0);
        if sum < -1.0 { 0.0 } else { f64::from(1 + u8::from(sum > 2.0)) }
    };
    let classes: Vec<f64> = (0..600).map(class).collect();
    columns.push(classes);
    let table = batch(&columns, is_category);
    let train = Dataset::new(table.clone()).unwrap().target("x5").unwrap().into_train_all();
    let model = Gbdt::classifier().trees(10).min_rows(5).categorical(["x2"]).fit(&train).unwrap();
    let margins = model.margins(&table).unwrap();
    for shap in [
        TreeShap::new(model.ensemble()),
        TreeShap::new(model.ensemble()).interventional(&table.slice(0, 100)).unwrap(),
    ] {
        let shap = shap.explain(&table).unwrap();
        for output in 0..3 {
            let values = shap.output(output).unwrap();
            for row in 0..600 {
                let sum = shap.base()[output] + values.row(row).sum();
                close(sum, margins[[row, output]], 1e-12, &format!("row {row}, class {output}"));
            }
            let mut most: Vec<_> =
                shap.mean_absolute(output).unwrap().into_iter().zip(shap.features()).collect();
            most.sort_by(|a, b| b.0.total_cmp(&a.0));
            let most: BTreeSet<&str> = most[..2].iter().map(|(_, name)| name.as_str()).collect();
            assert!(most.into_iter().eq(["x0", "x1"]));
        }
    }
    let gain = Importances::new(model.ensemble(), Importance::Gain);
    assert!(gain.sorted()[..2].iter().all(|(name, _)| ["x0", "x1"].contains(name)));
}
