//! The first start in an empty folder, which creates an admin with a token, and later starts.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{Backend, Client, On, Process, Signal, Sql, TestDatabase, both_databases, eventually};

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

/// The link in the banner that signs a browser in.
fn link(banner: &str) -> Option<String> {
    banner.split_whitespace().find(|word| word.contains("/sign-in#")).map(str::to_owned)
}

/// Signs a browser in by a link. Returns the role of the user, or the code of the error.
async fn sign_in(server: &Process, link: &str) -> String {
    let (page, secret) = link.split_once('#').unwrap();
    let http = server.client("").http;
    let post = |url: &str| {
        http.post(url).header("origin", server.url.trim_end_matches('/')).header("content-type", "application/json")
    };
    let response = post(page).body(json!({"link": secret}).to_string()).send().await.unwrap();
    let Some(cookie) = response.headers().get("set-cookie").cloned() else {
        let refusal: Value = response.json().await.unwrap();
        return refusal["error"]["data"]["code"].as_str().unwrap().to_owned();
    };
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    let me = r#"{"jsonrpc":"2.0","id":1,"method":"user.me"}"#;
    let answer: Value = post(&server.url).header("cookie", cookie).body(me).send().await.unwrap().json().await.unwrap();
    answer["result"]["role"].as_str().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs the banner's curl command in another folder, with a function of the shell in place of curl, which a machine may
/// lack: it prints its arguments.
async fn paste(banner: &str) -> Value {
    let line = banner.lines().find(|line| line.trim_start().starts_with("curl")).unwrap();
    let script = format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{line}");
    let output = Command::new("sh").args(["-c", &script]).current_dir("/").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let arguments: Vec<&str> = printed.lines().collect();
    let ["-s", url, "-H", kind, "-H", authorization, "-d", body] = arguments[..] else { panic!("{line}: {printed}") };
    let mut request = Client::http().build().unwrap().post(url).body(body.to_owned());
    for (name, value) in [kind, authorization].map(|header| header.split_once(": ").unwrap()) {
        request = request.header(name, value);
    }
    request.send().await.unwrap().json().await.unwrap()
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

        let answer = paste(&server.banner).await;
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

    async fn the_banner_signs_a_browser_in(first: FirstRun) {
        let server = first.serve();
        let url = link(&server.banner).unwrap();
        assert!(url.starts_with(&format!("{}sign-in#cdc_", server.url)), "{url}");
        assert_eq!(sign_in(&server, &url).await, "ADMIN");
        assert_eq!(sign_in(&server, &url).await, "UNAUTHORIZED");
        // Each start prints another one.
        drop(server);
        let server = first.serve();
        let again = link(&server.banner).unwrap();
        assert_eq!(sign_in(&server, &again).await, "ADMIN");
        assert!(!server.log().contains(again.split_once('#').unwrap().1));
    }

    async fn no_link_is_printed_where_others_could_use_it(first: FirstRun) {
        for setting in [("BIND_ADDR", "0.0.0.0:0"), ("BOOTSTRAP_ADMIN", "off")] {
            if setting.0 == "BOOTSTRAP_ADMIN" {
                first.0.connect().run("UPDATE users SET role = 'USER'");
            }
            let server = first.serve_with(setting);
            assert_eq!(link(&server.banner), None, "{setting:?}: {}", server.banner);
        }
        assert_eq!(first.0.connect().number("SELECT count(*) FROM sign_in_links"), 0);
    }

    async fn a_journal_keeps_no_secret(first: FirstRun) {
        // The number of the file that standard output goes to, as systemd says it.
        let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/$$/fd/1) exec \"$0\" serve";
        let server = Process::serve_by(first.folder(), script, &first.settings());
        let stored = first.token_file();
        assert!(server.banner.contains("admin-token") && !server.banner.contains(stored.trim()), "{}", server.banner);
        assert_eq!(link(&server.banner), None);
        assert_eq!(paste(&server.banner).await["result"]["totalUsers"], 1);
        drop(server);
        // Of another program, a service further up.
        assert!(link(&first.serve_with(("JOURNAL_STREAM", "8:1")).banner).is_some());
    }

    async fn a_second_start_changes_nothing(first: FirstRun) {
        let server = first.serve();
        let shown = token(&server.banner);
        drop(server);
        let before = (first.everything(), first.token_file());
        let server = first.serve();
        assert_eq!(token(&server.banner), None);
        assert_eq!((first.everything(), first.token_file()), before);
        assert_eq!(paste(&server.banner).await["result"]["totalUsers"], 1, "the command still works");
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

    async fn a_token_of_another_database_is_kept(first: FirstRun) {
        let token_of_other = {
            let other = FirstRun(first.0.backend.empty_database());
            token(&other.serve().banner).unwrap()
        };
        let data = first.folder().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("admin-token"), &token_of_other).unwrap();
        fs::write(data.join("admin-token-2"), "notes of somebody").unwrap();
        let server = first.serve();
        let shown = token(&server.banner).unwrap();
        assert!(server.banner.contains("data/admin-token-3:"), "{}", server.banner);
        assert_eq!(first.token_file(), token_of_other);
        assert_eq!(fs::read_to_string(data.join("admin-token-2")).unwrap(), "notes of somebody");
        assert_eq!(fs::read_to_string(data.join("admin-token-3")).unwrap().trim(), shown);
        assert_eq!(mode(&data.join("admin-token-3")), 0o600);
        assert_eq!(paste(&server.banner).await["result"]["totalUsers"], 1);
        drop(server);
        assert_eq!(paste(&first.serve().banner).await["result"]["totalUsers"], 1, "the next start finds it too");
    }

    async fn a_token_that_does_not_work_is_not_shown(first: FirstRun) {
        drop(first.serve());
        for gone in ["UPDATE api_tokens SET scope = 'read'", "UPDATE api_tokens SET expires_at = created_at", "revoke"] {
            if gone == "revoke" {
                assert!(Process::run(first.folder(), &["token", "revoke", "1"], &first.settings()).status.success());
            } else {
                first.0.connect().run(gone);
            }
            let server = first.serve();
            assert!(server.banner.contains("No token at hand? `clusterdesk token create` makes one."), "{gone}");
            assert!(!server.banner.contains("admin-token"), "{gone}: {}", server.banner);
            first.0.connect().run("UPDATE api_tokens SET scope = 'admin', expires_at = NULL");
        }
    }

    async fn the_banner_and_the_log_say_which_database_it_is(first: FirstRun) {
        let mut server = first.serve();
        let place = match first.0.backend {
            Backend::Sqlite => "SQLite at ./data/clusterdesk.db".to_owned(),
            Backend::Postgres => {
                let (name, host) = first.0.url.strip_prefix("postgres:///").unwrap().split_once("?host=").unwrap();
                format!("PostgreSQL at {}/{name}", host.split('&').next().unwrap())
            }
        };
        assert!(server.banner.lines().next().unwrap().ends_with(&format!(" on {place}")), "{}", server.banner);
        server.signal(Signal::TERM);
        server.wait();
        assert!(server.log().lines().any(|line| line.contains("listening") && line.contains(&place)), "{}", server.log());
    }

    async fn no_folder_is_made_that_is_not_needed(first: FirstRun) {
        let database = first.0.backend.database();
        let settings = [("DATABASE_URL", database.url.as_str()), ("BOOTSTRAP_ADMIN", "off"), ("DATA_DIR", "/dev/null/data")];
        let server = Process::serve(first.folder(), &settings);
        assert_eq!(server.client("").http.get(format!("{}health/ready", server.url)).send().await.unwrap().status(), 200);
        assert_eq!(fs::read_dir(first.folder()).unwrap().count(), 0);
    }

    async fn a_token_that_can_not_be_stored_is_not_created(first: FirstRun) {
        let database = first.0.backend.database();
        let settings = [("DATABASE_URL", database.url.as_str()), ("DATA_DIR", "/dev/null/data")];
        let output = Process::run(first.folder(), &["serve"], &settings);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains("DATA_DIR") && text.contains("BOOTSTRAP_ADMIN=off"), "{text}");
        assert_eq!(database.connect().number("SELECT count(*) FROM users"), 0);
    }

    async fn a_new_database_is_not_changed_if_its_token_can_not_be_stored(first: FirstRun) {
        let settings = [("DATABASE_URL", first.0.url.as_str()), ("DATA_DIR", "/dev/null/data")];
        let output = Process::run(first.folder(), &["serve"], &settings);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains("DATA_DIR") && text.contains("BOOTSTRAP_ADMIN=off"), "{text}");
        assert_eq!(fs::read_dir(first.folder()).unwrap().count(), 0);
        if first.0.backend == Backend::Postgres {
            assert_eq!(first.0.connect().tables(), Vec::<String>::new());
        }
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
        let mut conn = first.0.connect();
        let migrations = conn.rows("__diesel_schema_migrations").len();
        let applied = || servers.iter().map(|server| server.log().matches("\"migration\":").count()).sum::<usize>();
        eventually(async || applied() >= migrations).await;
        assert_eq!(applied(), migrations, "each migration was applied once");
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
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn of_servers_that_look_for_an_admin_at_the_same_time_one_creates_it() {
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
