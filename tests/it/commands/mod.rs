//! The subcommands except `serve`, one file each.

mod audit_export;
mod audit_verify;
mod backup;
mod console_link;
mod copy;
mod doctor;
mod folder;
mod help;
mod import;
mod json;
mod migrate;
mod pipes;
mod postgres_tools;
mod progress;
mod purge;
mod purge_audit;
mod restore;
mod seed;
mod shell;
mod token;
mod user;

pub use self::purge::events as old_events;

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::user::{NewUser, Role, provision},
};

use crate::support::{Backend, On, Process, Sql, TestDatabase};

/// Runs commands on a migrated database.
struct Operator(TestDatabase);

/// Exit status, standard output and standard error of a command.
struct CommandOutput {
    code: i32,
    output: String,
    errors: String,
}

impl On for Operator {
    async fn on(backend: Backend) -> Self {
        Self(backend.database())
    }
}

/// Whether a line says how far a command is, such as `users seeded: 1000 of 1200`, or what takes long, such as `rows are counted…`.
fn is_progress(line: &str) -> bool {
    if line.ends_with('…') {
        return true;
    }
    let numbers = line.split_once(": ").and_then(|(_, numbers)| numbers.split_once(" of "));
    numbers.is_some_and(|(done, all)| [done, all].iter().all(|number| number.parse::<u64>().is_ok()))
}

impl Operator {
    /// Runs commands on a database without any migration.
    fn on_empty(backend: Backend) -> Self {
        let database = backend.empty_database();
        if let Some(path) = database.address().sqlite_path() {
            std::fs::File::create(path).unwrap();
        }
        Self(database)
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> CommandOutput {
        let settings = [&[("DATABASE_URL", self.0.url.as_str())], settings].concat();
        let output = Process::run(self.0.folder.path(), arguments, &settings);
        CommandOutput {
            code: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed and write nothing but progress to standard error. Returns its output.
    fn ok(&self, arguments: &[&str]) -> String {
        let CommandOutput { code, output, errors } = self.run(arguments);
        let mut others = errors.lines().filter(|line| !is_progress(line));
        assert_eq!((code, others.next()), (0, None), "{arguments:?}");
        output
    }

    /// Runs a command that must fail with this message and change nothing.
    fn refused(&self, arguments: &[&str], sentence: &str) {
        let before = self.everything();
        let CommandOutput { code, output, errors } = self.run(arguments);
        assert_eq!((code, errors.trim_end()), (1, format!("error: {sentence}").as_str()), "{arguments:?}: {output}");
        assert_eq!(self.everything(), before, "{arguments:?}");
    }

    fn connect(&self) -> DbConnection {
        self.0.connect()
    }

    /// Every row of every table.
    fn everything(&self) -> Vec<serde_json::Value> {
        let mut conn = self.connect();
        conn.tables().iter().flat_map(|table| conn.rows(table)).collect()
    }

    fn user(&self, id: &str, role: Role) {
        let (name, email) = (Some(format!("Name of {id}")), Some(format!("{id}@example.com")));
        let new = NewUser { id: id.to_owned(), name, email, image: None, role };
        provision(&mut self.connect(), &new, Timestamp::now()).unwrap().unwrap();
    }

    /// `procedure entity entity_id detail` of every audit entry. All of them must be from the command line.
    fn audited(&self) -> Vec<String> {
        let mut conn = self.connect();
        assert_eq!(
            conn.number("SELECT count(*) FROM audit_log WHERE actor_id <> 'cli' OR length(request_id) <> 36"),
            0
        );
        conn.texts("SELECT procedure || ' ' || entity || ' ' || entity_id || ' ' || detail FROM audit_log ORDER BY id")
    }
}
