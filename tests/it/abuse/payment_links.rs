//! Stripe's events link a Stripe customer to a user only by what this server or the account's owner wrote. The visitor
//! of a payment link chooses `client_reference_id`.

use serde_json::{Value, json};

use crate::support::{
    Backend, Builder, Client, PRO, StripeStandIn, Subscription, TestApp, all, both_databases, event, fixed_now, now,
};

/// A completed checkout session of a stranger, whose payment link carried the id of somebody else.
fn strangers_session(metadata: Value) -> Value {
    json!({
        "id": "cs_stranger", "object": "checkout.session", "mode": "subscription", "payment_link": "plink_1",
        "client_reference_id": "victim", "metadata": metadata, "customer": "cus_stranger", "subscription": "sub_stranger",
    })
}

/// A running subscription of a Stripe customer.
fn subscription(id: &str, customer: &str, metadata: Value) -> Value {
    let state = Subscription {
        id,
        user: "",
        status: "active",
        price: PRO,
        start: fixed_now() - 60,
        end: fixed_now() + 86_400,
        cancel: false,
    };
    let mut object = state.object();
    object["customer"] = json!(customer);
    object["metadata"] = metadata;
    object
}

fn created(id: &str, object: Value) -> Value {
    event(id, "customer.subscription.created", now(), object)
}

