//! `/health/live`: the process runs. `/health/ready`: send it traffic.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use super::{
    Edge,
    response::{JSON, Response, text},
};
use crate::db::migrations;

/// A probe wants its answer now.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn live() -> Response {
    text(StatusCode::OK, JSON, json!({"status": "ok"}).to_string())
}

impl Edge {
    /// Ready when not stopping, and the database answers and has every migration.
    pub(super) async fn ready(&self) -> Response {
        match self.obstacle().await {
            None => text(StatusCode::OK, JSON, json!({"status": "ready"}).to_string()),
            Some(reason) => {
                let body = json!({"status": "unavailable", "reason": reason});
                text(StatusCode::SERVICE_UNAVAILABLE, JSON, body.to_string())
            }
        }
    }

    async fn obstacle(&self) -> Option<&'static str> {
        if *self.draining.borrow() {
            return Some("stopping");
        }
        let deadline = Instant::now() + PATIENCE;
        let current = self.kernel().db().read(deadline, |conn| Ok(migrations::is_current(conn)?));
        match tokio::time::timeout_at(deadline.into(), current).await {
            Ok(Ok(true)) => None,
            Ok(Ok(false)) => Some("the database is not migrated to this version"),
            Ok(Err(_)) | Err(_) => Some("the database does not answer"),
        }
    }
}
