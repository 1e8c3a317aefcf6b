//! The audit log: who changed what. Entries are written in the transaction of the change; triggers make them immutable.

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{self, Array, BigInt, Nullable, Text},
};

use super::page::{COUNTED, Listed, Order, Position, Total};
use crate::{
    db::{
        DbConnection, MultiBackend, Step, Timestamp, cached::cached, counted::counted, dialect, text_enum::text_enum,
    },
    schema::audit_log,
};

/// Actors that are not users: the command line, the first start, the payment provider, the server itself. No user may have
/// such an id.
pub const ACTORS: [&str; 4] = ["cli", "bootstrap", "stripe", "server"];

text_enum! {
    /// The way by which a change came in.
    pub enum Door {
        /// A JSON-RPC message.
        Jsonrpc = "jsonrpc",
        /// A call over the tRPC wire.
        Trpc = "trpc",
        /// A command of an operator.
        Cli = "cli",
        /// An event of the payment provider.
        Stripe = "stripe",
        /// None: the server did it by itself.
        Server = "server",
    }
}

/// One change.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = audit_log)]
pub struct AuditEntry {
    /// On PostgreSQL, ids do not become visible in ascending order; see [`AuditEvent`](super::audit_event::AuditEvent).
    pub id: i64,
    /// When the change was made.
    pub created_at: Timestamp,
    /// The user who made it, or one of [`ACTORS`].
    pub actor_id: String,
    /// The canonical name of the procedure.
    pub procedure: String,
    /// What kind of thing was changed, such as `cluster`.
    pub entity: String,
    /// The id of what was changed.
    pub entity_id: String,
    /// JSON text whose shape depends on the procedure.
    pub detail: String,
    /// The request that made the change.
    pub request_id: String,
    /// The address of the client, until it is forgotten.
    pub client_address: Option<String>,
    /// The API token of the call, if it had one.
    pub token_id: Option<i64>,
    /// How the change came in; None in entries from before this was recorded.
    pub door: Option<Door>,
}

/// An entry to insert; the fields are those of [`AuditEntry`]. As a step: inserts those of many calls.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub struct NewAuditEntry {
    /// Now.
    pub created_at: Timestamp,
    /// The user who made the change, or one of [`ACTORS`].
    pub actor_id: String,
    /// The canonical name of the procedure.
    pub procedure: &'static str,
    /// What kind of thing was changed.
    pub entity: &'static str,
    /// The id of what was changed.
    pub entity_id: String,
    /// JSON text, at most 64 KiB, without secrets.
    pub detail: String,
    /// The request that made the change.
    pub request_id: String,
    /// The address of the client, if there is one.
    pub client_address: Option<String>,
    /// The API token of the call, if it had one.
    pub token_id: Option<i64>,
    /// How the change came in.
    pub door: Door,
}

impl NewAuditEntry {
    /// Inserts the entry.
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<()> {
        diesel::insert_into(audit_log::table).values(self).execute(conn).map(drop)
    }
}

impl Step for NewAuditEntry {
    type Wish = Self;
    type Outcome = ();

    fn take(conn: &mut DbConnection, entries: &[Self]) -> QueryResult<Vec<()>> {
        let pg = match (dialect::postgres(conn), entries) {
            (Some(pg), [_, _, ..]) => pg,
            _ => return entries.iter().map(|entry| entry.insert(conn)).collect(),
        };
        fn texts<'e>(entries: &'e [NewAuditEntry], text: fn(&'e NewAuditEntry) -> &'e str) -> Vec<&'e str> {
            entries.iter().map(text).collect()
        }
        let inserted: Vec<Inserted> = cached(
            sql_query(
                "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id,
                 client_address, token_id, door)
             SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id AS _id",
            )
            .bind::<Array<sql_types::Timestamp>, _>(entries.iter().map(|entry| entry.created_at).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(texts(entries, |entry| &entry.actor_id))
            .bind::<Array<Text>, _>(texts(entries, |entry| entry.procedure))
            .bind::<Array<Text>, _>(texts(entries, |entry| entry.entity))
            .bind::<Array<Text>, _>(texts(entries, |entry| &entry.entity_id))
            .bind::<Array<Text>, _>(texts(entries, |entry| &entry.detail))
            .bind::<Array<Text>, _>(texts(entries, |entry| &entry.request_id))
            .bind::<Array<Nullable<Text>>, _>(
                entries.iter().map(|entry| entry.client_address.as_deref()).collect::<Vec<_>>(),
            )
            .bind::<Array<Nullable<BigInt>>, _>(entries.iter().map(|entry| entry.token_id).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(texts(entries, |entry| entry.door.as_str())),
        )
        .load(pg)?;
        Ok(inserted.iter().map(|_| ()).collect())
    }
}

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = BigInt)]
    _id: i64,
}

