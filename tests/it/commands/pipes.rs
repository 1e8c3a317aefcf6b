//! A list whose reader has seen enough, as in `clusterdesk user list | head -1`.

use std::process::Stdio;

use crate::support::Process;

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["migrate", "up"][..], &["seed", "--users", "3"]] {
        assert!(Process::run(folder.path(), arguments, &[]).status.success());
    }
    let mut command = Process::command(folder.path(), &["user", "list"], &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
