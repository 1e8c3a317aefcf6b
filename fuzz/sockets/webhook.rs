//! Events of Stripe, with signatures.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::{
    exchange::Exchange,
    mutation::{mutate, scramble},
    token::{Secrets, now, user_id},
};

/// One event, signed or not.
pub fn exchange(rng: &mut impl Rng, secrets: &Secrets) -> Exchange {
    let mut event = event(rng);
    mutate(rng, &mut event);
    let payload = scramble(rng, event.to_string());
    let signed = rng.random_bool(0.7);
    let secret = if signed { secrets.webhook.as_str() } else { "whsec_wrong" };
    let header = signature(rng, &payload, secret, signed);
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         stripe-signature: {header}\r\n\r\n",
        payload.len()
    );
    Exchange::webhook([head.as_bytes(), &payload].concat(), signed)
}

fn signature(rng: &mut impl Rng, payload: &[u8], secret: &str, valid: bool) -> String {
    let time = now();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[format!("{time}.").as_bytes(), payload].concat());
    let tag = HEXLOWER.encode(tag.as_ref());
    match rng.random_range(0..8) {
        0 if !valid => format!("t={},v1={tag}", time + 10_000),
        1 if !valid => format!("t={time}{}", format!(",v1={tag}").repeat(rng.random_range(9..40))),
        2 if !valid => format!("v1={tag}"),
        3 if !valid => "t=,v1=,=".to_owned(),
        _ => format!("t={time},v1={tag}"),
    }
}

fn event(rng: &mut impl Rng) -> Value {
    let (number, user) = (rng.random_range(0..200), user_id(rng));
    let (subscription, customer) = (format!("sub_{number}"), format!("cus_{user}"));
    let start = now() - rng.random_range(0..5_000_000);
    let end = start + 2_600_000;
    let price = *["price_pro", "price_business", "price_unknown"].choose(rng).unwrap();
    let status = *["active", "trialing", "past_due", "canceled", "incomplete", "unpaid"].choose(rng).unwrap();
    let state = json!({
        "id": subscription, "customer": customer, "status": status, "cancel_at_period_end": rng.random_bool(0.2),
        "metadata": {"userId": user},
        "items": {"data": [{"price": {"id": price}, "current_period_start": start, "current_period_end": end}]},
    });
    let (kind, object) = match rng.random_range(0..6) {
        0 => ("customer.subscription.created", state),
        1 => ("customer.subscription.updated", state),
        2 => ("customer.subscription.deleted", state),
        3 => (
            "invoice.paid",
            json!({
                "customer": customer, "parent": {"subscription_details": {"subscription": subscription}},
                "lines": {"data": [{"period": {"start": start, "end": end}}]},
            }),
        ),
        4 => (
            "checkout.session.completed",
            json!({"client_reference_id": user, "customer": customer, "subscription": subscription}),
        ),
        _ => ("charge.refunded", json!({"id": "ch_1"})),
    };
    let id = format!("evt_{}", rng.random_range(0..20_000));
    json!({"id": id, "type": kind, "created": start, "data": {"object": object}})
}
