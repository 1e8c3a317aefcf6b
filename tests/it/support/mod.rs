//! Test support: servers, clients, databases.

mod app;
mod arrange;
mod big;
mod catalogue;
mod client;
mod collector;
mod database;
mod document;
mod event_list;
mod event_stream;
mod freeze;
mod generated;
pub mod imports;
mod jwt;
mod live;
mod outage;
mod pooler;
mod postgres;
mod probe;
mod process;
mod pulse;
mod raw;
mod redis;
mod schema;
mod socket;
mod sql;
mod stripe;
mod stripe_events;
mod terminal;
mod token;
mod watcher;
mod wires;

use std::time::Duration;

use tokio::time::{sleep, timeout};

pub use rustix::process::Signal;

pub use self::{
    app::{Builder, TestApp},
    arrange::{all, assert_moment, hours_ago, hours_ahead, literal},
    big::big,
    catalogue::{browses, catalogue, runs_one_statement},
    client::{Client, Failure},
    collector::{Collector, SeenSpan},
    database::{Backend, TestDatabase},
    document::{Described, document},
    event_stream::{EventStream, StreamEvent},
    freeze::{Frozen, limit_files, signal},
    generated::{generated, generated_part},
    jwt::{SECRET, claims, hs256, nameless, now},
    live::{Live, Transport},
    pooler::Pooler,
    postgres::Postgres,
    probe::{Gate, probes},
    process::Process,
    pulse::Pulse,
    raw::{Raw, RawResponse},
    redis::{REDIS_PASSWORD, Redis},
    schema::schema,
    socket::Socket,
    sql::Sql,
    stripe::{Fault, SECRET_KEY, StripeRequest, StripeStandIn},
    stripe_events::{BUSINESS, PRO, Subscription, WEBHOOK_SECRET, event, fixed_now, signature},
    terminal::on_terminal,
    watcher::Watcher,
    wires::Wires,
};

/// Defines tests that run on both databases: `both_databases! { async fn its_name(app: TestApp) { … } }`.
/// The parameter may be any type that implements [`On`], such as a `Builder` when the test changes settings first.
macro_rules! both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($arg:ident: $kind:ty) $body:block)+) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$meta])*
            async fn scenario($arg: $kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                scenario(<$kind as crate::support::On>::on(crate::support::Backend::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
            async fn on_postgres() {
                scenario(<$kind as crate::support::On>::on(crate::support::Backend::Postgres).await).await;
            }
        })+
    };
}
pub(crate) use both_databases;

/// Longer than any step of a test takes; reached only when a test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two polls of [`eventually`], so that polling leaves the processors to the server.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Lets this process open as many files as it may: some tests open thousands of connections.
fn allow_many_files() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
}

/// Polls a condition until it holds.
pub async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !condition().await {
            sleep(POLL_INTERVAL).await;
        }
    };
    timeout(PATIENCE, poll).await.expect("the condition did not become true in time");
}

/// A type that a test of [`both_databases`] can take as its parameter.
pub trait On {
    async fn on(backend: Backend) -> Self;
}

impl On for TestApp {
    async fn on(backend: Backend) -> Self {
        Builder::on(backend).await.start().await
    }
}

impl On for Builder {
    async fn on(backend: Backend) -> Self {
        Builder::new(backend)
    }
}

impl On for TestDatabase {
    async fn on(backend: Backend) -> Self {
        backend.database()
    }
}
