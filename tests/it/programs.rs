//! The programs that tests run besides the shell: build.rs looks for them, and a test without its program is ignored.

use std::io::{Write, stderr};

use crate::support::imports::sources;

/// The names of the programs that build.rs has not found, separated by commas.
const NOT_INSTALLED: &str = env!("NOT_INSTALLED");

#[test]
fn programs_that_are_not_installed_are_named() {
    if NOT_INSTALLED.is_empty() {
        return;
    }
    assert!(std::env::var_os("CI").is_none(), "not installed, and CI is set: {NOT_INSTALLED}");
    // Unlike what `eprintln!` prints, this is shown although the test passes.
    writeln!(stderr(), "\n*** NOT TESTED, not installed: {NOT_INSTALLED} ***\n").unwrap();
}

#[test]
fn tests_run_no_program_that_a_machine_may_lack() {
    let mut shells = 0;
    for source in ["tests/it", "crates", "fuzz"].into_iter().flat_map(sources) {
        // Split so that this line does not match itself.
        for rest in source.text.split(concat!("Command::", "new(\"")).skip(1) {
            assert!(rest.starts_with("sh\""), "{} runs {:?}", source.file, rest.split('"').next());
            shells += 1;
        }
    }
    assert!(shells > 0);
}
