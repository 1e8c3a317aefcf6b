//! A database's schema as text, for comparison.

use clusterdesk::db::DbConnection;

use super::{Backend, Sql};

/// One line for each object of the schema, except Diesel's own table.
pub fn schema(conn: &mut DbConnection) -> Vec<String> {
    let query = match conn.backend() {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    let mut objects: Vec<String> =
        conn.texts(query).iter().map(|object| object.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    objects.sort();
    objects
}

const SQLITE: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master
    WHERE name <> 'sqlite_sequence' AND tbl_name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'";

const POSTGRES: &str = "
    SELECT format('column %s %s %s %s %s %s', table_name,
        row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name, data_type, is_nullable,
        column_default)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_diesel%'
    UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '\\_\\_diesel%'
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT format('sequence %s owned by %s.%s', s.relname, t.relname, a.attname)
    FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'a'
    JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE s.relkind = 'S'";
