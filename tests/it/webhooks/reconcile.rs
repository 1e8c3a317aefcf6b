//! `clusterdesk webhooks reconcile`, after an outage and after an import.

use serde_json::{Value, json};

use super::{MONTH, record, running, subscribed};
use crate::support::{
    BUSINESS, Builder, Fault, PRO, Process, StripeStandIn, Subscription, TestApp, both_databases, event, fixed_now,
    hours_ago, literal, now,
};

struct Output {
    code: Option<i32>,
    text: String,
    errors: String,
}

/// Runs the command against the stand-in.
fn reconcile(app: &TestApp, stripe: &StripeStandIn, arguments: &[&str]) -> Output {
    let settings = stripe.settings(&app.database.url);
    let arguments = [&["webhooks", "reconcile"], arguments].concat();
    let output = Process::run(app.database.folder.path(), &arguments, &settings);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Output { code: output.status.code(), text: text(output.stdout), errors: text(output.stderr) }
}

/// The command blocks its thread, which the stand-in needs.
async fn run(app: &TestApp, stripe: &StripeStandIn, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| reconcile(app, stripe, arguments))
}

fn summary(events: [u64; 3], subscriptions: [u64; 4]) -> String {
    let ([new, known, failed], [changed, unchanged, gone, lost]) = (events, subscriptions);
    format!(
        "events: {new} new, {known} known, {failed} failed\n\
         subscriptions: {changed} changed, {unchanged} unchanged, {gone} gone, {lost} failed\n"
    )
}

async fn with_billing(builder: Builder) -> (TestApp, StripeStandIn) {
    let stripe = StripeStandIn::start().await;
    (builder.with_billing(&stripe).start().await, stripe)
}

