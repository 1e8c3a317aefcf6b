//! What docs/ARCHITECTURE.md takes for granted of Diesel and the two databases.

use std::thread;

use clusterdesk::{
    db::{DbConnection, Timestamp, constraint::Constraint, dialect, transaction},
    error::{Error, Result},
    models::{
        api_token::{NewApiToken, Scope},
        user::{self, NewUser, Role, User},
    },
    rpc::{Access, Audited, Call, NoInput, Router},
};
use diesel::{RunQueryDsl, sql_query};
use serde_json::{Value, json};

use crate::support::{Builder, Sql, TestDatabase, both_databases};

fn provision(conn: &mut DbConnection, id: &str, role: Role) -> Option<User> {
    let new = NewUser { id: id.to_owned(), name: None, email: None, image: None, role };
    user::provision(conn, &new, Timestamp::now()).unwrap()
}

/// Does half of its work, and fails.
fn half(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.caller()?.set_name(call.conn, "half", call.now)?;
    Err(Error::PreconditionFailed("halfway".to_owned()))
}

both_databases! {
    async fn a_query_of_a_model_applies_its_base_query(database: TestDatabase) {
        let mut conn = database.connect();
        let ann = provision(&mut conn, "ann", Role::User).unwrap();
        assert_eq!(ann.soft_delete(&mut conn, Timestamp::now()), Ok(true));
        assert!(User::find(&mut conn, "ann").unwrap().is_none());
        assert_eq!(conn.number("SELECT count(*) FROM users"), 1);
    }

    async fn returning_gives_the_id_that_the_database_chose(database: TestDatabase) {
        let mut conn = database.connect();
        provision(&mut conn, "ann", Role::User);
        for number in 1..=3 {
            let hash = format!("{number:064}");
            let (now, name) = (Timestamp::now(), "a token");
            let token = NewApiToken {
                user_id: "ann", name, hash: &hash, scope: Scope::Read, created_at: now, expires_at: None,
            };
            let id = token.insert(&mut conn).unwrap();
            assert_eq!(conn.number(&format!("SELECT id FROM api_tokens WHERE hash = '{hash}'")), id);
        }
    }

    async fn an_enum_is_text_in_the_database_and_an_enum_again_when_read(database: TestDatabase) {
        let mut conn = database.connect();
        provision(&mut conn, "ann", Role::Admin);
        assert_eq!(conn.texts("SELECT role FROM users"), ["ADMIN"]);
        assert_eq!(User::find(&mut conn, "ann").unwrap().unwrap().role, Role::Admin);
    }

    async fn writers_that_read_first_wait_for_each_other_and_lose_nothing(database: TestDatabase) {
        database.connect().run("CREATE TABLE counter (n BIGINT NOT NULL); INSERT INTO counter VALUES (0)");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut conn = database.connect();
                    for _ in 0..10 {
                        let written = transaction::write(&mut conn, |conn| {
                            dialect::lock_until_commit(conn, 7)?;
                            let seen = conn.number("SELECT n FROM counter");
                            conn.run(&format!("UPDATE counter SET n = {}", seen + 1));
                            Ok(())
                        });
                        written.unwrap();
                    }
                });
            }
        });
        assert_eq!(database.connect().number("SELECT n FROM counter"), 40);
    }

    async fn a_failed_mutation_undoes_only_itself_among_concurrent_ones(builder: Builder) {
        let app = builder.router(Router::new("probe").mutation("half", Access::User, "Does half of it.", half)).start().await;
        // On SQLite they share transactions: 40 users each change their name, half of them and then fail.
        let calls = (0..40).map(|number| {
            let user = app.user(&format!("user_{number}"));
            let method = if number % 2 == 0 { "user.updateName" } else { "probe.half" };
            async move {
                let params = if number % 2 == 0 { json!({"name": "whole"}) } else { Value::Null };
                user.try_call(method, params).await.map_err(|failure| failure.code().to_owned())
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        for (number, answer) in answers.into_iter().enumerate() {
            let failed = Err("PRECONDITION_FAILED".to_owned());
            assert!(answer == if number % 2 == 0 { Ok(json!({"success": true})) } else { failed });
        }
        let mut conn = app.connect();
        for (query, number) in [
            ("SELECT count(*) FROM users WHERE name = 'whole'", 20),
            ("SELECT count(*) FROM users WHERE name = 'half'", 0),
            ("SELECT count(*) FROM audit_log", 20),
        ] {
            assert_eq!(conn.number(query), number, "{query}");
        }
    }

    async fn a_snapshot_sees_no_commit_that_came_in_between(database: TestDatabase) {
        let (mut reader, mut writer) = (database.connect(), database.connect());
        let count = "SELECT count(*) FROM users";
        let seen = transaction::snapshot(&mut reader, |conn| {
            let before = conn.number(count);
            provision(&mut writer, "ann", Role::User);
            Ok((before, conn.number(count)))
        });
        assert_eq!(seen.unwrap(), (0, 0));
        assert_eq!(reader.number(count), 1);
    }

    async fn a_unique_violation_names_the_rule_on_both_databases(database: TestDatabase) {
        let mut conn = database.connect();
        let (users, t) = ("INSERT INTO users (id, email, created_at, updated_at) VALUES", "'2026-01-01', '2026-01-01'");
        let customer = format!("INSERT INTO customers (auth_user_id, created_at, updated_at) VALUES ('ann', {t})");
        let cluster = "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, created_at, updated_at)";
        let cluster = format!("{cluster} VALUES ('a', 'eu', 'ann', {t})");
        conn.run(&format!("{users} ('ann', 'a@x', {t}); {customer}; {cluster}"));
        for (statement, rule) in [
            (format!("{users} ('ann', 'b@x', {t})"), Constraint::UserId),
            (format!("{users} ('bob', 'a@x', {t})"), Constraint::UserEmail),
            (customer, Constraint::CustomerUser),
            (cluster, Constraint::LiveCluster),
        ] {
            let refused = sql_query(&statement).execute(&mut conn).unwrap_err();
            assert_eq!(Constraint::violated(&refused), Some(rule), "{statement}");
        }
        let other = sql_query("UPDATE users SET role = 'KING'").execute(&mut conn).unwrap_err();
        assert_eq!(Constraint::violated(&other), None);
    }
}
