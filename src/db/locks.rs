//! Locks on PostgreSQL. SQLite has one writer and needs none.

use diesel::{
    PgConnection, QueryResult, QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    sql_query,
    sql_types::{Array, Integer, Text},
};

use super::{cached::cached, connection::DbConnection, dialect};

/// Advisory lock that serialises start-up: migrations and the creation of the first admin.
pub const START_UP: i64 = 0x0c1d_0001;
/// Advisory lock that serialises whatever might remove the last admin.
pub const ADMINS: i64 = 0x0c1d_0002;
/// Advisory lock that the triggers of cluster and audit events take at commit, so that event ids become visible in
/// order. The migrations spell it as a decimal number.
pub const EVENTS: i64 = 0x0c1d_0003;
/// Advisory lock that serialises Stripe events across all servers.
pub const STRIPE: i64 = 0x0c1d_0004;

/// Advisory lock that serialises the removal of old data across all servers.
pub const PURGE: i64 = 0x0c1d_0010;

/// Advisory lock that serialises the sealing of audit entries across all servers.
pub const TRAIL: i64 = 0x0c1d_0011;

/// Advisory lock that serialises what the servers themselves change of the numbers of clusters over time.
pub const SERIES: i64 = 0x0c1d_0012;

/// Locks a user's row until the transaction ends. This serialises the mutations by and on one user. SQLite has only
/// one writer and needs no lock.
///
/// # Errors
/// The database's.
pub fn lock_user(connection: &mut DbConnection, id: &str) -> QueryResult<()> {
    let Some(pg) = dialect::postgres(connection) else { return Ok(()) };
    let lock = sql::<Integer>("SELECT 1 FROM users WHERE id = ").bind::<Text, _>(id).sql(" FOR NO KEY UPDATE");
    cached(lock).load::<i32>(pg).map(drop)
}

/// Locks the rows of those users that nobody else has locked, in the order of their ids, until the transaction ends. Returns
/// their ids.
///
/// # Errors
/// The database's.
pub fn lock_users(connection: &mut PgConnection, ids: &[&str]) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Text)]
        id: String,
    }
    let lock = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";
    let locked: Vec<Locked> = cached(sql_query(lock).bind::<Array<Text>, _>(ids)).load(connection)?;
    Ok(locked.into_iter().map(|row| row.id).collect())
}

/// Takes an advisory lock, such as [`START_UP`], until the transaction ends. SQLite has only one writer and needs no
/// lock.
///
/// # Errors
/// The database's.
pub fn lock_until_commit(connection: &mut DbConnection, key: i64) -> QueryResult<()> {
    let Some(pg) = dialect::postgres(connection) else { return Ok(()) };
    pg.batch_execute(&format!("SELECT pg_advisory_xact_lock({key})"))
}

/// What a SELECT ends with that takes only rows that no other transaction is changing, and keeps others from changing them.
pub fn of_free_rows(connection: &mut DbConnection) -> &'static str {
    if dialect::postgres(connection).is_some() { " FOR UPDATE SKIP LOCKED" } else { "" }
}

/// Lets nobody else write to these tables until the transaction ends; reads go on. Two callers that name the tables in one
/// order can't deadlock. SQLite has only one writer and needs no lock.
///
/// # Errors
/// The database's.
pub fn exclude_writers(connection: &mut DbConnection, tables: &[impl AsRef<str>]) -> QueryResult<()> {
    let Some(pg) = dialect::postgres(connection) else { return Ok(()) };
    let tables: Vec<&str> = tables.iter().map(AsRef::as_ref).collect();
    pg.batch_execute(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn migrations_take_only_the_advisory_lock_for_events() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
        let mut found = 0;
        for migration in fs::read_dir(folder).unwrap() {
            let sql = fs::read_to_string(migration.unwrap().path().join("up.sql")).unwrap();
            for call in sql.split("pg_advisory").skip(1) {
                assert!(call.starts_with(&format!("_xact_lock({EVENTS});")), "pg_advisory{call:.30}");
                found += 1;
            }
        }
        assert!(found > 0);
    }
}
