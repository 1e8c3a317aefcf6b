//! `admin.webhookEvents` and `admin.replayWebhook`: what Stripe has told us, and another try at what failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::page::{PageInput, PageOutput, page};
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
    page: PageInput,
    /// Only those that wait for another try.
    failed: Option<bool>,
}

/// An event that Stripe has sent.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookEvent {
    pub id: String,
    /// Such as `customer.subscription.updated`.
    pub r#type: String,
    /// Stripe's clock.
    pub created_at: Timestamp,
    pub received_at: Timestamp,
    /// Null while an error keeps it from having its effect.
    pub processed_at: Option<Timestamp>,
    pub attempts: i32,
    pub error: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ReplayWebhook {
    /// Stripe's id of the event.
    #[schemars(length(min = 1, max = 255))]
    event_id: String,
}

/// How another try ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Replayed {
    pub success: bool,
    /// What is still in the way.
    pub error: Option<String>,
}

pub(super) fn events(call: &mut Call<'_>, input: WebhookEvents) -> Result<PageOutput<WebhookEvent>> {
    let filter = EventFilter { failed: input.failed.unwrap_or(false) };
    page("admin.webhookEvents", input.page, |after, limit| Ok(StripeEvent::page(call.conn, &filter, after, limit)?))
}

pub(super) fn replay(call: &mut Call<'_>, input: ReplayWebhook) -> Result<Audited<Replayed>> {
    let id = input.event_id;
    let output = match inbox::replay(call.conn, call.stripe.prices(), &id, call.request_id, call.now)? {
        EventOutcome::Duplicate => return Ok(Audited::unchanged(Replayed { success: true, error: None })),
        EventOutcome::Processed => Replayed { success: true, error: None },
        EventOutcome::Failed(why) => Replayed { success: false, error: Some(why) },
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
