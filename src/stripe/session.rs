//! What a session is asked for with, and the key by which asking twice gives one.

use data_encoding::HEXLOWER;
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
/// Only what never changes of them is said: another form would be another key, and so another customer.
pub fn customer(user: &User) -> Form {
    let mut form = vec![field("metadata[userId]", &user.id)];
    form.extend(user.email.as_deref().map(|email| field("email", email)));
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
    fn the_same_wish_has_the_same_key_for_a_while() {
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
    fn a_user_becomes_one_customer_whatever_their_name_and_whenever() {
        let key = |user, now| idempotency_key(user, CUSTOMERS, &customer(user), now);
        let (before, after) = (user("user_1", "Ada"), user("user_1", "Ada King"));
        assert_eq!(key(&before, 0), key(&after, 1_000_000));
        assert_ne!(key(&before, 0), key(&user("user_2", "Ada"), 0));
    }
}
