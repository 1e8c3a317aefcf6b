//! Compares `schema.rs` with the schemas of both databases, without the Diesel CLI.

use std::{fs, path::Path};

use clusterdesk::db::DbConnection;

use crate::support::{Backend, Sql, TestDatabase, both_databases};

/// `name:type:nullable:position in the primary key` of each column of a table, in order. The types are Diesel's.
fn columns(conn: &mut DbConnection, table: &str) -> Vec<String> {
    let query = match conn.backend() {
        Backend::Sqlite => format!(
            "SELECT name || ':' || CASE
                WHEN type = 'INTEGER' AND pk = 1 THEN 'BigInt' WHEN type = 'INTEGER' THEN 'Integer'
                WHEN type = 'BIGINT' THEN 'BigInt' WHEN type = 'TEXT' THEN 'Text'
                WHEN type = 'BOOLEAN' THEN 'Bool' WHEN type = 'TIMESTAMP' THEN 'Timestamp' ELSE type
            END || ':' || iif(\"notnull\", 'NO', 'YES') || ':' || pk FROM pragma_table_xinfo('{table}') ORDER BY cid"
        ),
        Backend::Postgres => format!(
            "SELECT column_name || ':' || CASE data_type
                WHEN 'bigint' THEN 'BigInt' WHEN 'integer' THEN 'Integer' WHEN 'text' THEN 'Text'
                WHEN 'boolean' THEN 'Bool' WHEN 'timestamp without time zone' THEN 'Timestamp' ELSE data_type
            END || ':' || is_nullable || ':' || coalesce((
                SELECT array_position(conkey, attnum) FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid
                WHERE conrelid = '{table}'::regclass AND contype = 'p' AND attname = column_name
            ), 0)
            FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        ),
    };
    conn.texts(&query)
}

/// `child:parent:column` of every foreign key.
fn references(conn: &mut DbConnection) -> Vec<String> {
    conn.texts(match conn.backend() {
        Backend::Sqlite => {
            "SELECT m.name || ':' || f.\"table\" || ':' || f.\"from\"
            FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' ORDER BY 1"
        }
        Backend::Postgres => {
            "SELECT format('%s:%s:%s', conrelid::regclass, confrelid::regclass, attname)
            FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
            WHERE contype = 'f' ORDER BY 1"
        }
    })
}

/// The file that `diesel print-schema` would write.
fn expected(conn: &mut DbConnection) -> String {
    let mut file = "// @generated automatically by Diesel CLI.\n\n".to_owned();
    let tables = conn.tables();
    for table in &tables {
        let columns = columns(conn, table);
        let columns: Vec<Vec<&str>> = columns.iter().map(|column| column.split(':').collect()).collect();
        let mut key: Vec<_> = columns.iter().filter(|column| column[3] != "0").map(|c| (c[3], c[0])).collect();
        key.sort_unstable();
        let key: Vec<&str> = key.into_iter().map(|(_, name)| name).collect();
        file += &format!("diesel::table! {{\n    {table} ({}) {{\n", key.join(", "));
        for column in &columns {
            let kind = if column[2] == "YES" { format!("Nullable<{}>", column[1]) } else { column[1].to_owned() };
            file += &format!("        {} -> {kind},\n", column[0]);
        }
        file += "    }\n}\n\n";
    }
    for reference in references(conn) {
        let [child, parent, column] = reference.split(':').collect::<Vec<_>>()[..] else { panic!("{reference}") };
        file += &format!("diesel::joinable!({child} -> {parent} ({column}));\n");
    }
    file += "\ndiesel::allow_tables_to_appear_in_same_query!(\n";
    tables.iter().for_each(|table| file += &format!("    {table},\n"));
    file + ");\n"
}

both_databases! {
    async fn the_schema_file_matches_the_migrated_database(database: TestDatabase) {
        let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.rs")).unwrap();
        assert_eq!(
            file,
            expected(&mut database.connect()),
            "\nschema.rs differs from the migrated database. Regenerate it with:\n    cargo run -- migrate up --database-url \
             sqlite:/tmp/schema.db && diesel print-schema --database-url /tmp/schema.db > schema.rs\n"
        );
    }
}
