//! A target as yes-or-no questions, which all measures of an audit can be asked about.

use super::label::Label;
use mlsys_core::Coded;

/// Fewer rows on a side than this tell nothing.
const LEAST_ROWS: usize = 10;
/// Of more classes, the most frequent ones are asked about.
const MOST_QUESTIONS: usize = 8;

/// Whether a row is of a class, or above the median.
#[derive(Debug)]
pub(crate) struct Question {
    /// What is asked, for messages.
    pub(crate) text: String,
    /// 1 for yes, a row.
    pub(crate) yes: Vec<u32>,
    /// Rows of no and of yes.
    pub(crate) sizes: [usize; 2],
    asks: Asks,
}

/// What a row is asked.
#[derive(Debug, Clone, Copy)]
enum Asks {
    /// Whether it is of this class.
    Is(u32),
    /// Whether its number is higher.
    Above(f64),
}

impl Question {
    fn new(text: String, asks: Asks, label: &Label) -> Option<Self> {
        let yes: Vec<u32> = match (asks, label) {
            (Asks::Is(class), Label::Classes { codes, .. }) => {
                codes.iter().map(|&code| u32::from(code == class)).collect()
            }
            (Asks::Above(least), Label::Numbers(values)) => {
                values.iter().map(|&x| u32::from(x > least)).collect()
            }
            _ => return None,
        };
        let count = yes.iter().filter(|&&yes| yes == 1).count();
        let sizes = [yes.len() - count, count];
        (sizes[0] >= LEAST_ROWS && sizes[1] >= LEAST_ROWS).then_some(Self { text, yes, sizes, asks })
    }

    /// The same question about other rows, of which the label is known by the same classes.
    pub(crate) fn of_other(&self, label: &Label) -> Option<Self> {
        Self::new(self.text.clone(), self.asks, label)
    }

    /// How many standard deviations an area is from saying nothing.
    pub(crate) fn z(&self, auc: f64) -> f64 {
        (auc - 0.5).abs() / super::auc::deviation(self.sizes[0], self.sizes[1])
    }

    /// The standard error of an area.
    pub(crate) fn standard_error(&self, auc: f64) -> f64 {
        super::auc::standard_error(auc, self.sizes[0], self.sizes[1])
    }
}

/// The questions about a target that is known of every row.
pub(crate) fn questions(target: &str, label: &Label) -> Vec<Question> {
    match label {
        Label::Classes { codes, names, n_classes } => {
            let name = |class: usize| names.get(class).map_or("another".to_owned(), ToString::to_string);
            let mut sizes = vec![0usize; *n_classes];
            codes.iter().filter(|&&code| code != Coded::MISSING).for_each(|&code| sizes[code as usize] += 1);
            let mut classes: Vec<usize> = (0..*n_classes).collect();
            if *n_classes == 2 {
                classes.remove(0);
            }
            classes.sort_by_key(|&class| (std::cmp::Reverse(sizes[class]), class));
            classes.truncate(MOST_QUESTIONS);
            let question = |class: usize| {
                Question::new(format!("{target} = {}", name(class)), Asks::Is(class as u32), label)
            };
            classes.into_iter().filter_map(question).collect()
        }
        Label::Numbers(values) => {
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let Some(&median) = sorted.get(values.len() / 2) else { return Vec::new() };
            // Of a number that is often its lowest value, whether it is more.
            let above = if sorted.first() == Some(&median) { median } else { median.next_down() };
            Question::new(format!("{target} > {above:.4}"), Asks::Above(above), label).into_iter().collect()
        }
    }
}
