//! Which columns, and which rows, it is: by halving.

use mlsys_core::{Error, ErrorKind, Result};

/// What a run of the pipeline on changed rows gave.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The same bytes.
    Same,
    /// Other bytes.
    Differs(Vec<u8>),
    /// It could not be run.
    Refused(Error),
}

/// The columns that change the bytes, each by itself or, where none does, together.
#[derive(Debug, Default)]
pub(super) struct Guilty {
    pub(super) columns: Vec<usize>,
    /// What they changed the bytes to; the first columns found.
    pub(super) bytes: Vec<u8>,
    /// Columns that cannot be changed, and why.
    pub(super) refused: Vec<(usize, Error)>,
}

impl Guilty {
    fn found(&mut self, columns: &[usize], bytes: Vec<u8>) {
        if self.columns.is_empty() {
            self.bytes = bytes;
        }
        self.columns.extend_from_slice(columns);
    }
}

/// Halves the columns as long as changing them changes the bytes, or cannot be done.
///
/// # Errors
///
/// When the pipeline was cancelled.
pub(super) fn columns(
    among: &[usize],
    try_columns: &mut dyn FnMut(&[usize]) -> Result<Outcome>,
    guilty: &mut Guilty,
) -> Result<()> {
    if among.is_empty() {
        return Ok(());
    }
    let (left, right) = among.split_at(among.len() / 2);
    match (try_columns(among)?, among) {
        (Outcome::Same, _) => Ok(()),
        (Outcome::Refused(error), [column]) => {
            guilty.refused.push((*column, error));
            Ok(())
        }
        (Outcome::Differs(bytes), [_]) => {
            guilty.found(among, bytes);
            Ok(())
        }
        (Outcome::Refused(_), _) => {
            columns(left, try_columns, guilty)?;
            columns(right, try_columns, guilty)
        }
        (Outcome::Differs(bytes), _) => {
            let known = guilty.columns.len();
            columns(left, try_columns, guilty)?;
            columns(right, try_columns, guilty)?;
            if guilty.columns.len() == known {
                // Neither half does it alone.
                guilty.found(&together(among, try_columns)?, bytes);
            }
            Ok(())
        }
    }
}

/// Few of the rows that suffice to change the bytes: half of them as long as one half suffices, and then fewer of both.
///
/// # Errors
///
/// As [`columns`].
pub(super) fn rows(
    among: &[usize],
    try_rows: &mut dyn FnMut(&[usize]) -> Result<Outcome>,
) -> Result<Vec<usize>> {
    let mut rows = among;
    while rows.len() > 1 {
        let (left, right) = rows.split_at(rows.len() / 2);
        rows = if matches!(try_rows(left)?, Outcome::Differs(_)) {
            left
        } else if matches!(try_rows(right)?, Outcome::Differs(_)) {
            right
        } else {
            return together(rows, try_rows);
        };
    }
    Ok(rows.to_vec())
}

/// A search for those that do it only together ends after this many runs.
const RUNS: usize = 200;

/// Few of these that change the bytes together, where more of them never undo it: the QuickXplain of Junker, *QuickXplain: preferred
/// explanations and relaxations for over-constrained problems*, 2004. All of them when that finds none.
fn together(among: &[usize], try_some: &mut dyn FnMut(&[usize]) -> Result<Outcome>) -> Result<Vec<usize>> {
    let mut left = RUNS;
    let mut differs = |some: &[usize]| -> Result<Option<bool>> {
        if left == 0 {
            return Ok(None);
        }
        left -= 1;
        let mut some = some.to_vec();
        some.sort_unstable();
        Ok(Some(matches!(try_some(&some)?, Outcome::Differs(_))))
    };
    let Some(mut few) = explain(&[], false, among, &mut differs)? else { return Ok(among.to_vec()) };
    few.sort_unstable();
    Ok(if differs(&few)? == Some(true) { few } else { among.to_vec() })
}

/// Whether changing these changes the bytes; nothing when there were too many runs.
type Differs<'a> = dyn FnMut(&[usize]) -> Result<Option<bool>> + 'a;

/// The least of `among` that is needed beside `background`, which is worth a run when it `grew`.
fn explain(
    background: &[usize],
    grew: bool,
    among: &[usize],
    differs: &mut Differs<'_>,
) -> Result<Option<Vec<usize>>> {
    if grew {
        match differs(background)? {
            None => return Ok(None),
            Some(true) => return Ok(Some(Vec::new())),
            Some(false) => {}
        }
    }
    if among.len() <= 1 {
        return Ok(Some(among.to_vec()));
    }
    let (left, right) = among.split_at(among.len() / 2);
    let Some(of_right) = explain(&[background, left].concat(), true, right, differs)? else {
        return Ok(None);
    };
    let beside = [background, &of_right].concat();
    let Some(of_left) = explain(&beside, !of_right.is_empty(), left, differs)? else { return Ok(None) };
    Ok(Some([of_left, of_right].concat()))
}

/// What the pipeline gave, compared with what it gives for unchanged rows.
///
/// # Errors
///
/// When it was cancelled.
pub(super) fn compared(result: Result<Vec<u8>>, unchanged: &[u8]) -> Result<Outcome> {
    match result {
        Ok(bytes) if bytes == unchanged => Ok(Outcome::Same),
        Ok(bytes) => Ok(Outcome::Differs(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::Cancelled { .. }) => Err(error),
        Err(error) => Ok(Outcome::Refused(error)),
    }
}
