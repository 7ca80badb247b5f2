//! What the rows of a dataset may be used for, as types.

/// Says what the rows of a [`Dataset`](crate::Dataset) may be used for: [`Unsplit`], [`Train`], [`Validation`] or
/// [`Test`].
pub trait Partition: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The name, for people.
    const NAME: &'static str;
}

/// Rows that no one has yet divided. They can be split, not fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsplit;

/// Rows that may be fitted and resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Train;

/// Rows for choosing among models and for stopping early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validation;

/// Rows for the final judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unsplit {}
    impl Sealed for super::Train {}
    impl Sealed for super::Validation {}
    impl Sealed for super::Test {}
}

impl Partition for Unsplit {
    const NAME: &'static str = "Unsplit";
}

impl Partition for Train {
    const NAME: &'static str = "Train";
}

impl Partition for Validation {
    const NAME: &'static str = "Validation";
}

impl Partition for Test {
    const NAME: &'static str = "Test";
}
