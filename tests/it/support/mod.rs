//! The test support: servers, callers, databases.

mod app;
mod arrange;
mod client;
mod database;
mod jwt;
mod postgres;
mod process;
mod socket;

pub use self::{
    app::{Builder, TestApp},
    arrange::{all, assert_moment, hours_ago, hours_ahead, literal},
    client::{Client, Failure},
    database::{Backend, TestDatabase},
    jwt::{SECRET, claims, hs256},
    process::Process,
    socket::Socket,
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
