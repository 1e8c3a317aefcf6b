//! The requests that create Stripe customers and sessions, and their idempotency keys.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

pub use super::client::Form;
use crate::{config::Origin, models::user::User};

/// Seconds within which the same request returns the same session, for double clicks and retries. Later it creates a
/// new one, because the old session may be used up or expired.
const WINDOW: i64 = 60;

/// Path that creates a customer.
pub const CUSTOMERS: &str = "/v1/customers";
/// Path that creates a checkout session.
pub const CHECKOUT: &str = "/v1/checkout/sessions";
/// Path that creates a session of the billing portal.
pub const PORTAL: &str = "/v1/billing_portal/sessions";

/// The form that creates a Stripe customer for a user. Each checkout then names this customer; with an email address
/// instead, every checkout would create a new one. The form contains no name: a changed form would change the
/// idempotency key, and so create another customer. For the same reason it names the customer that is gone and that this
/// one `replaces`: with the key of the first, Stripe would return the first again.
pub fn customer(user: &User, replaces: Option<&str>) -> Form {
    let mut form = vec![field("metadata[userId]", &user.id)];
    form.extend(user.email.as_deref().map(|email| field("email", email)));
    form.extend(replaces.map(|gone| field("metadata[replaces]", gone)));
    form
}

/// The form of a checkout session that buys a subscription.
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

/// The form of a portal session, in which a paying customer changes or cancels a subscription.
pub fn portal(stripe_customer_id: &str, app: &Origin) -> Form {
    vec![field("customer", stripe_customer_id), field("return_url", &format!("{}/dashboard", app.as_str()))]
}

/// A digest of the whole request: any changed parameter changes the key, so no key is sent with different parameters.
/// Except for customers, the key also changes every minute. `now` is in seconds since the Unix epoch.
pub fn idempotency_key(user: &User, path: &str, form: &Form, now: i64) -> String {
    let mut hash = Sha256::new();
    let window = if path == CUSTOMERS { String::new() } else { now.div_euclid(WINDOW).to_string() };
    let fields = form.iter().flat_map(|(name, value)| [name.as_str(), value]);
    for part in [user.id.as_str(), path, &window].into_iter().chain(fields) {
        hash.update(part);
        hash.update([0]);
    }
    HEXLOWER.encode(&hash.finalize())
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db::Timestamp, models::user::Role};

    fn user(id: &str, name: &str) -> User {
        let (name, email) = (Some(name.to_owned()), Some("ada@example.com".to_owned()));
        User { id: id.to_owned(), name, email, image: None, role: Role::User, created_at: Timestamp::now() }
    }

    #[test]
    fn the_same_request_has_the_same_key_for_a_minute() {
        let (ada, bob) = (user("user_1", "Ada"), user("user_2", "Bob"));
        let form = |price: &str| vec![field("line_items[0][price]", price)];
        let key = |path, now| idempotency_key(&ada, path, &form("price_1"), now);
        let start = 7 * WINDOW;
        assert_eq!(key(CHECKOUT, start), key(CHECKOUT, start + WINDOW - 1));
        assert_ne!(key(CHECKOUT, start), key(CHECKOUT, start + WINDOW));
        assert_ne!(key(PORTAL, start), key(CHECKOUT, start));
        assert_ne!(key(CHECKOUT, start), idempotency_key(&ada, CHECKOUT, &form("price_2"), start));
        assert_ne!(key(CHECKOUT, start), idempotency_key(&bob, CHECKOUT, &form("price_1"), start));
    }

    #[test]
    fn a_users_customer_key_depends_neither_on_name_nor_on_time() {
        let key = |user, now| idempotency_key(user, CUSTOMERS, &customer(user, None), now);
        let (before, after) = (user("user_1", "Ada"), user("user_1", "Ada King"));
        assert_eq!(key(&before, 0), key(&after, 1_000_000));
        assert_ne!(key(&before, 0), key(&user("user_2", "Ada"), 0));
    }
}
