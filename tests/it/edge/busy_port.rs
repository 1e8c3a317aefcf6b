//! A port that another process listens on.

use std::net::TcpListener;

use crate::support::Process;

#[test]
fn a_busy_port_is_refused_with_one_that_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap();
    let output = Process::run(folder.path(), &["serve"], &[("BIND_ADDR", &busy.to_string())]);
    let errors = String::from_utf8(output.stderr).unwrap();
    let error = errors.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains(&format!("BIND_ADDR: could not listen on {busy}: ")), "{error}");
    let free = error.split_once("; port ").unwrap().1.strip_suffix(" is free").unwrap();
    let free: u16 = free.parse().unwrap();
    assert!(free > busy.port(), "{error}");
}
