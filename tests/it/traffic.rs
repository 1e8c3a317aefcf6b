//! `admin.traffic`: the calls of the last hour.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, assert_moment, both_databases};

/// The sum of a list of numbers.
fn sum(numbers: &Value) -> u64 {
    numbers.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).sum()
}

fn entry<'a>(traffic: &'a Value, procedure: &str) -> Option<&'a Value> {
    traffic["procedures"].as_array().unwrap().iter().find(|entry| entry["procedure"] == procedure)
}

async fn of(admin: &Client, procedure: &str) -> Value {
    admin.call("admin.traffic", json!({"procedure": procedure})).await
}

both_databases! {
    async fn calls_and_errors_are_counted_by_procedure(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        for _ in 0..3 {
            user.call("k8s.list", Value::Null).await;
        }
        user.fail("NOT_FOUND", "k8s.get", json!({"id": 1})).await;
        user.fail("NOT_FOUND", "no.such", json!({})).await;
        let traffic = admin.call("admin.traffic", Value::Null).await;
        let lists = ["at", "calls", "errors", "p50Ms", "p99Ms"];
        assert_eq!(lists.map(|list| traffic[list].as_array().unwrap().len()), [60; 5]);
        traffic["at"].as_array().unwrap().iter().for_each(assert_moment);
        assert_eq!((sum(&traffic["calls"]), sum(&traffic["errors"])), (5, 2));
        let known = ["k8s.list", "k8s.get", "unknown"].map(|name| entry(&traffic, name).unwrap());
        assert_eq!(known.map(|entry| (&entry["calls"], &entry["errors"])), [
            (&json!(3), &json!(0)),
            (&json!(1), &json!(1)),
            (&json!(1), &json!(1)),
        ]);
        assert_eq!(traffic["procedures"][0]["procedure"], "k8s.list", "those with the most calls first");
        assert!(known[0]["p50Ms"].as_f64().unwrap() > 0.0 && known[0]["p50Ms"].as_f64() <= known[0]["p99Ms"].as_f64());
        // A minute has times if and only if it has calls.
        for minute in 0..60 {
            let has_calls = traffic["calls"][minute] != 0;
            assert_eq!([&traffic["p50Ms"][minute], &traffic["p99Ms"][minute]].map(Value::is_number), [has_calls; 2]);
        }
        assert!(entry(&admin.call("admin.traffic", Value::Null).await, "admin.traffic").is_some());
    }

    async fn the_lines_can_be_those_of_one_procedure(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        user.call("k8s.list", Value::Null).await;
        user.call("k8s.count", Value::Null).await;
        let traffic = of(&admin, "k8s.count").await;
        assert_eq!((sum(&traffic["calls"]), traffic["procedures"].as_array().unwrap().len()), (1, 2));
        assert_eq!(sum(&of(&admin, "user.me").await["calls"]), 0);
        assert_eq!(of(&admin, "user.me").await["p50Ms"], json!(vec![Value::Null; 60]));
        assert_eq!(sum(&of(&admin, "k8s.getClusters").await["calls"]), 1, "an old name");
        let refused = admin.fail("BAD_REQUEST", "admin.traffic", json!({"procedure": "no.such"})).await;
        assert_eq!(refused.issues(), ["procedure: invalid_value"]);
    }

    async fn fewer_minutes_can_be_asked_for(app: TestApp) {
        let admin = app.admin();
        for minutes in [1, 5, 60] {
            let traffic = admin.call("admin.traffic", json!({"minutes": minutes})).await;
            assert_eq!(traffic["at"].as_array().unwrap().len(), minutes);
        }
        for minutes in [0, 61] {
            admin.fail("BAD_REQUEST", "admin.traffic", json!({"minutes": minutes})).await;
        }
    }
}
