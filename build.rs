//! Rebuilds the crate when a migration is added, and finds the programs that some tests need: a test without its program
//! is ignored, with the reason in the test runner's output. A build never fails for want of one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program that a test runs: its name here, its file, and the argument with which it says its version.
const PROGRAMS: [(&str, &str, &str); 7] = [
    ("curl", "curl", "--version"),
    ("python3", "python3", "--version"),
    ("go", "go", "version"),
    ("pgbouncer", "pgbouncer", "--version"),
    ("redis", "redis-server", "--version"),
    ("promtool", "promtool", "--version"),
    ("strace", "strace", "--version"),
];

/// Debian's list of installed packages: it changes when one of the missing programs is installed.
const PACKAGES: &str = "/var/lib/dpkg/status";

fn main() {
    // The macro that embeds the migrations reads the folder only when it is expanded.
    println!("cargo::rerun-if-changed=migrations");
    let programs = PROGRAMS.map(|(program, ..)| format!("\"{program}\"")).join(", ");
    println!("cargo::rustc-check-cfg=cfg(installed, values(\"postgresql\", {programs}))");
    let mut path: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    // Where Debian has servers, and users other than root do not look.
    path.push("/usr/sbin".into());
    let mut missing = Vec::new();
    for (name, program, argument) in PROGRAMS {
        match path.iter().map(|folder| folder.join(program)).find(|file| file.is_file()) {
            Some(file) if runs(&file, argument) => {
                found(name, &file);
                println!("cargo::rustc-env={}={}", name.to_uppercase(), file.display());
            }
            _ => missing.push(name),
        }
    }
    match postgresql(path) {
        Some(folder) => {
            found("postgresql", &folder.join("initdb"));
            println!("cargo::rustc-env=POSTGRESQL_BINARIES={}", folder.display());
        }
        None => missing.push("postgresql"),
    }
    println!("cargo::rustc-env=NOT_INSTALLED={}", missing.join(", "));
    if !missing.is_empty() {
        println!("cargo::rerun-if-env-changed=PATH");
        // A path that does not exist would run this script, and so the compiler, every time.
        if Path::new(PACKAGES).exists() {
            println!("cargo::rerun-if-changed={PACKAGES}");
        }
    }
}

fn found(name: &str, file: &Path) {
    println!("cargo::rustc-cfg=installed=\"{name}\"");
    println!("cargo::rerun-if-changed={}", file.display());
}

/// A version manager puts scripts into PATH that do nothing until a version is chosen.
fn runs(program: &Path, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

/// The folder with the binaries of PostgreSQL's server, which Debian keeps out of PATH.
fn postgresql(mut folders: Vec<PathBuf>) -> Option<PathBuf> {
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}
