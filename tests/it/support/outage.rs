//! Making a database unavailable and available again.

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use super::{Backend, TestDatabase, postgres};

impl TestDatabase {
    /// Makes the database unavailable to new connections, and on PostgreSQL closes the existing ones. On SQLite they keep
    /// working.
    pub fn take_away(&self) {
        match self.backend {
            Backend::Sqlite => {
                let path = self.path();
                std::fs::rename(path, format!("{path}.away")).unwrap();
                std::fs::create_dir(path).unwrap();
            }
            Backend::Postgres => {
                let name = self.name();
                administer(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
                administer(&format!(
                    "DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'; END $$"
                ));
            }
        }
    }

    /// Makes the database available again.
    pub fn bring_back(&self) {
        match self.backend {
            Backend::Sqlite => {
                let path = self.path();
                std::fs::remove_dir(path).unwrap();
                std::fs::rename(format!("{path}.away"), path).unwrap();
            }
            Backend::Postgres => administer(&format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", self.name())),
        }
    }

    fn path(&self) -> &str {
        self.url.strip_prefix("sqlite:").unwrap()
    }

    fn name(&self) -> &str {
        self.url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap()
    }
}

fn administer(statement: &str) {
    let url = postgres::server().url("postgres");
    PgConnection::establish(&url).unwrap().batch_execute(statement).unwrap();
}
