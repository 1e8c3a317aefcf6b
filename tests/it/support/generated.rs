//! Files of the repository that are generated from the registry.

use std::{fs, path::PathBuf, sync::Mutex};

/// Renews every generated file: the tests that compare one have `generated` in their names.
const COMMAND: &str = "RENEW=1 cargo test --test it generated";

/// Asserts that a file of the repository holds `text`. With `RENEW=1` in the environment it writes the file instead.
pub fn generated(path: &str, text: &str) {
    let copy = fs::read_to_string(file(path)).unwrap_or_default();
    if copy == text {
        return;
    }
    assert!(std::env::var("RENEW").is_ok_and(|renew| renew == "1"), "{path} is out of date. Run `{COMMAND}`.");
    fs::write(file(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// The same for the part of a file between the lines `<!-- generated: name -->` and `<!-- end of name -->`.
pub fn generated_part(path: &str, name: &str, part: &str) {
    // Tests of two parts of one file run at the same time.
    static RENEWING: Mutex<()> = Mutex::new(());
    let _guard = RENEWING.lock();
    let page = fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("{path} has no line {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{path} has no line {end}"));
    generated(path, &format!("{before}{begin}{part}{end}{after}"));
}

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
