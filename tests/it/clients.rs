//! examples/: the clients in other languages, run as their readers would run them.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::support::Process;

/// Runs `program examples/file method params` against a server.
fn run(command: &[&str], server: &Process, method: &str, params: &Value) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let token = std::fs::read_to_string(server.folder.join("data/admin-token")).unwrap();
    Command::new(command[0])
        .args(&command[1..])
        .args([method, &params.to_string()])
        .current_dir(root)
        .env("CLUSTERDESK_URL", &server.url)
        .env("CLUSTERDESK_TOKEN", token.trim())
        .env("GOCACHE", root.join("target/go"))
        .env("GO111MODULE", "off")
        .output()
        .unwrap()
}

fn assert_calls(command: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[]);
    let greeted = run(command, &server, "hello.hello", &json!({"text": "<you>"}));
    assert!(greeted.status.success(), "{greeted:?}");
    assert!(String::from_utf8_lossy(&greeted.stdout).contains("hello &lt;you&gt;"), "{greeted:?}");
    let refused = run(command, &server, "k8s.get", &json!({"id": 1}));
    let said = [refused.stdout, refused.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("NOT_FOUND"), "{}", String::from_utf8_lossy(&said));
}

#[test]
#[cfg_attr(not(installed = "curl"), ignore = "needs curl")]
fn the_curl_example_calls_a_procedure() {
    assert_calls(&["sh", "examples/call.sh"]);
}

#[test]
#[cfg_attr(not(installed = "python3"), ignore = "needs python3")]
fn the_python_example_calls_a_procedure() {
    assert_calls(&["python3", "examples/call.py"]);
}

#[test]
#[cfg_attr(not(installed = "go"), ignore = "needs go")]
fn the_go_example_calls_a_procedure() {
    assert_calls(&["go", "run", "examples/call.go"]);
}
