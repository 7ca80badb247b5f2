//! Text as counts of its words, or of runs of letters: vectorizers that share one way to cut text into tokens.

mod analyzer;
mod count_vectorizer;
mod fitted_vectorizer;
mod hashing_vectorizer;
mod tfidf_vectorizer;
mod token_counts;

pub use analyzer::{Analyzer, Unit};
pub use count_vectorizer::{CountVectorizer, TimesAs};
pub use fitted_vectorizer::{FittedVectorizer, Norm};
pub use hashing_vectorizer::{FittedHashingVectorizer, HashingVectorizer};
pub use tfidf_vectorizer::TfidfVectorizer;
pub use token_counts::{TokenCount, TokenCounts, TokenCountsState, TokenCountsSummary};