/// Filters on the log; all that are set must match.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// By this actor.
    pub actor_id: Option<String>,
    /// Through this procedure.
    pub procedure: Option<String>,
    /// To this kind of thing.
    pub entity: Option<String>,
    /// To the thing with this id.
    pub entity_id: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an entry matches, as [`list`] decides it.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let matches = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        matches(&self.actor_id, &entry.actor_id)
            && matches(&self.procedure, &entry.procedure)
            && matches(&self.entity, &entry.entity)
            && matches(&self.entity_id, &entry.entity_id)
            && self.since.is_none_or(|since| entry.created_at >= since)
            && self.until.is_none_or(|until| entry.created_at < until)
    }
}

type EntryQuery = audit_log::BoxedQuery<'static, MultiBackend>;

/// The first `limit` matching entries after a position, in the order of their times.
///
/// # Errors
/// The database's.
pub fn list(
    conn: &mut DbConnection,
    filter: &AuditFilter,
    order: Order,
    after: Option<&Position<i64>>,
    limit: i64,
) -> QueryResult<Vec<AuditEntry>> {
    let (at, id) = (audit_log::created_at, audit_log::id);
    let mut query = matching(filter).select(AuditEntry::as_select()).limit(limit);
    if let Some(position) = after {
        query = match order {
            Order::Ascending => query.filter(at.ge(position.at)).filter(at.gt(position.at).or(id.gt(position.id))),
            Order::Descending => query.filter(at.le(position.at)).filter(at.lt(position.at).or(id.lt(position.id))),
        };
    }
    match order {
        Order::Ascending => query.order((at, id)).load(conn),
        Order::Descending => query.order((at.desc(), id.desc())).load(conn),
    }
}

/// How many entries match; None where more rows would be read than are counted, because no index has all filters.
///
/// # Errors
/// The database's.
pub fn total(conn: &mut DbConnection, filter: &AuditFilter) -> QueryResult<Option<Total>> {
    let AuditFilter { actor_id, procedure, entity, entity_id, .. } = filter;
    let rows = matching(filter).select(audit_log::id).limit(COUNTED + 1);
    let by_time = (audit_log::created_at.desc(), audit_log::id.desc());
    let rows = match (actor_id, procedure, entity, entity_id) {
        (None, None, None, Some(_)) if filter.since.is_none() && filter.until.is_none() => {
            rows.order((audit_log::entity, audit_log::created_at, audit_log::id))
        }
        (None, None, Some(_), _) | (Some(_), None, None, None) | (None, _, None, None) => rows.order(by_time),
        _ => return Ok(None),
    };
    counted(rows).get_result(conn).map(|counted| Some(Total::bounded(counted)))
}

fn matching(filter: &AuditFilter) -> EntryQuery {
    let mut query = audit_log::table.into_boxed();
    if let Some(actor_id) = &filter.actor_id {
        query = query.filter(audit_log::actor_id.eq(actor_id.clone()));
    }
    if let Some(procedure) = &filter.procedure {
        query = query.filter(audit_log::procedure.eq(procedure.clone()));
    }
    if let Some(entity) = &filter.entity {
        query = query.filter(audit_log::entity.eq(entity.clone()));
    }
    if let Some(entity_id) = &filter.entity_id {
        query = query.filter(audit_log::entity_id.eq(entity_id.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit_log::created_at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_log::created_at.lt(until));
    }
    query
}

impl Listed for AuditEntry {
    type Id = i64;

    fn position(&self) -> Position<i64> {
        Position { at: self.created_at, id: self.id }
    }
}
