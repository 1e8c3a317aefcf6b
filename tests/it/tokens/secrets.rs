//! Secrets do not appear in the log.

use serde_json::json;

use super::{fixture, sign};
use crate::support::{Process, SECRET, Signal, Socket, claims, hs256};

/// Makes various calls with various tokens. Returns the parts of the tokens that must not be logged.
async fn call_with_everything(server: &Process) -> Vec<String> {
    let api = std::fs::read_to_string(server.folder.join("data/admin-token")).unwrap().trim().to_owned();
    let mut expired = claims("expired");
    expired["exp"] = json!(1);
    let mut tokens = vec![
        api.clone(),
        format!("{}x", &api[..39]),
        hs256(&claims("user_1")),
        hs256(&expired),
        sign("ed", None, &claims("user_2")),
        "not-a-token-but-somebodys-password".to_owned(),
    ];
    for token in &tokens {
        let client = server.client(token);
        for method in ["user.me", "admin.getStats", "k8s.count", "no.such"] {
            drop(client.try_call(method, json!({})).await);
        }
        drop(client.try_call("hello.hello", json!({"text": 7})).await);
        client.send("{").await;
        let protocols = format!("clusterdesk, bearer.{token}");
        if let Ok(mut socket) = Socket::try_open(&server.url, &[("sec-websocket-protocol", &protocols)]).await {
            socket.call("user.me", json!({})).await;
        }
        let in_the_query = format!("{}?token={token}", server.url);
        drop(client.http.post(in_the_query).body("{}").send().await);
    }
    // The secret part, without the prefix or the header.
    for token in &mut tokens {
        *token = token.split('.').next_back().unwrap().trim_start_matches("cdk_").chars().take(30).collect();
    }
    tokens
}

fn assert_silent(mut server: Process, secrets: &[String]) {
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("refused") && log.contains("user.me"), "this is not a log:\n{log}");
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn neither_tokens_nor_keys_are_logged_at_any_level() {
    for (key, value) in [("JWT_SECRET", SECRET.to_owned()), ("JWT_PUBLIC_KEY_FILE", fixture("ed_public.pem"))] {
        for format in ["pretty", "json"] {
            let folder = tempfile::tempdir().unwrap();
            let settings = [(key, value.as_str()), ("RUST_LOG", "trace"), ("LOG_FORMAT", format)];
            let server = Process::serve(folder.path(), &settings);
            let mut secrets = call_with_everything(&server).await;
            if key == "JWT_SECRET" {
                secrets.push(SECRET.to_owned());
            }
            assert_silent(server, &secrets);
        }
    }
}

#[tokio::test]
async fn the_passwords_in_urls_are_not_logged() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens there: error messages are where URLs tend to be logged.
    let jwks = "http://user:hunter2@127.0.0.1:1/jwks";
    let server = Process::serve(folder.path(), &[("JWT_JWKS_URL", jwks), ("RUST_LOG", "debug")]);
    drop(server.client(&sign("ed", Some("1"), &claims("user_1"))).try_call("user.me", json!({})).await);
    assert_silent(server, &["hunter2".to_owned()]);
}
