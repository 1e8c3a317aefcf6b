//! The structure of the sources, as docs/ARCHITECTURE.md describes it: imports, crates, files and their length.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::support::imports::{Source, code, imports, named_after, sources};

/// Top to bottom. A room may import only rooms on later lines.
const STAIRCASE: [&[&str]; 20] = [
    &["main"],
    &["commands"],
    &["cli", "logging"],
    &["server"],
    &["http"],
    &["routers"],
    &["kernel"],
    &["checks"],
    &["import"],
    &["retention"],
    &["trail"],
    &["stripe"],
    &["auth"],
    &["models"],
    &["db"],
    &["schema"],
    &["error"],
    &["traces"],
    &["config"],
    &["files"],
];

/// A crate, and the only files of the server that may name it.
const CRATES: [(&str, &[&str]); 11] = [
    ("diesel", &["db/", "models/", "error.rs"]),
    ("diesel_migrations", &["db/migrations.rs"]),
    ("http", &["http/", "server.rs", "server/", "config/"]),
    ("hyper", &["http/", "server.rs", "server/scrapes.rs"]),
    ("oauth2", &["auth/oidc/"]),
    ("redis", &["kernel/limiter/redis_store.rs"]),
    ("clap", &["cli.rs", "cli/", "config.rs", "main.rs", "commands/completions.rs"]),
    (
        "prometheus_client",
        &[
            "db/measures.rs",
            "kernel/metrics.rs",
            "kernel/metrics/",
            "kernel/feed.rs",
            "kernel/feed/tests.rs",
            "kernel/log_reader.rs",
            "traces/",
        ],
    ),
    ("opentelemetry", &["traces/"]),
    ("opentelemetry_otlp", &["traces/"]),
    ("opentelemetry_sdk", &["traces/"]),
];

const SERVER: &str = "src";
const CRATE: &str = "crates/procedures/src";
const LINES: usize = 400;

/// The room of a file: the folder or file directly below `src/`.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

fn step(room: &str) -> Option<usize> {
    STAIRCASE.iter().position(|step| step.contains(&room))
}

/// Every import of one file by another, within the sources of one crate.
fn graph(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    sources.iter().map(|source| (source.file.clone(), imports(source, sources))).collect()
}

/// Files that import each other in a circle, if there are any.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|file| follow(graph, file, &mut Vec::new(), &mut done))
}

fn follow(
    graph: &BTreeMap<String, BTreeSet<String>>,
    file: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|earlier| earlier == file) {
        return Some(path[start..].to_vec());
    }
    if done.contains(file) {
        return None;
    }
    path.push(file.to_owned());
    let found = graph[file].iter().find_map(|next| follow(graph, next, path, done));
    path.pop();
    done.insert(file.to_owned());
    found
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for folder in [SERVER, CRATE] {
        let graph = graph(&sources(folder));
        let arrows: usize = graph.values().map(BTreeSet::len).sum();
        assert!(arrows > 100, "only {arrows} imports were found in {folder}");
        assert_eq!(circle(&graph), None, "files of {folder} import each other");
    }
}

#[test]
fn circles_are_found() {
    let graph = |edges: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        edges.iter().map(|(from, to)| ((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect()
    };
    assert_eq!(circle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])), None);
    let found = circle(&graph(&[("a", &["b"]), ("b", &["c", "d"]), ("c", &["b"]), ("d", &[])]));
    assert_eq!(found, Some(vec!["b".to_owned(), "c".to_owned()]));
}

#[test]
fn each_form_of_import_is_found() {
    let source = |file: &str, text: &str| Source { file: file.to_owned(), text: text.to_owned() };
    let text = "mod child;
// use crate::comment;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod more {
    use crate::only_in_tests;
}
use crate::{first::{self, Name as Other}, second};
use super::sibling::*;
use child::Thing;
fn f() { super::super::top::g(); crate::inline::h() }
";
    let names = ["comment", "only_in_tests", "first", "second", "a/sibling", "top", "inline", "a/b/child", "unused"];
    let mut all: Vec<Source> = names.iter().map(|name| source(&format!("{name}.rs"), "")).collect();
    all.push(source("a/mod.rs", ""));
    all.push(source("a/b/mod.rs", text));
    let found: Vec<String> = imports(&all[all.len() - 1], &all).into_iter().collect();
    assert_eq!(found, ["a/b/child.rs", "a/sibling.rs", "first.rs", "inline.rs", "second.rs", "top.rs"]);
}

