//! Leakage does not compile, and the compiler says what to use instead.

#[test]
fn leakage_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
