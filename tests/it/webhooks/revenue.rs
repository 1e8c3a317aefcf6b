//! What paid invoices bring, as `admin.series` shows it.

use serde_json::{Value, json};

use super::{running, subscribed};
use crate::support::{BUSINESS, Builder, Client, PRO, Subscription, TestApp, both_databases, event, fixed_now, now};

/// A paid invoice of a user's subscription.
fn invoice(id: &str, user: &str, price: &str, amount: i64) -> Value {
    let mut invoice = Subscription { price, ..running(user) }.invoice();
    invoice["id"] = json!(id);
    invoice["currency"] = json!("usd");
    invoice["amount_paid"] = json!(amount);
    invoice["lines"]["data"][0]["amount"] = json!(amount);
    invoice
}

/// A further line.
fn add_line(invoice: &mut Value, price: &str, amount: i64) {
    let mut line = invoice["lines"]["data"][0].clone();
    line["pricing"]["price_details"]["price"] = json!(price);
    line["amount"] = json!(amount);
    invoice["lines"]["data"].as_array_mut().unwrap().push(line);
}

async fn paid(client: &Client, id: &str, invoice: &Value) {
    assert_eq!(client.tell(&event(id, "invoice.paid", now(), invoice.clone())).await, 200);
}

/// The label and the sum of each line of the last months.
async fn revenue(app: &TestApp) -> Value {
    let from = chrono::DateTime::from_timestamp(fixed_now() as i64 - 90 * 24 * 3600, 0).unwrap();
    let input = json!({"metric": "revenue", "from": from.format("%Y-%m-%dT%H:%M:%SZ").to_string()});
    let series = app.admin().call("admin.series", input).await;
    let sum =
        |line: &Value| line["values"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).sum::<i64>();
    let lines = series["lines"].as_array().unwrap().iter();
    lines.map(|line| json!([line["label"], sum(line)])).collect()
}

both_databases! {
    async fn an_invoice_counts_once_however_often_it_is_reported(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let first = invoice("in_1", "user_1", PRO, 3000);
        for _ in 0..2 {
            paid(&client, "evt_1", &first).await;
        }
        assert_eq!(client.tell(&event("evt_2", "invoice.payment_succeeded", now(), first)).await, 200);
        assert_eq!(revenue(&app).await, json!([["PRO USD", 3000]]));
        let mut second = invoice("in_2", "user_1", BUSINESS, 99_000);
        second["currency"] = json!("eur");
        paid(&client, "evt_3", &second).await;
        let both = json!([["BUSINESS EUR", 99_000], ["PRO USD", 3000]]);
        assert_eq!(revenue(&app).await, both);
        app.admin().call("user.delete", json!({"userId": "user_1", "force": true})).await;
        assert_eq!(revenue(&app).await, both);
    }

    async fn the_month_is_that_of_the_payment(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let mut old = invoice("in_1", "user_1", PRO, 3000);
        old["status_transitions"] = json!({"paid_at": 1_767_225_599});
        paid(&client, "evt_1", &old).await;
        let input = json!({"metric": "revenue", "from": "2025-12-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"});
        let series = app.admin().call("admin.series", input).await;
        assert_eq!(series["lines"], json!([{"label": "PRO USD", "values": [3000, 0]}]));
    }

    async fn other_products_and_what_was_not_paid_do_not_count(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let mut other = invoice("in_1", "user_1", "price_other", 500);
        other["parent"]["subscription_details"]["subscription"] = json!("sub_other");
        paid(&client, "evt_1", &other).await;
        let mut mixed = invoice("in_2", "user_1", PRO, 3000);
        add_line(&mut mixed, "price_other", 500);
        mixed["amount_paid"] = json!(3500);
        paid(&client, "evt_2", &mixed).await;
        let mut discounted = invoice("in_3", "user_1", PRO, 3000);
        discounted["amount_paid"] = json!(0);
        paid(&client, "evt_3", &discounted).await;
        let mut huge = invoice("in_4", "user_1", PRO, 3000);
        huge["amount_paid"] = json!(i64::MAX);
        paid(&client, "evt_4", &huge).await;
        assert_eq!(revenue(&app).await, json!([["PRO USD", 3000]]));
    }

    async fn an_upgrade_counts_for_the_higher_plan(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let client = subscribed(&app, "user_1").await;
        let mut upgrade = invoice("in_1", "user_1", PRO, -1200);
        add_line(&mut upgrade, BUSINESS, 99_000);
        upgrade["amount_paid"] = json!(97_800);
        paid(&client, "evt_1", &upgrade).await;
        assert_eq!(revenue(&app).await, json!([["BUSINESS USD", 97_800]]));
    }

    async fn an_event_that_fails_counts_when_it_is_replayed(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let stranger = app.user("user_1");
        let mut first = invoice("in_1", "user_1", PRO, 3000);
        first["parent"]["subscription_details"]["metadata"] = json!({"userId": "user_1"});
        assert_eq!(stranger.tell(&event("evt_1", "invoice.paid", now(), first)).await, 500);
        assert_eq!(revenue(&app).await, json!([]));
        stranger.call("user.me", Value::Null).await;
        for _ in 0..2 {
            app.user("root").call("admin.replayWebhook", json!({"eventId": "evt_1"})).await;
            assert_eq!(revenue(&app).await, json!([["PRO USD", 3000]]));
        }
    }
}
