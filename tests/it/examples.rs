//! The examples of the OpenRPC document, each called against the example fixture.

use clusterdesk::db::Timestamp;
use procedures::{Access, Kind, Procedure};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Builder, Client, Socket, StripeStandIn, TestApp, TestDatabase, both_databases, catalogue, document, hours_ago,
    hours_ahead, literal,
};

/// Inserts the example fixture that `routers::example` describes.
fn populate(app: &TestApp) {
    let (at, recently, end) = (literal(hours_ago(100)), literal(hours_ago(1)), literal(hours_ahead(1000)));
    let cluster = "INSERT INTO k8s_cluster_configs
        (name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at) VALUES";
    app.execute(&format!(
        "INSERT INTO users (id, name, email, role, created_at, updated_at) VALUES
             ('user_ada', 'Ada', 'ada@example.com', 'USER', {at}, {at}),
             ('user_grace', 'Grace', 'grace@example.com', 'ADMIN', {at}, {at}),
             ('user_linus', NULL, NULL, 'USER', {at}, {at});
         INSERT INTO customers (auth_user_id, name, plan, stripe_customer_id, stripe_subscription_id, stripe_price_id,
             stripe_current_period_end, created_at, updated_at)
         VALUES ('user_ada', 'Analytical Engines', 'PRO', 'cus_ada', 'sub_ada', 'price_pro_monthly', {end}, {at}, {at});
         {cluster} ('production', 'eu-central', 'user_ada', 'FREE', 'Default', 'INITING', {at}, {at}, NULL);
         {cluster} ('staging', 'us-east', 'user_ada', 'PRO', 'Default', 'DELETED', {at}, {at}, {at});
         UPDATE k8s_cluster_configs SET status = 'RUNNING', has_run = TRUE WHERE name = 'production';
         INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id, client_address,
                 door) VALUES
             ({recently}, 'user_ada', 'k8s.delete', 'cluster', '2', '{{\"owner\": \"user_ada\"}}', '{}',
              '203.0.113.7', 'jsonrpc');
         INSERT INTO sign_up_days (day, shard, users) VALUES ('2026-01-01 00:00:00', 0, 2);
         INSERT INTO api_tokens (user_id, name, hash, hint, scope, created_at, last_used_at, last_used_address)
         VALUES ('user_ada', 'deploy', '{:064}', 'GjS', 'write', {at}, {at}, '203.0.113.7');
         INSERT INTO sessions (user_id, hash, created_at, expires_at, last_used_at, last_used_address)
         VALUES ('user_ada', '{:064}', {recently}, {end}, {recently}, '203.0.113.7');
         INSERT INTO stripe_events (id, kind, created_at, received_at, attempts, error, payload) VALUES
             ('evt_ada', 'invoice.payment_failed', {recently}, {recently}, 1, 'The database was unavailable.',
              '{{\"id\": \"evt_ada\", \"type\": \"invoice.payment_failed\", \"created\": 1, \"data\": {{\"object\": {{}}}}}}')",
        Uuid::new_v4(),
        0,
        0
    ));
}

/// The caller of a procedure's example. Ada has a customer and a paid subscription, so Linus makes the calls that these
/// would block.
fn caller(app: &TestApp, procedure: &Procedure) -> Client {
    match (procedure.access, procedure.name) {
        (Access::Public, _) => app.anonymous(),
        (Access::Service | Access::Admin, _) => app.user("user_grace"),
        (Access::User, "customer.create" | "user.delete" | "user.softDelete") => app.user("user_linus"),
        (Access::User, _) => app.user("user_ada"),
    }
}

/// The value with timestamps and request ids, which differ from run to run, replaced by constants.
pub fn without_volatile_values(value: Value) -> Value {
    match value {
        Value::String(text) if serde_json::from_value::<Timestamp>(json!(text)).is_ok() => json!("a timestamp"),
        Value::String(text) if Uuid::parse_str(&text).is_ok() => json!("a request id"),
        Value::Array(items) => items.into_iter().map(without_volatile_values).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key.clone(), without_volatile_field(&key, value))).collect()
        }
        other => other,
    }
}

/// `stripeCurrentPeriodEnd` is a timestamp in milliseconds where the old frontend expects a number. `confirmToken` is a digest of
/// timestamps, too.
fn without_volatile_field(key: &str, value: Value) -> Value {
    match key {
        "stripeCurrentPeriodEnd" if value.is_i64() => json!("a timestamp"),
        "token" if value.as_str().is_some_and(|token| token.starts_with("cdk_")) => json!("an API token"),
        "confirmToken" if value.as_str().is_some_and(|token| token.len() == 43) => json!("a token"),
        _ => without_volatile_values(value),
    }
}

/// The result of a call, or the first event of a subscription.
async fn answer(caller: &Client, procedure: &Procedure, input: &Value) -> Value {
    if procedure.kind != Kind::Subscription {
        return caller.call(procedure.name, input.clone()).await;
    }
    let mut socket = Socket::open(caller).await;
    let started = socket.call(procedure.name, input.clone()).await;
    assert!(started["result"].is_string(), "{started}");
    socket.receive().await.unwrap()["params"]["result"].take()
}

#[test]
fn every_procedure_has_an_example_that_matches_its_schemas() {
    let (registry, document) = (catalogue(), document());
    for procedure in registry.procedures() {
        assert!(!procedure.examples.is_empty(), "{} has no example", procedure.name);
        let method = document.method(procedure.name);
        let schema = method.get("x-event").unwrap_or(&method["result"]).get("schema").unwrap();
        for (example, pairing) in procedure.examples.iter().zip(method["examples"].as_array().unwrap()) {
            for param in pairing["params"].as_array().unwrap() {
                let name = param["name"].as_str().unwrap();
                let schema = &document.parameter(procedure.name, name)["schema"];
                assert_eq!(
                    document.issues(schema, &param["value"]),
                    Vec::<String>::new(),
                    "{name} of {}",
                    procedure.name
                );
            }
            let Some(output) = &example.output else {
                assert_eq!(procedure.name, "rpc.discover", "only rpc.discover may have an example without a result");
                continue;
            };
            assert_eq!(document.issues(schema, output), Vec::<String>::new(), "{}", procedure.name);
        }
    }
}

both_databases! {
    async fn every_example_returns_its_documented_result(database: TestDatabase) {
        let (registry, document) = (catalogue(), document());
        let stripe = StripeStandIn::start().await;
        for procedure in registry.procedures() {
            for example in &procedure.examples {
                // Each example gets a fresh database, so that examples do not affect each other.
                let app = Builder::new(database.backend).with_billing(&stripe).start().await;
                populate(&app);
                let answer = answer(&caller(&app, procedure), procedure, &example.input).await;
                if procedure.name == "admin.health" {
                    // What it tells depends on the machine.
                    let schema = &document.method(procedure.name)["result"]["schema"];
                    assert_eq!(document.issues(schema, &answer), Vec::<String>::new());
                    continue;
                }
                let expected = example.output.clone().unwrap_or_else(|| Value::clone(&document));
                assert_eq!(without_volatile_values(answer), without_volatile_values(expected), "{}", procedure.name);
            }
        }
    }
}
