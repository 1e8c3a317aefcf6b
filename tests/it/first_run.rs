//! The first start in an empty folder, which creates an admin with a token, and later starts.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{Backend, On, Process, Sql, TestDatabase, both_databases};

/// A folder and an empty database.
struct FirstRun(TestDatabase);

impl On for FirstRun {
    async fn on(backend: Backend) -> Self {
        let mut database = backend.empty_database();
        if backend == Backend::Sqlite {
            // The default of the server.
            database.url = format!("sqlite:{}/data/clusterdesk.db", database.folder.path().display());
        }
        Self(database)
    }
}

impl FirstRun {
    fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// The settings that name the database; none on SQLite.
    fn settings(&self) -> Vec<(&str, &str)> {
        match self.0.backend {
            Backend::Sqlite => vec![],
            Backend::Postgres => vec![("DATABASE_URL", &self.0.url)],
        }
    }

    fn serve(&self) -> Process {
        Process::serve(self.folder(), &self.settings())
    }

    fn serve_with(&self, setting: (&'static str, &'static str)) -> Process {
        Process::serve(self.folder(), &[self.settings(), vec![setting]].concat())
    }

    fn token_file(&self) -> String {
        fs::read_to_string(self.folder().join("data/admin-token")).unwrap_or_default()
    }

    /// All rows of users, tokens, migrations and the audit log.
    fn everything(&self) -> Vec<Value> {
        let mut conn = self.0.connect();
        ["users", "api_tokens", "audit_log", "__diesel_schema_migrations"].map(|table| conn.rows(table)).concat()
    }
}

