//! The addresses of clients in the audit log, which are personal data and so may be forgotten.

use diesel::prelude::*;

use super::event_log::set_purged;
use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::{audit_log, log_starts},
};

/// The name in `log_starts`: entries up to its id have no address any more.
const LOG: &str = "audit_addresses";

/// The next old entries.
#[derive(Clone, Copy, Debug)]
pub struct OldAddresses {
    /// The id of the last; None if there is none.
    pub through: Option<i64>,
    /// How many of them have an address.
    pub addresses: u64,
}

/// The id of the last entry whose address is forgotten, as those of all entries with smaller ids are.
///
/// # Errors
/// The database's.
pub fn forgotten_through(conn: &mut DbConnection) -> QueryResult<i64> {
    let through = log_starts::table.find(LOG).select(log_starts::through).first(conn);
    Ok(through.optional()?.unwrap_or(0))
}

/// The first `limit` entries after an id, up to the first that is not from before a time. Ids rise with the time, except those
/// of entries that were written at the same time.
///
/// # Errors
/// The database's.
pub fn old(conn: &mut DbConnection, after: i64, before: Timestamp, limit: i64) -> QueryResult<OldAddresses> {
    let next = audit_log::table.filter(audit_log::id.gt(after)).order(audit_log::id).limit(limit);
    let columns = (audit_log::id, audit_log::created_at, audit_log::client_address.is_not_null());
    let next: Vec<(i64, Timestamp, bool)> = next.select(columns).load(conn)?;
    let (mut through, mut addresses) = (None, 0_u64);
    for (id, _, has_address) in next.into_iter().take_while(|(_, at, _)| *at < before) {
        through = Some(id);
        addresses = addresses.saturating_add(u64::from(has_address));
    }
    Ok(OldAddresses { through, addresses })
}

/// Forgets the addresses of the entries after one id and up to another, and returns how many.
///
/// # Errors
/// The database's.
pub fn forget(conn: &mut DbConnection, after: i64, through: i64) -> QueryResult<usize> {
    set_purged(conn, LOG, through)?;
    let part = audit_log::table.filter(audit_log::id.gt(after)).filter(audit_log::id.le(through));
    let part = part.filter(audit_log::client_address.is_not_null());
    update(part, audit_log::client_address.eq(None::<String>)).execute(conn)
}

/// Forgets the addresses in the entries of an actor, and returns how many.
///
/// # Errors
/// The database's.
pub fn forget_of(conn: &mut DbConnection, actor_id: &str) -> QueryResult<usize> {
    let own = audit_log::table.filter(audit_log::actor_id.eq(actor_id)).filter(audit_log::client_address.is_not_null());
    update(own, audit_log::client_address.eq(None::<String>)).execute(conn)
}
