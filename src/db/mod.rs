//! Connections, database threads, transactions, migrations, and the differences between SQLite and PostgreSQL.

mod batch;
pub(crate) mod cached;
mod claim;
mod commits;
mod connection;
pub mod constraint;
mod database;
pub mod dialect;
mod gather;
mod group;
mod instrument;
mod job;
mod libpq;
mod listen;
pub mod locks;
mod manager;
pub mod migrations;
mod options;
mod queue;
mod replica;
mod sqlite_file;
mod sqlite_log;
mod stopper;
pub(crate) mod text_enum;
mod threads;
pub mod timestamp;
pub mod transaction;
mod url;
mod worker;

pub(crate) use self::connection::native;
pub use self::{
    batch::{Batch, Company, Loader, Need, NeedOf, Progress, Reading, Step, Ticket, need},
    connection::{DbConnection, Purpose},
    database::{Database, GRACE},
    instrument::statements,
    manager::Manager,
    options::Options,
    timestamp::Timestamp,
    url::DatabaseUrl,
};
pub use crate::error::BUSY;