/// The events that `admin.webhookEvents` lists as failed: id and error.
async fn failed(admin: &Client) -> Vec<(String, String)> {
    let page = admin.call("admin.webhookEvents", json!({"failed": true})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(|item| (text(&item["id"]), text(&item["error"]))).collect()
}

fn metrics_line(outcome: &str, count: u32) -> String {
    format!("clusterdesk_stripe_events_total{{outcome=\"{outcome}\"}} {count}")
}

async fn assert_counted(app: &TestApp, lines: &[String]) {
    let metrics = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    for line in lines {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

both_databases! {
    async fn a_strangers_payment_link_links_nothing_and_is_ignored_visibly(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let victim = app.user("victim");
        victim.call("user.me", Value::Null).await;
        // With any metadata: another tool of the account may have written some.
        for (number, metadata) in [Value::Null, json!({}), json!({"userId": "victim"})].into_iter().enumerate() {
            let session = event(&format!("evt_cs_{number}"), "checkout.session.completed", now(), strangers_session(metadata));
            assert_eq!(victim.tell(&session).await, 200);
        }
        assert_eq!(victim.tell(&created("evt_sub", subscription("sub_stranger", "cus_stranger", json!({})))).await, 200);
        assert_eq!(victim.call("customer.get", Value::Null).await, Value::Null);
        assert_eq!(app.count("stripe_subscriptions WHERE auth_user_id IS NOT NULL"), 0);

        let admin = app.admin();
        assert!(failed(&admin).await.is_empty());
        let listed = admin.call("admin.webhookEvents", json!({})).await;
        let errors = all(&listed["items"], "error");
        assert_eq!(errors.iter().filter(|error| **error == "this server did not create the checkout session").count(), 3);
        assert_eq!(errors.iter().filter(|error| **error == "no user is known for the subscription").count(), 1);
        assert_counted(&app, &[metrics_line("ignored", 4)]).await;
    }

    async fn a_strangers_payment_link_does_not_replace_a_known_stripe_customer(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let victim = app.user("victim");
        victim.call("stripe.createSession", json!({"planId": PRO})).await;
        let before = victim.call("customer.get", Value::Null).await;
        for (id, metadata) in [("evt_1", json!({})), ("evt_2", json!({"userId": "victim"}))] {
            let session = event(id, "checkout.session.completed", now(), strangers_session(metadata));
            assert_eq!(victim.tell(&session).await, 200);
        }
        assert_eq!(victim.call("customer.get", Value::Null).await, before);
        assert_eq!(app.count("stripe_subscriptions"), 0);
    }

    async fn a_stripe_customer_of_two_users_is_a_conflict_that_can_be_resolved(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let (one, two, admin) = (app.user("user_1"), app.user("user_2"), app.admin());
        for user in [&one, &two] {
            user.call("user.me", Value::Null).await;
        }
        let of = |user: &str| json!({"userId": user});
        assert_eq!(one.tell(&created("evt_1", subscription("sub_1", "cus_1", of("user_1")))).await, 200);
        let before = one.call("customer.get", Value::Null).await;
        let second = created("evt_2", subscription("sub_2", "cus_1", of("user_2")));
        let session = json!({
            "id": "cs_2", "object": "checkout.session", "mode": "subscription", "customer": "cus_1",
            "subscription": "sub_2", "metadata": of("user_2"),
        });
        let session = event("evt_3", "checkout.session.completed", now(), session);
        for message in [&second, &session, &second] {
            // Stripe would repeat it for three days, and it would fail each time.
            assert_eq!(two.tell(message).await, 200);
        }
        assert_eq!(two.call("customer.get", Value::Null).await, Value::Null);
        assert_eq!(one.call("customer.get", Value::Null).await, before);
        let why = "Stripe customer \"cus_1\" belongs to user \"user_1\", and the event names user \"user_2\"";
        let mut kept = failed(&admin).await;
        kept.sort();
        assert_eq!(kept, [("evt_2".to_owned(), why.to_owned()), ("evt_3".to_owned(), why.to_owned())]);
        assert_counted(&app, &[metrics_line("conflict", 3)]).await;
        let again = admin.call("admin.replayWebhook", json!({"eventId": "evt_2"})).await;
        assert_eq!(again, json!({"success": false, "error": why}));

        // The accounts are the same person's, and the admin deletes the old one.
        admin.call("user.delete", json!({"userId": "user_1", "force": true})).await;
        for id in ["evt_2", "evt_3"] {
            let again = admin.call("admin.replayWebhook", json!({"eventId": id})).await;
            assert_eq!(again, json!({"success": true, "error": null}));
        }
        let moved = two.call("customer.get", Value::Null).await;
        assert_eq!((&moved["plan"], &moved["stripeCustomerId"]), (&json!("PRO"), &json!("cus_1")));
        assert!(failed(&admin).await.is_empty());
    }

    async fn a_corrected_subscription_resolves_its_conflict(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let (one, two, admin) = (app.user("user_1"), app.user("user_2"), app.admin());
        for user in [&one, &two] {
            user.call("user.me", Value::Null).await;
        }
        let of = |user: &str| json!({"userId": user});
        assert_eq!(one.tell(&created("evt_1", subscription("sub_1", "cus_1", of("user_1")))).await, 200);
        assert_eq!(one.tell(&created("evt_2", subscription("sub_2", "cus_1", of("user_2")))).await, 200);
        assert!(failed(&admin).await.remove(0).1.contains("names user \"user_2\""));
        // The admin corrects the metadata at Stripe, which sends a new event.
        let corrected = event("evt_3", "customer.subscription.updated", now() + 1, subscription("sub_2", "cus_1", of("user_1")));
        assert_eq!(one.tell(&corrected).await, 200);
        let again = admin.call("admin.replayWebhook", json!({"eventId": "evt_2"})).await;
        assert_eq!(again, json!({"success": true, "error": null}));
        assert_eq!(two.call("customer.get", Value::Null).await, Value::Null);
        assert!(failed(&admin).await.is_empty());
    }

    // A row that was written past the check, by an import for example: the unique constraint decides.
    async fn a_subscription_of_another_users_record_is_a_conflict_too(builder: Builder) {
        let app = builder.with_stripe().start().await;
        app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_1', stripe_subscription_id = 'sub_2'");
        let two = app.user("user_2");
        two.call("user.me", Value::Null).await;
        let second = created("evt_2", subscription("sub_2", "cus_2", json!({"userId": "user_2"})));
        assert_eq!(two.tell(&second).await, 200);
        let why = "The Stripe subscription belongs to another user.";
        assert_eq!(failed(&app.admin()).await, [("evt_2".to_owned(), why.to_owned())]);
        assert_eq!((app.count("stripe_subscriptions"), app.count("customers")), (0, 1));
    }

    // Stripe created the customer of user_2, but the record of user_1 has its id.
    async fn a_new_stripe_customer_of_another_user_is_a_conflict_for_the_caller(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        app.rich("user_1");
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_0'");
        let failure = app.user("user_2").fail("CONFLICT", "stripe.createSession", json!({"planId": PRO})).await;
        assert_eq!(failure.message(), "The Stripe customer belongs to another user.");
        assert_eq!(app.count("customers"), 1);
    }

    // Customers and subscriptions that were known before: nothing in their events names a user.
    async fn events_of_a_known_stripe_customer_apply_without_metadata(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let user = app.user("user_1");
        user.call("customer.create", Value::Null).await;
        app.execute("UPDATE customers SET stripe_customer_id = 'cus_1'");
        assert_eq!(user.tell(&created("evt_1", subscription("sub_1", "cus_1", json!({})))).await, 200);
        assert_eq!(user.call("customer.get", Value::Null).await["plan"], "PRO");
    }
}

#[tokio::test]
async fn an_event_of_the_other_mode_is_kept_without_effect_until_the_key_fits() {
    for (key, live) in [("sk_test_1", true), ("rk_test_1", true), ("sk_live_1", false), ("rk_live_1", false)] {
        let stripe = StripeStandIn::start().await;
        let builder = Builder::new(Backend::Sqlite).with_billing(&stripe);
        let app = builder.flag("stripe-secret-key", key).start().await;
        let user = app.user("user_1");
        user.call("user.me", Value::Null).await;
        let mut message = created("evt_1", subscription("sub_1", "cus_1", json!({"userId": "user_1"})));
        message["livemode"] = json!(live);
        assert_eq!(user.tell(&message).await, 200);
        assert_eq!(user.call("customer.get", Value::Null).await, Value::Null, "{key}");
        let kept = failed(&app.admin()).await.remove(0);
        assert!(kept.1.contains("STRIPE_SECRET_KEY") && !kept.1.contains(key), "{kept:?}");
        assert_counted(&app, &[metrics_line("conflict", 1)]).await;

        let fitting = if live { "sk_live_2" } else { "sk_test_2" };
        let corrected = app.beside().with_billing(&stripe).flag("stripe-secret-key", fitting).start().await;
        let again = corrected.user("root").call("admin.replayWebhook", json!({"eventId": "evt_1"})).await;
        assert_eq!(again, json!({"success": true, "error": null}));
        assert_eq!(user.call("customer.get", Value::Null).await["plan"], "PRO");
    }
}

#[tokio::test]
async fn without_a_key_events_of_either_mode_apply() {
    let app = Builder::new(Backend::Sqlite).with_stripe().start().await;
    for (user, live) in [("user_1", true), ("user_2", false)] {
        let client = app.user(user);
        client.call("user.me", Value::Null).await;
        let (id, customer) = (format!("sub_{user}"), format!("cus_{user}"));
        let mut message = created(&format!("evt_{user}"), subscription(&id, &customer, json!({"userId": user})));
        message["livemode"] = json!(live);
        assert_eq!(client.tell(&message).await, 200);
        assert_eq!(client.call("customer.get", Value::Null).await["plan"], "PRO");
    }
}

#[tokio::test]
async fn an_event_of_a_connected_account_is_ignored_visibly() {
    let app = Builder::new(Backend::Sqlite).with_stripe().start().await;
    let user = app.user("user_1");
    user.call("user.me", Value::Null).await;
    let mut message = created("evt_1", subscription("sub_1", "cus_1", json!({"userId": "user_1"})));
    message["account"] = json!("acct_other");
    assert_eq!(user.tell(&message).await, 200);
    assert_eq!(user.call("customer.get", Value::Null).await, Value::Null);
    let admin = app.admin();
    assert!(failed(&admin).await.is_empty());
    let listed = admin.call("admin.webhookEvents", json!({})).await;
    assert_eq!(all(&listed["items"], "error"), ["it is about another account, \"acct_other\""]);
    assert_counted(&app, &[metrics_line("ignored", 1)]).await;
    assert_eq!(app.count("stripe_subscriptions"), 0);
}
