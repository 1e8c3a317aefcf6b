//! README, docs/ and the other pages for people: their links, and what a reader copies from them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a section may be cited of. Other documents may not be at hand for a reader.
const STANDARDS: [&str; 5] = ["RFC ", "OpenID", "JSON-RPC 2.0", "WHATWG HTML", "PostgreSQL manual"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

/// Every file with one of these endings, except those of other people's packages and what is built.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "dist", "built"].contains(&name) {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    files(root(), &[".md"])
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
    for page in pages() {
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
    let endings =
        [".rs", ".md", ".sql", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".toml", ".yml", ".yaml", ".sh"];
    let files = files(root(), &endings);
    assert!(files.len() > 500, "only {} files were found", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains('\u{a7}')) {
            assert!(STANDARDS.iter().any(|name| line.contains(name)), "{}: {line}", file.display());
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
fn readme_has_the_commands_that_fetch_install_and_prepare() {
    let fetch = block("README.md", "sh", "git clone");
    assert!(!fetch.contains('<'), "a shell would read from a file: {fetch}");
    assert!(read("README.md").contains("`cargo install --path . --locked`"));
    let prepare = block("README.md", "sh", "createdb");
    let user = prepare.lines().find(|line| line.contains("createuser")).unwrap().rsplit(' ').next().unwrap();
    assert!(prepare.contains(&format!("createdb --owner {user} ")) && prepare.contains(&format!("postgres://{user}:")));
}

#[test]
fn the_workflow_has_a_trigger() {
    for page in ["docs/OPERATIONS.md", "docs/INSTALL.md"] {
        let workflow = block(page, "yaml", "jobs:");
        assert!(workflow.lines().any(|line| line.starts_with("on:")), "{workflow}");
    }
}
