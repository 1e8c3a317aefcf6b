//! The triggers of the target of a copy.

use anyhow::{Result, bail};
use diesel::connection::SimpleConnection;

use super::{catalog::Table, text_row::texts};
use crate::db::{connection::DbConnection, dialect};

/// Triggers, except those that count: they would write events and refuse what is in order.
const SQLITE_TRIGGERS: &str = "SELECT name, sql, tbl_name FROM sqlite_master
    WHERE type = 'trigger' AND name NOT LIKE '%\\_count' ESCAPE '\\' AND name NOT LIKE '%\\_count\\_%' ESCAPE '\\'";
const POSTGRES_TRIGGERS: &str =
    "SELECT tgname::text, '', relname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND tgenabled = 'O' AND relnamespace = current_schema()::regnamespace
        AND tgname NOT LIKE '%\\_count' AND tgname NOT LIKE '%\\_count\\_%'";

/// Runs `work` in the open transaction without the triggers of these tables that write events. Those that count stay on.
///
/// # Errors
/// Those of `work` and of the database.
pub(super) fn with_triggers_off<T>(
    target: &mut DbConnection,
    tables: &[(Table, Table)],
    work: impl FnOnce(&mut DbConnection) -> Result<T>,
) -> Result<T> {
    let is_postgres = dialect::postgres(target).is_some();
    let (mut off, mut on) = (String::new(), String::new());
    for row in texts(target, if is_postgres { POSTGRES_TRIGGERS } else { SQLITE_TRIGGERS })? {
        let [Some(name), Some(sql), Some(table)] = row.0.as_slice() else { bail!("a trigger could not be read") };
        if !tables.iter().any(|(_, copied)| copied.name == *table) {
            continue;
        }
        if is_postgres {
            off += &format!("ALTER TABLE \"{table}\" DISABLE TRIGGER \"{name}\";");
            on += &format!("ALTER TABLE \"{table}\" ENABLE TRIGGER \"{name}\";");
        } else {
            off += &format!("DROP TRIGGER \"{name}\";");
            on += &format!("{sql};");
        }
    }
    target.batch_execute(&off)?;
    let done = work(target)?;
    target.batch_execute(&on)?;
    Ok(done)
}
