//! The test support: servers, callers, databases.

mod app;
mod arrange;
mod big;
mod client;
mod database;
mod document;
mod jwt;
mod outage;
mod postgres;
mod probe;
mod process;
mod raw;
mod schema;
mod socket;
mod sql;
mod stripe;
mod stripe_events;
mod token;
mod watcher;
mod wires;

use std::time::Duration;

use tokio::time::timeout;

pub use self::{
    app::{Builder, TestApp},
    arrange::{all, assert_moment, hours_ago, hours_ahead, literal},
    big::big,
    client::{Client, Failure},
    database::{Backend, TestDatabase},
    document::{Described, document},
    jwt::{SECRET, claims, hs256, now},
    postgres::Postgres,
    probe::{Gate, probes},
    process::Process,
    raw::{Raw, RawResponse},
    schema::schema,
    socket::Socket,
    sql::Sql,
    stripe::{Fault, StripeRequest, StripeStandIn},
    stripe_events::{BUSINESS, PRO, Subscription, WEBHOOK_SECRET, event, signature},
    watcher::Watcher,
    wires::Wires,
};

/// Writes a test once and runs it on both databases: `both_databases! { async fn its_name(app: TestApp) { … } }`.
/// In place of `TestApp` a test may ask for the `Builder`, to change settings first.
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
            async fn on_postgres() {
                if crate::support::Backend::Postgres.is_available() {
                    scenario(<$kind as crate::support::On>::on(crate::support::Backend::Postgres).await).await;
                }
            }
        })+
    };
}
pub(crate) use both_databases;

/// Longer than anything takes; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until something is so.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    timeout(PATIENCE, async { while !is_so().await {} }).await.expect("it never came to be");
}

/// What a test can be given for a database.
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
