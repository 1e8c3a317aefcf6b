//! Every procedure once, on a source and on its copy.

use procedures::{Kind, Procedure};
use serde_json::Value;

use super::{copy, target};
use crate::{
    examples::without_volatile_values,
    statements::{clusters, input, populate},
    support::{Backend, Builder, StripeStandIn, TestApp, TestDatabase, catalogue},
};

/// A server with Stripe on a database.
async fn serve(database: TestDatabase) -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    (Builder::with_database(database).with_billing(&stripe).start().await, stripe)
}

/// Whether the answer to a procedure depends on the database alone. What a server finds out about itself does not.
fn is_compared(procedure: &Procedure) -> bool {
    procedure.kind != Kind::Subscription && !["admin.health", "admin.traffic"].contains(&procedure.name)
}

/// Without the end of a token, which is random.
fn without_hints(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.remove("hint");
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn each_procedure_answers_on_a_copy_as_on_its_source() {
    for (from, to) in [(Backend::Sqlite, Backend::Postgres), (Backend::Postgres, Backend::Sqlite)] {
        let registry = catalogue();
        let compared = registry.procedures().filter(|procedure| is_compared(procedure));
        let names: Vec<&'static str> = compared.map(|procedure| procedure.name).collect();
        let source = serve(from.database()).await;
        populate(&source.0, 3, &names);
        if from == Backend::Postgres {
            // The sample gives numbers of its own. A copy goes on after them, as SQLite does by itself.
            source.0.execute("SELECT setval('api_tokens_id_seq', max(id)) FROM api_tokens");
        }
        let database = target(to);
        copy(&source.0.database, &database);
        let copied = serve(database).await;
        let ids = clusters(&source.0);
        assert_eq!(clusters(&copied.0), ids);
        for name in names {
            let (live, deleted) = ids[name];
            let answer = async |(app, stripe): &(TestApp, StripeStandIn)| {
                let answer = app.user(name).call(name, input(name, live, deleted)).await;
                without_hints(without_volatile_values(answer)).to_string().replace(&stripe.url, "stripe")
            };
            assert_eq!(answer(&copied).await, answer(&source).await, "{name}, {from:?} to {to:?}");
        }
    }
}
