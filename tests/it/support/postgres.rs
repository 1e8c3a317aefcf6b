//! A private PostgreSQL server for the whole test run, started from the installed binaries. It stops with the test
//! process.

use std::{
    io::Write,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock},
    thread::sleep,
    time::Duration,
};

use diesel::{Connection, PgConnection, RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Integer};

use super::Frozen;

/// The unprivileged user id for the server when the tests run as root, because initdb refuses to run as root.
const NOBODY: u32 = 65534;

/// Settings for speed. None of them loses data as long as the operating system keeps running, so tests may kill the server.
/// With a database per test, autovacuum would start a worker several times a second.
const SETTINGS: [&str; 8] = [
    "listen_addresses=",
    "max_connections=500",
    "shared_buffers=128MB",
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
];

/// The data folder of a server that was never started. Copying it takes a fraction of the time of initdb.
static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();

/// A running PostgreSQL server.
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    options: Vec<String>,
    shell: Mutex<Option<Child>>,
    strategy: OnceLock<&'static str>,
}

/// The shared server, started on first use. None when PostgreSQL is not installed; with `CI` set that is a panic.
pub fn server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let Some(binaries) = binaries() else {
                assert!(std::env::var("CI").is_err(), "PostgreSQL's binaries are not installed, and CI=true");
                eprintln!("\n*** NOT TESTED ON POSTGRESQL: initdb is neither in PATH nor in /usr/lib/postgresql ***\n");
                return None;
            };
            Some(Postgres::start(&binaries, &[]))
        })
        .as_ref()
}

fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

impl Postgres {
    /// A server for one test, which the test may kill. None when PostgreSQL is not installed.
    pub fn private() -> Option<Self> {
        server()?;
        let binaries = binaries().unwrap();
        Some(Self::start(&binaries, &["max_connections=50", "shared_buffers=16MB"]))
    }

    /// Like [`Self::private`], and it can have standbys.
    pub fn primary() -> Option<Self> {
        server()?;
        let binaries = binaries().unwrap();
        let options = ["max_connections=50", "shared_buffers=16MB", "wal_level=replica", "max_wal_senders=4"];
        Some(Self::start(&binaries, &options))
    }

    /// A hot standby of this server.
    pub fn standby(&self) -> Self {
        let standby = Self::in_new_folder(&self.binaries, self.options.clone());
        let copied = standby
            .command(&self.client_program("pg_basebackup"))
            .args(["-D", "data", "-R", "-c", "fast", "--no-sync", "-U", "postgres", "-h"])
            .arg(&self.folder)
            .status()
            .unwrap();
        assert!(copied.success(), "pg_basebackup failed in {}", standby.folder.display());
        standby.launch();
        standby
    }

    /// A program that comes with the server, or else one from PATH.
    fn client_program(&self, name: &str) -> PathBuf {
        let beside = self.binaries.join(name);
        if beside.exists() { beside } else { name.into() }
    }

    /// Stops all processes of the server until the guard is dropped.
    pub fn freeze(&self) -> Frozen {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        Frozen::with_children(file.lines().next().unwrap().parse().unwrap())
    }

    /// Runs statements on the server's own database.
    pub fn administer(&self, statements: &[&str]) {
        let mut connection = PgConnection::establish(&self.url("postgres")).unwrap();
        statements.iter().for_each(|statement| connection.batch_execute(statement).unwrap());
    }

    /// Makes every commit wait for a synchronous standby that does not exist.
    pub fn require_absent_standby(&self) {
        self.administer(&["ALTER SYSTEM SET synchronous_standby_names = 'absent'", "SELECT pg_reload_conf()"]);
    }

    /// Ends what [`Self::require_absent_standby`] began.
    pub fn require_no_standby(&self) {
        self.administer(&["ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"]);
    }

    fn start(binaries: &Path, options: &[&str]) -> Self {
        let server = Self::in_new_folder(binaries, options.iter().map(|option| (*option).to_owned()).collect());
        if let Some(template) = TEMPLATE.get() {
            server.copy(template, "data");
        } else {
            let made = server
                .command(&binaries.join("initdb"))
                .args(["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
                .status()
                .unwrap();
            assert!(made.success(), "initdb failed in {}", server.folder.display());
            server.copy(Path::new("data"), "template");
            TEMPLATE.get_or_init(|| server.folder.join("template"));
        }
        server.launch();
        server
    }

    fn copy(&self, from: &Path, to: &str) {
        let copied = self.command(Path::new("cp")).arg("-a").arg(from).arg(to).status().unwrap();
        assert!(copied.success(), "{} could not be copied", from.display());
    }

    fn in_new_folder(binaries: &Path, options: Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("clusterdesk-pg-").tempdir().unwrap().keep();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self { folder, binaries: binaries.to_owned(), options, shell: Mutex::new(None), strategy: OnceLock::new() }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Starts the server on its data folder and waits until it accepts connections.
    pub fn launch(&self) {
        // The shell stops the server when our end of its standard input closes, also if this process is killed.
        let script = "\"$0\" \"$@\" & server=$!; read word; kill -QUIT $server; wait; [ \"$word\" ] || rm -rf \"$PWD\"";
        let mut shell = self.command(Path::new("/bin/sh"));
        shell.args(["-c", script]).arg(self.binaries.join("postgres")).args(["-D", "data", "-k"]).arg(&self.folder);
        for setting in SETTINGS.into_iter().chain(self.options.iter().map(String::as_str)) {
            shell.args(["-c", setting]);
        }
        *self.shell.lock().unwrap() = Some(shell.stdin(Stdio::piped()).spawn().unwrap());
        self.wait();
    }

    /// Stops the server immediately, as a crash would: all connections close and nothing is flushed. The data folder stays.
    pub fn crash(&self) {
        let mut shell = self.shell.lock().unwrap().take().unwrap();
        shell.stdin.take().unwrap().write_all(b"stay\n").unwrap();
        shell.wait().unwrap();
    }

    fn wait(&self) {
        let mut last = None;
        for _ in 0..600 {
            match PgConnection::establish(&self.url("postgres")) {
                Ok(_) => return,
                Err(error) => last = Some(error),
            }
            sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL in {} did not accept a connection: {last:?}", self.folder.display());
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.display())
    }

    /// Creates a database, as a copy of `template`.
    pub fn create(&self, database: &str, template: &str) {
        let mut connection = PgConnection::establish(&self.url("postgres")).unwrap();
        let strategy = self.clone_strategy(&mut connection);
        connection.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE {template} {strategy}")).unwrap();
    }

    /// PostgreSQL 15 and later copy a template page by page through the write-ahead log by default. Copying its files takes
    /// a fifth of that time. Earlier versions always copy the files and do not know the option.
    fn clone_strategy(&self, connection: &mut PgConnection) -> &'static str {
        self.strategy.get_or_init(|| {
            let version =
                sql::<Integer>("SELECT current_setting('server_version_num')::integer").get_result(connection);
            if version.is_ok_and(|version: i32| version >= 150_000) { "STRATEGY FILE_COPY" } else { "" }
        })
    }
}

/// Stops the server and removes its folder. The shared server is never dropped; it stops with the process.
impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut shell) = self.shell.lock().unwrap().take() {
            drop(shell.stdin.take());
            drop(shell.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}
