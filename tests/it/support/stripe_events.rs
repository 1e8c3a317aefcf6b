//! Events as Stripe sends and signs them. Their shapes follow Stripe's API reference, of 2025-03-31 and before.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{Builder, Client, now};

pub const WEBHOOK_SECRET: &str = "whsec_of_the_tests";
pub const PRO: &str = "price_pro_monthly";
pub const BUSINESS: &str = "price_business_yearly";

impl Builder {
    /// With a Stripe account.
    pub fn with_stripe(self) -> Self {
        self.flag("stripe-webhook-secret", WEBHOOK_SECRET)
            .flag("stripe-pro-monthly-price-id", PRO)
            .flag("stripe-business-yearly-price-id", BUSINESS)
    }
}

/// `Stripe-Signature` of a payload, by a secret, of a time.
pub fn signature(payload: &str, secret: &str, time: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, format!("{time}.{payload}").as_bytes());
    format!("t={time},v1={}", HEXLOWER.encode(signature.as_ref()))
}

pub fn event(id: &str, kind: &str, created: u64, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "created": created, "api_version": "2025-03-31.basil",
        "livemode": false, "pending_webhooks": 1, "data": {"object": object},
    })
}

/// A subscription of `user`, who is `cus_<user>` there.
#[derive(Clone, Debug)]
pub struct Subscription<'a> {
    pub id: &'a str,
    pub user: &'a str,
    pub status: &'a str,
    pub price: &'a str,
    pub start: u64,
    pub end: u64,
    pub cancel: bool,
}

impl Subscription<'_> {
    /// As the current API has it: the period is the item's.
    pub fn object(&self) -> Value {
        let mut object = self.common();
        let item = json!({
            "id": "si_1", "price": {"id": self.price, "object": "price"},
            "current_period_start": self.start, "current_period_end": self.end,
        });
        object["items"] = json!({"object": "list", "data": [item]});
        object
    }

    /// As it was before 2025-03-31: the period is the subscription's.
    pub fn old_object(&self) -> Value {
        let mut object = self.common();
        object["current_period_start"] = json!(self.start);
        object["current_period_end"] = json!(self.end);
        object["items"] = json!({"object": "list", "data": [{"id": "si_1", "price": {"id": self.price}}]});
        object
    }

    fn common(&self) -> Value {
        json!({
            "id": self.id, "object": "subscription", "customer": format!("cus_{}", self.user), "status": self.status,
            "cancel_at_period_end": self.cancel, "metadata": {"userId": self.user}, "created": self.start,
        })
    }

    /// A paid invoice of its period, as the current API has it.
    pub fn invoice(&self) -> Value {
        json!({
            "id": "in_1", "object": "invoice", "customer": format!("cus_{}", self.user), "status": "paid",
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": self.id}},
            "lines": {"object": "list", "data": [{"id": "il_1", "period": {"start": self.start, "end": self.end}}]},
        })
    }

    /// The same before 2025-03-31.
    pub fn old_invoice(&self) -> Value {
        let mut invoice = self.invoice();
        invoice.as_object_mut().unwrap().remove("parent");
        invoice["subscription"] = json!(self.id);
        invoice
    }
}

impl Client {
    /// Sends a payload with this signature. Returns the status.
    pub async fn webhook(&self, payload: &str, signature: &str) -> u16 {
        let request = self.http.post(format!("{}webhooks/stripe", self.url));
        let request = request.header("content-type", "application/json; charset=utf-8");
        let request = request.header("stripe-signature", signature).body(payload.to_owned());
        request.send().await.unwrap().status().as_u16()
    }

    /// Sends an event as Stripe would.
    pub async fn tell(&self, event: &Value) -> u16 {
        let payload = event.to_string();
        self.webhook(&payload, &signature(&payload, WEBHOOK_SECRET, now())).await
    }
}
