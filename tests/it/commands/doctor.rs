use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use super::{CommandOutput, Operator};
use crate::support::{Backend, Process, Sql, both_databases};

fn chmod(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs `doctor`, which must report exactly this problem.
fn finds(operator: &Operator, settings: &[(&str, &str)], problem: &str) {
    let CommandOutput { code, output, errors } = operator.run_with(&["doctor"], settings);
    let problems: Vec<&str> = output.lines().filter(|line| line.contains("PROBLEM")).collect();
    assert_eq!((code, problems.len(), errors.as_str()), (1, 1, ""), "{output}");
    assert!(problems[0].contains(problem), "{} instead of {problem}", problems[0]);
}

/// Lets a command run as a user who may only read, with everything in the folder owned by that user. The user root may
/// write whatever the mode is.
fn unprivileged(command: &mut Command, folder: &Path) {
    const NOBODY: u32 = 65534;
    if fs::metadata(folder).unwrap().uid() != 0 {
        return;
    }
    let below = [folder.to_owned(), folder.join("data")].into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    for path in below.map(|entry| entry.unwrap().path()).chain([folder.to_owned()]) {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    command.uid(NOBODY).gid(NOBODY);
}

/// Starts a server once, and gives the database file the mode that the server would give it.
fn healthy(operator: &Operator) {
    if let Some(path) = operator.0.address().sqlite_path() {
        chmod(path, 0o600);
    }
    drop(Process::serve(operator.0.folder.path(), &[("DATABASE_URL", &operator.0.url)]));
}

both_databases! {
    async fn no_problem_after_a_first_start(operator: Operator) {
        healthy(&operator);
        let output = operator.ok(&["doctor"]);
        assert!(output.lines().all(|line| line.contains(": ok (")), "{output}");
        for (what, sqlite_only) in [
            ("configuration", false), ("database", false), ("writes", false), ("migrations", false), ("clock", false),
            ("database file", true), ("data folder", false), ("admin token", false), ("token keys", false),
        ] {
            let found = output.lines().any(|line| line.starts_with(&format!("{what}: ok")));
            assert_eq!(found, !sqlite_only || operator.0.backend == Backend::Sqlite, "{what} in {output}");
        }
        let hash = operator.connect().texts("SELECT hash FROM api_tokens").concat();
        let token = fs::read_to_string(operator.0.folder.path().join("data/admin-token")).unwrap();
        assert!(!output.contains(token.trim()) && !output.contains(&hash));
    }

    async fn keys_that_can_not_be_loaded_are_reported(operator: Operator) {
        healthy(&operator);
        let folder = operator.0.folder.path();
        finds(&operator, &[("JWT_SECRET", "hunter2")], "JWT_SECRET");
        finds(&operator, &[("JWT_PUBLIC_KEY_FILE", "missing.pem")], "missing.pem");
        finds(&operator, &[("JWT_JWKS_FILE", "missing.json")], "missing.json");
        fs::write(folder.join("broken.pem"), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").unwrap();
        finds(&operator, &[("JWT_PUBLIC_KEY_FILE", "broken.pem")], "broken.pem");
        let output = operator.run_with(&["doctor"], &[("JWT_SECRET", "hunter2")]);
        assert!(!(output.output + &output.errors).contains("hunter2"));
        let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys/ec_public.pem");
        let output = operator.run_with(&["doctor"], &[("JWT_PUBLIC_KEY_FILE", key.to_str().unwrap())]);
        assert!(output.code == 0 && output.output.contains("token keys: ok (1 loaded)"), "{}", output.output);
    }

    async fn file_modes_that_let_others_read_are_reported(operator: Operator) {
        healthy(&operator);
        let data = operator.0.folder.path().join("data");
        for (path, open, closed, problem) in [
            (data.clone(), 0o755, 0o700, "data has mode 0755; chmod 0700 it"),
            (data.join("admin-token"), 0o644, 0o600, "admin-token has mode 0644; chmod 0600 it"),
        ] {
            chmod(&path, open);
            finds(&operator, &[], problem);
            chmod(&path, closed);
        }
        if let Some(path) = operator.0.address().sqlite_path() {
            chmod(path, 0o640);
            finds(&operator, &[], "test.db has mode 0640; chmod 0600 it");
        }
    }

    async fn a_database_that_can_only_be_read_is_reported(operator: Operator) {
        healthy(&operator);
        match operator.0.address().sqlite_path() {
            Some(path) => {
                chmod(path, 0o400);
                let mut command = Process::command(operator.0.folder.path(), &["doctor"], &[("DATABASE_URL", &operator.0.url)]);
                unprivileged(&mut command, operator.0.folder.path());
                let output = command.output().unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                assert!(text.contains("writes: PROBLEM: could not open"), "{text}");
                assert_eq!(output.status.code(), Some(1), "{text}");
            }
            None => {
                let name = operator.connect().texts("SELECT current_database()::text").concat();
                operator.connect().run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
                finds(&operator, &[], "writes: PROBLEM: the database is read-only");
            }
        }
    }

    async fn pending_and_unknown_migrations_are_reported(operator: Operator) {
        healthy(&operator);
        operator.ok(&["migrate", "down", "-n", "2"]);
        let all = std::fs::read_dir("migrations/sqlite").unwrap().count();
        finds(&operator, &[], &format!("2 of {all} are pending; start the server or run `clusterdesk migrate up`"));
        operator.ok(&["migrate", "up"]);
        operator.connect().run("INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')");
        finds(&operator, &[], "the database is newer than this binary: 20990101000000");
    }
}

#[test]
fn a_missing_database_is_reported_and_not_created() {
    let folder = tempfile::tempdir().unwrap();
    for (url, problem) in [
        ("sqlite:missing.db", "database: PROBLEM: missing.db does not exist yet"),
        ("postgres://127.0.0.1:1/x?sslmode=disable", "database: PROBLEM: could not connect"),
        ("mysql://u:hunter2@h/x", "database: PROBLEM: DATABASE_URL: \"mysql\" is not supported"),
    ] {
        let output = Process::run(folder.path(), &["doctor"], &[("DATABASE_URL", url)]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(problem) && !text.contains("hunter2"), "{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is created");
}
