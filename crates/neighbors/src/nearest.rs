//! The k nearest so far, or all that are within reach, of several questions about one point.

/// The best so far of one question, ascending by (key, row).
#[derive(Debug)]
pub(crate) struct Best {
    k: usize,
    reach: f64,
    found: Vec<(f64, u32)>,
}

impl Default for Best {
    fn default() -> Self {
        Self { k: 0, reach: f64::INFINITY, found: Vec::new() }
    }
}

fn before(a: &(f64, u32), b: &(f64, u32)) -> bool {
    a.0 < b.0 || a.0 == b.0 && a.1 < b.1
}

impl Best {
    pub fn reset(&mut self, k: usize) {
        (self.k, self.reach) = (k, f64::INFINITY);
        self.found.clear();
    }

    /// For all that have keys up to `reach`, in no order until [`sort`](Self::sort).
    pub fn reset_within(&mut self, reach: f64) {
        (self.k, self.reach) = (usize::MAX, reach);
        self.found.clear();
    }

    /// Puts all in order, and leaves out what is not to stay.
    pub fn sort(&mut self, stays: impl Fn(f64) -> bool) {
        self.found.retain(|&(key, _)| stays(key));
        self.found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// What a key must not be above to matter; rows of this very key may still win by their number.
    pub fn cut(&self) -> f64 {
        match self.found.last() {
            _ if self.k == 0 => f64::NEG_INFINITY,
            // Keys past a double's range count as the largest double, and tie with it.
            Some(&(key, _)) if self.found.len() == self.k && key < f64::MAX => key,
            _ => self.reach,
        }
    }

    /// The last of `k` rows, where none can be nearer than they are; any row where one can; `None` without a question.
    pub fn last(&self, least: f64) -> Option<u32> {
        match self.found.last() {
            _ if self.k == 0 => None,
            Some(&(key, row)) if self.found.len() == self.k && key <= least => Some(row),
            _ => Some(u32::MAX),
        }
    }

    pub fn offer(&mut self, key: f64, row: u32) {
        let entry = (key.min(f64::MAX), row);
        if self.k == usize::MAX {
            self.found.push(entry);
            return;
        }
        if self.found.len() == self.k {
            match self.found.last() {
                Some(last) if before(&entry, last) => self.found.pop(),
                _ => return,
            };
        }
        let at = self.found.partition_point(|one| before(one, &entry));
        self.found.insert(at, entry);
    }

    pub fn found(&self) -> &[(f64, u32)] {
        &self.found
    }
}
