//! What is added up by bin, and how good sums of it are.

/// A row of a tree, with what it adds to sums.
pub(super) trait Item: Copy + Send + Sync + Default {
    fn row(&self) -> u32;
}

/// How rows are added up, in cells of so many sums of which the last counts rows, and what is best.
pub(super) trait Criterion: Sync {
    type Item: Item;

    /// Sums per cell.
    fn width(&self) -> usize;

    /// Adds a row to a cell.
    fn add(&self, cell: &mut [f64], item: &Self::Item);

    /// The larger, the purer a side is: the weight that it has less its impurity times its weight, up to a constant.
    fn score(&self, cell: &[f64]) -> f64;

    /// The weight of a side.
    fn weight(&self, cell: &[f64]) -> f64;

    /// Whether rows have one target.
    fn is_pure(&self, items: &[Self::Item]) -> bool;

    /// How many orders of categories are tried.
    fn n_orders(&self) -> usize;

    /// By what categories are sorted.
    fn order(&self, cell: &[f64], order: usize) -> f64;
}

/// Numbers by squared error; two classes as 0 and 1, where half of Gini's gain is that of the squared error.
pub(super) struct Numbers {
    /// Whether there are but 0 and 1.
    pub binary: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Number {
    pub row: u32,
    pub w: f64,
    pub y: f64,
}

impl Item for Number {
    fn row(&self) -> u32 {
        self.row
    }
}

impl Criterion for Numbers {
    type Item = Number;

    #[inline]
    fn width(&self) -> usize {
        3
    }

    #[inline]
    fn add(&self, cell: &mut [f64], item: &Number) {
        cell[0] += item.w;
        cell[1] += item.w * item.y;
        cell[2] += 1.0;
    }

    #[inline]
    fn score(&self, cell: &[f64]) -> f64 {
        if cell[0] > 0.0 { cell[1] * cell[1] / cell[0] } else { 0.0 }
    }

    #[inline]
    fn weight(&self, cell: &[f64]) -> f64 {
        cell[0]
    }

    fn is_pure(&self, items: &[Number]) -> bool {
        items.windows(2).all(|pair| pair[0].y == pair[1].y)
    }

    fn n_orders(&self) -> usize {
        1
    }

    fn order(&self, cell: &[f64], _: usize) -> f64 {
        if cell[0] > 0.0 { cell[1] / cell[0] } else { 0.0 }
    }
}

/// Three classes or more, by Gini: a sum for each.
pub(super) struct Classes(pub usize);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OfClass {
    pub row: u32,
    pub class: u32,
    pub w: f64,
}

impl Item for OfClass {
    fn row(&self) -> u32 {
        self.row
    }
}

impl Criterion for Classes {
    type Item = OfClass;

    #[inline]
    fn width(&self) -> usize {
        self.0 + 1
    }

    #[inline]
    fn add(&self, cell: &mut [f64], item: &OfClass) {
        cell[item.class as usize] += item.w;
        cell[self.0] += 1.0;
    }

    fn score(&self, cell: &[f64]) -> f64 {
        let (sum, squares) = cell[..self.0].iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        if sum > 0.0 { squares / sum } else { 0.0 }
    }

    fn weight(&self, cell: &[f64]) -> f64 {
        cell[..self.0].iter().sum()
    }

    fn is_pure(&self, items: &[OfClass]) -> bool {
        items.windows(2).all(|pair| pair[0].class == pair[1].class)
    }

    fn n_orders(&self) -> usize {
        self.0
    }

    fn order(&self, cell: &[f64], order: usize) -> f64 {
        let weight = self.weight(cell);
        if weight > 0.0 { cell[order] / weight } else { 0.0 }
    }
}
