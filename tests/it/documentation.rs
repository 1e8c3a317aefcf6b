//! README, docs/ and the other pages for people: their links, and what a reader copies from them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::imports::sources;

/// What a section may be cited of. Other documents may not be at hand for a reader.
const STANDARDS: [&str; 5] = ["RFC ", "OpenID", "JSON-RPC 2.0", "WHATWG HTML", "PostgreSQL manual"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// Every page, except those of other people's packages.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "dist"].contains(&name) {
            found.extend(pages(&path));
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    found
}

/// The block of a page in this language that contains `part`.
fn block(page: &str, language: &str, part: &str) -> String {
    let (text, fence) = (read(page), format!("```{language}\n"));
    let mut blocks = text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(part)).unwrap_or_else(|| panic!("{page} has no {part}")).to_owned()
}

#[test]
fn links_between_pages_lead_to_files() {
    let mut links = 0;
    for page in pages(root()) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            assert!(page.parent().unwrap().join(file).exists(), "{} links to {link}", page.display());
            links += 1;
        }
    }
    assert!(links > 40, "only {links} links were found");
}

#[test]
fn sections_of_standards_are_cited_with_the_standard() {
    for folder in ["src", "crates", "tests/it", "fuzz"] {
        for source in sources(folder) {
            for line in source.text.lines().filter(|line| line.contains('\u{a7}')) {
                assert!(STANDARDS.iter().any(|name| line.contains(name)), "{folder}/{}: {line}", source.file);
            }
        }
    }
}

#[test]
fn readme_names_the_version_of_rust() {
    let manifest = read("Cargo.toml");
    let version = manifest.split_once("rust-version = \"").unwrap().1.split('"').next().unwrap();
    assert!(read("README.md").contains(&format!("Rust ({version})")), "{version}");
    assert!(read("rust-toolchain.toml").contains(&format!("\"{version}.")), "{version}");
}

#[test]
fn the_workflow_has_a_trigger() {
    for page in ["docs/OPERATIONS.md", "docs/INSTALL.md"] {
        let workflow = block(page, "yaml", "jobs:");
        assert!(workflow.lines().any(|line| line.starts_with("on:")), "{workflow}");
    }
}
