//! API tokens, made past the server.

use clusterdesk::{
    auth::ApiToken,
    db::Timestamp,
    models::api_token::{NewApiToken, Scope},
};

use super::TestApp;

impl TestApp {
    /// A live token of a user who has a row, and its id.
    pub fn api_token(&self, user_id: &str, scope: Scope) -> (String, i64) {
        let token = ApiToken::generate();
        let (hash, created_at) = (token.hash(), Timestamp::now());
        let row = NewApiToken { user_id, name: "test", hash: hash.as_str(), scope, created_at, expires_at: None };
        (token.expose().to_owned(), row.insert(&mut self.connect()).unwrap())
    }

    /// Runs SQL that both databases understand.
    pub fn sql(&self, statements: &str) {
        use diesel::connection::SimpleConnection;
        self.connect().batch_execute(statements).unwrap();
    }
}
