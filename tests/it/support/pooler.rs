//! PgBouncer in front of a PostgreSQL server, when it is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use super::postgres;

/// Server connections of a pool: fewer than the clients, so that these share sessions.
const CONNECTIONS: usize = 2;

/// A running PgBouncer. Killed when dropped.
pub struct Pooler {
    folder: PathBuf,
    child: Child,
}

impl Pooler {
    /// A pooler of the tests' shared server, in a mode such as `transaction`.
    pub fn start(mode: &str) -> Self {
        let server = postgres::server();
        let folder = postgres::new_folder("clusterdesk-pooler-");
        let settings = format!(
            "[databases]\n* = host={} user=postgres\n[pgbouncer]\npool_mode = {mode}\nauth_type = any\n\
             listen_port = 6432\nunix_socket_dir = {folder}\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 200\n\
             reserve_pool_size = 0\nlogfile = {folder}/log\n",
            server.folder().display(),
            folder = folder.display(),
        );
        fs::write(folder.join("pgbouncer.ini"), settings).unwrap();
        let program: Option<&str> = option_env!("PGBOUNCER");
        let mut command = postgres::command(Path::new(program.expect("PgBouncer is not installed")), &folder);
        let child = command.arg(folder.join("pgbouncer.ini")).stdin(Stdio::null()).spawn().unwrap();
        let pooler = Self { folder, child };
        postgres::wait_for(&pooler.url("postgres"));
        pooler
    }

    /// The URL of a database of the server, through the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port=6432&user=postgres", self.folder.display())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}
