//! Answers that are lost at random: every mutation is made exactly once.

use std::env;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, Raw, TestApp, both_databases};

/// Mutations on each database; `IDEMPOTENT_MUTATIONS` sets another number.
const MUTATIONS: usize = 2_000;
/// Users at a time.
const USERS: usize = 20;

/// Sends a mutation until its answer arrives, and returns it.
async fn insist(user: &Client, dice: &mut StdRng, key: &str, method: &str, params: &Value) -> Value {
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params, "idempotencyKey": key}).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        user.token.as_ref().unwrap(),
        body.len(),
    );
    loop {
        match dice.random_range(0..4) {
            // The connection is lost before the answer.
            0 => Raw::open(&user.url).await.send(&request).await,
            // The answer is lost.
            1 => drop(user.send(body.clone()).await),
            _ => {
                let answer = user.send(body.clone()).await.text().await.unwrap();
                let answer: Value = serde_json::from_str(&answer).unwrap();
                // A busy machine may take too long, and then a client asks again.
                let code = answer["error"]["data"]["code"].as_str();
                if !matches!(code, Some("TIMEOUT" | "SERVICE_UNAVAILABLE")) {
                    return answer;
                }
            }
        }
    }
}

/// Creates and deletes a cluster in turn. Whatever was made twice would be refused: the plan is taken, or the cluster is
/// gone.
async fn alternate(user: Client, seed: u64, mutations: usize) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut id = Value::Null;
    for number in 0..mutations {
        let (method, params) = match number % 2 {
            0 => ("k8s.create", json!({"name": format!("c-{number}"), "location": "eu"})),
            _ => ("k8s.delete", json!({"id": id})),
        };
        let answer = timeout(PATIENCE, insist(&user, &mut dice, &format!("{number}"), method, &params)).await.unwrap();
        assert_eq!(answer["result"]["success"], true, "seed {seed}, {method} {number}: {answer}");
        id = answer["result"]["id"].clone();
    }
}

both_databases! {
    async fn mutations_whose_answers_are_lost_are_made_once(app: TestApp) {
        let mutations = env::var("IDEMPOTENT_MUTATIONS").map_or(MUTATIONS, |number| number.parse().unwrap());
        let each = mutations / USERS;
        let first_seed: u64 = rand::random();
        let users: Vec<Client> = (0..USERS).map(|number| app.member(&format!("user_{number}"))).collect();
        let running = (first_seed..).zip(users).map(|(seed, user)| tokio::spawn(alternate(user, seed, each)));
        join_all(running).await.into_iter().for_each(Result::unwrap);
        let made = |rows: &str| usize::try_from(app.count(rows)).unwrap();
        assert_eq!(made("audit_log"), each * USERS);
        assert_eq!(made("stored_answers"), each * USERS);
        assert_eq!(made("k8s_cluster_configs"), each.div_ceil(2) * USERS);
    }
}
