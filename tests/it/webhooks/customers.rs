//! Stripe customers that are deleted at Stripe, and the operator's command that finds them.

use serde_json::{Value, json};

use super::{record, running, subscribed};
use crate::support::{
    Backend, Builder, PRO, Process, SECRET_KEY, Sql, StripeStandIn, Subscription, TestApp, both_databases, event, now,
    on_terminal,
};

fn deleted(id: &str, customer: &str) -> Value {
    event(id, "customer.deleted", now(), json!({"id": customer, "object": "customer", "deleted": true}))
}

async fn customers(app: &TestApp, stripe: &StripeStandIn, arguments: &[&str]) -> (Option<i32>, String) {
    let settings = [
        ("DATABASE_URL", app.database.url.as_str()),
        ("STRIPE_SECRET_KEY", SECRET_KEY),
        ("STRIPE_API_BASE", &stripe.url),
    ];
    let arguments = [&["webhooks", "customers"], arguments].concat();
    let folder = app.database.folder.path();
    let command = Process::command(folder, &arguments, &settings);
    let (output, shown) = tokio::task::block_in_place(|| on_terminal(command));
    // Before the first answer, or after it.
    assert!(["\u{2591}", "\u{2588}"].iter().any(|bar| shown.contains(&format!("customers {bar}"))), "{shown:?}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

both_databases! {
    async fn a_deleted_customer_is_cleared_in_either_order(builder: Builder) {
        let app = builder.with_stripe().start().await;
        for (user, customer_first) in [("user_1", true), ("user_2", false)] {
            let client = app.user(user);
            client.call("user.me", Value::Null).await;
            let id = format!("sub_{user}");
            let run = Subscription { id: &id, ..running(user) };
            let begun = event(&format!("evt_begun_{user}"), "customer.subscription.created", now() - 60, run.object());
            assert_eq!(client.tell(&begun).await, 200);
            let over = Subscription { status: "canceled", ..run.clone() }.object();
            let mut both = vec![
                deleted(&format!("evt_gone_{user}"), &format!("cus_{user}")),
                event(&format!("evt_over_{user}"), "customer.subscription.deleted", now(), over),
            ];
            if !customer_first {
                both.reverse();
            }
            for message in both {
                assert_eq!(client.tell(&message).await, 200);
                assert_eq!(record(&client).await[0], "FREE");
            }
            assert_eq!(record(&client).await, json!(["FREE", null, null, null]));
            // An event that is older than the deletion does not bring it back.
            let late = event(&format!("evt_late_{user}"), "invoice.paid", now() - 5, run.invoice());
            assert_eq!(client.tell(&late).await, 200);
            assert_eq!(record(&client).await, json!(["FREE", null, null, null]));
        }
    }

    async fn the_deletion_of_an_unknown_customer_is_ignored(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        assert_eq!(client.tell(&deleted("evt_1", "cus_nobody")).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
        let why = app.lines("SELECT error AS line FROM stripe_events WHERE id = 'evt_1'");
        assert_eq!(why, ["no user has the Stripe customer"]);
    }

    async fn the_command_shows_and_mends_customers_that_are_gone(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let client = subscribed(&app, "user_1").await;
        for user in ["user_2", "user_3"] {
            app.user(user).call("customer.create", Value::Null).await;
            app.execute(&format!("UPDATE customers SET stripe_customer_id = 'cus_{user}' WHERE auth_user_id = '{user}'"));
        }
        stripe.store("/v1/customers/cus_user_2", json!({"id": "cus_user_2", "object": "customer", "deleted": true}));
        stripe.store("/v1/customers/cus_user_3", json!({"id": "cus_user_3", "object": "customer"}));
        let shown = "cus_user_1 of user_1: gone\ncus_user_2 of user_2: gone\n";
        let summary = |mended: u8| format!("{shown}customers: 3 checked, 2 gone, {mended} mended, 0 failed\n");
        assert_eq!(customers(&app, &stripe, &[]).await, (Some(0), summary(0)));
        assert_eq!(record(&client).await[1], "cus_user_1");
        let rehearsed = summary(2) + "nothing was changed (--dry-run)\n";
        assert_eq!(customers(&app, &stripe, &["--mend", "--dry-run"]).await, (Some(0), rehearsed));
        assert_eq!(record(&client).await[1], "cus_user_1");
        assert_eq!(customers(&app, &stripe, &["--mend"]).await, (Some(0), summary(2)));
        // What was paid for stays until its end.
        assert_eq!(record(&client).await, json!(["PRO", null, "sub_1", PRO]));
        assert_eq!(app.user("user_3").call("customer.get", Value::Null).await["stripeCustomerId"], "cus_user_3");
        assert_eq!(app.count("audit_log WHERE actor_id = 'cli' AND procedure = 'webhooks.customers'"), 2);
        let (code, json) = customers(&app, &stripe, &["--json"]).await;
        assert_eq!((code, json.trim()), (Some(0), r#"{"dryRun":false,"checked":1,"gone":[],"mended":0,"failed":0,"problems":[]}"#));
        let session = client.call("stripe.createSession", json!({"planId": PRO})).await;
        assert!(session["url"].as_str().unwrap().contains("/pay/"), "{session}");
        assert_eq!(stripe.requests().last().unwrap().form["customer"], "cus_0");
    }

    async fn a_customer_that_cannot_be_checked_is_not_mended(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let client = subscribed(&app, "user_1").await;
        stripe.inject([crate::support::Fault::Status(403)]);
        let why = "cus_user_1: FAILED: Stripe answered with status 403, type \"api_error\", code \"of_the_stand_in\"\n";
        let summary = format!("{why}customers: 1 checked, 0 gone, 0 mended, 1 failed\n");
        assert_eq!(customers(&app, &stripe, &["--mend"]).await, (Some(1), summary));
        assert_eq!(record(&client).await[1], "cus_user_1");
    }

    // On SQLite nobody writes between the command's look and its change.
    async fn a_customer_that_is_replaced_meanwhile_is_kept(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let client = subscribed(&app, "user_1").await;
        if app.database.backend == Backend::Sqlite {
            return;
        }
        let (mut conn, mut observer) = (app.database.connect(), app.database.connect());
        conn.run("BEGIN; UPDATE customers SET stripe_customer_id = 'cus_new'");
        let replacement = std::thread::spawn(move || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let has_waited = (0..100_000).any(|_| observer.number(waiting) > 0);
            conn.run("COMMIT");
            has_waited
        });
        let (code, text) = customers(&app, &stripe, &["--mend"]).await;
        assert!(replacement.join().unwrap());
        assert_eq!((code, text.lines().last()), (Some(0), Some("customers: 1 checked, 1 gone, 0 mended, 0 failed")));
        assert_eq!(record(&client).await[1], "cus_new");
    }

    // The command ran with a key of another account.
    async fn a_state_from_after_the_mistake_proves_that_the_customer_exists(builder: Builder) {
        let stripe = StripeStandIn::start().await;
        let app = builder.with_billing(&stripe).start().await;
        let client = subscribed(&app, "user_1").await;
        customers(&app, &stripe, &["--mend"]).await;
        let later = event("evt_1", "customer.subscription.updated", now() + 5, running("user_1").object());
        assert_eq!(client.tell(&later).await, 200);
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
    }
}
