//! The assumptions about Diesel and the two databases that docs/ARCHITECTURE.md lists.

use std::thread;

use clusterdesk::{
    db::{DbConnection, Timestamp, constraint::Constraint, locks, transaction},
    error::{Error, Result},
    kernel::{Audited, Call, Router},
    models::{
        api_token::{NewApiToken, Scope},
        user::{self, NewUser, Role, User},
    },
};
use diesel::{RunQueryDsl, sql_query};
use procedures::{Access, NoInput};
use serde_json::{Value, json};

use crate::support::{Builder, Sql, TestDatabase, both_databases};

fn provision(conn: &mut DbConnection, id: &str, role: Role) -> Option<User> {
    let new = NewUser { id: id.to_owned(), name: None, email: None, image: None, role };
    user::provision(conn, &new, Timestamp::now()).unwrap()
}

/// Changes the caller's name and fails.
fn half(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.caller()?.set_name(call.conn, "half", call.now)?;
    Err(Error::PreconditionFailed("halfway".to_owned()))
}

both_databases! {
    async fn a_model_query_applies_the_base_query(database: TestDatabase) {
        let mut conn = database.connect();
        let ann = provision(&mut conn, "ann", Role::User).unwrap();
        assert_eq!(ann.soft_delete(&mut conn, Timestamp::now()), Ok(true));
        assert!(User::find(&mut conn, "ann").unwrap().is_none());
        assert_eq!(conn.number("SELECT count(*) FROM users"), 1);
    }

    async fn returning_yields_the_generated_id(database: TestDatabase) {
        let mut conn = database.connect();
        provision(&mut conn, "ann", Role::User);
        for number in 1..=3 {
            let hash = format!("{number:064}");
            let (now, name) = (Timestamp::now(), "a token");
            let token = NewApiToken {
                user_id: "ann", name, hash: &hash, hint: "abc", scope: Scope::Read, created_at: now, expires_at: None,
            };
            let id = token.insert(&mut conn).unwrap();
            assert_eq!(conn.number(&format!("SELECT id FROM api_tokens WHERE hash = '{hash}'")), id);
        }
    }

    async fn an_enum_is_stored_as_text_and_read_back_as_an_enum(database: TestDatabase) {
        let mut conn = database.connect();
        provision(&mut conn, "ann", Role::Admin);
        assert_eq!(conn.texts("SELECT role FROM users"), ["ADMIN"]);
        assert_eq!(User::find(&mut conn, "ann").unwrap().unwrap().role, Role::Admin);
    }

    async fn concurrent_read_modify_write_transactions_lose_no_update(database: TestDatabase) {
        database.connect().run("CREATE TABLE counter (n BIGINT NOT NULL); INSERT INTO counter VALUES (0)");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut conn = database.connect();
                    for _ in 0..10 {
                        let written = transaction::write(&mut conn, |conn| {
                            locks::lock_until_commit(conn, 7)?;
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

    async fn a_failed_mutation_rolls_back_only_itself_among_concurrent_ones(builder: Builder) {
        let app = builder.router(Router::new("probe").mutation("half", Access::User, "Changes the name and fails.", half)).start().await;
        // 40 users change their names, and every second call then fails. On SQLite the calls share transactions.
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

    async fn a_snapshot_does_not_see_later_commits(database: TestDatabase) {
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

    async fn a_unique_violation_is_mapped_to_its_constraint(database: TestDatabase) {
        let mut conn = database.connect();
        let (users, t) = ("INSERT INTO users (id, email, created_at, updated_at) VALUES", "'2026-01-01', '2026-01-01'");
        let customer = format!("INSERT INTO customers (auth_user_id, created_at, updated_at) VALUES ('ann', {t})");
        let cluster = "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, created_at, updated_at)";
        let cluster = format!("{cluster} VALUES ('a', 'eu', 'ann', {t})");
        conn.run(&format!("{users} ('ann', 'a@x', {t}); {customer}; {cluster}"));
        for (statement, constraint) in [
            (format!("{users} ('ann', 'b@x', {t})"), Constraint::UserId),
            (format!("{users} ('bob', 'a@x', {t})"), Constraint::UserEmail),
            (customer, Constraint::CustomerUser),
            (cluster, Constraint::LiveCluster),
        ] {
            let refused = sql_query(&statement).execute(&mut conn).unwrap_err();
            assert_eq!(Constraint::violated(&refused), Some(constraint), "{statement}");
        }
        let other = sql_query("UPDATE users SET role = 'KING'").execute(&mut conn).unwrap_err();
        assert_eq!(Constraint::violated(&other), None);
    }
}
