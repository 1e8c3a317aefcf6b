//! Events as Stripe sends and signs them, in the formats of API versions before and since 2025-03-31.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{Builder, Client, now};

pub const WEBHOOK_SECRET: &str = "whsec_of_the_tests";
pub const PRO: &str = "price_pro_monthly";
pub const BUSINESS: &str = "price_business_yearly";

impl Builder {
    /// Configures the webhook and two prices.
    pub fn with_stripe(self) -> Self {
        self.flag("stripe-webhook-secret", WEBHOOK_SECRET)
            .flag("stripe-pro-monthly-price-id", PRO)
            .flag("stripe-business-yearly-price-id", BUSINESS)
    }
}

/// The header `Stripe-Signature` of a payload. `time` is in seconds since the Unix epoch.
pub fn signature(payload: &str, secret: &str, time: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, format!("{time}.{payload}").as_bytes());
    format!("t={time},v1={}", HEXLOWER.encode(signature.as_ref()))
}

/// The second of the first call, for periods that are the same whenever a test describes a subscription. [`now`] would be a
/// second later sometimes.
pub fn fixed_now() -> u64 {
    static NOW: OnceLock<u64> = OnceLock::new();
    *NOW.get_or_init(now)
}

/// An event of this type about an object. `created` is in seconds since the Unix epoch.
pub fn event(id: &str, kind: &str, created: u64, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "created": created, "api_version": "2025-03-31.basil",
        "livemode": false, "pending_webhooks": 1, "data": {"object": object},
    })
}

/// A subscription of `user`, whose Stripe customer is `cus_<user>`.
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
    /// The current format, with the period in the item.
    pub fn object(&self) -> Value {
        let mut object = self.common();
        let item = json!({
            "id": "si_1", "price": {"id": self.price, "object": "price"},
            "current_period_start": self.start, "current_period_end": self.end,
        });
        object["items"] = json!({"object": "list", "data": [item]});
        object
    }

    /// The format before 2025-03-31, with the period in the subscription.
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

    /// A paid invoice of the period, in the current format.
    pub fn invoice(&self) -> Value {
        json!({
            "id": "in_1", "object": "invoice", "customer": format!("cus_{}", self.user), "status": "paid",
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": self.id}},
            "lines": {"object": "list", "data": [{
                "id": "il_1", "period": {"start": self.start, "end": self.end},
                "pricing": {"type": "price_details", "price_details": {"price": self.price, "product": "prod_1"}},
            }]},
        })
    }

    /// A paid invoice of the period, in the format before 2025-03-31.
    pub fn old_invoice(&self) -> Value {
        let mut invoice = self.invoice();
        invoice.as_object_mut().unwrap().remove("parent");
        invoice["subscription"] = json!(self.id);
        let line = invoice["lines"]["data"][0].as_object_mut().unwrap();
        line.remove("pricing");
        line.insert("price".to_owned(), json!({"id": self.price, "object": "price"}));
        invoice
    }
}

impl Client {
    /// Posts a payload with this signature. Returns the HTTP status.
    pub async fn webhook(&self, payload: &str, signature: &str) -> u16 {
        let request = self.http.post(format!("{}webhooks/stripe", self.url));
        let request = request.header("content-type", "application/json; charset=utf-8");
        let request = request.header("stripe-signature", signature).body(payload.to_owned());
        request.send().await.unwrap().status().as_u16()
    }

    /// Posts a correctly signed event. Returns the HTTP status.
    pub async fn tell(&self, event: &Value) -> u16 {
        let payload = event.to_string();
        self.webhook(&payload, &signature(&payload, WEBHOOK_SECRET, now())).await
    }
}
