//! What becomes of an event of Stripe that the old server has processed. Our inbox then knows it when Stripe sends it again.

use serde_json::json;

use super::{
    fault::{CheckedRow, Fault},
    rule_user::cut,
};
use crate::{
    db::Timestamp,
    models::{old::OldEvent, stripe_event::StripeEvent},
};

const ID: usize = 255;
const KIND: usize = 100;

/// Why the event has no effect here, for admins who look at the list.
const REASON: &str = "the old server processed it";

/// The new row of an event.
pub fn event(old: &OldEvent, now: Timestamp) -> CheckedRow<StripeEvent> {
    let mut faults = Vec::new();
    // A time that is still to come would keep the event beyond the time after which others are purged.
    let (created_at, processed_at) = (old.created_at.min(now), old.updated_at.min(now));
    if old.id.is_empty() || old.id.chars().count() > ID {
        faults.push(Fault::EventId);
    }
    let mut kind = Some(old.kind.clone()).filter(|kind| !kind.is_empty());
    cut(&mut kind, KIND, "eventType", &mut faults);
    let kind = kind.unwrap_or_else(|| "unknown".to_owned());
    // The old server did not keep the event itself. This one can be read, so a replay says that it was processed.
    let payload = json!({
        "id": old.id, "type": kind, "created": created_at.seconds(), "data": {"object": {}},
    });
    let row = StripeEvent {
        id: old.id.clone(),
        kind,
        created_at,
        received_at: created_at,
        processed_at: Some(processed_at),
        attempts: 1,
        error: Some(REASON.to_owned()),
        payload: payload.to_string(),
    };
    CheckedRow { row, faults }
}
