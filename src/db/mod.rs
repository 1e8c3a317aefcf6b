//! Connections, database threads, transactions, migrations, and the differences between SQLite and PostgreSQL.

mod absence;
pub mod backups;
mod batch;
pub(crate) mod cached;
mod claim;
mod commits;
mod connection;
pub mod constraint;
pub mod copy;
pub(crate) mod counted;
mod database;
pub mod dialect;
mod gather;
mod group;
mod instrument;
mod job;
mod libpq;
mod libpq_syntax;
mod listen;
pub mod locks;
pub mod log_position;
mod manager;
mod measures;
pub mod migrations;
mod options;
mod own_writes;
mod prisma;
mod queue;
mod rate;
mod rate_store;
mod refusals;
mod replica;
mod restore;
pub mod sequences;
pub mod sessions;
mod sqlite_check;
mod sqlite_draft;
mod sqlite_file;
mod sqlite_lock;
mod sqlite_log;
mod staleness;
mod stopper;
pub(crate) mod text_enum;
mod threads;
pub mod timestamp;
pub mod transaction;
pub mod triggers;
mod url;
pub mod wait;
mod worker;

pub(crate) use self::connection::{MultiBackend, native};
pub use self::{
    absence::Absence,
    batch::{Batch, Company, Loader, Need, NeedOf, Progress, Reading, Step, Ticket, need, plain},
    connection::{DbConnection, Purpose},
    database::{Database, GRACE},
    instrument::statements,
    manager::Manager,
    measures::Measures,
    options::Options,
    own_writes::Reader,
    prisma::PrismaUrl,
    rate::{Count, Rate},
    rate_store::RateStore,
    replica::ReplicaState,
    restore::Restoration,
    sqlite_lock::{SqliteLock, refuse_unfinished},
    timestamp::Timestamp,
    url::DatabaseUrl,
};
pub use crate::error::BUSY;
