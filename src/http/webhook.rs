//! `POST /webhooks/stripe`: receives an event from Stripe. Its signature authenticates it; token, origin and rate limit
//! do not apply. 200 means that the effect of the event is committed, or that the event is stored and Stripe need not
//! send it again; after any other status it does.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use procedures::{Result, whole};
use serde_json::json;

use super::{
    body,
    refusal::{self, Wire, visible},
    response::{JSON, Response},
    site::{ClientConnection, Site},
};
use crate::{
    db::{DbConnection, Timestamp},
    error::Error,
    stripe::inbox::{EventOutcome, receive},
};

/// The paths of the webhook. The second is that of the old server.
pub const PATHS: [&str; 2] = ["/webhooks/stripe", "/api/webhooks/stripe"];

impl Site {
    /// Answers one request to the webhook.
    pub(super) async fn webhook(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Response {
        if request.method() != Method::POST {
            return refusal::wrong_method(Wire::JsonRpc, "POST", "Stripe sends its events by POST.", request_id);
        }
        let outcome = self.receive(request, connection, request_id).await;
        let label = match &outcome {
            Ok(outcome) => outcome.as_str(),
            Err(error) => error.code.as_str(),
        };
        self.kernel.services().metrics.stripe_event(label);
        match outcome {
            Ok(EventOutcome::Failed(why)) => {
                let error = Error::Internal(anyhow::anyhow!("a Stripe event failed and is kept for a replay: {why}"));
                refusal::refuse(Wire::JsonRpc, &visible(error, request_id), request_id)
            }
            Ok(_) => whole(StatusCode::OK, JSON, json!({"received": true}).to_string()),
            Err(error) => refusal::refuse(Wire::JsonRpc, &error, request_id),
        }
    }

    async fn receive(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Result<EventOutcome> {
        let (head, incoming) = request.into_parts();
        let share = self.pages.share(true);
        let payload = body::read(incoming, &head.headers, &self.limits, connection, &share).await?;
        let (services, now) = (self.kernel.services(), Timestamp::now());
        let seconds = now.seconds();
        let event = services.stripe.event(&payload, signature(&head.headers), seconds);
        let event = Arc::new(event.map_err(|error| visible(error, request_id))?);
        let (kernel, id) = (Arc::clone(&self.kernel), request_id.to_owned());
        let deadline = Instant::now() + self.limits.call_timeout;
        let job = move |conn: &mut DbConnection| receive(conn, &kernel.services().stripe, &event, &id, now);
        let received = services.db.write(deadline, job).await;
        received.map_err(|error| visible(error, request_id))
    }
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get("stripe-signature").and_then(|value| value.to_str().ok())
}
