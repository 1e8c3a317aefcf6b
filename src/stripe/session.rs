//! What a session is asked for with, and the key by which asking twice gives one.

use sha2::{Digest, Sha256};

use super::client::Form;
use crate::{
    config::Origin,
    models::{customer::Customer, user::User},
};

/// Within so many seconds the same wish is the same attempt: a double click, a retry. Later it is a new one.
const WINDOW: i64 = 10 * 60;

pub const CHECKOUT: &str = "/v1/checkout/sessions";
pub const PORTAL: &str = "/v1/billing_portal/sessions";

/// Buys a subscription. A known customer is named; to a new one Stripe gives a name once they have paid.
pub fn checkout(user: &User, customer: Option<&Customer>, price: &str, app: &Origin) -> Form {
    let back = format!("{}/dashboard", app.as_str());
    let mut form = vec![
        field("mode", "subscription"),
        field("line_items[0][price]", price),
        field("line_items[0][quantity]", "1"),
        field("client_reference_id", &user.id),
        field("metadata[userId]", &user.id),
        field("subscription_data[metadata][userId]", &user.id),
        field("success_url", &back),
        field("cancel_url", &back),
    ];
    match (customer.and_then(|customer| customer.stripe_customer_id.as_deref()), &user.email) {
        (Some(known), _) => form.push(field("customer", known)),
        (None, Some(email)) => form.push(field("customer_email", email)),
        (None, None) => {}
    }
    form
}

/// Lets a paying customer change or cancel what they pay for.
pub fn portal(stripe_customer_id: &str, app: &Origin) -> Form {
    vec![field("customer", stripe_customer_id), field("return_url", &format!("{}/dashboard", app.as_str()))]
}

/// From everything that is asked for: another wish is another key, so no key ever meets other parameters. `now` in
/// seconds since 1970.
pub fn idempotency_key(user: &User, path: &str, form: &Form, now: i64) -> String {
    let mut hash = Sha256::new();
    let window = now.div_euclid(WINDOW).to_string();
    for part in [user.id.as_str(), path, &window]
        .into_iter()
        .chain(form.iter().flat_map(|(name, value)| [name.as_str(), value]))
    {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
