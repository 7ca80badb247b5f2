//! An aggregate under every definition of the rows that it may include.

use rayon::prelude::*;

use super::Aggregate;

/// Which rows of its group an aggregate includes, the most innocent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) window: Window,
    /// Rows of both parts, not only of the row's own.
    pub(super) both: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Window {
    /// Those strictly earlier.
    Earlier,
    /// Those strictly earlier, and the row.
    EarlierAndSelf,
    /// Those at the same time or earlier, and so the row.
    UpToNow,
    /// All but the row.
    Others,
    /// All.
    Every,
}

impl Scope {
    /// Those that can be told apart with what is given.
    pub(super) fn all(timed: bool, both: bool) -> Vec<Self> {
        use Window::{Earlier, EarlierAndSelf, Every, Others, UpToNow};
        let windows = [Earlier, EarlierAndSelf, UpToNow, Others, Every];
        let windows = windows.into_iter().filter(|window| timed || matches!(window, Others | Every));
        windows
            .flat_map(|window| [Self { window, both: false }, Self { window, both: true }])
            .filter(|scope| both || !scope.both)
            .collect()
    }

    /// The name in evidence.
    pub(super) fn name(self) -> String {
        let window = match self.window {
            Window::Earlier => "earlier",
            Window::EarlierAndSelf => "earlier_and_self",
            Window::UpToNow => "up_to_now",
            Window::Others => "others",
            Window::Every => "every",
        };
        format!("{window}{}", if self.both { "_of_both_parts" } else { "" })
    }

    /// The name in sentences.
    pub(super) fn describe(self) -> String {
        let (window, parts) = (self.window, if self.both { " of both parts" } else { "" });
        match window {
            Window::Earlier => format!("the strictly earlier rows{parts}"),
            Window::EarlierAndSelf => format!("the strictly earlier rows{parts} and the row itself"),
            Window::UpToNow => {
                format!("the rows{parts} at the same time or earlier, the row itself among them")
            }
            Window::Others => format!("all rows{parts} but the row itself"),
            Window::Every => format!("all rows{parts}, the row itself among them"),
        }
    }
}

/// A row of either part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) group: u128,
    /// Not there when no time is given.
    pub(super) time: Option<i64>,
    /// The row in its part.
    pub(super) row: usize,
    /// Whether it is of the part that is audited.
    pub(super) own: bool,
    /// NaN where missing.
    pub(super) value: f64,
}

/// What gathers values.
#[derive(Debug, Clone, Copy)]
struct Gathered {
    n: f64,
    sum: f64,
    /// The sum of magnitudes, which bounds what rounding does.
    abs: f64,
    /// The lowest two and the highest two.
    low: [f64; 2],
    high: [f64; 2],
}

impl Gathered {
    const NONE: Self =
        Self { n: 0.0, sum: 0.0, abs: 0.0, low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };

    fn with(mut self, x: f64) -> Self {
        if x.is_nan() {
            return self;
        }
        self.n += 1.0;
        self.sum += x;
        self.abs += x.abs();
        let [low, second] = self.low;
        self.low = if x < low { [x, low] } else { [low, second.min(x)] };
        let [high, second] = self.high;
        self.high = if x > high { [x, high] } else { [high, second.max(x)] };
        self
    }

    fn without(mut self, x: f64) -> Self {
        if x.is_nan() {
            return self;
        }
        self.n -= 1.0;
        self.sum -= x;
        let [low, second] = self.low;
        self.low = if x == low { [second; 2] } else { self.low };
        let [high, second] = self.high;
        self.high = if x == high { [second; 2] } else { self.high };
        self
    }

    /// NaN when nothing was gathered.
    fn value(&self, aggregate: Aggregate) -> f64 {
        if self.n < 0.5 {
            return f64::NAN;
        }
        match aggregate {
            Aggregate::Mean => self.sum / self.n,
            Aggregate::Sum => self.sum,
            Aggregate::Count => self.n,
            Aggregate::Min => self.low[0],
            Aggregate::Max => self.high[0],
        }
    }

    /// By how much sums in another order may differ: n·eps of the sum of magnitudes at most, √n·eps as a rule.
    fn rounding(&self, aggregate: Aggregate) -> f64 {
        match aggregate {
            Aggregate::Mean => 4e-12 * self.abs / self.n.max(1.0),
            Aggregate::Sum => 1e-12 * self.abs,
            _ => 0.0,
        }
    }
}

/// The aggregate of each row of the audited part under each scope, NaN where the scope is empty.
pub(super) struct Computed {
    /// A column per scope.
    pub(super) by_scope: Vec<Vec<f64>>,
    /// What rounding may do to each row.
    pub(super) rounding: Vec<f64>,
}

pub(super) fn compute(
    mut entries: Vec<Entry>,
    n_rows: usize,
    scopes: &[Scope],
    aggregate: Aggregate,
) -> Computed {
    // By part and row last, so that sums are added up in one order.
    entries.par_sort_unstable_by_key(|e| (e.group, e.time, !e.own, e.row));
    let groups: Vec<&[Entry]> = entries.chunk_by(|a, b| a.group == b.group).collect();
    let each: Vec<Vec<Line>> = groups.par_iter().map(|group| lines(group, scopes, aggregate)).collect();
    let mut by_scope = vec![vec![f64::NAN; n_rows]; scopes.len()];
    let mut rounding = vec![0.0; n_rows];
    for line in each.into_iter().flatten() {
        if let Some(to) = rounding.get_mut(line.row) {
            *to = line.rounding;
        }
        for (to, value) in by_scope.iter_mut().zip(line.values) {
            if let Some(to) = to.get_mut(line.row) {
                *to = value;
            }
        }
    }
    Computed { by_scope, rounding }
}

/// A row's aggregates.
struct Line {
    row: usize,
    rounding: f64,
    values: Vec<f64>,
}

fn lines(group: &[Entry], scopes: &[Scope], aggregate: Aggregate) -> Vec<Line> {
    let gather = |entries: &[Entry], from: [Gathered; 2]| {
        entries
            .iter()
            .fold(from, |[own, both], e| [if e.own { own.with(e.value) } else { own }, both.with(e.value)])
    };
    let every = gather(group, [Gathered::NONE; 2]);
    let mut before = [Gathered::NONE; 2];
    let mut lines = Vec::new();
    for same_time in group.chunk_by(|a, b| a.time == b.time) {
        let up_to = gather(same_time, before);
        for entry in same_time.iter().filter(|entry| entry.own) {
            let value = |scope: &Scope| {
                let of = |[own, both]: [Gathered; 2]| if scope.both { both } else { own };
                let gathered = match scope.window {
                    Window::Earlier => of(before),
                    Window::EarlierAndSelf => of(before).with(entry.value),
                    Window::UpToNow => of(up_to),
                    Window::Others => of(every).without(entry.value),
                    Window::Every => of(every),
                };
                gathered.value(aggregate)
            };
            let values = scopes.iter().map(value).collect();
            lines.push(Line { row: entry.row, rounding: every[1].rounding(aggregate), values });
        }
        before = up_to;
    }
    lines
}
