//! A private PostgreSQL server for the whole run, from the installed binaries. It ends with the test process.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::Duration,
};

use diesel::{Connection, PgConnection, connection::SimpleConnection};

/// The unprivileged user that the server runs as when we are root, since initdb refuses root.
const NOBODY: u32 = 65534;

pub struct Postgres {
    folder: PathBuf,
}

/// The server, started on first use. None when PostgreSQL is not installed, which CI does not forgive.
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
    fn start(binaries: &Path, options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("clusterdesk-pg-").tempdir().unwrap().keep();
        let root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if root {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let command = |program: &str| {
            let mut command = Command::new(program);
            command.current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        let initdb = binaries.join("initdb");
        let made = command(initdb.to_str().unwrap())
            .args(["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed in {}", folder.display());
        // The shell lives as long as our end of its standard input, and takes the server with it.
        let script = "\"$0\" \"$@\" & server=$!; cat > /dev/null; kill -QUIT $server; wait; rm -rf \"$PWD\"";
        let mut shell = command("/bin/sh");
        shell.args(["-c", script, binaries.join("postgres").to_str().unwrap(), "-D", "data", "-k"]);
        shell.arg(&folder);
        for setting in
            ["listen_addresses=", "max_connections=500", "fsync=off", "shared_buffers=128MB"].iter().chain(options)
        {
            shell.args(["-c", setting]);
        }
        let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
        // Held open until the process ends.
        std::mem::forget(shell.stdin.take());
        let server = Self { folder };
        server.wait();
        server
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
        panic!("PostgreSQL does not answer in {}: {last:?}", self.folder.display());
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.display())
    }

    /// Creates a database, as a copy of `template`.
    pub fn create(&self, database: &str, template: &str) {
        let mut connection = PgConnection::establish(&self.url("postgres")).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE {template}")).unwrap();
    }
}