/// The token in the banner.
fn token(banner: &str) -> Option<String> {
    banner.split_whitespace().find(|word| word.starts_with("cdk_")).map(str::to_owned)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs the banner's curl command in another folder.
fn paste(banner: &str) -> Value {
    let line = banner.lines().find(|line| line.trim_start().starts_with("curl")).unwrap();
    let output = Command::new("sh").args(["-c", line]).current_dir("/").output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{line}: {answer}"))
}

both_databases! {
    async fn a_server_starts_in_an_empty_folder(first: FirstRun) {
        let server = first.serve();
        let kind = if first.0.backend == Backend::Sqlite { "SQLite" } else { "PostgreSQL" };
        assert!(server.banner.contains(&format!("clusterdesk {} on {kind}", env!("CARGO_PKG_VERSION"))));
        let shown = token(&server.banner).expect("a token");
        assert_eq!(first.token_file(), format!("{shown}\n"));
        let data = first.folder().join("data");
        assert_eq!(mode(&data), 0o700);
        for entry in fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(data.join("clusterdesk.db").exists(), first.0.backend == Backend::Sqlite);

        let answer = paste(&server.banner);
        assert_eq!(answer["result"]["totalUsers"], 1, "{answer}");
        let me = server.client(&shown).call("user.me", Value::Null).await;
        assert_eq!((&me["role"], &me["name"]), (&json!("ADMIN"), &json!("Administrator")));
        for page in ["health/live", "health/ready", "metrics"] {
            assert!(server.banner.contains(&format!("{}{page}", server.url)) || page == "health/live");
            assert_eq!(server.client("").http.get(format!("{}{page}", server.url)).send().await.unwrap().status(), 200);
        }
        let page = server.banner.lines().find(|line| line.contains("explorer")).unwrap();
        assert!(page.contains(&server.url), "{page}");
        let mut conn = first.0.connect();
        let kept = [conn.texts("SELECT hash FROM api_tokens"), conn.texts("SELECT detail FROM audit_log")].concat();
        assert!(kept.iter().all(|text| !text.contains(&shown)), "only the hash is stored");
        assert!(!server.log().contains(&shown), "the log has the token");
    }

    async fn a_second_start_changes_nothing(first: FirstRun) {
        let server = first.serve();
        let shown = token(&server.banner);
        drop(server);
        let before = (first.everything(), first.token_file());
        let server = first.serve();
        assert_eq!(token(&server.banner), None);
        assert_eq!((first.everything(), first.token_file()), before);
        assert_eq!(paste(&server.banner)["result"]["totalUsers"], 1, "the command still works");
        server.client(&shown.unwrap()).call("user.me", Value::Null).await;
    }

    async fn a_lost_token_can_be_replaced_by_one_command(first: FirstRun) {
        drop(first.serve());
        fs::remove_file(first.folder().join("data/admin-token")).unwrap();
        let server = first.serve();
        assert!(server.banner.contains("No token at hand? `clusterdesk token create` makes one."), "{}", server.banner);
        let output = Process::run(first.folder(), &["token", "create"], &first.settings());
        let created = String::from_utf8(output.stdout).unwrap();
        let stats = server.client(created.trim()).call("admin.getStats", Value::Null).await;
        assert_eq!(stats["totalUsers"], 1);
    }

    async fn no_admin_is_created_when_that_is_disabled(first: FirstRun) {
        let server = first.serve_with(("BOOTSTRAP_ADMIN", "off"));
        assert_eq!((token(&server.banner), first.token_file()), (None, String::new()));
        assert!(server.banner.contains("No token at hand?"));
        assert_eq!(first.0.connect().number("SELECT count(*) FROM users"), 0);
    }

    async fn a_database_without_live_admins_gets_a_new_one(first: FirstRun) {
        let mut old = token(&first.serve().banner).unwrap();
        for gone in ["UPDATE users SET role = 'USER'", "UPDATE users SET deleted_at = created_at"] {
            first.0.connect().run(gone);
            let server = first.serve();
            let new = token(&server.banner).unwrap_or_else(|| panic!("no token after {gone}"));
            assert!(new != old && first.token_file().trim() == new);
            let me = server.client(&new).call("user.me", Value::Null).await;
            assert_eq!(me["role"], "ADMIN");
            // An id that no identity provider issues.
            assert!(me["id"].as_str().unwrap().starts_with("admin-"), "{me}");
            old = new;
        }
        assert_eq!(first.0.connect().number("SELECT count(*) FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL"), 1);
    }

    async fn of_servers_that_start_together_exactly_one_migrates_and_creates_the_admin(first: FirstRun) {
        let servers = start_together(&first.0, || {});
        let mut tokens = servers.iter().filter_map(|server| token(&server.banner));
        let shown = tokens.next().unwrap();
        assert_eq!(tokens.next(), None);
        for server in &servers {
            assert_eq!(server.client(&shown).call("admin.getStats", Value::Null).await["totalUsers"], 1);
        }
        let applied: usize = servers.iter().map(|server| server.log().matches("\"migration\":").count()).sum();
        let mut conn = first.0.connect();
        assert_eq!(conn.rows("__diesel_schema_migrations").len(), applied, "each migration was applied once");
        for table in ["users", "api_tokens", "audit_log"] {
            assert_eq!(conn.rows(table).len(), 1, "{table}");
        }
    }
}

/// Starts four servers together on one database, each in a folder of its own.
fn start_together(database: &TestDatabase, meanwhile: impl FnOnce()) -> Vec<Process> {
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let settings = [("DATABASE_URL", database.url.as_str())];
    thread::scope(|scope| {
        let starting = folders.iter().map(|folder| scope.spawn(|| Process::serve(folder.path(), &settings)));
        let starting: Vec<_> = starting.collect();
        meanwhile();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    })
}

#[tokio::test]
async fn of_servers_that_look_for_an_admin_at_the_same_time_one_creates_it() {
    if !Backend::Postgres.is_available() {
        return;
    }
    let database = Backend::Postgres.database();
    // A second connection, because pg_stat_activity does not change within a transaction.
    let (mut conn, mut observer) = (database.connect(), database.connect());
    // Reads are possible and writes wait, until all four servers wait.
    conn.run("BEGIN; LOCK TABLE users IN SHARE MODE");
    let servers = start_together(&database, || {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE NOT granted AND datname = current_database()";
        for _ in 0..6000 {
            if observer.number(waiting) >= 4 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        conn.run("COMMIT");
    });
    assert_eq!(servers.iter().filter_map(|server| token(&server.banner)).count(), 1);
    assert_eq!((conn.rows("users").len(), conn.rows("api_tokens").len()), (1, 1));
}
