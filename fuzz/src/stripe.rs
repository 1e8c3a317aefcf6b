//! Stripe's webhook: the header with the signatures, and the payload of an event.

use std::cell::OnceCell;

use aws_lc_rs::hmac;
use clusterdesk::{
    config::{Secret, StripeSettings},
    stripe::{Event, Stripe},
};
use data_encoding::HEXLOWER;

const SECRET: &str = "whsec_of_the_fuzzer";
/// The time of all requests, in seconds since the Unix epoch.
const NOW: i64 = 1_800_000_000;
/// A first line that stands for a valid signature. Under any other first line nothing may be accepted.
const SIGNED: &str = "signed";

thread_local! {
    static STRIPE: OnceCell<Stripe> = const { OnceCell::new() };
}

/// Receives one event. The first line is the header, the rest the payload.
pub fn stripe(bytes: &[u8]) {
    let (header, payload) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    let payload = payload.strip_prefix(b"\n").unwrap_or(payload);
    let header = std::str::from_utf8(header).ok();
    let signature = if header == Some(SIGNED) { Some(sign(payload)) } else { header.map(str::to_owned) };
    let received = STRIPE.with(|stripe| {
        let stripe = stripe.get_or_init(|| {
            let stripe_webhook_secret = vec![Secret::new("whsec_before_the_rotation"), Secret::new(SECRET)];
            Stripe::new(&StripeSettings { stripe_webhook_secret, ..StripeSettings::default() }, None).unwrap()
        });
        stripe.event(payload, signature.as_deref(), NOW)
    });
    let Ok(event) = received else { return };
    assert_eq!(header, Some(SIGNED), "a forged signature was accepted");
    check(&event, payload);
}

fn sign(payload: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, &[format!("{NOW}.").as_bytes(), payload].concat());
    format!("t={NOW},v1={},v0=00", HEXLOWER.encode(signature.as_ref()))
}

/// What is stored fits its columns, and a stored payload is the same event when it is replayed.
fn check(event: &Event, payload: &[u8]) {
    for (text, most) in [(&event.id, 255), (&event.kind, 100)] {
        assert!((1..=most).contains(&text.chars().count()) && !text.contains('\0'), "{text:?}");
    }
    assert_eq!(event.payload.as_bytes(), payload);
    assert!((0..=3).contains(&event.rank()));
    let replayed = Event::read(event.payload.as_bytes()).unwrap();
    assert_eq!((&replayed.id, &replayed.kind, replayed.created_at), (&event.id, &event.kind, event.created_at));
    assert_eq!(replayed.content(), event.content());
    if let Err(why) = event.content() {
        assert!(!why.is_empty() && why.len() < 200, "{why:?}");
    }
}
