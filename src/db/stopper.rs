//! Stops PostgreSQL processes that work on jobs whose callers have given up. They are terminated, not cancelled: a cancelled
//! COMMIT that waits for a standby would report success.

use std::thread;

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::{Connection, PgConnection};

use super::{
    dialect::{self, Backend},
    libpq,
};
use crate::config::Secret;

/// Processes that may wait to be stopped. There are never more than database threads.
const WAITING: usize = 1024;
/// Seconds for a connection to the server.
const CONNECT_TIMEOUT: &str = "5";

/// Stops PostgreSQL processes from a thread of its own, for which nobody waits: a server that hangs takes no connections
/// either. The thread ends with the last clone.
#[derive(Clone)]
pub(super) struct Stopper(Sender<Backend>);

impl Stopper {
    /// A stopper for the server at `url`.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn of_postgres(url: &Secret) -> anyhow::Result<Self> {
        let url = libpq::with_parameter(url.expose(), "connect_timeout", CONNECT_TIMEOUT);
        let (sender, backends) = bounded(WAITING);
        let thread = thread::Builder::new().name("db-stop".to_owned()).spawn(move || work(&url, &backends));
        thread.context("could not start a database thread")?;
        Ok(Self(sender))
    }

    /// Terminates a process soon, if it still exists.
    pub fn stop(&self, backend: Backend) {
        if self.0.try_send(backend).is_err() {
            tracing::warn!("too many hanging database connections; one is left alone");
        }
    }
}

fn work(url: &str, backends: &Receiver<Backend>) {
    for backend in backends {
        let pid = backend.pid;
        let stopped = PgConnection::establish(url).map_err(anyhow::Error::from).and_then(|mut connection| {
            let stopped = dialect::terminate(&mut connection, &backend)?;
            Ok(stopped)
        });
        match stopped {
            Ok(true) => tracing::warn!(pid, "terminated a PostgreSQL process that did not finish in time"),
            Ok(false) => {}
            Err(error) => tracing::warn!(pid, error = format!("{error:#}"), "could not terminate a PostgreSQL process"),
        }
    }
}
