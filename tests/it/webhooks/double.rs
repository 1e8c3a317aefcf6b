//! A user with two subscriptions that Stripe charges for.

use serde_json::{Value, json};

use super::{running, subscribed};
use crate::support::{
    BUSINESS, Builder, PRO, Process, Subscription, WEBHOOK_SECRET, all, both_databases, event, eventually, now,
};

const WHY: &str = "the user has 2 running subscriptions: [\"sub_1\", \"sub_2\"]";

both_databases! {
    async fn two_running_subscriptions_are_shown_to_admins_and_counted(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let second = Subscription { id: "sub_2", price: BUSINESS, ..running("user_1") };
        let begun = event("evt_2", "customer.subscription.created", now(), second.object());
        assert_eq!(client.tell(&begun).await, 200);
        let admin = app.admin();
        let listed = admin.call("admin.webhookEvents", json!({})).await;
        assert_eq!(all(&listed["items"], "error"), [&json!(WHY), &Value::Null]);
        assert!(listed["items"][0]["processedAt"].is_string());
        let metrics = client.http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("clusterdesk_stripe_events_total{outcome=\"double\"} 1"), "{metrics}");
        let settings = [("DATABASE_URL", app.database.url.as_str())];
        let output = Process::run(app.database.folder.path(), &["webhooks", "list"], &settings);
        assert!(String::from_utf8(output.stdout).unwrap().contains(WHY));
        // One that is past due is charged as well, and one that has ended is not.
        for (number, status, errors) in [(3, "past_due", 1), (4, "unpaid", 1), (5, "canceled", 0)] {
            let state = Subscription { status, ..second.clone() }.object();
            let id = format!("evt_{number}");
            assert_eq!(client.tell(&event(&id, "customer.subscription.updated", now() + number, state)).await, 200);
            assert_eq!(app.count(&format!("stripe_events WHERE id = '{id}' AND error IS NOT NULL")), errors, "{status}");
        }
    }

    async fn two_running_subscriptions_are_logged(builder: Builder) {
        let app = builder.with_stripe().start().await;
        subscribed(&app, "user_1").await;
        let settings = [
            ("DATABASE_URL", app.database.url.as_str()),
            ("BOOTSTRAP_ADMIN", "off"),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("STRIPE_PRO_MONTHLY_PRICE_ID", PRO),
        ];
        let server = Process::serve(app.database.folder.path(), &settings);
        let second = Subscription { id: "sub_2", ..running("user_1") };
        let begun = event("evt_2", "customer.subscription.created", now(), second.object());
        assert_eq!(server.client("").tell(&begun).await, 200);
        let is_named = |line: &str| ["a user pays twice", "evt_2", "sub_1", "sub_2"].iter().all(|part| line.contains(part));
        eventually(async || server.log().lines().any(is_named)).await;
    }
}
