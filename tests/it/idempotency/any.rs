//! Every mutation of the server, with a key and without one.

use clusterdesk::models::user::Role;
use procedures::Kind;
use serde_json::Value;

use super::{call, cluster, code};
use crate::{
    statements::{clusters, counted, input, populate},
    support::{Backend, Builder, Sql, StripeStandIn, TestApp, both_databases, catalogue},
};

const ASK_STRIPE: [&str; 2] = ["admin.reconcileUser", "stripe.createSession"];

/// A server with a caller for each mutation, and the names of these.
async fn populated(builder: Builder, stripe: &StripeStandIn) -> (TestApp, Vec<&'static str>) {
    let app = builder.with_billing(stripe).start().await;
    let registry = catalogue();
    let mutations = registry.procedures().filter(|procedure| procedure.kind == Kind::Mutation);
    let names: Vec<&'static str> = mutations.map(|procedure| procedure.name).collect();
    assert!(names.len() > 18, "{names:?}");
    populate(&app, 2, &names);
    (app, names)
}

both_databases! {
    async fn each_mutation_is_made_once_and_answered_again(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let (app, names) = populated(builder, &stripe).await;
        let clusters = clusters(&app);
        for name in names {
            let (live, deleted) = clusters[name];
            let (user, input) = (app.user(name), input(name, live, deleted));
            let (mut first, replayed) = call(&user, "a", name, &input).await;
            assert!(first.get("result").is_some() && !replayed, "{name}: {first}");
            // What is shown once is not stored.
            if let Some(token) = first.pointer_mut("/result/token") {
                *token = Value::Null;
            }
            let (audited, asked) = (app.count("audit_log"), stripe.requests().len());
            let (second, replayed) = call(&user, "a", name, &input).await;
            match name {
                // Who has deleted their account can't ask again.
                "user.delete" | "user.softDelete" => assert_eq!(code(&second), "UNAUTHORIZED", "{name}"),
                _ => assert_eq!((second, replayed), (first, true), "{name}"),
            }
            assert_eq!((app.count("audit_log"), stripe.requests().len()), (audited, asked), "{name}");
        }
    }

    async fn an_answer_that_is_not_stored_takes_its_change_with_it(app: TestApp) {
        app.provision("user_1", Role::User);
        let user = app.user("user_1");
        app.connect().run(match app.backend() {
            Backend::Sqlite =>
                "CREATE TRIGGER refuse BEFORE INSERT ON stored_answers BEGIN SELECT RAISE(ABORT, 'no answers'); END",
            Backend::Postgres =>
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no answers'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON stored_answers FOR EACH ROW EXECUTE FUNCTION refuse()",
        });
        let (refused, _) = call(&user, "a", "k8s.create", &cluster("web")).await;
        assert!(refused.get("error").is_some(), "{refused}");
        assert_eq!((app.count("k8s_cluster_configs"), app.count("audit_log")), (0, 0));
        app.connect().run(match app.backend() {
            Backend::Sqlite => "DROP TRIGGER refuse",
            Backend::Postgres => "DROP TRIGGER refuse ON stored_answers",
        });
        let (created, replayed) = call(&user, "a", "k8s.create", &cluster("web")).await;
        assert!(created["result"]["success"] == true && !replayed, "{created}");
    }

    async fn a_mutation_without_a_key_runs_as_many_statements_as_ever(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let column = usize::from(builder.database.backend == Backend::Postgres);
        let (app, names) = populated(builder, &stripe).await;
        let clusters = clusters(&app);
        let mut found = Vec::new();
        for name in names.into_iter().filter(|name| !ASK_STRIPE.contains(name)) {
            let (live, deleted) = clusters[name];
            app.user(name).call(name, input(name, live, deleted)).await;
            found.push((name, counted(&app, name).await));
        }
        let expected: Vec<(&str, u64)> = STATEMENTS.iter().map(|(name, counts)| (*name, counts[column])).collect();
        assert_eq!(found, expected);
        assert_eq!(app.count("stored_answers"), 0);
    }
}

/// The statements of each mutation on SQLite and on PostgreSQL, without those that go on while Stripe is asked.
const STATEMENTS: [(&str, [u64; 2]); 18] = [
    ("k8s.create", [6, 4]),
    ("k8s.update", [3, 3]),
    ("k8s.delete", [3, 3]),
    ("k8s.restore", [7, 8]),
    ("k8s.setStatus", [4, 6]),
    ("customer.create", [5, 6]),
    ("user.updateName", [3, 3]),
    ("user.delete", [14, 16]),
    ("user.softDelete", [10, 12]),
    ("token.create", [6, 7]),
    ("token.revoke", [4, 5]),
    ("token.rotate", [7, 8]),
    ("session.revoke", [3, 4]),
    ("session.revokeAll", [4, 5]),
    ("admin.setRole", [4, 6]),
    ("admin.deleteCluster", [5, 7]),
    ("admin.restoreCluster", [8, 10]),
    ("admin.replayWebhook", [7, 9]),
];
