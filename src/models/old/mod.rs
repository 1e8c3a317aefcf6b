//! The tables of the old server, as Prisma made them. They are only read, and only on PostgreSQL.

mod columns;
mod cursor;
mod database;
mod row;

pub use self::{
    cursor::Cursor,
    database::{OldDatabase, OldSnapshot, OwnedRows, Owners},
    row::{OldCluster, OldCustomer, OldEvent, OldRow, OldUser},
};
