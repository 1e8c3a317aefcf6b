//! `clusterdesk completions` and `clusterdesk man`.

use std::fs;

use serde_json::Value;

use crate::support::Process;

#[test]
fn completions_know_the_subcommands_and_settings() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Process::run(folder.path(), &["completions", shell], &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("doctor") && text.contains("database-url"), "{shell}");
    }
    assert_eq!(Process::run(folder.path(), &["completions", "csh"], &[]).status.code(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &["man", "--to", "."], &[]);
    assert!(output.status.success(), "{output:?}");
    for (page, text) in
        [("clusterdesk.1", "serve"), ("clusterdesk-serve.1", "DATABASE_URL"), ("clusterdesk-token-create.1", "scope")]
    {
        let page = fs::read_to_string(folder.path().join(page)).unwrap().replace('\\', "");
        assert!(page.starts_with(".ie") && page.contains(text), "{page:.200}");
    }
    let output = Process::run(folder.path(), &["man", "--to", "nowhere"], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("could not write the manual pages to nowhere"), "{text}");
}

#[test]
fn the_manual_pages_that_are_written_are_named_and_a_dry_run_writes_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = Process::run(folder.path(), &[&["man", "--to", "."], arguments].concat(), &[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let tried = said(&["--dry-run"]);
    assert!(tried.contains("would write ./clusterdesk-migrate-up.1\n"), "{tried}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(said(&[]), tried.replace("would write", "wrote"));
    let report: Value = serde_json::from_str(&said(&["--json"])).unwrap();
    let pages = report["pages"].as_array().unwrap();
    assert!(report["dryRun"] == false && pages.len() == tried.lines().count(), "{report}");
    for page in pages {
        fs::remove_file(folder.path().join(page.as_str().unwrap())).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "every file is named");
}
