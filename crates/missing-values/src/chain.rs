//! The rounds of an [`IterativeImputer`].

use std::collections::BTreeMap;

use mlsys_core::{Dataset, Error, InputColumn, Kind, Progress, Result, Step, Train, first_error};
use rayon::prelude::*;

use crate::chained::{ChainTable, Change, ClassChange};
use crate::class_equation::ClassEquation;
use crate::draws::Visit;
use crate::equation::{Equation, Regression};
use crate::variable::Variable;
use crate::{
    FittedIterativeImputer, ImputationMethod, ImputationRound, ImputedCategory, ImputedColumn,
    IterativeImputer,
};

/// Rows and what was put there, by column: numbers, or the codes of classes.
pub(crate) type Fills = Vec<Vec<(usize, f64)>>;

/// A chain under way.
struct Chain<'a> {
    recipe: &'a IterativeImputer,
    table: ChainTable,
    names: &'a [String],
    visits: Vec<usize>,
    ids: Vec<u64>,
}

/// How many columns were visited, and who is told.
struct Visited<'a> {
    done: usize,
    total: usize,
    progress: &'a mut dyn Progress,
}

impl Visited<'_> {
    fn tell(&mut self, visited: usize) -> Result<()> {
        for _ in 0..visited {
            self.done += 1;
            let step = Step::new(self.done, self.total, "columns");
            step.tell(self.progress, "fitting IterativeImputer")?;
        }
        Ok(())
    }
}

/// What a round has changed so far: for the categories the weight of changed gaps, and of all.
#[derive(Default)]
struct Changes {
    largest: f64,
    changed: f64,
    gaps: f64,
    columns: BTreeMap<String, ImputedColumn>,
    categories: BTreeMap<String, ImputedCategory>,
}

impl Chain<'_> {
    fn equation(&self, column: usize, visit: Visit, before: &[Regression]) -> Result<Regression> {
        let method = self.recipe.method;
        if let Variable::Classes { .. } = self.table.variables[column] {
            let visit = self.recipe.draws().then_some(visit);
            let before = before.iter().find_map(|regression| match regression {
                Regression::Classes(equation) if equation.column == column => Some(equation),
                _ => None,
            });
            let equation = self.table.regress_classes(&self.names[column], column, visit, before)?;
            return Ok(Regression::Classes(equation));
        }
        let equation = match method {
            ImputationMethod::BayesianRidge => self.table.regress(column),
            ImputationMethod::BayesianRidgeDraw => self.table.draw(column, visit),
            ImputationMethod::Pmm { donors, matching } => {
                self.table.match_means(column, donors, matching, visit)
            }
        };
        Ok(Regression::Number(
            equation.map_err(|e| e.context(format!("regressing `{}`", self.names[column])))?,
        ))
    }

    fn fill_number(&mut self, equation: &Equation, visit: Visit, changes: &mut Changes) -> Result<()> {
        let name = &self.names[equation.column];
        let Change { largest, mean, deviation } = self.table.impute(equation, visit, &self.ids);
        if !(mean.is_finite() && deviation.is_finite()) {
            let expected = "of a smaller scale, or fewer rounds";
            return Err(Error::invalid_value(name, None, "fills that overflow", expected));
        }
        changes.largest = changes.largest.max(largest);
        changes.columns.insert(name.clone(), ImputedColumn { mean, deviation });
        Ok(())
    }

    fn fill_classes(&mut self, equation: &ClassEquation, visit: Visit, changes: &mut Changes) {
        let ClassChange { changed, classes } = self.table.impute_classes(equation, visit, &self.ids);
        let Variable::Classes { known, .. } = &self.table.variables[equation.column] else { return };
        let weight = self.table.missing[equation.column];
        let shares = known.iter().cloned().zip(classes.iter().map(|class| class / weight)).collect();
        changes.changed += changed;
        changes.gaps += weight;
        let name = self.names[equation.column].clone();
        changes.categories.insert(name, ImputedCategory { shares, changed: changed / weight });
    }

    /// Fits and fills each column once.
    fn round(
        &mut self,
        round: usize,
        before: &[Regression],
        visited: &mut Visited<'_>,
    ) -> Result<(Vec<Regression>, ImputationRound)> {
        let mut equations: Vec<Regression> = Vec::with_capacity(self.visits.len());
        let mut changes = Changes::default();
        let visits = self.visits.clone();
        let mut rest = visits.as_slice();
        let visit = |names: &[String], column: usize| Visit::new(self.recipe.seed, round, &names[column]);
        while let Some(&column) = rest.first() {
            // Columns without gaps change nothing, so that those in a row are fitted at once.
            let complete = rest.iter().take_while(|&&column| self.table.gaps[column].is_empty()).count();
            let (now, later) = rest.split_at(complete.max(1));
            let fit = |&column: &usize| self.equation(column, visit(self.names, column), before);
            equations.extend(first_error::<_, Vec<_>>(now.par_iter().map(fit).collect())?);
            if let (0, Some(equation)) = (complete, equations.last()) {
                let visit = visit(self.names, column);
                match equation {
                    Regression::Number(equation) => self.fill_number(equation, visit, &mut changes)?,
                    Regression::Classes(equation) => self.fill_classes(equation, visit, &mut changes),
                }
            }
            visited.tell(now.len())?;
            rest = later;
        }
        let Changes { largest, changed, gaps, columns, categories } = changes;
        let changed = if gaps > 0.0 { changed / gaps } else { 0.0 };
        Ok((equations, ImputationRound { largest_change: largest, changed, columns, categories }))
    }

    /// Whether a round has changed so little that it was the last.
    fn settled(&self, round: &ImputationRound) -> bool {
        let tol = self.recipe.tol;
        let number = |variable: &Variable| matches!(variable, Variable::Number { .. });
        let numbers = match self.table.variables.iter().any(number) {
            // Where all is zero nothing can be smaller.
            true => round.largest_change < tol * self.table.scale || tol > 0.0 && round.largest_change == 0.0,
            false => tol > 0.0,
        };
        !self.recipe.draws() && numbers && (round.changed == 0.0 || round.changed < tol)
    }
}

