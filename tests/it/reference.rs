//! docs/API.md and docs/OPERATIONS.md: the parts of the reference that can be checked against the server.

use std::{collections::BTreeSet, fmt::Write, fs};

use procedures::{Access, Procedure};

use crate::support::{Process, catalogue, generated_part};

const PAGE: &str = "docs/API.md";

fn page() -> String {
    read(PAGE)
}

fn read(page: &str) -> String {
    fs::read_to_string(format!("{}/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The names of the commands in a help text.
fn commands(arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let help = Process::run(folder.path(), &[arguments, &["--help"]].concat(), &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let Some((_, rest)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(procedure: &Procedure) -> String {
    let access = match procedure.access {
        Access::Public => "public",
        Access::User => "user",
        Access::Service => "service",
        Access::Admin => "admin",
    };
    let errors: Vec<&str> = procedure.errors.iter().map(|error| error.as_str()).collect();
    let cells = [
        code(procedure.name),
        procedure.old_name.map(code).unwrap_or_default(),
        procedure.kind.as_str().to_owned(),
        access.to_owned(),
        procedure.bucket.as_str().to_owned(),
        errors.join(", "),
        procedure.docs.replace('|', "\\|"),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn generated_table_of_procedures_is_up_to_date() {
    let mut table =
        "| name | old name | kind | access | bucket | errors | |\n|---|---|---|---|---|---|---|\n".to_owned();
    table.extend(catalogue().procedures().map(row));
    generated_part(PAGE, "procedures", &table);
}

/// The sections that comments in the code cite.
#[test]
fn the_reference_has_the_sections_that_code_cites() {
    let page = page();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let expected = [
        "Procedures",
        "Clusters",
        "Plans",
        "Deleting a user",
        "Billing",
        "Errors",
        "Idempotency keys",
        "HTTP and WebSocket",
        "Limits",
        "Configuration",
    ];
    assert_eq!(headings, expected);
}

#[test]
fn every_error_that_a_procedure_may_answer_is_in_the_table_of_errors() {
    let page = page();
    for procedure in catalogue().procedures() {
        for error in procedure.expected_errors() {
            let row = format!("| `{}` | {} | {} |", error.as_str(), error.number(), error.http_status());
            assert!(page.contains(&row), "{PAGE} has no row {row}");
        }
    }
}

#[test]
fn every_setting_of_the_server_is_in_the_table_of_settings() {
    let folder = tempfile::tempdir().unwrap();
    let help = Process::run(folder.path(), &["serve", "--help"], &[]);
    let help = String::from_utf8(help.stdout).unwrap();
    let name = |after: &str| after.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>();
    let settings: BTreeSet<String> = help.split("[env: ").skip(1).map(name).collect();
    assert!(settings.len() > 30, "{settings:?}");
    let (page, mut missing) = (page(), String::new());
    let table = page.split_once("\n## Configuration\n").unwrap().1;
    for setting in settings {
        if !table.contains(&format!("| `{setting}` |")) {
            writeln!(missing, "{setting}").unwrap();
        }
    }
    assert_eq!(missing, "", "{PAGE} does not describe these settings");
}

#[test]
fn every_command_is_in_the_table_of_commands() {
    let page = read("docs/OPERATIONS.md");
    let table = page.split_once("\n## Commands\n").unwrap().1.split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter_map(|row| row.strip_prefix("| ")?.split(" | ").next()).collect();
    let all = commands(&[]);
    assert!(all.len() > 15, "{all:?}");
    for command in &all {
        let below = commands(&[command]);
        // `user list`, `promote`, `demote`; `token create`, …
        let named = match below.first() {
            None => format!("`{command}`"),
            Some(first) => format!("`{command} {first}`"),
        };
        let part = rows.iter().flat_map(|row| row.split(';')).find(|part| part.contains(&named));
        let part = part.unwrap_or_else(|| panic!("the table of commands lacks {named}"));
        for other in below.iter().skip(1) {
            assert!(part.contains(&format!("`{other}`")), "the table of commands lacks `{command} {other}`");
        }
    }
}
