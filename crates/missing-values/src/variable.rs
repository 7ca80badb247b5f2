//! A column as a chain of regressions sees it: a number, or the indicators of its classes.

use std::ops::Range;

use mlsys_core::arrow::array::ArrayRef;
use mlsys_core::arrow::buffer::ScalarBuffer;
use mlsys_core::{Category, Coded, Kind, Result, column};
use serde::{Deserialize, Serialize};

/// What a regression makes of a column. Cells are numbers, or the codes of classes; NaN where they are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Variable {
    /// A number less the mean.
    Number { center: f64 },
    /// An indicator for each class but the first. Classes ascend; `shares` are those of the rows.
    Classes { known: Vec<Category>, shares: Vec<f64> },
}

impl Variable {
    /// How many columns of the regressions it has.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Classes { known, .. } => known.len().saturating_sub(1),
        }
    }

    /// The mean; zero for classes.
    pub fn center(&self) -> f64 {
        match self {
            Self::Number { center } => *center,
            Self::Classes { .. } => 0.0,
        }
    }

    /// The code of the most frequent class, the first of equally frequent ones.
    pub fn most_frequent(&self) -> u32 {
        match self {
            Self::Number { .. } => 0,
            Self::Classes { shares, .. } => {
                let most = shares.iter().copied().fold(0.0, f64::max);
                shares.iter().position(|share| *share == most).unwrap_or(0) as u32
            }
        }
    }

    /// The value of a cell in the `place`-th of its columns. A class that was not there says nothing: the shares of the others.
    pub fn value(&self, cell: f64, place: usize) -> f64 {
        match self {
            Self::Number { center } => cell - center,
            Self::Classes { known, shares } if cell >= known.len() as f64 => shares[place + 1],
            Self::Classes { .. } => f64::from(u8::from(cell == (place + 1) as f64)),
        }
    }

    /// The cells of a column; a class that was not there while fitting has the code after the last.
    pub fn read(&self, name: &str, array: &ArrayRef) -> Result<ScalarBuffer<f64>> {
        let Self::Classes { known, .. } = self else { return column::finite_or_missing(name, array) };
        let coded = Coded::new(name, array)?;
        let places = coded.places_in(known);
        let cell = |code: &u32| match places.get(*code as usize) {
            Some(place) => place.map_or(known.len() as f64, f64::from),
            None => f64::NAN,
        };
        Ok(coded.codes.iter().map(cell).collect())
    }

    /// Whether hostile bytes could not have made it, of a column of this kind.
    pub fn is_valid(&self, kind: Kind) -> bool {
        match self {
            Self::Number { center } => kind.is_numeric() && center.is_finite(),
            Self::Classes { known, shares } => {
                let of_kind = |class: &Category| match class {
                    Category::Text(_) => kind == Kind::Text,
                    Category::Bool(_) => kind == Kind::Boolean,
                    _ => false,
                };
                let ascending = known.windows(2).all(|pair| pair[0] < pair[1]);
                let fine = shares.iter().all(|share| (0.0..=1.0).contains(share));
                let whole = (shares.iter().sum::<f64>() - 1.0).abs() < 1e-6;
                !known.is_empty()
                    && known.len() == shares.len()
                    && ascending
                    && fine
                    && whole
                    && known.iter().all(of_kind)
            }
        }
    }
}

/// Which columns of the regressions each variable has.
pub(crate) fn places(variables: &[Variable]) -> Vec<Range<usize>> {
    let mut end = 0;
    let place = |variable: &Variable| {
        let start = end;
        end += variable.width();
        start..end
    };
    variables.iter().map(place).collect()
}
