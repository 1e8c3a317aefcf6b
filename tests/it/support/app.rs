//! A server running in this process, on a free port.

use clap::Parser;
use clusterdesk::{
    config::{BindAddr, Limits, Settings},
    db::{DbConnection, Timestamp},
    kernel::Router,
    models::user::{self, NewUser, Role},
    routers,
    server::Server,
};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{Backend, Client, SECRET, TestDatabase, allow_many_files, claims, hs256, nameless};

/// A running server and its database.
pub struct TestApp {
    pub database: TestDatabase,
    /// `http://127.0.0.1:PORT/`
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

/// A server that is not started yet, whose settings can be changed.
pub struct Builder {
    pub database: TestDatabase,
    pub limits: Limits,
    flags: Vec<String>,
    routers: Vec<Router>,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

impl Builder {
    pub fn new(backend: Backend) -> Self {
        Self::with_database(backend.database())
    }

    /// A server on a given database, for example one that is shared with another server.
    pub fn with_database(database: TestDatabase) -> Self {
        allow_many_files();
        let flags = ["--jwt-secret", SECRET, "--bind-addr", "127.0.0.1:0", "--database-threads", "2"];
        let builder = Self {
            limits: Limits::default(),
            flags: flags.map(str::to_owned).to_vec(),
            routers: routers::all(),
            database,
        };
        // No rate limits, except in tests about them.
        builder
            .flag("rate-limit-read-max-requests", "0")
            .flag("rate-limit-write-max-requests", "0")
            .flag("rate-limit-stripe-max-requests", "0")
    }

    pub async fn on(backend: Backend) -> Self {
        Self::new(backend)
    }

    /// Sets a command line flag, replacing an earlier value.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        let flag = format!("--{name}");
        if let Some(at) = self.flags.iter().position(|known| *known == flag) {
            self.flags.drain(at..at + 2);
        }
        self.flags.extend([flag, value.to_owned()]);
        self
    }

    /// Removes a flag that [`Self::new`] sets.
    pub fn without(mut self, name: &str) -> Self {
        if let Some(at) = self.flags.iter().position(|known| *known == format!("--{name}")) {
            self.flags.drain(at..at + 2);
        }
        self
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Adds procedures that only the test needs.
    pub fn router(mut self, router: Router) -> Self {
        self.routers.push(router);
        self
    }

    pub fn settings(&self) -> Settings {
        let data_dir = self.database.folder.path().to_str().unwrap();
        let mut own = vec!["test", "--data-dir", data_dir];
        // A test may have the server take another way to the database.
        if !self.flags.iter().any(|flag| flag == "--database-url") {
            own.extend(["--database-url", &self.database.url]);
        }
        let flags = own.into_iter().map(str::to_owned).chain(self.flags.iter().cloned());
        Flags::try_parse_from(flags).unwrap_or_else(|error| panic!("{error}")).settings
    }

    pub async fn start(self) -> TestApp {
        let settings = self.settings();
        let server = Server::bind(&settings, self.limits, self.routers).await.unwrap();
        let url = match server.address().unwrap() {
            BindAddr::Tcp(address) => format!("http://{address}/"),
            BindAddr::Unix(path) => path.display().to_string(),
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            drop(stopped.await);
        }));
        TestApp { database: self.database, url, stop: Some(stop), task: Some(task) }
    }
}

impl TestApp {
    /// A server on SQLite, for tests that do not depend on the database.
    pub async fn on_sqlite() -> Self {
        Builder::new(Backend::Sqlite).start().await
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// A client with this token.
    pub fn with_token(&self, token: impl Into<String>) -> Client {
        Client::new(&self.url, Some(token.into()))
    }

    /// A client with a JWT for this user. The user's row is created by the first call.
    pub fn user(&self, id: &str) -> Client {
        self.with_token(hs256(&claims(id)))
    }

    /// A client of the admin `root`, whose row exists.
    pub fn admin(&self) -> Client {
        let new = NewUser { id: "root".to_owned(), name: None, email: None, image: None, role: Role::Admin };
        user::provision(&mut self.connect(), &new, Timestamp::now()).unwrap();
        // Without a name, so that none is set.
        self.with_token(hs256(&nameless("root")))
    }

    pub fn connect(&self) -> DbConnection {
        self.database.connect()
    }

    pub fn backend(&self) -> Backend {
        self.database.backend
    }

    /// Another server on the same database, not started yet.
    pub fn beside(&self) -> Builder {
        let folder = tempfile::tempdir().unwrap();
        Builder::with_database(TestDatabase { backend: self.backend(), url: self.database.url.clone(), folder })
    }

    /// Starts the shutdown, as SIGTERM does. [`Self::stopped`] waits for its end.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until a server that was told to stop has stopped.
    pub async fn stopped(&mut self) {
        self.task.take().unwrap().await.unwrap();
    }
}
