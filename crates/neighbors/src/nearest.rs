//! The k nearest so far, of several questions about one point.

/// The best so far of one question, ascending by (key, row).
#[derive(Debug, Default)]
pub(crate) struct Best {
    k: usize,
    found: Vec<(f64, u32)>,
}

impl Best {
    pub fn reset(&mut self, k: usize) {
        self.k = k;
        self.found.clear();
    }

    /// What a key must not be above to matter; rows of this very key may still win by their number.
    pub fn cut(&self) -> f64 {
        match self.found.last() {
            _ if self.k == 0 => f64::NEG_INFINITY,
            // Keys past a double's range count as the largest double, and tie with it.
            Some(&(key, _)) if self.found.len() == self.k && key < f64::MAX => key,
            _ => f64::INFINITY,
        }
    }

    pub fn offer(&mut self, key: f64, row: u32) {
        let entry = (key.min(f64::MAX), row);
        let before = |a: &(f64, u32), b: &(f64, u32)| a.0 < b.0 || a.0 == b.0 && a.1 < b.1;
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
