//! `POST /webhooks/stripe`: Stripe tells us something. It is believed by its signature alone: there is no token, no origin,
//! and no rate limit. 200 means that the effect is committed; anything else, that Stripe should try again.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    Edge, body,
    refusal::{self, Wire},
    response::{JSON, Response, text},
};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    stripe::inbox::{EventOutcome, receive},
};

pub const PATH: &str = "/webhooks/stripe";

impl Edge {
    pub(super) async fn webhook(&self, request: Request<Incoming>, request_id: &str) -> Response {
        if request.method() != Method::POST {
            return refusal::wrong_method(Wire::JsonRpc, "POST", "Stripe posts its events.", request_id);
        }
        let outcome = self.receive(request, request_id).await;
        let label = match &outcome {
            Ok(EventOutcome::Processed) => "processed",
            Ok(EventOutcome::Duplicate) => "duplicate",
            Ok(EventOutcome::Failed(_)) => "failed",
            Err(error) => error.code().as_str(),
        };
        self.kernel().metrics().stripe_event(label);
        match outcome {
            Ok(EventOutcome::Processed | EventOutcome::Duplicate) => {
                text(StatusCode::OK, JSON, json!({"received": true}).to_string())
            }
            Ok(EventOutcome::Failed(why)) => {
                let error = Error::Internal(anyhow::anyhow!("an event of Stripe's is kept for another try: {why}"));
                refusal::refuse(Wire::JsonRpc, &error, request_id)
            }
            Err(error) => refusal::refuse(Wire::JsonRpc, &error, request_id),
        }
    }

    async fn receive(&self, request: Request<Incoming>, request_id: &str) -> Result<EventOutcome> {
        let (head, incoming) = request.into_parts();
        let payload = body::read(incoming, &head.headers, &self.limits).await?;
        let now = Timestamp::now();
        let seconds = now.millis().div_euclid(1000);
        let event = Arc::new(self.kernel().stripe().event(&payload, signature(&head.headers), seconds)?);
        let (prices, request_id) = (self.kernel().stripe().prices().clone(), request_id.to_owned());
        let deadline = Instant::now() + self.limits.call_timeout;
        self.kernel().db().write(deadline, move |conn| receive(conn, &prices, &event, &request_id, now)).await
    }
}

fn signature(headers: &HeaderMap) -> Option<&str> {
    headers.get("stripe-signature").and_then(|value| value.to_str().ok())
}
