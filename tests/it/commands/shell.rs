//! `clusterdesk completions` and `clusterdesk man`.

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
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &["man", "--to", "."], &[]);
    assert!(output.status.success(), "{output:?}");
    for (page, text) in
        [("clusterdesk.1", "serve"), ("clusterdesk-serve.1", "DATABASE_URL"), ("clusterdesk-token-create.1", "scope")]
    {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap().replace('\\', "");
        assert!(page.starts_with(".ie") && page.contains(text), "{page:.200}");
    }
    let output = Process::run(folder.path(), &["man", "--to", "nowhere"], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("could not write the manual pages to nowhere"), "{text}");
}
