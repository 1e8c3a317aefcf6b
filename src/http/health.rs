//! `/health/live`: the process runs. `/health/ready` and, at the old server's address, `/api/health`: it can serve requests.

use http::StatusCode;
use procedures::{milliseconds, whole};
use serde_json::{Value, json};

use super::{
    readiness::Health,
    response::{JSON, Response},
    site::Site,
};

/// `/health/live`: always 200.
pub fn live() -> Response {
    whole(StatusCode::OK, JSON, json!({"status": "ok"}).to_string())
}

fn unavailable(body: Value) -> Response {
    whole(StatusCode::SERVICE_UNAVAILABLE, JSON, body.to_string())
}

impl Site {
    /// `/health/ready`: 200 unless the server is stopping, or the database does not answer, lacks a migration or does not
    /// finish a write.
    pub(super) async fn ready(&self) -> Response {
        if *self.kernel.services().draining.borrow() {
            // The database is not asked any more.
            let database = json!({"status": "unknown", "latency": 0});
            let dependencies = json!({"database": database});
            return unavailable(json!({"status": "unavailable", "reason": "stopping", "dependencies": dependencies}));
        }
        let Health { fault, latency, replica } = self.readiness.of_database(&self.kernel.services().db).await;
        let status = if fault.is_none() { "ready" } else { "unavailable" };
        let database = json!({"status": status, "latency": milliseconds(latency)});
        let dependencies = match replica {
            None => json!({"database": database}),
            Some(replica) => json!({"database": database, "replica": {"status": replica.as_str()}}),
        };
        match fault {
            None => whole(StatusCode::OK, JSON, json!({"status": status, "dependencies": dependencies}).to_string()),
            Some(reason) => unavailable(json!({"status": status, "reason": reason, "dependencies": dependencies})),
        }
    }
}
