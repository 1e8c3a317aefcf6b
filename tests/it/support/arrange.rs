//! Direct access to the database: to set up states that no procedure creates, and to check what none returns.

use std::time::Duration;

use clusterdesk::{
    auth::Grant,
    db::{DbConnection, Timestamp},
    models::{
        api_token::Scope,
        user::{self, NewUser, Role},
    },
};
use diesel::{QueryResult, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types::Text};
use serde_json::{Value, json};

use super::{Client, Failure, TestApp};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl TestApp {
    /// Runs SQL that both databases understand.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub fn try_execute(&self, sql: &str) -> QueryResult<()> {
        self.connect().batch_execute(sql)
    }

    /// The rows of a query that returns one text column named `line`.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        let rows = match &mut self.connect() {
            DbConnection::Sqlite(sqlite) => sql_query(sql).load::<Line>(sqlite),
            DbConnection::Postgres(pg) => sql_query(sql).load::<Line>(pg),
        };
        rows.unwrap_or_else(|error| panic!("{sql}: {error}")).into_iter().map(|row| row.line).collect()
    }

    /// The number of rows in `rows`, a table name with an optional WHERE clause.
    pub fn count(&self, rows: &str) -> i64 {
        self.lines(&format!("SELECT count(*) || '' AS line FROM {rows}"))[0].parse().unwrap()
    }

    /// When a user's row was last changed.
    pub fn user_updated_at(&self, id: &str) -> String {
        self.lines(&format!("SELECT updated_at || '' AS line FROM users WHERE id = '{id}'")).remove(0)
    }

    /// A client of a user whose row exists.
    pub fn member(&self, id: &str) -> Client {
        self.provision(id, Role::User);
        self.user(id)
    }

    /// Creates a user with the name that their tokens give them.
    pub fn provision(&self, id: &str, role: Role) {
        let name = Some(format!("Name of {id}"));
        let new = NewUser { id: id.to_owned(), name, email: None, image: None, role };
        user::provision(&mut self.connect(), &new, Timestamp::now()).unwrap().unwrap();
    }

    /// Creates the user if needed, and a customer on this plan whose period ends at `ends`.
    pub fn customer(&self, user: &str, plan: &str, ends: Timestamp) {
        self.provision(user, Role::User);
        let (now, ends) = (literal(Timestamp::now()), literal(ends));
        self.execute(&format!(
            "DELETE FROM customers WHERE auth_user_id = '{user}';
             INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at)
             VALUES ('{user}', '{plan}', {ends}, {now}, {now})"
        ));
    }

    /// A client of a user with a BUSINESS subscription, who may have a cluster on every plan.
    pub fn rich(&self, id: &str) -> Client {
        self.customer(id, "BUSINESS", hours_ahead(1));
        self.user(id)
    }

    /// A client with an API token of this scope.
    pub fn scripted(&self, user: &str, scope: Scope) -> Client {
        self.provision(user, Role::User);
        let grant = Grant { user_id: user, name: "script", scope, expires_at: None };
        let granted = grant.issue(&mut self.connect(), Timestamp::now()).unwrap();
        self.with_token(granted.token.expose())
    }
}

impl Client {
    /// Creates a cluster and returns its id.
    pub async fn create(&self, name: &str, plan: &str) -> i64 {
        let input = json!({"name": name, "location": "eu", "plan": plan});
        self.call("k8s.create", input).await["id"].as_i64().unwrap()
    }

    /// Creates a cluster, deletes it, and returns its id.
    pub async fn create_deleted(&self, name: &str, plan: &str) -> i64 {
        let id = self.create(name, plan).await;
        self.call("k8s.delete", json!({"id": id})).await;
        id
    }

    /// The audit log, oldest entry first, each as `[actorId, procedure, entity, entityId, detail]`.
    pub async fn audited(&self) -> Vec<Value> {
        let page = self.call("admin.auditLog", json!({"limit": 100})).await;
        assert!(page["nextCursor"].is_null(), "the audit log has more than 100 entries");
        let entry = |item: &Value| {
            json!([item["actorId"], item["procedure"], item["entity"], item["entityId"], item["detail"]])
        };
        page["items"].as_array().unwrap().iter().rev().map(entry).collect()
    }
}

impl Failure {
    /// The error object without its request id, to compare two errors.
    pub fn anonymous(mut self) -> Value {
        let id = self.0["data"].as_object_mut().unwrap().remove("requestId");
        assert!(id.is_some_and(|id| id.is_string()));
        self.0
    }

    pub fn conflicting_id(&self) -> i64 {
        self.0["data"]["conflictingId"].as_i64().unwrap()
    }
}

pub fn hours_ago(hours: u64) -> Timestamp {
    Timestamp::now().minus(Duration::from_secs(hours * 3600))
}

pub fn hours_ahead(hours: u64) -> Timestamp {
    Timestamp::now().plus(Duration::from_secs(hours * 3600))
}

/// A timestamp as an SQL literal, in the format in which the server stores it.
pub fn literal(at: Timestamp) -> String {
    let text = at.to_string().replace('T', " ");
    let text = text.trim_end_matches('Z');
    format!("'{}'", text.strip_suffix(".000").unwrap_or(text))
}

/// Asserts that a value is a timestamp in the format of docs/API.md, "Procedures": `2026-11-22T09:30:00.000Z`.
#[track_caller]
pub fn assert_moment(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not a timestamp"));
    assert_eq!(text.len(), "2026-11-22T09:30:00.000Z".len(), "{text}");
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3fZ").unwrap();
}

/// The value of `member` in every item of a list.
pub fn all<'v>(items: &'v Value, member: &str) -> Vec<&'v Value> {
    items.as_array().unwrap_or_else(|| panic!("{items} is not a list")).iter().map(|item| &item[member]).collect()
}
