//! The text of each kind of error: what was expected, what was found, where, and what to do.

use mlsys_core::{Error, ErrorKind};

#[test]
fn every_kind_reads_as_a_sentence() {
    let text = |kind: ErrorKind| Error::from(kind).to_string();
    let s = |text: &str| text.to_owned();
    let cases = [
        (
            text(ErrorKind::MissingColumn { name: s("dest"), available: vec![s("origin"), s("carrier")] }),
            "column `dest` is not in the table, which has: origin, carrier",
        ),
        (
            text(ErrorKind::MissingColumn { name: s("dest"), available: vec![] }),
            "column `dest` is not in the table, which has: no columns",
        ),
        (text(ErrorKind::DuplicateColumn { name: s("x") }), "two columns are called `x`; rename one of them"),
        (
            text(ErrorKind::ColumnType { column: s("x"), expected: s("numeric"), found: s("Utf8") }),
            "column `x` must be numeric, found Utf8",
        ),
        (
            text(ErrorKind::InvalidParameter {
                estimator: s("LogisticRegression"),
                name: s("l2"),
                value: s("-1"),
                expected: s("0 or more"),
            }),
            "`l2` of LogisticRegression must be 0 or more, got -1",
        ),
        (
            text(ErrorKind::NonFinite { column: s("x"), row: 7, value: f64::INFINITY }),
            "column `x` has inf in row 7; expected finite values, so replace or drop it",
        ),
        (
            text(ErrorKind::MissingValues { column: s("x"), count: 1, hint: s("impute them first") }),
            "column `x` has 1 missing value; impute them first",
        ),
        (
            text(ErrorKind::MissingValues { column: s("x"), count: 2, hint: s("impute them first") }),
            "column `x` has 2 missing values; impute them first",
        ),
        (
            text(ErrorKind::TooFewRows { need: 2, found: 1, why: s("a split") }),
            "a split needs at least 2 rows, found 1",
        ),
        (
            text(ErrorKind::SingleClass { column: s("late"), class: s("false") }),
            "column `late` has the single class `false`; expected at least two classes",
        ),
        (
            text(ErrorKind::UnseenCategory {
                column: s("x"),
                row: 3,
                value: s("z"),
                hint: s("set `unseen`"),
            }),
            "column `x` has `z` in row 3, which was not there when fitting; set `unseen`",
        ),
        (
            text(ErrorKind::AllMissing { column: s("x"), hint: s("ignore it") }),
            "every value of column `x` is missing; ignore it",
        ),
        (
            text(ErrorKind::MissingRole { role: "target", needed_by: s("ZeroRule"), hint: s("name it") }),
            "ZeroRule needs a target column; name it",
        ),
        (
            text(ErrorKind::UnsupportedRole { role: "weight", estimator: s("X"), hint: s("ignore `w`") }),
            "X cannot use a weight column; ignore `w`",
        ),
        (
            text(ErrorKind::Shape { what: s("weights"), expected: s("3 rows"), found: s("2") }),
            "weights: expected 3 rows, found 2",
        ),
        (
            text(ErrorKind::InvalidValue {
                column: s("w"),
                row: Some(4),
                value: s("-1"),
                expected: s("0 or more"),
            }),
            "column `w` has -1 in row 4; expected 0 or more",
        ),
        (
            text(ErrorKind::InvalidValue {
                column: s("w"),
                row: None,
                value: s("-1"),
                expected: s("0 or more"),
            }),
            "`w` must be 0 or more, got -1",
        ),
        (
            text(ErrorKind::State { expected: s("3 columns"), found: s("2") }),
            "state of a statistic: expected 3 columns, found 2",
        ),
        (
            text(ErrorKind::Artifact { reason: s("is cut off in its body") }),
            "artefact: is cut off in its body",
        ),
        (text(ErrorKind::Cancelled { stage: s("fitting") }), "cancelled while fitting"),
        (text(ErrorKind::Unsupported { what: s("groups are not supported") }), "groups are not supported"),
        (
            text(ErrorKind::Context { stage: s("fitting X"), source: Error::unsupported("no") }),
            "fitting X: no",
        ),
        (Error::from(std::io::Error::other("disk full")).to_string(), "disk full"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn rows_of_a_slice_are_counted_from_the_start_of_the_table() {
    let inner = ErrorKind::NonFinite { column: "x".into(), row: 7, value: f64::INFINITY };
    let error = Error::from(inner).context("fitting X").offset_rows(65_536);
    assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 65_543, .. }), "{error}");
    assert_eq!(error.column(), Some("x"));
}
