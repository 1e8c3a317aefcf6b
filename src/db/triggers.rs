//! Doing without triggers for a while.

use diesel::{
    QueryableByName, RunQueryDsl, connection::SimpleConnection, result::Error as DieselError, sql_query,
    sql_types::Text,
};

use super::{connection::DbConnection, dialect};

const SQLITE: &str = "SELECT name, sql AS source, tbl_name AS on_table FROM sqlite_master WHERE type = 'trigger'";
const POSTGRES: &str =
    "SELECT tgname::text AS name, '' AS source, relname::text AS on_table FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND tgenabled = 'O' AND relnamespace = current_schema()::regnamespace";

/// A trigger.
#[derive(Debug, QueryableByName)]
pub struct Trigger {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// What creates it; only on SQLite.
    #[diesel(sql_type = Text)]
    source: String,
    /// Its table.
    #[diesel(sql_type = Text)]
    pub on_table: String,
}

/// Runs `work` in the open transaction without the triggers for which `is_off` holds.
///
/// # Errors
/// Those of `work` and of the database.
pub fn without<T, E: From<DieselError>>(
    conn: &mut DbConnection,
    is_off: impl Fn(&Trigger) -> bool,
    work: impl FnOnce(&mut DbConnection) -> Result<T, E>,
) -> Result<T, E> {
    let is_postgres = dialect::postgres(conn).is_some();
    let triggers: Vec<Trigger> = sql_query(if is_postgres { POSTGRES } else { SQLITE }).load(conn)?;
    let (mut off, mut on) = (String::new(), String::new());
    for trigger in triggers.iter().filter(|trigger| is_off(trigger)) {
        let Trigger { name, source, on_table } = trigger;
        if is_postgres {
            off += &format!("ALTER TABLE \"{on_table}\" DISABLE TRIGGER \"{name}\";");
            on += &format!("ALTER TABLE \"{on_table}\" ENABLE TRIGGER \"{name}\";");
        } else {
            off += &format!("DROP TRIGGER \"{name}\";");
            on += &format!("{source};");
        }
    }
    conn.batch_execute(&off)?;
    let done = work(conn)?;
    conn.batch_execute(&on)?;
    Ok(done)
}
