//! `/health/live`: the process runs. `/health/ready`: it can serve requests.

use http::StatusCode;
use procedures::whole;
use serde_json::json;

use super::{
    response::{JSON, Response},
    site::Site,
};

/// `/health/live`: always 200.
pub fn live() -> Response {
    whole(StatusCode::OK, JSON, json!({"status": "ok"}).to_string())
}

impl Site {
    /// `/health/ready`: 200 unless the server is stopping, or the database does not answer, lacks a migration or does not
    /// finish a write.
    pub(super) async fn ready(&self) -> Response {
        match self.unready().await {
            None => whole(StatusCode::OK, JSON, json!({"status": "ready"}).to_string()),
            Some(reason) => {
                let body = json!({"status": "unavailable", "reason": reason});
                whole(StatusCode::SERVICE_UNAVAILABLE, JSON, body.to_string())
            }
        }
    }

    /// Why the server cannot serve requests; None if it can.
    async fn unready(&self) -> Option<&'static str> {
        if *self.kernel.services().draining.borrow() {
            return Some("stopping");
        }
        self.readiness.fault(&self.kernel.services().db).await
    }
}
