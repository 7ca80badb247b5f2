//! The code on the guide's page on leakage is that of its examples, which compile and run.
#![allow(clippy::unwrap_used)]

/// With single spaces, so that indentation and line breaks do not matter.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Paragraphs of code, without comments that only the page has.
fn code(page: &str) -> Vec<String> {
    let (mut found, mut inside) = (vec![String::new()], false);
    for line in page.lines() {
        match line.trim() {
            "```rust" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() && !line.starts_with("//") => {
                let last = found.last_mut().unwrap();
                last.push_str(line.split(" // ").next().unwrap());
                last.push(' ');
                continue;
            }
            _ => {}
        }
        found.push(String::new());
    }
    found.iter().map(|paragraph| words(paragraph)).filter(|paragraph| !paragraph.is_empty()).collect()
}

#[test]
fn the_page_on_leakage_has_the_code_of_its_examples() {
    let sources = words(concat!(include_str!("../ten_ways.rs"), include_str!("../leakage.rs")));
    let found = code(include_str!("../../docs/leakage.md"));
    assert!(found.len() >= 12, "{found:#?}");
    for paragraph in found {
        assert!(sources.contains(&paragraph), "in no example: {paragraph}");
    }
}