#[test]
fn imports_point_down_the_staircase_only() {
    let sources = sources(SERVER);
    let mut checked = 0;
    for (file, imported) in graph(&sources) {
        if file == "lib.rs" {
            continue;
        }
        let from = step(room(&file)).unwrap_or_else(|| panic!("{file} has no place on the staircase"));
        for other in imported.iter().filter(|other| room(other) != room(&file) && *other != "lib.rs") {
            let to = step(room(other)).unwrap_or_else(|| panic!("{other} has no place on the staircase"));
            assert!(to > from, "{file} imports {other}, which is not below it");
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} imports between rooms were found");
}

#[test]
fn the_library_crate_knows_nothing_of_the_application() {
    for Source { file, text } in sources(CRATE).into_iter().chain(sources("crates/procedures/examples")) {
        let text = text.to_lowercase();
        for word in ["cluster", "stripe", "diesel", "payment provider"] {
            assert!(!text.contains(word), "{file} names {word}");
        }
    }
}

#[test]
fn only_wires_and_http_know_jsonrpsee_and_http() {
    for Source { file, text } in sources(CRATE) {
        let wires = ["jsonrpc/", "trpc/", "socket/", "endpoint.rs", "body.rs"];
        for name in ["jsonrpsee", "http", "hyper", "tokio_tungstenite"] {
            let named = !named_after(&code(&text), &format!("{name}::")).is_empty();
            assert!(!named || wires.iter().any(|wire| file.starts_with(wire)), "{file} names {name}");
        }
    }
    for Source { file, text } in sources(SERVER) {
        assert!(named_after(&code(&text), "jsonrpsee::").is_empty(), "{file} names jsonrpsee");
    }
}

#[test]
fn models_know_nothing_of_calls_json_or_logging() {
    for Source { file, text } in sources("src/models") {
        for name in ["serde_json", "tokio", "tracing"] {
            assert!(!code(&text).contains(name), "models/{file} names {name}");
        }
    }
}

#[test]
fn each_crate_is_named_in_its_own_rooms_only() {
    for (name, rooms) in CRATES {
        let mut seen = false;
        for Source { file, text } in sources(SERVER) {
            let names = !named_after(&code(&text), &format!("{name}::")).is_empty();
            seen |= names;
            assert!(!names || rooms.iter().any(|room| file.starts_with(room)), "{file} names {name}");
        }
        assert!(seen, "no file names {name}");
    }
}

#[test]
fn no_file_is_long_and_none_leaves_work_for_later() {
    // Spelled so that this file does not match itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];
    let later = words.map(|word| format!("{word}:")).into_iter();
    let later: Vec<String> =
        later.chain([concat!("#[ig", "nore").to_owned(), concat!("to", "do!(").to_owned()]).collect();
    let mut lengths = Vec::new();
    for folder in ["src", "crates", "tests", "benches", "fuzz"] {
        for Source { file, text } in sources(folder) {
            let lines = text.lines().count();
            lengths.push(lines);
            assert!(lines <= LINES, "{folder}/{file} has {lines} lines");
            for word in &later {
                assert!(!text.contains(word.as_str()), "{folder}/{file} says {word}");
            }
        }
    }
    lengths.sort_unstable();
    assert!(lengths[lengths.len() / 2] <= 110, "the median file has {} lines", lengths[lengths.len() / 2]);
    assert!(lengths[lengths.len() * 9 / 10] <= 300, "one file in ten has more than 300 lines");
}

#[test]
fn a_noun_has_the_same_file_name_in_routers_models_and_tests() {
    let files = |folder: &str| sources(folder).into_iter().map(|source| source.file).collect::<BTreeSet<_>>();
    for Source { file, text } in sources("src/routers") {
        let Some((_, rest)) = text.split_once("Router::new(\"") else { continue };
        assert_eq!(rest.split('"').next().map(|namespace| format!("{namespace}.rs")), Some(file));
    }
    let (routers, models, tests) = (files("src/routers"), files("src/models"), files("tests/it"));
    for file in ["customer.rs", "k8s.rs", "user.rs"] {
        assert!(routers.contains(file) && models.contains(file), "{file} has a router and a table");
        assert!(tests.contains(file), "tests/it has no {file}");
    }
}

#[test]
fn code_cites_sections_of_the_reference_that_exist() {
    let page = fs::read_to_string(format!("{}/docs/API.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut cited = 0;
    for folder in ["src", "tests"] {
        for Source { file, text } in sources(folder) {
            for rest in text.split("docs/API.md, \"").skip(1) {
                let section = rest.split('"').next().unwrap();
                // A placeholder in a comment is not a citation.
                if section == "…" {
                    continue;
                }
                assert!(page.contains(&format!("\n## {section}\n")), "{file} cites {section:?}");
                cited += 1;
            }
        }
    }
    assert!(cited > 5, "only {cited} citations were found");
}
