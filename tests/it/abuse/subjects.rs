//! User ids are compared exactly: neither tokens nor inputs are trimmed to the id of somebody else.

use serde_json::{Value, json};

use crate::support::{Client, Sql, TestApp, Wires, both_databases, catalogue, claims, hs256};

/// Inputs that would name alice if they were trimmed.
const NEARLY: [&str; 6] = ["alice ", " alice", "alice\n", "\talice", "\u{a0}alice", "alice\u{2003}"];

/// Calls a mutation on a tRPC mount and returns `error.data`.
async fn refused_by_trpc(client: &Client, path: &str, body: &Value) -> Value {
    let url = format!("{}{path}", client.url);
    let request = client.http.post(url).header("content-type", "application/json").body(body.to_string());
    let response = request.bearer_auth(client.token.as_deref().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let error = &body["error"];
    error.get("json").unwrap_or(error)["data"].clone()
}

both_databases! {
    async fn an_input_with_white_space_around_an_id_acts_on_nobody(app: TestApp) {
        app.user("alice").call("user.me", json!({})).await;
        let admin = app.admin();
        let mut wires = Wires::open(admin.clone()).await;
        for id in NEARLY {
            for method in ["user.delete", "user.softDelete"] {
                let input = json!({"userId": id});
                let answer = wires.answer(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": input}).to_string());
                let data = answer.await["error"]["data"].clone();
                let plain = refused_by_trpc(&admin, &format!("trpc-plain/{method}"), &input).await;
                let superjson = refused_by_trpc(&admin, &format!("trpc/{method}"), &json!({"json": input})).await;
                for data in [data, plain, superjson] {
                    let issue = &data["issues"][0];
                    assert_eq!(data["code"], "BAD_REQUEST");
                    assert_eq!((&issue["path"], &issue["code"]), (&json!("userId"), &json!("invalid_format")), "{data}");
                }
            }
            let role = admin.fail("BAD_REQUEST", "admin.setRole", json!({"userId": id, "role": "ADMIN"})).await;
            assert_eq!(role.issues(), ["userId: invalid_format"]);
            let audit = admin.fail("BAD_REQUEST", "admin.auditLog", json!({"actorId": id})).await;
            assert_eq!(audit.issues(), ["actorId: invalid_format"]);
        }
        let users = app.connect().texts("SELECT id FROM users WHERE deleted_at IS NULL AND role = 'USER'");
        assert_eq!(users, ["alice"]);
        admin.call("user.delete", json!({"userId": "alice"})).await;
    }

    async fn a_token_with_white_space_around_its_subject_is_refused(app: TestApp) {
        for subject in NEARLY.into_iter().chain(["ali\u{7}ce", " "]) {
            let client = app.with_token(hs256(&claims(subject)));
            let refused = client.fail("UNAUTHORIZED", "user.me", json!({})).await;
            assert_eq!(
                refused.message(),
                "The token's subject (sub) must be a string of 1 to 255 characters, without white space at its ends and \
                 without control characters.",
                "{subject:?}"
            );
        }
        assert_eq!(app.connect().texts("SELECT id FROM users"), Vec::<String>::new());
    }
}

#[test]
fn every_input_that_names_a_user_is_an_identifier() {
    let mut found = 0;
    for procedure in catalogue().procedures() {
        let properties = procedure.input.document()["properties"].as_object().unwrap();
        for (name, schema) in properties {
            if matches!(name.as_str(), "userId" | "actorId" | "entityId") {
                assert_eq!(schema["format"], "identifier", "{}: {name}", procedure.name);
                found += 1;
            }
        }
    }
    assert!(found >= 10, "{found}");
}
