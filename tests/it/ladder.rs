//! The shape of the sources: what docs/ARCHITECTURE.md says of imports, crates, files and their length.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Top to bottom. A module may use what stands on a later line, and of its own line only itself.
const STAIRCASE: [&[&str]; 12] = [
    &["main"],
    &["commands"],
    &["cli", "logging"],
    &["server"],
    &["edge"],
    &["routers"],
    &["rpc"],
    &["auth", "stripe"],
    &["models"],
    &["db"],
    &["schema"],
    &["error", "config"],
];

/// A crate, and the only files under src/ that may name it.
const CRATES: [(&str, &[&str]); 8] = [
    ("diesel", &["db/", "models/", "error.rs"]),
    ("diesel_migrations", &["db/migrations.rs"]),
    ("jsonrpsee", &["rpc/jsonrpc.rs", "server.rs", "error.rs"]),
    // `config.rs` reads origins with `http::Uri`.
    ("http", &["edge/", "server.rs", "config.rs"]),
    ("hyper", &["edge/", "server.rs"]),
    ("tokio_postgres", &["db/listen.rs", "db/tls.rs"]),
    ("aws_lc_rs", &["auth/key.rs", "stripe/signature.rs"]),
    ("clap", &["cli.rs", "config.rs", "main.rs"]),
];

const LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path below `folder` and text of every Rust file, without comments and without unit tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root().join(folder)).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// The code that runs in production: no comments, no strings worth looking at, nothing from `#[cfg(test)]` on.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]\n").next().unwrap();
    production.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// First path segments that follow `prefix`, also of a braced list.
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let segment = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(segment(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => drop(names.insert(segment(std::mem::take(&mut item).trim()))),
                _ => {}
            }
            if depth == 0 && !matches!(c, ',' | '}') {
                item.push(c);
            }
        }
        names.insert(segment(item.trim()));
    }
    names.remove("");
    names
}

fn step(module: &str) -> Option<usize> {
    STAIRCASE.iter().position(|step| step.contains(&module))
}

#[test]
fn imports_point_down_the_staircase_only() {
    let mut checked = 0;
    for (file, text) in sources("src") {
        if file == "lib.rs" {
            continue;
        }
        let module = file.split(['/', '.']).next().unwrap().to_owned();
        let from = step(&module).unwrap_or_else(|| panic!("{file} has no place on the staircase"));
        let code = code(&text);
        let names = named_after(&code, "crate::").into_iter().chain(named_after(&code, "clusterdesk::"));
        for name in names.filter(|name| *name != module) {
            let to = step(&name).unwrap_or_else(|| panic!("{file} uses {name}, which has no place on the staircase"));
            assert!(to > from, "{file} uses {name}, which is not below it");
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} imports were found");
}

#[test]
fn models_and_below_know_nothing_of_calls() {
    // `super::super` would climb past the check above.
    for (file, text) in sources("src") {
        assert!(!code(&text).contains("super::super"), "{file} climbs with super::super");
    }
    for (file, text) in sources("src/models") {
        for name in ["serde_json", "tokio", "tracing"] {
            assert!(!code(&text).contains(name), "models/{file} names {name}");
        }
    }
}

#[test]
fn each_crate_is_named_in_its_own_rooms_only() {
    for (name, rooms) in CRATES {
        let mut seen = false;
        for (file, text) in sources("src") {
            let names = !named_after(&code(&text), &format!("{name}::")).is_empty();
            seen |= names;
            assert!(!names || rooms.iter().any(|room| file.starts_with(room)), "{file} names {name}");
        }
        assert!(seen, "nobody names {name}");
    }
}

#[test]
fn no_file_is_long_and_none_leaves_work_for_later() {
    // Written so that this file does not find itself.
    let later = ["TODO", "FIXME", "XXX", "HACK"].map(|word| format!("{word}:")).into_iter();
    let later: Vec<String> =
        later.chain([concat!("#[ig", "nore").to_owned(), concat!("to", "do!(").to_owned()]).collect();
    for folder in ["src", "tests"] {
        for (file, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= LINES, "{folder}/{file} has {lines} lines");
            for word in &later {
                assert!(!text.contains(word.as_str()), "{folder}/{file} says {word}");
            }
        }
    }
}

#[test]
fn every_namespace_has_its_file() {
    let files = |folder: &str| sources(folder).into_iter().map(|(file, _)| file).collect::<BTreeSet<_>>();
    for (file, text) in sources("src/routers") {
        let Some((_, rest)) = text.split_once("Router::new(\"") else { continue };
        assert_eq!(rest.split('"').next().map(|namespace| format!("{namespace}.rs")), Some(file));
    }
    let (routers, models, tests) = (files("src/routers"), files("src/models"), files("tests/it"));
    for file in ["customer.rs", "k8s.rs", "user.rs"] {
        assert!(routers.contains(file) && models.contains(file), "{file} has a router and a table");
        assert!(tests.contains(file), "tests/it has no {file}");
    }
}