both_databases! {
    async fn missed_events_are_applied_once_page_by_page(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        let run_1 = running("user_1");
        let upgraded = Subscription { price: BUSINESS, ..run_1.clone() };
        let known = event("evt_begun", "customer.subscription.created", now() - 60, run_1.object());
        stripe.list([
            known,
            event("evt_up", "customer.subscription.updated", now() - 50, upgraded.object()),
            event("evt_paid", "invoice.paid", now() - 49, upgraded.invoice()),
            // Not asked for: too old, and of a type without effect.
            event("evt_old", "customer.subscription.deleted", now() - 31 * 86_400, run_1.object()),
            event("evt_product", "product.created", now(), json!({})),
        ], 2);
        stripe.store("/v1/subscriptions/sub_1", upgraded.object());
        let output = run(&app, &stripe, &[]).await;
        assert_eq!((output.code, output.text), (Some(0), summary([2, 1, 0], [0, 1, 0, 0])));
        assert_eq!(output.errors, "events: 3\nsubscriptions: 1 of 1\n");
        assert_eq!(record(&client).await[0], "BUSINESS");
        let requests = stripe.requests();
        let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, ["/v1/events", "/v1/events", "/v1/subscriptions/sub_1"]);
        assert_eq!(requests[1].form["starting_after"], "evt_up");
        assert!(requests.iter().all(|request| request.version == "2025-03-31.basil"));
        let again = run(&app, &stripe, &[]).await;
        assert_eq!((again.code, again.text), (Some(0), summary([0, 3, 0], [0, 1, 0, 0])));
        assert_eq!(app.count("stripe_events"), 3);
        assert_eq!(app.count("audit_log WHERE actor_id = 'cli' AND procedure = 'webhooks.reconcile'"), 1);
    }

    // The import wrote customers and subscriptions without a state.
    async fn the_state_of_imported_subscriptions_is_asked_for(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        for (user, days) in [("known", 400), ("ended", 400), ("unlisted", 400), ("lost", 400)] {
            app.customer(user, "PRO", hours_ago(24 * days));
            app.execute(&format!(
                "UPDATE customers SET stripe_customer_id = 'cus_{user}', stripe_subscription_id = 'sub_{user}'
                 WHERE auth_user_id = '{user}'"
            ));
            if user != "unlisted" {
                app.execute(&format!(
                    "INSERT INTO stripe_subscriptions (id, stripe_customer_id, auth_user_id)
                     VALUES ('sub_{user}', 'cus_{user}', '{user}')"
                ));
            }
        }
        let state = |user: &'static str, id: &'static str, status: &'static str| {
            let mut object = Subscription { id, status, price: BUSINESS, ..running(user) }.object();
            object["metadata"] = json!({});
            stripe.store(&format!("/v1/subscriptions/{id}"), object);
        };
        state("known", "sub_known", "active");
        state("ended", "sub_ended", "canceled");
        state("unlisted", "sub_unlisted", "active");
        let output = run(&app, &stripe, &[]).await;
        assert!(output.text.starts_with("sub_lost: gone: "), "{}", output.text);
        assert!(output.text.ends_with(&summary([0, 0, 0], [3, 0, 1, 0])), "{}", output.text);
        assert_eq!(output.code, Some(0));
        assert_eq!(record(&app.user("known")).await, json!(["BUSINESS", "cus_known", "sub_known", BUSINESS]));
        assert_eq!(record(&app.user("ended")).await, json!(["FREE", "cus_ended", null, null]));
        assert_eq!(record(&app.user("unlisted")).await[0], "BUSINESS");
        assert_eq!(record(&app.user("lost")).await[0], "PRO", "what is stored stays");
        app.user("known").create("web", "BUSINESS").await;
        assert_eq!(app.count("stripe_events WHERE kind = 'reconcile.subscription' AND processed_at IS NOT NULL"), 3);
        let again = run(&app, &stripe, &[]).await;
        // The one that has ended is not asked for again.
        assert!(again.text.ends_with(&summary([0, 0, 0], [0, 2, 1, 0])), "{}", again.text);
    }

    // Stripe's answer is newer than a late event, and older than an event of the same second.
    async fn a_newer_state_never_goes_back(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        let upgraded = Subscription { price: BUSINESS, ..running("user_1") };
        let ahead = event("evt_ahead", "customer.subscription.updated", now() + 60, upgraded.object());
        assert_eq!(client.tell(&ahead).await, 200);
        stripe.list([event("evt_late", "customer.subscription.updated", now() - 10, running("user_1").object())], 9);
        stripe.store("/v1/subscriptions/sub_1", running("user_1").object());
        let output = run(&app, &stripe, &[]).await;
        assert_eq!((output.code, output.text), (Some(0), summary([1, 0, 0], [0, 1, 0, 0])));
        assert_eq!(record(&client).await[0], "BUSINESS");
        // The other way round: the state that Stripe was asked for is kept when an older event arrives.
        app.execute(&format!("UPDATE stripe_subscriptions SET event_created_at = {}", literal(hours_ago(1))));
        assert_eq!(run(&app, &stripe, &[]).await.text, summary([0, 1, 0], [1, 0, 0, 0]));
        assert_eq!(record(&client).await[0], "PRO");
        let late = event("evt_later", "customer.subscription.updated", now() - 100, upgraded.object());
        assert_eq!(client.tell(&late).await, 200);
        assert_eq!(record(&client).await[0], "PRO");
        let next = event("evt_next", "customer.subscription.updated", now(), upgraded.object());
        assert_eq!(client.tell(&next).await, 200);
        assert_eq!(record(&client).await[0], "BUSINESS");
    }

    async fn a_dry_run_reports_the_same_and_changes_nothing(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        let upgraded = Subscription { price: BUSINESS, ..running("user_1") };
        stripe.list([event("evt_up", "customer.subscription.updated", now() - 9, upgraded.object())], 9);
        stripe.store("/v1/subscriptions/sub_1", upgraded.object());
        let rows = |table: &str| app.count(table);
        let before = (rows("stripe_events"), rows("audit_log"));
        let output = run(&app, &stripe, &["--dry-run", "--json"]).await;
        let report: Value = serde_json::from_str(&output.text).unwrap();
        assert_eq!(report, json!({
            "dryRun": true, "events": {"new": 1, "known": 0, "failed": 0},
            "subscriptions": {"changed": 1, "unchanged": 0, "gone": 0, "failed": 0}, "problems": [],
        }));
        assert_eq!((output.code, (rows("stripe_events"), rows("audit_log"))), (Some(0), before));
        assert_eq!(record(&client).await[0], "PRO");
        let text = run(&app, &stripe, &["--dry-run"]).await.text;
        assert_eq!(text, summary([1, 0, 0], [1, 0, 0, 0]) + "nothing was changed (--dry-run)\n");
    }

    async fn a_failure_ends_with_status_1_after_the_rest_is_done(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        let unknown = Subscription { id: "sub_0", price: "price_new", ..running("user_1") };
        let upgraded = Subscription { price: BUSINESS, ..running("user_1") };
        app.execute("INSERT INTO stripe_subscriptions (id, auth_user_id) VALUES ('sub_0', 'user_1')");
        stripe.list([event("evt_bad", "customer.subscription.updated", now() - 9, unknown.object())], 9);
        stripe.store("/v1/subscriptions/sub_0", unknown.object());
        stripe.store("/v1/subscriptions/sub_1", upgraded.object());
        // Busy, and then a broken connection: both are tried again.
        stripe.inject([Fault::Busy(0), Fault::Disconnect]);
        for attempts in 1..=2 {
            let output = run(&app, &stripe, &[]).await;
            assert_eq!(output.code, Some(1));
            assert!(output.errors.ends_with("error: 2 failed; the rest was done\n"), "{}", output.errors);
            let lines: Vec<&str> = output.text.lines().collect();
            assert!(lines[0].starts_with("evt_bad: FAILED: ") && lines[0].contains("price_new"), "{lines:?}");
            assert!(lines[1].starts_with("sub_0: FAILED: ") && lines[1].contains("price_new"), "{lines:?}");
            assert_eq!(record(&client).await[0], "BUSINESS");
            // The same failure is one entry, however often the command runs.
            assert_eq!(app.count(&format!("stripe_events WHERE processed_at IS NULL AND attempts = {attempts}")), 2);
        }
    }

    // As after an import of the user of a subscription that was there before.
    async fn a_state_that_the_record_lacks_is_applied_although_it_is_known(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        app.execute("UPDATE customers SET plan = 'FREE', stripe_subscription_id = NULL, stripe_price_id = NULL");
        stripe.store("/v1/subscriptions/sub_1", running("user_1").object());
        assert_eq!(run(&app, &stripe, &[]).await.text, summary([0, 0, 0], [1, 0, 0, 0]));
        assert_eq!(record(&client).await, json!(["PRO", "cus_user_1", "sub_1", PRO]));
        assert_eq!(run(&app, &stripe, &[]).await.text, summary([0, 0, 0], [0, 1, 0, 0]));
    }

    async fn a_known_subscription_that_is_ignored_is_listed(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        subscribed(&app, "user_1").await;
        app.execute(
            "UPDATE stripe_subscriptions SET id = 'sub_other', status = 'incomplete', price_id = 'price_add_on';
             UPDATE customers SET stripe_subscription_id = NULL, plan = 'FREE', stripe_price_id = NULL"
        );
        let mut other = Subscription { id: "sub_other", price: "price_add_on", ..running("user_1") }.object();
        other["metadata"] = json!({});
        stripe.store("/v1/subscriptions/sub_other", other);
        for why in ["it is about something else that the account sells", "this state was ignored before"] {
            let output = run(&app, &stripe, &[]).await;
            let expected = format!("sub_other: ignored: {why}\n{}", summary([0, 0, 0], [0, 1, 0, 0]));
            assert_eq!((output.code, output.text), (Some(0), expected));
        }
    }

    async fn what_cannot_be_asked_is_reported_without_the_key(builder: Builder) {
        let (app, stripe) = with_billing(builder).await;
        let client = subscribed(&app, "user_1").await;
        let upgraded = Subscription { price: BUSINESS, end: fixed_now() + 2 * MONTH, ..running("user_1") };
        stripe.store("/v1/subscriptions/sub_1", upgraded.object());
        stripe.inject([Fault::Status(403)]);
        let output = run(&app, &stripe, &[]).await;
        assert_eq!(output.code, Some(1));
        assert!(output.text.starts_with("events: FAILED: Stripe answered with status 403, ") && output.text.ends_with(&summary([0, 0, 1], [1, 0, 0, 0])), "{}", output.text);
        assert!(!(output.text + &output.errors).contains("sk_test"));
        assert_eq!(record(&client).await[0], "BUSINESS");
        let without = [("DATABASE_URL", app.database.url.as_str())];
        let output = Process::run(app.database.folder.path(), &["webhooks", "reconcile"], &without);
        assert!(String::from_utf8(output.stderr).unwrap().contains("STRIPE_SECRET_KEY"));
        assert_eq!(output.status.code(), Some(1));
    }
}
