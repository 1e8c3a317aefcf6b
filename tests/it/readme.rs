//! Runs every shell block of the curl tour in README.md.

use std::process::Command;

use serde_json::Value;

use crate::support::Process;

/// The shell blocks of README.md between two headings.
fn blocks(from: &str, to: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let part = readme.split_once(from).unwrap().1.split_once(to).unwrap().0;
    part.split("```sh\n").skip(1).map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
#[cfg_attr(not(installed = "curl"), ignore = "needs curl")]
fn every_shell_block_of_the_tour_works_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[]);

    let blocks = blocks("## A tour with curl", "## From TypeScript, with tRPC");
    let (shorthand, tour) = blocks.split_first().unwrap();
    let (invalid, tour) = tour.split_last().unwrap();
    let run = |block: &str| -> Vec<Value> {
        let script = format!("set -e\n{shorthand}\n{block}").replace("http://127.0.0.1:8080/", &server.url);
        let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };

    let mut answers = 0;
    for block in tour {
        if block.contains("admin.getStats") {
            let seeded = Process::run(folder.path(), &["seed", "--force"], &[]);
            assert!(seeded.status.success(), "{seeded:?}");
        }
        for answer in run(block) {
            let all = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
            assert!(all.iter().all(|one| one.get("result").is_some()), "{all:?}");
            answers += 1;
        }
    }
    assert!(answers > 20, "{answers}");
    let issues = &run(invalid)[0]["error"]["data"]["issues"];
    assert_eq!(issues.as_array().unwrap().len(), 3, "{issues}");
}
