//! `/health/live`: the process runs. `/health/ready`: it can serve requests.

use std::time::{Duration, Instant};

use http::StatusCode;
use procedures::whole;
use serde_json::json;

use super::{
    response::{JSON, Response},
    site::Site,
};
use crate::db::migrations;

/// How long a readiness probe waits for the database.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// `/health/live`: always 200.
pub fn live() -> Response {
    whole(StatusCode::OK, JSON, json!({"status": "ok"}).to_string())
}

impl Site {
    /// `/health/ready`: 200 unless the server is stopping, the database does not answer or a migration is missing.
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
        let deadline = Instant::now() + DATABASE_TIMEOUT;
        let current = self.kernel.services().db.read(deadline, |conn| Ok(migrations::is_current(conn)?));
        match tokio::time::timeout_at(deadline.into(), current).await {
            Ok(Ok(true)) => None,
            Ok(Ok(false)) => Some("the database is not migrated to this version"),
            Ok(Err(_)) | Err(_) => Some("the database does not answer"),
        }
    }
}
