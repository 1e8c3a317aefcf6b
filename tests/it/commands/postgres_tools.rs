//! The commands for PostgreSQL in docs/DATA.md.

use serde_json::Value;

use crate::support::{Backend, Postgres, Process, SECRET, Sql, TestDatabase, claims, hs256};

/// The shell blocks of the section.
fn blocks() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DATA.md")).unwrap();
    let section = page.split_once("\n## PostgreSQL\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn database(url: String) -> TestDatabase {
    TestDatabase { backend: Backend::Postgres, url, folder: tempfile::tempdir().unwrap() }
}

/// A server on the database answers a user and takes a write.
async fn serves(database: &TestDatabase) {
    assert_eq!(database.connect().number("SELECT count(*) FROM k8s_cluster_configs"), 24);
    let settings = [("DATABASE_URL", database.url.as_str()), ("JWT_SECRET", SECRET)];
    let server = Process::serve(database.folder.path(), &settings);
    let client = server.client(&hs256(&claims("user_sample_000001")));
    assert_eq!(client.call("k8s.list", Value::Null).await[0]["name"], "shop-dev");
    let id = client.call("k8s.list", Value::Null).await[0]["id"].clone();
    client.call("k8s.update", serde_json::json!({"id": id, "name": "restored"})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn the_commands_of_the_page_restore_a_dump_and_a_base_backup() {
    let postgres = Postgres::primary();
    postgres.create("app", "template0");
    postgres.create("restored", "template0");
    let source = database(postgres.url("app"));
    let settings = [("DATABASE_URL", source.url.as_str())];
    for arguments in [&["migrate", "up"][..], &["seed"]] {
        assert!(Process::run(source.folder.path(), arguments, &settings).status.success());
    }
    let restored = postgres.url("restored");
    let variables = [("DATABASE_URL", source.url.as_str()), ("RESTORED_URL", restored.as_str())];
    let blocks = blocks();
    let programs = ["pg_dump", "pg_restore", "pg_basebackup"];
    assert_eq!(blocks.iter().map(|block| block.split(' ').next().unwrap()).collect::<Vec<_>>(), programs);
    for block in &blocks {
        postgres.shell(block, &variables);
    }
    serves(&database(restored)).await;
    let copy = postgres.on_copy();
    serves(&database(copy.url("app"))).await;
}
