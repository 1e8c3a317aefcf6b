//! The hashes that make the audit log a chain. The server adds them soon after an entry was committed, and nothing changes them.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, native},
    schema::audit_seals,
};

/// The hash of one entry.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable)]
#[diesel(table_name = audit_seals)]
pub struct AuditSeal {
    /// The id of the entry's [`AuditEvent`](super::audit_event::AuditEvent).
    pub id: i64,
    /// SHA-256 in hex of the entry and of the hash of the entry before it.
    pub hash: String,
}

impl AuditSeal {
    /// That of the newest entry that has one.
    ///
    /// # Errors
    /// The database's.
    pub fn newest(conn: &mut DbConnection) -> QueryResult<Option<Self>> {
        Self::query().order(audit_seals::id.desc()).first(conn).optional()
    }

    /// That of the entry with this event.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: i64) -> QueryResult<Option<Self>> {
        Self::query().filter(audit_seals::id.eq(id)).first(conn).optional()
    }

    /// The first `limit` after an event, in the order of the entries.
    ///
    /// # Errors
    /// The database's.
    pub fn after(conn: &mut DbConnection, id: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(audit_seals::id.gt(id)).order(audit_seals::id).limit(limit).load(conn)
    }
}

/// Inserts the hashes of a few hundred entries.
///
/// # Errors
/// The database's.
pub fn insert_seals(conn: &mut DbConnection, seals: &[AuditSeal]) -> QueryResult<()> {
    native!(conn, |conn| diesel::insert_into(audit_seals::table).values(seals).execute(conn)).map(drop)
}
