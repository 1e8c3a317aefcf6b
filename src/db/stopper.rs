//! Stops PostgreSQL processes that work on jobs whose callers have given up. They are terminated, not cancelled: a cancelled
//! COMMIT that waits for a standby would report success.

use std::{thread, time::Duration};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::{Connection, PgConnection};

use super::{
    dialect::{self, Backend},
    libpq,
};
use crate::config::Secret;

/// Processes that may wait to be stopped. They can be more than the database threads, because a thread whose process ends by
/// itself goes on to the next job.
const WAITING: usize = 1024;
/// Seconds for a connection to the server.
const CONNECT_TIMEOUT: &str = "5";
/// How often a process is tried at most, while the server takes no connections.
const ATTEMPTS: u8 = 10;
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

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
    while let Ok(first) = backends.recv() {
        let mut waiting = vec![first];
        for _ in 0..ATTEMPTS {
            waiting.extend(backends.try_iter().take(WAITING.saturating_sub(waiting.len())));
            match stop(url, &mut waiting) {
                Ok(()) => break,
                Err(error) => {
                    let (left, error) = (waiting.len(), format!("{error:#}"));
                    tracing::warn!(left, error, "could not terminate PostgreSQL processes");
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

/// Terminates processes, and removes each that is settled from `waiting`.
///
/// # Errors
/// When the server cannot be reached.
fn stop(url: &str, waiting: &mut Vec<Backend>) -> anyhow::Result<()> {
    let mut connection = PgConnection::establish(url)?;
    while let Some(backend) = waiting.last() {
        if dialect::terminate(&mut connection, backend)? {
            tracing::warn!(pid = backend.pid, "terminated a PostgreSQL process that did not finish in time");
        }
        waiting.pop();
    }
    Ok(())
}
