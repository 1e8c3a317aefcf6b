//! What a session is asked for with, and the key by which asking twice gives one.

use sha2::{Digest, Sha256};

use super::client::Form;
use crate::{config::Origin, models::user::User};

/// Within so many seconds the same wish is the same attempt: a double click, a retry. Later it is a new one, as a session
/// that was used or has run out must not come back.
const WINDOW: i64 = 60;

pub const CUSTOMERS: &str = "/v1/customers";
pub const CHECKOUT: &str = "/v1/checkout/sessions";
pub const PORTAL: &str = "/v1/billing_portal/sessions";

/// Makes a user known to Stripe. Naming them in each checkout, instead of their address, keeps them one customer there.
pub fn customer(user: &User) -> Form {
    let mut form = vec![field("metadata[userId]", &user.id)];
    form.extend(user.email.as_deref().map(|email| field("email", email)));
    form.extend(user.name.as_deref().map(|name| field("name", name)));
    form
}

/// Buys a subscription.
pub fn checkout(user: &User, stripe_customer_id: &str, price: &str, app: &Origin) -> Form {
    let back = format!("{}/dashboard", app.as_str());
    vec![
        field("mode", "subscription"),
        field("customer", stripe_customer_id),
        field("line_items[0][price]", price),
        field("line_items[0][quantity]", "1"),
        field("client_reference_id", &user.id),
        field("metadata[userId]", &user.id),
        field("subscription_data[metadata][userId]", &user.id),
        field("success_url", &back),
        field("cancel_url", &back),
    ]
}

/// Lets a paying customer change or cancel what they pay for.
pub fn portal(stripe_customer_id: &str, app: &Origin) -> Form {
    vec![field("customer", stripe_customer_id), field("return_url", &format!("{}/dashboard", app.as_str()))]
}

/// From everything that is asked for: another wish is another key, so no key ever meets other parameters. A session is
/// wished for again after a while, a user becomes a customer once. `now` in seconds since 1970.
pub fn idempotency_key(user: &User, path: &str, form: &Form, now: i64) -> String {
    let mut hash = Sha256::new();
    let window = if path == CUSTOMERS { String::new() } else { now.div_euclid(WINDOW).to_string() };
    let wish = form.iter().flat_map(|(name, value)| [name.as_str(), value]);
    for part in [user.id.as_str(), path, &window].into_iter().chain(wish) {
        hash.update(part);
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
