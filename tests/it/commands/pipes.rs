//! Output to a pipe that the reader closes early, as in `clusterdesk user list | head -1`.

use std::{path::Path, process::Stdio};

use crate::support::Process;

/// The exit status of a command whose output nobody reads, and its errors.
fn unread(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Process::command(folder, arguments, &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_changes_neither_what_is_done_nor_the_status() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["migrate", "up"][..], &["seed", "--users", "3"], &["user", "list"], &["audit", "verify"]] {
        let (code, errors) = unread(folder.path(), arguments);
        let others = errors.lines().filter(|line| !super::is_progress(line));
        assert_eq!((code, others.count()), (Some(0), 0), "{arguments:?}: {errors}");
    }
    let found = Process::run(folder.path(), &["user", "list", "--json"], &[]).stdout;
    assert_eq!(serde_json::from_slice::<Vec<serde_json::Value>>(&found).unwrap().len(), 3);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(unread(empty.path(), &["doctor"]).0, Some(1), "there is no database");
}

#[test]
fn what_is_shown_once_must_be_read() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["migrate", "up"][..], &["seed", "--users", "3"], &["user", "promote", "user_sample_000001"]] {
        assert!(Process::run(folder.path(), arguments, &[]).status.success());
    }
    for arguments in
        [&["token", "create"][..], &["console-link", "--url", "https://example.com"], &["audit", "export", "--to", "-"]]
    {
        let (code, errors) = unread(folder.path(), arguments);
        assert!(code == Some(1) && errors.contains("Broken pipe"), "{arguments:?}: {code:?} {errors}");
    }
}
