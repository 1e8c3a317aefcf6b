//! `admin.webhookEvents` and `admin.replayWebhook`: the events received from Stripe, and a retry for those that failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::page::{ListInput, PageOutput};
use crate::{
    db::Timestamp,
    error::Result,
    kernel::{Audited, Call},
    models::stripe_event::{EventFilter, StripeEvent},
    stripe::inbox::{self, EventOutcome},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(super) struct WebhookEvents {
    #[serde(flatten)]
    list: ListInput,
    /// Whether to list only events that failed and can be replayed; false by default.
    failed: Option<bool>,
}

/// An event received from Stripe.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookEvent {
    /// Stripe's id of the event.
    pub id: String,
    /// The type of the event, such as `customer.subscription.updated`.
    pub r#type: String,
    /// When Stripe created the event, by Stripe's clock.
    pub created_at: Timestamp,
    /// When it first arrived here.
    pub received_at: Timestamp,
    /// When its effect was committed; null if that failed so far.
    pub processed_at: Option<Timestamp>,
    /// How often processing was attempted.
    pub attempts: i32,
    /// Why the last attempt failed; with `processedAt`, why the event was ignored, or that the user pays for two
    /// subscriptions.
    pub error: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ReplayWebhook {
    /// Stripe's id of the event.
    #[schemars(length(min = 1, max = 255))]
    event_id: String,
}

/// The result of a replay.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Replayed {
    /// Whether the event has been processed.
    pub success: bool,
    /// Why the replay failed.
    pub error: Option<String>,
}

/// The handler of `admin.webhookEvents`.
pub(super) fn events(call: &mut Call<'_>, input: WebhookEvents) -> Result<PageOutput<WebhookEvent>> {
    let filter = EventFilter { failed: input.failed.unwrap_or(false) };
    let (list, page) = input.list.of("admin.webhookEvents");
    let page =
        list.page(page, "", |after, limit| Ok(StripeEvent::page(call.conn, &filter, list.order, after, limit)?))?;
    list.total(page, || Ok(Some(StripeEvent::total(call.conn, &filter)?)))
}

/// The handler of `admin.replayWebhook`.
pub(super) fn replay(call: &mut Call<'_>, input: ReplayWebhook) -> Result<Audited<Replayed>> {
    let id = input.event_id;
    let output = match inbox::replay(call.conn, call.stripe, &id, call.request_id, call.now)? {
        EventOutcome::Duplicate => return Ok(Audited::unchanged(Replayed { success: true, error: None })),
        EventOutcome::Processed | EventOutcome::Double(_) | EventOutcome::Ignored(_) => {
            Replayed { success: true, error: None }
        }
        EventOutcome::Failed(why) | EventOutcome::Conflict(why) => Replayed { success: false, error: Some(why) },
    };
    let detail = json!({"success": output.success});
    Ok(Audited::changed(output, "stripe_event", id, detail))
}

impl From<StripeEvent> for WebhookEvent {
    fn from(event: StripeEvent) -> Self {
        Self {
            id: event.id,
            r#type: event.kind,
            created_at: event.created_at,
            received_at: event.received_at,
            processed_at: event.processed_at,
            attempts: event.attempts,
            error: event.error,
        }
    }
}