/// The fitted chain, and what it put into the training rows.
pub(crate) fn run(
    recipe: &IterativeImputer,
    train: &Dataset<Train>,
    progress: &mut dyn Progress,
) -> Result<(FittedIterativeImputer, Fills)> {
    recipe.check()?;
    let layout = train.layout();
    let accepts = |kind: Kind| kind.is_numeric() || kind == Kind::Text;
    let expected = "numeric (or, chosen by `.on(..)`, text or boolean)";
    let mut names = layout.features_for("IterativeImputer", Kind::is_number, accepts, expected)?;
    // Sums are over columns, whose order in the table must not matter.
    names.sort_unstable();
    if recipe.draws() {
        train.refuse_weights("IterativeImputer with draws")?;
    }
    let pmm = matches!(recipe.method, ImputationMethod::Pmm { .. });
    let table = ChainTable::new(train, &names, pmm, recipe.max_classes)?;
    let ids = if recipe.draws() { train.row_ids() } else { Vec::new() };
    let visits = recipe.visits(&table.missing);
    let mut chain = Chain { recipe, table, names: &names, visits, ids };
    let total = recipe.max_iter.saturating_mul(names.len());
    let mut visited = Visited { done: 0, total, progress };
    let (mut equations, mut rounds): (Vec<Vec<Regression>>, Vec<ImputationRound>) = (Vec::new(), Vec::new());
    let mut converged = false;
    while rounds.len() < recipe.max_iter && !converged {
        if !rounds.is_empty() {
            chain.table.refresh();
        }
        let (fitted, done) =
            chain.round(rounds.len(), equations.last().map_or(&[], Vec::as_slice), &mut visited)?;
        converged = chain.settled(&done);
        if pmm {
            equations.clear();
        }
        equations.push(fitted);
        rounds.push(done);
    }
    let table = chain.table;
    let indicators = table.gaps.iter().map(|gaps| recipe.indicators.marks(!gaps.is_empty())).collect();
    let fills = (0..names.len()).map(|column| table.fills(column)).collect();
    let columns = InputColumn::all(layout, &names)?;
    let chain = (equations, rounds, converged);
    Ok((FittedIterativeImputer::new(columns, indicators, table.variables, chain, recipe.seed), fills))
}
