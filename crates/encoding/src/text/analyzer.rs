//! Cutting text into tokens.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How text is cut into tokens: words or letters, and runs of `n_grams` of them.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `unit` | `Words` | | what a run is made of |
/// | `n_grams` | 1 to 1 | 1 or more | the lengths of the runs |
/// | `lowercase` | yes | | whether text is put into lower case first |
///
/// ```
/// use mlsys_encoding::text::{Analyzer, Unit};
///
/// let mut tokens = Vec::new();
/// Analyzer::new().n_grams(1, 2).tokens("Late again, a LATE one", |token| tokens.push(token.to_owned()));
/// assert_eq!(tokens, ["late", "again", "late", "one", "late again", "again late", "late one"]);
/// ```
///
/// As scikit-learn's vectorizers cut it: a word is two letters, digits or underscores at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Analyzer {
    unit: Unit,
    n_grams: (usize, usize),
    lowercase: bool,
}

/// What a run is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Words of two characters and more; runs are joined by spaces.
    #[default]
    Words,
    /// Characters, blanks among them; several blanks count as one.
    Characters,
    /// Characters within words, which have a blank before and after.
    CharactersInWords,
}

impl Default for Analyzer {
    fn default() -> Self {
        Self { unit: Unit::Words, n_grams: (1, 1), lowercase: true }
    }
}

impl Analyzer {
    /// Words, one by one, in lower case.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a run is made of.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The shortest and the longest run.
    pub fn n_grams(mut self, shortest: usize, longest: usize) -> Self {
        self.n_grams = (shortest, longest);
        self
    }

    /// Whether text is put into lower case first.
    pub fn lowercase(mut self, lowercase: bool) -> Self {
        self.lowercase = lowercase;
        self
    }

    pub(crate) fn check(&self, estimator: &str) -> Result<()> {
        let (shortest, longest) = self.n_grams;
        if (1..=100).contains(&shortest) && (shortest..=100).contains(&longest) {
            return Ok(());
        }
        let expected = "1 to 100, the shorter first";
        Err(Error::invalid_parameter(estimator, "n_grams", format!("{shortest} to {longest}"), expected))
    }

    /// The lengths of runs; none is of no unit.
    fn lengths(&self) -> std::ops::RangeInclusive<usize> {
        self.n_grams.0.max(1)..=self.n_grams.1
    }

    /// Calls `visit` with each token.
    pub fn tokens(&self, text: &str, mut visit: impl FnMut(&str)) {
        let lower;
        let text = if self.lowercase {
            lower = text.to_lowercase();
            &lower
        } else {
            text
        };
        match self.unit {
            Unit::Words => self.words(text, &mut visit),
            Unit::Characters => self.characters(&one_blank(text), &mut visit),
            Unit::CharactersInWords => {
                text.split_whitespace().for_each(|word| self.in_word(&format!(" {word} "), &mut visit));
            }
        }
    }

    fn words(&self, text: &str, visit: &mut impl FnMut(&str)) {
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        let words = text.split(|c| !of_word(c)).filter(|word| word.chars().nth(1).is_some());
        if self.n_grams == (1, 1) {
            return words.for_each(visit);
        }
        let words: Vec<&str> = words.collect();
        for n in self.lengths().take_while(|&n| n <= words.len()) {
            words.windows(n).for_each(|run| visit(&run.join(" ")));
        }
    }

    fn characters(&self, text: &str, visit: &mut impl FnMut(&str)) {
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        for n in self.lengths().take_while(|&n| n < starts.len()) {
            starts.windows(n + 1).for_each(|run| visit(&text[run[0]..run[n]]));
        }
    }

    /// A word shorter than a run is one token, for the shortest such run.
    fn in_word(&self, word: &str, visit: &mut impl FnMut(&str)) {
        let starts: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
        for n in self.lengths() {
            if starts.len() <= n + 1 {
                visit(word);
                return;
            }
            starts.windows(n + 1).for_each(|run| visit(&word[run[0]..run[n]]));
        }
    }
}

/// Runs of two blanks and more become a space each.
fn one_blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() && chars.peek().is_some_and(|next| next.is_whitespace()) {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(analyzer: Analyzer, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        analyzer.tokens(text, |token| found.push(token.to_owned()));
        found
    }

    #[test]
    fn runs_of_characters() {
        let characters = Analyzer::new().unit(Unit::Characters).n_grams(2, 3);
        assert_eq!(tokens(characters, "Ab  ü"), ["ab", "b ", " ü", "ab ", "b ü"]);
        let in_words = Analyzer::new().unit(Unit::CharactersInWords).n_grams(3, 4);
        assert_eq!(tokens(in_words, "a bcd"), [" a ", " bc", "bcd", "cd ", " bcd", "bcd "]);
        assert_eq!(tokens(characters, ""), [""; 0]);
        assert_eq!(tokens(Analyzer::new().lowercase(false), "A Bee, c_3!"), ["Bee", "c_3"]);
    }
}
