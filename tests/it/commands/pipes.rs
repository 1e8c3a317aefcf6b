//! Output to a pipe that the reader closes early, as in `clusterdesk user list | head -1`.

use std::process::Stdio;

use crate::support::Process;

#[test]
fn a_closed_pipe_is_not_an_error() {
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
