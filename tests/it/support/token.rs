//! API tokens, inserted into the database directly.

use clusterdesk::{
    auth::{Grant, Granted},
    db::Timestamp,
    models::api_token::Scope,
};

use super::TestApp;

impl TestApp {
    /// Creates a live token of an existing user. Returns the token and its id.
    pub fn api_token(&self, user_id: &str, scope: Scope) -> (String, i64) {
        let grant = Grant { user_id, name: "test", scope, expires_at: None };
        let Granted { id, token, .. } = grant.issue(&mut self.connect(), Timestamp::now()).unwrap();
        (token.expose().to_owned(), id)
    }

    /// Runs SQL statements that are valid on both databases.
    pub fn sql(&self, statements: &str) {
        use diesel::connection::SimpleConnection;
        self.connect().batch_execute(statements).unwrap();
    }
}
