//! A separate database for every test, cloned from a migrated template.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clusterdesk::{
    config::Secret,
    db::{DatabaseUrl, DbConnection, Manager, Purpose, migrations::Migrations},
};
use tempfile::TempDir;

use super::postgres;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A database, and a data folder for its server. The folder is removed on drop.
pub struct TestDatabase {
    pub backend: Backend,
    pub url: String,
    pub folder: TempDir,
}

impl Backend {
    /// A migrated database.
    pub fn database(self) -> TestDatabase {
        self.database_in(tempfile::tempdir().unwrap())
    }

    pub fn database_in(self, folder: TempDir) -> TestDatabase {
        let url = match self {
            Self::Sqlite => {
                let path = folder.path().join("test.db");
                std::fs::copy(sqlite_template(), &path).unwrap();
                format!("sqlite:{}", path.display())
            }
            Self::Postgres => clone_postgres(postgres_template(), folder.path()),
        };
        TestDatabase { backend: self, url, folder }
    }

    /// An empty database to which no migration was applied.
    pub fn empty_database(self) -> TestDatabase {
        let folder = tempfile::tempdir().unwrap();
        let url = match self {
            Self::Sqlite => format!("sqlite:{}", folder.path().join("test.db").display()),
            Self::Postgres => clone_postgres("template0", folder.path()),
        };
        TestDatabase { backend: self, url, folder }
    }
}

impl TestDatabase {
    pub fn address(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&Secret::new(&self.url), "DATABASE_URL").unwrap()
    }

    /// A connection that does not go through the server.
    pub fn connect(&self) -> DbConnection {
        self.connect_to(Purpose::Write)
    }

    /// A connection as the server opens it for a purpose.
    pub fn connect_to(&self, purpose: Purpose) -> DbConnection {
        Manager { url: self.address(), purpose, statement_timeout: Duration::ZERO }.open().unwrap()
    }
}

/// A database that is there as long as the folder. All of them together would take 10 GB.
fn clone_postgres(template: &str, folder: &Path) -> String {
    static FOLDERS: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = postgres::server();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.create(&name, template);
    let unused: Vec<_> = FOLDERS.lock().unwrap().extract_if(.., |(folder, _)| !folder.exists()).collect();
    // A process of one that takes its time to end must not fail another test: it is removed later.
    let kept: Vec<_> = unused.into_iter().filter(|(_, name)| !server.remove(name)).collect();
    FOLDERS.lock().unwrap().extend(kept.into_iter().chain([(folder.to_owned(), name.clone())]));
    server.url(&name)
}

fn sqlite_template() -> &'static PathBuf {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        // Every run replaces the file of the run before. Tests copy it and never open it.
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("template-{}.db", std::process::id()));
        let database = TestDatabase {
            backend: Backend::Sqlite,
            url: format!("sqlite:{}", path.display()),
            folder: tempfile::tempdir().unwrap(),
        };
        Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
        let finished = folder.join("template.db");
        std::fs::rename(&path, &finished).unwrap();
        finished
    })
}

fn postgres_template() -> &'static str {
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let server = postgres::server();
        server.create("migrated", "template0");
        let url = DatabaseUrl::parse(&Secret::new(server.url("migrated")), "DATABASE_URL").unwrap();
        Migrations::open(&url).unwrap().up(usize::MAX).unwrap();
    });
    "migrated"
}
