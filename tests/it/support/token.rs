//! API tokens, inserted into the database directly.

use clusterdesk::{
    auth::PlainToken,
    db::Timestamp,
    models::api_token::{NewApiToken, Scope},
};

use super::TestApp;

impl TestApp {
    /// Creates a live token of an existing user. Returns the token and its id.
    pub fn api_token(&self, user_id: &str, scope: Scope) -> (String, i64) {
        let token = PlainToken::generate();
        let (hash, created_at) = (token.hash(), Timestamp::now());
        let row = NewApiToken { user_id, name: "test", hash: hash.as_str(), scope, created_at, expires_at: None };
        (token.expose().to_owned(), row.insert(&mut self.connect()).unwrap())
    }

    /// Runs SQL statements that are valid on both databases.
    pub fn sql(&self, statements: &str) {
        use diesel::connection::SimpleConnection;
        self.connect().batch_execute(statements).unwrap();
    }
}
