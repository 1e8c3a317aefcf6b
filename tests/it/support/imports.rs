//! Which file imports which, read from the sources.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A Rust file.
#[derive(Clone)]
pub struct Source {
    /// Its path below the folder that was read, with slashes.
    pub file: String,
    pub text: String,
}

/// Every Rust file below a folder of the repository.
pub fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |path: &PathBuf| {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        Source { file, text: fs::read_to_string(path).unwrap() }
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

/// The code of production: without comments and without items under `#[cfg(test)]`.
pub fn code(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut production = String::new();
    while let Some(line) = lines.next() {
        match line.strip_suffix("#[cfg(test)]") {
            // The item ends on its first line, or at a brace with the indentation of the attribute.
            Some(indent) => {
                let end = format!("{indent}}}");
                let first = lines.next().unwrap_or_default();
                let _last = if first.ends_with(';') { None } else { lines.find(|line| *line == end) };
            }
            None => production.extend([line, "\n"]),
        }
    }
    production
}

/// The first segments of the paths that follow `prefix`, braced lists included.
pub fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    paths(code, prefix).into_iter().filter_map(|path| path.into_iter().next()).collect()
}

/// The files that a file imports by `crate::`, `super::`, `self::` or the name of a child module, or by the name of the
/// library crate in the binary.
pub fn imports(source: &Source, all: &[Source]) -> BTreeSet<String> {
    let code = code(&source.text);
    let own = module(&source.file);
    let parent = own.split_last().map_or(&[][..], |(_, parent)| parent).to_vec();
    let mut bases = vec![
        ("crate::".to_owned(), vec![]),
        ("clusterdesk::".to_owned(), vec![]),
        ("super::".to_owned(), parent),
        ("self::".to_owned(), own.clone()),
    ];
    for child in all.iter().filter(|other| other.file != source.file).map(|other| module(&other.file)) {
        if let Some((name, parent)) = child.split_last()
            && parent == own
        {
            bases.push((format!("{name}::"), child));
        }
    }
    let mut found = BTreeSet::new();
    for (prefix, base) in bases {
        for path in paths(&code, &prefix) {
            let mut whole = base.clone();
            for segment in path {
                match segment.as_str() {
                    "super" => drop(whole.pop()),
                    _ => whole.push(segment),
                }
            }
            found.extend(resolve(&whole, all).filter(|file| *file != source.file));
        }
    }
    found
}

/// The module of a file, as path segments.
fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main" | "mod") { vec![] } else { path.split('/').map(str::to_owned).collect() }
}

/// The file with the longest module path that begins `path`.
fn resolve(path: &[String], all: &[Source]) -> Option<String> {
    let matching = all.iter().filter(|source| {
        let module = module(&source.file);
        !module.is_empty() && path.starts_with(&module)
    });
    matching.max_by_key(|source| module(&source.file).len()).map(|source| source.file.clone())
}

/// The paths that follow `prefix`, with braced lists expanded.
fn paths(code: &str, prefix: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let inner = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
        if !inner {
            expand(&code[at + prefix.len()..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path or braced list at the beginning of `text`; returns how many bytes it took.
fn expand(text: &str, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    let depth = above.len();
    loop {
        let rest = &text[at..];
        if let Some(list) = rest.strip_prefix('{') {
            at += 1 + expand_list(list, above, found);
            break;
        }
        let segment: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if segment.is_empty() {
            found.push(above.clone());
            break;
        }
        at += segment.len();
        above.push(segment);
        match text[at..].strip_prefix("::") {
            Some(_) => at += 2,
            None => {
                found.push(above.clone());
                break;
            }
        }
    }
    above.truncate(depth);
    at
}

fn expand_list(text: &str, above: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '}' => return at + 1,
            c if c.is_whitespace() || c == ',' => at += c.len_utf8(),
            _ => {
                let taken = expand(&text[at..], above, found);
                let rest = &text[at + taken..];
                // What follows a path up to the comma, such as `as Name`.
                at += taken + rest.find([',', '}']).unwrap_or(rest.len());
            }
        }
    }
    at
}
