//! LISTENs for the commits of other servers on the same PostgreSQL database.
//!
//! Diesel reads notifications without blocking and offers no safe way to wait on the socket, so the thread looks every
//! [`INTERVAL`]. A look is one non-blocking read of the socket and not a query. Commits of this process do not take this
//! path: [`Commits::announce`](super::commits::Commits::announce) wakes its waiters at once.

use std::{thread::sleep, time::Duration};

use diesel::{PgConnection, connection::SimpleConnection, prelude::*};
use tokio::sync::watch;

use super::libpq;
use crate::config::Secret;

/// Between two reads of the socket: the longest delay of another server's commit.
const INTERVAL: Duration = Duration::from_millis(50);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens until `is_wanted` returns false, and reconnects as often as needed. Sends to `wake` after every notification
/// and after every connect.
pub(super) fn run(url: &Secret, wake: &watch::Sender<()>, is_wanted: impl Fn() -> bool) {
    // Notifications come from the primary only. The last of two equal parameters counts.
    let url = libpq::with_parameter(url.expose(), "target_session_attrs", "read-write");
    let mut connection = None;
    let mut is_away = false;
    while is_wanted() {
        let looked = match &mut connection {
            Some(connection) => look(connection),
            // What was committed before the connect was not notified, so waiters have to look for themselves.
            None => connect(&url).map(|connected| connection.insert(connected)).map(|_connected| true),
        };
        match looked {
            Ok(is_news) => {
                is_away = false;
                if is_news {
                    wake.send_replace(());
                }
                sleep(INTERVAL);
            }
            Err(error) => {
                connection = None;
                if !is_away {
                    tracing::warn!(error = format!("{error:#}"), "cannot listen for commits; polling instead");
                }
                is_away = true;
                sleep(PAUSE);
            }
        }
    }
}

fn connect(url: &str) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::establish(url)?;
    connection.batch_execute("SET application_name = 'clusterdesk listener'")?;
    connection.batch_execute("LISTEN cluster_events")?;
    Ok(connection)
}

/// Whether there was a notification since the last look.
fn look(connection: &mut PgConnection) -> anyhow::Result<bool> {
    let mut is_news = false;
    for notification in connection.notifications_iter() {
        notification?;
        is_news = true;
    }
    Ok(is_news)
}
