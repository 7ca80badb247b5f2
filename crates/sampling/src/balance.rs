//! The search that puts whole groups on sides so that each has its share of every class.

use mlsys_core::{Coded, rand::rngs::ChaCha8Rng, seed};

use crate::groups::{GroupCounts, by_value};

/// What each choice for a group adds to the balance of each class; balanced is zero.
///
/// With a test share s, a row for testing adds 1 − s and a row for training takes s: the sum over the rows of a class
/// is zero exactly when s of them are for testing. The last entry is for all rows together.
pub(crate) struct Choices {
    /// Groups, in the order in which they are first placed.
    pub(crate) groups: Vec<[Vec<f64>; 2]>,
    /// What does not move, for each class and all rows.
    pub(crate) fixed: Vec<f64>,
    /// By how much to divide the balance of a class: its rows.
    pub(crate) scale: Vec<f64>,
}

/// Rounds of improvement after the first placing. Most searches end after three or four.
const ROUNDS: usize = 20;

impl Choices {
    /// Whether each group is for testing: greedily one by one, and then by single moves until none helps.
    ///
    /// Minimises Σ_c (balance_c / scale_c)². At least one group stays on each side when `both` asks for it.
    pub(crate) fn search(&self, both: bool) -> Vec<bool> {
        let mut balance = self.fixed.clone();
        let mut is_test = vec![false; self.groups.len()];
        for (group, is_test) in self.groups.iter().zip(&mut is_test) {
            *is_test = self.cost_with(&balance, &group[1]) < self.cost_with(&balance, &group[0]);
            add(&mut balance, &group[usize::from(*is_test)], 1.0);
        }
        if both {
            self.fill_empty_side(&mut is_test, &mut balance);
        }
        let mut n_test = is_test.iter().filter(|&&test| test).count();
        for _ in 0..ROUNDS {
            let mut moved = false;
            for (group, side) in self.groups.iter().zip(&mut is_test) {
                let leaves = if *side { n_test } else { self.groups.len() - n_test };
                if both && leaves == 1 {
                    continue;
                }
                let (own, other) = (&group[usize::from(*side)], &group[usize::from(!*side)]);
                let change = |place: usize| balance[place] - own[place] + other[place];
                // A move must help by more than rounding does, or two of them could follow each other for ever.
                if self.cost(change) < self.cost(|place| balance[place]) * (1.0 - 1e-9) {
                    add(&mut balance, own, -1.0);
                    add(&mut balance, other, 1.0);
                    n_test = if *side { n_test - 1 } else { n_test + 1 };
                    *side = !*side;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        is_test
    }

    /// Moves the group that costs least to a side that has none.
    fn fill_empty_side(&self, is_test: &mut [bool], balance: &mut [f64]) {
        let Some(&side) = is_test.first() else { return };
        if is_test.iter().any(|&other| other != side) || is_test.len() < 2 {
            return;
        }
        let (from, to) = (usize::from(side), usize::from(!side));
        let cost = |group: &[Vec<f64>; 2]| self.cost(|p| balance[p] - group[from][p] + group[to][p]);
        let cheapest =
            (0..self.groups.len()).min_by(|&a, &b| cost(&self.groups[a]).total_cmp(&cost(&self.groups[b])));
        if let Some(cheapest) = cheapest {
            is_test[cheapest] = !side;
            add(balance, &self.groups[cheapest][from], -1.0);
            add(balance, &self.groups[cheapest][to], 1.0);
        }
    }

    fn cost(&self, balance: impl Fn(usize) -> f64) -> f64 {
        self.scale.iter().enumerate().map(|(place, scale)| (balance(place) / scale).powi(2)).sum()
    }

    fn cost_with(&self, balance: &[f64], more: &[f64]) -> f64 {
        self.cost(|place| balance[place] + more[place])
    }
}

fn add(balance: &mut [f64], values: &[f64], sign: f64) {
    balance.iter_mut().zip(values).for_each(|(to, value)| *to += sign * value);
}

/// `factor` times the counts, and their sum.
pub(crate) fn weighed(counts: &[u32], factor: f64) -> Vec<f64> {
    let all = counts.iter().map(|&count| f64::from(count)).sum::<f64>();
    counts.iter().map(|&count| f64::from(count)).chain([all]).map(|count| factor * count).collect()
}

/// The rows of each class and of all, for dividing by; never zero.
pub(crate) fn scale_of(counts: &GroupCounts) -> Vec<f64> {
    let per_class = counts.per_class();
    let all = per_class.iter().sum::<usize>();
    per_class.into_iter().chain([all]).map(|count| count.max(1) as f64).collect()
}

/// Groups in random order, but large ones before small ones, which even out what the large ones left.
pub(crate) fn large_first(groups: &Coded, counts: &GroupCounts, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order = by_value(groups);
    seed::shuffle(&mut order, rng);
    let magnitude =
        |group: usize| counts.of(group).iter().map(|&count| u64::from(count)).sum::<u64>().leading_zeros();
    order.sort_by_key(|&group| magnitude(group));
    order
}

/// Which groups are for testing, by code.
pub(crate) fn groups_for_testing(
    groups: &Coded,
    counts: &GroupCounts,
    test_share: f64,
    seed: u64,
) -> Vec<bool> {
    let order = large_first(groups, counts, &mut seed::stream(seed, 0));
    let sides = |&group: &usize| {
        [weighed(counts.of(group), -test_share), weighed(counts.of(group), 1.0 - test_share)]
    };
    let choices = Choices {
        groups: order.iter().map(sides).collect(),
        fixed: vec![0.0; counts.n_classes + 1],
        scale: scale_of(counts),
    };
    let mut is_test = vec![false; order.len()];
    order.iter().zip(choices.search(true)).for_each(|(&group, test)| is_test[group] = test);
    is_test
}
