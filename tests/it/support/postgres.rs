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

/// The shared server, started on first use.
pub fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start(&binaries(), &[]))
}

/// Where build.rs has found them. A test that needs them is ignored otherwise.
fn binaries() -> PathBuf {
    let found: Option<&str> = option_env!("POSTGRESQL_BINARIES");
    found.expect("PostgreSQL's server is not installed").into()
}

impl Postgres {
    /// A server for one test, which the test may kill.
    pub fn private() -> Self {
        server();
        Self::start(&binaries(), &["max_connections=50", "shared_buffers=16MB"])
    }

    /// Like [`Self::private`], and it can have standbys.
    pub fn primary() -> Self {
        server();
        let options = ["max_connections=50", "shared_buffers=16MB", "wal_level=replica", "max_wal_senders=4"];
        Self::start(&binaries(), &options)
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

    /// Runs a shell script in the server's folder, as its user and with its programs. Returns what it printed.
    pub fn shell(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let mut command = self.command(Path::new("/bin/sh"));
        let path = std::env::join_paths([self.binaries.as_path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        command.args(["-ec", script]).env("PATH", path).envs(variables.iter().copied());
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "{script}\n{text}");
        text
    }

    /// A server on the data that a script has put into the folder `copy`.
    pub fn on_copy(&self) -> Self {
        let server = Self::in_new_folder(&self.binaries, self.options.clone());
        std::fs::rename(self.folder.join("copy"), server.folder.join("data")).unwrap();
        server.launch();
        server
    }

    /// A program that comes with the server, or else one from PATH.
    fn client_program(&self, name: &str) -> PathBuf {
        let beside = self.binaries.join(name);
        if beside.exists() { beside } else { name.into() }
    }

    /// Stops all processes of the server until the guard is dropped.
    pub fn freeze(&self) -> Frozen {
        Frozen::with_children(self.pid())
    }

    /// Lets no file of the server grow beyond so many bytes, as a full disk would.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let first = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
        for pid in std::iter::once(first.to_string()).chain(children.split_whitespace().map(str::to_owned)) {
            // As the user of the server: root may lack the right in a sandbox. The program is in Debian's util-linux, which is
            // always there.
            let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
            let limit = format!("--fsize={bytes}:unlimited");
            let limited = self.command(Path::new("prlimit")).args(["--pid", &pid, &limit]).status().unwrap();
            // A process may have ended meanwhile.
            assert!(limited.success() || !Path::new(&format!("/proc/{pid}")).exists(), "prlimit");
        }
    }

    /// The first process of the server, whose children are the others.
    fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
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
        let folder = new_folder("clusterdesk-pg-");
        Self { folder, binaries: binaries.to_owned(), options, shell: Mutex::new(None), strategy: OnceLock::new() }
    }

    fn command(&self, program: &Path) -> Command {
        command(program, &self.folder)
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
        wait_for(&self.url("postgres"));
    }

    /// Stops the server immediately, as a crash would: all connections close and nothing is flushed. The data folder stays.
    pub fn crash(&self) {
        let mut shell = self.shell.lock().unwrap().take().unwrap();
        shell.stdin.take().unwrap().write_all(b"stay\n").unwrap();
        shell.wait().unwrap();
    }

    /// Kills all processes of the server, which can't do anything more.
    pub fn kill(&self) {
        let first = self.pid();
        let script = format!("kill -STOP {first}; kill -KILL $(cat /proc/{first}/task/{first}/children) {first}");
        let killed = self.command(Path::new("/bin/sh")).args(["-c", &script]).status().unwrap();
        assert!(killed.success(), "{} could not be killed", self.folder.display());
        if let Some(mut shell) = self.shell.lock().unwrap().take() {
            shell.kill().unwrap();
            shell.wait().unwrap();
        }
    }

    /// Where it runs, and has its socket.
    pub fn folder(&self) -> &Path {
        &self.folder
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

    /// Removes a database, whoever is connected to it. False if it could not.
    pub fn remove(&self, database: &str) -> bool {
        let mut connection = PgConnection::establish(&self.url("postgres")).unwrap();
        connection.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).is_ok()
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

/// A folder for a server's user.
pub fn new_folder(prefix: &str) -> PathBuf {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir().unwrap().keep();
    if is_root() {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

/// A command of a server's user in a folder.
pub fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Waits until a server accepts connections.
pub fn wait_for(url: &str) {
    let mut last = None;
    for _ in 0..600 {
        match PgConnection::establish(url) {
            Ok(_) => return,
            Err(error) => last = Some(error),
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{url} did not accept a connection: {last:?}");
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
