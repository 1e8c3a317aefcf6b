//! Whoever has a subscription that is not over gets the portal, so that nobody pays for two.

use serde_json::Value;

use super::{buy, customer, with_billing};
use crate::support::{
    Builder, PRO, StripeStandIn, Subscription, TestApp, both_databases, event, fixed_now, hours_ago, now,
};

const PORTAL: &str = "/v1/billing_portal/sessions";
const CHECKOUT: &str = "/v1/checkout/sessions";

/// The path of the last request, and the Stripe customer that it names.
fn asked(stripe: &StripeStandIn) -> (String, String) {
    let request = stripe.requests().pop().unwrap();
    (request.path.clone(), request.form.get("customer").cloned().unwrap_or_default())
}

fn page(path: &str, customer: &str) -> (String, String) {
    (path.to_owned(), customer.to_owned())
}

/// A subscription that began long ago and whose paid period is over.
fn old<'a>(id: &'a str, user: &'a str, status: &'a str) -> Subscription<'a> {
    Subscription {
        id,
        user,
        status,
        price: PRO,
        start: fixed_now() - 9_000_000,
        end: fixed_now() - 6_000_000,
        cancel: false,
    }
}

async fn tell(app: &TestApp, id: &str, object: Value) {
    let message = event(id, "customer.subscription.updated", now() - 60, object);
    assert_eq!(app.anonymous().tell(&message).await, 200);
}

both_databases! {
    async fn every_status_but_an_end_leads_to_the_portal(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        for (status, path) in [
            ("past_due", PORTAL),
            ("unpaid", PORTAL),
            ("paused", PORTAL),
            ("incomplete", PORTAL),
            ("trialing", PORTAL),
            ("active", PORTAL),
            ("canceled", CHECKOUT),
            ("incomplete_expired", CHECKOUT),
        ] {
            let user = format!("user_{status}");
            let client = app.user(&user);
            client.call("user.me", Value::Null).await;
            tell(&app, &format!("evt_{status}"), old(&format!("sub_{status}"), &user, status).object()).await;
            assert_eq!(buy(&client).await["success"], true);
            assert_eq!(asked(&stripe), page(path, &format!("cus_{user}")), "{status}");
        }
    }

    // The unpaid subscription belongs to an earlier Stripe customer of the user.
    async fn the_portal_is_that_of_the_customer_who_has_the_subscription(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        tell(&app, "evt_1", old("sub_1", "user_1", "unpaid").object()).await;
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_0', stripe_subscription_id = NULL");
        buy(&user).await;
        assert_eq!(asked(&stripe), page(PORTAL, "cus_user_1"));
    }

    // Imported, so that no state is known; with and without a row.
    async fn stripe_is_asked_for_a_subscription_without_a_state(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        for (user, status, path) in [
            ("user_1", Some("past_due"), PORTAL),
            ("user_2", Some("canceled"), CHECKOUT),
            ("user_3", None, CHECKOUT),
        ] {
            let id = format!("sub_{user}");
            if let Some(status) = status {
                stripe.store(&format!("/v1/subscriptions/{id}"), old(&id, user, status).object());
            }
            customer(&app, user, "PRO", PRO, hours_ago(1000));
            for has_row in [false, true] {
                if has_row {
                    app.execute(&format!("INSERT INTO stripe_subscriptions (id, auth_user_id) VALUES ('{id}', '{user}')"));
                }
                assert_eq!(buy(&app.user(user)).await["success"], true);
                assert_eq!(asked(&stripe), page(path, &format!("cus_{user}")), "{user} {has_row}");
            }
        }
    }

    // Paid a moment ago, or the event was lost.
    async fn stripe_is_asked_for_subscriptions_of_which_no_event_has_arrived(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        let ours = old("sub_1", "user_1", "active").object();
        let mut add_on = Subscription { price: "price_add_on", ..old("sub_2", "user_1", "active") }.object();
        add_on["metadata"] = Value::Null;
        let ended = old("sub_3", "user_1", "canceled").object();
        for (listed, path) in [(vec![add_on.clone(), ended.clone()], CHECKOUT), (vec![add_on, ended, ours], PORTAL)] {
            stripe.list_subscriptions(listed);
            buy(&user).await;
            assert_eq!(asked(&stripe), page(path, "cus_0"));
        }
    }

    async fn another_product_of_the_account_does_not_lead_to_the_portal(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let user = app.user("user_1");
        buy(&user).await;
        app.execute(
            "INSERT INTO stripe_subscriptions (id, stripe_customer_id, auth_user_id, status, price_id)
             VALUES ('sub_other', 'cus_0', 'user_1', 'active', 'price_add_on')"
        );
        buy(&user).await;
        assert_eq!(asked(&stripe), page(CHECKOUT, "cus_0"));
    }
}
